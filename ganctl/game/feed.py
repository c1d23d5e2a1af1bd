"""Brings real images to the game, from the device's memory or the host's.

Data that fits is kept on the device as uint8, and a chunk of rounds carries indices only. Larger data stays in the
(memory-mapped) host array: a chunk carries the uint8 images, and a thread gathers the next chunk while this one is
played. Both give the same images, because the images of a round depend on (seed, step) alone.
"""

import math
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ganctl.game.image_order import ImageOrder
from ganctl.game.inputs import as_networks_see
from ganctl.game.noise import Key
from ganctl.lazy import tf

Tensor = Any


CHUNK_BYTES = 2**27

PAIR = "pair"
"""What the order and the mirroring of paired feeds are keyed by, instead of each one's role."""


class ImageBatch(NamedTuple):
    """Real images of one turn: float32 [N, H, W, C] in [-1, 1], and int32 labels [N] (zeros without labels)."""

    pixels: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Shift:
    """A random translation by whole steps, up or down and sideways; the border is filled with its mirror image.

    The image is mirrored at the outer edge of its border pixels. So an image and the same image in a larger size stay
    over each other if the larger one moves by as many times more pixels.

    Attributes:
        most: the most steps down and to the right, and as many up and to the left.
        pixels: how many pixels a step is, downwards and sideways.
    """

    most: tuple[int, int]
    pixels: tuple[int, int] = (1, 1)

    def applied(self, images: Tensor, key: Key) -> Tensor:
        """Return images [N, H, W, C], each translated by steps of its own (traced)."""
        for axis, name in enumerate(("shift down", "shift right")):
            side = images.shape[1 + axis]
            steps = key.integers(name, [images.shape[0], 1], 2 * self.most[axis] + 1) - self.most[axis]
            places = tf.range(side)[None] - steps * self.pixels[axis]
            places = tf.where(places < 0, -1 - places, places)
            places = tf.where(places >= side, 2 * side - 1 - places, places)
            images = tf.gather(images, places, axis=1 + axis, batch_dims=1)
        return images


class _Ahead(NamedTuple):
    """Images that are being read for the next chunk: its place, and the arrays to come."""

    step: int
    drawn: int
    draws: Sequence[int]
    rounds: int
    read: Future[tuple[np.ndarray, np.ndarray]]


class Feed:
    """The training images of one data set.

    Args:
        images: uint8 [N, H, W, C].
        labels: int32 [N], or None.
        order: chooses the images of each round.
        flip: mirror each image at random.
        resident: keep the images on the device; otherwise stream them from the host.
        paired: its images belong to those of other feeds, which are mirrored and translated together with them.
        shift: how images are translated at random.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray | None,
        order: ImageOrder,
        *,
        flip: bool = False,
        resident: bool = True,
        paired: bool = False,
        shift: Shift | None = None,
    ) -> None:
        self._order = order
        self._shift = shift
        self._flip = flip
        self._paired = paired
        self._images = images
        self._labels = np.zeros(len(images), np.int32) if labels is None else np.asarray(labels, np.int32)
        self._thread = None if resident else ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._ahead: _Ahead | None = None
        if resident:
            self._device_images = tf.constant(images)
            self._device_labels = tf.constant(self._labels)

    @property
    def resident(self) -> bool:
        """Whether the images are on the device."""
        return self._thread is None

    def signature(self, width: int) -> Any:
        """Return the TensorSpec of a chunk whose rounds see `width` images each."""
        if self.resident:
            return tf.TensorSpec([None, width], tf.int32)
        shape = self._images.shape[1:]
        return tf.TensorSpec([None, width, *shape], tf.uint8), tf.TensorSpec([None, width], tf.int32)

    def chunk(self, draws: Sequence[int], step: int, rounds: int, drawn: int | None = None) -> Any:
        """Return the chunk of `rounds` rounds after `step`, as described by `signature`.

        `draws` and `drawn` as in `ImageOrder.rounds`.
        """
        drawn = step * sum(draws) if drawn is None else drawn
        if self._thread is None:
            return tf.constant(self._order.rounds(draws, step, rounds, drawn))
        pixels, labels = self._gathered(draws, step, rounds, drawn)
        step, drawn = step + rounds, drawn + rounds * sum(draws)
        self._ahead = _Ahead(step, drawn, draws, rounds, self._thread.submit(self._gather, draws, step, rounds, drawn))
        return tf.constant(pixels), tf.constant(labels)

    def max_rounds(self, draws: Sequence[int]) -> int:
        """Return the most rounds that a chunk may have, so that its images take little memory."""
        size = sum(draws) * math.prod(self._images.shape[1:])
        return sys.maxsize if self.resident else max(1, CHUNK_BYTES // max(size, 1))

    def _gathered(self, draws: Sequence[int], step: int, rounds: int, drawn: int) -> tuple[np.ndarray, np.ndarray]:
        """Use the images read ahead as far as they go: a chunk may be shorter or longer than the previous one."""
        ahead = self._ahead
        if ahead is None or (ahead.step, ahead.drawn, ahead.draws) != (step, drawn, draws):
            return self._gather(draws, step, rounds, drawn)
        pixels, labels = (array[:rounds] for array in ahead.read.result())
        if ahead.rounds < rounds:
            done = ahead.rounds
            more_pixels, more_labels = self._gather(draws, step + done, rounds - done, drawn + done * sum(draws))
            pixels, labels = np.concatenate([pixels, more_pixels]), np.concatenate([labels, more_labels])
        return pixels, labels

    def _gather(self, draws: Sequence[int], step: int, rounds: int, drawn: int) -> tuple[np.ndarray, np.ndarray]:
        indices = self._order.rounds(draws, step, rounds, drawn)
        # Sorted reads walk a memory-mapped file forwards, which spinning disks and network drives need.
        ascending, back = np.unique(indices, return_inverse=True)
        return self._images[ascending][back.reshape(indices.shape)], self._labels[indices]

    def look_up(self, row: Any) -> tuple[Tensor, Tensor]:
        """Return uint8 images and int32 labels of one round, given its row of a chunk (traced)."""
        if self.resident:
            return tf.gather(self._device_images, row), tf.gather(self._device_labels, row)
        return row

    def prepare(self, images: Tensor, labels: Tensor, key: Key) -> ImageBatch:
        """Return the batch as the networks see it: float32 in [-1, 1], mirrored and translated at random (traced)."""
        pixels = as_networks_see(tf.cast(images, tf.float32))
        if self._paired:
            key = key.beside(PAIR)
        if self._flip:
            mirrored = key.uniform("flip", [images.shape[0], 1, 1, 1]) < 0.5
            pixels = tf.where(mirrored, pixels[:, :, ::-1], pixels)
        if self._shift:
            pixels = self._shift.applied(pixels, key)
        return ImageBatch(pixels, labels)

    def close(self) -> None:
        """End the reading thread."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
