"""Writes event files for TensorBoard."""

from functools import partial
from typing import Any

import numpy as np

from ganctl.images.headers import read_header
from ganctl.lazy import tf
from ganctl.run_folder.metrics_csv import read_metrics
from ganctl.training.hooks import Hook, Later, RunInPlay


class TensorBoard(Hook):
    """Every column of losses.csv and every metric of metrics.csv as a scalar, every sample grid as an image.

    A resumed run writes again what came after its checkpoint. The values are the same, and when a step is repeated,
    TensorBoard's server drops its data of that step and of later ones.
    """

    _writer: Any = None

    def start(self, run: RunInPlay, step: int) -> None:
        """Open an event file."""
        self._table = run.loss_table
        self._writer = tf.summary.create_file_writer(str(run.folder.tensorboard))
        self._followed = step or -1

    def rows(self, run: RunInPlay, step: int, rows: np.ndarray) -> Later:
        """Write the rows in the background, after what other hooks have written since the last."""
        return partial(self._add, run, step, rows)

    def _add(self, run: RunInPlay, step: int, rows: np.ndarray) -> None:
        self._follow(run, step)
        with self._writer.as_default():
            for i, row in enumerate(rows):
                values = self._table.values(step + 1 + i, row)
                for name in values.keys() - {"iteration", "epoch"}:
                    _write_scalar(name, values[name], step + 1 + i)

    def stop(self, run: RunInPlay, step: int) -> None:
        """Write what other hooks have written at the end."""
        self._follow(run, step)

    def _follow(self, run: RunInPlay, step: int) -> None:
        """Write the metrics and the grid that are new since the last call."""
        if step <= self._followed:
            return
        with self._writer.as_default():
            for row in read_metrics(run.folder.metrics):
                if self._followed < row["iteration"] <= step:
                    for name, value in row.items():
                        if isinstance(value, float):
                            _write_scalar(f"metrics/{name}", value, row["iteration"])
            grid = run.folder.sample_grid(step)
            if grid.exists():
                _write_png("samples", grid.read_bytes(), step)
        self._followed = step

    def close(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()


# These write what tf.summary.scalar and tf.summary.image write, which need the tensorboard package; only viewing
# should need it.


def _write_scalar(name: str, value: float, step: int) -> None:
    metadata = _metadata("scalars", "DATA_CLASS_SCALAR")
    tf.summary.write(name, tf.constant(value, tf.float32), step=step, metadata=metadata)


def _write_png(name: str, content: bytes, step: int) -> None:
    header = read_header(content)
    tensor = tf.constant([str(header.width), str(header.height), content])
    tf.summary.write(name, tensor, step=step, metadata=_metadata("images", "DATA_CLASS_BLOB_SEQUENCE"))


def _metadata(plugin: str, kind: str) -> Any:
    data = tf.compat.v1.SummaryMetadata.PluginData(plugin_name=plugin)
    return tf.compat.v1.SummaryMetadata(plugin_data=data, data_class=kind)
