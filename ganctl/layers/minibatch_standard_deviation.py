"""A layer that shows a discriminator how much the images of a batch differ."""

from typing import Any

from ganctl.keras_internals import layers_of
from ganctl.lazy import keras

Tensor = Any


@keras.saving.register_keras_serializable("ganctl")
class MinibatchStandardDeviation(keras.layers.Layer):
    """Adds one map to feature maps: [N, H, W, C] becomes [N, H, W, C + 1].

    The standard deviation over the batch is computed for every feature at every position; their mean is the value of
    the new map at every position of every image. It reveals mode collapse: a generator that draws the same picture
    again and again. Each score then depends on all images of the batch, even in a gradient penalty.

    Source: Karras et al. 2017, https://arxiv.org/abs/1710.10196, section 3 and its appendix A, over the whole batch.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Return [N, H, W, C + 1] for [N, H, W, C]."""
        values = keras.ops.cast(inputs, "float32")
        variance = keras.ops.mean(keras.ops.square(values - keras.ops.mean(values, axis=0, keepdims=True)), axis=0)
        # The square root's gradient is infinite at zero, where all images are the same.
        deviation = keras.ops.mean(keras.ops.sqrt(variance + 1e-8))
        one_map = keras.ops.zeros_like(inputs[..., :1]) + keras.ops.cast(deviation, inputs.dtype)
        return keras.ops.concatenate([inputs, one_map], axis=-1)


def varies_with_batch(network: Any) -> bool:
    """Return whether a network has a minibatch standard deviation, so that its scores depend on the whole batch."""
    return any(type(layer) is MinibatchStandardDeviation for layer in layers_of(network))
