"""BatchNorm of images in one operation of TensorFlow, where Keras takes about twenty.

Keras computes moments and normalisation from elementary operations, in float32 even where images are bfloat16. The
fused kernel reads the images twice and converts on the fly.

Under a gradient penalty it is also right where Keras is not: `tf.nn.moments` stops the gradient of the mean within the
variance, which does not matter to the first derivative and spoils the second.

The bias of a convolution just before moves the mean and nothing else: it is not added to the images, but to the mean
that is averaged. Its gradient, which is zero and which elsewhere is what rounding leaves, is zero.
"""

from typing import Any

from ganctl.build.rewrites import shown_by
from ganctl.lazy import keras, tf


def rewrite(network: Any) -> int:
    """Fuse every BatchNorm over the channels of images; returns how many there are."""
    layers = network._flatten_layers()
    shown = shown_by(layers)
    found = [layer for layer in layers if _fits(layer)]
    for layer in found:
        before = _convolution_before(layer, shown)
        layer.call = _Fused(layer, before.bias if before else None)
        if before:
            before.use_bias = False  # it keeps the variable
    return len(found)


def _fits(layer: Any) -> bool:
    return (
        type(layer) is keras.layers.BatchNormalization  # a subclass has a `call` of its own
        and "call" not in vars(layer)  # it is rewritten already
        and layer.built
        and layer.input_spec.ndim == 4
        and layer.axis in (-1, 3)
        and not layer.renorm
        and not layer.synchronized
        and layer.compute_dtype in ("float32", "bfloat16")
    )


def _convolution_before(layer: Any, shown: set[int]) -> Any:
    """The convolution with a bias whose output this layer alone sees, or None; `shown`: what models put out."""
    seen = [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]
    sources = {tensor._keras_history.operation for tensor in seen}
    if len(sources) != 1 or shown & set(map(id, seen)):
        return None
    source: Any = sources.pop()
    fits = (
        type(source) in (keras.layers.Conv2D, keras.layers.Conv2DTranspose)
        and source.use_bias
        and source.activation is keras.activations.linear
        and {node.operation for node in source._outbound_nodes} == {layer}
    )
    return source if fits else None


class _Fused:
    """What stands for `BatchNormalization.call`.

    Args:
        layer: the BatchNorm.
        bias: what is missing in its inputs, [C].
    """

    def __init__(self, layer: Any, bias: Any) -> None:
        self._layer, self._plain, self._bias = layer, layer.call, bias

    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the normalised images [N, H, W, C]."""
        bias = tf.zeros([inputs.shape[-1]]) if self._bias is None else self._bias._value
        if mask is not None:
            return self._plain(inputs + tf.cast(bias, inputs.dtype), training=training, mask=mask)
        layer, channels = self._layer, inputs.shape[-1]
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
