"""Sums of a convolution and a shortcut that TensorFlow does not join to the convolution.

Joined, they are rounded once and not twice in bfloat16, and TensorFlow 2.21 joins them in one process and not in the
next: where an activation and a shortcut both read the sum, it depends on the order of a hash table whether its
remapper works or gives up ("fanout ... exist for missing node", in a log that nobody sees). A run could not be
repeated to the last bit. Nothing is lost: see docs/performance.md.
"""

from typing import Any

from ganctl.lazy import keras, tf


def rewrite(network: Any) -> int:
    """Keep every addition of two maps of one shape apart from what is before it; returns how many there are."""
    found = [layer for layer in network._flatten_layers() if _fits(layer)]
    for layer in found:
        layer.call = _sum_apart
    return len(found)


def _fits(layer: Any) -> bool:
    return (
        type(layer) is keras.layers.Add  # a subclass has a `call` of its own
        and "call" not in vars(layer)  # it is rewritten already
        and all(_two_alike(node.arguments.args[0]) for node in layer._inbound_nodes)
    )


def _two_alike(inputs: Any) -> bool:
    return isinstance(inputs, list | tuple) and len(inputs) == 2 and inputs[0].shape == inputs[1].shape


def _sum_apart(maps: Any) -> Any:
    # EnsureShape copies nothing, and unlike Identity no optimizer of TensorFlow takes it away.
    first, second = (tf.ensure_shape(tensor, tensor.shape) for tensor in maps)
    return first + second
