"""Signs of a run's health, from a few images of fixed latent vectors: how its networks behave, not how good they are.

Everything here is a pure function of the networks' weights, so that a resumed run measures what an uninterrupted one
would have. Nothing is changed: what a network writes in training mode, such as BatchNorm's statistics, is restored.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ganctl.evaluation import pixel_figures
from ganctl.evaluation.diversity import effective_number
from ganctl.evaluation.features.extractor import Extractor
from ganctl.game import state as game_state
from ganctl.game.game import Game
from ganctl.game.inputs import (
    CLASSES,
    arrange_inputs,
    as_networks_see,
    class_count,
    draw_latent,
    judges_images_alone,
    takes_classes,
    to_pixels,
)
from ganctl.game.noise import Key, seeded
from ganctl.game.sampler import Sampler, drawing_role
from ganctl.images.image_set import ImageSet
from ganctl.images.spread import spread
from ganctl.lazy import keras, tf

COUNT = 32
"""Number of samples, and of real images, unless the images are large."""
PIXELS = 2**21
"""The most pixels of all samples together; there are always at least FEWEST samples."""
FEWEST = 4
SWAPPED = 8
"""Number of samples that are also drawn with another latent vector, and with another class."""
Tensor = Any


@dataclass(frozen=True, eq=False)
class Drawn:
    """What the networks drew and scored in one iteration.

    Attributes:
        images: samples of the fixed inputs, uint8 [N, H, W, C].
        other_latent: the first samples drawn with another latent vector, uint8 [n, H, W, C]; None if the generator does
            not take classes and latent vectors.
        other_class: the first samples drawn with another class, uint8 [n, H, W, C]; None if it does not take classes.
        training_gap: root mean square distance between images in training and in inference mode, in levels of 255.
        scores: raw scores, float32 [N] each, by what was scored: `real`, `held_out` and `fake`; empty unless a
            discriminator judges images alone.
    """

    images: np.ndarray
    other_latent: np.ndarray | None
    other_class: np.ndarray | None
    training_gap: float
    scores: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Portrait:
    """What a later row is compared with: images uint8 [N, H, W, C] and features float32 [N, d] of earlier rows."""

    images: np.ndarray
    features: np.ndarray | None = None


class VitalSigns:
    """Draws a few samples and computes the columns of vitals.csv from them.

    Args:
        game: the networks.
        sampler: knows what the model takes and draws.
        distribution: distribution of the latent vectors.
        feeds: the training images by role.
        held_out: the held-out images by role.
        seed: seed of the experiment.
        extractor: computes features; without one, the columns that need features stay empty.
    """

    def __init__(
        self,
        game: Game,
        sampler: Sampler,
        distribution: str,
        feeds: Mapping[str, ImageSet],
        held_out: Mapping[str, ImageSet],
        seed: int,
        extractor: Extractor | None,
    ) -> None:
        self._game, self._sampler, self._extractor = game, sampler, extractor
        self._key = Key(seed, 0, "vital signs")
        self.role = drawing_role(sampler, game.networks)
        real = feeds[sampler.gives]
        height, width, _ = real.shape
        self._count = int(np.clip(PIXELS // (height * width), FEWEST, COUNT))
        self._real, self._real_classes = _some(real, self._count)
        self._unseen, self._unseen_classes = _some(held_out.get(sampler.gives), self._count)
        self._batch, self._classes, self._swaps = self._inputs(distribution, real, {**feeds, **held_out})
        self._paint = tf.function(
            lambda role, inputs, training: game.played[role](inputs, training=training), autograph=False
        )
        self._judge = tf.function(self._scores_of, autograph=False)
        self._compared = tf.function(_moved, autograph=False)
        self._judging = self._judging_inputs()
        learning = dict.fromkeys(role for player in game.players for role in player.networks)
        self._weights = {role: _trained(game.networks[role]) for role in learning if _trained(game.networks[role])}
        self._before: dict[str, list[Tensor]] = {}

    @property
    def roles(self) -> list[str]:
        """The networks that learn."""
        return list(self._weights)

    def remember_weights(self) -> None:
        """Keep the weights for the next call of `movement`."""
        self._before = {role: [tf.identity(v.value) for v in found] for role, found in self._weights.items()}

    def movement(self) -> dict[str, tuple[float, float | None]]:
        """Return by role the norm of the weights, and that of their change since `remember_weights`, as a share of it.

        The share is None if the weights were not remembered.
        """
        found: dict[str, tuple[float, float | None]] = {}
        for role, variables in self._weights.items():
            now = [variable.value for variable in variables]
            before = self._before.get(role)
            norm, change = (float(n) for n in self._compared(now, before or now))
            found[role] = norm, change / norm if before and norm else None
        self._before = {}
        return found

    def draw(self) -> Drawn:
        """Draw and score with the current weights."""
        network, count = self._game.networks[self.role], self._count
        with _as_before(network), seeded(network, self._key):
            painted = self._paint(self.role, self._batch, False)
        pixels = to_pixels(painted).numpy()
        parts = {name: pixels[part] for name, part in self._swaps.items()}
        scores = self._judged(painted[:count]) if self._judging else {}
        return Drawn(pixels[:count], parts.get("latent"), parts.get("class"), self._training_gap(), scores)

    def draw_with(self, tensors: game_state.Tensors, source: str) -> np.ndarray:
        """Return the samples, uint8 [N, H, W, C], that the network draws with other weights.

        Args:
            tensors: the weights.
            source: where they come from, for the error.

        Raises:
            GanctlError: the weights do not fit the network.
        """
        network = self._game.networks[self.role]
        with _as_before(network, everything=True):
            game_state.restore_network(network, tensors, source)
            with seeded(
                network, self._key
            ):  # after that, because a file holds the seeds of a network with its own noise
                painted = self._paint(self.role, self._batch, False)
            drawn: np.ndarray = to_pixels(painted[: self._count]).numpy()
        return drawn

    def features(self, images: np.ndarray) -> np.ndarray | None:
        """Return the features of images [N, d]; None without an extractor."""
        return self._extractor.features(images) if self._extractor else None

    def figures(self, drawn: Drawn, last: Portrait | None, features: np.ndarray | None) -> dict[str, float | None]:
        """Return all columns of a row except those of the weights.

        Args:
            drawn: what the networks drew.
            last: the images of the row before, and the features of the last row that has any.
            features: features of the images, float32 [N, d]; None if this row has none.
        """
        real, images = self._real_figures, drawn.images
        apart, real_apart = pixel_figures.spread(images), real["spread"]
        low, high = pixel_figures.extremes(images)
        figures: dict[str, float | None] = {
            "pixel_diversity": _ratio(apart, real_apart),
            "pixel_nearest": _ratio(pixel_figures.nearest(images), real["nearest"]),
            "pixel_change": _ratio(pixel_figures.distance(images, last.images), apart) if last else None,
            "saturated": pixel_figures.saturated(images),
            "checkerboard": pixel_figures.checkerboard(images),
            "low": low,
            "high": high,
            "training_gap": _ratio(drawn.training_gap, real_apart),
            **{f"{name}_real": real[name] for name in ("saturated", "checkerboard", "low", "high")},
        }
        for name, others in (("latent_effect", drawn.other_latent), ("class_effect", drawn.other_class)):
            if others is not None:
                figures[name] = _ratio(pixel_figures.distance(images[: len(others)], others), real_apart)
        if features is not None:
            figures |= self._of_features(features, last)
        if drawn.scores:
            figures |= {f"score_{name}": float(scores.mean()) for name, scores in drawn.scores.items()}
            figures["score_deviation"] = float(drawn.scores["real"].std())
        return figures

    def _of_features(self, features: np.ndarray, last: Portrait | None) -> dict[str, float | None]:
        real = self._real_features
        center = real.astype(np.float64).mean(axis=0)
        change = None
        if last is not None and last.features is not None:
            change = _ratio(pixel_figures.distance(features, last.features), pixel_figures.spread(features))
        return {
            "lite0_diversity": effective_number(features, center) / len(features),
            "lite0_diversity_real": effective_number(real, center) / len(real),
            "lite0_change": change,
        }

    @cached_property
    def _real_features(self) -> np.ndarray:
        """Features of the real images, float32 [N, d]."""
        assert self._extractor is not None
        return self._extractor.features(self._real)

    @cached_property
    def _real_figures(self) -> dict[str, Any]:
        low, high = pixel_figures.extremes(self._real)
        return {
            "spread": pixel_figures.spread(self._real),
            "nearest": pixel_figures.nearest(self._real),
            "saturated": pixel_figures.saturated(self._real),
            "checkerboard": pixel_figures.checkerboard(self._real),
            "low": low,
            "high": high,
        }

    def _inputs(
        self, distribution: str, real: ImageSet, images: Mapping[str, ImageSet]
    ) -> tuple[Tensor, Tensor, dict[str, slice]]:
        """Return the inputs of the network that draws, the class of each sample, and the slices of the swapped ones."""
        network, count = self._game.networks[self.role], self._count
        if self._sampler.takes:
            shown = {role: np.asarray(found.images[spread(len(found), count)]) for role, found in images.items()}
            fixed = self._sampler.grid_inputs(
                network,
                len(self._sampler.rows),
                count,
                self._key,
                distribution=distribution,
                num_classes=real.num_classes,
                images=shown,
            )
            return fixed.given, fixed.classes, {}
        latent = draw_latent(network, self._key, count, distribution)
        classes = class_count(network, real.num_classes) if takes_classes(network) else 1
        own = tf.range(count) % max(classes, 1)
        if classes < 2:
            return arrange_inputs(network, latent, own), own, {}
        few = min(SWAPPED, count)
        latent = [tf.concat([z, tf.roll(z, 1, axis=0)[:few], z[:few]], axis=0) for z in latent]
        given = tf.concat([own, own[:few], (own[:few] + 1) % classes], axis=0)
        swaps = {"latent": slice(count, count + few), "class": slice(count + few, count + 2 * few)}
        return arrange_inputs(network, latent, given), own, swaps if latent else {"class": swaps["class"]}

    def _training_gap(self) -> float:
        """Root mean square distance between images in training and in inference mode, in levels of 255."""
        role = self._sampler.network
        network = self._game.networks[role]
        images = []
        for training in (True, False):
            with _as_before(network), seeded(network, self._key):
                images.append(self._paint(role, self._batch, training)[: self._count])
        trained, inferred = (tf.cast(found, tf.float32).numpy() * 127.5 for found in images)
        return pixel_figures.distance(trained, inferred)

    def _judging_inputs(self) -> bool:
        """Whether there is a discriminator that judges images of this shape alone."""
        discriminator: Any = self._game.networks.get("discriminator")
        if not getattr(discriminator, "inputs", None) or not judges_images_alone(discriminator):
            return False
        (images,) = [tensor for tensor in discriminator.inputs if tensor.name != CLASSES]
        return tuple(images.shape[1:]) == self._real.shape[1:]

    def _judged(self, painted: Tensor) -> dict[str, np.ndarray]:
        parts = {"real": (self._real, self._real_classes)}
        if len(self._unseen):
            parts["held_out"] = (self._unseen, self._unseen_classes)
        given = [as_networks_see(tf.cast(images, tf.float32)) for images, _ in parts.values()]
        pictures = tf.concat([*given, tf.cast(painted, tf.float32)], axis=0)
        classes = tf.concat([*(classes for _, classes in parts.values()), self._classes], axis=0)
        network = self._game.networks["discriminator"]
        with _as_before(network), seeded(network, self._key):
            scores = self._judge(pictures, classes).numpy()
        bounds = np.cumsum([len(images) for images, _ in parts.values()])
        return dict(zip((*parts, "fake"), np.split(scores, bounds), strict=True))

    def _scores_of(self, pictures: Tensor, classes: Tensor) -> Tensor:
        """Return the raw score of each picture, float32 [N]: the mean of its patches, if it has several."""
        discriminator = self._game.played["discriminator"]
        verdict = discriminator(arrange_inputs(discriminator, pictures, classes), training=False)
        scores = tf.cast(keras.tree.flatten(verdict)[0], tf.float32)
        return tf.reduce_mean(tf.reshape(scores, [tf.shape(scores)[0], -1]), axis=1)


def _some(images: ImageSet | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` evenly spaced images [N, H, W, C] and their classes, int32 [N]; zeros without labels."""
    if images is None:
        return np.empty([0]), np.empty([0], np.int32)
    chosen = spread(len(images), count)
    labels = np.zeros(len(chosen), np.int32) if images.labels is None else np.asarray(images.labels[chosen], np.int32)
    return np.asarray(images.images[chosen]), labels


def _trained(network: Any) -> Sequence[Any]:
    return list(getattr(network, "trainable_variables", ()))


def _moved(now: Sequence[Tensor], before: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the global norm of tensors, and that of their difference."""
    now, before = ([tf.cast(each, tf.float32) for each in found] for found in (now, before))
    return tf.linalg.global_norm(now), tf.linalg.global_norm([a - b for a, b in zip(now, before, strict=True)])


def _ratio(value: float, whole: float) -> float | None:
    """Return a ratio; None if it is undefined."""
    return value / whole if whole > 0 and math.isfinite(value) else None


@contextmanager
def _as_before(network: Any, *, everything: bool = False) -> Iterator[None]:
    """Restore the non-trainable variables of a network after the body, or with `everything` all of its variables."""
    variables = network.variables if everything else network.non_trainable_variables
    kept = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
