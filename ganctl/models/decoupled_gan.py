"""The upsampling pair of tutorial 4."""

from typing import Annotated, Any

from pydantic import Field

from ganctl.lazy import keras
from ganctl.models import registry


def _why_unfit(height: int, width: int) -> str:
    return "" if height % 4 == width % 4 == 0 else "sizes that are multiples of 4"


@registry.register(
    "decoupled_gan",
    source="tutorial 4: networks decoupled from the training machinery (`dcgan_gen` and `dcgan_disc`)",
    why_unfit=_why_unfit,
)
def decoupled_gan(
    image_shape: tuple[int, int, int],
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 64,
    noise_inputs: Annotated[int, Field(ge=1, le=64)] = 1,
) -> dict[str, Any]:
    """Convolutional pair with an upsampling generator, for images whose sides are multiples of 4.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of every latent vector.
        noise_inputs: number of latent vectors, each an input of the generator of its own; they are concatenated.
    """
    height, width, channels = image_shape
    layers = keras.layers
    initial_shape = (height // 4, width // 4, 256)

    noise_in = [keras.Input([latent_dim], name=f"noise_in_{index}") for index in range(noise_inputs)]
    x = layers.Concatenate()(noise_in) if noise_inputs > 1 else noise_in[0]
    x = layers.Dense(initial_shape[0] * initial_shape[1] * initial_shape[2])(x)
    x = layers.LeakyReLU(0.2)(x)
    x = layers.Reshape(initial_shape)(x)
    for filters in (128, 64):
        x = layers.UpSampling2D()(x)
        x = layers.Conv2D(filters, 3, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.8)(x)
        x = layers.LeakyReLU(0.2)(x)
    image_out = layers.Conv2D(channels, 3, padding="same", activation="tanh", dtype="float32")(x)
    generator = keras.Model(noise_in if noise_inputs > 1 else noise_in[0], image_out, name="generator")

    discriminator = keras.Sequential([keras.Input(image_shape)], name="discriminator")
    for filters, strides in ((64, 1), (128, 2), (256, 2)):
        discriminator.add(layers.Conv2D(filters, 3, strides=strides, padding="same"))
        discriminator.add(layers.LeakyReLU(0.2))
    discriminator.add(layers.Flatten())
    discriminator.add(layers.Dense(1, dtype="float32"))
    return {"generator": generator, "discriminator": discriminator}
