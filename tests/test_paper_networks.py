"""The papers' networks: every size, told classes or not, and what is particular to each."""

import inspect
import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import WriteYaml, shipped, untracked
from small_runs import CPU

from ganctl import losses, models
from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.errors import ConfigurationError, GanctlError
from ganctl.experiment.experiment import Experiment
from ganctl.game import CLASSES, Game, ImageBatch, Key, takes_classes
from ganctl.generation.drawing import choose_classes, generate
from ganctl.keras_internals import layers_of
from ganctl.layers.conditional import projection_score
from ganctl.layers.resolutions import why_unfit
from ganctl.models import bigan, fastgan
from ganctl.planning.discriminator_check import body_of
from ganctl.registry import Entry
from ganctl.training.prepared import Prepared

pytestmark = pytest.mark.usefixtures("uncompiled")

ANY_SIZE = [entry for entry in shipped(models.registry) if entry.why_unfit is why_unfit]
TOLD = [entry for entry in ANY_SIZE if "conditional" in entry.arguments().model_fields]
SmallGame = Callable[..., Game]


def made(entry: Entry, size: int, channels: int = 1, num_classes: int = 0, **arguments: Any) -> dict[str, Any]:
    told = {"num_classes": num_classes} if "num_classes" in inspect.signature(entry.make).parameters else {}
    networks: dict[str, Any] = entry.make((size, size, channels), **told, capacity=1, **arguments)
    return networks


@pytest.mark.parametrize("entry", ANY_SIZE, ids=lambda entry: entry.name)
def test_every_size_and_both_numbers_of_channels_are_made(entry: Entry) -> None:
    """A power of two or not; built, not trained. The test of `Resolutions` walks all sizes."""
    for size, channels in ((16, 3), (20, 1), (48, 3), (256, 1)):
        networks = made(entry, size, channels)
        assert networks["generator"].output_shape == (None, size, size, channels)
        discriminator = networks["discriminator"]
        assert discriminator.inputs[0].shape == (None, size, size, channels)
        assert discriminator.outputs[0].shape == (None, 1)
        last = [networks["generator"].outputs[0], *discriminator.outputs[:1]]
        assert {tensor.dtype for tensor in last} == {"float32"}


@pytest.mark.parametrize("entry", ANY_SIZE, ids=lambda entry: entry.name)
@pytest.mark.parametrize("size", [15, 257])
def test_other_sizes_are_refused_before_anything_is_built(entry: Entry, size: int, tiny_yaml: WriteYaml) -> None:
    with pytest.raises(ConfigurationError, match=f"{entry.name} needs images from 16x16 to 256x256"):
        resolving.load_experiment(tiny_yaml({"model": {"name": entry.name}, "dataset.image_size": size}))


@pytest.mark.parametrize("entry", ANY_SIZE, ids=lambda entry: entry.name)
def test_a_scores_last_layer_stays_float32_in_bfloat16(entry: Entry) -> None:
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        networks = made(entry, 16, num_classes=3)
    finally:
        keras.config.set_dtype_policy(policy)
    assert networks["generator"].outputs[0].dtype == "float32"
    assert networks["discriminator"].outputs[0].dtype == "float32"


@pytest.mark.parametrize("entry", ANY_SIZE, ids=lambda entry: entry.name)
def test_the_body_of_a_discriminator_can_be_told_from_its_head(entry: Entry) -> None:
    discriminator = made(entry, 16, num_classes=3)["discriminator"]
    if entry.name in ("bigan", "cgan"):  # these see a code, or the class among the pixels
        with pytest.raises(GanctlError, match="more than images"):
            body_of(discriminator)
    else:
        assert body_of(discriminator).output_shape[-1] > 1


# --- told classes


@pytest.mark.slow
@pytest.mark.parametrize("entry", TOLD, ids=lambda entry: entry.name)
def test_networks_are_told_classes_where_there_are_some_and_nobody_says_otherwise(entry: Entry) -> None:
    def told(num_classes: int, **arguments: Any) -> set[bool]:
        networks = made(entry, 16, num_classes=num_classes, **arguments)
        return {takes_classes(networks[role]) for role in ("generator", "discriminator")}

    assert told(3) == told(3, conditional=True) == {True}
    assert told(0) == told(0, conditional=False) == told(3, conditional=False) == {False}


