"""A convolution with few filters, such as a generator's last one, as a strided one with four times as many.

Processors compute sixteen filters at a time; one or three, for grey and colour images, leave most of them idle. Four
neighbouring pixels of the output are computed at once: as 4 x filters channels of a convolution of stride 2 whose
(k+1) x (k+1) kernels hold the k x k kernel in their four corners.
"""

from typing import Any

from ganctl.build.rewrites import completed, is_plain_convolution
from ganctl.lazy import tf

MOST_FILTERS = 4


def rewrite(network: Any) -> int:
    """Widen every thin convolution; returns how many there are."""
    found = [layer for layer in network._flatten_layers() if _fits(layer)]
    for layer in found:
        layer.call = _Widened(layer)
    return len(found)


def _fits(layer: Any) -> bool:
    return (
        is_plain_convolution(layer)
        and "call" not in vars(layer)  # another rewrite has it
        and layer.filters <= MOST_FILTERS
        and min(layer.kernel_size) > 1
    )


def widened_kernel(kernel: Any) -> Any:
    """Return the kernel [k+1, k+1, in, 4 x out] of the strided convolution for a kernel [k, k, in, out]."""
    corners = [tf.pad(kernel, [[y, 1 - y], [x, 1 - x], [0, 0], [0, 0]]) for y in (0, 1) for x in (0, 1)]
    return tf.concat(corners, axis=3)


class _Widened:
    """What stands for `Conv2D.call`."""

    def __init__(self, layer: Any) -> None:
        self._layer, self._plain = layer, layer.call

    def __call__(self, inputs: Any) -> Any:
        """Return what the convolution makes of [N, H, W, C]: [N, H, W, filters]."""
        layer = self._layer
        if inputs.shape[1] is None or inputs.shape[2] is None or inputs.shape[1] % 2 or inputs.shape[2] % 2:
            return self._plain(inputs)
        kernel = tf.cast(widened_kernel(layer._kernel._value), inputs.dtype)
        outputs = tf.nn.depth_to_space(tf.nn.conv2d(inputs, kernel, strides=2, padding="SAME"), 2)
        return completed(layer, outputs)
