"""Maxima over windows around every position, by shifting.

Where a max pooling keeps the size of its inputs, TensorFlow 2.21 may write its second derivative over the numbers that
it is computed from: it is zero then. This happens in a compiled function, and not step by step.
"""

from typing import Any

from ganctl.build.rewrites import Graph, StandIns
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import keras, tf

Tensor = Any


def stand_ins(graph: Graph) -> StandIns:
    """Return a stand-in for every max pooling."""
    layers = keras.layers
    kinds = layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D
    return {layer: Shifted(layer) for layer in graph.layers if type(layer) in kinds}


class Shifted(StandIn):
    """Max pooling as the maximum of shifted copies, if it keeps the size of its inputs."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return the maxima, [N, ..., C]."""
        layer, size = self.layer, list(inputs.shape[1:])
        if layer.data_format != "channels_last" or list(layer.compute_output_shape(inputs.shape))[1:] != size:
            return layer.call(inputs)
        maxima = inputs
        # Strides matter only where a side has length 1: there is a single window then.
        for axis, width in enumerate(layer.pool_size, 1):
            if size[axis - 1] != 1:
                maxima = _maxima_along(maxima, axis, width)
        return maxima


def _maxima_along(values: Tensor, axis: int, width: int) -> Tensor:
    """The maximum of a window of this width around every position along an axis."""
    size, padding = values.shape[axis], [[0, 0]] * values.shape.rank
    padding[axis] = [(width - 1) // 2, width // 2]
    padded = tf.pad(values, padding, constant_values=values.dtype.min)
    maxima = None
    for start in range(width):
        part = [slice(None)] * axis + [slice(start, start + size)]
        maxima = padded[tuple(part)] if maxima is None else tf.maximum(maxima, padded[tuple(part)])
    return maxima
