"""Pyramids of images: the sizes of their levels, and the steps to half and to twice the size between them."""

from typing import Any

from ganctl.lazy import channels_last, keras, tf


def level_sizes(height: int, width: int, levels: int) -> list[tuple[int, int]]:
    """Return height and width of each level, the smallest first: each has half the size of the next, rounded up."""
    return [(-(-height // 2**times), -(-width // 2**times)) for times in reversed(range(levels))]


def halved(images: Any) -> Any:
    """Return images [N, H, W, C] at half the size: means of 2x2 pixels; an odd last row or column counts by itself."""
    return tf.nn.avg_pool2d(images, 2, 2, "SAME")


def doubled(images: Any, height: int, width: int) -> Any:
    """Return images [N, h, w, C] at twice the size, linearly interpolated, without what is beyond height and width."""
    size = [2 * images.shape[1], 2 * images.shape[2]]
    return tf.image.resize(images, size, method="bilinear")[:, :height, :width]


@channels_last()
def trimmed(maps: Any, height: int, width: int, **settings: Any) -> Any:
    """Return maps [N, height, width, C]: doubling a rounded-up size adds a row or column, cut off at bottom and right.

    Args:
        maps: a Keras tensor, at least as large.
        height: in pixels.
        width: in pixels.
        **settings: of the `keras.layers.Cropping2D`, if one is needed.
    """
    surplus = maps.shape[1] - height, maps.shape[2] - width
    return keras.layers.Cropping2D(((0, surplus[0]), (0, surplus[1])), **settings)(maps) if any(surplus) else maps
