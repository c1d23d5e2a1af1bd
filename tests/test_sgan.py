"""SGAN: its levels' losses in numbers, what each stage moves, and that a sample is the chain of both generators."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from conftest import WriteYaml, play_stage

from ganctl import models
from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.errors import ConfigurationError
from ganctl.game import Game, ImageBatch, Key, state
from ganctl.game.inputs import draw_latent
from ganctl.game.passes import MixedPass
from ganctl.generation.drawing import generate, sample_key
from ganctl.models import sgan

pytestmark = pytest.mark.usefixtures("uncompiled")

SmallGame = Callable[..., Game]
APART = ["discriminator_features", "discriminator_apart", "feature_generator", "image_generator"]
JOINT = ["discriminator_features", "discriminator", "generator"]
CLASSES = 10


def game(small_game: SmallGame, **changes: Any) -> Game:
    small = {"name": "sgan", "capacity": 2, "latent_dim": 3, "feature_size": 5}
    model = small | {key.removeprefix("model_"): v for key, v in changes.items() if key.startswith("model_")}
    others = {key.replace("__", "."): v for key, v in changes.items() if not key.startswith("model_")}
    shared = {
        "loss": {"name": "non_saturating"},
        "training.discriminator_batches": "summed",
        "training.fakes": "training",
        "training.batch_size": 4,
    }
    return small_game("sgan", {"model": model, **shared, **others})


def passes_of(played: Game) -> dict[str, Any]:
    """The forward pass of each player's only turn on the same batch."""
    random = np.random.default_rng(0)
    pixels = tf.constant(random.uniform(-1, 1, (4, 16, 16, 1)).astype(np.float32))
    images = {"real": ImageBatch(pixels, tf.constant([7, 0, 3, 3]))}
    return {p.name: p.turns[0].forward(played.networks, images, Key(0, 0, p.name, 0)) for p in played.players}


def values_of(played: Game) -> dict[str, dict[str, float]]:
    found = passes_of(played)
    return {
        p.name: {t.name: float(t.function(found[p.name])) for turn in p.turns for t in turn.terms}
        for p in played.players
    }


def cross_entropy(scores: np.ndarray, labels: list[int]) -> float:
    logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    return float(-logs[np.arange(len(labels)), labels].mean())


def softplus(values: np.ndarray) -> np.ndarray:
    return np.log1p(np.exp(values))


@pytest.mark.parametrize("sides", [(16, 16), (20, 36), (48, 28), (256, 256)])
def test_every_size_is_made(sides: tuple[int, int]) -> None:
    networks = models.registry.get("sgan").make((*sides, 3), num_classes=4, capacity=1, latent_dim=6, feature_size=7)
    assert networks["generator"].output_shape == (None, *sides, 3)
    assert [tensor.name for tensor in networks["generator"].inputs] == ["latent_1", "latent_2", "classes"]
    assert networks["encoder"].output_shape == (None, 1, 1, 7)
    assert networks["classifier"].output_shape == (None, 4)
    assert (
        networks["discriminator"].outputs[0].shape == networks["discriminator_features"].outputs[0].shape == (None, 1)
    )
    assert {networks[role].outputs[0].dtype for role in networks} == {"float32"}


@pytest.mark.parametrize("size", [15, 257])
def test_other_sizes_are_refused_before_anything_is_built(size: int, tiny_yaml: WriteYaml) -> None:
    with pytest.raises(ConfigurationError, match="sgan needs images from 16x16 to 256x256"):
        resolving.load_experiment(tiny_yaml({"model": {"name": "sgan"}, "dataset.image_size": size}))


def test_images_without_labels_are_refused(tiny_yaml: WriteYaml) -> None:
    parts = resolving.load_parts(tiny_yaml({"model": {"name": "sgan"}, "dataset.image_size": 16}))
    with pytest.raises(ConfigurationError, match="'sgan' needs labelled images, and these have no labels") as caught:
        make_networks(parts, (16, 16, 1), 0)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("stages", "one", "other"),
    [
        ([], "feature_generator", "generator"),
        ([{"players": ["image_generator", "generator"]}], "image_generator", "generator"),
        ([{"players": ["discriminator_apart", "discriminator"]}], "discriminator_apart", "discriminator"),
    ],
)
def test_levels_apart_never_play_with_the_chain(stages: list[Any], one: str, other: str, small_game: SmallGame) -> None:
    with pytest.raises(ConfigurationError, match=f"`{one}` and `{other}` would play together") as caught:
        game(small_game, training__stages=stages)
    assert caught.value.exit_code == 2


