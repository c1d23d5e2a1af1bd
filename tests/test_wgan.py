"""WGAN: the longer first phase of its file, the clipped critic, and the loss of algorithm 1."""

from pathlib import Path

import numpy as np
import pytest
from conftest import CONFIGS

from ganctl.build import games, resolving
from ganctl.experiment.experiment import Experiment
from ganctl.game import Game, Key
from ganctl.images.image_set import ImageSet

pytestmark = pytest.mark.usefixtures("uncompiled")
LIMIT = 0.01


def of_the_file(*changes: str) -> Game:
    """The game of configs/wgan.yaml with tiny networks and batches, on noise."""
    words = ("model.capacity=2", "training.batch_size=2", "training.precision=float32", "training.xla=false")
    parts = resolving.resolve(Experiment.load(Path(CONFIGS / "wgan.yaml"), (*words, *changes)))
    pixels = np.random.default_rng(0).integers(0, 256, (400, 32, 32, 3), np.uint8)
    return games.make_game(parts, ImageSet(pixels, None, (), "noise"))


def test_the_critic_has_a_hundred_updates_in_each_of_the_first_25_rounds_and_five_later() -> None:
    game = of_the_file()
    first, later = game.stages
    assert (first.start, first.until, later.start) == (0, 25, 25)
    updates = [{player.name: player.updates for player in stage.players} for stage in game.stages]
    assert updates == [{"discriminator": 100, "generator": 1}, {"discriminator": 5, "generator": 1}]
    assert sum(first.draws["real"]) == 200
    assert later.drawn_before("real", 26) == 25 * 200 + 10


def test_every_weight_of_the_critic_stays_within_the_limit_and_reaches_it() -> None:
    """RMSprop's first steps are as long as the rate allows, so a large rate shows the clipping."""
    rate = "optimizer.discriminator={name: rmsprop, learning_rate: 1}"
    game = of_the_file("training.stages=[]", "training.disc_updates=1", rate)
    weights = game.networks["discriminator"].trainable_variables
    assert max(float(np.abs(v.numpy()).max()) for v in weights) > LIMIT, "before the first update"
    game.play(game.chunk(0, 1))
    sizes = np.abs(np.concatenate([v.numpy().ravel() for v in weights]))
    assert sizes.max() == np.float32(LIMIT)
    assert (sizes == np.float32(LIMIT)).mean() > 0.5


def test_the_critic_minimises_the_mean_score_of_generated_minus_that_of_real_images() -> None:
    game = of_the_file("training.stages=[]", "training.disc_updates=1")
    (turn,) = game.players[0].turns
    feed = game.feeds["real"]
    batch = feed.prepare(*feed.look_up(feed.chunk([2], 0, 1)[0]), Key(0, 0))
    given = turn.forward(game.networks, {"real": batch}, Key(0, 0))
    critic = game.networks["discriminator"]
    expected = critic(given.fake).numpy().mean() - critic(batch.pixels).numpy().mean()
    assert sum(term.weight * float(term.function(given)) for term in turn.terms) == pytest.approx(expected, rel=1e-5)
