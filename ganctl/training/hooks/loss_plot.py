"""Draws losses.png: the mean of every epoch, as tutorial 5 plots them."""

import time
from collections import defaultdict
from typing import Any

import numpy as np

from ganctl.images.draw import write_png
from ganctl.run_folder.losses_csv import FIXED, PANELS, read_losses
from ganctl.training.hooks import Hook, Later, RunInPlay

_DRAWN = {panel.epoch_title: [c.name for c in FIXED if c.panel == panel] for panel in PANELS if panel.epoch_title}
COLUMNS = [name for names in _DRAWN.values() for name in names]
SECONDS = 10.0
"""The least time between two plots: drawing one takes as long as many iterations of a small model."""


class LossPlot(Hook):
    """Losses and mean absolute errors by epoch.

    Args:
        every: iterations between two plots. A plot within SECONDS of the start or of the last plot is left out; the end
            is always plotted.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._sums: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(len(COLUMNS)))
        self._counts: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(len(COLUMNS), int))

    def start(self, run: RunInPlay, step: int) -> None:
        """Read back the rows that a resumed run has already written."""
        self._table = run.loss_table
        self._next = time.monotonic() + SECONDS
        if step:
            written = read_losses(run.folder.losses)
            drawn = np.stack([written.column(name) for name in COLUMNS], axis=1)
            for epoch, values in zip(written.column("epoch").tolist(), drawn, strict=True):
                self._add(int(epoch), values)

    def rows(self, run: RunInPlay, step: int, rows: np.ndarray) -> None:
        """Add the rows to the sums of their epochs."""
        for i, row in enumerate(rows):
            values = self._table.values(step + 1 + i, row)
            self._add(int(values["epoch"]), np.array([values.get(name, np.nan) for name in COLUMNS]))

    def _add(self, epoch: int, values: np.ndarray) -> None:
        """Keep sums, because a long run has too many rows to keep, over the rows in which a column was measured."""
        measured = ~np.isnan(values)
        self._sums[epoch] += np.where(measured, values, 0.0)
        self._counts[epoch] += measured

    @property
    def means(self) -> dict[int, np.ndarray]:
        """The mean of each of COLUMNS, by epoch; NaN where it was not measured."""
        counts = {epoch: np.where(count, count, np.nan) for epoch, count in self._counts.items()}
        return {epoch: self._sums[epoch] / counts[epoch] for epoch in sorted(self._sums)}

    def act(self, run: RunInPlay, step: int) -> Later:
        """Write the loss plot, unless the last one or the start is recent."""
        return self._written(run) if time.monotonic() >= self._next else None

    def stop(self, run: RunInPlay, step: int) -> Later:
        """Write the last loss plot."""
        return self._written(run) if self._sums else None

    def _written(self, run: RunInPlay) -> Later:
        means = self.means
        self._next = time.monotonic() + SECONDS
        return lambda: write_png(run.folder.loss_plot, _drawn(list(means), np.array(list(means.values()))))


def _drawn(epochs: list[int], means: np.ndarray) -> Any:
    """Return the picture of means [epochs, columns]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4))
    # Fixed, because finding a layout doubles the time.
    figure.subplots_adjust(left=0.06, right=0.98, bottom=0.13, top=0.92, wspace=0.14)
    canvas = FigureCanvasAgg(figure)
    for axes, (title, names) in zip(figure.subplots(1, len(_DRAWN)), _DRAWN.items(), strict=True):
        for name in names:
            values = means[:, COLUMNS.index(name)]
            if np.isfinite(values).any():
                axes.plot(epochs, values, label=name, marker="." if len(epochs) < 30 else None)
        axes.set_xlabel("epoch")
        axes.set_title(title)
        if axes.lines:
            axes.legend()
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
