"""What a run folder holds, on one page. Reads files, never sees a live trainer, and needs no TensorFlow."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from ganctl.changes import Change, differences
from ganctl.metrics_table import FLOOR
from ganctl.report.curves import MAX_POINTS, PANELS, Curve, Curves, read_curves
from ganctl.report.facts import Facts, read_facts
from ganctl.report.grids import MAX_BYTES, Grids, read_grids
from ganctl.report.rendering import number, render
from ganctl.report.scores import Score, Scores, read_scores
from ganctl.run_folder import RunFolder, write_atomically

Json = dict[str, Any]
LOGARITHMIC = ("Gradient norms",)
# What `auto` becomes in config.yaml; elsewhere it stays as it is.
RESOLVED = ("training.precision", "training.xla")


@dataclass(frozen=True)
class RunRecord:
    """A run as its folder tells it."""

    folder: RunFolder
    name: str
    facts: Facts
    curves: Curves
    scores: Scores
    grids: Grids

    @classmethod
    def read(cls, folder: RunFolder, runs: int = 1) -> Self:
        """Read all of a run folder, as much as fits on a page of so many runs."""
        return cls(
            folder,
            folder.path.absolute().name,
            read_facts(folder),
            read_curves(folder.losses, min(MAX_POINTS, 4 * MAX_POINTS // runs)),
            read_scores(folder.metrics),
            read_grids(folder, MAX_BYTES // runs),
        )

    @property
    def progress(self) -> str:
        """How far it came."""
        planned = self.facts.value("training", "iterations")
        return f"{self.curves.iterations:,}" + (f" of {planned:,}" if isinstance(planned, int) else "") + " iterations"


def write_report(folder: RunFolder, shipped: Mapping[str, Any] | None) -> Path:
    """Write report.html and return where it is.

    Args:
        folder: the run.
        shipped: the resolved experiment that travels with ganctl under the run's name, if there is one.
    """
    record = RunRecord.read(folder)
    panels = [
        panel(title, [curve_table(record.curves, chosen)], logarithmic=title in LOGARITHMIC)
        for title in PANELS
        if (chosen := [(curve, curve.name, i) for i, curve in enumerate(_of(record.curves, title))])
    ]
    score_panels = [score_panel(score.title, [(score, score.title, 0)]) for score in record.scores.scores]
    page = render(
        "report.html",
        {"runs": [pictures(record)], "panels": {"curves": panels, "scores": score_panels}},
        record=record,
        changed=None if shipped is None else changed(shipped, record.facts.config),
        written=time.strftime("%Y-%m-%d %H:%M"),
    )
    write_atomically(folder.report, page)
    return folder.report


def changed(shipped: Mapping[str, Any], config: Mapping[str, Any]) -> list[Change]:
    """Return what a run has otherwise than the shipped file; what `auto` became is no difference that anyone made."""
    return [change for change in differences(shipped, config) if change.then != "auto" or change.key not in RESOLVED]


def _of(curves: Curves, panel_title: str) -> list[Curve]:
    return [curve for curve in curves.curves if curve.panel == panel_title]


def pictures(record: RunRecord) -> Json:
    """Return what the slider shows of a run: its grids, and the scores beside them."""
    evaluations: dict[int, list[Json]] = {}
    for score in record.scores.scores:
        for row in score.rows:
            shown = {"title": score.title, "value": number(row[score.metric.name]), "floor": number(score.floor(row))}
            evaluations.setdefault(row["iteration"], []).append(shown)
    return {
        "grids": [{"iteration": step, "picture": uri} for step, uri in record.grids.steps.items()],
        "real": record.grids.real,
        "evaluations": [{"iteration": step, "scores": evaluations[step]} for step in sorted(evaluations)],
    }


def panel(title: str, tables: Sequence[Json], caption: str = "", *, logarithmic: bool = False) -> Json:
    """Return a plot for the page: tables of curves that share their iterations."""
    return {"title": title, "caption": caption, "logarithmic": logarithmic, "tables": tables}


def curve_table(curves: Curves, chosen: Sequence[tuple[Curve, str, int]]) -> Json:
    """Return columns of a losses.csv, each with its label and colour, as a table of a plot."""
    banded = curves.rows_per_point > 1
    return {
        "at": _numbers(curves.at),
        "curves": [
            {
                "label": label,
                "colour": colour,
                "values": _numbers(curve.mean),
                **({"low": _numbers(curve.low), "high": _numbers(curve.high)} if banded else {}),
            }
            for curve, label, colour in chosen
        ],
    }


def score_panel(title: str, chosen: Sequence[tuple[Score, str, int]]) -> Json:
    """Return the plot of one metric, its floor dashed, its standard deviation as a band."""
    tables = []
    for score, label, colour in chosen:
        values, floors, deviations = score.column(), score.column(FLOOR), score.column("_std")
        curve: Json = {"label": label, "colour": colour, "values": _numbers(values)}
        if any(deviations):
            spread = np.array([deviation or 0.0 for deviation in deviations])
            curve |= {"low": _numbers(np.array(values) - spread), "high": _numbers(np.array(values) + spread)}
        drawn = [curve]
        if any(floor is not None for floor in floors):
            name = "floor" if label == title else f"{label} floor"
            drawn.append({"label": name, "colour": colour, "values": _numbers(floors), "dashed": True})
        tables.append({"at": [row["iteration"] for row in score.rows], "curves": drawn})
    caption = f"{chosen[0][0].metric.better} is better"
    if any("dashed" in curve for table in tables for curve in table["curves"]):
        caption += ", dashed: the floor"
    if any("low" in table["curves"][0] for table in tables):
        caption += ", pale: one standard deviation"
    return panel(title, tables, caption)


def _numbers(values: Any) -> list[float | None]:
    """Return values as JSON has them, with the digits that a screen can show."""
    floats = np.array([np.nan if value is None else value for value in values], float)
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in floats.tolist()]
