"""A layer that continues images beyond their borders as mirrors would."""

from typing import Any

from ganctl.layers.keras_alone import inputs_like
from ganctl.lazy import keras

Tensor = Any


@keras.saving.register_keras_serializable("ganctl")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width on both sides with the image's own rows and columns, mirrored at its border pixels.

    Padding by 2 makes the row a b c d into c b a b c d c b. Where padding with zeros would leave a visible frame, the
    output of a convolution continues smoothly.

    Source: Johnson et al. 2016, https://arxiv.org/abs/1603.08155, supplementary material.

    Args:
        padding: how many pixels to add on each side.
        settings: arguments of any layer, such as its name.

    Raises:
        ValueError: on being called with images that do not have more than `padding` pixels a side.
    """

    def __init__(self, padding: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.padding = padding

    def call(self, inputs: Tensor) -> Tensor:
        """Return [N, H + 2 padding, W + 2 padding, C] for [N, H, W, C]; raises ValueError."""
        self._check(inputs.shape)
        both = (self.padding, self.padding)
        return keras.ops.pad(inputs, [(0, 0), both, both, (0, 0)], mode="reflect")

    def as_keras(self, inputs: Any) -> Any:
        """Return a model of Keras' own operation."""
        own = inputs_like(inputs)
        return keras.Model(own, self.call(*own), name=self.name)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the padded shape; raises ValueError."""
        self._check(input_shape)
        count, height, width, channels = input_shape
        return (count, *(side and side + 2 * self.padding for side in (height, width)), channels)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, for serialization."""
        return {**super().get_config(), "padding": self.padding}

    def _check(self, shape: Any) -> None:
        if any(side is not None and side <= self.padding for side in shape[1:3]):
            raise ValueError(
                f"Reflection by {self.padding} pixels needs maps of at least {self.padding + 1} pixels a side. "
                f"Received: {shape[1]}x{shape[2]}"
            )
