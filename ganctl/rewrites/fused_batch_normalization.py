"""BatchNorm of images in one operation of TensorFlow, where Keras takes about twenty.

Keras computes moments and normalisation from elementary operations, in float32 even where images are bfloat16. The
fused kernel reads the images twice and converts on the fly.

Under a gradient penalty it is also right where Keras is not: `tf.nn.moments` stops the gradient of the mean within the
variance, which does not matter to the first derivative and spoils the second.
"""

from typing import Any

from ganctl.lazy import keras, tf


def rewrite(network: Any) -> int:
    """Fuse every BatchNorm over the channels of images; returns how many there are."""
    found = [layer for layer in network._flatten_layers() if _fits(layer)]
    for layer in found:
        layer.call = _Fused(layer)
    return len(found)


def _fits(layer: Any) -> bool:
    return (
        type(layer) is keras.layers.BatchNormalization  # a subclass has a `call` of its own
        and layer.built
        and layer.input_spec.ndim == 4
        and layer.axis in (-1, 3)
        and not layer.renorm
        and not layer.synchronized
        and layer.compute_dtype in ("float32", "bfloat16")
    )


class _Fused:
    """What stands for `BatchNormalization.call`."""

    def __init__(self, layer: Any) -> None:
        self._layer, self._plain = layer, layer.call

    def __call__(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the normalised images [N, H, W, C]."""
        if mask is not None:
            return self._plain(inputs, training=training, mask=mask)
        layer, channels = self._layer, inputs.shape[-1]
        learning = bool(training and layer.trainable)
        mean, variance = layer.moving_mean.value, layer.moving_variance.value
        outputs, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=layer.gamma.value if layer.scale else tf.ones([channels]),
            offset=layer.beta.value if layer.center else tf.zeros([channels]),
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
            layer.moving_mean.assign(mean * old + batch_mean * new)
            layer.moving_variance.assign(variance * old + batch_variance * new)
        return outputs
