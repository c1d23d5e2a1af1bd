"""What a generator is fed, and the images that it makes of it.

A generator's inputs are latent vectors; one that is called `classes` takes what is to be drawn, as integers [N, 1] or
one-hot [N, classes].
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any

import numpy as np

from ganctl.errors import UsageError
from ganctl.lazy import tf
from ganctl.noise import Key, layer_seeds, seed_layers

BATCH = 128
MOST_DRAWN = 10_000_000
"""Images at once. A larger number is a slip of the hand."""
CLASSES = "classes"

Tensor = Any


def takes_classes(network: Any) -> bool:
    """Whether a generator draws what it is told to, or a discriminator is told what it sees."""
    # A subclass of keras.Model, such as a user's own discriminator, does not say what its inputs are.
    return any(tensor.name == CLASSES for tensor in getattr(network, "inputs", None) or ())


def judges_images_alone(discriminator: Any) -> bool:
    """Whether a discriminator looks at images, and classes if it takes them, but at nothing else beside them."""
    return len([tensor for tensor in discriminator.inputs if tensor.name != CLASSES]) == 1


def class_count(generator: Any, num_classes: int) -> int:
    """Return how many classes a generator tells apart: as many as its one-hot input is wide, else the data set's.

    Only the width is sure where a generator finds categories itself (InfoGAN).
    """
    wanted = next(tensor for tensor in generator.inputs if tensor.name == CLASSES)
    return num_classes if "int" in wanted.dtype else int(wanted.shape[-1])


def choose_classes(generator: Any, wanted: Sequence[int] | None, num_classes: int) -> list[int]:
    """Return the classes to draw: those that are wanted, all where nobody said, none of a generator that takes none.

    Raises:
        UsageError: there is no such class, or none is wanted.
    """
    if not takes_classes(generator):
        if wanted is not None:
            raise UsageError("classes: this generator knows no classes; leave them out.")
        return []
    num_classes = class_count(generator, num_classes)
    if wanted is None:
        return list(range(num_classes))
    if not wanted or not all(0 <= number < num_classes for number in wanted):
        received = ", ".join(map(str, wanted)) or "none"
        raise UsageError(f"classes takes numbers from 0 to {num_classes - 1}. Received: {received}")
    return list(wanted)


def check_count(name: str, number: int) -> None:
    """Raise UsageError where more images are asked for than anybody means."""
    if number > MOST_DRAWN:
        raise UsageError(f"{name} is {MOST_DRAWN:,} images at most. Received: {number:,}")


def check_truncation(generator: Any, distribution: str, truncation: float | None) -> None:
    """Raise UsageError where latent vectors cannot be truncated."""
    if truncation is None:
        return
    if not isinstance(truncation, Real) or not truncation > 0:
        raise UsageError(f"truncation takes a number above 0, such as 0.7. Received: {truncation!r}")
    if distribution != "normal":
        raise UsageError(
            "truncation cuts the tails of normal latent vectors. This generator's come from U(-1, 1), which has none."
        )
    if all(tensor.name == CLASSES for tensor in generator.inputs):
        raise UsageError("truncation: this generator draws its noise itself and takes no latent vectors.")


def draw_latent(
    generator: Any, key: Key, count: int, distribution: str, truncation: float | None = None
) -> list[Tensor]:
    """Draw latent vectors [count, latent_dim] for every latent input; `truncation` as in `Key.latent`."""
    shapes = [tensor.shape[1:] for tensor in generator.inputs if tensor.name != CLASSES]
    keys = [key, *(key.narrow("latent input", index) for index in range(1, len(shapes)))]
    return [key.latent([count, *shape], distribution, truncation) for key, shape in zip(keys, shapes, strict=False)]


def arrange_inputs(network: Any, given: Tensor | Sequence[Tensor], classes: Tensor | None = None) -> Tensor:
    """Return what a generator or a discriminator is called with, in the order of its inputs.

    Args:
        network: the network.
        given: a generator's latent vectors, a discriminator's images; a list where it takes several.
        classes: int32 [N], where it takes classes.
    """
    tensors = iter(given if isinstance(given, (list, tuple)) else [given])
    arranged = [_encoded(classes, tensor) if tensor.name == CLASSES else next(tensors) for tensor in network.inputs]
    return arranged[0] if len(arranged) == 1 else arranged


def _encoded(classes: Tensor, wanted: Any) -> Tensor:
    """Classes [N] as the input wants them: integers [N, 1] or one-hot."""
    return classes[:, tf.newaxis] if "int" in wanted.dtype else tf.one_hot(classes, wanted.shape[-1])


@contextmanager
def seeded(network: Any, key: Key) -> Iterator[None]:
    """Let layers that draw noise themselves draw by this key meanwhile; their own seeds come back afterwards."""
    seeds = layer_seeds(network)
    before = [seed.numpy() for seed in seeds]
    seed_layers(network, key)
    try:
        yield
    finally:
        for seed, value in zip(seeds, before, strict=True):
            seed.assign(value)


def sample_latent(generator: Any, count: int, seed: int, distribution: str) -> list[np.ndarray]:
    """Return the latent vectors of the first `count` images that `generate` makes of this seed, one array an input."""
    keys = [sample_key(seed, number) for number in range(-(-count // BATCH))]
    batches = [draw_latent(generator, key, BATCH, distribution) for key in keys]
    return [np.concatenate(parts)[:count] for parts in zip(*batches, strict=True)]


def sample_key(seed: int, number: int) -> Key:
    """Return the key of everything random in that batch of the images of a seed."""
    return Key(seed, number, "sample")


def painter(generator: Any) -> Callable[[Tensor], Tensor]:
    """Return what makes uint8 images [N, H, W, C] of a generator's inputs."""
    return tf.function(lambda inputs: to_pixels(generator(inputs, training=False)))


def generate(
    generator: Any,
    count: int,
    seed: int,
    distribution: str,
    classes: Sequence[int] = (),
    truncation: float | None = None,
) -> Iterator[np.ndarray]:
    """Yield uint8 images [n, H, W, C], n up to BATCH, `count` in all.

    Every batch is drawn whole and cut at the end: the first images of a seed are the same whatever their number.

    Args:
        generator: the network.
        count: number of images.
        seed: of the latent vectors.
        distribution: of the latent vectors, `normal` or `uniform`.
        classes: what to draw, over and over again, of a generator that takes classes.
        truncation: as in `Key.latent`.
    """
    paint = painter(generator)
    for start in range(0, count, BATCH):
        key = sample_key(seed, start // BATCH)
        wanted = tf.constant([classes[i % len(classes)] for i in range(start, start + BATCH)]) if classes else None
        with seeded(generator, key):
            latent = draw_latent(generator, key, BATCH, distribution, truncation)
            images = paint(arrange_inputs(generator, latent, wanted)).numpy()
        yield images[: count - start]


def to_pixels(images: Any) -> Any:
    """Return images in [-1, 1] as uint8, rounded to the nearest grey level."""
    scaled = tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5)
    return tf.cast(tf.clip_by_value(scaled, 0.0, 255.0), tf.uint8)
