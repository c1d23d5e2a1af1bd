"""docs/papers.md: a table, and a section for each proof, which is written again when the proof is measured again."""

import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from benchmarks.papers.proof import Measured, Proof, averaged, means
from benchmarks.recipes import CONFIGS
from ganctl.images.draw import layout, write_png

PAGE = CONFIGS.parent / "docs" / "papers.md"
PICTURES = PAGE.parent / "images" / "papers"
_WIDTH = 110
_START, _END = "<!-- table: written by python -m benchmarks.papers -->", "<!-- end of the table -->"
_VERDICT = re.compile(r"^- (.+): (yes|\*\*no\*\*), (\S+) and (\S+) \((\d+) of (\d+) seeds\)$", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """What the page says of a proof.

    Attributes:
        name: of the proof.
        text: its section in Markdown.
        rows: of its picture, uint8 [N, H, W, C] by title.
    """

    name: str
    text: str
    rows: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, proof: Proof, found: Sequence[Measured], commit: str) -> Self:
        """Return the section of a proof that was measured with one seed or several; its picture is the first seed's."""
        rows = found[0].rows
        minutes = sum(each.minutes for each in found) / len(found)
        titles = ", ".join(rows)
        lines = [
            f"## {proof.name}",
            "",
            _filled(f"{proof.paper}. {proof.claim}"),
            "",
            _filled(f"Control: {proof.control}"),
            "",
            *_table(found),
            "",
            *_verdicts(proof, found),
            "",
            *([_filled(proof.seen), ""] if proof.seen else []),
            *([f"![{proof.name}](images/papers/{proof.name}.png)", "", _filled(f"Rows: {titles}.")] if rows else []),
            "",
            f"    python -m benchmarks.papers {proof.name} --seeds {len(found)}",
            "",
            _filled(
                f"{len(found)} seed{'s' if len(found) > 1 else ''}, {minutes:.0f} minutes each on {_cores()} beside "
                f"other work, commit {commit}."
            ),
            "",
        ]
        return cls(proof.name, "\n".join(lines), rows)


def _cores() -> str:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {1: "one core", 2: "two cores"}.get(count, f"{count} cores")


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False, subsequent_indent=indent)


def number(mean: float, deviation: float) -> str:
    """Return a figure and, of several seeds, its standard deviation."""
    return f"{mean:.4g}" + (f" ± {deviation:.2g}" if deviation else "")


def _table(found: Sequence[Measured]) -> list[str]:
    averages = averaged(found)
    names = list(dict.fromkeys(name for figures in averages.values() for name in figures))
    rows = [
        [run, *(number(*figures[name]) if name in figures else "" for name in names)]
        for run, figures in averages.items()
    ]
    return [f"| {' | '.join(cells)} |" for cells in (["run", *names], ["---"] * (len(names) + 1), *rows)]


def _verdicts(proof: Proof, found: Sequence[Measured]) -> list[str]:
    averages = means(found)
    return [
        _filled(
            f"- {line}: {'yes' if line.holds(averages) else '**no**'}, "
            f"{averages[line.of][line.figure]:.4g} and {line.bound(averages):.4g} "
            f"({sum(line.holds(each.runs) for each in found)} of {len(found)} seeds)",
            indent="  ",
        )
        for line in proof.expected
    ]


def write(entry: Entry) -> None:
    """Put a section in the place of the old one, or at the end, and write its picture."""
    if entry.rows:
        write_rows(PICTURES / f"{entry.name}.png", entry.rows)
    before, sections = _sections(PAGE.read_text("utf-8"))
    sections[entry.name] = entry.text
    head, tail = before.partition(_START)[0], before.partition(_END)[2]
    table = "\n".join([_START, *summary(sections), _END])
    PAGE.write_text(f"{head}{table}{tail}" + "\n".join(sections.values()), "utf-8")


def summary(sections: Mapping[str, str]) -> list[str]:
    """Return a table with a row for each section: the first line of its claim, and how many lines of it hold.

    Args:
        sections: their texts by name.
    """
    rows = ["| paper | first line of the claim | measured | to compare | holds | of all lines | seeds |"]
    rows.append("| --- | --- | --- | --- | --- | --- | --- |")
    for name, text in sections.items():
        lines = _VERDICT.findall(re.sub(r"\n  ", " ", text))
        if lines:
            (claim, said, figure, bound, _, seeds), holding = lines[0], sum(line[1] == "yes" for line in lines)
            cells = [f"[{name}](#{name})", claim, figure, bound, said, f"{holding} of {len(lines)}", seeds]
            rows.append(f"| {' | '.join(cells)} |")
    return rows


def write_rows(path: Path, rows: Mapping[str, np.ndarray]) -> None:
    """Write rows of images, uint8 [N, H, W, C] of equal N, below each other as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = len(next(iter(rows.values())))
    write_png(path, layout(np.concatenate(list(rows.values())), len(rows), columns))


def _sections(text: str) -> tuple[str, dict[str, str]]:
    """Split the page into what stands before the first section, and the sections by name."""
    before, *rest = re.split(r"(?m)^(?=## )", text)
    return before, {part.splitlines()[0].removeprefix("## "): part.rstrip("\n") + "\n" for part in rest}
