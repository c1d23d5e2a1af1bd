"""The convolutional pair of WGAN-GP, whose critic has no BatchNorm."""

from typing import Annotated, Any

from pydantic import Field

import ganctl.layers
from ganctl.layers.resolutions import Resolutions, why_unfit
from ganctl.layers.strided_convolutions import enlarged, reduced
from ganctl.lazy import keras
from ganctl.models import registry


@registry.register(
    "wgan_gp",
    source="Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, and their gan_cifar.py",
    why_unfit=why_unfit,
)
def wgan_gp(
    image_shape: tuple[int, int, int],
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 128,
    capacity: Annotated[int, Field(ge=1, le=512)] = 32,
    filter_size: Annotated[int, Field(ge=1, le=15)] = 5,
    minibatch_deviation: bool = False,
) -> dict[str, Any]:
    """Convolutional pair for images from 16x16 to 256x256; for a penalty that keeps the critic's gradient at 1.

    The penalty applies to each image's score separately, so nothing in the critic may mix the images of a batch
    (section 4 of the paper). For 32x32, `capacity: 64` is the authors' critic; their generator makes the image with
    the third transposed convolution, this one with a convolution after it.

    Args:
        image_shape: height, width and channels.
        latent_dim: length of the latent vector.
        capacity: filters at the full resolution; doubled at each halving, up to eightfold.
        filter_size: side of the filters; an even size covers every pixel equally often, against checkerboards.
        minibatch_deviation: show the critic how much a batch varies (Karras et al. 2017), against mode collapse; its
            scores then depend on the whole batch, which must not mix real and generated images.
    """
    resolutions = Resolutions.of(*image_shape[:2])
    latent, image = keras.Input([latent_dim], name="latent"), keras.Input(image_shape, name="image")
    generated = keras.layers.Conv2D(image_shape[2], filter_size, padding="same", activation="tanh", dtype="float32")(
        enlarged(latent, resolutions, capacity, filter_size)
    )
    maps = reduced(image, resolutions, capacity, filter_size)
    if minibatch_deviation:
        maps = ganctl.layers.MinibatchStandardDeviation()(maps)
    score = keras.layers.Dense(1, dtype="float32")(keras.layers.Flatten()(maps))
    return {
        "generator": keras.Model(latent, generated, name="generator"),
        "discriminator": keras.Model(image, score, name="discriminator"),
    }
