"""Images from a generator."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ganctl.lazy import tf
from ganctl.noise import Key

BATCH = 128


def generate(generator: Any, count: int, seed: int, distribution: str) -> Iterator[np.ndarray]:
    """Yield uint8 images [n, H, W, C], n up to BATCH, `count` in all.

    Every batch is drawn whole and cut at the end: the first images of a seed are the same whatever their number.

    Args:
        generator: the network.
        count: number of images.
        seed: of the latent vectors.
        distribution: of the latent vectors, `normal` or `uniform`.
    """
    shape = [BATCH, *generator.input_shape[1:]]
    paint = tf.function(lambda latent: to_pixels(generator(latent, training=False)))
    for start in range(0, count, BATCH):
        images = paint(Key(seed, start // BATCH, "sample").latent(shape, distribution)).numpy()
        yield images[: count - start]


def to_pixels(images: Any) -> Any:
    """Return images in [-1, 1] as uint8, rounded to the nearest grey level."""
    scaled = tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5)
    return tf.cast(tf.clip_by_value(scaled, 0.0, 255.0), tf.uint8)
