"""Images computed tile by tile: the tiles overlap, and a smooth window blends them without a seam.

Each tile reaches beyond its own cell by an overlap V on every side where there is a neighbour, so two neighbours share
2 V pixels. Of these, the half nearest to a tile's edge is not used from that tile: half an overlap is context only. In
between, one tile fades into the other. So a network whose receptive field is smaller than the overlap computes every
pixel that is used as it would in the whole image.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

Paint = Callable[[np.ndarray], np.ndarray]
"""A function from tiles, uint8 [n, h, w, C], to images, float32 [n, h', w', C'] in [-1, 1]."""


@dataclass(frozen=True)
class Axis:
    """How one axis of an image is cut into tiles.

    Attributes:
        length: of the image in pixels, a multiple of `step`.
        tile: length of every tile in pixels, a multiple of `step`, at most `length`.
        overlap: pixels by which a tile reaches beyond its cell, less than half of `tile`.
        step: tiles begin at its multiples.
        factor: pixels of the result for each pixel of the image; `step` times `factor` is a whole number.
    """

    length: int
    tile: int
    overlap: int
    step: int
    factor: Fraction

    @property
    def starts(self) -> list[int]:
        """Where the tiles begin; the last one ends with the image."""
        stride = max(self.step, (self.tile - 2 * self.overlap) // self.step * self.step)
        return [*range(0, self.length - self.tile, stride), self.length - self.tile]

    def scaled(self, pixels: int) -> int:
        """Return pixels of the image as pixels of the result."""
        return int(pixels * self.factor)

    def window(self, start: int) -> np.ndarray:
        """Return how much each pixel of the result of a tile counts, float32 [tile * factor], from 0 to 1."""
        places = (np.arange(self.scaled(self.tile), dtype=np.float32) + 0.5) / float(self.factor)
        weights = np.ones_like(places)
        if start > 0:
            weights *= self._risen(places)
        if start + self.tile < self.length:
            weights *= self._risen(self.tile - places)
        return weights

    def _risen(self, distance: np.ndarray) -> np.ndarray:
        """Return 0 up to half an overlap from a tile's edge, 1 from one and a half, and a smooth step in between."""
        share = np.clip((distance - self.overlap / 2) / max(self.overlap, 1), 0.0, 1.0)
        # Never quite 0: without an overlap, the pixel at the edge belongs to this tile alone.
        return np.maximum(share * share * (3.0 - 2.0 * share), np.float32(1e-6))


def paint_tiled(image: np.ndarray, rows: Axis, columns: Axis, paint: Paint, at_once: int = 1) -> np.ndarray:
    """Return what a function makes of an image, tile by tile, as uint8 [H', W', C'].

    Floating-point numbers are kept for one row of tiles at a time.

    Args:
        image: uint8 [H, W, C], of the lengths of the axes.
        rows: how the height is cut.
        columns: how the width is cut.
        paint: the function.
        at_once: how many tiles it gets.
    """
    made: np.ndarray | None = None
    starts = rows.starts
    for number, top in enumerate(starts):
        band = _band(image[top : top + rows.tile], columns, paint, at_once)
        if made is None:
            made = np.empty((rows.scaled(rows.length), *band.shape[1:]), np.uint8)
            total, weight = np.zeros_like(band), np.zeros((len(band), 1, 1), np.float32)
        window = rows.window(top)[:, np.newaxis, np.newaxis]
        band *= window
        total += band
        weight += window
        below = starts[number + 1] if number + 1 < len(starts) else rows.length
        done, place = rows.scaled(below - top), rows.scaled(top)
        made[place : place + done] = as_levels(total[:done] / weight[:done])
        for array in (total, weight):  # moved up, for the tiles below
            array[: len(array) - done] = array[done:].copy()
            array[len(array) - done :] = 0.0
    assert made is not None
    return made


def as_levels(images: np.ndarray) -> np.ndarray:
    """Return images in [-1, 1] as uint8, as `ganctl.game.inputs.to_pixels` does."""
    return np.rint((images + 1.0) * 127.5).clip(0.0, 255.0).astype(np.uint8)


def _band(strip: np.ndarray, columns: Axis, paint: Paint, at_once: int) -> np.ndarray:
    """Return what a function makes of a row of tiles [tile, W, C], blended: float32 [tile * factor, W', C']."""
    total: np.ndarray | None = None
    weight = np.zeros((columns.scaled(columns.length), 1), np.float32)
    for left, painted in _painted(strip, columns, paint, at_once):
        if total is None:
            total = np.zeros((len(painted), len(weight), painted.shape[-1]), np.float32)
        window, place = columns.window(left)[:, np.newaxis], columns.scaled(left)
        total[:, place : place + len(window)] += painted * window
        weight[place : place + len(window)] += window
    assert total is not None
    total /= weight
    return total


def _painted(strip: np.ndarray, columns: Axis, paint: Paint, at_once: int) -> Iterator[tuple[int, np.ndarray]]:
    starts = columns.starts
    for first in range(0, len(starts), at_once):
        some = starts[first : first + at_once]
        yield from zip(some, paint(np.stack([strip[:, left : left + columns.tile] for left in some])), strict=True)


def side_of(pixels: float, step: int) -> int:
    """Return the side of a square tile of at most so many pixels, in multiples of `step`."""
    return max(step, math.isqrt(int(pixels)) // step * step)
