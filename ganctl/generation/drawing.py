"""Drawing images from a trained generator, by seed and in batches."""

import math
from collections.abc import Callable, Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np

from ganctl.errors import UsageError
from ganctl.game.inputs import (
    CLASSES,
    arrange_inputs,
    as_networks_see,
    class_count,
    draw_latent,
    takes_classes,
    to_pixels,
)
from ganctl.game.noise import Key, seeded
from ganctl.lazy import tf

BATCH = 128
MOST_DRAWN = 10_000_000
"""The most images per call. A larger number is a typing error."""

Tensor = Any


def choose_classes(generator: Any, wanted: Sequence[int] | None, num_classes: int) -> list[int]:
    """Return the classes to draw: the requested ones; all by default; [] for an unconditional generator.

    Raises:
        UsageError: a class does not exist, the list is empty, or the generator is unconditional.
    """
    if wanted is not None:
        check_conditional(generator)
    if not takes_classes(generator):
        return []
    num_classes = class_count(generator, num_classes)
    if wanted is None:
        return list(range(num_classes))
    if not wanted or not all(0 <= number < num_classes for number in wanted):
        received = ", ".join(map(str, wanted)) or "none"
        raise UsageError(f"classes must be numbers from 0 to {num_classes - 1}. Received: {received}")
    return list(wanted)


def check_conditional(generator: Any) -> None:
    """Raise UsageError if a generator takes no classes."""
    if not takes_classes(generator):
        raise UsageError("classes: this generator is not class-conditional. Leave them out.")


def check_count(name: str, number: int) -> None:
    """Raise UsageError if more than MOST_DRAWN images are requested."""
    if number > MOST_DRAWN:
        raise UsageError(f"{name} can be at most {MOST_DRAWN:,} images. Received: {number:,}")


def check_truncation(generator: Any, distribution: str, truncation: float | None) -> None:
    """Raise UsageError if latent vectors cannot be truncated."""
    if truncation is None:
        return
    if not isinstance(truncation, Real) or not 0 < truncation < math.inf:
        raise UsageError(f"truncation must be a number above 0, such as 0.7. Received: {truncation!r}")
    if distribution != "normal":
        raise UsageError(
            "truncation cuts the tails of normal latent vectors. This generator's come from U(-1, 1), which has none. "
            "Leave it out."
        )
    if all(tensor.name == CLASSES for tensor in generator.inputs):
        raise UsageError("truncation: this generator draws its own noise and takes no latent vectors. Leave it out.")


def sample_latent(
    generator: Any, count: int, seed: int, distribution: str, truncation: float | None = None
) -> list[np.ndarray]:
    """Return the latent vectors of the first `count` images that `generate` draws from a seed, one array per input."""
    keys = [sample_key(seed, number) for number in range(-(-count // BATCH))]
    batches = [draw_latent(generator, key, BATCH, distribution, truncation) for key in keys]
    return [np.concatenate(parts)[:count] for parts in zip(*batches, strict=True)]


def sample_key(seed: int, number: int) -> Key:
    """Return the key of all randomness in batch `number` of the images of a seed."""
    return Key(seed, number, "sample")


def painter(generator: Any, finish: Callable[[Tensor], Tensor] = to_pixels) -> Callable[[Tensor], Tensor]:
    """Return a function from a generator's inputs to images [N, H, W, C], by default uint8.

    Args:
        generator: the network.
        finish: converts its output, in [-1, 1].
    """
    return tf.function(lambda inputs: finish(generator(inputs, training=False)), autograph=False)


def generate(
    generator: Any,
    count: int,
    seed: int,
    distribution: str,
    classes: Sequence[int] = (),
    truncation: float | None = None,
    finish: Callable[[Tensor], Tensor] = to_pixels,
) -> Iterator[np.ndarray]:
    """Yield images [n, H, W, C], n up to BATCH, `count` in all: uint8, or what `finish` returns.

    Every batch is drawn in full, and the last one is truncated: the first images of a seed do not depend on `count`.

    Args:
        generator: the network.
        count: number of images.
        seed: of the latent vectors.
        distribution: of the latent vectors, `normal` or `uniform`.
        classes: the classes to draw, cyclically, if the generator takes classes.
        truncation: as in `Key.latent`.
        finish: as for `painter`.
    """

    def drawn(number: int) -> list[Tensor]:
        return draw_latent(generator, sample_key(seed, number), BATCH, distribution, truncation)

    return _painted(generator, count, seed, drawn, classes, finish)


def generate_from(
    generator: Any,
    latent: Sequence[np.ndarray],
    seed: int,
    classes: Sequence[int] = (),
    finish: Callable[[Tensor], Tensor] = to_pixels,
) -> Iterator[np.ndarray]:
    """Yield the images of given latent vectors as `generate` does: those of `sample_latent` give the same images.

    Args:
        generator: the network.
        latent: a float32 array [N, *shape] for each latent input.
        seed: of layers that draw their own noise.
        classes: as for `generate`.
        finish: as for `painter`.
    """
    count = len(latent[0])

    def given(number: int) -> list[Tensor]:
        rows = np.arange(number * BATCH, (number + 1) * BATCH) % count
        return [tf.constant(vectors[rows]) for vectors in latent]

    return _painted(generator, count, seed, given, classes, finish)


def _painted(
    generator: Any,
    count: int,
    seed: int,
    latent_of: Callable[[int], list[Tensor]],
    classes: Sequence[int],
    finish: Callable[[Tensor], Tensor],
) -> Iterator[np.ndarray]:
    """Yield images in batches; `latent_of` returns the latent inputs of batch number 0, 1, 2 ..., BATCH rows each."""
    paint = painter(generator, finish)
    for start in range(0, count, BATCH):
        number = start // BATCH
        wanted = tf.constant([classes[i % len(classes)] for i in range(start, start + BATCH)]) if classes else None
        with seeded(generator, sample_key(seed, number)):
            images = paint(arrange_inputs(generator, latent_of(number), wanted)).numpy()
        yield images[: count - start]


def translate(network: Any, images: np.ndarray, count: int, seed: int) -> Iterator[np.ndarray]:
    """Yield uint8 images [n, H, W, C], n up to BATCH, that a network makes from images: `count` in all.

    Args:
        network: takes and returns images in [-1, 1].
        images: uint8 [N, H, W, C], repeated cyclically if there are fewer than `count`.
        count: number of images.
        seed: of layers that draw their own noise.
    """
    paint = painter(network)
    for start in range(0, count, BATCH):
        given = images[np.arange(start, min(start + BATCH, count)) % len(images)]
        with seeded(network, sample_key(seed, start // BATCH)):
            made = paint(as_networks_see(tf.cast(given, tf.float32))).numpy()
        yield made
