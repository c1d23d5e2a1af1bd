"""Writes losses.csv: one row per iteration, on disk before any checkpoint that follows it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TextIO

import numpy as np

from ganctl.errors import GanctlError
from ganctl.run_folder.losses_csv import trim
from ganctl.training.hooks import Hook, Later, RunInPlay


class LossCsv(Hook):
    """One row per iteration.

    Args:
        every: iterations between two checkpoints, before each of which all rows must be on disk.
        evaluated_every: iterations between two evaluations, each of which may lead to a checkpoint; 0: none.
    """

    vital = True
    _file: TextIO | None = None

    def __init__(self, every: int, evaluated_every: int = 0) -> None:
        self.every = every
        self.also_every = evaluated_every

    def start(self, run: RunInPlay, step: int) -> None:
        """Open the file; a resumed run continues at its checkpoint's row."""
        self._table = run.loss_table
        with _writing(run):
            trim(run.folder.losses, step)
            self._refuse_other_columns(run)
            self._file = run.folder.losses.open("a", encoding="ascii")
            if self._file.tell() == 0:
                self._file.write(self._table.header)
                self._file.flush()

    def _refuse_other_columns(self, run: RunInPlay) -> None:
        """Refuse a file with other columns, because this run's values would stand under the wrong names."""
        if not self._table.continues(run.folder.losses):
            raise GanctlError(
                f"{run.folder.losses} has different columns from those this run writes. Move it away to continue."
            )

    def rows(self, run: RunInPlay, step: int, rows: np.ndarray) -> Later:
        """Write the rows in the background."""
        return partial(self._add, run, step, rows)

    def _add(self, run: RunInPlay, step: int, rows: np.ndarray) -> None:
        assert self._file is not None
        lines = [self._table.line(self._table.values(step + 1 + i, row)) for i, row in enumerate(rows)]
        with _writing(run):
            self._file.writelines(lines)
            self._file.flush()

    def act(self, run: RunInPlay, step: int) -> None:
        """Wait until all rows are on disk."""
        assert self._file is not None
        with _writing(run):
            os.fsync(self._file.fileno())

    def stop(self, run: RunInPlay, step: int) -> None:
        """Wait until all rows are on disk, because the last checkpoint follows."""
        self.act(run, step)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


@contextmanager
def _writing(run: RunInPlay) -> Iterator[None]:
    """End the run if rows cannot be written, because a later checkpoint would leave a gap in them."""
    try:
        yield
    except OSError as error:
        raise GanctlError(
            f"{run.folder.losses} could not be written: {error.strerror}. The run ends here; its latest checkpoint "
            "is intact. Fix the cause, such as a full disk, then continue: "
            f"{run.folder.resume_command}"
        ) from None
