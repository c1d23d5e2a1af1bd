"""BatchNorm whose scale and shift are linear functions of a vector that a generator is told.

Source: Brock et al. 2018, https://arxiv.org/abs/1809.11096, appendix B.1.
"""

from collections.abc import Callable
from typing import Any

from ganctl.lazy import channels_last, keras


@channels_last()
def modulated(maps: Any, told: Any, dense: Callable[..., Any]) -> Any:
    """Return normalised maps, scaled and shifted: y = (1 + A v) norm(x) + B v for [N, H, W, C] and vectors v [N, d].

    With `ConditionalBatchNormalization`, which has a scale and a shift for each class, v would be the class alone.

    Args:
        maps: a Keras tensor.
        told: a Keras tensor, the vectors.
        dense: makes the layers A and B, such as `keras.layers.Dense`.
    """
    layers, channels = keras.layers, maps.shape[-1]
    normalised = layers.BatchNormalization(center=False, scale=False)(maps)
    scale, shift = (layers.Reshape((1, 1, channels))(dense(channels, use_bias=False)(told)) for _ in range(2))
    return layers.Add()([normalised, layers.Multiply()([normalised, scale]), shift])
