"""losses.csv: what each column means, its rows as text, and their only reader.

The file is read in any state: while a run writes it, torn by a crash, edited by hand. Only complete lines count, and a
line that is not a row is skipped.
"""

import errno
import os
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ganctl.host.files import write_atomically


@dataclass(frozen=True)
class Panel:
    """A plot of one or more columns.

    Attributes:
        title: what the report calls it.
        logarithmic: whether its vertical axis in the report is logarithmic.
        epoch_title: what losses.png, which shows means over epochs, calls it; empty: not in losses.png.
    """

    title: str
    logarithmic: bool = False
    epoch_title: str = ""


LOSSES = Panel("Losses", epoch_title="loss")
SCORES = Panel("Discriminator scores")
ACCURACY = Panel("Discriminator accuracy")
# Tutorial 5 plots mean absolute errors and calls them losses. losses.png shows both, under their own names.
ERRORS = Panel("Mean absolute errors", epoch_title="mean absolute error")
GRADIENTS = Panel("Gradient norms", logarithmic=True)
TERMS = Panel("Loss terms")

PANELS = (LOSSES, SCORES, ACCURACY, ERRORS, GRADIENTS, TERMS)
"""In the order of the report."""


@dataclass(frozen=True)
class Column:
    """A column of losses.csv: the mean of a measurement over the updates of an iteration.

    Attributes:
        name: in the header.
        meaning: one line.
        panel: the plot it is drawn in.
    """

    name: str
    meaning: str
    panel: Panel


_BLOCK_BYTES = 4096

COUNTERS: tuple[str, ...] = ("iteration", "epoch")
"""The first columns. Iterations count from 1, epochs from 0."""

FIXED: tuple[Column, ...] = (
    Column("d_loss", "what the discriminator minimizes: loss and weighted penalties", LOSSES),
    Column("g_loss", "what the generator minimizes", LOSSES),
    Column("d_real", "mean probability of being real, or raw score, of real images", SCORES),
    Column("d_fake", "the same for generated images", SCORES),
    Column("d_accuracy_real", "share of real images judged real", ACCURACY),
    Column("d_accuracy_fake", "share of generated images judged generated", ACCURACY),
    Column("d_precision", "share of real images among those judged real", ACCURACY),
    Column("d_mae", "mean distance of the discriminator's outputs from its labels", ERRORS),
    Column("g_mae", "the same distance, to the generator's labels", ERRORS),
    Column("d_grad_norm", "norm of the gradient over all variables of the discriminator", GRADIENTS),
    Column("g_grad_norm", "norm of the gradient over all variables of the generator", GRADIENTS),
)
"""The columns of every run, in the order of the file; those that its game does not measure are empty."""

_FIXED = {column.name: column for column in FIXED}


def column_of(name: str) -> Column:
    """Return the column of that name; after the fixed columns come those that a game adds, such as a loss term."""
    if name in _FIXED:
        return _FIXED[name]
    if name.endswith("grad_norm"):
        return Column(name, "norm of the gradient over all variables of a player", GRADIENTS)
    return Column(name, "a measurement of this game, mostly a loss term", TERMS)


