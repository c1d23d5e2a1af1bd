"""Mirrored images."""

from typing import Any

from ganctl.augmentations import registry
from ganctl.game import Augmentation, Key
from ganctl.layers.resampling import with_columns
from ganctl.lazy import tf


class Flip(Augmentation):
    """Mirrors each image horizontally with probability one half."""

    def apply(self, images: Any, key: Key, memory: Any) -> Any:
        """Return the images, about half of them mirrored."""
        mirrored = key.uniform("mirrored", [images.shape[0], 1]) < 0.5
        columns = tf.range(images.shape[2], dtype=tf.float32)[tf.newaxis]
        return with_columns(images, tf.where(mirrored, columns[:, ::-1], columns))


@registry.register("flip", source="as in Zhao et al. 2020, https://arxiv.org/abs/2006.02595")
def flip() -> Flip:
    """Mirror images horizontally at random, so that generated ones are mirrored too (`dataset.flip`: only real)."""
    return Flip()
