"""What a study consists of: the runs it compares, and what it reports of them."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.studies.bench import Bench, Trained
from benchmarks.studies.figures import Spread
from benchmarks.studies.recipe import REFERENCE, Recipe

IN_A_ROW = 16
"""Samples of each recipe in a picture."""


@dataclass(frozen=True)
class Table:
    """Figures in rows.

    Attributes:
        title: what they say, a sentence.
        header: the name of each column.
        rows: as many cells each.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return it for a page."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        title = textwrap.fill(self.title, 110, break_long_words=False, break_on_hyphens=False)
        return f"{title}\n\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


@dataclass(frozen=True)
class Report:
    """What a study found.

    Attributes:
        tables: the figures.
        rows: uint8 [N, H, W, C] of every row of the picture, by its title.
    """

    tables: Sequence[Table]
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """A question that runs answer.

    Attributes:
        name: of its module, and of its page in docs/notes.
        title: the question.
        recipes: what is trained.
        report: makes tables of the runs of each recipe by name.
        seeds: number of seeds, unless the user asks for another.
    """

    name: str
    title: str
    recipes: Sequence[Recipe]
    report: Callable[[Bench, Mapping[str, Sequence[Trained]]], Report]
    seeds: int = 3


def spread_of(runs: Sequence[Trained], figure: str) -> Spread:
    """Return a figure of several runs."""
    return Spread.of([float(run.figures[figure]) for run in runs])


def scores_table(title: str, runs: Mapping[str, Sequence[Trained]], control: str = REFERENCE.name) -> Table:
    """Return a row of scores for each recipe, with the difference of KID to a control."""
    rows = []
    for name, found in runs.items():
        kid = spread_of(found, "kid")
        difference = "" if name == control else kid.minus(spread_of(runs[control], "kid")).written()
        rows.append(
            [
                name,
                str(len(found)),
                f"{found[0].iterations:,}",
                f"{spread_of(found, 'seconds').mean:.0f}",
                kid.written(),
                spread_of(found, "frechet_distance").written(0),
                spread_of(found, "precision").written(2),
                spread_of(found, "recall").written(2),
                difference,
            ]
        )
    header = [
        "run",
        "seeds",
        "iterations",
        "processor seconds",
        "KID",
        "FD",
        "precision",
        "recall",
        "KID minus control, clear?",
    ]
    return Table(f"{title} {floors(runs[control])}", header, rows)


def floors(runs: Sequence[Trained]) -> str:
    """Return a sentence with what as many real pictures score."""
    figures = runs[0].figures
    kid, distance = abs(figures["kid_floor"]), figures["frechet_distance_floor"]  # a KID of nearly nothing, below it
    return f"Real pictures score a KID of {kid:.3f} and an FD of {distance:.0f} (the floors)."


def first_samples(runs: Mapping[str, Sequence[Trained]]) -> dict[str, np.ndarray]:
    """Return the first samples of the first seed of each recipe."""
    return {name: found[0].samples[:IN_A_ROW] for name, found in runs.items()}
