"""Tutorial 1, reconstructed after the Keras example that it cites (keras-team/keras, examples/mnist_acgan.py)."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from ganctl.images.image_set import ImageSet
from parity.same_play import ROUNDS, Play, Script, differences, load, make_networks, played_by_ganctl, snapshot, trace

BATCH = 8
SHRUNK = (f"training.batch_size={BATCH}", "model.latent_dim=16")
SOFT_ZERO, SOFT_ONE = 0, 0.95
TWO_LOSSES = {"generation": "binary_crossentropy", "auxiliary": "sparse_categorical_crossentropy"}


def adam() -> Any:
    return keras.optimizers.Adam(learning_rate=0.0002, beta_1=0.5)


def one_hot(classes: np.ndarray) -> np.ndarray:
    return np.eye(10, dtype=np.float32)[classes]


def column(classes: np.ndarray) -> np.ndarray:
    return classes.reshape((-1, 1))


def acgan_loop(
    generator: Any, network: Any, script: Script, encode: Callable[[np.ndarray], np.ndarray], noise_is_given: bool
) -> Play:
    """The example's loop; `network` is its discriminator without sigmoid and softmax."""
    image = keras.Input(network.input_shape[1:])
    realness, class_scores = network(image)
    discriminator = keras.Model(
        image,
        {
            "generation": keras.layers.Activation("sigmoid")(realness),
            "auxiliary": keras.layers.Activation("softmax")(class_scores),
        },
    )
    discriminator.compile(optimizer=adam(), loss=TWO_LOSSES)
    y = np.array([SOFT_ONE] * BATCH + [SOFT_ZERO] * BATCH)
    # The discriminator learns the classes of real images only; their weight of 2 keeps the sum of weights.
    sample_weight = {
        "generation": np.ones(2 * BATCH),
        "auxiliary": np.concatenate((np.ones(BATCH) * 2, np.zeros(BATCH))),
    }
    targets = {"generation": y, "auxiliary": np.zeros(2 * BATCH, np.int32)}
    trace(discriminator, np.zeros((2 * BATCH, *image.shape[1:]), np.float32), targets, sample_weight)

    discriminator.trainable = False
    placeholders = [keras.Input(tensor.shape[1:], dtype=tensor.dtype) for tensor in generator.inputs]
    told = placeholders if noise_is_given else placeholders[0]
    combined = keras.Model(told, discriminator(generator(told)))
    combined.compile(optimizer=adam(), loss=TWO_LOSSES)

    log = []
    for index in range(ROUNDS):
        (image_batch,), (label_batch,) = script.real(index)
        key = script.key(index, "discriminator", "real and fake")
        script.seed_layers(key, generator=generator, discriminator=network)
        noise, sampled_labels = script.noise(key, BATCH), script.classes(key, BATCH)
        inputs = [noise, encode(sampled_labels)] if noise_is_given else encode(sampled_labels)
        generated_images = generator.predict(inputs, verbose=0)
        x = np.concatenate((image_batch, generated_images))
        aux_y = np.concatenate((label_batch, sampled_labels))
        targets = {"generation": y, "auxiliary": aux_y}
        d = discriminator.train_on_batch(x, targets, sample_weight, return_dict=True)

        key = script.key(index, "generator", "generate")
        script.seed_layers(key, generator=generator, discriminator=network)
        noise, sampled_labels = script.noise(key, 2 * BATCH), script.classes(key, 2 * BATCH)
        inputs = [noise, encode(sampled_labels)] if noise_is_given else encode(sampled_labels)
        trick = np.ones(2 * BATCH) * SOFT_ONE
        g = combined.train_on_batch(inputs, {"generation": trick, "auxiliary": sampled_labels}, return_dict=True)
        log.append(
            {
                "d_loss": d["loss"],
                "d_adversarial": d["generation_loss"],
                "d_class_loss": d["auxiliary_loss"],
                "g_loss": g["loss"],
                "g_adversarial": g["generation_loss"],
                "g_class_loss": g["auxiliary_loss"],
            }
        )
    networks = {"generator": generator, "discriminator": network}
    return Play(snapshot(networks, {"discriminator": discriminator.optimizer, "generator": combined.optimizer}), log)


@pytest.mark.parametrize(
    ("latent_input", "class_input"),
    [
        pytest.param("given", "integer", id="noise given", marks=pytest.mark.slow),
        pytest.param("inside", "one_hot", id="noise inside", marks=pytest.mark.slow),
    ],
)
def test_ganctl_plays_the_literal_acgan_loop(
    pictures: Callable[..., ImageSet], latent_input: str, class_input: str
) -> None:
    distribution = "uniform" if latent_input == "given" else "normal"
    experiment = load(
        "acgan_mnist",
        *SHRUNK,
        f"model.latent_input={latent_input}",
        f"model.class_input={class_input}",
        f"model.latent_distribution={distribution}",
    )
    images = pictures(64, 28, 1)
    networks = make_networks(experiment, images)
    encode = column if class_input == "integer" else one_hot
    loop = acgan_loop(
        networks["generator"],
        networks["discriminator"],
        Script(experiment, images, [BATCH]),
        encode,
        noise_is_given=latent_input == "given",
    )
    assert differences(loop, played_by_ganctl(experiment, images)) == []


def dcgan_loop(generator: Any, network: Any, script: Script) -> Play:
    """The same loop without classes."""
    discriminator = keras.Sequential([network, keras.layers.Activation("sigmoid")])
    discriminator.compile(optimizer=adam(), loss="binary_crossentropy", metrics=["mae"])
    y = np.array([SOFT_ONE] * BATCH + [SOFT_ZERO] * BATCH)
    trace(discriminator, np.zeros((2 * BATCH, *network.input_shape[1:]), np.float32), y)
    discriminator.trainable = False
    combined = keras.Sequential([generator, discriminator])
    combined.compile(optimizer=adam(), loss="binary_crossentropy", metrics=["mae"])

    log = []
    for index in range(ROUNDS):
        (image_batch,), _ = script.real(index)
        key = script.key(index, "discriminator", "real and fake")
        script.seed_layers(key, generator=generator, discriminator=network)
        generated_images = generator.predict(script.noise(key, BATCH), verbose=0)
        d_loss, d_mae = discriminator.train_on_batch(np.concatenate((image_batch, generated_images)), y)

        key = script.key(index, "generator", "generate")
        script.seed_layers(key, generator=generator, discriminator=network)
        g_loss, g_mae = combined.train_on_batch(script.noise(key, BATCH), np.ones(BATCH) * SOFT_ONE)
        log.append({"d_loss": d_loss, "d_mae": d_mae, "g_loss": g_loss, "g_mae": g_mae})
    networks = {"generator": generator, "discriminator": network}
    return Play(snapshot(networks, {"discriminator": discriminator.optimizer, "generator": combined.optimizer}), log)


@pytest.mark.slow
def test_ganctl_plays_the_literal_loop_without_classes(pictures: Callable[..., ImageSet]) -> None:
    experiment, images = load("dcgan_mnist", *SHRUNK), pictures(64, 28, 1)
    networks = make_networks(experiment, images)
    loop = dcgan_loop(networks["generator"], networks["discriminator"], Script(experiment, images, [BATCH]))
    assert differences(loop, played_by_ganctl(experiment, images)) == []
