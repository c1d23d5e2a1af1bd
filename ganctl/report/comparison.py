"""Several runs side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from ganctl.diagnosis.doctor import Examination
from ganctl.experiment.changes import by_dotted_key
from ganctl.host.files import write_atomically
from ganctl.report.panels import curve_table, panel, pictures, score_panel
from ganctl.report.record import RunRecord
from ganctl.report.rendering import number, render
from ganctl.report.scores import Score
from ganctl.run_folder.metrics_csv import METRICS, PROTOCOL, Metric
from ganctl.run_folder.paths import RunFolder


@dataclass(frozen=True)
class ScoreRow:
    """One metric in every run.

    Attributes:
        metric: the metric.
        title: its title for people.
        scores: one per run; None if it was not measured.
        comparable: whether all were measured with the same protocol.
    """

    metric: Metric
    title: str
    scores: list[Score | None]
    comparable: bool

    @property
    def winner(self) -> int | None:
        """The index of the run with the best value; None if the runs are tied or not comparable."""
        best = [(score.best[self.metric.name], run) for run, score in enumerate(self.scores) if score]
        best.sort(reverse=self.metric.better == "higher")
        if not self.comparable or len(best) < 2 or best[0][0] == best[1][0]:
            return None
        return best[0][1]


@dataclass(frozen=True)
class Comparison:
    """Several runs, each with a name that distinguishes it."""

    records: list[RunRecord]
    names: list[str]

    @classmethod
    def read(cls, folders: Sequence[RunFolder]) -> Self:
        """Read the run folders."""
        records = [RunRecord.read(folder, len(folders)) for folder in folders]
        names = [record.name for record in records]
        if len(set(names)) < len(names):
            names = [str(record.folder.path) for record in records]
        return cls(records, names)

    @cached_property
    def configuration(self) -> dict[str, list[Any]]:
        """The keys that differ between runs, with the value in each; None where a run has none."""
        flat = [by_dotted_key(record.facts.config) for record in self.records]
        values = {key: [config.get(key) for config in flat] for key in sorted(set().union(*flat))}
        return {key: found for key, found in values.items() if any(value != found[0] for value in found)}

    @cached_property
    def protocol_notes(self) -> list[str]:
        """In words, why the scores are not comparable; empty if they are."""
        notes = []
        measured = [(n, r.scores.protocol) for n, r in zip(self.names, self.records, strict=True) if r.scores.scores]
        for key in PROTOCOL:
            values = [protocol.get(key) for _, protocol in measured]
            if any(value != values[0] for value in values):
                differing = ", ".join(f"{value} in {name}" for value, (name, _) in zip(values, measured, strict=True))
                notes.append(f"The scores are not comparable: {key} is {differing}.")
        return notes

    @cached_property
    def scores(self) -> list[ScoreRow]:
        """The metrics that any run has."""
        rows = []
        for metric in METRICS:
            found = [next((s for s in record.scores.scores if s.metric == metric), None) for record in self.records]
            titles = {score.title for score in found if score}
            if titles:
                title = titles.pop() if len(titles) == 1 else metric.title
                rows.append(ScoreRow(metric, title, found, not self.protocol_notes))
        return rows

    @cached_property
    def losses(self) -> dict[str, list[float | None]]:
        """The final value of every column of losses.csv in every run: the mean of its last rows."""
        finals = [{curve.name: curve.final for curve in record.curves.curves} for record in self.records]
        names = dict.fromkeys(name for final in finals for name in final)
        return {name: [_known(final.get(name)) for final in finals] for name in names}

    def as_json(self) -> dict[str, Any]:
        """Return the whole comparison as JSON data."""
        return {
            "runs": [
                {"name": name, "path": str(record.folder.path), "iterations": record.curves.iterations}
                for name, record in zip(self.names, self.records, strict=True)
            ],
            "configuration": self.configuration,
            "protocols": [record.scores.protocol for record in self.records],
            "notes": self.protocol_notes,
            "scores": {
                row.metric.name: [score and _score_as_json(score) for score in row.scores] for row in self.scores
            },
            "losses": self.losses,
            "findings": [record.health.as_json() for record in self.records],
        }

    def write_page(self, path: Path) -> None:
        """Write the comparison as an HTML page."""
        page = render("compare.html", {"runs": [pictures(r) for r in self.records], "panels": self._panels()}, all=self)
        write_atomically(path, page)

    def _panels(self) -> dict[str, Any]:
        curves = []
        for name in self.losses:
            found = [
                (record.curves, [(curve, label, run)])
                for run, (label, record) in enumerate(zip(self.names, self.records, strict=True))
                for curve in record.curves.curves
                if curve.name == name
            ]
            logarithmic = found[0][1][0][0].panel.logarithmic
            curves.append(panel(name, [curve_table(*table) for table in found], logarithmic=logarithmic))
        scores = [
            score_panel(row.title, [(s, self.names[run], run) for run, s in enumerate(row.scores) if s])
            for row in self.scores
        ]
        return {"curves": curves, "scores": scores}

    def table(self) -> list[list[list[str]]]:
        """Return the sections of a table: rows of a name and one cell per run."""
        scores = []
        for row in self.scores:
            best = [s and f"{number(s.best[row.metric.name])} at {s.best['iteration']:,}" for s in row.scores]
            if row.winner is not None:
                best[row.winner] = f"{best[row.winner]} *"
            newest = [s and f"{number(s.newest[row.metric.name])} at {s.newest['iteration']:,}" for s in row.scores]
            scores.append([f"{row.title}, best", *(cell or "-" for cell in best)])
            scores.append(["  newest", *(cell or "-" for cell in newest)])
            scores.append([f"  {row.metric.beside_word}", *(number(s and s.beside(s.newest)) for s in row.scores)])
        return [
            [["iterations", *(f"{record.curves.iterations:,}" for record in self.records)]],
            [["findings", *(_in_brief(record.health) for record in self.records)]],
            [
                [key, *("-" if value is None else str(value) for value in found)]
                for key, found in self.configuration.items()
            ],
            scores,
            [[name, *map(number, finals)] for name, finals in self.losses.items()],
        ]


def _in_brief(health: Examination) -> str:
    """Return the findings of a run as the text of a table cell."""
    return ", ".join(f"{found.name} ({found.severity}, {found.when})" for found in health.findings) or "none"


def _score_as_json(score: Score) -> dict[str, Any]:
    name, word = score.metric.name, score.metric.beside_word
    return {
        "title": score.title,
        "better": score.metric.better,
        **{
            which: {"value": row[name], "iteration": row["iteration"], word: _known(score.beside(row))}
            for which, row in (("best", score.best), ("newest", score.newest))
        },
    }


def _known(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
