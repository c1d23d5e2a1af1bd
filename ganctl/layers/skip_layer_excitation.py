"""A layer in which a small map weights the channels of a large one."""

from typing import Any

from ganctl.layers.keras_alone import inputs_like
from ganctl.lazy import DATA_FORMAT, keras

_SIDE = 4

Tensor = Any


@keras.saving.register_keras_serializable("ganctl")
class SkipLayerExcitation(keras.layers.Layer):
    """Multiplies the channels of a large map by factors from a small one.

        y = F(x_low) x_high

    Call it with x_high [N, H, W, C] and x_low [N, h, w, c]. F pools x_low to 4x4 (4 to 7 a side if its side is not a
    multiple of 4), then applies a convolution over the whole result with C filters, LeakyReLU(0.1), a 1x1 convolution
    and a sigmoid: one factor from 0 to 1 for each channel of each image. The gradient has a shortcut to the early
    layers, without the cost of adding maps of the same size.

    Source: Liu et al. 2021, https://arxiv.org/abs/2101.04775, equation 1 and figure 3.
    """

    def build(self, high_shape: Any, low_shape: Any) -> None:
        """Create the layers for the shapes [N, H, W, C] and [N, h, w, c] of the two maps."""
        channels = high_shape[-1]
        pool = [max(1, side // _SIDE) for side in low_shape[1:3]]
        sides = [side // pooled for side, pooled in zip(low_shape[1:3], pool, strict=True)]
        own = {"data_format": DATA_FORMAT, "dtype": self.dtype_policy}
        self.pooling = keras.layers.AveragePooling2D(pool, **own)
        self.whole = keras.layers.Conv2D(channels, sides, use_bias=False, **own)
        self.each = keras.layers.Conv2D(channels, 1, use_bias=False, activation="sigmoid", **own)
        self.whole.build((None, *sides, low_shape[-1]))
        self.each.build((None, 1, 1, channels))

    def call(self, high: Tensor, low: Tensor) -> Tensor:
        """Return [N, H, W, C] for x_high [N, H, W, C] and x_low [N, h, w, c]."""
        hidden = keras.ops.leaky_relu(self.whole(self.pooling(low)), 0.1)
        return high * self.each(hidden)

    def as_keras(self, high: Any, low: Any) -> Any:
        """Return a model of the same layers."""
        inputs = inputs_like(high, low)
        return keras.Model(inputs, self.call(*inputs), name=self.name)

    def compute_output_shape(self, high_shape: Any, low_shape: Any) -> Any:
        """Return the shape of the large map."""
        return high_shape
