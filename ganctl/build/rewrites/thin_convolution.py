"""A convolution with few filters, such as a generator's last one, as a strided one with four times as many.

Processors compute sixteen filters at a time; one or three, as for grey or colour images, leave most lanes idle. Here
the four pixels of every 2x2 block of the output are computed together, as the 4 x filters channels of a convolution of
stride 2. Its (k+1) x (k+1) kernels hold the k x k kernel, each in another corner. Depth-to-space places the pixels.
"""

from typing import Any

from ganctl.build.rewrites import Graph, Layer, StandIns, adds_bias, is_plain_convolution
from ganctl.keras_internals import stored
from ganctl.layers.stand_in import ConvolutionStandIn
from ganctl.lazy import tf

MOST_FILTERS = 4

Tensor = Any


def rewrite(graph: Graph, before: StandIns) -> StandIns:
    """Widen every convolution that has at most `MOST_FILTERS` filters."""
    return {layer: Widened(layer, biased=adds_bias(layer, before)) for layer in graph.layers if _fits(layer)}


def _fits(layer: Layer) -> bool:
    return is_plain_convolution(layer) and layer.filters <= MOST_FILTERS and min(layer.kernel_size) > 1


def widened_kernel(kernel: Tensor) -> Tensor:
    """Return the kernel [k+1, k+1, in, 4 x out] of the strided convolution for a kernel [k, k, in, out]."""
    corners = [tf.pad(kernel, [[y, 1 - y], [x, 1 - x], [0, 0], [0, 0]]) for y in (0, 1) for x in (0, 1)]
    return tf.concat(corners, axis=3)


class Widened(ConvolutionStandIn):
    """A convolution with few filters, computed as a strided one."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return the convolution's output [N, H, W, filters] for [N, H, W, C]."""
        layer = self.layer
        if inputs.shape[1] is None or inputs.shape[2] is None or inputs.shape[1] % 2 or inputs.shape[2] % 2:
            return layer.call(inputs) if self.biased else layer.activation(layer.convolution_op(inputs, layer.kernel))
        kernel = tf.cast(widened_kernel(stored(layer.kernel)), inputs.dtype)
        outputs = tf.nn.depth_to_space(tf.nn.conv2d(inputs, kernel, strides=2, padding="SAME"), 2)
        return self.completed(outputs)
