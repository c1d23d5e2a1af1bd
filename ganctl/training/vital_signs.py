"""Signs of a run's health, from a few images of fixed latent vectors: what its networks do, but not how good that is.

Everything here is a pure function of the networks' weights, so that a resumed run measures what an uninterrupted one
would have. Nothing is changed: what a network in training mode writes, such as BatchNorm's statistics, is put back.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
"""Images that are drawn, and as many real ones, if they are not large."""
PIXELS = 2**21
"""The most pixels of all of them together; but at least FEWEST images."""
FEWEST = 4
SWAPPED = 8
"""Of how many of them the latent vector alone, and the class alone, is changed."""
Tensor = Any


@dataclass(frozen=True, eq=False)
class Drawn:
    """What the networks did at one moment.

    Attributes:
        images: uint8 [N, H, W, C], of the same inputs every time.
        other_latent: the first of them with another latent vector; None if the generator takes no classes.
        other_class: the first of them with another class.
        training_gap: root mean square distance of images in training mode from those in inference mode, in levels.
        scores: of a discriminator that judges images alone: of training images, held-out images and samples, each [N].
    """

    images: np.ndarray
    other_latent: np.ndarray | None
    other_class: np.ndarray | None
    training_gap: float
    scores: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Portrait:
    """What a later row is compared with: the images of an earlier one, or their features [N, d]."""

    images: np.ndarray
    features: np.ndarray | None = None


class VitalSigns:
    """Draws a few images now and then, and turns them into the columns of vitals.csv.

    Args:
        game: the game.
        sampler: draws the images.
        distribution: of the latent vectors.
        feeds: the training images by role.
        held_out: images that are not trained on, by role.
        seed: the experiment's.
        extractor: computes features; None: the columns that need them stay empty.
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
        self._of_real: dict[str, Any] = {}
        self._before: dict[str, list[Tensor]] = {}

    @property
    def roles(self) -> list[str]:
        """The networks that learn."""
        return list(self._weights)

    def remember_weights(self) -> None:
        """Keep the weights: `movement` compares with them, once."""
        self._before = {role: [tf.identity(v.value) for v in found] for role, found in self._weights.items()}

    def movement(self) -> dict[str, tuple[float, float | None]]:
        """Return by role the norm of the weights, and that of their change since `remember_weights` over it."""
        found: dict[str, tuple[float, float | None]] = {}
        for role, variables in self._weights.items():
            now = [variable.value for variable in variables]
            before = self._before.get(role)
            norm, change = (float(n) for n in self._compared(now, before or now))
            found[role] = norm, change / norm if before and norm else None
        self._before = {}
        return found

    def draw(self) -> Drawn:
        """Draw with the networks as they are."""
        network, count = self._game.networks[self.role], self._count
        with _as_before(network), seeded(network, self._key):
            painted = self._paint(self.role, self._batch, False)
        pixels = to_pixels(painted).numpy()
        parts = {name: pixels[part] for name, part in self._swaps.items()}
        scores = self._judged(painted[:count]) if self._judging else {}
        return Drawn(pixels[:count], parts.get("latent"), parts.get("class"), self._training_gap(), scores)

    def draw_with(self, tensors: game_state.Tensors, source: str) -> np.ndarray:
        """Return the images, uint8 [N, H, W, C], that these weights of the drawing network draw.

        Raises:
            GanctlError: they do not fit it.
        """
        network = self._game.networks[self.role]
        with _as_before(network, everything=True), seeded(network, self._key):
            game_state.restore_network(network, tensors, source)
            painted = self._paint(self.role, self._batch, False)
            drawn: np.ndarray = to_pixels(painted[: self._count]).numpy()
        return drawn

    def features(self, images: np.ndarray) -> np.ndarray | None:
        """Return the features of images [N, d]; None without an extractor."""
        return self._extractor.features(images) if self._extractor else None

    def figures(self, drawn: Drawn, last: Portrait | None, features: np.ndarray | None) -> dict[str, float | None]:
        """Return the columns of a row but those of weights.

        Args:
            drawn: what was drawn.
            last: the images of the row before it, and features of the last row that has any.
            features: of the images; None: not measured in this row.
        """
        facts, images = self._facts(), drawn.images
        apart, real_apart = pixel_figures.spread(images), facts["spread"]
        low, high = pixel_figures.extremes(images)
        figures: dict[str, float | None] = {
            "pixel_diversity": _ratio(apart, real_apart),
            "pixel_nearest": _ratio(pixel_figures.nearest(images), facts["nearest"]),
            "pixel_change": _ratio(pixel_figures.distance(images, last.images), apart) if last else None,
            "saturated": pixel_figures.saturated(images),
            "checkerboard": pixel_figures.checkerboard(images),
            "low": low,
            "high": high,
            "training_gap": _ratio(drawn.training_gap, real_apart),
            **{f"{name}_real": facts[name] for name in ("saturated", "checkerboard", "low", "high")},
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
        assert self._extractor is not None
        if "features" not in self._of_real:
            self._of_real["features"] = self._extractor.features(self._real)
        real = self._of_real["features"]
        center = real.astype(np.float64).mean(axis=0)
        change = None
        if last is not None and last.features is not None:
            change = _ratio(pixel_figures.distance(features, last.features), pixel_figures.spread(features))
        return {
            "lite0_diversity": effective_number(features, center) / len(features),
            "lite0_diversity_real": effective_number(real, center) / len(real),
            "lite0_change": change,
        }

    def _facts(self) -> dict[str, Any]:
        """What is known of the real images, measured once."""
        if "spread" not in self._of_real:
            low, high = pixel_figures.extremes(self._real)
            self._of_real |= {
                "spread": pixel_figures.spread(self._real),
                "nearest": pixel_figures.nearest(self._real),
                "saturated": pixel_figures.saturated(self._real),
                "checkerboard": pixel_figures.checkerboard(self._real),
                "low": low,
                "high": high,
            }
        return self._of_real

    def _inputs(
        self, distribution: str, real: ImageSet, images: Mapping[str, ImageSet]
    ) -> tuple[Tensor, Tensor, dict[str, slice]]:
        """Return the drawing network's inputs, the class of each, and which of them are swapped ones."""
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
        """How far the images of the network that learns lie apart in training and in inference mode."""
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
        """Return the raw score of each picture, float32 [N]; of several for its parts, their mean."""
        discriminator = self._game.played["discriminator"]
        verdict = discriminator(arrange_inputs(discriminator, pictures, classes), training=False)
        scores = tf.cast(keras.tree.flatten(verdict)[0], tf.float32)
        return tf.reduce_mean(tf.reshape(scores, [tf.shape(scores)[0], -1]), axis=1)


def _some(images: ImageSet | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return some images, evenly spread, and their classes, int32; zeros without labels."""
    if images is None:
        return np.empty([0]), np.empty([0], np.int32)
    chosen = spread(len(images), count)
    labels = np.zeros(len(chosen), np.int32) if images.labels is None else np.asarray(images.labels[chosen], np.int32)
    return np.asarray(images.images[chosen]), labels


def _trained(network: Any) -> Sequence[Any]:
    return list(getattr(network, "trainable_variables", ()))


def _moved(now: Sequence[Tensor], before: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the norm of tensors, and that of their difference."""
    now, before = ([tf.cast(each, tf.float32) for each in found] for found in (now, before))
    return tf.linalg.global_norm(now), tf.linalg.global_norm([a - b for a, b in zip(now, before, strict=True)])


def _ratio(value: float, whole: float) -> float | None:
    """Return a share; None if there is nothing to compare with."""
    return value / whole if whole > 0 and math.isfinite(value) else None


@contextmanager
def _as_before(network: Any, *, everything: bool = False) -> Iterator[None]:
    """Put back what the body changes in a network: what it writes in passing, or all of its variables."""
    variables = network.variables if everything else network.non_trainable_variables
    kept = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
