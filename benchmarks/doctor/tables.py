"""The confusion table of the doctor, its delays and cures, and thresholds that would part sick from healthy."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.doctor.laboratory import Result
from benchmarks.doctor.sicknesses import Case
from ganctl.diagnosis.doctor import all_rules

Results = Mapping[Case, Result]
TARGETS = {"precision": 0.95, "recall": 0.9, "delay": 0.15, "cured": 0.7}
WORST_RECALL = 0.8


@dataclass(frozen=True)
class Row:
    """How well a sickness is found.

    Attributes:
        name: of the rule.
        right: sick runs in which it was found.
        missed: sick runs in which it was not.
        false: other runs in which it was found, and neither made nor a companion of what was made.
        delays: from onset to finding, as shares of the run.
        cures: of the runs that followed the first advice: whether it cured.
    """

    name: str
    right: int
    missed: int
    false: int
    delays: tuple[float, ...]
    cures: tuple[bool, ...]

    @property
    def precision(self) -> float:
        """Share of findings that are right; NaN without any."""
        return self.right / (self.right + self.false) if self.right + self.false else float("nan")

    @property
    def recall(self) -> float:
        """Share of the sick runs in which it was found; NaN without any."""
        return self.right / (self.right + self.missed) if self.right + self.missed else float("nan")

    @property
    def delay(self) -> float:
        """The median delay; NaN without any."""
        return statistics.median(self.delays) if self.delays else float("nan")

    @property
    def cured(self) -> float:
        """Share of the runs that followed the first advice and were cured; NaN without any."""
        return sum(self.cures) / len(self.cures) if self.cures else float("nan")


def row_of(name: str, results: Results) -> Row:
    """Return how well a rule's sickness is found."""
    right, false, missed, delays, cures = 0, 0, 0, [], []
    for case, result in results.items():
        found = name in result.all_names
        if case.sickness and case.sickness.name == name:
            right, missed = right + found, missed + (not found)
            if found:
                onset = case.iterations if case.sickness.at_end else case.onset
                said = max(result.first_said.get(name, case.iterations), onset)
                delays.append((said - onset) / case.iterations)
            if result.cured is not None:
                # Without an evaluation, all that is known is that the finding is gone.
                cures.append(result.cured and result.better is not False)
        elif name in result.names and not (case.sickness and name in case.sickness.companions):
            false += 1
    return Row(name, right, missed, false, tuple(delays), tuple(cures))


def rows(results: Results) -> list[Row]:
    """Return a row for each rule, and one of all of them."""
    found = [row_of(name, results) for name in all_rules()]
    together = Row(
        "all",
        sum(row.right for row in found),
        sum(row.missed for row in found),
        sum(row.false for row in found),
        tuple(delay for row in found for delay in row.delays),
        tuple(cure for row in found for cure in row.cures),
    )
    return [*found, together]


def false_alarms(results: Results) -> list[str]:
    """Return the warnings and serious findings in healthy runs, in words."""
    return [f"{case.name}: {', '.join(sorted(result.names))}" for case, result in results.items()
            if case.sickness is None and result.names]  # fmt: skip


def shortfalls(results: Results) -> list[str]:
    """Return which targets are missed, in words."""
    *each, together = rows(results)
    told = []
    for name in ("precision", "recall", "cured"):
        value = getattr(together, name)
        if np.isnan(value):
            told.append(f"{name} of all findings was not measured")
        elif value < TARGETS[name]:
            told.append(f"{name} of all findings is {value:.2f}, and should be {TARGETS[name]} or more")
    if together.delay > TARGETS["delay"]:
        told.append(
            f"the median delay is {together.delay:.0%} of the run, and should be {TARGETS['delay']:.0%} or less"
        )
    told += [
        f"recall of {row.name} is {row.recall:.2f}, and should be {WORST_RECALL} or more"
        for row in each
        if row.recall < WORST_RECALL
    ]
    return told


@dataclass(frozen=True)
class Fit:
    """The threshold that parts sick runs from others best.

    Attributes:
        name: of the rule.
        now: its threshold now.
        best: the threshold with the largest `separation`.
        separation: share of sick runs above it minus share of others above it (Youden's J).
        sick: number of sick runs.
        others: number of others, without those in which the sickness may come along.
        least: what the least sick run holds.
        greatest: what the greatest healthy run holds; NaN without one.
    """

    name: str
    now: float
    best: float
    separation: float
    sick: int
    others: int
    least: float
    greatest: float


def fits(results: Results) -> list[Fit]:
    """Return the best threshold of each rule that has a statistic and a sick run."""
    found = []
    for name, rule in all_rules().items():
        sick, others, healthy = [], [], []
        for case, result in results.items():
            if name in result.held:
                if case.sickness and case.sickness.name == name:
                    sick.append(result.held[name])
                elif not (case.sickness and name in case.sickness.companions):
                    others.append(result.held[name])
                if not case.sickness:
                    healthy.append(result.held[name])
        if sick and others and hasattr(rule.module, "THRESHOLD"):
            best, separation = part(np.array(sick), np.array(others))
            now, greatest = float(rule.module.THRESHOLD), max(healthy, default=float("nan"))
            found.append(Fit(name, now, best, separation, len(sick), len(others), min(sick), greatest))
    return found


def part(sick: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Return the threshold that parts two sets of values best, in the middle of the gap, and how well it does."""
    values = np.unique(np.concatenate([sick, others]))
    cuts = (values[1:] + values[:-1]) / 2 if len(values) > 1 else values
    gains = [(sick >= cut).mean() - (others >= cut).mean() for cut in cuts]
    best = int(np.argmax(gains))
    return float(cuts[best]), float(gains[best])
