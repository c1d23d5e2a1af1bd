"""Sums of a convolution and a shortcut that TensorFlow does not join to the convolution.

Joined, they are rounded once and not twice in bfloat16, and TensorFlow 2.21 joins them in one process and not in the
next: where an activation and a shortcut both read the sum, it depends on the order of a hash table whether its
remapper works or gives up ("fanout ... exist for missing node", in a log that nobody sees). A run could not be
repeated to the last bit. On a processor nothing is lost: see docs/performance.md.
"""

from typing import Any

from ganctl.build.rewrites import untouched
from ganctl.lazy import keras, tf


def rewrite(network: Any) -> int:
    """Keep every addition apart from what is before it; returns how many there are."""
    found = untouched(network, keras.layers.Add)
    for layer in found:
        layer.call = _Apart(layer)
    return len(found)


class _Apart:
    """What stands for `Add.call`."""

    def __init__(self, layer: Any) -> None:
        self._plain = layer.call

    def __call__(self, inputs: Any) -> Any:
        """Return the sum of the maps."""
        # EnsureShape copies nothing, and unlike Identity no optimizer of TensorFlow takes it away.
        return self._plain([tf.ensure_shape(tensor, tensor.shape) for tensor in inputs])
