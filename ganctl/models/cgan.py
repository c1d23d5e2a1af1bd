"""The first conditional GAN: two fully connected networks that are both told the class."""

import math
from typing import Annotated, Any

from pydantic import Field

from ganctl.game import CLASSES
from ganctl.layers.maxout import maxout
from ganctl.layers.resolutions import why_unfit
from ganctl.lazy import keras
from ganctl.models import registry


@registry.register(
    "cgan", source="Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784, section 4.1", why_unfit=why_unfit
)
def cgan(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = 100,
    capacity: Annotated[int, Field(ge=1, le=512)] = 40,
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5,
) -> dict[str, Any]:
    """Fully connected pair that draws a given class; both networks are told the class, as a one-hot vector.

    The generator maps noise and class to hidden layers of their own, then both to one. So does the discriminator,
    whose hidden units are maxout units: of the image with five pieces, of the class with five, and of both with four.
    For small images, because every pixel is connected to every unit before it.

    Args:
        image_shape: height, width and channels.
        num_classes: number of classes.
        latent_dim: length of the latent vector.
        capacity: scales all widths; 40 gives the paper's. The generator's layers have 5, 25 and 30 times as many units
            for noise, class and both together; the discriminator's have 6, 5/4 and 6 times as many for image, class and
            both together.
        dropout: share of the hidden units of both networks that are dropped in training.
    """
    layers = keras.layers

    def class_kernel(deviation: float) -> Any:
        # Only one entry of a one-hot vector is not 0. By the usual rule, which counts all entries, the class would be
        # ten times weaker than noise and image, and ignored for a long time. Much larger, it would drown out the noise.
        return keras.initializers.RandomNormal(stddev=deviation)

    def dropped(vectors: Any) -> Any:
        return layers.Dropout(dropout)(vectors) if dropout else vectors

    latent, drawn_class = keras.Input([latent_dim], name="latent"), keras.Input([num_classes], name=CLASSES)
    of_noise = dropped(layers.Dense(5 * capacity, activation="relu")(latent))
    of_class = dropped(
        layers.Dense(25 * capacity, activation="relu", kernel_initializer=class_kernel(0.2))(drawn_class)
    )
    both = layers.Dense(30 * capacity, activation="relu")(layers.Concatenate()([of_noise, of_class]))
    pixels = layers.Dense(math.prod(image_shape), activation="tanh", dtype="float32")(dropped(both))
    generated = layers.Reshape(image_shape, dtype="float32")(pixels)

    image, judged_class = keras.Input(image_shape, name="image"), keras.Input([num_classes], name=CLASSES)
    of_image = dropped(maxout(layers.Flatten()(image), 6 * capacity, 5))
    of_class = dropped(maxout(judged_class, max(1, 5 * capacity // 4), 5, kernel_initializer=class_kernel(0.5)))
    both = dropped(maxout(layers.Concatenate()([of_image, of_class]), 6 * capacity, 4))
    score = layers.Dense(1, dtype="float32")(both)
    return {
        "generator": keras.Model([latent, drawn_class], generated, name="generator"),
        "discriminator": keras.Model([image, judged_class], score, name="discriminator"),
    }
