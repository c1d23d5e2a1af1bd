"""What a proof consists of: the runs that differ in one idea, the figures of each, and what the claim says of them."""

import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

Figures = Mapping[str, float]
"""The figures of one run, or of a baseline that needs none, by name."""

_SYMBOLS: Mapping[str, Callable[[float, float], bool]] = {"<": operator.lt, ">": operator.gt}


@dataclass(frozen=True)
class Expected:
    """One line of a claim: a figure of one run compared with a number, or with a figure of another run.

    Attributes:
        figure: the name of the figure.
        of: the run that it belongs to.
        sign: `<` or `>`.
        than: a number, or the name of the other run, whose figure has the same name.
        plus: added to the other run's figure, in the figure's unit.
    """

    figure: str
    of: str
    sign: str
    than: float | str
    plus: float = 0.0

    def holds(self, runs: Mapping[str, Figures]) -> bool:
        """Return whether it is so."""
        return _SYMBOLS[self.sign](runs[self.of][self.figure], self.bound(runs))

    def bound(self, runs: Mapping[str, Figures]) -> float:
        """Return the number to compare with."""
        return self.than if isinstance(self.than, float) else runs[self.than][self.figure] + self.plus

    def __str__(self) -> str:
        if isinstance(self.than, float):
            return f"{self.figure} of {self.of} {self.sign} {self.than:g}"
        more = f" {'+' if self.plus > 0 else '-'} {abs(self.plus):g}" if self.plus else ""
        return f"{self.figure} of {self.of} {self.sign} {self.figure} of {self.than}{more}"


@dataclass(frozen=True)
class Measured:
    """What one seed gave.

    Attributes:
        runs: the figures of every run and baseline, by its name.
        rows: uint8 [N, H, W, C] of every row of the picture for the docs, by its title: the same N test images each.
        minutes: the whole measurement took.
    """

    runs: Mapping[str, Figures]
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)
    minutes: float = 0.0


@dataclass(frozen=True)
class Proof:
    """A paper's proof.

    Attributes:
        name: of the model.
        paper: authors, year and address.
        claim: what the paper says of its idea, in a sentence.
        control: what the control lacks.
        expected: the claim in figures.
        measure: trains everything with a seed in an empty folder, and measures it.
        seen: what else was seen, such as where the paper's claim does not hold here.
    """

    name: str
    paper: str
    claim: str
    control: str
    expected: Sequence[Expected]
    measure: Callable[[int, Path], Measured]
    seen: str = ""


def averaged(found: Sequence[Measured]) -> dict[str, dict[str, tuple[float, float]]]:
    """Return mean and standard deviation over seeds of every figure, by run and figure; of one seed, 0 deviation."""
    averages: dict[str, dict[str, tuple[float, float]]] = {}
    for run, figures in found[0].runs.items():
        averages[run] = {}
        for name in figures:
            values = [each.runs[run][name] for each in found]
            averages[run][name] = statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
    return averages


def means(found: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Return the mean over seeds of every figure, by run and figure."""
    return {run: {name: mean for name, (mean, _) in each.items()} for run, each in averaged(found).items()}
