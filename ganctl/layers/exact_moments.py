"""Mean and variance with right derivatives of every order."""

from collections.abc import Sequence
from typing import Any

from ganctl.lazy import tf

Tensor = Any


def moments(values: Tensor, axes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return mean and variance over axes, which are kept with length 1.

    `tf.nn.moments` returns the same numbers with the same gradient, but takes the mean for a constant within the
    variance. This is wrong in a second derivative, as of a gradient penalty.

    Args:
        values: any floating-point tensor.
        axes: the axes to reduce.
    """
    mean = tf.reduce_mean(values, axes, keepdims=True)
    return mean, tf.reduce_mean(tf.math.squared_difference(values, mean), axes, keepdims=True)
