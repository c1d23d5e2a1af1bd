"""CGAN: maxout units beside NumPy, the paper's widths, and networks that both listen to the class."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ganctl import models
from ganctl.game import CLASSES, Game, Key
from ganctl.game.feed import ImageBatch
from ganctl.layers.maxout import maxout
from ganctl.lazy import keras, tf

pytestmark = pytest.mark.usefixtures("uncompiled")
SmallGame = Callable[..., Game]


def test_a_maxout_unit_is_the_largest_of_its_linear_functions() -> None:
    random = np.random.default_rng(0)
    seen = keras.Input([4])
    network = keras.Model(seen, maxout(seen, 3, 5))
    kernel, bias = random.normal(size=(4, 15)), random.normal(size=15)
    network.set_weights([kernel, bias])
    given = random.normal(size=(6, 4))
    expected = (given @ kernel + bias).reshape(6, 5, 3).max(axis=1)
    np.testing.assert_allclose(network(given).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_a_maxout_unit_learns_in_the_function_that_wins_alone() -> None:
    seen = keras.Input([2])
    network = keras.Model(seen, maxout(seen, 1, 3, use_bias=False))
    network.set_weights([np.array([[1.0, 2.0, -1.0], [0.0, 0.0, 0.0]])])
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(network(tf.constant([[3.0, 1.0]])))
    (gradient,) = tape.gradient(value, network.trainable_variables)
    np.testing.assert_array_equal(gradient.numpy(), [[0.0, 3.0, 0.0], [0.0, 1.0, 0.0]])


def rates_of_dropout(made: dict[str, Any]) -> list[float]:
    layers = [layer for network in made.values() for layer in network.layers]
    return [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]


def test_the_widths_are_those_of_the_paper() -> None:
    made = models.registry.get("cgan").make((28, 28, 1), 10)
    shapes = {
        role: [tuple(v.shape) for v in network.trainable_variables if v.name == "kernel"]
        for role, network in made.items()
    }
    assert sorted(shapes["generator"]) == sorted([(100, 200), (10, 1000), (1200, 1200), (1200, 784)])
    assert sorted(shapes["discriminator"]) == sorted([(784, 5 * 240), (10, 5 * 50), (290, 4 * 240), (240, 1)])
    assert rates_of_dropout(made) == [0.5] * 6
    assert rates_of_dropout(models.registry.get("cgan").make((28, 28, 1), 10, dropout=0.0)) == []


def test_both_networks_are_told_the_class_as_one_hot(small_game: SmallGame) -> None:
    game = small_game("cgan", {"model": {"name": "cgan", "capacity": 2, "dropout": 0.0}})
    generator, judge = game.networks["generator"], game.networks["discriminator"]
    assert [tensor.name for tensor in generator.inputs] == ["latent", CLASSES]
    turn = game.players[0].turns[-1]
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, (4, *judge.inputs[0].shape[1:])), tf.float32)
    labels = tf.constant([0, 1, 2, 3], tf.int32)
    batch = turn.forward(game.networks, {"real": ImageBatch(images, labels)}, Key(0, 0))
    told = tf.one_hot(batch.fake_classes, 10)
    np.testing.assert_allclose(
        batch.fake.numpy(), generator([batch.latent, told], training=False).numpy(), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(batch.fake_score.numpy(), judge([batch.fake, told]).numpy(), rtol=1e-5)
    np.testing.assert_allclose(batch.real_score.numpy(), judge([images, tf.one_hot(labels, 10)]).numpy(), rtol=1e-5)
    others = judge([images, tf.one_hot((labels + 1) % 10, 10)]).numpy()
    assert (np.abs(batch.real_score.numpy() - others) > 1e-7).all(), "another class, another score"
