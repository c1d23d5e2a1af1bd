"""Figures over several seeds, and whether two differ by more than the seeds explain."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from benchmarks.recipes import CLEARLY


@dataclass(frozen=True)
class Spread:
    """A figure over several seeds.

    Attributes:
        mean: of all.
        deviation: the standard deviation over the seeds; 0 of a single one.
        count: number of seeds.
    """

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the spread of one value or more."""
        return cls(statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0, len(values))

    def minus(self, control: "Spread") -> "Difference":
        """Return how far this is from a control."""
        error = math.sqrt(self.deviation**2 / self.count + control.deviation**2 / control.count)
        return Difference(self.mean - control.mean, error, min(self.count, control.count))

    def written(self, digits: int = 3) -> str:
        """Return mean and, of several seeds, deviation."""
        return f"{self.mean:.{digits}f}" + (f" ± {self.deviation:.{digits}f}" if self.count > 1 else "")


@dataclass(frozen=True)
class Difference:
    """A difference of two means.

    Attributes:
        value: of the difference.
        error: its standard error.
        count: seeds of the side that has fewer.
    """

    value: float
    error: float
    count: int

    @property
    def clear(self) -> bool:
        """Whether it is more than the seeds explain: CLEARLY standard errors. One seed shows nothing."""
        return self.count > 1 and abs(self.value) > CLEARLY * self.error

    def written(self, digits: int = 3) -> str:
        """Return the difference with its sign, and whether it is clear."""
        verdict = "yes" if self.clear else "no"
        return f"{self.value:+.{digits}f}, {verdict}" if self.count > 1 else f"{self.value:+.{digits}f}, one seed"
