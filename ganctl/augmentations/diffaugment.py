"""DiffAugment: colour, translation and cutout."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from ganctl.augmentations import registry
from ganctl.game import Augmentation, Key
from ganctl.layers.resampling import with_columns, with_rows
from ganctl.lazy import tf

Tensor = Any
Kind = Literal["colour", "translation", "cutout"]

BRIGHTNESS = 0.5
SHIFT = 1 / 8
HOLE = 1 / 2


@registry.register("diffaugment", source="Zhao et al. 2020, https://arxiv.org/abs/2006.10738, section 3 and its code")
@dataclass(frozen=True)
class DiffAugment(Augmentation):
    """Change colours, shift by up to an eighth and cut out a square: every image, every time.

    Brightness changes by up to 0.5, saturation by a factor from [0, 2), contrast by a factor from [0.5, 1.5), for
    pixels in [-1, 1]; pixels shifted in and cut out are grey (zero). For data sets of up to some thousands of images.

    Args:
        policy: which of colour, translation and cutout to apply, in this order.
    """

    policy: Annotated[tuple[Kind, ...], Field(min_length=1, strict=False)] = ("colour", "translation", "cutout")

    def apply(self, images: Tensor, key: Key, memory: Any) -> Tensor:
        """Return the images with every change of the policy applied."""
        for kind in self.policy:
            images = _KINDS[kind](images, key)
        return images


def _colour(images: Tensor, key: Key) -> Tensor:
    """Add b, then x -> grey + s (x - grey), then x -> mean + c (x - mean), as one product with a colour matrix.

    The mean of an image grows by b and does not change with saturation, which is why b is not multiplied by c.
    """
    each = [images.shape[0], 1, 1, 1]
    brightness = key.uniform("brightness", each, -BRIGHTNESS, BRIGHTNESS)
    contrast = key.uniform("contrast", each, 0.5, 1.5)
    saturation = key.uniform("saturation", each, 0.0, 2.0)
    same, grey = tf.eye(images.shape[3]), tf.fill([images.shape[3]] * 2, 1.0 / images.shape[3])
    matrix = contrast * (grey + saturation * (same - grey))  # [N, 1, C, C]
    middle = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return tf.einsum("nhwc,ncd->nhwd", images, matrix[:, 0]) + (brightness + (1.0 - contrast) * middle)


def _translation(images: Tensor, key: Key) -> Tensor:
    def sources(axis: str, size: int) -> Tensor:
        most = int(size * SHIFT + 0.5)
        shift = key.integers(axis, [images.shape[0], 1], 2 * most + 1) - most
        return tf.range(size, dtype=tf.float32) - tf.cast(shift, tf.float32)

    return with_columns(with_rows(images, sources("rows", images.shape[1])), sources("columns", images.shape[2]))


def _cutout(images: Tensor, key: Key) -> Tensor:
    def within(axis: str, size: int) -> Tensor:
        """Which rows or columns the hole covers, 1.0 or 0.0, [N, size]; its centre may be on the border."""
        hole = int(size * HOLE + 0.5)
        start = key.integers(axis, [images.shape[0], 1], size + 1 - hole % 2) - hole // 2
        place = tf.range(size)
        return tf.cast((place >= start) & (place < start + hole), tf.float32)

    rows, columns = within("hole rows", images.shape[1]), within("hole columns", images.shape[2])
    return images * (1.0 - rows[:, :, tf.newaxis, tf.newaxis] * columns[:, tf.newaxis, :, tf.newaxis])


_KINDS = {"colour": _colour, "translation": _translation, "cutout": _cutout}
