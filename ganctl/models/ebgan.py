"""EBGAN: a discriminator that is an autoencoder, and takes what it cannot reconstruct for generated."""

from typing import Annotated, Any

from pydantic import Field

from ganctl.layers.resolutions import Resolutions, why_unfit
from ganctl.layers.strided_convolutions import enlarged, reduced
from ganctl.lazy import channels_last, keras
from ganctl.models import registry


@registry.register(
    "ebgan",
    source="Zhao et al. 2016, https://arxiv.org/abs/1609.03126, section 2.3",
    why_unfit=why_unfit,
    features=True,
)
def ebgan(
    image_shape: tuple[int, int, int],
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 100,
    code_dim: Annotated[int, Field(ge=2, le=4096)] = 64,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
) -> dict[str, Any]:
    """Convolutional generator against an autoencoder, for images from 16x16 to 256x256.

    The discriminator's score is the negative mean squared error of its reconstruction, so that a higher one means more
    real; its further outputs are the reconstruction and the code. Its loss is `energy`, with the generator term
    `pull_away` on the codes. The code is a vector, where the paper has maps for large images: with a code far smaller
    than the image, an autoencoder cannot copy whatever it sees. The discriminator has no BatchNorm.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector.
        code_dim: length of the autoencoder's code.
        capacity: filters at the full resolution; doubled at each halving, up to eightfold.
    """
    resolutions, layers = Resolutions.of(*image_shape[:2]), keras.layers
    latent, image = keras.Input([latent_dim], name="latent"), keras.Input(image_shape, name="image")
    maps = enlarged(latent, resolutions, capacity, 4)
    generated = layers.Conv2D(image_shape[2], 3, padding="same", activation="tanh", dtype="float32")(maps)

    code = layers.Dense(code_dim, dtype="float32")(layers.Flatten()(reduced(image, resolutions, capacity, 4)))
    maps = _decoded(code, resolutions, capacity)
    reconstruction = layers.Conv2D(image_shape[2], 3, padding="same", activation="tanh", dtype="float32")(maps)
    error = layers.Flatten(dtype="float32")(keras.ops.square(image - reconstruction))
    score = -keras.ops.mean(error, axis=1, keepdims=True)
    return {
        "generator": keras.Model(latent, generated, name="generator"),
        "discriminator": keras.Model(image, [score, reconstruction, code], name="discriminator"),
    }


@channels_last()
def _decoded(code: Any, resolutions: Resolutions, capacity: int) -> Any:
    """Maps [N, H, W, capacity] of a code, Keras tensors: `enlarged` without BatchNorm, leaky as the encoder is."""
    layers = keras.layers
    widest = resolutions.channels(capacity, resolutions.steps)
    maps = layers.LeakyReLU(0.2)(layers.Dense(resolutions.base_pixels * widest)(code))
    maps = layers.Reshape((*resolutions.base, widest))(maps)
    for level in reversed(range(resolutions.steps)):
        maps = layers.Conv2DTranspose(resolutions.channels(capacity, level), 4, 2, padding="same")(maps)
        maps = layers.LeakyReLU(0.2)(maps)
    return layers.Cropping2D(resolutions.cropping)(maps)
