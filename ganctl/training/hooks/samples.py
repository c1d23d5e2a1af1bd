"""Draws samples from the same latent vectors every N iterations, to show how the same samples evolve."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ganctl.game import state as game_state
from ganctl.game.inputs import arrange_inputs, as_networks_see, to_pixels
from ganctl.game.noise import Key, seeded
from ganctl.game.sampler import Sampler, drawing_role
from ganctl.images import draw
from ganctl.images.image_set import ImageSet
from ganctl.images.spread import spread
from ganctl.lazy import keras, tf
from ganctl.run_folder import checkpoint
from ganctl.training.hooks import Hook, Later, RunInPlay


class Samples(Hook):
    """A grid of samples every N iterations, the first before training starts, each with the network that drew it.

    Args:
        every: iterations between two grids.
        grid: `ROWSxCOLUMNS`, or `scored`.
        samplers: the model's samplers; a model with several gets one grid for each, stacked.
        distribution: of the latent vectors.
        feeds: the images by role, some of which are shown as real.
        seed: the experiment's seed.
        realness: what the grid shows for a discriminator's score, as in `AdversarialLoss`.
        held_out: images by role that are not trained on: samplers that take images get these, where there are any.
    """

    def __init__(
        self,
        every: int,
        grid: str,
        samplers: Sequence[Sampler],
        distribution: str,
        feeds: Mapping[str, ImageSet],
        seed: int,
        realness: Callable[[Any], Any],
        held_out: Mapping[str, ImageSet] | None = None,
    ) -> None:
        self.every = every
        self._scored = grid == "scored"
        rows, columns = (1, 8) if self._scored else (int(n) for n in grid.split("x"))
        self._rows, self._columns = rows, columns
        self._samplers, self._distribution, self._feeds = samplers, distribution, feeds
        shown = {role: spread(len(images), rows * columns) for role, images in feeds.items()}
        self._real = {role: np.asarray(images.images[shown[role]]) for role, images in feeds.items()}
        self._given = self._real | {
            role: np.asarray(images.images[spread(len(images), rows * columns)])
            for role, images in (held_out or {}).items()
        }
        self._shown = shown
        self._realness = realness
        self._drawn = -1
        self._key = Key(seed, 0, "sample grid")

    def start(self, run: RunInPlay, step: int) -> Later:
        """Write real.png and, before the first iteration, the untrained generator's grid."""
        networks = run.game.networks
        self._roles = [drawing_role(sampler, networks) for sampler in self._samplers]
        self._inputs = [
            sampler.grid_inputs(
                networks[role],
                self._rows,
                self._columns,
                self._key,
                distribution=self._distribution,
                num_classes=self._feeds[sampler.gives].num_classes,
                images=self._given,
            )
            for sampler, role in zip(self._samplers, self._roles, strict=True)
        ]
        self._paint = [painted_by(run.game.played[role]) for role in self._roles]
        self._score = tf.function(lambda pictures, classes: self._judge(run, pictures, classes), autograph=False)
        draw.write_png(run.folder.real_samples, self._real_picture())
        return self.act(run, step) if step == 0 else None

    def act(self, run: RunInPlay, step: int) -> Later:
        """Draw the grids and save the networks that drew them."""
        # First, because it refuses weights that are not finite, whose picture would show nothing.
        tensors = {role: game_state.collect_network(run.game, role) for role in dict.fromkeys(self._roles)}
        drawn = []
        for role, fixed, paint in zip(self._roles, self._inputs, self._paint, strict=True):
            with seeded(run.game.networks[role], self._key):
                drawn.append(paint(fixed.given))
        pixels, scores = [to_pixels(pictures).numpy() for pictures in drawn], []
        if self._scored:
            scores = self._scores(drawn[0])

        def write() -> None:
            if self._scored:
                real = self._real[self._samplers[0].gives]
                picture = _titled(list(zip((pixels[0], real), scores, strict=True)))
            else:
                picture = draw.stacked([self._grid(*each) for each in zip(self._samplers, pixels, strict=True)])
            draw.write_png(run.folder.sample_grid(step), picture)
            checkpoint.save_generators(run.folder.generator(step), tensors, {**run.facts, "step": step})
            self._drawn = step

        return write

    def stop(self, run: RunInPlay, step: int) -> Later:
        """Draw the end of a run that is over; an interrupted one draws its next grid when it is resumed."""
        wanted = run.is_over(step) and self._drawn != step and not run.folder.generator(step).exists()
        return self.act(run, step) if wanted else None

    def _judge(self, run: RunInPlay, pictures: Any, classes: Any) -> Any:
        """Return how real the discriminator judges the pictures to be; its first output is the score."""
        discriminator = run.game.played["discriminator"]
        verdict = discriminator(arrange_inputs(discriminator, pictures, classes), training=False)
        return self._realness(keras.tree.flatten(verdict)[0])

    def _scores(self, pictures: Any) -> list[np.ndarray]:
        """Return the discriminator's scores of generated and of real images."""
        sampler = self._samplers[0]
        images, labels = self._real[sampler.gives], self._feeds[sampler.gives].labels
        real = as_networks_see(tf.cast(images, tf.float32))
        classes = None if labels is None else np.asarray(labels[self._shown[sampler.gives]], np.int32)
        shown = ((pictures, self._inputs[0].classes), (real, classes))
        return [self._score(batch, of).numpy()[:, 0] for batch, of in shown]

    def _real_picture(self) -> np.ndarray:
        """Return the real images of all feeds: inputs above the outputs that belong to them, others in grids."""
        left, grids = dict(self._real), []
        for sampler in self._samplers:
            if {sampler.takes, sampler.gives} <= left.keys():
                columns = min(self._columns, len(left[sampler.gives]))
                cells = sampler.true_cells(columns, left)
                if cells is not None:
                    grids.append(self._laid_out(sampler.gives, cells, columns))
                    del left[sampler.takes], left[sampler.gives]
        grids += [self._laid_out(role, images, min(self._columns, len(images))) for role, images in left.items()]
        return draw.stacked(grids)

    def _laid_out(self, role: str, cells: np.ndarray, columns: int) -> np.ndarray:
        return draw.grid(cells, math.ceil(len(cells) / columns), columns, alpha=self._feeds[role].alpha)

    def _grid(self, sampler: Sampler, pixels: np.ndarray) -> np.ndarray:
        return self._laid_out(sampler.gives, sampler.cells(pixels, self._columns, self._given), self._columns)


def painted_by(network: Any) -> Callable[[Any], Any]:
    """Return a compiled function from a network's inputs to float images [N, H, W, C]."""
    return tf.function(lambda inputs: network(inputs, training=False), autograph=False)


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
