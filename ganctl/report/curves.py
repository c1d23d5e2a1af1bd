"""The columns of losses.csv as curves, small enough for a page."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ganctl.run_folder.losses_csv import COUNTERS, Panel, column_of, read_losses

MAX_POINTS = 2000
"""The most points of a curve: more than a screen is wide, but few enough for a page of twenty to open at once."""
LAST_ROWS = 100
"""A single iteration's loss is mostly chance, so the final value of a run is the mean of this many rows, the last in
which it was measured."""


@dataclass(frozen=True)
class Curve:
    """A column of losses.csv.

    Attributes:
        name: of the column.
        mean: its points, NaN where nothing was measured.
        low: the minimum of the values behind each point.
        high: their maximum.
        final: the mean of the last rows.
    """

    name: str
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    final: float

    @property
    def panel(self) -> Panel:
        """The plot it belongs to."""
        return column_of(self.name).panel


@dataclass(frozen=True)
class Curves:
    """A losses.csv.

    Attributes:
        iterations: the last iteration in it; 0 if it is empty.
        at: the iterations of the points.
        rows_per_point: how many rows became one point.
        curves: the columns that were measured.
        notes: what a reader of the curves must know, in words.
    """

    iterations: int = 0
    at: np.ndarray = field(default_factory=lambda: np.empty(0))
    rows_per_point: int = 1
    curves: tuple[Curve, ...] = ()
    notes: tuple[str, ...] = ()


def read_curves(path: Path, max_points: int = MAX_POINTS) -> Curves:
    """Read a losses.csv in any state; the notes say what cannot be read."""
    try:
        losses = read_losses(path)
    except OSError as error:
        return Curves(notes=(f"No curves: {path.name}: {error.strerror}.",))
    rows, unreadable = losses.rows, losses.unreadable
    if "iteration" not in losses.columns or not len(rows):
        return Curves(notes=(f"No curves yet: {path.name} has no complete row.",))
    notes = [f"Unreadable lines of {path.name}, left out: {unreadable}."] if unreadable else []
    at = losses.column("iteration")
    order = np.argsort(at, kind="stable")
    at, rows, unmeasured = at[order], rows[order], losses.empty[order]
    size = -(-len(rows) // max_points)
    if size > 1:
        notes.append(
            f"{len(rows):,} iterations are drawn as {-(-len(rows) // size):,} points: each is the mean of {size} "
            "iterations, and the pale band spans their minimum to their maximum."
        )
    measured, empty = [], []
    for name, values, absent in zip(losses.columns, rows.T, unmeasured.T, strict=True):
        if name in COUNTERS:
            continue
        missing = np.isnan(values)
        if missing.all():
            empty.append(name)
            continue
        infinite = np.isinf(values)
        notes += [
            f"{name} is {what} in {_described(at[where])}."
            for what, where in (("infinite", infinite), ("not a number", missing & ~absent))
            if where.any()
        ]
        values = np.where(infinite, np.nan, values)
        measured.append(Curve(name, *_thinned(values, size), _final(values)))
    if empty:
        notes.append(f"Not measured in this run: {', '.join(empty)}.")
    # A point is at the iteration of its last row, so that curves end where the run does.
    return Curves(int(at[-1]), np.append(at[size - 1 : -1 : size], at[-1]), size, tuple(measured), tuple(notes))


def _described(iterations: np.ndarray) -> str:
    more = len(iterations) - 1
    return f"iteration {iterations[0]:.0f}" + (f" and in {more:,} more" if more else "")


def _buckets(values: np.ndarray, size: int) -> np.ndarray:
    """Return values as rows of `size`, the last filled up with NaN."""
    filled = np.full(-(-len(values) // size) * size, np.nan)
    filled[: len(values)] = values
    return filled.reshape(-1, size)


def _thinned(values: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, minimum and maximum of every `size` values."""
    buckets = _buckets(values, size)
    known = ~np.isnan(buckets)
    count = known.sum(axis=1)
    low, high = np.where(known, buckets, np.inf).min(axis=1), np.where(known, buckets, -np.inf).max(axis=1)
    total = np.where(known, buckets, 0).sum(axis=1)
    mean, low, high = (np.where(count, part, np.nan) for part in (total / np.maximum(count, 1), low, high))
    return mean, low, high


def _final(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known[-LAST_ROWS:].mean()) if len(known) else float("nan")
