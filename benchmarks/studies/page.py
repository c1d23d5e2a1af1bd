"""docs/notes/NAME.md: what was measured stands between two markers, and what a person says of it around them."""

import textwrap
from pathlib import Path

from benchmarks.papers.page import write_rows
from benchmarks.recipes import CONFIGS
from benchmarks.studies.bench import Bench
from benchmarks.studies.study import Report, Study

NOTES = CONFIGS.parent / "docs" / "notes"
PICTURES = NOTES.parent / "images" / "notes"
BEGIN, END = "<!-- measured: written by python -m benchmarks.studies -->\n", "<!-- end of what was measured -->\n"


def write(study: Study, report: Report, bench: Bench, seeds: int, commit: str) -> Path:
    """Put tables, picture and commands between the markers of the study's page, which is begun if there is none."""
    path = NOTES / f"{study.name}.md"
    text = path.read_text("utf-8") if path.exists() else f"# {study.title}\n\n{BEGIN}{END}"
    before, _, rest = text.partition(BEGIN)
    path.write_text(
        before + BEGIN + _measured(study, report, bench, seeds, commit) + END + rest.partition(END)[2], "utf-8"
    )
    if report.rows:
        write_rows(PICTURES / f"{study.name}.png", report.rows)
    return path


def _measured(study: Study, report: Report, bench: Bench, seeds: int, commit: str) -> str:
    lines = [table.markdown() for table in report.tables]
    if report.rows:
        titles = ", ".join(report.rows)
        lines += [
            f"![{study.title}](../images/notes/{study.name}.png)\n",
            _filled(f"Rows (seed 0, unless named): {titles}."),
        ]
    lengths = bench.iterations_of(study.recipes)
    commands = [f"    {recipe.command(lengths[recipe.name])} --seed 0" for recipe in study.recipes]
    lines += [
        f"    python -m benchmarks.studies {study.name} --seeds {seeds}\n",
        _filled(
            f"Seeds from 0 on, one core and one thread for each run, commit {commit}. "
            "These runs, with each seed, each scored by "
            f"`ganctl evaluate RUN --against {bench.against} --num {bench.num}`:"
        ),
        "\n".join(commands) + "\n",
    ]
    return "\n" + "\n".join(lines) + "\n"


def _filled(text: str) -> str:
    return textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False) + "\n"
