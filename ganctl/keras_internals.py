"""Everything that ganctl reads of Keras outside its public interface; no other module does.

`READ_FROM` is the release whose source was read. `tests/test_keras_internals.py` fails with any other minor release,
so that an upgrade starts with reading these few lines again.

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
    """Return a layer or model and every layer within it, at any depth, once each: outer ones before inner ones."""
    layers: list[Layer] = network._flatten_layers()
    return layers


def has_parts(layer: Layer) -> bool:
    """Return whether a layer contains other layers."""
    return bool(layer._layers)


def stored(variable: Any) -> Any:
    """Return a variable's stored value. `variable.value` is rounded within a layer that computes in bfloat16."""
    return variable._value


@dataclass(frozen=True)
class Call:
    """A call of a layer, or of another Keras operation, in a network.

    Attributes:
        operation: the layer or operation.
        inputs: its symbolic input tensors.
        outputs: its symbolic output tensors.
    """

    operation: Any
    inputs: list[SymbolicTensor]
    outputs: list[SymbolicTensor]


def calls_of(network: Network) -> Iterator[Call]:
    """Yield every call between the inputs and the outputs of a network, and within the networks that it contains.

    Any other layer is one call, whatever it contains; so is a subclass of `keras.Model` that does not list its outputs.
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


def features_before_score(network: Network) -> SymbolicTensor | None:
    """Return the symbolic tensor that enters the last layer with weights on the way to the first output.

    Where a call has several inputs, such as the terms of a sum, the first is followed. None: the network does not list
    its outputs, or that layer is a network itself.
    """
    tensor = next(iter(getattr(network, "outputs", None) or []), None)
    while tensor is not None:
        operation, index, _ = tensor._keras_history
        if operation is None or not operation._inbound_nodes[index].input_tensors:
            return None
        (tensor, *_) = operation._inbound_nodes[index].input_tensors
        if getattr(operation, "weights", None):
            return None if getattr(operation, "outputs", None) else tensor
    return None
