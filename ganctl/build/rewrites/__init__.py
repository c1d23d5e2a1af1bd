"""Graph rewrites: the same function, computed faster or reproducibly.

A rewrite searches a built network for layers that TensorFlow can compute in a better way, and returns stand-ins for
them. The rewritten network is a second network that shares the layers and variables of the first. It computes the same
values up to floating-point rounding: `tests/test_rewrites.py` compares every rewrite with float64. The first network
does not change: it is the one that is frozen, saved, summarized and exported.

Each rewrite is one file with a function `rewrite`; there is no list to edit. `training.rewrites: false` turns all of
them off, together with the fused optimizers (`ganctl.build.optimizers`) and the fakes that consecutive updates share
(`ganctl.game.players`).
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import ganctl.layers
from ganctl.keras_internals import Call, calls_of
from ganctl.lazy import keras

Layer = Any
Network = Any
StandIns = Mapping[Layer, Layer]
"""Stand-ins, by the layers that they replace in the rewritten network."""


class Graph:
    """The calls of a network and of the networks nested in it.

    A composite layer counts as one call: its inner layers are not looked at.

    Attributes:
        layers: every layer and operation that is called.
        shown: ids of the tensors that a network returns, which code outside the network may read.
    """

    def __init__(self, network: Network) -> None:
        self._calls: list[Call] = list(calls_of(network))
        self.layers: list[Layer] = list(dict.fromkeys(call.operation for call in self._calls))
        networks = [network, *self.layers]
        self.shown = {id(tensor) for each in networks for tensor in getattr(each, "outputs", None) or []}
        self._makers = {id(tensor): call.operation for call in self._calls for tensor in call.outputs}

    def given(self, layer: Layer) -> set[int]:
        """Return the ids of all tensors that a layer is called with."""
        return {id(tensor) for call in self._calls if call.operation is layer for tensor in call.inputs}

    def made(self, layer: Layer) -> set[int]:
        """Return the ids of all tensors that a layer returns."""
        return {id(tensor) for call in self._calls if call.operation is layer for tensor in call.outputs}

    def before(self, layer: Layer) -> Layer:
        """Return the single layer whose outputs a layer reads, or None if there are several."""
        found = {self._makers[tensor] for tensor in self.given(layer)}
        return found.pop() if len(found) == 1 else None

    def after(self, layer: Layer) -> Layer:
        """Return the single layer that reads the outputs of a layer, or None if there are several or none."""
        made = self.made(layer)
        found = {call.operation for call in self._calls if any(id(tensor) in made for tensor in call.inputs)}
        return found.pop() if len(found) == 1 else None

    def shares_inputs(self, layer: Layer) -> bool:
        """Return whether something else reads what a layer reads: another layer, or code outside the network."""
        given = self.given(layer)
        others = {id(tensor) for call in self._calls if call.operation is not layer for tensor in call.inputs}
        return bool(given & (others | self.shown))


@cache
def rewrites() -> Mapping[str, Callable[[Graph, StandIns], StandIns]]:
    """Return every rewrite by name, in the order in which they are applied.

    Each takes the graph and the stand-ins of the rewrites before it. It returns its own, which replace theirs.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}").rewrite for name in names}


def rewritten(
    network: Network,
    names: frozenset[str] | None = None,
    before: Callable[[Graph], StandIns] = lambda _: {},
) -> Network:
    """Return a faster network with the same layers and variables.

    The network itself is returned if there is nothing to rewrite, or if its calls cannot be known: a single layer, or
    a user's subclass of `keras.Model`.

    Args:
        network: is not changed.
        names: of the rewrites to apply; None applies all.
        before: gives stand-ins to begin with, which the rewrites may replace.
    """
    if not ganctl.layers.is_transparent(network):
        return network
    graph = Graph(network)
    found = dict(before(graph))
    for name, rewrite in rewrites().items():
        if names is None or name in names:
            found |= rewrite(graph, found)
    return ganctl.layers.with_stand_ins(network, found)


def is_plain_convolution(layer: Layer) -> bool:
    """Whether a layer is a built convolution of stride 1 and "same" padding, with a kernel of odd height and width."""
    return (
        type(layer) is keras.layers.Conv2D  # a subclass has a `call` of its own
        and layer.built
        and layer.strides == layer.dilation_rate == (1, 1)
        and layer.padding == "same"
        and layer.groups == 1
        and layer.data_format == "channels_last"
        and all(size % 2 for size in layer.kernel_size)
        and isinstance(layer.kernel, keras.Variable)  # not a tensor computed from a kernel and LoRA's factors
    )


def adds_bias(layer: Layer, before: StandIns) -> bool:
    """Whether a convolution still adds its own bias, if it has one, after the earlier rewrites."""
    return getattr(before.get(layer), "biased", True)
