"""The memory that a game needs, estimated before it is played."""

import math
from collections.abc import Iterable
from typing import Any

from ganctl.keras_internals import has_parts, layers_of
from ganctl.lazy import keras

FLOAT = 4


def parameter_count(network: Any) -> int:
    """Return the number of a network's trainable parameters."""
    return sum(math.prod(v.shape) for v in network.trainable_variables)


def estimate_bytes(networks: Iterable[Any], batch_size: int, resident_image_bytes: int) -> int:
    """Estimate the peak of training memory, in bytes.

    It counts weights, gradients and two optimizer slots; every layer's output, stored for the backward pass and doubled
    by it, for a generator and a discriminator in one update; and images on the device. TensorFlow itself is not
    counted.
    """
    networks = list(networks)
    weights = sum(math.prod(v.shape) for network in networks for v in network.variables)
    layers = [layer for network in networks for layer in layers_of(network) if not has_parts(layer)]
    outputs = sum(math.prod(tensor.shape[1:]) for layer in layers for tensor in _outputs(layer))
    return FLOAT * (4 * weights + 2 * batch_size * outputs) + resident_image_bytes


def _outputs(layer: Any) -> list[Any]:
    """The output tensors of a layer; none if it was called several times or never."""
    try:
        tensors: list[Any] = keras.tree.flatten(layer.output)
    except (AttributeError, ValueError):
        return []
    return tensors
