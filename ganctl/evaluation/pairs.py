"""The samples nearest to training images, for people to judge, because a number alone is not convincing."""

import numpy as np

from ganctl.images.draw import grid
from ganctl.images.resize import scale_to_fit, to_channels

COLUMNS, ROWS = 8, 2


def nearest_pairs(
    samples: np.ndarray, reference: np.ndarray, nearest: np.ndarray, distances: np.ndarray, *, alpha: bool = False
) -> np.ndarray:
    """Return a picture of the nearest samples, each above the reference image that it is nearest to.

    Args:
        samples: uint8 [N, H, W, C].
        reference: uint8 images [M, ...]; size and number of channels are adapted to the samples.
        nearest: for each sample, the index of its nearest reference image [N].
        distances: the distance to it [N].
        alpha: the last channel is transparency.
    """
    order = np.argsort(distances, kind="stable")[: COLUMNS * ROWS]
    size, channels = samples.shape[1:3], samples.shape[3]
    rows: list[np.ndarray] = []
    for start in range(0, len(order), COLUMNS):
        part = order[start : start + COLUMNS]
        others = [reference[index] for index in nearest[part]]
        if reference.shape[1:] != samples.shape[1:]:
            others = [to_channels(scale_to_fit(other, size, "squash"), channels) for other in others]
        rows += [samples[part], np.stack(others)]
    columns = min(COLUMNS, len(order))
    return grid(np.concatenate(rows), len(rows), columns, alpha=alpha)
