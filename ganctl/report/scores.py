"""The scores in metrics.csv: curves, newest and best, each with its floor or baseline."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganctl.run_folder.metrics_csv import METRICS, PROTOCOL, STATED, Metric, damaged_rows, read_metrics, title

Row = dict[str, Any]


@dataclass(frozen=True)
class Score:
    """One metric over the evaluations that measured it.

    Attributes:
        metric: the metric.
        title: its title for people.
        rows: the evaluations in which it is finite, in order.
    """

    metric: Metric
    title: str
    rows: list[Row]

    @property
    def newest(self) -> Row:
        """The latest evaluation."""
        return self.rows[-1]

    @property
    def best(self) -> Row:
        """The best evaluation, the first one in a tie."""
        return (min if self.metric.better == "lower" else max)(self.rows, key=lambda row: row[self.metric.name])

    def column(self, suffix: str = "") -> list[float | None]:
        """Return the values, or those of a column that belongs to them: `_floor`, `_baseline`, `_std`."""
        return [row.get(self.metric.name + suffix) for row in self.rows]

    def beside(self, row: Row) -> float | None:
        """Return the figure that the score is read beside in an evaluation: its floor or its baseline."""
        return row.get(self.metric.name + self.metric.beside)


@dataclass(frozen=True)
class Scores:
    """A metrics.csv.

    Attributes:
        protocol: how its scores were measured.
        scores: the metrics that were measured.
        notes: what a reader of the scores must know, in words.
    """

    protocol: dict[str, Any]
    scores: list[Score]
    notes: list[str]


def read_scores(path: Path) -> Scores:
    """Read a metrics.csv in any state; the notes say what cannot be read."""
    try:
        rows, damaged = read_metrics(path), damaged_rows(path)
    except OSError as error:
        return Scores({}, [], [f"No scores: {path.name} could not be read: {error}."])
    notes = [f"Damaged lines of {path.name}, left out: {damaged}."] if damaged else []
    if not rows:
        none = f"No scores yet: {path.name} has no evaluations." if path.exists() else _NEVER
        return Scores({}, [], [none, *notes])
    protocol = _protocol(rows[-1])
    same = {row["iteration"]: row for row in rows if _protocol(row) == protocol}
    others = [row for row in rows if _protocol(row) != protocol]
    if others:
        notes.append(f"Evaluations with another protocol, not comparable and left out: {len(others)}.")
    rows = [same[iteration] for iteration in sorted(same)]
    scores = []
    for metric in METRICS:
        known = [row for row in rows if math.isfinite(row.get(metric.name, math.nan))]
        if known:
            scores.append(Score(metric, _title(metric, str(protocol.get("features", ""))), known))
        broken = sum(metric.name in row for row in rows) - len(known)
        if broken:
            notes.append(f"Evaluations in which {metric.name} is not finite: {broken}.")
    stated = {name: rows[-1][name] for name in STATED if name in rows[-1]}
    return Scores({**protocol, **stated}, scores, notes)


_NEVER = "No scores: this run was trained without evaluation.every."


def _protocol(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in PROTOCOL if name in row}


def _title(metric: Metric, features: str) -> str:
    try:
        return title(metric, features)
    except KeyError:  # features of another version
        return f"{metric.title} ({features})" if features else metric.title