@pytest.mark.parametrize("entry", TOLD, ids=lambda entry: entry.name)
def test_classes_that_are_not_there_are_an_error_with_a_place(entry: Entry, tiny_yaml: WriteYaml) -> None:
    path = tiny_yaml({"model": {"name": entry.name, "conditional": True}, "dataset.image_size": 16})
    with pytest.raises(ConfigurationError, match=r"tiny.yaml:\d+:\d+: model.conditional: these images have no labels"):
        make_networks(resolving.load_parts(path), (16, 16, 1), 0)


@pytest.mark.slow
@pytest.mark.parametrize("entry", TOLD, ids=lambda entry: entry.name)
def test_the_class_changes_the_picture_and_the_score(entry: Entry, small_game: SmallGame) -> None:
    game = small_game(entry.name)
    game.play(game.chunk(0, 2))  # before, every class has the same scale and shift
    random, inputs = np.random.default_rng(0), game.networks["generator"].inputs
    latent = [random.normal(size=(2, *each.shape[1:])).astype(np.float32) for each in inputs if each.name != CLASSES]
    classes = [np.full((2, 1), number, np.int32) for number in (1, 2)]
    pictures = [game.networks["generator"]([*latent, given]).numpy() for given in classes]
    assert np.abs(pictures[0] - pictures[1]).max() > 1e-6
    # If there are several scores, the last one is told the class.
    scores = [tf.nest.flatten(game.networks["discriminator"]([pictures[0], given]))[-1].numpy() for given in classes]
    assert (scores[0] != scores[1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("fakes", ["inference", "training"])
def test_pairs_that_are_compared_are_of_one_class(fakes: str, small_game: SmallGame) -> None:
    """Of either player, also where fakes would be made ahead; a loss without pairs draws classes by chance."""

    def classes(loss: str) -> dict[str, bool]:
        changes = {"training.discriminator_batches": "summed", "training.fakes": fakes, "training.disc_updates": 2}
        game = small_game("r3gan", {"loss": {"name": loss}, **changes, "training.batch_size": 8})
        if loss == "relativistic":
            assert np.isfinite(game.play(game.chunk(0, 1)).numpy()).all()
        labels = tf.constant([7, 0, 3, 3, 9, 1, 5, 2])
        images = {"real": ImageBatch(tf.zeros([8, 16, 16, 1]), labels)}
        passes = {p.name: p.turns[0].forward(game.networks, images, Key(0, 0, p.name, 0)) for p in game.players}
        return {name: bool((made.fake_classes == labels).numpy().all()) for name, made in passes.items()}  # type: ignore[attr-defined]

    assert classes("relativistic") == {"discriminator": True, "generator": True}
    assert classes("hinge") == {"discriminator": False, "generator": False}


def test_a_generator_that_finds_its_own_categories_draws_them_by_chance_also_in_pairs(small_game: SmallGame) -> None:
    changes = {"loss": {"name": "relativistic"}, "training.discriminator_batches": "summed"}
    game = small_game("infogan", {**changes, "model": {"name": "infogan", "capacity": 2, "categories": 3}})
    images = {"real": ImageBatch(tf.zeros([2, 16, 16, 1]), tf.constant([8, 9]))}
    for player in game.players:
        drawn: Any = player.turns[0].forward(game.networks, images, Key(0, 0))
        assert (drawn.fake_classes.numpy() < 3).all()


def test_a_projections_score_is_an_affine_function_and_an_inner_product() -> None:
    features, classes = keras.Input([4]), keras.Input([1], dtype="int32")
    network = keras.Model(
        [features, classes], projection_score(features, classes, 3, keras.layers.Dense, keras.layers.Embedding)
    )
    psi = next(layer for layer in network.layers if isinstance(layer, keras.layers.Dense))
    embedding = next(layer for layer in network.layers if isinstance(layer, keras.layers.Embedding))
    values, given = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32), np.array([0, 2, 1, 1, 0])
    kernel, bias = (variable.numpy() for variable in (psi.kernel, psi.bias))
    expected = values @ kernel + bias + (embedding.embeddings.numpy()[given] * values).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network([values, given[:, None]]), expected, rtol=1e-5, atol=1e-6)


# --- what is particular to each


def test_the_blocks_of_r3gan_begin_as_the_identity() -> None:
    for network in made(models.registry.get("r3gan"), 16).values():
        added = [layer for layer in network.layers if isinstance(layer, keras.layers.Add)]
        assert len(added) == 3, "one at each size"
        skipped = [layer.input for layer in added]
        inner = keras.Model(network.inputs, [tensors[1] for tensors in skipped])
        for output in inner(tf.random.normal([2, *network.inputs[0].shape[1:]])):
            assert not output.numpy().any()


