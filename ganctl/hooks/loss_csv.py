"""Writes losses.csv: one row an iteration, on the disk before any checkpoint that follows it."""

from typing import TextIO

import numpy as np

from ganctl.errors import GanctlError
from ganctl.hooks import Hook, Run
from ganctl.loss_table import LossTable, trim


class LossCsv(Hook):
    """One row an iteration."""

    _file: TextIO | None = None

    def start(self, run: Run, step: int) -> None:
        """Open the file; a resumed run goes on where its checkpoint stands."""
        self._table = LossTable(run.game.columns, run.iterations_per_epoch)
        trim(run.folder.losses, step)
        self._file = run.folder.losses.open("a", encoding="ascii")
        if self._file.tell() == 0:
            self._file.write(self._table.header)
            self._file.flush()

    def rows(self, run: Run, step: int, rows: np.ndarray) -> None:
        """Add the rows."""
        assert self._file is not None
        lines = [self._table.line(self._table.values(step + 1 + i, row)) for i, row in enumerate(rows)]
        try:
            self._file.writelines(lines)
            self._file.flush()
        except OSError as error:
            raise GanctlError(f"{run.folder.losses} could not be written: {error.strerror}.") from None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
