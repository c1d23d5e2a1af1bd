"""A measurement over the iterations of a run."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Series:
    """A measurement over the iterations of a run; nothing in it is NaN.

    Attributes:
        name: the name of the column, or of what was computed from columns.
        at: the iterations, ascending, float64 [N].
        values: float64 [N].
    """

    name: str
    at: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, name: str, at: np.ndarray, values: np.ndarray) -> "Series":
        """Return the series of the finite values, sorted by iteration."""
        known = np.isfinite(values) & np.isfinite(at)
        order = np.argsort(at[known], kind="stable")
        return cls(name, at[known][order], values[known][order])

    def __len__(self) -> int:
        return len(self.values)

    @property
    def newest(self) -> float:
        """The last value; NaN if there is none."""
        return float(self.values[-1]) if len(self) else math.nan

    def after(self, iteration: float) -> "Series":
        """Return the part after an iteration."""
        later = self.at > iteration
        return Series(self.name, self.at[later], self.values[later])

    def tail(self, share: float) -> np.ndarray:
        """Return the values of the last `share` of the points, at least one."""
        return self.values[len(self) - max(1, round(share * len(self))) :] if len(self) else self.values

    def head(self, share: float) -> np.ndarray:
        """Return the values of the first `share` of the points, at least one."""
        return self.values[: max(1, round(share * len(self)))]

    def mapped(self, function: Callable[[np.ndarray], np.ndarray], name: str = "") -> "Series":
        """Return the series with a function of its values; values that are not finite are left out."""
        return Series.of(name or self.name, self.at, function(self.values))

    def with_others(self, function: Callable[..., np.ndarray], *others: "Series", name: str = "") -> "Series":
        """Return a function of this series and others, at the iterations that all of them have."""
        shared = self.at
        for other in others:
            shared = np.intersect1d(shared, other.at)
        parts = [each.values[np.isin(each.at, shared)] for each in (self, *others)]
        with np.errstate(divide="ignore", invalid="ignore"):
            return Series.of(name or self.name, shared, function(*parts))

    def since(self, threshold: float, fewest: int = 2, share: float = 0.0) -> int | None:
        """Return the iteration from which all values to the last are at least `threshold`; None without such a stretch.

        A single value below does not interrupt.

        Args:
            threshold: the least value.
            fewest: the least number of points of the stretch.
            share: the least length of the stretch, as a share of all points.
        """
        above = _without_single(self.values) >= threshold
        stretch = len(self) if above.all() else int(np.argmin(above[::-1]))
        needed = max(fewest, math.ceil(share * len(self)))
        return int(self.at[len(self) - stretch]) if stretch >= needed else None


def _without_single(values: np.ndarray) -> np.ndarray:
    """Replace each inner value by the median of itself and its neighbours; too few values stay as they are."""
    if len(values) < 5:
        return values
    inner = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return np.concatenate([values[:1], inner, values[-1:]])


def binned(at: np.ndarray, values: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the last iteration and the mean of each of at most `most` groups of equal size.

    The loss of a single iteration is mostly chance. Values that are not finite are left out.
    """
    known = np.isfinite(values) & np.isfinite(at)
    at, values = at[known], values[known]
    if not len(values):
        return at, values
    size = -(-len(values) // most)
    starts = np.arange(0, len(values), size)
    counts = np.minimum(size, len(values) - starts)
    return at[np.minimum(starts + size, len(values)) - 1], np.add.reduceat(values, starts) / counts
