"""A layer that multiplies by noise that it draws itself."""

from typing import Any

from ganctl.lazy import keras

Tensor = Any


@keras.saving.register_keras_serializable("ganctl")
class TimesNoise(keras.layers.Layer):
    """Multiplies its input by fresh noise from N(0, 1), in training and inference.

    Its seed is a variable like dropout's, so that the game and samplers control what it draws (`noise.seed_layers`).
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs: Tensor) -> Tensor:
        """Return inputs * noise."""
        shape = keras.ops.shape(inputs)
        return inputs * keras.random.normal(shape, dtype=inputs.dtype, seed=self.seed_generator)
