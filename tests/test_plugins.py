"""Three games that are nothing like each other are written against the heart as plugins, without a change to it."""

from pathlib import Path

import keras
import numpy as np
import pytest
from plugins import bigan, cyclegan, wgan_gp  # noqa: F401 (importing registers them)

from ganctl import build
from ganctl.experiment import Experiment
from ganctl.feed import Feed
from ganctl.game import Game
from ganctl.image_order import ImageOrder
from ganctl.image_set import ImageSet
from ganctl.yaml_source import YamlSource

SHAPE = (8, 8, 1)
ROUNDS = 4


def pictures(seed: int, count: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), np.uint8)


def weights_of(game: Game) -> dict[str, list[np.ndarray]]:
    """The kernels: a bias before a norm, or a critic's last one, rightly has no gradient."""
    return {
        name: [v.numpy() for v in network.trainable_variables if v.name == "kernel"]
        for name, network in game.networks.items()
    }


def play(game: Game) -> dict[str, np.ndarray]:
    """Play some rounds and check that all measurements are finite and all kernels have moved."""
    before = weights_of(game)
    rows = game.play(game.chunk(0, ROUNDS)).numpy()
    assert np.isfinite(rows).all()
    for name, weights in weights_of(game).items():
        for old, new in zip(before[name], weights, strict=True):
            assert (old != new).any(), f"a variable of {name} did not move"
    assert game.play.experimental_get_tracing_count() == 1
    return dict(zip(game.columns, rows.T, strict=True))


def game_of(model: str, loss: dict, training: dict) -> Game:
    data = {
        "name": "plugin",
        "dataset": {"name": "npz", "path": "unused", "image_size": 8, "channels": 1},
        "model": {"name": model},
        "loss": loss,
        "training": {"batch_size": 4, "precision": "float32", **training},
    }
    experiment = build.resolve(Experiment.from_source(YamlSource("test", data)))
    return build.make_game(experiment, ImageSet(pictures(0), None, (), "test", ()))


@pytest.mark.parametrize("batches", ["summed", "mixed", "concatenated"])
def test_wgan_gp_plays(batches: str) -> None:
    loss = {"name": "plugin_wasserstein", "penalties": [{"name": "gradient_penalty", "weight": 10.0}]}
    game = game_of("plugin_wgan_gp", loss, {"disc_updates": 3, "discriminator_batches": batches})
    measured = play(game)
    assert "gradient_penalty" in measured
    assert "d_mae" not in measured, "a critic has no probabilities to err by"


def test_bigan_plays() -> None:
    measured = play(game_of("plugin_bigan", {"name": "minimax"}, {}))
    assert {"d_loss", "g_loss", "e_adversarial"} <= measured.keys()


def test_cyclegan_plays_with_two_unpaired_feeds_and_its_pools_fill() -> None:
    keras.utils.set_random_seed(0)
    feeds = {
        name: Feed(pictures(i, 10 + 7 * i), None, ImageOrder(10 + 7 * i, "shuffle", 0, name))
        for i, name in enumerate("ab")
    }
    game = Game(cyclegan.cyclegan_networks(SHAPE), cyclegan.cyclegan_players(2), feeds, seed=0)
    measured = play(game)
    assert {"cycle_a", "identity_b", "d_a_loss", "d_b_loss", "g_loss"} <= measured.keys()
    assert int(game.networks["pool_a"].filled.numpy()) == 6
    assert np.abs(game.networks["pool_a"].images.numpy()).min(axis=(1, 2, 3)).max() > 0, "every slot holds an image"


def test_the_heart_knows_none_of_them() -> None:
    heart = Path(build.__file__).with_name("game.py").read_text().lower()
    assert not [word for word in ("wasserstein", "encoder", "cycle", "critic") if word in heart]
