"""BatchNorm whose scale and shift depend on the class."""

from typing import Any

from ganctl.layers.keras_alone import inputs_like
from ganctl.lazy import keras

Tensor = Any


@keras.saving.register_keras_serializable("ganctl")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Normalises feature maps and scales and shifts them by class.

        y = gamma[c] (x - mean) / sqrt(variance + epsilon) + beta[c]

    Call it with maps [N, H, W, C] and integer classes [N, 1]. gamma starts at 1 and beta at 0 for every class; the
    moments are those of the whole batch, regardless of class, and are averaged as in Keras' BatchNorm.

    Source: Dumoulin et al. 2016, https://arxiv.org/abs/1610.07629, equation 5, as used in Miyato and Koyama 2018,
    https://arxiv.org/abs/1802.05637.

    Args:
        num_classes: number of classes.
        settings: arguments of any layer, such as its name.

    Example:
        >>> ConditionalBatchNormalization(10)(maps, classes)
    """

    def __init__(self, num_classes: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.num_classes = num_classes

    def build(self, input_shape: Any) -> None:
        """Create BatchNorm, scales and shifts for [N, H, W, C]."""
        channels = input_shape[-1]
        # Keras' own layer, so that it is frozen and rewritten like any other.
        self.norm = keras.layers.BatchNormalization(axis=-1, center=False, scale=False, dtype=self.dtype_policy)
        self.norm.build(input_shape)
        self.gamma = self.add_weight(shape=(self.num_classes, channels), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(self.num_classes, channels), initializer="zeros", name="beta")

    def call(self, inputs: Tensor, classes: Tensor, training: bool | None = None) -> Tensor:
        """Return [N, H, W, C] for [N, H, W, C] and integers [N, 1]."""
        scale, shift = self.style(classes)
        return self.norm(inputs, training=training) * scale + shift

    def style(self, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scales and the shifts of classes: [N, 1, 1, C] each for integers [N, 1]."""
        ops = keras.ops
        chosen = ops.cast(ops.reshape(classes, (-1,)), "int32")
        scale = ops.take(self.gamma, chosen, axis=0)[:, None, None, :]
        shift = ops.take(self.beta, chosen, axis=0)[:, None, None, :]
        return scale, shift

    def as_keras(self, inputs: Any, classes: Any) -> Any:
        """Return a model of BatchNorm and two embeddings of the classes."""
        maps, chosen = inputs_like(inputs, classes)
        channels = inputs.shape[-1]

        def looked_up(table: Any) -> Any:
            embedding = keras.layers.Embedding(self.num_classes, channels, name=table.name)
            vectors = embedding(chosen)
            embedding.set_weights([table])
            return keras.layers.Reshape([1, 1, channels])(vectors)

        normalised = keras.layers.Multiply()([self.norm(maps), looked_up(self.gamma)])
        shifted = keras.layers.Add()([normalised, looked_up(self.beta)])
        return keras.Model([maps, chosen], shifted, name=self.name)

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        """Return the shape of the maps."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, for serialization."""
        return {**super().get_config(), "num_classes": self.num_classes}
