"""Tutorial 4 from Python: one's own networks, images and noise."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from ganctl import models
from ganctl.errors import DataError, UsageError
from ganctl.training.iterables import fit

pytestmark = pytest.mark.usefixtures("uncompiled")

SHAPE = (8, 8, 1)


def networks(noise_inputs: int = 1) -> tuple[Any, Any]:
    keras.utils.set_random_seed(0)
    made = models.registry.get("decoupled_gan").make(SHAPE, latent_dim=5, noise_inputs=noise_inputs)
    return made["generator"], made["discriminator"]


def batches(count: int, size: int = 4) -> Iterator[np.ndarray]:
    random = np.random.default_rng(0)
    for _ in range(count):
        yield random.uniform(-1, 1, (size, *SHAPE)).astype(np.float32)


def noise(count: int, seed: int, inputs: int = 1) -> Iterator[Any]:
    random = np.random.default_rng(seed)
    for _ in range(count):
        vectors = [random.normal(size=(4, 5)) for _ in range(inputs)]
        yield vectors if inputs > 1 else vectors[0]


@pytest.mark.compiled
def test_both_networks_learn_from_ones_own_iterables_and_keep_their_own_flags() -> None:
    generator, discriminator = networks()
    discriminator.layers[1].trainable = False
    flags = [layer.trainable for layer in (*generator.layers, *discriminator.layers)]
    before = [[v.numpy() for v in network.trainable_variables] for network in (generator, discriminator)]
    rows = fit(generator, discriminator, batches(20), noise(30, 1), iterations=3, training_ratio=2)
    assert len(rows) == 3
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    for network, old in zip((generator, discriminator), before, strict=True):
        assert any((v.numpy() != o).any() for v, o in zip(network.trainable_variables, old, strict=True))
    assert [layer.trainable for layer in (*generator.layers, *discriminator.layers)] == flags


@pytest.mark.slow
def test_the_noise_that_is_given_is_the_noise_that_is_used() -> None:
    losses = [fit(*networks(2), batches(9), noise(9, seed, 2), iterations=2)[-1]["g_loss"] for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_an_iterable_that_ends_ends_the_training() -> None:
    assert len(fit(*networks(), batches(2), iterations=50)) == 2


def test_what_cannot_be_trained_on_is_refused() -> None:
    generator, discriminator = networks()
    with pytest.raises(DataError, match="iterable of images is empty"):
        fit(generator, discriminator, [], iterations=1)
    with pytest.raises(DataError, match="shape"):
        fit(generator, discriminator, [*batches(1), *batches(1, size=3)], iterations=2)
    sigmoid = keras.Sequential([discriminator, keras.layers.Activation("sigmoid")])
    with pytest.raises(UsageError, match="logits"):
        fit(generator, sigmoid, batches(1), iterations=1)


def test_ctrl_c_leaves_the_networks_in_their_own_state() -> None:
    generator, discriminator = networks()

    def interrupted() -> Iterator[np.ndarray]:
        yield from batches(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(generator, discriminator, interrupted(), iterations=5)
    assert all(layer.trainable for layer in (*generator.layers, *discriminator.layers))
    assert all(np.isfinite(v.numpy()).all() for v in generator.variables)
