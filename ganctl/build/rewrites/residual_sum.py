"""Sums of a convolution and a shortcut that TensorFlow does not join to the convolution.

Joined, they are rounded once and not twice in bfloat16, and TensorFlow 2.21 joins them in one process and not in the
next: where an activation and a shortcut both read the sum, it depends on the order of a hash table whether its
remapper works or gives up ("fanout ... exist for missing node", in a log that nobody sees). A run could not be
repeated to the last bit. On a processor nothing is lost: see docs/performance.md.
"""

from typing import Any

from ganctl.build.rewrites import Graph, StandIns
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import keras, tf

Tensor = Any


def rewrite(graph: Graph, before: StandIns) -> StandIns:
    """Keep every addition apart from what is before it."""
    return {layer: Apart(layer) for layer in graph.layers if type(layer) is keras.layers.Add}


class Apart(StandIn):
    """A sum of maps."""

    def call(self, inputs: Any) -> Tensor:
        """Return the sum of the maps."""
        # EnsureShape copies nothing, and unlike Identity no optimizer of TensorFlow takes it away.
        return self.layer.call([tf.ensure_shape(tensor, tensor.shape) for tensor in inputs])
