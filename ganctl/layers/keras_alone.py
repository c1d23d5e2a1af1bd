"""Networks for programs that have Keras but not ganctl: each of ganctl's layers is replaced by Keras' own.

A layer that can be replaced has a method `as_keras(*inputs)`: it returns one of Keras' layers, or a functional model of
them, that computes the same in inference mode. `inputs` are the symbolic tensors of one of the layer's calls.
"""

from typing import Any

from ganctl.keras_internals import calls_of
from ganctl.layers.stand_in import is_transparent
from ganctl.lazy import keras, own_settings

Layer = Any
Network = Any


def of_keras_alone(network: Network) -> Network:
    """Return a network for inference in which layers with `as_keras` are replaced by Keras' own, at any depth.

    All other layers are shared with the original, which does not change. It is returned if there is nothing to replace.

    Args:
        network: a functional or Sequential model; any other model is returned as it is.
    """
    if not is_transparent(network):
        return network
    own = {call.operation: call.inputs for call in calls_of(network) if hasattr(call.operation, "as_keras")}
    if not own:
        return network
    models: list[Network] = []

    def instead(layer: Layer) -> Layer:
        if layer not in own:
            return of_keras_alone(layer)
        replaced = of_keras_alone(layer.as_keras(*own[layer]))
        models.extend([replaced] if is_transparent(replaced) else [])
        return replaced

    def called(layer: Layer, *inputs: Any, **settings: Any) -> Any:
        if any(layer is model for model in models):  # a model takes its inputs as a list, and no further arguments
            return layer(list(inputs) if len(inputs) > 1 else inputs[0])
        return layer(*inputs, **settings)

    with own_settings(network.dtype_policy):
        if isinstance(network, keras.Sequential):
            return keras.models.clone_model(network, clone_function=instead)
        return keras.models.clone_model(network, clone_function=instead, call_function=called)


def inputs_like(*tensors: Any) -> list[Any]:
    """Return new inputs of the shapes and types of symbolic tensors."""
    return [keras.Input(tensor.shape[1:], dtype=tensor.dtype) for tensor in tensors]
