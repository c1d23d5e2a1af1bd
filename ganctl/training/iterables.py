"""Training from Python with your own networks and iterables, in the manner of tutorial 4's `GAN` class.

The networks know nothing about training, and training knows nothing about where images and noise come from.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from ganctl.build.resolving import named_loss
from ganctl.errors import DataError, UsageError
from ganctl.experiment.sections import TrainingSection
from ganctl.game.feed import ImageBatch
from ganctl.game.game import Game, Player
from ganctl.game.noise import Key
from ganctl.game.objectives import AdversarialLoss
from ganctl.game.players import Setup, advancing, generator_and_discriminator
from ganctl.lazy import keras, own_settings, tf

Noise = np.ndarray | Sequence[np.ndarray]


def fit(
    generator: Any,
    discriminator: Any,
    images: Iterable[np.ndarray],
    noise: Iterable[Noise] | None = None,
    *,
    iterations: int,
    training_ratio: int = 1,
    loss: AdversarialLoss | None = None,
    optimizers: tuple[Any, Any] | None = None,
    seed: int = 0,
) -> list[dict[str, float]]:
    """Train two Keras networks on batches from iterables; Ctrl-C leaves them as of the last complete iteration.

    Args:
        generator: latent vectors [N, latent_dim] (one input or several) to images [N, H, W, C].
        discriminator: images to scores [N, 1], as logits: its last layer has no sigmoid.
        images: batches of real images, float [N, H, W, C] in [-1, 1], all of one size N.
        noise: batches of latent vectors, or lists of them for several inputs; None: drawn from N(0, 1).
        iterations: rounds to play; training ends earlier if an iterable ends.
        training_ratio: discriminator updates per iteration.
        loss: the adversarial loss; by default tutorial 4's, which labels fakes 1.
        optimizers: of the generator and of the discriminator; by default tutorial 4's Adam 1e-4 (0.5, 0.9).
        seed: of all randomness that is not given.

    Returns:
        For each iteration its measurements by name, such as `d_loss` and `g_loss`.

    Raises:
        UsageError: the discriminator ends in a sigmoid, or a count is below 1.
        DataError: a batch has a different shape from the first, or does not hold floating-point numbers.
    """
    if iterations < 1 or training_ratio < 1:
        raise UsageError(
            "iterations and training_ratio must be integers >= 1. "
            f"Received: iterations={iterations}, training_ratio={training_ratio}"
        )
    last = discriminator.layers[-1]
    if getattr(last, "activation", None) in (keras.activations.sigmoid, keras.activations.softmax):
        raise UsageError(f"The discriminator's last layer '{last.name}' must output logits: remove its activation.")
    first, images = _peek(images)
    networks = {"generator": generator, "discriminator": discriminator}
    feeds: dict[str, Any] = {"real": IteratedFeed(images, first.shape[1:], "images in [-1, 1]")}
    if noise is not None:
        feeds["latent"] = IteratedFeed(
            (_joined(batch) for batch in noise),
            [sum(tensor.shape[1] for tensor in generator.inputs)],
            "latent vectors",
        )
    with own_settings():
        g_optimizer, d_optimizer = optimizers or (
            keras.optimizers.Adam(1e-4, 0.5, 0.9),
            keras.optimizers.Adam(1e-4, 0.5, 0.9),
        )
    training = TrainingSection(
        batch_size=len(first), disc_updates=training_ratio, discriminator_batches="summed", rewrites=False
    )
    setup = Setup(
        loss or named_loss("minimax", real_label=0),
        [],
        training,
        "normal",
        lambda name: {"generator": g_optimizer, "discriminator": d_optimizer}[name],
    )
    players = advancing(generator_and_discriminator(networks, setup), networks)
    if noise is not None:
        players = [_fed_with_noise(player, len(first)) for player in players]
    game = Game(networks, players, feeds, seed)
    rows: list[dict[str, float]] = []
    for step in range(iterations):
        try:
            chunk = game.chunk(step, 1)
        except StopIteration:
            break
        rows.append(dict(zip(game.columns, map(float, game.play(chunk).numpy()[0]), strict=True)))
    return rows


class IteratedFeed:
    """Feeds batches from an iterable to the game, as `ganctl.game.feed.Feed` feeds those of a data set.

    Args:
        batches: float arrays [N, ...], as many as the game asks for.
        shape: of one example.
        what: what they are, for error messages.
    """

    def __init__(self, batches: Iterable[np.ndarray], shape: Sequence[int], what: str) -> None:
        self._batches: Iterator[np.ndarray] = iter(batches)
        self._shape, self._what = tuple(shape), what

    def signature(self, width: int) -> Any:
        """Return the TensorSpec of a chunk whose rounds take `width` examples each."""
        return tf.TensorSpec([None, width, *self._shape], tf.float32)

    def chunk(self, draws: Sequence[int], step: int, rounds: int, drawn: int | None = None) -> Any:
        """Return the next batches, one for each draw; raises StopIteration at the end of the iterable."""
        taken = [[self._next(draw) for draw in draws] for _ in range(rounds)]
        return tf.constant(np.stack([np.concatenate(batches) for batches in taken]))

    def _next(self, count: int) -> np.ndarray:
        batch = np.asarray(next(self._batches))
        if batch.shape != (count, *self._shape) or not np.issubdtype(batch.dtype, np.floating):
            expected = f"floating-point numbers of shape {(count, *self._shape)}"
            raise DataError(f"Expected {expected} ({self._what}). Received: {batch.dtype} {batch.shape}")
        return batch.astype(np.float32)

    def look_up(self, row: Any) -> tuple[Any, Any]:
        """Return the examples of one round, and no labels."""
        return row, tf.zeros(tf.shape(row)[:1], tf.int32)

    def prepare(self, images: Any, labels: Any, key: Key) -> ImageBatch:
        """Return the batch as it is."""
        return ImageBatch(images, labels)

    def max_rounds(self, draws: Sequence[int]) -> int:
        """Return 1, because the length of an iterable is unknown."""
        return 1

    def close(self) -> None:
        """Do nothing: no file is open."""


def _fed_with_noise(player: Player, count: int) -> Player:
    """Return the same player with the given noise in each of its turns."""
    turns = [replace(turn, draws={**turn.draws, "latent": count}) for turn in player.turns]
    return replace(player, turns=turns)


def _peek(batches: Iterable[np.ndarray]) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    iterator = iter(batches)
    try:
        first = np.asarray(next(iterator))
    except StopIteration:
        raise DataError("The iterable of images is empty. It must yield at least one batch [N, H, W, C].") from None
    return first, chain([first], iterator)


def _joined(noise: Noise) -> np.ndarray:
    if isinstance(noise, np.ndarray):
        return noise
    parts = [np.asarray(part) for part in noise]
    try:
        return np.concatenate(parts, axis=1)
    except ValueError:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise DataError(
            f"Expected latent vectors [N, length] for each latent input, all with the same N. Received: {shapes}"
        ) from None
