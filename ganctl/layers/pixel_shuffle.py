"""A layer that makes maps larger by turning channels into pixels."""

from typing import Any

import numpy as np

from ganctl.lazy import DATA_FORMAT, keras, tf

Tensor = Any


@keras.saving.register_keras_serializable("ganctl")
class PixelShuffle(keras.layers.Layer):
    """Rearranges channels into blocks of pixels: [N, H, W, r r C] becomes [N, r H, r W, C].

        y[n, r h + i, r w + j, c] = x[n, h, w, (r i + j) C + c]

    A convolution before it then computes each of the r r pixels of a block with kernels of its own, at the small size.

    Source: Shi et al. 2016, https://arxiv.org/abs/1609.05158, equation 4, with the channels in another order.

    Args:
        factor: r, how many times larger height and width become.
        settings: arguments of any layer, such as its name.

    Raises:
        ValueError: on building, if the channels are not a multiple of r r.
    """

    def __init__(self, factor: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.factor = factor

    def build(self, input_shape: Any) -> None:
        """Check the channels of [N, H, W, r r C]; raises ValueError."""
        if input_shape[-1] % self.factor**2:
            raise ValueError(
                f"Pixel shuffle by {self.factor} needs a multiple of {self.factor**2} channels. "
                f"Received: {input_shape[-1]}"
            )

    def call(self, inputs: Tensor) -> Tensor:
        """Return [N, r H, r W, C] for [N, H, W, r r C]."""
        return tf.nn.depth_to_space(inputs, self.factor) if self.factor > 1 else inputs

    def as_keras(self, inputs: Any) -> Any:
        """Return a transposed convolution whose kernel is a pattern of ones.

        Unlike Keras' reshaping, it also takes maps of unknown height and width.
        """
        factor, channels = self.factor, inputs.shape[-1] // self.factor**2
        own = {"use_bias": False, "data_format": DATA_FORMAT, "name": self.name}
        layer = keras.layers.Conv2DTranspose(channels, factor, factor, **own)
        layer.build(inputs.shape)
        ones = np.eye(inputs.shape[-1]).reshape(factor, factor, channels, inputs.shape[-1])
        layer.set_weights([ones])
        return layer

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the enlarged maps."""
        count, height, width, channels = input_shape
        return (count, *(side and side * self.factor for side in (height, width)), channels // self.factor**2)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, for serialization."""
        return {**super().get_config(), "factor": self.factor}
