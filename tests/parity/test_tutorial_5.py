"""Tutorial 5: an update of the discriminator on real images, then one on generated ones; BatchNorm in both networks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from ganctl.experiment.experiment import Experiment
from ganctl.game import Game
from ganctl.images.image_set import ImageSet
from parity.same_play import ROUNDS, Play, Script, differences, load, make_networks, played_by_ganctl, snapshot, trace

BATCH = 8
SHRUNK = (f"BATCH_SIZE={BATCH}", "NET_CAPACITY=4", "LATENT_DIM=16", "SPATIAL_DIM=32")


def literal_loop(generator: Any, network: Any, script: Script, disc_updates: int = 1, gen_updates: int = 1) -> Play:
    """The tutorial's loop; `network` is its discriminator without the sigmoid."""
    discriminator = keras.Sequential([network, keras.layers.Activation("sigmoid")])
    discriminator.compile(
        loss="binary_crossentropy", optimizer=keras.optimizers.Adam(learning_rate=0.0002), metrics=["mae"]
    )
    trace(discriminator, np.zeros((BATCH, *network.input_shape[1:]), np.float32), np.ones([BATCH]))
    gan = keras.Sequential()
    gan.add(generator)
    gan.add(discriminator)
    discriminator.trainable = False
    gan.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(learning_rate=0.0002), metrics=["mae"])

    log = []
    for it in range(ROUNDS):
        real_batches, _ = script.real(it)
        losses: dict[str, list[float]] = {"d_loss_real": [], "d_loss_fake": [], "d_mae": [], "g_loss": [], "g_mae": []}
        for i in range(disc_updates):
            noise = script.noise(script.key(it, "discriminator", "fake", i), BATCH)
            imgs_real, imgs_fake = real_batches[i], generator.predict(noise, verbose=0)
            d_loss_real, d_mae_real = discriminator.train_on_batch(imgs_real, np.ones([BATCH]))
            d_loss_fake, d_mae_fake = discriminator.train_on_batch(imgs_fake, np.zeros([BATCH]))
            losses["d_loss_real"].append(d_loss_real)
            losses["d_loss_fake"].append(d_loss_fake)
            losses["d_mae"] += [d_mae_real, d_mae_fake]
        for j in range(gen_updates):
            noise = script.noise(script.key(it, "generator", "generate", j), BATCH)
            g_loss, g_mae = gan.train_on_batch(noise, np.ones([BATCH, 1]))
            losses["g_loss"].append(g_loss)
            losses["g_mae"].append(g_mae)
        log.append({name: np.sum(np.float32(values)) / np.float32(len(values)) for name, values in losses.items()})
    networks = {"generator": generator, "discriminator": network}
    return Play(snapshot(networks, {"discriminator": discriminator.optimizer, "generator": gan.optimizer}), log)


def played_literally(experiment: Experiment, images: ImageSet) -> Play:
    """Play the literal loop of an experiment."""
    training, networks = experiment.training, make_networks(experiment, images)
    script = Script(experiment, images, [BATCH] * training.disc_updates)
    return literal_loop(
        networks["generator"], networks["discriminator"], script, training.disc_updates, training.gen_updates
    )


@pytest.fixture(scope="module")
def images(pictures: Callable[..., ImageSet]) -> ImageSet:
    return pictures(64, 32, 3)


@pytest.fixture(scope="module")
def loop(images: ImageSet) -> Play:
    """The literal loop with the constants of the tutorial."""
    return played_literally(load("celeba_gan", *SHRUNK), images)


@pytest.mark.slow
def test_ganctl_plays_the_literal_loop(images: ImageSet, loop: Play) -> None:
    assert differences(loop, played_by_ganctl(load("celeba_gan", *SHRUNK), images)) == []


@pytest.mark.slow
def test_with_more_updates(images: ImageSet) -> None:
    experiment = load("celeba_gan", *SHRUNK, "DISC_UPDATES=1", "GEN_UPDATES=2")
    assert differences(played_literally(experiment, images), played_by_ganctl(experiment, images)) == []


@pytest.mark.slow
def test_batch_statistics_in_the_frozen_discriminator_are_another_play(images: ImageSet, loop: Play) -> None:
    experiment = load("celeba_gan", *SHRUNK, "training.frozen_batchnorm=batch")
    assert differences(loop, played_by_ganctl(experiment, images))


def keep_moving_statistics_moving(game: Game) -> Game:
    """The discriminator's weights are held, but its BatchNorm learns from the generated batch."""
    discriminator, generator = game.players
    return Game(game.networks, [discriminator, replace(generator, opponents={})], game.feeds, game.seed)


@pytest.mark.slow
def test_moving_statistics_that_move_in_the_generators_turn_are_found(images: ImageSet, loop: Play) -> None:
    experiment = load("celeba_gan", *SHRUNK)
    assert differences(loop, played_by_ganctl(experiment, images, keep_moving_statistics_moving))
