"""SRGAN: its scales, its losses in closed form, its stages, and pre-training that beats bicubic enlargement."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from conftest import operation_by_operation, untracked
from small_runs import KilledAfter, files_of, resume, train

from ganctl import datasets, models
from ganctl.build import games, resolving
from ganctl.errors import ConfigurationError
from ganctl.evaluation.features import efficientnet_lite0
from ganctl.evaluation.features.content import content_features
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import Game, Key, state
from ganctl.game.feed import ImageBatch
from ganctl.images.image_set import ImageSet
from ganctl.keras_internals import layers_of
from ganctl.layers import Copies
from ganctl.layers.keras_alone import of_keras_alone
from ganctl.lazy import tf
from ganctl.run_folder import checkpoint
from ganctl.run_folder.losses_csv import read_losses
from ganctl.run_folder.paths import RunFolder

STAGES = [{"until": 2, "players": ["pretraining"]}, {"players": ["discriminator", "generator"]}]
PAIRS = "small_and_large"


def shrunk(images: np.ndarray, height: int, width: int) -> np.ndarray:
    made = [cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in images]
    return np.stack(made).reshape(len(images), height, width, images.shape[-1])


@pytest.fixture(scope="module", autouse=True)
def _pairs() -> Iterator[None]:
    """Clothes as `target`, and the same a quarter as large, or as `dataset.path` says, as `source`."""

    def make(config: Any, track: Any) -> dict[str, ImageSet]:
        scale = float(Path(config.path or "4").name)
        target = datasets.registry.get("fashion_mnist_mini").make(config.model_copy(update={"path": None}), track)
        height, width = (int(side / scale) for side in target.shape[:2])
        return {"source": replace(target, images=shrunk(target.images, height, width)), "target": target}

    with datasets.registry.temporarily():
        datasets.registry.register(PAIRS, source="this test")(make)
        yield


def experiment(stages: Any = STAGES, **changes: Any) -> Experiment:
    data: dict[str, Any] = {
        "name": "srgan",
        "dataset": {"name": PAIRS, "limit": 24, "image_size": 16, **changes.pop("dataset", {})},
        "model": {"name": "srgan", "capacity": 4, "blocks": 2, **changes.pop("model", {})},
        "training": {
            "iterations": 4, "batch_size": 2, "precision": "float32", "xla": False, "stages": stages,
            "discriminator_batches": "summed", **changes.pop("training", {}),
        },
        "outputs": {"checkpoint_every": 1, "keep": 9, "sample_every": 2, "sample_grid": "3x2"},
        **changes,
    }  # fmt: skip
    return resolving.resolve(Experiment.from_source(YamlSource("test", data))).experiment


def game(stages: Any = STAGES, **changes: Any) -> Game:
    parts = resolving.resolve(experiment(stages, **changes))
    return games.make_game(parts, resolving.read_feeds(parts, untracked))


@pytest.mark.parametrize(
    ("size", "scale", "small"), [("16x24", 4, (4, 6)), ("18x16", 2, (9, 8)), (16, 2, (8, 8)), ("96x100", 4, (24, 25))]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_sizes_of_inputs_and_outputs_determine_the_scale(size: Any, scale: int, small: Any, channels: int) -> None:
    height, width = (int(side) for side in str(size).split("x")) if isinstance(size, str) else (size, size)
    shapes = {"source": (*small, channels), "target": (height, width, channels)}
    networks = models.registry.get("srgan").make(shapes["target"], shapes, capacity=1, blocks=1)
    assert networks["generator"].input_shape == (None, *shapes["source"])
    assert networks["generator"].output_shape == (None, *shapes["target"])
    assert networks["discriminator"].output_shape == (None, 1)
    shuffles = [layer for layer in networks["generator"].layers if type(layer).__name__ == "PixelShuffle"]
    assert 2 ** len(shuffles) == scale


@pytest.mark.parametrize("scale", ["1", "3.2", "8"])
def test_other_scales_are_refused(scale: str) -> None:
    with pytest.raises(ConfigurationError, match="2 or 4 times as high and as wide as its inputs"):
        game(dataset={"path": scale})


def test_the_networks_are_the_papers() -> None:
    shapes = {"source": (24, 24, 3), "target": (96, 96, 3)}
    networks = models.registry.get("srgan").make(shapes["target"], shapes, capacity=64, blocks=16)
    kinds = [type(layer).__name__ for layer in networks["generator"].layers]
    assert (kinds.count("Conv2D"), kinds.count("BatchNormalization"), kinds.count("PReLU")) == (37, 33, 19)
    judged = [layer for layer in networks["discriminator"].layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in judged] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [layer.strides[0] for layer in judged] == [1, 2] * 4
    assert judged[-1].output.shape[1:3] == (6, 6)
    assert [la.units for la in networks["discriminator"].layers if isinstance(la, keras.layers.Dense)] == [1024, 1]


def test_copies_are_the_maps_and_keras_alone_can_do_without_them() -> None:
    maps = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    with tf.GradientTape() as tape:
        given = tf.constant(maps)
        tape.watch(given)
        first, second = Copies()(given)
        total = tf.reduce_sum(2.0 * first + tf.square(second))
    np.testing.assert_array_equal(first, maps)
    np.testing.assert_array_equal(second, maps)
    np.testing.assert_allclose(tape.gradient(total, given), 2 + 2 * maps, rtol=1e-6)
    generator = game().networks["generator"]
    small = np.random.default_rng(0).uniform(-1, 1, (2, 4, 4, 1)).astype(np.float32)
    alone = of_keras_alone(generator)
    assert not [layer for layer in layers_of(alone) if type(layer).__module__.startswith("ganctl")]
    np.testing.assert_allclose(alone(small), generator(small), atol=1e-5)


@pytest.mark.parametrize(
    "stages",
    [[], [{"until": 9, "players": ["pretraining"]}], [{"players": ["pretraining", "generator"]}]],
)
def test_pretraining_never_plays_with_the_generator(stages: Any) -> None:
    with pytest.raises(ConfigurationError, match="`pretraining` and `generator` would play together") as caught:
        game(stages)
    assert caught.value.exit_code == 2
    assert "training.stages" in str(caught.value)


def passes_of(played: Game) -> dict[str, Any]:
    pixels = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 1)).astype(np.float32)
    labels = tf.zeros([3], tf.int32)
    images = {"source": ImageBatch(tf.constant(pixels[:, ::4, ::4]), labels), "target": ImageBatch(pixels, labels)}
    return {p.name: p.turns[0].forward(played.networks, images, Key(0, 0, p.name, 0)) for p in played.players}  # type: ignore[misc]


def test_the_losses_are_those_of_the_paper() -> None:
    played = game(loss={"name": "non_saturating"}, model={"content_weight": 0.5, "adversarial_weight": 0.01})
    pretraining, _, generator = played.players
    batch = passes_of(played)
    fake, real = batch["pretraining"].fake.numpy(), batch["pretraining"].real
    (term,) = pretraining.turns[0].terms
    assert float(term.function(batch["pretraining"])) == pytest.approx(((fake - real) ** 2).mean(), rel=1e-5)
    terms = {term.name: term for term in generator.turns[0].terms}
    assert {name: term.weight for name, term in terms.items()} == {"g_adversarial": 0.01, "content": 0.5}
    made = batch["generator"]
    score = made.fake_score.numpy()
    assert float(terms["g_adversarial"].function(made)) == pytest.approx(np.log1p(np.exp(-score)).mean(), rel=1e-4)
    down, right = made.key.integers("content grid", [2], 4).numpy()
    rolled = [np.roll(np.asarray(images), (down, right), (1, 2)) for images in (made.fake, made.real)]
    seen = [content_features(images).numpy() for images in rolled]
    expected = ((seen[0].astype(np.float64) - seen[1]) ** 2).mean()
    assert float(terms["content"].function(made)) == pytest.approx(expected, rel=1e-5)


def test_content_features_are_the_networks_maps_of_colours_in_the_images_own_size() -> None:
    grey = np.random.default_rng(0).uniform(-1, 1, (2, 20, 28, 1)).astype(np.float32)
    colour = np.repeat(grey, 3, axis=3)
    found = content_features(grey).numpy()
    assert found.shape == (2, 5, 7, 24)
    np.testing.assert_array_equal(found, content_features(colour).numpy())
    np.testing.assert_array_equal(found, content_features(np.concatenate([colour, grey], 3)).numpy())
    np.testing.assert_array_equal(found, efficientnet_lite0.maps((colour + 1) * 127.5, 3).numpy() / 25)
    whole = tf.reduce_mean(efficientnet_lite0._convolved(efficientnet_lite0.maps(colour, 16), "head"), [1, 2])
    np.testing.assert_array_equal(efficientnet_lite0.head(colour), whole)


def test_each_stage_moves_its_own_networks_and_the_trained_network_is_in_no_checkpoint() -> None:
    played = game()
    before = state.collect(played)
    assert set(before) == {
        "generator", "discriminator", "optimizer_pretraining", "optimizer_discriminator", "optimizer_generator",
    }  # fmt: skip
    with operation_by_operation():
        played.play(played.chunk(0, 2))
        between = state.collect(played)
        played.play(played.chunk(2, 1))
    after = state.collect(played)

    def moved(a: Any, b: Any) -> set[str]:
        return {group for group in a if any((a[group][name] != b[group][name]).any() for name in a[group])}

    assert moved(before, between) == {"generator", "optimizer_pretraining"}
    assert moved(between, after) == {"generator", "discriminator", "optimizer_generator", "optimizer_discriminator"}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_two_runs_are_the_same_to_the_last_bit(precision: str) -> None:
    rows = []
    for _ in range(2):
        played = game(training={"precision": precision, "batch_size": 4})
        rows.append(np.concatenate([played.play(played.chunk(step, 2)).numpy() for step in (0, 2, 4)]))
        assert np.isfinite(rows[-1][2:, played.columns.index("content")]).all()
    assert np.array_equal(rows[0], rows[1], equal_nan=True)


def test_a_run_killed_in_either_stage_ends_like_one_that_was_not(tmp_path: Any) -> None:
    whole = RunFolder.create(tmp_path, "whole", explicit=True)
    killed = {at: RunFolder(tmp_path / str(at)) for at in (1, 2, 3)}
    with operation_by_operation():
        train(experiment(), whole, *(KilledAfter(at, folder.path) for at, folder in killed.items()))
        for folder in killed.values():
            resume(experiment(), folder)
    for folder in killed.values():
        assert files_of(folder) == files_of(whole)
    assert checkpoint.find(whole.path)[0].facts["stage"]["players"] == ["discriminator", "generator"]
    assert np.isfinite(read_losses(whole.losses).column("p_loss")).tolist() == [True, True, False, False]


def psnr(made: np.ndarray, true: np.ndarray) -> float:
    return float(10 * np.log10(255.0**2 / np.mean((made.astype(np.float64) - true) ** 2)))


def test_pretraining_beats_bicubic_enlargement_on_images_never_seen() -> None:
    changes: dict[str, Any] = {
        "dataset": {"limit": 2000, "image_size": 28, "holdout": 0.1},
        "model": {"capacity": 16, "blocks": 4},
        "training": {"batch_size": 16},
        "optimizer": {"generator": {"learning_rate": 2e-3, "beta_1": 0.9}},
    }
    parts = resolving.resolve(experiment([{"players": ["pretraining"]}], **changes))
    feeds, held_out = resolving.read_split(parts, untracked)
    played = games.make_game(parts, feeds)
    played.play(played.chunk(0, 250))
    small, large = (held_out[role].images for role in ("source", "target"))
    bicubic = np.stack([cv2.resize(image, (28, 28), interpolation=cv2.INTER_CUBIC)[..., None] for image in small])
    drawn = played.networks["generator"](small.astype(np.float32) / 127.5 - 1, training=False).numpy()
    made = np.clip((drawn + 1) * 127.5, 0, 255)
    assert psnr(made, large) > psnr(bicubic, large) + 1.0, (psnr(made, large), psnr(bicubic, large))