def test_the_encoder_learns_to_name_real_images(small_game: SmallGame) -> None:
    played = game(small_game)
    batch = passes_of(played)["encoder"]
    features = played.networks["encoder"](batch.images["real"].pixels)
    scores = played.networks["classifier"](features).numpy()
    assert values_of(played)["encoder"] == {"e_classes": pytest.approx(cross_entropy(scores, [7, 0, 3, 3]), rel=1e-5)}
    accuracy = played.players[0].turns[0].measures["e_accuracy"]
    assert float(accuracy(batch)) == pytest.approx((scores.argmax(1) == [7, 0, 3, 3]).mean())


def test_each_level_pays_what_the_paper_says(small_game: SmallGame) -> None:
    played = game(small_game)
    networks, found, paid = played.networks, passes_of(played), values_of(played)
    weights = {p.name: {t.name: t.weight for t in p.turns[0].terms} for p in played.players}
    own = {"g_adversarial": 1.0, "g_conditional": 1.0, "g_entropy": 10.0}
    upper = {f"{name}_features": weight for name, weight in own.items()}
    assert weights["image_generator"] == own
    assert weights["feature_generator"] == upper
    assert weights["generator"] == own | upper
    classes = tf.one_hot([7, 0, 3, 3], CLASSES)
    true = networks["encoder"](found["generator"].images["real"].pixels)
    for name in ("feature_generator", "image_generator", "generator"):
        batch, values = found[name], paid[name]
        z1, z0 = draw_latent(networks["generator"], batch.key, 4, "normal")
        drawn = networks["feature_generator"]([z1, classes], training=True)
        if name != "image_generator":
            score, seen = networks["discriminator_features"](drawn)
            assert values["g_adversarial_features"] == pytest.approx(softplus(-score.numpy()).mean(), rel=1e-5)
            named = networks["classifier"](drawn).numpy()
            assert values["g_conditional_features"] == pytest.approx(cross_entropy(named, [7, 0, 3, 3]), rel=1e-5)
            read = networks["q_features"](seen)
            assert values["g_entropy_features"] == pytest.approx(((read - z1).numpy() ** 2).mean() / 4, rel=1e-5)
        if name != "feature_generator":
            asked = drawn if name == "generator" else true
            made = networks["image_generator"]([asked, z0], training=True)
            score, seen = networks["discriminator"](made)
            assert values["g_adversarial"] == pytest.approx(softplus(-score.numpy()).mean(), rel=1e-5)
            again = networks["encoder"](made)
            assert values["g_conditional"] == pytest.approx(((again - asked).numpy() ** 2).mean(), rel=1e-4)
            read = networks["q_images"](seen)
            assert values["g_entropy"] == pytest.approx(((read - z0).numpy() ** 2).mean() / 4, rel=1e-5)


def test_a_discriminator_sees_what_its_level_draws(small_game: SmallGame) -> None:
    played = game(small_game)
    networks, found, paid = played.networks, passes_of(played), values_of(played)
    pixels = found["discriminator"].images["real"].pixels
    true = networks["encoder"](pixels)
    for name in ("discriminator_features", "discriminator_apart", "discriminator"):
        z1, z0 = draw_latent(networks["generator"], found[name].key, 4, "normal")
        drawn = networks["feature_generator"]([z1, tf.one_hot([7, 0, 3, 3], CLASSES)], training=True)
        suffix, judge, real, fake = "_features", networks["discriminator_features"], true, drawn
        if name != "discriminator_features":
            asked = drawn if name == "discriminator" else true
            fake = networks["image_generator"]([asked, z0], training=True)
            suffix, judge, real = "", networks["discriminator"], pixels
        expected = {
            f"d_loss_real{suffix}": softplus(-judge(real)[0].numpy()).mean(),
            f"d_loss_fake{suffix}": softplus(judge(fake)[0].numpy()).mean(),
        }
        assert paid[name] == pytest.approx(expected, rel=1e-4)


