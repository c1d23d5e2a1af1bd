"""Activations of maps that something else reads too, which TensorFlow does not try to fuse with what made the maps.

A U-Net's decoder reads the encoder's maps before their activation, and a PReLU reads its maps twice. TensorFlow 2.21
wants to join a convolution, its bias and a LeakyReLU in bfloat16 although the sum has another reader, and then gives up
("fanout ... exist for missing node", in a log that is normally hidden): no operation of the whole function is joined
any more. `residual_sum` has the same fault, in which the result also depends on the process.
"""

from typing import Any

from ganctl.build.rewrites import Graph, Layer, StandIns
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import keras, tf

Tensor = Any


def rewrite(graph: Graph, before: StandIns) -> StandIns:
    """Keep every activation of shared maps apart from the operations before it."""
    activations = (keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU, keras.layers.Activation)
    return {
        layer: ActivatedApart(layer, before.get(layer, layer))
        for layer in graph.layers
        if type(layer) is keras.layers.PReLU or (type(layer) in activations and graph.shares_inputs(layer))
    }


class ActivatedApart(StandIn):
    """An activation of maps that have another reader.

    Args:
        layer: the activation.
        computed: the layer, or what an earlier rewrite put in its place.
    """

    def __init__(self, layer: Layer, computed: Layer) -> None:
        super().__init__(layer)
        self._computed = computed.call  # the method alone: a layer would be listed as one more layer of the network

    def call(self, inputs: Tensor) -> Tensor:
        """Return the activated maps, of the shape of the inputs."""
        # EnsureShape copies nothing and, unlike Identity, is not removed by TensorFlow's graph optimizers.
        return self._computed(tf.ensure_shape(inputs, inputs.shape))
