"""Inputs and outputs of networks: latent vectors, classes and images, in the form that the networks take.

A generator's inputs are latent vectors; an input called `classes` takes the classes to draw, as integers [N, 1] or
one-hot [N, classes].
"""

from collections.abc import Sequence
from typing import Any

from ganctl.game.noise import Key
from ganctl.lazy import keras, tf

Tensor = Any

CLASSES = "classes"
"""The name of a network's input for classes."""
CODE = "code"
"""The name of a latent input of which each entry has a meaning of its own, which the model finds."""


def as_networks_see(pixels: Any) -> Any:
    """Return floating-point grey levels from 0 .. 255 scaled to [-1, 1]."""
    return pixels / 127.5 - 1.0


def takes_classes(network: Any) -> bool:
    """Whether a generator or a discriminator has an input for classes."""
    # A subclass of keras.Model, such as a user's own discriminator, does not list its inputs.
    return any(tensor.name == CLASSES for tensor in getattr(network, "inputs", None) or ())


def judges_images_alone(discriminator: Any) -> bool:
    """Whether a discriminator's only inputs are images, and classes if it takes them."""
    return len([tensor for tensor in discriminator.inputs if tensor.name != CLASSES]) == 1


def class_count(generator: Any, num_classes: int) -> int:
    """Return a generator's number of classes: the width of its one-hot input, otherwise `num_classes`, the data set's.

    If a generator finds categories itself (InfoGAN), only the width is right.
    """
    wanted = next(tensor for tensor in generator.inputs if tensor.name == CLASSES)
    return num_classes if "int" in wanted.dtype else int(wanted.shape[-1])


def draw_latent(
    generator: Any, key: Key, count: int, distribution: str, truncation: float | None = None
) -> list[Tensor]:
    """Return latent vectors [count, latent_dim] for every latent input; `truncation` as in `Key.latent`."""
    shapes = [tensor.shape[1:] for tensor in generator.inputs if tensor.name != CLASSES]
    keys = [key, *(key.narrow("latent input", index) for index in range(1, len(shapes)))]
    return [key.latent([count, *shape], distribution, truncation) for key, shape in zip(keys, shapes, strict=False)]


def arrange_inputs(network: Any, given: Tensor | Sequence[Tensor], classes: Tensor | None = None) -> Tensor:
    """Return the arguments of a generator or a discriminator, in the order of its inputs.

    Args:
        network: the network.
        given: a generator's latent vectors or a discriminator's images; a list if it takes several.
        classes: int32 [N], if it takes classes.
    """
    tensors = iter(given if isinstance(given, (list, tuple)) else [given])
    arranged = [_encoded(classes, tensor) if tensor.name == CLASSES else next(tensors) for tensor in network.inputs]
    return arranged[0] if len(arranged) == 1 else arranged


def _encoded(classes: Tensor, wanted: Any) -> Tensor:
    """Classes [N] in the form of the input: integers [N, 1] or one-hot."""
    return classes[:, tf.newaxis] if "int" in wanted.dtype else tf.one_hot(classes, wanted.shape[-1])


def to_pixels(images: Any) -> Any:
    """Return images in [-1, 1] as uint8, rounded to the nearest grey level."""
    scaled = tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5)
    return tf.cast(tf.clip_by_value(scaled, 0.0, 255.0), tf.uint8)


def class_input() -> Any:
    """Return a Keras input for classes, integers [N, 1]."""
    return keras.Input([1], dtype="int32", name=CLASSES)
