"""Codes: the latent vectors that a model's encoder finds for images, and the images that return from them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganctl.errors import UsageError
from ganctl.game.inputs import as_networks_see
from ganctl.game.noise import seeded
from ganctl.game.sampler import Sampler
from ganctl.generation.drawing import BATCH, generate_from, sample_key
from ganctl.generation.latents import arranged, as_vectors, latent_shapes
from ganctl.generation.loading import TrainedGenerator
from ganctl.images.image_set import gathered
from ganctl.lazy import tf

ENCODER = Sampler(network="encoder")
"""How a model's encoder is found: by its role. It is the network that inverts the generator."""


def encoder_of(trained: TrainedGenerator) -> Any | None:
    """Return the network called so, computed as in training; None if there is none among the weights that were read.

    Files in `generators/` hold only what draws.
    """
    return trained.drawing_with(ENCODER) if ENCODER.network in trained.source.groups else None


def inverts(encoder: Any, generator: Any, image_shape: tuple[int, int, int]) -> bool:
    """Return whether an encoder turns images into latent vectors of a generator.

    It takes images of that shape, and its first outputs have the shapes of the generator's latent inputs: a further
    output, such as the logarithms of variances, does not count.
    """
    shapes = latent_shapes(generator)
    if not shapes or len(getattr(encoder, "inputs", None) or ()) != 1:
        return False
    outputs = [tuple(output.shape[1:]) for output in encoder.outputs[: len(shapes)]]
    return tuple(encoder.inputs[0].shape[1:]) == image_shape and outputs == shapes


def encode(encoder: Any, generator: Any, images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the codes of images, float32 [N, size]: all latent inputs of the generator one after the other.

    Args:
        encoder: a network for which `inverts` holds.
        generator: whose latent vectors they are.
        images: uint8 [N, H, W, C].
        seed: of layers that draw their own noise.

    Raises:
        UsageError: the encoder does not invert the generator.
    """
    height, width, channels = images.shape[1:]
    if not inverts(encoder, generator, (height, width, channels)):
        raise UsageError(
            "The encoder does not turn these images into latent vectors of this generator. Give images with the size "
            f"and channels that both were trained on. Received: {height}x{width}, {channels} channels"
        )
    count = len(latent_shapes(generator))

    def codes(batch: Any) -> list[Any]:
        found = encoder(as_networks_see(tf.cast(batch, tf.float32)), training=False)
        return list(found[:count]) if isinstance(found, (list, tuple)) else [found]

    compiled = tf.function(codes, reduce_retracing=True, autograph=False)
    batches = []
    for start in range(0, len(images), BATCH):
        with seeded(encoder, sample_key(seed, start // BATCH)):
            found = compiled(tf.constant(images[start : start + BATCH]))
        batches.append(as_vectors([np.asarray(each, np.float32) for each in found]))
    return np.concatenate(batches)


def reconstruct(
    encoder: Any, generator: Any, images: np.ndarray, seed: int = 0, classes: Sequence[int] = ()
) -> np.ndarray:
    """Return what the generator makes of the codes of images, G(E(x)), uint8 [N, H, W, C].

    Args:
        encoder: as for `encode`.
        generator: the network.
        images: uint8 [N, H, W, C].
        seed: of layers that draw their own noise.
        classes: the class of each image, if the generator takes classes.

    Raises:
        UsageError: the encoder does not invert the generator.
    """
    latent = arranged(generator, encode(encoder, generator, images, seed))
    height, width, channels = images.shape[1:]
    return gathered(generate_from(generator, latent, seed, classes), len(images), (height, width, channels))
