"""The columns of losses.csv, and its rows as text."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganctl.host.files import write_atomically

FIXED = [
    *("d_loss", "g_loss", "d_real", "d_fake", "d_accuracy_real", "d_accuracy_fake"),
    *("d_precision", "d_mae", "g_mae", "d_grad_norm", "g_grad_norm"),
]


class LossTable:
    """Turns measured rows into the rows of losses.csv: a column that this game does not measure stays empty."""

    def __init__(self, measured: Sequence[str], iterations_per_epoch: int) -> None:
        self._measured = list(measured)
        self._per_epoch = iterations_per_epoch
        self.columns = ["iteration", "epoch", *FIXED, *(name for name in measured if name not in FIXED)]

    def values(self, iteration: int, row: np.ndarray) -> dict[str, float]:
        """Return one measured row by column name, with iteration, epoch (from 0) and what follows from the others."""
        found = dict(zip(self._measured, map(float, row), strict=True))
        if {"d_accuracy_real", "d_accuracy_fake"} <= found.keys():
            # Precision = true positives / all judged real; both kinds come in equal numbers.
            right, wrong = found["d_accuracy_real"], 1.0 - found["d_accuracy_fake"]
            found["d_precision"] = right / (right + wrong) if right + wrong > 0 else 0.0
        return {"iteration": iteration, "epoch": (iteration - 1) // self._per_epoch, **found}

    def line(self, values: dict[str, float]) -> str:
        """Return the CSV line of a row: nine digits tell any two float32 apart."""
        return ",".join(f"{values[name]:.9g}" if name in values else "" for name in self.columns) + "\n"

    @property
    def header(self) -> str:
        """The CSV's first line."""
        return ",".join(self.columns) + "\n"


def last_iteration(path: Path) -> int:
    """Return the number in the last whole row of a losses.csv; 0 where there is none."""
    if not path.exists():
        return 0
    numbers = [line.split(b",", 1)[0] for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return int(numbers[-1]) if numbers and numbers[-1].isdigit() else 0


def trim(path: Path, last_iteration: int) -> None:
    """Cut a losses.csv after an iteration: rows beyond the checkpoint and a torn last line go."""
    if not path.exists():
        return
    kept = bytearray()
    for index, line in enumerate(path.read_bytes().splitlines(keepends=True)):
        number = line.split(b",", 1)[0]
        if not line.endswith(b"\n") or (index and (not number.isdigit() or int(number) > last_iteration)):
            break
        kept += line
    if len(kept) != os.path.getsize(path):
        write_atomically(path, bytes(kept))
