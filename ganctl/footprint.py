"""How much memory a game takes, estimated before it is played."""

import math
from collections.abc import Iterable
from typing import Any

FLOAT = 4


def parameter_count(network: Any) -> int:
    """Return the number of a network's trainable parameters."""
    return sum(math.prod(v.shape) for v in network.trainable_variables)


def estimate_bytes(networks: Iterable[Any], batch_size: int, resident_image_bytes: int) -> int:
    """Estimate the peak of training memory.

    Weights, gradients and two optimizer slots; every layer's output, kept for and doubled by the backward pass, for a
    generator and a discriminator in one update; images on the device. TensorFlow itself takes about 600 MB besides.
    """
    networks = list(networks)
    weights = sum(math.prod(v.shape) for network in networks for v in network.variables)
    outputs = sum(math.prod(layer.output.shape[1:]) for network in networks for layer in network.layers)
    return FLOAT * (4 * weights + 2 * batch_size * outputs) + resident_image_bytes
