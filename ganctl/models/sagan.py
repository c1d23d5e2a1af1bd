"""Self-attention GAN: residual networks, spectral normalisation in both, and attention in the middle."""

from typing import Annotated, Any

from pydantic import Field

import ganctl.layers
from ganctl.game import class_input
from ganctl.layers.conditional import Conditional, is_conditional, normalisation, spectral_residual_score
from ganctl.layers.residual_blocks import down_block, up_block
from ganctl.layers.resolutions import Resolutions, why_unfit
from ganctl.lazy import keras
from ganctl.models import registry

_ATTENTIVE_BLOCK = 2


@registry.register("sagan", source="Zhang et al. 2018, https://arxiv.org/abs/1805.08318", why_unfit=why_unfit)
def sagan(
    image_shape: tuple[int, int, int],
    num_classes: int = 0,
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 128,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
    conditional: Conditional = "auto",
) -> dict[str, Any]:
    """Residual pair with self-attention and spectral normalisation in both, for images from 16x16 to 256x256.

    Attention follows the generator's second block, at maps of 16 to 28 pixels a side, and the discriminator's block
    with maps of that size, or its first block if the image itself is that small. With classes, BatchNorm is
    conditional and the discriminator scores by projection.

    Args:
        image_shape: height, width and channels.
        num_classes: number of classes of the images; 0 without labels.
        latent_dim: length of the latent vector.
        capacity: channels at the full resolution; doubled at each halving, up to eightfold.
        conditional: give both networks the class.
    """
    with_classes = is_conditional(conditional, num_classes)
    resolutions, layers = Resolutions.of(*image_shape[:2]), keras.layers
    latent, image = keras.Input([latent_dim], name="latent"), keras.Input(image_shape, name="image")
    generator_class, judged_class = (class_input(), class_input()) if with_classes else (None, None)
    normalise = normalisation(generator_class, num_classes)

    widest = resolutions.channels(capacity, resolutions.steps)
    maps = ganctl.layers.SpectralDense(resolutions.base_pixels * widest)(latent)
    maps = layers.Reshape((*resolutions.base, widest))(maps)
    for block in range(1, resolutions.steps + 1):
        maps = up_block(
            maps, resolutions.channels(capacity, resolutions.steps - block), ganctl.layers.SpectralConv2D, normalise
        )
        if block == _ATTENTIVE_BLOCK:
            maps = ganctl.layers.SelfAttention(ganctl.layers.SpectralConv2D)(maps)
    maps = layers.ReLU()(layers.BatchNormalization()(layers.Cropping2D(resolutions.cropping)(maps)))
    generated = ganctl.layers.SpectralConv2D(image_shape[2], 3, padding="same", activation="tanh", dtype="float32")(
        maps
    )

    maps = image
    for level in range(1, resolutions.steps + 1):
        maps = down_block(maps, resolutions.channels(capacity, level), ganctl.layers.SpectralConv2D, activate=level > 1)
        if level == max(1, resolutions.steps - _ATTENTIVE_BLOCK):
            maps = ganctl.layers.SelfAttention(ganctl.layers.SpectralConv2D)(maps)
    score = spectral_residual_score(maps, judged_class, num_classes)
    return {
        "generator": keras.Model([latent, generator_class] if with_classes else latent, generated, name="generator"),
        "discriminator": keras.Model([image, judged_class] if with_classes else image, score, name="discriminator"),
    }
