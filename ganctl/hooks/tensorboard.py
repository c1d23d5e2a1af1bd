"""Writes event files for TensorBoard."""

from typing import Any

import numpy as np

from ganctl.hooks import Hook, Run
from ganctl.lazy import tf
from ganctl.loss_table import LossTable


class TensorBoard(Hook):
    """Every column of losses.csv as a scalar."""

    _writer: Any = None

    def start(self, run: Run, step: int) -> None:
        """Open an event file."""
        self._table = LossTable(run.game.columns, run.iterations_per_epoch)
        self._writer = tf.summary.create_file_writer(str(run.folder.tensorboard))

    def rows(self, run: Run, step: int, rows: np.ndarray) -> None:
        """Add the rows."""
        # What tf.summary.scalar writes; that function itself needs the tensorboard package, and only a reader should.
        plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        metadata = tf.compat.v1.SummaryMetadata(plugin_data=plugin, data_class="DATA_CLASS_SCALAR")
        with self._writer.as_default():
            for i, row in enumerate(rows):
                values = self._table.values(step + 1 + i, row)
                for name in values.keys() - {"iteration", "epoch"}:
                    tf.summary.write(name, tf.constant(values[name], tf.float32), step=step + 1 + i, metadata=metadata)

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