def test_r3gans_depthwise_convolution_keeps_the_variance() -> None:
    """Each output is a sum of base^2 products, so that its weights have the variance 1 / base^2."""
    discriminator = models.registry.get("r3gan").make((16, 16, 1), capacity=32)["discriminator"]
    (layer,) = [layer for layer in discriminator.layers if isinstance(layer, keras.layers.DepthwiseConv2D)]
    height, width, channels, _ = layer.kernel.shape
    assert channels == 128
    assert layer.kernel.numpy().var() * height * width == pytest.approx(1.0, abs=0.15), "2048 draws: 5 deviations"


def test_sagan_attends_after_the_second_block_and_normalises_every_convolution() -> None:
    networks = made(models.registry.get("sagan"), 64, 3)
    for network in networks.values():
        (attention,) = [layer for layer in network.layers if type(layer).__name__ == "SelfAttention"]
        assert attention.output.shape[1:3] == (16, 16)
        kinds = {type(layer).__name__ for layer in layers_of(network) if hasattr(layer, "kernel")}
        assert kinds == {"SpectralConv2D", "SpectralDense"}


def test_a_critic_that_sees_how_much_a_batch_varies() -> None:
    critic = made(models.registry.get("wgan_gp"), 16, minibatch_deviation=True)["discriminator"]
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 1)).astype(np.float32)
    alone, beside = critic(images[:1]).numpy(), critic(images).numpy()[:1]
    assert (alone != beside).all()
    assert not [layer for layer in critic.layers if "Normalization" in type(layer).__name__]


def test_fastgan_compares_with_the_image_made_smaller() -> None:
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    means = images.reshape(2, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    drawn = np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype(np.float32)
    found = fastgan._difference(tf.constant(images), tf.constant(drawn))
    np.testing.assert_allclose(found, np.abs(means - drawn).mean(), rtol=1e-5)


@pytest.mark.parametrize("form", ["mixed", "concatenated"])
def test_a_deviation_over_real_and_generated_images_at_once_is_refused(form: str, small_game: SmallGame) -> None:
    changes = {"training.discriminator_batches": form, "model.minibatch_deviation": True}
    with pytest.raises(ConfigurationError, match="the same for both"):
        small_game("wgan_gp", {**changes, "loss": {"name": "wasserstein"}})


@pytest.mark.parametrize("form", ["separate", "summed", "mixed", "concatenated"])
@pytest.mark.parametrize("model", ["bigan", "fastgan", "infogan"])
@pytest.mark.slow
def test_own_players_play_with_every_form_of_batches(model: str, form: str, small_game: SmallGame) -> None:
    game = small_game(model, {"training.discriminator_batches": form})
    assert np.isfinite(game.play(game.chunk(0, 2)).numpy()).all()


def test_infogan_begins_by_guessing_and_its_columns_are_categories(
    small_experiment: Callable[..., Experiment], small_game: SmallGame
) -> None:
    game = small_game("infogan", {"model": {"name": "infogan", "capacity": 2, "categories": 7}})
    assert {player.name: list(player.networks) for player in game.players} == {
        "discriminator": ["discriminator"],
        "generator": ["generator", "q_head"],
    }
    row = dict(zip(game.columns, game.play(game.chunk(0, 1)).numpy()[0], strict=True))
    assert row["g_category_loss"] == pytest.approx(np.log(7), abs=0.1)
    assert row["g_loss"] == pytest.approx(
        row["g_adversarial"] + row["g_category_loss"] + 0.1 * row["g_code_loss"], rel=1e-5
    )
    generator = game.networks["generator"]
    assert [tensor.name for tensor in generator.inputs] == ["latent", "code", CLASSES]
    assert choose_classes(generator, None, 0) == list(range(7)), "the data set's labels have no say"
    (images,) = generate(generator, 3, 0, "uniform", [6])
    assert images.shape == (3, 16, 16, 1)
    assert len(made(models.registry.get("infogan"), 16, codes=0)["generator"].inputs) == 2


def test_infogans_code_loss_adds_up_the_codes(small_game: SmallGame) -> None:
    game = small_game("infogan", {"model": {"name": "infogan", "capacity": 2, "codes": 3}})
    (turn,) = game.players[1].turns
    batch = turn.forward(game.networks, {}, Key(0, 0))
    code, guess = batch.code.numpy(), batch.guesses[1].numpy()
    assert code.shape[1] == 3
    code_loss = next(term for term in turn.terms if term.name == "g_code_loss")
    assert float(code_loss.function(batch)) == pytest.approx((0.5 * (code - guess) ** 2).sum(axis=1).mean(), rel=1e-5)


def test_bigans_encoder_pays_for_pairs_that_are_taken_for_real(small_game: SmallGame) -> None:
    game = small_game("bigan")
    (turn,) = game.players[1].turns
    images = tf.constant(np.random.default_rng(0).normal(size=(2, 16, 16, 1)), tf.float32)
    batch = turn.forward(game.networks, {"real": ImageBatch(images, tf.zeros([2], tf.int32))}, Key(0, 0))
    code = game.networks["encoder"](images)
    real = game.networks["discriminator"]([images, code]).numpy().astype(np.float64)
    fake = game.networks["discriminator"]([batch.fake, batch.latent]).numpy().astype(np.float64)
    terms = {term.name: float(term.function(batch)) for term in turn.terms}
    assert terms["g_adversarial"] == pytest.approx(np.log1p(np.exp(-fake)).mean(), rel=1e-6)
    assert terms["e_adversarial"] == pytest.approx(np.log1p(np.exp(real)).mean(), rel=1e-6)
    assert terms["e_adversarial"] != pytest.approx(np.log1p(np.exp(-real)).mean(), rel=1e-5)
    assert list(game.players[1].networks) == ["generator", "encoder"]


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, x)


