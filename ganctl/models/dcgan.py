"""A small convolutional pair for any size from 16 to 128."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ganctl.layers.resolutions import Resolutions, needed_sizes
from ganctl.lazy import keras
from ganctl.models import registry


@registry.register(
    "dcgan", source="Radford et al. 2015, https://arxiv.org/abs/1511.06434, made small", why_unfit=needed_sizes(16, 128)
)
def dcgan(
    image_shape: tuple[int, int, int],
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 64,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
    upsampling: Literal["transposed", "nearest"] = "transposed",
) -> dict[str, Any]:
    """Small convolutional pair for images from 16x16 to 128x128; used by the quickstart.

    The generator starts from a map of 4 to 7 pixels a side, doubles it and crops the surplus. The discriminator halves
    with strided convolutions and has no BatchNorm, so that its score of an image does not depend on the others in the
    batch.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector.
        capacity: filters at the full resolution; doubled at each halving, up to eightfold.
        upsampling: how maps are doubled. `transposed`: transposed convolutions of stride 2, as in the paper; their
            kernel of 4 covers every pixel equally often, but still starts with a grid that stays visible in photographs
            for a long time. `nearest`: nearest-neighbour upsampling and a 3x3 convolution (Odena et al. 2016,
            https://distill.pub/2016/deconv-checkerboard), which starts smooth.
    """
    channels = image_shape[2]
    layers, normal = keras.layers, keras.initializers.RandomNormal
    resolutions = Resolutions.of(*image_shape[:2])
    steps = resolutions.steps
    widths = [resolutions.channels(capacity, level) for level in range(1, steps + 1)]

    generator = keras.Sequential([keras.Input([latent_dim])], name="generator")
    generator.add(
        layers.Dense(resolutions.base_pixels * widths[-1], use_bias=False, kernel_initializer=normal(0.0, 0.02))
    )
    generator.add(layers.Reshape((*resolutions.base, widths[-1])))
    generator.add(layers.BatchNormalization())
    generator.add(layers.ReLU())
    for width in reversed([capacity, *widths[:-1]]):
        settings = {"padding": "same", "use_bias": False, "kernel_initializer": normal(0.0, 0.02)}
        if upsampling == "nearest":
            generator.add(layers.UpSampling2D())
            generator.add(layers.Conv2D(width, 3, **settings))
        else:
            generator.add(layers.Conv2DTranspose(width, 4, 2, **settings))
        generator.add(layers.BatchNormalization())
        generator.add(layers.ReLU())
    if any(map(any, resolutions.cropping)):
        generator.add(layers.Cropping2D(resolutions.cropping))
    generator.add(
        layers.Conv2D(
            channels, 3, padding="same", activation="tanh", kernel_initializer=normal(0.0, 0.02), dtype="float32"
        )
    )

    discriminator = keras.Sequential([keras.Input(image_shape)], name="discriminator")
    for width in widths:
        discriminator.add(layers.Conv2D(width, 4, 2, padding="same", kernel_initializer=normal(0.0, 0.02)))
        discriminator.add(layers.LeakyReLU(0.2))
    discriminator.add(layers.Flatten())
    discriminator.add(layers.Dense(1, dtype="float32"))
    return {"generator": generator, "discriminator": discriminator}
