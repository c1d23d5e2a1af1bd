"""Images translated, mirrored and stretched, each by its own amounts, as two matrix products.

A transformation that maps rows to rows and columns to columns is linear interpolation along one axis, then along the
other: a matrix for every image and axis, whose entries are the weights of the source pixels. It is exact for whole
pixels and needs no loop over images and no gather; derivatives of every order are products of the same matrices.
"""

from typing import Any

from ganctl.lazy import tf

Tensor = Any


def with_rows(images: Tensor, rows: Tensor) -> Tensor:
    """Return images with rows taken from other positions, linearly interpolated; outside the image is zero.

    Args:
        images: float32 [N, H, W, C].
        rows: the source row of every image's every row, float32 [N, H].
    """
    return tf.einsum("nij,njwc->niwc", _weights(rows, images.shape[1]), images)


def with_columns(images: Tensor, columns: Tensor) -> Tensor:
    """Return images with columns taken from other positions, float32 [N, W]; otherwise as `with_rows`."""
    return tf.einsum("nij,nhjc->nhic", _weights(columns, images.shape[2]), images)


def reflected(positions: Tensor, size: int) -> Tensor:
    """Return positions with those outside 0 .. size - 1 mirrored inside, as if the border were a mirror."""
    beyond = tf.math.floormod(tf.abs(positions), 2.0 * (size - 1))
    return tf.minimum(beyond, 2.0 * (size - 1) - beyond)


def _weights(positions: Tensor, size: int) -> Tensor:
    """Weights [N, positions, size] of the source pixels: tents of width one around the positions."""
    sources = tf.range(size, dtype=tf.float32)
    return tf.nn.relu(1.0 - tf.abs(positions[:, :, tf.newaxis] - sources))
