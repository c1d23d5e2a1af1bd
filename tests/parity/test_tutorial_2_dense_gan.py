"""Tutorial 2: half a batch real and half generated in one update; one optimizer shared by both networks in the original."""

from typing import Any

import keras
import numpy as np
from same_play import ROUNDS, Play, Script, differences, load, played_by_ganctl, snapshot, trace

BATCH = 8


def literal_loop(generator: Any, network: Any, script: Script) -> Play:
    """The tutorial's loop; `network` is its discriminator without the sigmoid."""

    def optimizer() -> Any:
        return keras.optimizers.Adam(keras.optimizers.schedules.InverseTimeDecay(2e-4, decay_steps=1, decay_rate=8e-9))

    d_optimizer, g_optimizer = optimizer(), optimizer()  # Keras 3 refuses one for two models
    half = BATCH // 2
    y_combined = np.concatenate([np.ones((half, 1)), np.zeros((half, 1))])

    D = keras.Sequential([network, keras.layers.Activation("sigmoid")])
    D.compile(loss="binary_crossentropy", optimizer=d_optimizer, metrics=["accuracy", "mae"])
    trace(D, np.zeros((BATCH, *network.input_shape[1:]), np.float32), y_combined)
    D.trainable = False
    stacked = keras.Sequential([generator, D])
    stacked.compile(loss="binary_crossentropy", optimizer=g_optimizer)

    log = []
    for step in range(ROUNDS):
        (legit_images,), _ = script.real(step)
        noise = script.noise(script.key(step, "discriminator", "real and fake"), half)
        synthetic_images = generator.predict(noise, verbose=0)
        d_loss, d_accuracy, d_mae = D.train_on_batch(np.concatenate([legit_images, synthetic_images]), y_combined)
        noise = script.noise(script.key(step, "generator", "generate"), BATCH)
        g_loss = stacked.train_on_batch(noise, np.ones((BATCH, 1)))
        log.append({"d_loss": d_loss, "g_loss": g_loss, "d_accuracy": d_accuracy, "d_mae": d_mae})
    networks = {"generator": generator, "discriminator": network}
    return Play(snapshot(networks, {"discriminator": d_optimizer, "generator": g_optimizer}), log)


def test_equal(pictures):
    from ganctl import build

    experiment = load("dense_gan_mnist", f"training.batch_size={BATCH}")
    images = pictures(64, 28, 1)
    networks = build.make_networks(experiment, images.shape)
    loop = literal_loop(networks["generator"], networks["discriminator"], Script(experiment, images, [BATCH // 2]))
    ours = played_by_ganctl(experiment, images)
    for row in ours.log:
        row["d_accuracy"] = (row["d_accuracy_real"] + row["d_accuracy_fake"]) / 2
    print(loop.log[-1], ours.log[-1])
    assert differences(loop, ours) == []
