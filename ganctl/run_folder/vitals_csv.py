"""vitals.csv, signs of a run's health, one row per sample grid: what each column means, and its only reader.

A cell is empty where its sign was not measured. As in metrics.csv, only complete lines count, and a damaged line is
skipped.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ganctl.errors import GanctlError
from ganctl.run_folder.metrics_csv import line

SIGNS: Mapping[str, str] = {
    "lite0_diversity": "effective number of different samples over their number, in Lite0 features (Friedman 2023)",
    "lite0_diversity_real": "the same of as many real images",
    "lite0_change": "mean distance to the images of the same inputs in the last row, over that between two samples",
    "pixel_diversity": "mean distance between two samples, over that between two real images, in pixels",
    "pixel_nearest": "mean distance of a sample to the nearest other one, over the same of real images, in pixels",
    "pixel_change": "as lite0_change, in pixels",
    "saturated": "share of pixels of the samples that are black or white",
    "saturated_real": "the same of real images",
    "checkerboard": "power at the finest frequencies of the samples, over that beside them",
    "checkerboard_real": "the same of real images",
    "low": "level, of 255, below which one in a hundred pixels of the samples lies",
    "high": "level above which one in a hundred lies",
    "low_real": "as low, of real images",
    "high_real": "as high, of real images",
    "latent_effect": "mean distance between samples of one class, over that between two real images",
    "class_effect": "mean distance between samples of one latent vector, over that between two real images",
    "training_gap": "mean distance between images in training and in inference mode, over that between real images",
    "score_real": "mean raw score of training images; of a discriminator that judges images alone",
    "score_held_out": "the same of held-out images",
    "score_fake": "the same of samples",
    "score_deviation": "standard deviation of the raw scores of training images",
}
"""The columns of every run after `iteration`, each with its meaning in one line."""
WEIGHT_NORM, UPDATE = "weight_norm_", "update_"
"""Prefixes of the columns of each network that learns, before its role: the norm of its weights, and the norm of what
the last iteration changed in them, as a share of the former."""


def columns_of(roles: Sequence[str]) -> list[str]:
    """Return the columns of a run whose networks of these roles learn, in the order of the file."""
    return ["iteration", *SIGNS, *(start + role for role in roles for start in (WEIGHT_NORM, UPDATE))]


@dataclass(frozen=True, eq=False)
class Vitals:
    """What a vitals.csv holds.

    Attributes:
        columns: the names in its header; none if there is no file.
        rows: float64 [rows, columns] in the order of the file; an empty cell is NaN.
    """

    columns: tuple[str, ...] = ()
    rows: np.ndarray = field(default_factory=lambda: np.empty([0, 0]))

    def column(self, name: str) -> np.ndarray:
        """Return the values of a column, float64 [rows]; NaN where the file does not have it."""
        if name not in self.columns:
            return np.full(len(self.rows), np.nan)
        return self.rows[:, self.columns.index(name)]


def read_vitals(path: Path) -> Vitals:
    """Read a vitals.csv in any state; a missing file has no rows. Raises OSError if it cannot be read."""
    if not path.is_file():
        return Vitals()
    names, rows = _content(path.read_bytes())
    return Vitals(tuple(names), np.array(rows, float).reshape(len(rows), len(names)))


def row_line(columns: Sequence[str], values: Mapping[str, float | int | None]) -> bytes:
    """Return the line of a row; a value that is None or not finite becomes an empty cell."""
    known = {name: value for name, value in values.items() if value is not None and math.isfinite(value)}
    return line(known.get(name) for name in columns).encode()


def continued(content: bytes, columns: Sequence[str], last: int) -> bytes:
    """Return the content of a vitals.csv up to iteration `last`, with these columns; the cells of new ones are empty.

    Raises:
        GanctlError: it has other columns.
    """
    header = line(columns).encode()
    if not content:
        return header
    first, *others = content.splitlines(keepends=True)
    if first == header:  # to the byte what an uninterrupted run would have written
        kept = [each for each in others if each.endswith(b"\n") and 0 <= _number(each) <= last]
        return header + b"".join(kept)
    names, rows = _content(content)
    if not set(names) <= set(columns):
        raise GanctlError("it has other columns than those that this version writes. Move it away to continue it.")
    named = [dict(zip(names, row, strict=True)) for row in rows]
    kept = [row_line(columns, {**row, "iteration": int(row["iteration"])}) for row in named if row["iteration"] <= last]
    return header + b"".join(kept)


def _content(content: bytes) -> tuple[list[str], list[list[float]]]:
    """Return the header and the rows; incomplete and damaged lines are skipped."""
    text = content.decode("utf-8", errors="replace")
    first, *lines = text[: text.rfind("\n") + 1].split("\n")
    names = first.split(",") if first else []
    rows = [row for each in lines if (row := _row(each, names))]
    return names, rows


def _row(text: str, names: Sequence[str]) -> list[float]:
    try:
        cells = next(csv.reader([text]), [])
        row = [float(cell) if cell else math.nan for cell in cells]
    except (ValueError, csv.Error):
        return []
    return row if len(row) == len(names) and names[0] == "iteration" and math.isfinite(row[0]) else []


def _number(content: bytes) -> int:
    number = content.split(b",", 1)[0]
    return int(number) if number.isdigit() else -1
