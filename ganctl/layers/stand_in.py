"""Networks that share the layers and variables of another network, but compute some of the layers in another way."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from ganctl.keras_internals import layers_of
from ganctl.lazy import keras, own_settings, tf

Tensor = Any
Layer = Any
Network = Any


class StandIn(keras.layers.Layer):
    """Takes the place that another layer has in the original network, and computes with that layer's variables.

    It has no state: properties such as `trainable` are read from the layer each time. By default it calls the layer.

    Args:
        layer: a layer that is built.
    """

    def __init__(self, layer: Layer) -> None:
        super().__init__(name=layer.name, dtype=layer.dtype_policy)
        self.layer = layer
        self.supports_masking = layer.supports_masking
        self.built = True

    def call(self, *inputs: Tensor, **settings: Any) -> Any:
        """Return what the layer returns."""
        return self.layer(*inputs, **settings)

    def compute_output_spec(self, *inputs: Any, **settings: Any) -> Any:
        """Return the symbolic tensors that the layer returns."""
        return self.layer.compute_output_spec(*inputs, **settings)

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor) -> Any:
        """Return the layer's mask."""
        return self.layer.compute_mask(inputs, previous_mask)


class WithShape(StandIn):
    """Calls another layer and puts down the shape of what it returns, all but the batch, where it is known."""

    def call(self, *inputs: Tensor, **settings: Any) -> Any:
        """Return what the layer returns."""
        outputs = self.layer(*inputs, **settings)
        if not tf.is_tensor(outputs) or not outputs.shape.rank:
            return outputs
        shape = outputs.shape[1:]
        if None in shape and len(inputs) == 1:
            shape = self.layer.compute_output_shape(tuple(inputs[0].shape))[1:]
        return outputs if None in shape else tf.reshape(outputs, [-1, *shape])


class ConvolutionStandIn(StandIn):
    """Takes the place of a convolution.

    Args:
        layer: the convolution.
        biased: whether it adds its bias here; if not, a later layer does.
    """

    def __init__(self, layer: Layer, *, biased: bool) -> None:
        super().__init__(layer)
        self.biased = biased

    def completed(self, sums: Any) -> Any:
        """Return the convolution's output for its sums [N, H, W, C]: the bias added, the activation applied."""
        if self.layer.use_bias and self.biased:
            sums = tf.nn.bias_add(sums, tf.cast(self.layer.bias, sums.dtype))
        return self.layer.activation(sums)


class Recorder(StandIn):
    """Hands on what a layer takes, or what it returns before its activation.

    Args:
        layer: the layer.
        keep: gets a tensor at each call.
        of_outputs: hand on what it returns; else what it takes.
    """

    def __init__(self, layer: Any, keep: Callable[[Any], None], *, of_outputs: bool) -> None:
        super().__init__(layer)
        self._keep, self._of_outputs = keep, of_outputs

    def call(self, *inputs: Any, **settings: Any) -> Any:
        """Return what the layer returns."""
        if not keras.backend.is_keras_tensor(inputs[0]):
            self._keep(self._without_activation()(*inputs, **settings) if self._of_outputs else inputs[0])
        return self.layer(*inputs, **settings)

    def _without_activation(self) -> Any:
        """Return the layer, or another one that shares its variables if it has an activation of its own."""
        if getattr(self.layer, "activation", None) in (None, keras.activations.linear):
            return self.layer
        linear = copy.copy(self.layer)
        linear.activation = keras.activations.linear
        return linear


def is_transparent(network: Network) -> bool:
    """Return whether a network is fully defined by its layers and their calls: a Sequential or functional model.

    A user's own subclass may do anything when it is called, so it is left as it is.
    """
    kinds = (keras.Sequential, keras.Function)
    own = isinstance(network, kinds) and type(network).__module__.startswith("keras.")
    return own and bool(getattr(network, "outputs", None))


def with_stand_ins(network: Network, stand_ins: Mapping[Layer, Layer]) -> Network:
    """Return a network in which some of a network's layers are replaced, at any depth of nested networks.

    All other layers are the same objects. The original does not change, and is itself returned if there is nothing to
    replace.

    Args:
        network: a functional or Sequential model; any other is returned as it is.
        stand_ins: the new layers by the old ones.
    """

    def instead(layer: Layer) -> Layer:
        return with_stand_ins(layer, stand_ins) if is_transparent(layer) else stand_ins.get(layer, layer)

    if not is_transparent(network) or stand_ins.keys().isdisjoint(layers_of(network)):
        return network
    with own_settings(network.dtype_policy):
        return keras.models.clone_model(network, clone_function=instead)
