"""Latent vectors whose images are near given pictures, found by gradient descent from the nearest of many samples.

The distance of two images is their mean squared difference as the network sees them, in [-1, 1], plus that of their
early features (`ganctl.evaluation.features.content`): pixels alone are nearest to blurred images.

Sources: Creswell and Bharath 2016, "Inverting the generator of a generative adversarial network" (arXiv:1611.05644),
for the descent; Zhu et al. 2016, "Generative visual manipulation on the natural image manifold" (arXiv:1609.03552),
section 3.1, for pixels with features, and for an encoder's code as the start.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ganctl.evaluation.features.content import content_features
from ganctl.game.inputs import arrange_inputs, as_networks_see
from ganctl.game.noise import seeded
from ganctl.generation.drawing import BATCH, sample_key, sample_latent
from ganctl.generation.latents import as_vectors, latent_shapes
from ganctl.generation.loading import TrainedGenerator
from ganctl.images.image_set import Track
from ganctl.lazy import tf

DRAWN = BATCH
"""The samples of each class among which the nearest to a picture are looked for."""
TRIED, CLASSES_TRIED = 4, 10
"""The samples, or at most the classes, from which descents begin; all but the best end after TRIAL of the steps."""
TRIAL = 0.2
RATE = 0.1
"""The learning rate of the first step; it falls to 0 along half a cosine."""
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8

Tensor = Any


@dataclass(frozen=True)
class Found:
    """Latent vectors that were found for pictures.

    Attributes:
        vectors: float32 [N, latent_size].
        classes: int32 [N], the class of each; None if the generator takes none.
        distances: float32 [N], how far their images are from the pictures.
    """

    vectors: np.ndarray
    classes: np.ndarray | None
    distances: np.ndarray

    def rows(self, places: np.ndarray) -> "Found":
        """Return some of them, in that order."""
        classes = None if self.classes is None else self.classes[places]
        return Found(self.vectors[places], classes, self.distances[places])


class Inversion:
    """Finds latent vectors for pictures.

    Args:
        trained: the generator.
        seed: of the samples, and of layers that draw their own noise.
    """

    def __init__(self, trained: TrainedGenerator, seed: int) -> None:
        self._network, self._distribution, self._seed = trained.played, trained.distribution, seed
        # Compiled once; the last batch is as large as the others.
        self._measured = tf.function(self._distances, autograph=False)
        self._stepped = tf.function(self._step, autograph=False)
        self._described = tf.function(lambda images: _description(as_networks_see(images)), autograph=False)

    def search(self, images: np.ndarray, classes: Sequence[int], steps: int, track: Track) -> Found:
        """Descend from the samples that are nearest to each picture.

        Without classes, descents begin at the TRIED nearest samples. With classes, at the nearest samples of each, as
        many in all, but of the CLASSES_TRIED nearest classes at most. The nearest after TRIAL of the steps goes on.

        Args:
            images: uint8 [N, H, W, C], as the generator makes them.
            classes: the classes to try; empty if the generator takes none.
            steps: of the descent that goes on.
            track: shows progress.
        """
        starts = self._starts(images, classes)
        tried, trial = len(starts), math.ceil(TRIAL * steps) if len(starts) > 1 else 0
        count = len(images)
        total = _batches(tried * count) * trial + _batches(count) * steps
        bar = iter(track(range(total), "reconstructing", total))
        best = starts[0]
        if trial:
            every = _joined(starts)
            ended = self._descend(np.concatenate([images] * tried), every, trial, bar)
            nearest = ended.distances.reshape(tried, count).argmin(axis=0)
            best = ended.rows(nearest * count + np.arange(count))
        best = self._descend(images, best, steps, bar)
        _finish(bar)
        return best

    def refine(self, images: np.ndarray, start: Found, steps: int, track: Track) -> Found:
        """Descend from given vectors; the images are those of `search`."""
        total = _batches(len(images)) * steps
        bar = iter(track(range(total), "reconstructing", total))
        found = self._descend(images, start, steps, bar)
        _finish(bar)
        return found

    def nearest_class(self, images: np.ndarray, vectors: np.ndarray, classes: Sequence[int]) -> Found:
        """Return given vectors [N, latent_size] with the class that brings each nearest to its picture."""
        count, nearest = len(images), None
        for number in _each(classes):
            given = None if number is None else np.full(count, number, np.int32)
            found = Found(vectors, given, self._measure(images, vectors, given))
            if nearest is None:
                nearest = found
            else:
                better = np.where(found.distances < nearest.distances, count, 0) + np.arange(count)
                nearest = _joined([nearest, found]).rows(better)
        assert nearest is not None
        return nearest

    def _starts(self, images: np.ndarray, classes: Sequence[int]) -> list[Found]:
        """Return the samples from which the descents of all pictures begin, the nearest first."""
        drawn = as_vectors(sample_latent(self._network, DRAWN, self._seed, self._distribution))
        of_a_class = -(-TRIED // len(classes)) if classes else TRIED
        found: list[Found] = []
        for number in _each(classes):
            given = None if number is None else np.full(DRAWN, number, np.int32)
            distances = self._from_all(images, drawn, given)
            order = np.argsort(distances, axis=1, kind="stable")[:, :of_a_class]
            for places in order.T:
                own = None if given is None else given[places]
                found.append(Found(drawn[places], own, distances[np.arange(len(images)), places]))
        if len(found) <= 1:
            return found
        together, count = _joined(found), len(images)
        order = np.argsort(together.distances.reshape(-1, count), axis=0, kind="stable")[: max(TRIED, CLASSES_TRIED)]
        return [together.rows(places * count + np.arange(count)) for places in order]

    def _from_all(self, images: np.ndarray, vectors: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
        """Return the distance [N, M] of each picture from the image of each of DRAWN vectors."""
        with seeded(self._network, sample_key(self._seed, 0)):
            seen = self._network(self._inputs(tf.constant(vectors), _tensor(classes)), training=False)
        samples = _description(seen).numpy().astype(np.float64)
        rows = []
        for start in range(0, len(images), BATCH):
            own = self._described(tf.constant(images[start : start + BATCH], tf.float32)).numpy().astype(np.float64)
            squares = (own**2).sum(1)[:, np.newaxis] + (samples**2).sum(1)
            rows.append(squares - 2 * own @ samples.T)
        return np.concatenate(rows)

    def _descend(self, images: np.ndarray, start: Found, steps: int, bar: Iterator[Any]) -> Found:
        """Return the best vectors on the way from a start, one for each of images [N, H, W, C], in as many steps.

        Each batch of images takes `steps` from the progress bar.
        """
        parts = []
        for number, places in enumerate(_places(len(images))):
            begun, key = start.rows(places), sample_key(self._seed, number)
            target = self._described(tf.constant(images[places], tf.float32))
            classes = _tensor(begun.classes)
            here = self._within(tf.constant(begun.vectors))
            moments = tf.zeros_like(here), tf.zeros_like(here)
            best = here, tf.fill([len(places)], np.float32(np.inf))
            for step in range(steps):
                rate = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
                with seeded(self._network, key):  # the same noise at every step
                    here, moments, best = self._stepped(
                        here, moments, best, target, classes, tf.constant(step + 1.0), tf.constant(rate)
                    )
                next(bar, None)
            with seeded(self._network, key):
                last = self._measured(here, target, classes)
            vectors, distances = _better(best, here, last)
            parts.append(Found(vectors.numpy(), begun.classes, distances.numpy()))
        return _joined(parts).rows(np.arange(len(images)))

    def _measure(self, images: np.ndarray, vectors: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
        """Return the distance [N] of each picture from the image of its vector."""
        parts = []
        for number, places in enumerate(_places(len(images))):
            target = self._described(tf.constant(images[places], tf.float32))
            with seeded(self._network, sample_key(self._seed, number)):
                own = None if classes is None else _tensor(classes[places])
                parts.append(self._measured(tf.constant(vectors[places]), target, own).numpy())
        return np.concatenate(parts)[: len(images)]

    @cached_property
    def _shapes(self) -> list[tuple[int, ...]]:
        return latent_shapes(self._network)

    def _inputs(self, vectors: Tensor, classes: Tensor | None) -> Tensor:
        parts = tf.split(vectors, [math.prod(shape) for shape in self._shapes], axis=-1)
        latent = [tf.reshape(part, [-1, *shape]) for part, shape in zip(parts, self._shapes, strict=True)]
        return arrange_inputs(self._network, latent, classes)

    def _distances(self, vectors: Tensor, target: Tensor, classes: Tensor | None) -> Tensor:
        """Return the distance [N] of each vector's image from a picture, given by its description."""
        made = self._network(self._inputs(vectors, classes), training=False)
        return tf.reduce_sum(tf.square(_description(made) - target), axis=1)

    def _step(
        self,
        here: Tensor,
        moments: tuple[Tensor, Tensor],
        best: tuple[Tensor, Tensor],
        target: Tensor,
        classes: Tensor | None,
        number: Tensor,
        rate: Tensor,
    ) -> tuple[Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return vectors after a step of Adam (Kingma and Ba 2014, algorithm 1), its moments, and the best vectors yet.

        Uniform vectors stay in their cube.
        """
        with tf.GradientTape() as tape:
            tape.watch(here)
            distances = self._distances(here, target, classes)
        gradient = tape.gradient(distances, here)
        first = BETA_1 * moments[0] + (1 - BETA_1) * gradient
        second = BETA_2 * moments[1] + (1 - BETA_2) * tf.square(gradient)
        unbiased = first / (1 - BETA_1**number), second / (1 - BETA_2**number)
        there = here - rate * unbiased[0] / (tf.sqrt(unbiased[1]) + EPSILON)
        return self._within(there), (first, second), _better(best, here, distances)

    def _within(self, vectors: Tensor) -> Tensor:
        """Return vectors in the cube that uniform ones come from; normal ones may lie anywhere."""
        return vectors if self._distribution == "normal" else tf.clip_by_value(vectors, -1.0, 1.0)


def _description(images: Tensor) -> Tensor:
    """Return pixels and features [N, D] of images in [-1, 1]: the sum of squared differences is the distance."""
    parts = [tf.cast(images, tf.float32), content_features(images)]
    flat = [tf.reshape(part, [-1, math.prod(part.shape[1:])]) for part in parts]
    return tf.concat([part / math.sqrt(part.shape[1]) for part in flat], axis=1)


def _better(best: tuple[Tensor, Tensor], vectors: Tensor, distances: Tensor) -> tuple[Tensor, Tensor]:
    """Return the vectors and distances that are smaller in each row."""
    nearer = distances < best[1]
    return tf.where(nearer[:, tf.newaxis], vectors, best[0]), tf.where(nearer, distances, best[1])


def _each(classes: Sequence[int]) -> Sequence[int | None]:
    """The classes, or None alone if there are none."""
    return classes or [None]


def _places(count: int) -> Iterator[np.ndarray]:
    """Yield the rows of each batch; the last one is filled up with the first rows."""
    size = min(BATCH, count)
    for start in range(0, count, BATCH):
        yield np.arange(start, start + size) % count


def _batches(count: int) -> int:
    return -(-count // BATCH)


def _finish(bar: Iterator[Any]) -> None:
    """Read a progress bar to its end, which closes it."""
    for _ in bar:
        pass


def _joined(parts: Sequence[Found]) -> Found:
    classes = [part.classes for part in parts if part.classes is not None]
    return Found(
        np.concatenate([part.vectors for part in parts]),
        np.concatenate(classes) if classes else None,
        np.concatenate([part.distances for part in parts]),
    )


def _tensor(classes: np.ndarray | None) -> Tensor | None:
    return None if classes is None else tf.constant(classes, tf.int32)
