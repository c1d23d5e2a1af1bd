"""Writes what the laboratory found into docs/doctor.md: the table, and a picture of each finding."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.doctor import tables
from benchmarks.doctor.laboratory import Laboratory
from benchmarks.doctor.sicknesses import Case
from ganctl.diagnosis.doctor import all_rules
from ganctl.diagnosis.findings import Finding
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series

BEGIN, END = "<!-- table: written by python -m benchmarks.doctor --write -->\n", "<!-- end of table -->\n"
COLOURS = 64
"""Of a picture: a page with one for each finding has to stay small."""


def write_table(page: Path, command: str, results: tables.Results) -> None:
    """Replace the table between the marks in a page."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}{table(command, results)}{END}{after}", "utf-8")


def table(command: str, results: tables.Results) -> str:
    """Return the confusion table as Markdown, with the command that prints it, and what is missed in words."""
    healthy = sum(case.sickness is None for case in results)
    rows = [
        "| finding | right | missed | false | precision | recall | delay | cured |",
        "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for row in tables.rows(results):
        cures = f"{sum(row.cures)} of {len(row.cures)}" if row.cures else ""
        shares = [f"{value:.2f}" if value == value else "" for value in (row.precision, row.recall)]
        delay = f"{row.delay:.0%}" if row.delay == row.delay else ""
        rows.append(
            "| " + " | ".join([row.name, *map(str, (row.right, row.missed, row.false)), *shares, delay, cures]) + " |"
        )
    alarms = "; ".join(f"`{each}`" for each in tables.false_alarms(results)) or "none"
    told = [
        f"`{command}`: {len(results) - healthy} sick runs and {healthy} healthy ones.",
        "\n".join(rows),
        f"Warnings and serious findings in healthy runs: {alarms}.",
        "\n".join(f"- {each}." for each in tables.shortfalls(results)) or "No target is missed.",
    ]
    return "\n\n".join(told) + "\n"


def draw_all(laboratory: Laboratory, cases: Sequence[Case], folder: Path) -> None:
    """Draw a picture of each finding, from the first kept run in which its sickness was made and found.

    What each picture shows stands in shown.json beside them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = laboratory.results(cases)
    shown: dict[str, Mapping[str, object]] = {}
    for name in all_rules():
        for case, result in results.items():
            if case.sickness and case.sickness.name == name and name in result.all_names:
                other = next((each for each in results if _is_healthy_twin(each, case)), None)
                found = laboratory.finding(case, name)
                path = folder / f"{name}.png"
                path.write_bytes(_picture(laboratory, case, other, found))
                shown[name] = {"case": case.name, "curve": found.found.curve, "says": found.found.says}
                break
    (folder / "shown.json").write_text(json.dumps(shown, indent=1) + "\n", "utf-8")


def _is_healthy_twin(healthy: Case, sick: Case) -> bool:
    return healthy.sickness is None and (healthy.base, healthy.source) == (sick.base, sick.source)


def _picture(laboratory: Laboratory, case: Case, other: Case | None, found: Finding) -> bytes:
    """Return a PNG: grids of a sick and a healthy run, and the curve that shows the finding in both, if one does."""
    import matplotlib.figure

    curve = found.found.curve
    runs = {"sick": case, **({"healthy": other} if other else {})}
    figure = matplotlib.figure.Figure(figsize=(9, 2.2), dpi=100, layout="constrained")
    axes = figure.subplots(1, len(runs) + bool(curve), width_ratios=[1] * len(runs) + [1.1] * bool(curve))
    for (label, each), place in zip(runs.items(), axes, strict=False):
        folder = laboratory.kept(each)
        # What no curve shows is wrong with the real images.
        grid = max(folder.samples.glob("[0-9]*.png")) if curve else folder.real_samples
        place.imshow(np.asarray(Image.open(grid).convert("RGB")), interpolation="nearest")
        place.set_title(f"{label}: {'last samples' if curve else 'real images'}", fontsize=9)
        place.axis("off")
    if curve:
        plot = axes[-1]
        for label, each in runs.items():
            series = _series(RunHistory(laboratory.kept(each)), curve)
            if series is not None:
                plot.plot(series.at, series.values, label=label, color="tab:red" if label == "sick" else "tab:gray")
        plot.axvline(found.since, color="tab:red", linestyle=":", linewidth=1)
        plot.set_title(curve, fontsize=9)
        plot.tick_params(labelsize=7)
        plot.legend(fontsize=7, frameon=False)
        plot.spines[["top", "right"]].set_visible(False)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    small = io.BytesIO()
    image = Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(small, format="png", optimize=True)
    return small.getvalue()


def _series(history: RunHistory, name: str) -> Series | None:
    """Return a column of whichever file has it."""
    for read in (history.sign, history.curve, history.score):
        try:
            return read(name)
        except Unseen:
            continue
    return None
