"""What the page draws: plots, tables of curves and the slider's pictures, as JSON."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ganctl.diagnosis.findings import Finding
from ganctl.report.curves import Curve, Curves
from ganctl.report.record import RunRecord
from ganctl.report.rendering import number
from ganctl.report.scores import Score
from ganctl.run_folder.losses_csv import Panel

Json = dict[str, Any]


def curves_of(curves: Curves, plot: Panel) -> list[Curve]:
    """Return the curves that belong on a plot."""
    return [curve for curve in curves.curves if curve.panel == plot]


def pictures(record: RunRecord) -> Json:
    """Return what the slider shows of a run: its grids, with their scores."""
    evaluations: dict[int, list[Json]] = {}
    for score in record.scores.scores:
        for row in score.rows:
            shown = {"title": score.title, "value": number(row[score.metric.name]), "beside": _beside(score, row)}
            evaluations.setdefault(row["iteration"], []).append(shown)
    return {
        "grids": [{"iteration": step, "picture": uri} for step, uri in record.grids.steps.items()],
        "real": record.grids.real,
        "evaluations": [{"iteration": step, "scores": evaluations[step]} for step in sorted(evaluations)],
    }


def _beside(score: Score, row: Json) -> str:
    """Return `floor 0.01` or `baseline 0.01`; empty if it was not measured."""
    value = score.beside(row)
    return "" if value is None else f"{score.metric.beside_word} {number(value)}"


def panel(title: str, tables: Sequence[Json], caption: str = "", *, logarithmic: bool = False) -> Json:
    """Return a plot for the page: tables of curves that share their iterations."""
    return {"title": title, "caption": caption, "logarithmic": logarithmic, "tables": tables}


def curve_table(curves: Curves, chosen: Sequence[tuple[Curve, str, int]]) -> Json:
    """Return columns of a losses.csv, each with its label and colour, as a table for a plot."""
    banded = curves.rows_per_point > 1
    return {
        "at": numbers(curves.at),
        "curves": [
            {
                "label": label,
                "colour": colour,
                "values": numbers(curve.mean),
                **({"low": numbers(curve.low), "high": numbers(curve.high)} if banded else {}),
            }
            for curve, label, colour in chosen
        ],
    }


def score_panel(title: str, chosen: Sequence[tuple[Score, str, int]]) -> Json:
    """Return the plot of one metric, with its floor or baseline dashed and its standard deviation as a band."""
    tables = []
    metric = chosen[0][0].metric
    for score, label, colour in chosen:
        values, others, deviations = score.column(), score.column(metric.beside), score.column("_std")
        curve: Json = {"label": label, "colour": colour, "values": numbers(values)}
        if any(deviations):
            spread = np.array([deviation or 0.0 for deviation in deviations])
            curve |= {"low": numbers(np.array(values) - spread), "high": numbers(np.array(values) + spread)}
        drawn = [curve]
        if any(other is not None for other in others):
            name = metric.beside_word if label == title else f"{label} {metric.beside_word}"
            drawn.append({"label": name, "colour": colour, "values": numbers(others), "dashed": True})
        tables.append({"at": [row["iteration"] for row in score.rows], "curves": drawn})
    caption = f"{metric.better} is better"
    if any("dashed" in curve for table in tables for curve in table["curves"]):
        caption += f", dashed: the {metric.beside_word}"
    if any("low" in table["curves"][0] for table in tables):
        caption += ", pale: one standard deviation"
    return panel(title, tables, caption)


def with_findings(plot: Json, findings: Sequence[Finding], columns: Collection[str]) -> Json:
    """Return a plot with the findings that one of its columns shows."""
    shown = [found for found in findings if found.found.curve in columns]
    if not shown:
        return plot
    told = [{"since": f.since, "severity": str(f.severity), "says": f"{f.title}, {f.when}"} for f in shown]
    return {**plot, "findings": told}


def numbers(values: Any) -> list[float | None]:
    """Return values as JSON numbers, with as many digits as a screen can show."""
    floats = np.array([np.nan if value is None else value for value in values], float)
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in floats.tolist()]
