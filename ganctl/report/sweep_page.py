"""sweep.html: the trials of a sweep in a table, the importance of keys, all scores in one plot, and the best grids."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganctl.host.files import write_atomically
from ganctl.report.panels import curve_table, panel, pictures
from ganctl.report.record import RunRecord
from ganctl.report.rendering import number, render
from ganctl.run_folder.metrics_csv import title
from ganctl.run_folder.sweep_folder import SweepRecord, Trial, TrialState

MOST_CURVES = 40
"""The most trials whose scores are plotted; more could not be told apart."""
MOST_GRIDS = 12
"""The most trials whose samples and losses are shown: the best, and the base."""
WIDTH, HEIGHT, MARGIN = 320, 170, 14
"""Of a chart, in pixels."""
_SPREAD = 20.0
"""From this ratio of the largest to the smallest score on, an axis is logarithmic."""


@dataclass(frozen=True)
class Mark:
    """A trial on a chart.

    Attributes:
        x, y: its place, in pixels.
        state: of the trial.
        label: the text that the mouse shows.
    """

    x: float
    y: float
    state: TrialState
    label: str


@dataclass(frozen=True)
class Chart:
    """The scores of all trials against the values of one key.

    Attributes:
        key: the key.
        words: its range in words.
        share: its importance; None if too few trials have finished.
        marks: the trials.
        ticks: values along the horizontal axis: place in pixels, text.
        low, high: the ends of the vertical axis, as text.
    """

    key: str
    words: str
    share: float | None
    marks: list[Mark]
    ticks: list[tuple[float, str]]
    low: str
    high: str


@dataclass(frozen=True)
class TrialRow:
    """A row of the table of trials.

    Attributes:
        trial: the trial.
        colour: the number of its colour; None if it is not plotted.
        best: its best score so far and the iteration of that score; None without scores.
        values: its values as text, in the order of the keys.
        report: the relative link to the report of its run; None if there is none.
    """

    trial: Trial
    colour: int | None
    best: tuple[float, int] | None
    values: list[str]
    report: str | None


def write_sweep_page(record: SweepRecord) -> Path:
    """Write sweep.html into the folder of the sweep; return its path."""
    shown = _in_order(record)
    colours = {trial.number: place % 8 for place, trial in enumerate(shown[:MOST_CURVES])}
    chosen = _with_pictures(record, shown)
    read = [RunRecord.read(trial.folder, MOST_GRIDS) for trial in chosen]
    objective = _title(record, read)
    panels = {"scores": _scores(record, shown, colours, objective), "curves": _losses(read, chosen, colours)}
    page = render(
        "sweep.html",
        {
            "runs": [_pictures(run, objective) for run in read],
            "panels": panels,
        },
        record=record,
        objective=objective,
        rows=[_row(record, trial, colours.get(trial.number)) for trial in shown],
        charts=[_chart(record, key) for key in record.keys],
        runs=list(zip(chosen, read, strict=True)),
        colours=colours,
        counts=_counts(record.trials),
        base=record.base_trial,
        width=WIDTH,
        height=HEIGHT,
        margin=MARGIN,
        most_grids=MOST_GRIDS,
        most_curves=MOST_CURVES,
    )
    write_atomically(record.folder.page, page)
    return record.folder.page


def _in_order(record: SweepRecord) -> list[Trial]:
    """Return the finished trials, the best first, then those that have scores, then the others."""
    ranked = record.ranked
    others = [trial for trial in record.trials if trial.score is None]
    return [*ranked, *sorted(others, key=lambda trial: (not trial.curve, trial.number))]


def _with_pictures(record: SweepRecord, shown: Sequence[Trial]) -> list[Trial]:
    """Return the trials whose samples are shown: the best ones, always with the base."""
    able = [trial for trial in shown if trial.folder.exists]
    chosen = able[:MOST_GRIDS]
    base = [trial for trial in able[MOST_GRIDS:] if trial.number == record.base]
    return [*chosen[: MOST_GRIDS - len(base)], *base]


def _pictures(run: RunRecord, objective: str) -> dict[str, Any]:
    """Return the grids of a run for the slider, each with the objective as its only score."""
    shown = pictures(run)
    for evaluation in shown["evaluations"]:
        evaluation["scores"] = [score for score in evaluation["scores"] if score["title"] == objective]
    return shown


def _title(record: SweepRecord, read: Sequence[RunRecord]) -> str:
    features = next((str(run.scores.protocol["features"]) for run in read if "features" in run.scores.protocol), "")
    try:
        return title(record.objective, features)
    except KeyError:  # no scores yet, or features of another version
        return record.objective.title


def _counts(trials: Sequence[Trial]) -> str:
    """Return the number of trials in each state, in words."""
    counts = {state: sum(trial.state is state for trial in trials) for state in TrialState}
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def _row(record: SweepRecord, trial: Trial, colour: int | None) -> TrialRow:
    choose = min if record.objective.better == "lower" else max
    best = choose(((score, iteration) for iteration, score in trial.curve.items()), default=None)
    values = [_text(trial.values[key]) if key in trial.values else "-" for key in record.keys]
    report = f"{trial.folder.path.name}/{trial.folder.report.name}" if trial.folder.report.is_file() else None
    return TrialRow(trial, colour, best, values, report)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _scores(record: SweepRecord, shown: Sequence[Trial], colours: Mapping[int, int], objective: str) -> list[Any]:
    drawn = [trial for trial in shown if trial.number in colours and trial.curve]
    tables = [
        {
            "at": list(trial.curve),
            "curves": [{"label": trial.name, "colour": colours[trial.number], "values": list(trial.curve.values())}],
        }
        for trial in drawn
    ]
    if not tables:
        return []
    scores = [score for trial in drawn for score in trial.curve.values()]
    caption = f"{record.objective.better} is better; a curve that ends early was pruned, diverged or interrupted"
    return [panel(objective, tables, caption, logarithmic=_is_spread(scores))]


def _losses(read: Sequence[RunRecord], trials: Sequence[Trial], colours: Mapping[int, int]) -> list[Any]:
    panels = []
    for name in ("d_loss", "g_loss"):
        found = [
            (run.curves, [(curve, trial.name, colours.get(trial.number, 0))])
            for run, trial in zip(read, trials, strict=True)
            for curve in run.curves.curves
            if curve.name == name
        ]
        if found:
            panels.append(panel(name, [curve_table(*table) for table in found]))
    return panels


def _is_spread(values: Sequence[float]) -> bool:
    """Whether values differ so much that a logarithmic axis shows them better; never if one is not positive."""
    return min(values) > 0 and max(values) > _SPREAD * min(values)


def _chart(record: SweepRecord, key: str) -> Chart:
    """Plot the last score of every trial that has one against the value of a key."""
    found = [
        (trial, trial.values[key], trial.score if trial.score is not None else list(trial.curve.values())[-1])
        for trial in record.trials
        if key in trial.values and (trial.score is not None or trial.curve)
    ]
    across = _Axis.of([value for _, value, _ in found], WIDTH, logarithmic=key in record.logarithmic)
    scores = [score for *_, score in found]
    upright = _Axis.of(scores, HEIGHT, logarithmic=bool(scores) and _is_spread(scores))
    marks = [
        Mark(
            across.place(value),
            HEIGHT - upright.place(score),
            trial.state,
            f"{trial.name}, {trial.state}: {key} {_text(value)}, {record.objective.title} {number(score)}",
        )
        for trial, value, score in found
    ]
    ends = (number(min(scores)), number(max(scores))) if scores else ("", "")
    return Chart(key, record.keys[key], record.importance.get(key), marks, across.ticks, *ends)


@dataclass(frozen=True)
class _Axis:
    """Maps values to pixels.

    Attributes:
        low, high: the ends.
        length: in pixels, with margins at both ends.
        logarithmic: whether orders of magnitude are evenly spaced.
        names: the values themselves, if they are not numbers.
    """

    low: float
    high: float
    length: int
    logarithmic: bool
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Sequence[Any], length: int, *, logarithmic: bool) -> "_Axis":
        """Return the axis that spans these values."""
        if not all(type(value) in (int, float) for value in values):
            names = tuple(dict.fromkeys(sorted(map(_text, values))))
            return cls(0, max(1, len(names) - 1), length, False, names)
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        return cls(low, high if high > low else low + 1.0, length, logarithmic and low > 0)

    def place(self, value: Any) -> float:
        """Return the pixel of a value."""
        at = float(self.names.index(_text(value))) if self.names else float(value)
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return round(MARGIN + (self.length - 2 * MARGIN) * (at - low) / (high - low), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The labels along the axis: place in pixels, text."""
        if self.names:
            return [(self.place(name), name) for name in self.names]
        return [(self.place(end), number(end)) for end in (self.low, self.high)]
