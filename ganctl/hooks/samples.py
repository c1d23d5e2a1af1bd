"""Draws the same latent vectors every so often, so that one sees the same samples grow."""

import math
from typing import Any

import numpy as np

from ganctl import checkpoint, game_state, images
from ganctl.generation import to_pixels
from ganctl.hooks import Hook, Run
from ganctl.lazy import tf
from ganctl.noise import Key


class Samples(Hook):
    """A grid of samples every so often, the first before training starts, and with each the generator that drew it.

    Args:
        every: iterations between two grids.
        grid: `ROWSxCOLUMNS`, or `scored`.
        generator: role of the network to draw from.
        distribution: of the latent vectors.
        real: uint8 images [N, H, W, C] to show as real.
        seed: the experiment's seed.
    """

    def __init__(self, every: int, grid: str, generator: str, distribution: str, real: np.ndarray, seed: int) -> None:
        self.every = every
        self._scored = grid == "scored"
        rows, columns = (1, 8) if self._scored else (int(n) for n in grid.split("x"))
        self._rows, self._columns = rows, columns
        self._generator, self._distribution, self._seed = generator, distribution, seed
        self._real = np.asarray(real[: rows * columns])
        self._drawn = -1

    def start(self, run: Run, step: int) -> None:
        """Write real.png and, at the very beginning, the untrained generator's grid."""
        network = run.game.networks[self._generator]
        shape = [self._rows * self._columns, *network.input_shape[1:]]
        self._latent = Key(self._seed, 0, "sample grid").latent(shape, self._distribution)
        self._paint = tf.function(lambda latent: network(latent, training=False))
        self._score = tf.function(lambda pictures: run.game.networks["discriminator"](pictures, training=False))
        columns = min(self._columns, len(self._real))
        images.write_png(
            run.folder.real_samples, images.grid(self._real, math.ceil(len(self._real) / columns), columns)
        )
        if step == 0:
            self.act(run, step)

    def act(self, run: Run, step: int) -> None:
        """Draw."""
        pictures = self._paint(self._latent)
        pixels = to_pixels(pictures).numpy()
        path = run.folder.sample_grid(step)
        if self._scored:
            real = tf.cast(self._real, tf.float32) / 127.5 - 1.0
            scores = [1 / (1 + np.exp(-self._score(batch).numpy()[:, 0])) for batch in (pictures, real)]
            images.write_png(path, _titled([(pixels, scores[0]), (self._real, scores[1])]))
        else:
            images.write_png(path, images.grid(pixels, self._rows, self._columns))
        tensors = game_state.collect_network(run.game.networks[self._generator])
        checkpoint.save_generator(run.folder.generator(step), tensors, {**run.facts, "step": step})
        self._drawn = step

    def stop(self, run: Run, step: int) -> None:
        """Draw the end of a whole run; an interrupted one will come to its next grid when it is resumed."""
        if step == run.iterations and self._drawn != step and not run.folder.sample_grid(step).exists():
            self.act(run, step)


def _titled(rows: list[tuple[np.ndarray, np.ndarray]]) -> Any:
    """Return rows of images as one picture, each image titled with its score (tutorial 5)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.5 * len(rows[0][0]), 1.8 * len(rows)), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for index, (axes, picture, score) in enumerate(
        zip(
            figure.subplots(len(rows), len(rows[0][0]), squeeze=False).flat,
            np.concatenate([pictures for pictures, _ in rows]),
            np.concatenate([scores for _, scores in rows]),
            strict=True,
        )
    ):
        axes.imshow(picture.squeeze(), cmap="gray" if picture.shape[-1] == 1 else None, vmin=0, vmax=255)
        axes.set_title(f"{score:.3f}")
        axes.set_axis_off()
        if index % len(rows[0][0]) == 0:
            axes.text(
                -0.1, 0.5, ("fake", "real")[index // len(rows[0][0])], transform=axes.transAxes, ha="right", rotation=90
            )
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
