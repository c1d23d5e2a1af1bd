"""Tutorial 4: real and fake losses summed in one update; networks are frozen only around the call; fake = 1."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import pytest

from ganctl.images.image_set import ImageSet
from parity.same_play import ROUNDS, Play, Script, differences, load, make_networks, played_by_ganctl, snapshot

BATCH = 4
SHRUNK = (f"training.batch_size={BATCH}", "dataset.image_size=16", "model.latent_dim=16")


@contextmanager
def nontrainable(model: Any) -> Iterator[None]:
    """The tutorial's `Nontrainable`."""
    model.trainable = False
    try:
        yield
    finally:
        model.trainable = True


def literal_loop(gen: Any, network: Any, script: Script, noise_inputs: int, training_ratio: int) -> Play:
    """The tutorial's `build` and `fit_generator`; `network` is its discriminator without the sigmoid.

    Nothing is traced beforehand: a network is frozen around the calls only, so that Keras 3 traces what is meant.
    """
    opt_disc = keras.optimizers.Adam(0.0001, beta_1=0.5, beta_2=0.9)
    opt_gen = keras.optimizers.Adam(0.0001, beta_1=0.5, beta_2=0.9)

    def disc(image: Any, name: str) -> Any:
        # Keras 3 logs one of two losses twice if both outputs bear the name of one network.
        return keras.layers.Activation("sigmoid", name=name)(network(image))

    def noise_placeholders() -> list[Any]:
        return [keras.Input((script.latent_dim,)) for _ in range(noise_inputs)]

    with nontrainable(gen):
        real_image, noise = keras.Input(network.input_shape[1:]), noise_placeholders()
        generated_image = gen(noise if noise_inputs > 1 else noise[0])
        disc_real, disc_fake = disc(real_image, "disc_real"), disc(generated_image, "disc_fake")
        disc_trainer = keras.Model([real_image, *noise], [disc_real, disc_fake])
        disc_trainer.compile(optimizer=opt_disc, loss=["binary_crossentropy", "binary_crossentropy"])
    with nontrainable(network):
        noise = noise_placeholders()
        generated_image = gen(noise if noise_inputs > 1 else noise[0])
        gen_trainer = keras.Model(noise, disc(generated_image, "disc_fake"))
        gen_trainer.compile(optimizer=opt_gen, loss="binary_crossentropy", metrics=["mae"])
    real_target, fake_target = np.zeros((BATCH, 1)), np.ones((BATCH, 1))

    log = []
    for step in range(ROUNDS):
        image_batches, _ = script.real(step)
        disc_losses = []
        with nontrainable(gen):
            for repeat in range(training_ratio):
                key = script.key(step, "discriminator", "real and fake", repeat)
                noise_batch = [script.noise(key, BATCH, number) for number in range(noise_inputs)]
                disc_loss = disc_trainer.train_on_batch(
                    [image_batches[repeat], *noise_batch], [real_target, fake_target]
                )
                disc_losses.append(disc_loss)
        with nontrainable(network):
            key = script.key(step, "generator", "generate")
            noise_batch = [script.noise(key, BATCH, number) for number in range(noise_inputs)]
            gen_loss, gen_mae = gen_trainer.train_on_batch(noise_batch, real_target)
        d_loss, d_loss_real, d_loss_fake = np.sum(np.float32(disc_losses), axis=0) / np.float32(training_ratio)
        log.append(
            {
                "d_loss": d_loss,
                "d_loss_real": d_loss_real,
                "d_loss_fake": d_loss_fake,
                "g_loss": gen_loss,
                "g_mae": gen_mae,
            }
        )
    networks = {"generator": gen, "discriminator": network}
    return Play(snapshot(networks, {"discriminator": opt_disc, "generator": opt_gen}), log)


@pytest.mark.slow
@pytest.mark.parametrize(("noise_inputs", "training_ratio"), [(1, 1), (2, 2)], ids=["as shipped", "two of each"])
def test_ganctl_plays_the_literal_loop(
    pictures: Callable[..., ImageSet], noise_inputs: int, training_ratio: int
) -> None:
    experiment = load(
        "decoupled_gan_mnist",
        *SHRUNK,
        f"model.noise_inputs={noise_inputs}",
        f"training.disc_updates={training_ratio}",
    )
    images = pictures(64, 16, 1)
    networks = make_networks(experiment, images)
    script = Script(experiment, images, [BATCH] * training_ratio)
    loop = literal_loop(networks["generator"], networks["discriminator"], script, noise_inputs, training_ratio)
    assert differences(loop, played_by_ganctl(experiment, images)) == []
