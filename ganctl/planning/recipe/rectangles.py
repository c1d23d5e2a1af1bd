"""The rectangles that `ganctl init` proposes where squares would lose too much of most pictures."""

import math
from collections.abc import Callable

import numpy as np

from ganctl.planning.survey.pictures import Pictures

COMMON_SHARE = 0.8
"""The share of pictures that must have nearly one shape."""
NEARLY = 1.1
"""The factor by which their ratios of width to height may differ from the median."""
MOST_LOST = 0.25
"""The share of the median picture that a centred square may lose before a rectangle is proposed."""
STEP, SHORTEST, LONGEST = 8, 16, 256
"""Pixels: sides are multiples of the first, from the second to the third."""
FEWEST_PIXELS, MOST_PIXELS = 0.5, 1.5
"""The pixels of a rectangle, relative to those of the square in whose place it is proposed."""
_WEIGHT_OF_RATIO = 2  # a wrong ratio cuts off part of every picture, other pixels only take other time


def common_ratio(pictures: Pictures) -> float | None:
    """Return the ratio of width to height of most pictures; None if they differ, or squares lose little of them."""
    if float(np.median(pictures.kept_shares)) >= 1 - MOST_LOST:
        return None
    ratios = np.log(pictures.widths / pictures.heights)
    middle = float(np.median(ratios))
    near = float(np.mean(np.abs(ratios - middle) <= math.log(NEARLY)))
    return math.exp(middle) if near >= COMMON_SHARE else None


def rectangles(
    pictures: Pictures, sizes: list[int], why_unfit: Callable[[int, int], str]
) -> dict[int, tuple[int, int]]:
    """Return the height and width in pixels to choose in place of the square of each size; empty if squares are right.

    Args:
        pictures: of all feeds.
        sizes: sides of squares, ascending.
        why_unfit: given a height and width, returns what the model needs instead, or an empty string.

    Returns:
        by size, the height and width of about as many pixels as the square that are nearest to the shape of most
        pictures. Of strips that are longer than the model makes, a larger size would show no more, only more of the
        frame or less of the length: such sizes are left out.
    """
    ratio = common_ratio(pictures)
    if ratio is None:
        return {}
    sides = range(SHORTEST, LONGEST + 1, STEP)
    fitting = [(height, width) for height in sides for width in sides if not why_unfit(height, width)]
    found: dict[int, tuple[int, int]] = {}
    nearest = math.inf
    for size in sizes:
        shape = _nearest([shape for shape in fitting if _about(shape, size)], ratio, size)
        if _off(shape, ratio) <= nearest + math.log(NEARLY):
            found[size] = shape
            nearest = min(nearest, _off(shape, ratio))
    return found


def _off(shape: tuple[int, int], ratio: float) -> float:
    """The logarithm of the factor by which a height and width miss a ratio of width to height."""
    return abs(math.log(shape[1] / shape[0] / ratio))


def _about(shape: tuple[int, int], size: int) -> bool:
    """Whether a height and width have about as many pixels as a square."""
    return FEWEST_PIXELS <= shape[0] * shape[1] / size**2 <= MOST_PIXELS


def _nearest(shapes: list[tuple[int, int]], ratio: float, size: int) -> tuple[int, int]:
    """The height and width nearest to a ratio and to the pixels of a square; the square if there are none."""

    def distance(shape: tuple[int, int]) -> float:
        return abs(math.log(shape[0] * shape[1] / size**2)) + _WEIGHT_OF_RATIO * _off(shape, ratio)

    return min(shapes, key=distance, default=(size, size))
