"""Rewrites: the same function, computed faster, or in the same way every time.

A rewrite looks through a finished network for layers that TensorFlow can compute in a better way, and gives them
another `call`. Layers, variables, names and checkpoints stay what they are, and so does what is computed, up to the
rounding of floating-point numbers: `tests/test_rewrites.py` holds every rewrite against float64.

One file each, with a function `rewrite`; nobody edits a list. `training.rewrites: false` leaves them all out, and with
them what is rewritten elsewhere: optimizers (`ganctl.build.optimizers`) and the fakes of consecutive updates
(`ganctl.game.players`).
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ganctl.lazy import keras, tf


@cache
def rewrites() -> Mapping[str, Callable[[Any], int]]:
    """Return every rewrite by name: it changes a network in place and returns how many places it found."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}").rewrite for name in names}


def rewrite(network: Any) -> None:
    """Apply all rewrites to a network, in place."""
    for apply in rewrites().values():
        apply(network)


def untouched(network: Any, kind: type) -> list[Any]:
    """Return the layers of a network, at any depth, that are exactly of a kind and still have its `call`.

    A subclass has a `call` of its own, and what is rewritten already has another.
    """
    return [layer for layer in network._flatten_layers() if type(layer) is kind and "call" not in vars(layer)]


def is_plain_convolution(layer: Any) -> bool:
    """Whether a layer is a finished convolution of stride 1 that keeps the size, with a kernel that has a middle."""
    return (
        type(layer) is keras.layers.Conv2D  # a subclass has a `call` of its own
        and layer.built
        and layer.strides == layer.dilation_rate == (1, 1)
        and layer.padding == "same"
        and layer.groups == 1
        and layer.data_format == "channels_last"
        and all(size % 2 for size in layer.kernel_size)
    )


def completed(layer: Any, outputs: Any) -> Any:
    """Return what a convolution makes of its sums: with its bias, if it adds one, and its activation."""
    if layer.use_bias:
        outputs = tf.nn.bias_add(outputs, tf.cast(layer.bias, outputs.dtype))
    return layer.activation(outputs)


def shown_by(layers: list[Any]) -> set[int]:
    """Return the identities of the tensors that models among these layers put out: others may see them."""
    return {id(tensor) for layer in layers for tensor in getattr(layer, "outputs", None) or []}
