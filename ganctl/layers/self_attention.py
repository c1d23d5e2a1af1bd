"""A layer through which every position of a feature map attends to every other."""

from collections.abc import Callable
from typing import Any

from ganctl.layers.keras_alone import inputs_like
from ganctl.lazy import DATA_FORMAT, keras

Tensor = Any


@keras.saving.register_keras_serializable("ganctl")
class SelfAttention(keras.layers.Layer):
    """Adds to feature maps [N, H, W, C] what attention gathers from other positions.

        y_j = gamma o_j + x_j,  o_j = v(sum_i beta_ji h(x_i)),  beta_ji = softmax_i(f(x_i) . g(x_j))

    f and g have C/8 channels, h has C/2, v has C; all are 1x1 convolutions without bias. The positions i are those of
    a map pooled by two, as in the authors' code, which takes a quarter of the work. gamma is learned and starts at 0,
    so that the layer starts as the identity. The attention itself is computed in float32.

    Source: Zhang et al. 2018, https://arxiv.org/abs/1805.08318, equations 1 to 3.

    Args:
        convolution: makes a convolution layer from filters, kernel size and settings; by default `Conv2D`.
        settings: arguments of any layer, such as its name.
    """

    def __init__(self, convolution: Callable[..., Any] | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._convolution = convolution or keras.layers.Conv2D

    def build(self, input_shape: Any) -> None:
        """Create the four convolutions for [N, H, W, C]."""
        channels = input_shape[-1]
        self.narrow = max(1, channels // 8)
        self.middle = max(1, channels // 2)
        self.f, self.g, self.h, self.v = (
            self._convolution(filters, 1, use_bias=False, data_format=DATA_FORMAT, dtype=self.dtype_policy, name=name)
            for filters, name in ((self.narrow, "f"), (self.narrow, "g"), (self.middle, "h"), (channels, "v"))
        )
        for part in (self.f, self.g, self.h):
            part.build(input_shape)
        self.v.build((*input_shape[:3], self.middle))
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")

    def call(self, inputs: Tensor) -> Tensor:
        """Return [N, H, W, C] for [N, H, W, C]."""
        return inputs + self.gamma * self.v(self._gathered(inputs))

    def _gathered(self, inputs: Tensor) -> Tensor:
        """What attention gathers before the last convolution, [N, H, W, C / 2]."""
        ops = keras.ops
        height, width = inputs.shape[1:3]
        keys, values = _pooled(self.f(inputs)), _pooled(self.h(inputs))
        places = keys.shape[1] * keys.shape[2]
        keys = ops.cast(ops.reshape(keys, (-1, places, self.narrow)), "float32")
        queries = ops.cast(ops.reshape(self.g(inputs), (-1, height * width, self.narrow)), "float32")
        attention = ops.softmax(ops.matmul(queries, ops.transpose(keys, (0, 2, 1))), axis=-1)
        seen = ops.matmul(ops.cast(attention, inputs.dtype), ops.reshape(values, (-1, places, self.middle)))
        return ops.reshape(seen, (-1, height, width, self.middle))

    def as_keras(self, inputs: Any) -> Any:
        """Return a model of the four convolutions; the last one's kernel is multiplied by gamma."""
        (maps,) = inputs_like(inputs)
        gathered = self._gathered(maps)
        last = keras.layers.Conv2D(inputs.shape[-1], 1, use_bias=False, data_format=DATA_FORMAT, name="v")
        added = last(gathered)
        last.set_weights([self.gamma * self.v.kernel])
        return keras.Model(maps, keras.layers.Add()([maps, added]), name=self.name)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, for serialization: a sample convolution stands for the function that makes them."""
        pattern = self._convolution(1, 1, use_bias=False, data_format=DATA_FORMAT, dtype="float32", name="pattern")
        return {**super().get_config(), "convolution": keras.saving.serialize_keras_object(pattern)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return the layer that a `get_config` describes."""
        pattern = keras.saving.deserialize_keras_object(config["convolution"])

        def convolution(filters: int, kernel_size: int, **settings: Any) -> Any:
            changes = {"filters": filters, "kernel_size": kernel_size, **settings}
            return type(pattern).from_config({**pattern.get_config(), **changes})

        return super().from_config({**config, "convolution": convolution})


def _pooled(maps: Tensor) -> Tensor:
    """Return 2x2 max-pooled maps, [N, H // 2, W // 2, C] for [N, H, W, C]; maps of a single row or column unchanged.

    By hand, because XLA has no deterministic gradient of MaxPooling2D.
    """
    height, width, channels = maps.shape[1:]
    if min(height, width) < 2:
        return maps
    even = maps[:, : height // 2 * 2, : width // 2 * 2]
    return keras.ops.max(keras.ops.reshape(even, (-1, height // 2, 2, width // 2, 2, channels)), axis=(2, 4))
