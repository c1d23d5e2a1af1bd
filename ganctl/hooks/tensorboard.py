"""Writes event files for TensorBoard."""

import numpy as np

from ganctl.hooks import Hook, Run
from ganctl.lazy import tf
from ganctl.loss_table import LossTable


class TensorBoard(Hook):
    """Every column of losses.csv as a scalar."""

    _writer = None

    def start(self, run: Run, step: int) -> None:
        """Open an event file."""
        self._table = LossTable(run.game.columns, run.iterations_per_epoch)
        self._writer = tf.summary.create_file_writer(str(run.folder.tensorboard))

    def rows(self, run: Run, step: int, rows: np.ndarray) -> None:
        """Add the rows."""
        with self._writer.as_default():
            for i, row in enumerate(rows):
                values = self._table.values(step + 1 + i, row)
                for name in values.keys() - {"iteration", "epoch"}:
                    tf.summary.scalar(name, values[name], step=step + 1 + i)

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
