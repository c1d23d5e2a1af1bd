"""What ganctl reads of Keras beside its public interface: all of it stands here, and nowhere else.

`READ_FROM` is the release whose source was read. `tests/test_keras_internals.py` fails with any other minor release,
so that an upgrade begins with reading these few lines again.

Floor 1. May import nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

READ_FROM = "3.15"
"""Major and minor version of Keras."""

Layer = Any
Network = Any
SymbolicTensor = Any


def layers_of(network: Network) -> list[Layer]:
    """Return a layer or model and every layer within it, at any depth, each once: outer ones before inner ones."""
    layers: list[Layer] = network._flatten_layers()
    return layers


def has_parts(layer: Layer) -> bool:
    """Whether a layer is made of other layers."""
    return bool(layer._layers)


def stored(variable: Any) -> Any:
    """Return a variable as it is stored. `variable.value` is rounded within a layer that computes in bfloat16."""
    return variable._value


@dataclass(frozen=True)
class Call:
    """A layer, or another operation of Keras, that is called in a network.

    Attributes:
        operation: what is called.
        inputs: the symbolic tensors that it is given.
        outputs: those that it returns.
    """

    operation: Any
    inputs: list[SymbolicTensor]
    outputs: list[SymbolicTensor]


def calls_of(network: Network) -> Iterator[Call]:
    """Yield every call between the inputs and the outputs of a network, and within the networks that it is made of.

    A layer of another kind is one call, whatever it is made of; so is a subclass of `keras.Model` that does not say
    what its outputs are.
    """
    known: set[int] = set()
    parts: dict[int, Network] = {}
    waiting = list(getattr(network, "outputs", None) or [])
    while waiting:
        operation, index, _ = waiting.pop()._keras_history
        if operation is None:
            continue
        call = operation._inbound_nodes[index]
        if id(call) in known:
            continue
        known.add(id(call))
        waiting += call.input_tensors
        yield Call(operation, list(call.input_tensors), list(call.output_tensors))
        if getattr(operation, "outputs", None):
            parts[id(operation)] = operation
    for part in parts.values():
        yield from calls_of(part)
