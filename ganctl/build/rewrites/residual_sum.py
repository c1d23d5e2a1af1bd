"""Residual sums that TensorFlow does not fuse with the convolution before them.

A fused sum is rounded once instead of twice in bfloat16, and TensorFlow 2.21 fuses it in one process and not in the
next: if an activation and a shortcut both read the sum, the order of a hash table decides whether Grappler's remapper
succeeds or gives up ("fanout ... exist for missing node", in a log that is normally hidden). Runs would not be
reproducible to the last bit. On a CPU this costs nothing: see docs/performance.md.
"""

from typing import Any

from ganctl.build.rewrites import Graph, StandIns
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import keras, tf

Tensor = Any


def rewrite(graph: Graph, before: StandIns) -> StandIns:
    """Keep every addition apart from the operations before it."""
    return {layer: Apart(layer) for layer in graph.layers if type(layer) is keras.layers.Add}


class Apart(StandIn):
    """A sum of feature maps."""

    def call(self, inputs: Any) -> Tensor:
        """Return the sum of feature maps of equal shapes."""
        # EnsureShape copies nothing and, unlike Identity, is not removed by TensorFlow's graph optimizers.
        return self.layer.call([tf.ensure_shape(tensor, tensor.shape) for tensor in inputs])
