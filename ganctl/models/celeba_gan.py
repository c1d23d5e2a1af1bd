"""The convolutional pair of tutorial 5."""

from typing import Annotated, Any

from pydantic import Field

from ganctl.lazy import keras
from ganctl.models import registry


def _why_unfit(height: int, width: int) -> str:
    return "" if height % 16 == width % 16 == 0 else "sizes that are multiples of 16"


@registry.register(
    "celeba_gan", source="tutorial 5: GAN-Coding Implementation, an image GAN in Keras on CelebA", why_unfit=_why_unfit
)
def celeba_gan(
    image_shape: tuple[int, int, int],
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 100,
    capacity: Annotated[int, Field(ge=1, le=512)] = 16,
    filter_size: Annotated[int, Field(ge=1, le=15)] = 5,
) -> dict[str, Any]:
    """Convolutional pair with BatchNorm in both networks, for images whose sides are multiples of 16.

    Four blocks double the generator's map (from 4x4 to the tutorial's 64x64); four halve the discriminator's.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector.
        capacity: filters at the full resolution (NET_CAPACITY); doubled at each halving, up to eightfold.
        filter_size: side of the filters (FILTER_SIZE); the generator's last convolution always has 5.
    """
    height, width, channels = image_shape
    layers = keras.layers

    discriminator = keras.Sequential([keras.Input(image_shape)], name="discriminator")
    for filters in (capacity, capacity * 2, capacity * 4, capacity * 8):
        discriminator.add(layers.Conv2D(filters, filter_size, padding="same"))
        discriminator.add(layers.BatchNormalization())
        discriminator.add(layers.Conv2D(filters, filter_size, padding="same", strides=2))
        discriminator.add(layers.BatchNormalization())
        discriminator.add(layers.LeakyReLU(0.3))
    discriminator.add(layers.GlobalAveragePooling2D())
    discriminator.add(layers.Dense(1, dtype="float32"))

    base = (height // 16, width // 16, capacity * 8)
    generator = keras.Sequential([keras.Input([latent_dim])], name="generator")
    generator.add(layers.Dense(base[0] * base[1] * base[2]))
    generator.add(layers.BatchNormalization())
    generator.add(layers.Reshape(base))
    for filters in (capacity * 4, capacity * 2, capacity, capacity):
        generator.add(layers.Conv2DTranspose(filters, filter_size, strides=2, padding="same"))
        generator.add(layers.BatchNormalization())
        generator.add(layers.LeakyReLU(0.3))
    generator.add(layers.Conv2D(channels, 5, padding="same", activation="tanh", dtype="float32"))
    return {"generator": generator, "discriminator": discriminator}
