"""The convolutional pair of tutorial 3."""

from typing import Annotated, Any

from pydantic import Field

from ganctl.lazy import keras
from ganctl.models import registry


def _why_unfit(height: int, width: int) -> str:
    return "" if height % 2 == width % 2 == 0 and min(height, width) >= 28 else "even sizes of at least 28x28"


@registry.register(
    "dcgan_cifar",
    source="tutorial 3: Deep Convolutional GAN on CIFAR-10, after Chollet 2017, section 8.5",
    why_unfit=_why_unfit,
)
def dcgan_cifar(
    image_shape: tuple[int, int, int], *, latent_dim: Annotated[int, Field(ge=1, le=4096)] = 32
) -> dict[str, Any]:
    """Wide convolutional pair without BatchNorm, for images of 32x32 (or another even size of at least 28).

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector.
    """
    height, width, channels = image_shape
    layers = keras.layers
    generator = keras.Sequential(
        [
            keras.Input([latent_dim]),
            layers.Dense(128 * (height // 2) * (width // 2)),
            layers.LeakyReLU(0.3),
            layers.Reshape((height // 2, width // 2, 128)),
            layers.Conv2D(256, 5, padding="same"),
            layers.LeakyReLU(0.3),
            layers.Conv2DTranspose(256, 4, strides=2, padding="same"),
            layers.LeakyReLU(0.3),
            layers.Conv2D(256, 5, padding="same"),
            layers.LeakyReLU(0.3),
            layers.Conv2D(256, 5, padding="same"),
            layers.LeakyReLU(0.3),
            layers.Conv2D(channels, 7, activation="tanh", padding="same", dtype="float32"),
        ],
        name="generator",
    )
    discriminator = keras.Sequential(
        [keras.Input(image_shape), layers.Conv2D(128, 3), layers.LeakyReLU(0.3)], name="discriminator"
    )
    for _ in range(3):
        discriminator.add(layers.Conv2D(128, 4, strides=2))
        discriminator.add(layers.LeakyReLU(0.3))
    discriminator.add(layers.Flatten())
    discriminator.add(layers.Dropout(0.4))
    discriminator.add(layers.Dense(1, dtype="float32"))
    return {"generator": generator, "discriminator": discriminator}
