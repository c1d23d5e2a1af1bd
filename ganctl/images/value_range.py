"""Black and white among stored values: integers of any depth, and floats.

Networks learn levels from 0 (black) to 255 (white). Values stored as 12 bits in 16, as floats or in decibels have
another black and another white, found by looking at all images of a set or given by `dataset.value_range`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np

from ganctl.errors import DataError

Asked = Literal["auto", "percentiles"] | list[float]

BITS = (8, 10, 12, 14, 16)
"""The depths that integers may have: white is the largest value of the smallest depth that holds all of them."""
FLOATS = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
"""The (black, white) ranges of floats, narrowest first."""
OUTSIDE = 0.01
"""Floats may lie outside a range by this share of their own spread: rounding, or overshoots of a filter."""
PERCENTILES = (0.5, 99.5)
NARROW, NEARLY_ALL = 0.1, 0.99
"""If this share of the range holds this share of the values, the contrast is low."""
_VALUES_OF_AN_IMAGE = 4096
_MOST_VALUES = 2**22


@dataclass
class Observed:
    """What is known of the stored values of a set.

    Attributes:
        low: the smallest.
        high: the largest.
        some: evenly spaced values of every image, at most _MOST_VALUES in all.
    """

    low: float = np.inf
    high: float = -np.inf
    some: list[np.ndarray] = field(default_factory=list)
    _of_an_image: int = _VALUES_OF_AN_IMAGE
    _kept: int = 0

    def add(self, image: np.ndarray) -> None:
        """Look at the values of one image."""
        values = image.reshape(-1)
        if values.dtype == bool:  # NumPy's percentiles are those of numbers
            values = values.view(np.uint8)
        self.low, self.high = min(self.low, values.min().item()), max(self.high, values.max().item())
        some = values[:: -(-values.size // self._of_an_image)].copy()
        self.some.append(some)
        self._kept += some.size
        if self._kept > _MOST_VALUES and self._of_an_image > 1:
            self._of_an_image //= 2
            self.some = [each[::2].copy() for each in self.some]
            self._kept = sum(each.size for each in self.some)

    def add_all(self, images: Iterable[np.ndarray]) -> Self:
        """Look at the values of several images."""
        for image in images:
            self.add(image)
        return self

    def percentiles(self) -> tuple[float, float]:
        """Return the values at PERCENTILES."""
        low, high = np.percentile(np.concatenate(self.some), PERCENTILES)
        return float(low), float(high)


@dataclass(frozen=True)
class ValueRange:
    """The stored values that are black and white.

    Attributes:
        black: becomes 0.
        white: becomes 255.
    """

    black: float
    white: float

    def __str__(self) -> str:
        return f"{self.black:g} (black) to {self.white:g} (white)"

    def levels(self, stored: np.ndarray) -> np.ndarray:
        """Return stored values as uint8; those outside the range are black or white."""
        if stored.dtype == np.uint8 and (self.black, self.white) == (0, 255):
            return stored
        kind: Any = np.float32 if stored.dtype.itemsize <= 2 or stored.dtype == np.float32 else np.float64
        scaled = (stored.astype(kind) - self.black) * (255.0 / (self.white - self.black))
        return np.rint(np.clip(scaled, 0.0, 255.0)).astype(np.uint8)

    def stored(self, levels: Any) -> Any:
        """Return the values that levels from 0.0 to 255.0, an array or tensor of floats, stand for."""
        return self.black + levels * ((self.white - self.black) / 255.0)

    def outside(self, values: Observed) -> float:
        """Return the share of the values that lie below black or above white."""
        some = np.concatenate(values.some)
        return float(((some < self.black) | (some > self.white)).mean())


BYTES = ValueRange(0, 255)


def find_range(values: Observed, kind: str, asked: Asked, source: str) -> ValueRange:
    """Return black and white of a set; raises DataError if its values suggest none.

    Args:
        values: all that the set holds.
        kind: NumPy's kind of the stored numbers: `b`, `u`, `i` or `f`.
        asked: `dataset.value_range`.
        source: where the images come from, for messages.
    """
    if not np.isfinite(values.high - values.low):
        raise DataError(f"{source}: values from {values.low:g} to {values.high:g} are too far apart for an image.")
    if asked == "percentiles":
        low, high = values.percentiles()
        if low == high:
            raise DataError(
                f"{source}: the percentiles {PERCENTILES[0]} and {PERCENTILES[1]} of the values are both {low:g}. Set "
                "`dataset.value_range` to `[LOW, HIGH]`."
            )
        return ValueRange(low, high)
    if asked != "auto":
        black, white = asked
        return ValueRange(black, white)
    if kind == "b":
        return ValueRange(0, 1)
    if kind in "ui":
        for bits in BITS:
            if values.low >= 0 and values.high < 2**bits:
                return ValueRange(0, 2**bits - 1)
    else:
        slack = OUTSIDE * (values.high - values.low)
        for black, white in FLOATS:
            # A few values beyond a range do not make all others black in a wider one.
            fits = black - slack <= values.low and values.high <= white + slack
            if fits and (white <= 1 or values.percentiles()[1] >= NARROW * white):
                return ValueRange(black, white)
    low, high = values.percentiles()
    raise DataError(
        f"{source}: which values are black and white? Received: {values.low:g} to {values.high:g}; 99% of them are "
        f"{low:g} to {high:g}. Set `dataset.value_range` to `[{low:g}, {high:g}]`, to another range, or to "
        "`percentiles`."
    )


def low_contrast(levels: np.ndarray) -> str | None:
    """Return a warning if nearly all values of images, uint8 [N,H,W,C], lie in a tenth of the range, or None."""
    some = levels[:: -(-levels.size // _MOST_VALUES)]  # whole images, because the others may not be in memory
    counts = np.bincount(some.ravel(), minlength=256)
    width = round(256 * NARROW)
    totals = np.concatenate([[0], np.cumsum(counts)])
    most = int((totals[width:] - totals[:-width]).argmax())
    if totals[most + width] - totals[most] < NEARLY_ALL * totals[-1]:
        return None
    return (
        f"Warning: 99% of the values lie between {most} and {most + width - 1} of 255, so the images have hardly any "
        "contrast. `dataset.value_range: percentiles` spreads them."
    )
