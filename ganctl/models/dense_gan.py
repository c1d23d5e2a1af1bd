"""The fully connected pair of tutorial 2."""

import math
from typing import Annotated, Any

from pydantic import Field

from ganctl.lazy import keras
from ganctl.models import registry


@registry.register("dense_gan", source="tutorial 2: Simple Generative Adversarial Network with Keras, 2018")
def dense_gan(
    image_shape: tuple[int, int, int], *, latent_dim: Annotated[int, Field(ge=1, le=4096)] = 100
) -> dict[str, Any]:
    """Fully connected generator and discriminator, for small images of any shape.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector.
    """
    layers, pixels = keras.layers, math.prod(image_shape)
    generator = keras.Sequential([keras.Input([latent_dim])], name="generator")
    for width in (256, 512, 1024):
        generator.add(layers.Dense(width))
        generator.add(layers.LeakyReLU(0.2))
        generator.add(layers.BatchNormalization(momentum=0.8))
    generator.add(layers.Dense(pixels, activation="tanh", dtype="float32"))
    generator.add(layers.Reshape(image_shape, dtype="float32"))

    discriminator = keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Flatten(),
            layers.Dense(pixels),
            layers.LeakyReLU(0.2),
            layers.Dense(pixels // 2),
            layers.LeakyReLU(0.2),
            layers.Dense(1, dtype="float32"),
        ],
        name="discriminator",
    )
    return {"generator": generator, "discriminator": discriminator}
