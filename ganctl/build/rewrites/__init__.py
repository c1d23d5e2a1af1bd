"""Rewrites: the same function, computed faster, or in the same way every time.

A rewrite looks through a finished network for layers that TensorFlow can compute in a better way, and names stand-ins
for them. The rewritten network is a second one, with the layers and variables of the first; what it computes is the
same up to the rounding of floating-point numbers: `tests/test_rewrites.py` holds every rewrite against float64. The
first one stays as it is: it is frozen, saved, listed and exported.

One file each, with a function `rewrite`; nobody edits a list. `training.rewrites: false` leaves them all out, and with
them what is rewritten elsewhere: optimizers (`ganctl.build.optimizers`) and the fakes of consecutive updates
(`ganctl.game.players`).
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import ganctl.layers
from ganctl.keras_internals import Call, calls_of
from ganctl.lazy import keras, tf

Layer = Any
Network = Any
StandIns = Mapping[Layer, Layer]
"""The layers of a rewritten network by those that they stand for."""


class Graph:
    """Who calls whom in a network, and in the networks that it is made of.

    What happens within a layer that is made of layers is its own affair: it is called as it is.

    Attributes:
        layers: every layer and operation that is called.
        shown: the identities of the tensors that networks put out: others may see them.
    """

    def __init__(self, network: Network) -> None:
        self._calls: list[Call] = list(calls_of(network))
        self.layers: list[Layer] = list(dict.fromkeys(call.operation for call in self._calls))
        networks = [network, *self.layers]
        self.shown = {id(tensor) for each in networks for tensor in getattr(each, "outputs", None) or []}
        self._makers = {id(tensor): call.operation for call in self._calls for tensor in call.outputs}

    def given(self, layer: Layer) -> set[int]:
        """Return the identities of all tensors that a layer is called with."""
        return {id(tensor) for call in self._calls if call.operation is layer for tensor in call.inputs}

    def made(self, layer: Layer) -> set[int]:
        """Return the identities of all tensors that a layer returns."""
        return {id(tensor) for call in self._calls if call.operation is layer for tensor in call.outputs}

    def before(self, layer: Layer) -> Layer:
        """Return the only layer whose outputs a layer is called with; None where there are several."""
        found = {self._makers[tensor] for tensor in self.given(layer)}
        return found.pop() if len(found) == 1 else None

    def after(self, layer: Layer) -> Layer:
        """Return the only layer that is called with what a layer returns; None where there are several, or none."""
        made = self.made(layer)
        found = {call.operation for call in self._calls if any(id(tensor) in made for tensor in call.inputs)}
        return found.pop() if len(found) == 1 else None


@cache
def rewrites() -> Mapping[str, Callable[[Graph, StandIns], StandIns]]:
    """Return every rewrite by name, in the order in which they are applied.

    Each is given what calls what, and the stand-ins of those before it; it returns its own, which replace others.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}").rewrite for name in names}


def rewritten(network: Network, names: frozenset[str] | None = None) -> Network:
    """Return a network that computes the same in better ways, with the same layers and variables.

    The same network is returned where there is nothing to rewrite, and where its calls are not known: a layer, or a
    subclass of `keras.Model` of somebody's own.

    Args:
        network: stays as it is.
        names: of the rewrites; None: all.
    """
    if not ganctl.layers.is_transparent(network):
        return network
    graph, found = Graph(network), dict[Layer, Layer]()
    for name, rewrite in rewrites().items():
        if names is None or name in names:
            found |= rewrite(graph, found)
    return ganctl.layers.with_stand_ins(network, found)


def is_plain_convolution(layer: Layer) -> bool:
    """Whether a layer is a finished convolution of stride 1 that keeps the size, with a kernel that has a middle."""
    return (
        type(layer) is keras.layers.Conv2D  # a subclass has a `call` of its own
        and layer.built
        and layer.strides == layer.dilation_rate == (1, 1)
        and layer.padding == "same"
        and layer.groups == 1
        and layer.data_format == "channels_last"
        and all(size % 2 for size in layer.kernel_size)
        and isinstance(layer.kernel, keras.Variable)  # and no sum of two
    )


def adds_bias(layer: Layer, before: StandIns) -> bool:
    """Whether a convolution still adds its bias itself, if it has one, after the rewrites before."""
    return getattr(before.get(layer), "biased", True)


def completed(layer: Layer, outputs: Any, *, biased: bool) -> Any:
    """Return what a convolution makes of its sums: with its bias, if it adds one, and its activation.

    Args:
        layer: the convolution.
        outputs: its sums [N, H, W, C].
        biased: whether its bias is added here; if not, it is added later.
    """
    if layer.use_bias and biased:
        outputs = tf.nn.bias_add(outputs, tf.cast(layer.bias, outputs.dtype))
    return layer.activation(outputs)
