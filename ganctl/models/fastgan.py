"""A light FastGAN, for few images: skip-layer excitation, and a discriminator that must reconstruct what it sees."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

import ganctl.layers
from ganctl.game import GanPass, Networks, Penalty, Player, Setup, discriminator, generator, mean
from ganctl.layers.resolutions import Resolutions, why_unfit
from ganctl.lazy import keras, tf
from ganctl.models import registry

_DECODED_DOUBLINGS = 2


def fastgan_players(
    networks: Networks, setup: Setup, *, reconstruction_weight: Annotated[float, Field(ge=0.0)] = 1.0
) -> list[Player]:
    """The usual two players, with a discriminator that must reconstruct real images from its features (equation 2).

    The paper uses a perceptual distance, also on random parts of large images; here it is the mean absolute difference
    of the whole image as the discriminator sees it, augmented and downsampled.

    Args:
        networks: the networks.
        setup: the experiment's settings.
        reconstruction_weight: weight of the reconstruction error in the discriminator's loss.
    """
    terms = [("d_reconstruction", reconstruction_weight, Penalty(_difference_of_real, needs="real", partial=True))]
    if setup.training.discriminator_batches == "separate":
        # On purpose, the update on generated images has a gradient of zero for the decoder; Adam's momentum still
        # moves it.
        terms.append(("d_reconstruction_fake", 0.0, Penalty(_difference_of_fake, needs="fake", partial=True)))
    return [discriminator(replace(setup, penalties=[*setup.penalties, *terms])), generator(setup)]


@registry.register(
    "fastgan",
    source="Liu et al. 2021, https://arxiv.org/abs/2101.04775, made light",
    why_unfit=why_unfit,
    players=fastgan_players,
)
def fastgan(
    image_shape: tuple[int, int, int],
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 128,
    capacity: Annotated[int, Field(ge=1, le=512)] = 16,
) -> dict[str, Any]:
    """Light pair for small data sets of square images from 16x16 to 256x256.

    The generator has one convolution with a gated linear unit for each doubling, and its last two maps (only the last
    for images of 16 to 28 pixels a side) are multiplied by factors from maps that are two to four doublings smaller.
    The discriminator halves with spectrally normalised convolutions; a small decoder reconstructs the image, in at
    most 56 pixels a side, from maps of 8 to 14. The paper's noise injection, second output size and batch-normalised
    discriminator are left out.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector.
        capacity: channels at the full resolution; doubled at each halving, up to eightfold.
    """
    resolutions, layers = Resolutions.of(*image_shape[:2]), keras.layers
    steps, channels = resolutions.steps, image_shape[2]
    latent, image = keras.Input([latent_dim], name="latent"), keras.Input(image_shape, name="image")

    def gated(maps: Any, filters: int) -> Any:
        maps = layers.Conv2D(2 * filters, 3, padding="same", use_bias=False)(maps)
        return keras.ops.glu(layers.BatchNormalization()(maps))

    widest = resolutions.channels(capacity, steps)
    maps = layers.Dense(2 * resolutions.base_pixels * widest, use_bias=False)(latent)
    maps = layers.Reshape((*resolutions.base, 2 * widest))(maps)
    maps = keras.ops.glu(layers.BatchNormalization()(maps))
    sizes, distance = [maps], min(4, max(2, steps - 1))
    for doubling in range(1, steps + 1):
        maps = gated(layers.UpSampling2D()(maps), resolutions.channels(capacity, steps - doubling))
        if doubling >= max(distance, steps - 1):
            maps = ganctl.layers.SkipLayerExcitation()(maps, sizes[doubling - distance])
        sizes.append(maps)
    maps = layers.Cropping2D(resolutions.cropping)(maps)
    generated = layers.Conv2D(channels, 3, padding="same", activation="tanh", dtype="float32")(maps)

    maps = small = image
    for level in range(1, steps + 1):
        maps = ganctl.layers.SpectralConv2D(resolutions.channels(capacity, level), 4, 2, padding="same")(maps)
        maps = layers.LeakyReLU(0.2)(maps)
        if level == steps - 1:
            small = maps
    score = ganctl.layers.SpectralDense(1, dtype="float32")(layers.Flatten(dtype="float32")(maps))
    for doubling in range(min(_DECODED_DOUBLINGS, steps - 1)):
        small = gated(layers.UpSampling2D()(small), max(capacity, resolutions.channels(capacity, steps - 2 - doubling)))
    halvings = steps - 1 - min(_DECODED_DOUBLINGS, steps - 1)
    surplus = [made - -(-side // 2**halvings) for made, side in zip(small.shape[1:3], image_shape[:2], strict=True)]
    small = layers.Cropping2D(((0, surplus[0]), (0, surplus[1])))(small)
    drawn_again = layers.Conv2D(channels, 3, padding="same", activation="tanh", dtype="float32")(small)
    return {
        "generator": keras.Model(latent, generated, name="generator"),
        "discriminator": keras.Model(image, [score, drawn_again], name="discriminator"),
    }


def _difference_of_real(batch: GanPass) -> Any:
    return _difference(batch.augmented(batch.real, "real"), batch.real_verdict[1])


def _difference_of_fake(batch: GanPass) -> Any:
    return _difference(batch.augmented(batch.fake, "fake"), batch.fake_verdict[1])


def _difference(images: Any, drawn_again: Any) -> Any:
    """Mean absolute difference of images [N, H, W, C], downsampled, and what was drawn of them [N, h, w, C]."""
    while images.shape[1] > drawn_again.shape[1]:
        images = tf.nn.avg_pool2d(images, 2, 2, "SAME")
    return mean(tf.abs(images - drawn_again))
