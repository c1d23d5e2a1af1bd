"""Tutorial 3, reconstructed after the book chapter that it summarises (Chollet 2017, 8.5): fakes first, fake = 1."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from ganctl.images.image_set import ImageSet
from parity.same_play import ROUNDS, Play, Script, differences, load, make_networks, played_by_ganctl, snapshot, trace

BATCH = 2
SIZE = 28


def rmsprop(learning_rate: float) -> Any:
    rate = keras.optimizers.schedules.InverseTimeDecay(learning_rate, 1, decay_rate=1e-8)
    return keras.optimizers.RMSprop(rate, clipvalue=1.0)


def literal_loop(generator: Any, network: Any, script: Script) -> Play:
    """The book's loop; `network` is its discriminator without the sigmoid."""
    discriminator = keras.Sequential([network, keras.layers.Activation("sigmoid")])
    discriminator.compile(optimizer=rmsprop(0.0008), loss="binary_crossentropy", metrics=["mae"])
    labels = np.concatenate([np.ones((BATCH, 1), np.float32), np.zeros((BATCH, 1), np.float32)])
    trace(discriminator, np.zeros((2 * BATCH, *network.input_shape[1:]), np.float32), labels)
    discriminator.trainable = False
    gan_input = keras.Input(generator.input_shape[1:])
    gan = keras.Model(gan_input, discriminator(generator(gan_input)))
    gan.compile(optimizer=rmsprop(0.0004), loss="binary_crossentropy", metrics=["mae"])

    log = []
    for step in range(ROUNDS):
        key = script.key(step, "discriminator", "real and fake")
        script.seed_layers(key, generator=generator, discriminator=network)
        generated_images = generator.predict(script.noise(key, BATCH), verbose=0)
        (real_images,), _ = script.real(step)
        combined_images = np.concatenate([generated_images, real_images])
        purposes = ("label noise fake", "label noise real")
        noise = np.concatenate([key.uniform(purpose, [BATCH, 1]) for purpose in purposes])
        d_loss, d_mae = discriminator.train_on_batch(combined_images, labels + np.float32(0.05) * noise)

        key = script.key(step, "generator", "generate")
        script.seed_layers(key, generator=generator, discriminator=network)
        misleading_targets = np.zeros((BATCH, 1))
        a_loss, a_mae = gan.train_on_batch(script.noise(key, BATCH), misleading_targets)
        log.append({"d_loss": d_loss, "d_mae": d_mae, "g_loss": a_loss, "g_mae": a_mae})
    networks = {"generator": generator, "discriminator": network}
    return Play(snapshot(networks, {"discriminator": discriminator.optimizer, "generator": gan.optimizer}), log)


@pytest.mark.slow
def test_ganctl_plays_the_literal_loop(pictures: Callable[..., ImageSet]) -> None:
    experiment = load("dcgan_cifar", f"training.batch_size={BATCH}", f"dataset.image_size={SIZE}")
    images = pictures(32, SIZE, 3, num_classes=1)
    networks = make_networks(experiment, images)
    loop = literal_loop(networks["generator"], networks["discriminator"], Script(experiment, images, [BATCH]))
    assert differences(loop, played_by_ganctl(experiment, images)) == []
