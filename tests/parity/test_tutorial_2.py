"""Tutorial 2: half a batch real and half generated in one update of the discriminator."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import slow_but

from ganctl.game import Game
from ganctl.images.image_set import ImageSet
from parity.same_play import ROUNDS, Play, Script, differences, load, make_networks, played_by_ganctl, snapshot, trace

BATCH = 8
SHRUNK = (f"training.batch_size={BATCH}",)


def literal_loop(G: Any, network: Any, script: Script) -> Play:
    """The tutorial's loop; `network` is its discriminator without the sigmoid."""

    def optimizer() -> Any:
        return keras.optimizers.Adam(keras.optimizers.schedules.InverseTimeDecay(0.0002, 1, decay_rate=8e-9))

    d_optimizer, g_optimizer = optimizer(), optimizer()  # Keras 3 refuses the tutorial's single one
    half = BATCH // 2
    y_combined_batch = np.concatenate((np.ones((half, 1)), np.zeros((half, 1))))
    y_mislabeled = np.ones((BATCH, 1))

    D = keras.Sequential([network, keras.layers.Activation("sigmoid")])
    D.compile(loss="binary_crossentropy", optimizer=d_optimizer, metrics=["accuracy", "mae"])
    trace(D, np.zeros((BATCH, *network.input_shape[1:]), np.float32), y_combined_batch)
    D.trainable = False
    stacked_G_D = keras.Sequential([G, D])
    stacked_G_D.compile(loss="binary_crossentropy", optimizer=g_optimizer)

    log = []
    for cnt in range(ROUNDS):
        (legit_images,), _ = script.real(cnt)
        gen_noise = script.noise(script.key(cnt, "discriminator", "real and fake"), half)
        synthetic_images = G.predict(gen_noise, verbose=0)
        x_combined_batch = np.concatenate((legit_images, synthetic_images))
        d_loss, d_accuracy, d_mae = D.train_on_batch(x_combined_batch, y_combined_batch)

        noise = script.noise(script.key(cnt, "generator", "generate"), BATCH)
        g_loss = stacked_G_D.train_on_batch(noise, y_mislabeled)
        log.append({"d_loss": d_loss, "d_accuracy": d_accuracy, "d_mae": d_mae, "g_loss": g_loss})
    networks = {"generator": G, "discriminator": network}
    return Play(snapshot(networks, {"discriminator": d_optimizer, "generator": g_optimizer}), log)


@pytest.fixture(scope="module")
def images(pictures: Callable[..., ImageSet]) -> ImageSet:
    return pictures(64, 28, 1)


@pytest.fixture(scope="module")
def loop(images: ImageSet) -> Play:
    """The literal loop, into whose counterpart the faults are planted."""
    experiment = load("dense_gan_mnist", *SHRUNK)
    networks = make_networks(experiment, images)
    return literal_loop(networks["generator"], networks["discriminator"], Script(experiment, images, [BATCH // 2]))


def played(images: ImageSet, *overrides: str, tamper: Callable[[Game], Game] = lambda game: game) -> Play:
    """ganctl's side, with the accuracy over the whole batch, as Keras logs it."""
    ours = played_by_ganctl(load("dense_gan_mnist", *SHRUNK, *overrides), images, tamper)
    for row in ours.log:
        row["d_accuracy"] = (row["d_accuracy_real"] + row["d_accuracy_fake"]) / 2
    return ours


def test_ganctl_plays_the_literal_loop(images: ImageSet, loop: Play) -> None:
    assert differences(loop, played(images)) == []


@pytest.mark.parametrize(
    "fault",
    slow_but(["loss.real_label=0"], ["loss.real_label=0", "training.fakes=training", "training.disc_updates=2"]),
)
def test_another_key_is_another_play(images: ImageSet, loop: Play, fault: str) -> None:
    assert differences(loop, played(images, fault))


def swap_the_halves(game: Game) -> Game:
    """The generated half stands where the real one is expected: their labels are swapped."""
    discriminator, generator = game.players
    (turn,) = discriminator.turns
    forward: Any = turn.forward
    swapped = replace(turn, forward=replace(forward, settings={"real_first": False}))
    return Game(game.networks, [replace(discriminator, turns=[swapped]), generator], game.feeds, game.seed)


def skip_one_update(game: Game) -> Game:
    """The generator skips its update in the third round."""
    optimizer = game.players[1].optimizer
    apply = optimizer.apply

    def apply_but_once(gradients: Any, variables: Any) -> None:
        apply([tf.where(game.step == 2, tf.zeros_like(gradient), gradient) for gradient in gradients], variables)

    optimizer.apply = apply_but_once
    return game


def let_the_generator_move_both(game: Game) -> Game:
    """The discriminator is not frozen: the generator's optimizer moves it, too."""
    discriminator, generator = game.players
    optimizer = keras.optimizers.Adam(2e-4)
    freer = replace(generator, networks=["generator", "discriminator"], optimizer=optimizer, opponents={})
    return Game(game.networks, [discriminator, freer], game.feeds, game.seed)


def change_one_weight(game: Game) -> Game:
    """One of a million weights starts a trifle larger."""
    weight = game.networks["discriminator"].trainable_variables[0]
    value = weight.numpy()
    value[0, 0] = np.nextafter(value[0, 0], np.float32(1))
    weight.assign(value)
    return game


@pytest.mark.parametrize(
    "tamper",
    slow_but([change_one_weight], [swap_the_halves, skip_one_update, let_the_generator_move_both, change_one_weight]),
    ids=lambda function: function.__name__,
)
def test_a_planted_fault_is_found(images: ImageSet, loop: Play, tamper: Callable[[Game], Game]) -> None:
    assert differences(loop, played(images, tamper=tamper))
