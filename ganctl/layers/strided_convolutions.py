"""The bodies of plain convolutional networks: maps doubled and halved by convolutions of stride two."""

from typing import Any

from ganctl.layers.resolutions import Resolutions
from ganctl.lazy import channels_last, keras


@channels_last()
def enlarged(vectors: Any, resolutions: Resolutions, capacity: int, filter_size: int) -> Any:
    """Return maps [N, H, W, capacity] made from vectors [N, d], with BatchNorm and ReLU after every layer.

    An even filter size covers every pixel equally often, which makes checkerboard artifacts less likely.

    Args:
        vectors: a Keras tensor.
        resolutions: base size and number of steps.
        capacity: channels at the full resolution; doubled at each halving, up to eightfold.
        filter_size: side of the transposed convolutions' kernels.
    """
    layers, normal = keras.layers, keras.initializers.RandomNormal
    widest = resolutions.channels(capacity, resolutions.steps)
    maps = layers.Dense(resolutions.base_pixels * widest, use_bias=False, kernel_initializer=normal(0.0, 0.02))(vectors)
    maps = layers.Reshape((*resolutions.base, widest))(maps)
    maps = layers.ReLU()(layers.BatchNormalization()(maps))
    for level in reversed(range(resolutions.steps)):
        width = resolutions.channels(capacity, level)
        maps = layers.Conv2DTranspose(
            width, filter_size, 2, padding="same", use_bias=False, kernel_initializer=normal(0.0, 0.02)
        )(maps)
        maps = layers.ReLU()(layers.BatchNormalization()(maps))
    return layers.Cropping2D(resolutions.cropping)(maps)


@channels_last()
def reduced(images: Any, resolutions: Resolutions, capacity: int, filter_size: int) -> Any:
    """Return maps [N, *base, C] made from images, with LeakyReLU(0.2) after every layer and without BatchNorm.

    Arguments as for `enlarged`; the first map has twice `capacity` channels.
    """
    layers, maps = keras.layers, images
    for level in range(1, resolutions.steps + 1):
        width = resolutions.channels(capacity, level)
        maps = layers.Conv2D(
            width, filter_size, 2, padding="same", kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02)
        )(maps)
        maps = layers.LeakyReLU(0.2)(maps)
    return maps
