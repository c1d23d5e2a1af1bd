"""A small R3GAN: plain residual networks without normalisation, for the relativistic loss with R1 and R2."""

import math
from typing import Annotated, Any

from pydantic import Field

import ganctl.layers
from ganctl.game import class_input
from ganctl.layers.conditional import Conditional, is_conditional, projection_score
from ganctl.layers.resolutions import Resolutions, why_unfit
from ganctl.lazy import keras
from ganctl.models import registry

# The gain of LeakyReLU(0.2): weights scaled by it preserve the variance (He et al. 2015, equation 15).
_GAIN = math.sqrt(2.0 / (1.0 + 0.2**2))
_EXPANSION = 2


@registry.register(
    "r3gan", source="Huang et al. 2024, https://arxiv.org/abs/2501.05441, made small", why_unfit=why_unfit
)
def r3gan(
    image_shape: tuple[int, int, int],
    num_classes: int = 0,
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 64,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
    blocks: Annotated[int, Field(ge=1, le=8)] = 1,
    groups: Annotated[int, Field(ge=1, le=64)] = 4,
    conditional: Conditional = "auto",
) -> dict[str, Any]:
    """Residual pair without normalisation for images from 16x16 to 256x256; class-conditional by embedding.

    The networks mirror each other: residual blocks at every size (1x1 to twice the channels, grouped 3x3, 1x1 back),
    and between two sizes a 1x1 convolution and nearest upsampling or average pooling, where the paper has a bilinear
    filter. The last convolution of a block starts at zero and the others small, depending on the number of blocks
    (Fixup: Zhang et al. 2019), which makes normalisation unnecessary. The generator's image is a linear function of
    its last maps: no tanh, as in the authors' code.

    Args:
        image_shape: height, width and channels.
        num_classes: number of classes of the images; 0 without labels.
        latent_dim: length of the latent vector.
        capacity: channels at the full resolution; doubled at each halving, up to eightfold.
        blocks: residual blocks at each resolution; 2 in the paper.
        groups: groups of the 3x3 convolutions; reduced to a divisor of the channels where necessary.
        conditional: give both networks the class: an embedding concatenated to the latent vector, and one projected
            onto the discriminator's features.
    """
    with_classes = is_conditional(conditional, num_classes)
    resolutions, layers = Resolutions.of(*image_shape[:2]), keras.layers
    widths = [resolutions.channels(capacity, level) for level in range(resolutions.steps + 1)]
    small = _GAIN * (blocks * len(widths)) ** (-1 / 4)

    def residual(maps: Any) -> Any:
        for _ in range(blocks):
            width = maps.shape[-1]
            middle = _EXPANSION * width
            inner = layers.LeakyReLU(0.2)(layers.Conv2D(middle, 1, kernel_initializer=_drawn(small))(maps))
            inner = ganctl.layers.GroupedConvolution(
                middle, 3, math.gcd(groups, middle), kernel_initializer=_drawn(small)
            )(inner)
            inner = layers.LeakyReLU(0.2)(inner)
            inner = layers.Conv2D(width, 1, use_bias=False, kernel_initializer="zeros")(inner)
            maps = layers.Add()([maps, inner])
        return maps

    def resized(maps: Any, width: int) -> Any:
        if maps.shape[-1] == width:
            return maps
        return layers.Conv2D(width, 1, use_bias=False, kernel_initializer=_drawn(1.0))(maps)

    latent, image = keras.Input([latent_dim], name="latent"), keras.Input(image_shape, name="image")
    generator_class, judged_class = (class_input(), class_input()) if with_classes else (None, None)

    code = latent
    if generator_class is not None:
        # Initialised as by the authors, N(0, 1 / classes). Much smaller, and the class is ignored for a long time; as
        # large as the latent vector, and it drowns that out: all images of a class are the same.
        embedding = layers.Embedding(num_classes, latent_dim, embeddings_initializer=_drawn(1.0))
        embedded = layers.Flatten()(embedding(generator_class))
        code = layers.Concatenate()([latent, embedded])
    maps = layers.Dense(resolutions.base_pixels * widths[-1], kernel_initializer=_drawn(1.0))(code)
    maps = residual(layers.Reshape((*resolutions.base, widths[-1]))(maps))
    for width in reversed(widths[:-1]):
        maps = residual(layers.UpSampling2D()(resized(maps, width)))
    generated = layers.Conv2D(image_shape[2], 1, kernel_initializer=_drawn(1.0), dtype="float32")(
        layers.Cropping2D(resolutions.cropping)(maps)
    )

    maps = residual(layers.Conv2D(widths[0], 1, kernel_initializer=_drawn(1.0))(image))
    for width in widths[1:]:
        maps = residual(resized(layers.AveragePooling2D(2, padding="same")(maps), width))
    # Keras counts all channels as fan-in, but an output of a depthwise convolution sees one.
    one_channel = _drawn(math.sqrt(maps.shape[-1]))
    maps = layers.DepthwiseConv2D(resolutions.base, use_bias=False, depthwise_initializer=one_channel)(maps)
    features = layers.Activation("linear", dtype="float32")(layers.Flatten()(maps))
    score = projection_score(features, judged_class, num_classes, layers.Dense, layers.Embedding)
    return {
        "generator": keras.Model([latent, generator_class] if with_classes else latent, generated, name="generator"),
        "discriminator": keras.Model([image, judged_class] if with_classes else image, score, name="discriminator"),
    }


def _drawn(gain: float) -> Any:
    """Normal weights that multiply the standard deviation by `gain`."""
    return keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal")
