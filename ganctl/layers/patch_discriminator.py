"""The body of a discriminator that judges each patch of an image by itself."""

from typing import Any, Literal

import ganctl.layers
from ganctl.lazy import channels_last, keras

PATCHES = (16, 34, 70, 142, 286)
"""Receptive fields in pixels with one to five convolutions of stride two: each turns the field f into 2 f + 2."""

Patch = Literal[16, 34, 70, 142, 286]
"""The user's key."""

_MOST_TIMES_WIDER = 8

Normalization = Literal["instance", "batch"]
"""The user's key: normalise each image by itself, or the whole batch."""


def normalised(maps: Any, normalization: Normalization) -> Any:
    """Return maps with instance norm or BatchNorm."""
    if normalization == "instance":
        return ganctl.layers.InstanceNormalization()(maps)
    return keras.layers.BatchNormalization(epsilon=1e-5)(maps)


def fitting_patch(height: int, width: int, wanted: int) -> int:
    """Return the largest of the possible patches that is no larger than the wanted one and than the image.

    Args:
        height: of the image in pixels.
        width: of the image in pixels.
        wanted: receptive field in pixels.
    """
    return max(patch for patch in PATCHES if patch <= max(PATCHES[0], min(wanted, height, width)))


@channels_last()
def patch_scores(maps: Any, patch: int, capacity: int, normalization: Normalization) -> Any:
    """Return scores [N, h, w, 1], each of a square patch; neighbouring patches overlap.

    Convolutions of 4x4 halve the maps until the field is reached, two more of stride one end it, with LeakyReLU(0.2)
    between them. All but the first and the last are normalised.

    Source: Isola et al. 2016, https://arxiv.org/abs/1611.07004, section 6.1.2.

    Args:
        maps: a Keras tensor: images, or images and what they belong to as further channels.
        patch: receptive field of a score in pixels a side, one of PATCHES.
        capacity: filters of the first convolution; doubled at each further one, up to eightfold.
        normalization: of the maps between.
    """
    layers, normal = keras.layers, keras.initializers.RandomNormal
    halvings = PATCHES.index(patch) + 1
    for level in range(halvings + 1):
        filters, stride = capacity * min(2**level, _MOST_TIMES_WIDER), 2 if level < halvings else 1
        maps = layers.Conv2D(
            filters, 4, stride, padding="same", use_bias=level == 0, kernel_initializer=normal(0.0, 0.02)
        )(maps)
        maps = layers.LeakyReLU(0.2)(normalised(maps, normalization) if level else maps)
    return layers.Conv2D(1, 4, padding="same", kernel_initializer=normal(0.0, 0.02), dtype="float32")(maps)