class LossTable:
    """Turns measured rows into the rows of losses.csv: a column that this game does not measure stays empty.

    Args:
        measured: what the game measures, in the order of its rows.
        iterations_per_epoch: iterations that count as an epoch.
        measured_in: returns what it measures in an iteration; None: everything in each.
    """

    def __init__(
        self,
        measured: Sequence[str],
        iterations_per_epoch: int,
        measured_in: Callable[[int], Collection[str]] | None = None,
    ) -> None:
        self._measured = list(measured)
        self._per_epoch = iterations_per_epoch
        self._measured_in = measured_in
        self.columns = [*COUNTERS, *_FIXED, *(name for name in measured if name not in _FIXED)]

    def values(self, iteration: int, row: np.ndarray) -> dict[str, float]:
        """Return one measured row by column name, with iteration, epoch (from 0) and values derived from others."""
        found = dict(zip(self._measured, map(float, row), strict=True))
        if self._measured_in is not None:
            played = self._measured_in(iteration)
            found = {name: value for name, value in found.items() if name in played}
        if {"d_accuracy_real", "d_accuracy_fake"} <= found.keys():
            # Precision = true positives / all judged real; real and generated images are equal in number.
            right, wrong = found["d_accuracy_real"], 1.0 - found["d_accuracy_fake"]
            found["d_precision"] = right / (right + wrong) if right + wrong > 0 else 0.0
        return {"iteration": iteration, "epoch": (iteration - 1) // self._per_epoch, **found}

    def line(self, values: dict[str, float]) -> str:
        """Return the CSV line of a row; nine digits distinguish any two float32 values."""
        return ",".join(f"{values[name]:.9g}" if name in values else "" for name in self.columns) + "\n"

    @property
    def header(self) -> str:
        """The CSV's first line."""
        return ",".join(self.columns) + "\n"

    def continues(self, path: Path) -> bool:
        """Whether rows of this table can be appended to a losses.csv: it has the same header, or is empty."""
        if not path.exists() or not path.stat().st_size:
            return True
        return next(_whole_lines(path), b"") == self.header.encode()


@dataclass(frozen=True, eq=False)
class Losses:
    """What a losses.csv holds.

    Attributes:
        columns: the names in its header.
        rows: float64 [rows, columns] in the order of the file; an empty cell is NaN.
        empty: boolean [rows, columns]: which cells are empty, because nothing was measured; in others, NaN is a value.
        unreadable: how many complete lines are not rows.
    """

    columns: tuple[str, ...] = ()
    rows: np.ndarray = field(default_factory=lambda: np.empty([0, 0]))
    empty: np.ndarray = field(default_factory=lambda: np.empty([0, 0], bool))
    unreadable: int = 0

    def column(self, name: str) -> np.ndarray:
        """Return the values of a column, float64 [rows]; NaN where the file does not have it."""
        if name not in self.columns:
            return np.full(len(self.rows), np.nan)
        return self.rows[:, self.columns.index(name)]

    def measured(self) -> dict[str, np.ndarray]:
        """Return the columns that have any value, by name: iteration and epoch int64, all others float64."""
        return {
            name: values.astype(np.int64) if name in COUNTERS and np.isfinite(values).all() else values
            for name, values in zip(self.columns, self.rows.T, strict=True)
            if not np.isnan(values).all()
        }


def read_losses(path: Path) -> Losses:
    """Read a losses.csv in any state.

    Raises:
        OSError: the file does not exist, or cannot be read.
    """
    lines = _whole_lines(path)
    header = next(lines, b"").decode("utf-8", errors="replace").rstrip("\r\n")
    columns = tuple(header.split(",")) if header else ()
    # Lists of Python floats would take five times the memory, and this may run while a run trains.
    numbers, empty, count, unreadable = array("d"), bytearray(), 0, 0
    for line in lines:
        cells = line.rstrip(b"\r\n").split(b",")
        try:
            row = [float(cell) if cell else np.nan for cell in cells]
        except ValueError:
            row = []
        if row and len(row) == len(columns) and np.isfinite(row[0]):
            numbers.extend(row)
            empty.extend(not cell for cell in cells)
            count += 1
        else:
            unreadable += 1
    shape = (count, len(columns))
    return Losses(columns, np.frombuffer(numbers).reshape(shape), np.frombuffer(empty, bool).reshape(shape), unreadable)


def last_iteration(path: Path) -> int:
    """Return the iteration of the last complete row of a losses.csv; 0 if there is none.

    Only the end of the file is read, which may have millions of rows.
    """
    if not path.exists():
        return 0
    with _open(path) as file:
        size = start = file.seek(0, os.SEEK_END)
        while True:
            start = max(0, start - max(_BLOCK_BYTES, size - start))
            file.seek(start)
            whole, newline, _ = file.read(size - start).rpartition(b"\n")
            _, earlier, last = whole.rpartition(b"\n")
            if earlier or not start:
                return (_number(last) if newline else None) or 0


def trim(path: Path, last_iteration: int) -> None:
    """Truncate a losses.csv after an iteration: remove rows beyond the checkpoint and a torn last line."""
    if not path.exists():
        return
    kept = bytearray()
    for index, line in enumerate(_whole_lines(path)):
        number = _number(line)
        if index and (number is None or number > last_iteration):
            break
        kept += line
    if len(kept) != os.path.getsize(path):
        write_atomically(path, bytes(kept))


def _open(path: Path) -> BinaryIO:
    """Open a losses.csv to read it; raises OSError, too, if it is a pipe, which could be waited for without end."""
    if path.is_fifo():
        raise OSError(errno.EINVAL, "it is a pipe, not a file", str(path))
    return path.open("rb")


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Yield the complete lines: the last one may be torn, or still being written."""
    with _open(path) as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def _number(line: bytes) -> int | None:
    """Return the iteration of a row; None for a header or any other line."""
    number = line.split(b",", 1)[0]
    return int(number) if number.isdigit() else None
