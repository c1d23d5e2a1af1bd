"""A layer that multiplies by noise of its own."""

from functools import cache
from typing import Any

from ganctl.lazy import keras


def times_noise() -> Any:
    """Return a layer that multiplies what it gets by fresh noise from N(0, 1), in training and out of it.

    Its seed is a variable like dropout's, so that whoever plays or draws decides what it draws (`noise.seed_layers`).
    """
    return _layer_class()()


@cache
def _layer_class() -> Any:
    """The class; a function, because a base class at the top of a module would load Keras with it."""

    class TimesNoise(keras.layers.Layer):
        """Multiplies by fresh noise."""

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.seed_generator = keras.random.SeedGenerator(0)

        def call(self, inputs: Any) -> Any:
            """Return inputs * noise."""
            shape = keras.ops.shape(inputs)
            return inputs * keras.random.normal(shape, dtype=inputs.dtype, seed=self.seed_generator)

    return TimesNoise
