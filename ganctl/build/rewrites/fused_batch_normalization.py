"""Batch normalization of images as one TensorFlow operation instead of Keras' twenty or so.

Keras computes moments and normalization from elementary operations, in float32 even if the images are bfloat16. The
fused kernel reads the images twice and converts on the fly.

Under a gradient penalty it is also correct where Keras is not: `tf.nn.moments` stops the gradient of the mean inside
the variance. That does not affect the first derivative, but makes the second one wrong.

The bias of a convolution directly before it only shifts the mean. It is therefore added to the moving mean instead of
the images. Its gradient is then exactly zero, whereas rounding would otherwise leave noise.
"""

from typing import Any

from ganctl.build.rewrites import Graph, Layer, StandIns
from ganctl.keras_internals import stored
from ganctl.layers.conditional_batch_normalization import ConditionalBatchNormalization
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import keras, tf

Tensor = Any


def rewrite(graph: Graph, before: StandIns) -> StandIns:
    """Fuse every BatchNorm over the channels of images, and let it absorb the bias of a convolution before it."""
    found: dict[Layer, Layer] = {}
    for layer in graph.layers:
        if type(layer) is ConditionalBatchNormalization and _fits(layer.norm):
            found[layer] = FusedConditional(layer)
        elif _fits(layer):
            convolution = _convolution_before(layer, graph)
            found[layer] = Fused(layer, convolution)
            if convolution:
                found[convolution] = Unbiased(convolution)
    return found


def _fits(layer: Layer) -> bool:
    return (
        type(layer) is keras.layers.BatchNormalization  # a subclass has a `call` of its own
        and layer.built
        and layer.input_spec.ndim == 4
        and layer.axis in (-1, 3)
        and not layer.renorm
        and not layer.synchronized
        and layer.compute_dtype in ("float32", "bfloat16")
    )


def _convolution_before(layer: Layer, graph: Graph) -> Layer:
    """The convolution with a bias whose output only this layer reads, or None."""
    source = graph.before(layer)
    fits = (
        type(source) in (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
        and source.use_bias
        and source.activation is keras.activations.linear
        and graph.after(source) is layer
        and not graph.shown & graph.given(layer)
    )
    return source if fits else None


class Unbiased(StandIn):
    """A convolution that does not add its bias."""

    biased = False

    def call(self, inputs: Tensor) -> Tensor:
        """Return the sums [N, H, W, filters] of [N, H, W, C]."""
        layer = self.layer
        if isinstance(layer, keras.layers.Conv2D):
            return layer.convolution_op(inputs, layer.kernel)
        return keras.ops.conv_transpose(
            inputs,
            layer.kernel,
            strides=list(layer.strides),
            padding=layer.padding,
            output_padding=layer.output_padding,
            dilation_rate=layer.dilation_rate,
            data_format=layer.data_format,
        )


class Fused(StandIn):
    """BatchNorm in one operation.

    Args:
        layer: the BatchNorm.
        convolution: the convolution before it, whose bias is added here instead; None if there is none.
    """

    def __init__(self, layer: Layer, convolution: Layer | None = None) -> None:
        super().__init__(layer)
        self.convolution = convolution

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        """Return the normalized images [N, H, W, C]."""
        bias = stored(self.convolution.bias) if self.convolution else tf.zeros([inputs.shape[-1]])
        if mask is not None:
            return self.layer.call(inputs + tf.cast(bias, inputs.dtype), training=training, mask=mask)
        return fused(self.layer, inputs, bias, training=training)


class FusedConditional(StandIn):
    """BatchNorm whose scale and shift depend on the class."""

    def call(self, inputs: Tensor, classes: Tensor, training: bool | None = None) -> Tensor:
        """Return [N, H, W, C] for [N, H, W, C] and integers [N, 1]."""
        scale, shift = self.layer.style(classes)
        return fused(self.layer.norm, inputs, tf.zeros([inputs.shape[-1]]), training=training) * scale + shift


def fused(layer: Layer, inputs: Tensor, bias: Tensor, *, training: bool | None) -> Tensor:
    """Return normalized images [N, H, W, C], and update the moving averages if the layer is learning.

    Args:
        layer: the BatchNorm.
        inputs: images [N, H, W, C].
        bias: [C], which the convolution before has not added to them.
        training: whether Keras calls the layer in training mode.
    """
    channels = inputs.shape[-1]
    learning = bool(training and layer.trainable)
    mean, variance = layer.moving_mean.value, layer.moving_variance.value
    scale = layer.gamma.value if layer.scale else tf.ones([channels])
    offset = layer.beta.value if layer.center else tf.zeros([channels])
    # Times zero rather than left out, so that the bias has a gradient.
    offset = offset + bias * (0.0 if learning else scale * tf.math.rsqrt(variance + layer.epsilon))
    outputs, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=scale,
        offset=offset,
        mean=tf.zeros([0]) if learning else mean,
        variance=tf.zeros([0]) if learning else variance,
        epsilon=layer.epsilon,
        is_training=learning,
    )
    if learning:
        # The kernel returns the unbiased variance, n / (n - 1) times the one that Keras averages.
        n = tf.cast(tf.size(inputs) // channels, tf.float32)
        batch_variance *= tf.maximum(n - 1.0, 1.0) / n
        old, new = layer.momentum, 1.0 - layer.momentum
        layer.moving_mean.assign(mean * old + (batch_mean + bias) * new)
        layer.moving_variance.assign(variance * old + batch_variance * new)
    return outputs
