"""Batch, layer and group normalisation by the mean and variance of `ganctl.layers.moments`.

Keras takes both from `tf.nn.moments`, which counts the mean as constant within the variance. Values and gradients stay
the same; a Hessian-vector product is wrong by 0.1% (many values per mean) to 80% (four).
"""

from typing import Any

import ganctl.layers
from ganctl.build.rewrites import Graph, Layer, StandIns
from ganctl.layers.conditional_batch_normalization import ConditionalBatchNormalization
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import keras, tf

Tensor = Any


def stand_ins(graph: Graph) -> StandIns:
    """Return a stand-in for every normalisation."""
    kinds = {
        keras.layers.BatchNormalization: Batch,
        keras.layers.LayerNormalization: Features,
        keras.layers.GroupNormalization: Groups,
        ConditionalBatchNormalization: Conditional,
    }
    # A subclass has a `call` of its own.
    return {layer: kinds[type(layer)](layer) for layer in graph.layers if type(layer) in kinds and _fits(layer)}


def _fits(layer: Layer) -> bool:
    # Batch renormalization has constants of its own within its derivatives. `rms_scaling` never was `tf.nn.moments`.
    return not getattr(layer, "renorm", False) and not getattr(layer, "rms_scaling", False)


class Batch(StandIn):
    """BatchNorm."""

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        """Return the normalised values, of the inputs' shape."""
        if mask is not None:  # Keras has an expression of its own for this, and it is right
            return self.layer.call(inputs, training=training, mask=mask)
        return _normalised_batch(self.layer, inputs, training=training)


class Conditional(StandIn):
    """BatchNorm whose scale and shift depend on the class."""

    def call(self, inputs: Tensor, classes: Tensor, training: bool | None = None) -> Tensor:
        """Return [N, H, W, C] for [N, H, W, C] and integers [N, 1]."""
        scale, shift = self.layer.style(classes)
        return _normalised_batch(self.layer.norm, inputs, training=training) * scale + shift


class Features(StandIn):
    """Normalisation of every example over some of its axes."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return the normalised values, of the inputs' shape."""
        layer, values = self.layer, _at_least_float32(inputs)
        axes = [axis % inputs.shape.rank for axis in tf.nest.flatten(layer.axis)]
        shape = [size if axis in axes else 1 for axis, size in enumerate(inputs.shape)]
        return tf.cast(_normalised(layer, values, sorted(axes), shape), inputs.dtype)


class Groups(StandIn):
    """Normalisation of every example in groups of channels; with a channel a group, instance normalisation."""

    def call(self, inputs: Tensor) -> Tensor:
        """Return the normalised values, of the inputs' shape."""
        layer, rank = self.layer, inputs.shape.rank
        axis, whole = layer.axis % rank, tf.shape(inputs)
        split = [layer.groups, inputs.shape[axis] // layer.groups]
        values = tf.reshape(_at_least_float32(inputs), tf.concat([whole[:axis], split, whole[axis + 1 :]], axis=0))
        shape = [1] * axis + split + [1] * (rank - axis - 1)
        axes = [place for place in range(1, rank + 1) if place != axis]
        return tf.cast(tf.reshape(_normalised(layer, values, axes, shape), whole), inputs.dtype)


def _normalised_batch(layer: Layer, inputs: Tensor, *, training: bool | None) -> Tensor:
    """What a BatchNorm returns; its moving averages follow if the layer is learning."""
    if not (training and layer.trainable):
        return layer.call(inputs, training=training)
    values = _at_least_float32(inputs)
    mean, variance = (
        tf.reshape(moment, [-1])
        for moment in ganctl.layers.moments(
            values, [axis for axis in range(inputs.shape.rank) if axis != layer.axis % inputs.shape.rank]
        )
    )
    for average, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        old = tf.cast(average.value, values.dtype)
        average.assign(old * layer.momentum + value * (1.0 - layer.momentum))
    scale, shift = _scale_and_shift(layer, values.dtype)
    outputs = keras.ops.batch_normalization(
        values, mean, variance, layer.axis, offset=shift, scale=scale, epsilon=layer.epsilon
    )
    return tf.cast(outputs, inputs.dtype)


def _normalised(layer: Layer, values: Tensor, axes: list[int], shape: list[int]) -> Tensor:
    """Values normalised over axes, scaled and shifted by the layer's variables in this shape; rounded as by Keras."""
    mean, variance = ganctl.layers.moments(values, axes)
    scale, shift = _scale_and_shift(layer, values.dtype)
    inverse = tf.math.rsqrt(variance + layer.epsilon)
    if scale is not None:
        inverse *= tf.reshape(scale, shape)
    middle = -mean * inverse
    return values * inverse + (middle if shift is None else middle + tf.reshape(shift, shape))


def _scale_and_shift(layer: Layer, dtype: Any) -> tuple[Tensor | None, Tensor | None]:
    gamma, beta = layer.gamma if layer.scale else None, layer.beta if layer.center else None
    return tuple(None if found is None else tf.cast(found.value, dtype) for found in (gamma, beta))  # type: ignore[return-value]


def _at_least_float32(values: Tensor) -> Tensor:
    return tf.cast(values, keras.backend.result_type(values.dtype.name, "float32"))
