"""Images at half and at twice their size: the steps between the levels of a pyramid."""

from typing import Any

from ganctl.lazy import tf


def halved(images: Any) -> Any:
    """Return images [N, H, W, C] at half the size: means of 2x2 pixels; an odd last row or column counts by itself."""
    return tf.nn.avg_pool2d(images, 2, 2, "SAME")


def doubled(images: Any, height: int, width: int) -> Any:
    """Return images [N, h, w, C] at twice the size, linearly interpolated, without what is beyond height and width."""
    size = [2 * images.shape[1], 2 * images.shape[2]]
    return tf.image.resize(images, size, method="bilinear")[:, :height, :width]
