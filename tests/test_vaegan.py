"""VAE-GAN: its three losses against NumPy, who is moved by what, and the plain autoencoder that it can be."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.papers import vaegan as proof
from ganctl import models
from ganctl.errors import ConfigurationError
from ganctl.game import Game, ImageBatch, Key, state
from ganctl.lazy import tf

pytestmark = pytest.mark.usefixtures("uncompiled")

SmallGame = Callable[..., Game]
SUMMED = {
    "training.discriminator_batches": "summed",
    "training.fakes": "training",
    "training.frozen_batchnorm": "batch",
    "loss": {"name": "non_saturating"},
}


def played(small_game: SmallGame, **changes: Any) -> Game:
    model = {"name": "vaegan", "capacity": 2, "latent_dim": 6, **changes.pop("model", {})}
    return small_game("vaegan", {**SUMMED, "training.batch_size": 5, "model": model, **changes})


def passes(game: Game, count: int = 5) -> dict[str, Any]:
    """The first turn's pass of every player, and the turn's terms."""
    pixels = np.random.default_rng(0).uniform(-1, 1, (count, 16, 16, 1)).astype(np.float32)
    images = {"real": ImageBatch(tf.constant(pixels), tf.zeros([count], tf.int32))}
    found = {}
    for player in game.players:
        (turn,) = player.turns
        batch = turn.forward(game.networks, images, Key(0, 0, player.name, 0))
        found[player.name] = batch, {term.name: (term.weight, float(term.function(batch))) for term in turn.terms}
    return found


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, x)


def test_half_of_what_is_judged_are_samples_and_half_reconstructions(small_game: SmallGame) -> None:
    game = played(small_game)
    assert game.draws == {"real": [5, 5, 5]}
    batch, terms = passes(game)["discriminator"]
    assert (batch.sampled, batch.fake.shape) == (2, (5, 16, 16, 1))
    center, log_variance = (part.numpy() for part in game.networks["encoder"](batch.real[:3]))
    deviation = np.exp(0.5 * log_variance)
    drawn = (batch.latent.numpy()[2:] - center) / deviation
    np.testing.assert_allclose(drawn, batch.key.normal("code", [3, 6]), rtol=1e-3, atol=1e-4)
    made = game.networks["generator"](batch.latent, training=True)
    np.testing.assert_allclose(batch.fake, made, atol=1e-5)
    real, fake = (game.networks["discriminator"](each, training=True)[0].numpy() for each in (batch.real, made))
    assert terms == {
        "d_loss_real": (1.0, pytest.approx(softplus(-real).mean(), rel=1e-4)),
        "d_loss_fake": (1.0, pytest.approx(softplus(fake).mean(), rel=1e-4)),
    }


def test_the_encoder_and_the_generator_pay_what_algorithm_1_says(small_game: SmallGame) -> None:
    game = played(small_game, model={"gamma": 0.25})
    for variable in game.networks["encoder"].trainable_variables:
        variable.assign(4 * variable)  # at the beginning, the codes are nearly those of the prior
    found = passes(game)
    batch, terms = found["encoder"]
    assert batch.sampled == 0
    center, log_variance = (part.numpy().astype(np.float64) for part in game.networks["encoder"](batch.real))
    assert np.abs(log_variance).max() > 0.3
    prior = 0.5 * (center**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1).mean()

    def error(batch: Any, count: int) -> float:
        made = game.networks["generator"](batch.latent, training=True)[-count:]
        both = tf.concat([batch.real[:count], made], axis=0)
        features = game.networks["discriminator"](both, training=True)[1].numpy()
        return float(0.5 * ((features[:count] - features[count:]) ** 2).sum(axis=1).mean())

    assert terms == {
        "e_prior": (1.0, pytest.approx(prior, rel=1e-4)),
        "e_likelihood": (1.0, pytest.approx(error(batch, 5), rel=1e-4)),
    }
    batch, terms = found["generator"]
    fake = game.networks["discriminator"](batch.fake, training=True)[0].numpy()
    assert terms == {
        "g_adversarial": (1.0, pytest.approx(softplus(-fake).mean(), rel=1e-4)),
        "g_likelihood": (0.25, pytest.approx(error(batch, 3), rel=1e-4)),
    }


def moved(before: Any, after: Any) -> set[str]:
    return {
        group for group in before if any((before[group][name] != after[group][name]).any() for name in before[group])
    }


@pytest.mark.parametrize("player", ["discriminator", "encoder", "generator"])
def test_each_player_moves_its_own_network(player: str, small_game: SmallGame) -> None:
    """So no adversarial gradient reaches the encoder: its own turn has no such term."""
    game = played(small_game, **{"training.stages": [{"players": [player]}]})
    before = {role: [v.numpy() for v in game.networks[role].trainable_variables] for role in game.networks}
    game.play(game.chunk(0, 1))
    changed = {
        role
        for role, values in before.items()
        if any((old != v.numpy()).any() for old, v in zip(values, game.networks[role].trainable_variables, strict=True))
    }
    assert changed == {player}
    assert {each.name: list(each.networks) for each in game.players} == {
        name: [name] for name in ("discriminator", "encoder", "generator")
    }
    of_encoder = next(each for each in game.players if each.name == "encoder")
    assert [term.name for turn in of_encoder.turns for term in turn.terms] == ["e_prior", "e_likelihood"]


def test_a_plain_autoencoder_compares_pixels_and_has_no_discriminator(small_game: SmallGame) -> None:
    game = played(small_game, model={"adversarial": False})
    found = passes(game)
    assert list(found) == ["encoder", "generator"]
    before = state.collect(game)
    for player in ("encoder", "generator"):
        batch, terms = found[player]
        made = game.networks["generator"](batch.code, training=True).numpy()
        expected = 0.5 * ((batch.real.numpy() - made) ** 2).sum(axis=(1, 2, 3)).mean()
        likelihood = terms.pop(f"{player[0]}_likelihood")
        assert likelihood == (1.0, pytest.approx(expected, rel=1e-4))
        assert list(terms) == (["e_prior"] if player == "encoder" else [])
    game.play(game.chunk(0, 1))
    assert moved(before, state.collect(game)) == {"encoder", "generator", "optimizer_encoder", "optimizer_generator"}


def test_a_batch_of_one_is_a_reconstruction(small_game: SmallGame) -> None:
    game = played(small_game, **{"training.batch_size": 1})
    batch, terms = passes(game, 1)["generator"]
    assert (batch.sampled, batch.fake.shape[0]) == (0, 1)
    assert all(np.isfinite(value) for _, value in terms.values())


@pytest.mark.parametrize("form", ["separate", "summed", "mixed", "concatenated"])
def test_every_form_of_batches_and_a_loss_of_pairs(form: str, small_game: SmallGame) -> None:
    loss = "non_saturating" if form == "separate" else "relativistic"
    penalties = [] if form == "separate" else [{"name": "gradient_penalty"}]
    changes = {"training.discriminator_batches": form, "loss": {"name": loss, "penalties": penalties}}
    game = played(small_game, **changes, **{"training.batch_size": 4})
    assert np.isfinite(game.play(game.chunk(0, 1)).numpy()).all()
    assert all(count == (2 if form == "mixed" and place == 0 else 4) for place, count in enumerate(game.draws["real"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"latent_distribution": "uniform"}}, "model.latent_distribution: the codes of 'vaegan'"),
        (
            {"model": {"adversarial": False}, "loss": {"penalties": [{"name": "r1"}]}},
            "loss.penalties: a plain autoencoder",
        ),
        (
            {
                "model": {"adversarial": False},
                "loss": {"name": "wasserstein", "penalties": [{"name": "weight_clipping"}]},
            },
            "loss.penalties: no player of this model moves a discriminator",
        ),
        (
            {"model": {"adversarial": False}, "training.augment": [{"name": "diffaugment"}]},
            "training.augment: a plain autoencoder",
        ),
        (
            {"model": {"adversarial": False}, "training.disc_updates": 2},
            "training.disc_updates: no player of this model follows it. Set it to 1.",
        ),
    ],
)
def test_what_has_no_meaning_is_refused(changes: Any, message: str, small_game: SmallGame) -> None:
    with pytest.raises(ConfigurationError, match=message):
        played(small_game, **changes)


def test_features_are_the_maps_before_the_dense_layers() -> None:
    networks = models.registry.get("vaegan").make((16, 20, 3), capacity=2, latent_dim=4)
    score, features = networks["discriminator"].outputs
    assert (score.shape, features.shape) == ((None, 1), (None, 4 * 5 * 8))
    assert [output.shape for output in networks["encoder"].outputs] == [(None, 4), (None, 4)]


def test_the_gradient_of_a_ramp_is_its_step() -> None:
    ramp = np.broadcast_to(np.arange(0, 50, 5, dtype=np.uint8)[:, None, None], (2, 10, 10, 1))
    assert proof.steepness(ramp) == pytest.approx(2.5)
