"""Draws the same latent vectors every so often, so that one sees the same samples grow."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ganctl.game import inputs
from ganctl.game import state as game_state
from ganctl.game.inputs import arrange_inputs, class_count, draw_latent, takes_classes, to_pixels
from ganctl.game.noise import Key, seeded
from ganctl.images import draw
from ganctl.images.image_set import ImageSet
from ganctl.lazy import keras, tf
from ganctl.run_folder import checkpoint
from ganctl.training.hooks import Hook, Later, Run


class Samples(Hook):
    """A grid of samples every so often, the first before training starts, and with each the generator that drew it.

    Args:
        every: iterations between two grids.
        grid: `ROWSxCOLUMNS`, or `scored`.
        generator: role of the network to draw from.
        distribution: of the latent vectors.
        real: the images, of which some are shown as real.
        seed: the experiment's seed.
        realness: what a discriminator's score says, as in `AdversarialLoss`.
    """

    def __init__(
        self,
        every: int,
        grid: str,
        generator: str,
        distribution: str,
        real: ImageSet,
        seed: int,
        realness: Callable[[Any], Any],
    ) -> None:
        self.every = every
        self._scored = grid == "scored"
        rows, columns = (1, 8) if self._scored else (int(n) for n in grid.split("x"))
        self._rows, self._columns = rows, columns
        self._generator, self._distribution = generator, distribution
        # From all over the data set: the first images of a folder are all of one kind, and of one class.
        shown = np.linspace(0, len(real) - 1, min(rows * columns, len(real))).round().astype(int)
        self._real = np.asarray(real.images[shown])
        self._real_classes = None if real.labels is None else np.asarray(real.labels[shown], np.int32)
        self._num_classes = real.num_classes
        self._realness = realness
        self._drawn = -1
        self._key = Key(seed, 0, "sample grid")

    def start(self, run: Run, step: int) -> Later:
        """Write real.png and, at the very beginning, the untrained generator's grid."""
        network = run.game.networks[self._generator]
        self._inputs = self._fixed_inputs(network)
        self._paint = tf.function(lambda inputs: network(inputs, training=False))
        self._score = tf.function(lambda pictures, classes: self._judge(run, pictures, classes))
        columns = min(self._columns, len(self._real))
        draw.write_png(run.folder.real_samples, draw.grid(self._real, math.ceil(len(self._real) / columns), columns))
        return self.act(run, step) if step == 0 else None

    def act(self, run: Run, step: int) -> Later:
        """Draw."""
        # First, because a picture of weights that are not finite shows nothing.
        tensors = game_state.collect_network(run.game, self._generator)
        with seeded(run.game.networks[self._generator], self._key):
            pictures = self._paint(self._inputs)
        pixels, scores = to_pixels(pictures).numpy(), []
        if self._scored:
            real = inputs.as_networks_see(tf.cast(self._real, tf.float32))
            shown = ((pictures, self._classes), (real, self._real_classes))
            scores = [self._score(batch, classes).numpy()[:, 0] for batch, classes in shown]

        def write() -> None:
            if self._scored:
                picture = _titled(list(zip((pixels, self._real), scores, strict=True)))
            else:
                picture = draw.grid(pixels, self._rows, self._columns)
            draw.write_png(run.folder.sample_grid(step), picture)
            checkpoint.save_generator(run.folder.generator(step), tensors, {**run.facts, "step": step})
            self._drawn = step

        return write

    def stop(self, run: Run, step: int) -> Later:
        """Draw the end of a whole run; an interrupted one will come to its next grid when it is resumed."""
        wanted = step == run.iterations and self._drawn != step and not run.folder.generator(step).exists()
        return self.act(run, step) if wanted else None

    def _judge(self, run: Run, pictures: Any, classes: Any) -> Any:
        """How real the discriminator thinks they are; its first output is the score."""
        discriminator = run.game.networks["discriminator"]
        verdict = discriminator(arrange_inputs(discriminator, pictures, classes), training=False)
        return self._realness(keras.tree.flatten(verdict)[0])

    def _fixed_inputs(self, generator: Any) -> Any:
        """What every grid is drawn from; with classes, a row has one latent vector and a column one class."""
        count = self._rows * self._columns
        classes = class_count(generator, self._num_classes) if takes_classes(generator) else self._num_classes
        columns = [cell % self._columns % max(classes, 1) for cell in range(count)]
        self._classes = tf.constant(columns)  # an unconditional generator's, too, if its discriminator is told some
        if not takes_classes(generator):
            return arrange_inputs(generator, draw_latent(generator, self._key, count, self._distribution))
        latent = draw_latent(generator, self._key, self._rows, self._distribution)
        latent = [tf.repeat(vectors, self._columns, axis=0) for vectors in latent]
        return arrange_inputs(generator, latent, self._classes)


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