def test_the_weights_are_the_users(small_game: SmallGame) -> None:
    keys = {"model_adversarial_weight": 0.5, "model_conditional_weight": 2.0, "model_entropy_weight": 3.0}
    terms = game(small_game, **keys).players[-1].turns[0].terms
    assert [t.weight for t in terms] == [0.5, 2.0, 3.0] * 2


def test_no_gradient_reaches_the_features_that_were_asked_for(small_game: SmallGame) -> None:
    """The conditional loss of images moves the images, and not the features towards what the images happen to show."""
    played = game(small_game)
    upper = played.networks["feature_generator"].trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        batch = passes_of(played)["generator"]
        error, read = batch.condition_error, batch.latent_error
        asked = tf.reduce_mean(tf.square(tf.stop_gradient(played.networks["encoder"](batch.fake)) - batch.features))
    assert all(g is not None for g in tape.gradient(read, upper)), "the chain is one network"
    moved = tape.gradient(error, upper)
    with tf.GradientTape() as through:
        fixed = tf.constant(batch.features)
        again = passes_of(played)["generator"]
        made = played.networks["image_generator"]([again.features, again.latent[1]], training=True)
        alone = tf.reduce_mean(tf.square(played.networks["encoder"](made) - fixed))
    for one, other in zip(moved, through.gradient(alone, upper), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-7)
    assert all(g is not None for g in tape.gradient(asked, upper)), "it could have flowed"


def test_each_stage_moves_its_own_networks(small_game: SmallGame) -> None:
    played = game(small_game)
    assert [[p.name for p in stage.players] for stage in played.stages] == [["encoder"], APART, JOINT]
    moved = []
    for stage in played.stages:
        before = state.collect(played)
        play_stage(played, stage, 1)
        after = state.collect(played)
        changed = {
            group
            for group in before
            if not group.startswith("optimizer")
            and any((before[group][n] != after[group][n]).any() for n in before[group])
        }
        moved.append(changed - {"generator"})
    drawing = {"feature_generator", "image_generator", "q_features", "q_images"}
    assert moved == [{"encoder", "classifier"}, *[drawing | {"discriminator", "discriminator_features"}] * 2]


@pytest.mark.parametrize("form", ["separate", "mixed", "concatenated"])
def test_every_form_of_batches_plays(form: str, small_game: SmallGame) -> None:
    played = game(small_game, training__discriminator_batches=form)
    judges = [p for p in played.players if p.name.startswith("discriminator")]
    assert all(isinstance(passes_of(played)[p.name], MixedPass) == (form != "separate") for p in judges)
    for stage in list(played.stages)[1:]:
        assert np.isfinite(play_stage(played, stage, 1)).all()


def test_penalties_and_augmentations_reach_both_levels(small_game: SmallGame) -> None:
    changes = {"loss": {"name": "hinge", "penalties": [{"name": "r1", "weight": 1.0}]}, "training__augment": ["ada"]}
    played = game(small_game, **changes)
    for stage in list(played.stages)[1:]:
        assert np.isfinite(play_stage(played, stage, 1)).all()
    for name in ("r1", "r1_features"):
        assert name in played.columns
    batch = passes_of(played)["discriminator_features"]
    assert batch.augmented(batch.real, "real") is batch.real, "features are no images"
    assert "ada_features" not in played.columns


def test_a_sample_is_the_chain_of_both_generators(small_game: SmallGame) -> None:
    played = game(small_game)
    networks = played.networks
    (images,) = generate(networks["generator"], 3, 5, "normal", [1, 4])
    z1, z0 = draw_latent(networks["generator"], sample_key(5, 0), 128, "normal")
    classes = tf.one_hot([1, 4] * 64, CLASSES)
    made = networks["image_generator"]([networks["feature_generator"]([z1, classes]), z0]).numpy()
    np.testing.assert_allclose(images, np.clip((made[:3] + 1) * 127.5, 0, 255), atol=0.51)


def test_latent_errors_are_in_the_papers_unit() -> None:
    """A guess of 0 for vectors from U(-1, 1) has the error of a guess of 0.5 for vectors from U(0, 1)."""
    drawn = np.random.default_rng(0).uniform(-1, 1, (4000, 50)).astype(np.float32)
    assert float(sgan._latent_error(tf.zeros_like(drawn), drawn)) == pytest.approx(1 / 12, rel=0.01)
