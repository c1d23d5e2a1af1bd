"""Which of many images are shown, if there is room for a few only."""

import numpy as np


def spread(length: int, count: int) -> np.ndarray:
    """Return at most `count` of the places 0 to `length` - 1, evenly spread, in order; first and last among them.

    The first images of a folder are often alike, and of one class.
    """
    return np.linspace(0, length - 1, min(count, length)).round().astype(int)
