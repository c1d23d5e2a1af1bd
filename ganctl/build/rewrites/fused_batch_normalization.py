"""BatchNorm of images in one operation of TensorFlow, where Keras takes about twenty.

Keras computes moments and normalisation from elementary operations, in float32 even where images are bfloat16. The
fused kernel reads the images twice and converts on the fly.

Under a gradient penalty it is also right where Keras is not: `tf.nn.moments` stops the gradient of the mean within the
variance, which does not matter to the first derivative and spoils the second.

The bias of a convolution just before moves the mean and nothing else: it is not added to the images, but to the mean
that is averaged. Its gradient, which is zero and which elsewhere is what rounding leaves, is zero.
"""

from typing import Any

from ganctl.build.rewrites import Graph, Layer, StandIns
from ganctl.keras_internals import stored
from ganctl.layers.conditional_batch_normalization import ConditionalBatchNormalization
from ganctl.layers.stand_in import StandIn
from ganctl.lazy import keras, tf

Tensor = Any


def rewrite(graph: Graph, before: StandIns) -> StandIns:
    """Fuse every BatchNorm over the channels of images, and leave the bias of a convolution before it to it."""
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
    """The convolution with a bias whose output this layer alone sees, or None."""
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
    """A convolution without its bias."""

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
    """BatchNorm.

    Args:
        layer: the BatchNorm.
        convolution: adds no bias to its inputs, which is added here.
    """

    def __init__(self, layer: Layer, convolution: Layer | None = None) -> None:
        super().__init__(layer)
        self.convolution = convolution

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Tensor:
        """Return the normalised images [N, H, W, C]."""
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
    """Return normalised images [N, H, W, C], and average the moments where the layer learns.

    Args:
        layer: the BatchNorm.
        inputs: images [N, H, W, C].
        bias: what is missing in them, [C].
        training: Keras' mode.
    """
    channels = inputs.shape[-1]
    learning = bool(training and layer.trainable)
    mean, variance = layer.moving_mean.value, layer.moving_variance.value
    scale = layer.gamma.value if layer.scale else tf.ones([channels])
    offset = layer.beta.value if layer.center else tf.zeros([channels])
    # Times zero: whoever asks for the gradient of the bias gets one.
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
        # The kernel returns the unbiased variance, n / (n - 1) times what Keras averages.
        n = tf.cast(tf.size(inputs) // channels, tf.float32)
        batch_variance *= tf.maximum(n - 1.0, 1.0) / n
        old, new = layer.momentum, 1.0 - layer.momentum
        layer.moving_mean.assign(mean * old + (batch_mean + bias) * new)
        layer.moving_variance.assign(variance * old + batch_variance * new)
    return outputs