# What the generator pays for the pairs (G(z), z) and the encoder for (x, E(x)): each wants the other kind's label.
OF_PAIRS: dict[str, tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], ...]] = {
    "minimax": (lambda real, fake: softplus(-fake), lambda real, fake: softplus(real)),
    "non_saturating": (lambda real, fake: softplus(-fake), lambda real, fake: softplus(real)),
    "least_squares": (lambda real, fake: (fake - 1) ** 2 / 2, lambda real, fake: real**2 / 2),
    "hinge": (lambda real, fake: -fake, lambda real, fake: real),
    "wasserstein": (lambda real, fake: -fake, lambda real, fake: real),
    "energy": (lambda real, fake: -fake, lambda real, fake: 0.2 + real),
    "relativistic": (lambda real, fake: softplus(real - fake),) * 2,
}


@pytest.mark.parametrize("loss", [entry.name for entry in shipped(losses.registry)])
def test_bigans_encoder_wants_the_label_of_the_other_kind(loss: str, small_game: SmallGame) -> None:
    game = small_game("bigan", {"loss": {"name": loss}, "training.discriminator_batches": "summed"})
    (turn,) = game.players[1].turns
    pixels = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 1)).astype(np.float32)
    images = ImageBatch(tf.constant(pixels), tf.zeros([2], tf.int32))
    batch: Any = turn.forward(game.networks, {"real": images}, Key(0, 0))
    real, fake = batch.real_score.numpy().astype(np.float64), batch.fake_score.numpy().astype(np.float64)
    found = [float(term.function(batch)) for term in turn.terms]
    expected = [float(pays(real, fake).mean()) for pays in OF_PAIRS[loss]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_a_swapped_pass_turns_scores_round_and_is_else_the_pass() -> None:
    class Batch:
        real_score, fake_score, count = 2.0, -3.0, 5

    swapped: Any = bigan.Swapped(Batch(), lambda score: 1.0 - score)  # type: ignore[arg-type]
    assert (swapped.real_score, swapped.fake_score, swapped.count) == (4.0, -1.0, 5)


def test_scored_grids_need_a_discriminator_of_images_alone(
    small_experiment: Callable[..., Experiment],
) -> None:
    experiment = small_experiment("bigan", {"outputs": {"sample_grid": "scored"}})
    with pytest.raises(ConfigurationError, match=r"tiny.yaml:\d+:\d+: outputs.sample_grid: .* judges images alone"):
        Prepared.make(resolving.resolve(experiment), CPU, untracked)


def test_the_listing_names_them(run_cli: Callable[..., Any]) -> None:
    listed = {entry["name"] for entry in json.loads(run_cli("list-models", "--json").stdout)}
    assert {entry.name for entry in ANY_SIZE} <= listed
