"""Residual blocks that double or halve a map, as in SNGAN and its descendants.

The 1x1 convolution of a shortcut is applied where the map is small, before upsampling and after pooling: the result is
the same at a quarter of the cost.

Source: Miyato et al. 2018, https://arxiv.org/abs/1802.05957, appendix B.4; Gulrajani et al. 2017, appendix C.
"""

from collections.abc import Callable
from typing import Any

from ganctl.lazy import channels_last, keras

Convolution = Callable[..., Any]


@channels_last()
def up_block(maps: Any, filters: int, convolution: Convolution, normalise: Callable[[Any], Any]) -> Any:
    """Return maps of twice the size: [N, H, W, C] to [N, 2H, 2W, filters].

    Args:
        maps: a Keras tensor.
        filters: channels of the output.
        convolution: makes a convolution layer, such as `keras.layers.Conv2D`.
        normalise: applied before each activation, such as a new BatchNorm.
    """
    layers = keras.layers
    inner = layers.UpSampling2D()(layers.ReLU()(normalise(maps)))
    inner = convolution(filters, 3, padding="same")(inner)
    inner = convolution(filters, 3, padding="same")(layers.ReLU()(normalise(inner)))
    return layers.Add()([inner, layers.UpSampling2D()(convolution(filters, 1)(maps))])


@channels_last()
def down_block(maps: Any, filters: int, convolution: Convolution, *, halve: bool = True, activate: bool = True) -> Any:
    """Return maps of half the size, rounded up, without normalisation: [N, H, W, C] to [N, H / 2, W / 2, filters].

    Args:
        maps: a Keras tensor.
        filters: channels of the output.
        convolution: makes a convolution layer.
        halve: pool by two; otherwise keep the size.
        activate: start with ReLU; false for the block that sees the image.
    """
    layers = keras.layers

    def pooled(tensor: Any) -> Any:
        return layers.AveragePooling2D(2, padding="same")(tensor) if halve else tensor

    inner = convolution(filters, 3, padding="same")(layers.ReLU()(maps) if activate else maps)
    inner = pooled(convolution(filters, 3, padding="same")(layers.ReLU()(inner)))
    shortcut = pooled(maps)
    if halve or maps.shape[-1] != filters:
        shortcut = convolution(filters, 1)(shortcut)
    return layers.Add()([inner, shortcut])
