"""The residual networks of SNGAN and of its class-conditional successor."""

from typing import Annotated, Any

from pydantic import Field

import ganctl.layers
from ganctl.game import class_input
from ganctl.layers.conditional import Conditional, is_conditional, normalisation, spectral_residual_score
from ganctl.layers.residual_blocks import down_block, up_block
from ganctl.layers.resolutions import Resolutions, why_unfit
from ganctl.lazy import keras
from ganctl.models import registry


@registry.register(
    "sngan",
    source="Miyato et al. 2018, https://arxiv.org/abs/1802.05957, appendix B.4; "
    "Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637",
    why_unfit=why_unfit,
)
def sngan(
    image_shape: tuple[int, int, int],
    num_classes: int = 0,
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 128,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
    conditional: Conditional = "auto",
) -> dict[str, Any]:
    """Residual pair with a spectrally normalised discriminator, for images from 16x16 to 256x256.

    The generator has a block for each doubling, the discriminator one for each halving and one more, then a sum over
    all positions. With classes, the generator's BatchNorm is conditional and the discriminator scores by projection.
    The widths double, as in the paper's networks for large images; the paper's for 32x32 have 256 and 128 channels
    throughout.

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
    maps = layers.Dense(resolutions.base_pixels * widest)(latent)
    maps = layers.Reshape((*resolutions.base, widest))(maps)
    for level in reversed(range(resolutions.steps)):
        maps = up_block(maps, resolutions.channels(capacity, level), layers.Conv2D, normalise)
    maps = layers.ReLU()(layers.BatchNormalization()(layers.Cropping2D(resolutions.cropping)(maps)))
    generated = layers.Conv2D(image_shape[2], 3, padding="same", activation="tanh", dtype="float32")(maps)

    maps = image
    for level in range(1, resolutions.steps + 1):
        maps = down_block(maps, resolutions.channels(capacity, level), ganctl.layers.SpectralConv2D, activate=level > 1)
    score = spectral_residual_score(maps, judged_class, num_classes)
    return {
        "generator": keras.Model([latent, generator_class] if with_classes else latent, generated, name="generator"),
        "discriminator": keras.Model([image, judged_class] if with_classes else image, score, name="discriminator"),
    }
