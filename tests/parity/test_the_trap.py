"""Why the literal loops need `trace`: in the order of tutorials 2 and 5, Keras 3 never moves the discriminator."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from ganctl.images.image_set import ImageSet
from parity.same_play import load, make_networks

BATCH = 4


def moved(network: Any, before: list[np.ndarray]) -> float:
    """The largest change of any variable."""
    return max(float(np.abs(v.numpy() - old).max()) for v, old in zip(network.variables, before, strict=True))


@pytest.mark.parametrize(
    "experiment",
    [
        pytest.param(("dense_gan_mnist", "dataset.image_size=8", "dataset.channels=3"), id="tutorial 2"),
        pytest.param(("celeba_gan", "NET_CAPACITY=2", "SPATIAL_DIM=16"), id="tutorial 5", marks=pytest.mark.slow),
    ],
)
def test_a_discriminator_that_is_frozen_before_its_first_batch_never_moves(
    pictures: Callable[..., ImageSet], experiment: tuple[str, ...]
) -> None:
    images = pictures(64, 8 if experiment[0] == "dense_gan_mnist" else 16, 3, num_classes=2)
    networks = make_networks(load(*experiment), images)
    generator, network = networks["generator"], networks["discriminator"]
    discriminator = keras.Sequential([network, keras.layers.Activation("sigmoid")])
    discriminator.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(2e-4))
    discriminator.trainable = False
    gan = keras.Sequential([generator, discriminator])
    gan.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(2e-4))

    before = {name: [v.numpy() for v in player.variables] for name, player in networks.items()}
    noise = np.random.default_rng(0).normal(size=(BATCH, 100)).astype(np.float32)
    real = images.images[:BATCH].astype(np.float32) / 127.5 - 1.0

    def play() -> None:
        for _ in range(3):
            discriminator.train_on_batch(real, np.ones((BATCH, 1)))
            discriminator.train_on_batch(generator.predict(noise, verbose=0), np.zeros((BATCH, 1)))
            gan.train_on_batch(noise, np.ones((BATCH, 1)))

    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        play()
    assert moved(network, before["discriminator"]) == 0.0
    assert moved(generator, before["generator"]) > 1e-4
