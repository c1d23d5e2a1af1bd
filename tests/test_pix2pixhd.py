"""pix2pixHD: its sizes, its losses in closed form, what each stage moves, and training that lowers the error."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import operation_by_operation, untracked
from pydantic import ValidationError
from small_runs import KilledAfter, files_of, resume, train

from ganctl import datasets, models
from ganctl.build import games, resolving
from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import Game, Key, state
from ganctl.game.feed import ImageBatch
from ganctl.images.image_set import ImageSet
from ganctl.lazy import tf
from ganctl.run_folder.losses_csv import read_losses
from ganctl.run_folder.paths import RunFolder

STAGES = [
    {"until": 2, "players": ["discriminator_coarse", "coarse_generator"]},
    {"until": 3, "players": ["discriminator", "enhancer"]},
    {"players": ["discriminator", "generator"]},
]
PAIRS = "squares_and_their_edges"
HEIGHT, WIDTH = 16, 20


@pytest.fixture(scope="module", autouse=True)
def _pairs() -> Iterator[None]:
    """Grey squares on black, and coloured on white where they are."""

    def make(config: Any, track: Any) -> dict[str, ImageSet]:
        source = np.zeros((40, HEIGHT, WIDTH, 1), np.uint8)
        for image, (top, left) in zip(source, np.random.default_rng(0).integers(0, 9, (40, 2)), strict=True):
            image[top : top + 7, left : left + 8] = 200
        target = np.where(source > 0, np.uint8([200, 60, 20]), np.uint8(255)).astype(np.uint8)
        return {role: ImageSet(images, None, (), role) for role, images in (("source", source), ("target", target))}

    with datasets.registry.temporarily():
        datasets.registry.register(PAIRS, source="this test")(make)
        yield


def experiment(stages: Any = STAGES, **changes: Any) -> Experiment:
    data: dict[str, Any] = {
        "name": "pix2pixhd",
        "dataset": {"name": PAIRS, **changes.pop("dataset", {})},
        "model": {"name": "pix2pixhd", "capacity": 4, "blocks": 1, "enhancer_blocks": 1, **changes.pop("model", {})},
        "loss": {"name": "least_squares"},
        "training": {
            "iterations": 5, "batch_size": 2, "precision": "float32", "xla": False, "stages": stages,
            "discriminator_batches": "summed", **changes.pop("training", {}),
        },
        "outputs": {"checkpoint_every": 1, "keep": 9, "sample_every": 2, "sample_grid": "3x2"},
        **changes,
    }  # fmt: skip
    return resolving.resolve(Experiment.from_source(YamlSource("test", data))).experiment


def game(stages: Any = STAGES, **changes: Any) -> Game:
    parts = resolving.resolve(experiment(stages, **changes))
    return games.make_game(parts, resolving.read_feeds(parts, untracked))


@pytest.mark.parametrize(("height", "width"), [(16, 20), (28, 28), (64, 96), (100, 16)])
def test_rectangles_come_out_as_they_go_in(height: int, width: int) -> None:
    shapes = {"source": (height, width, 1), "target": (height, width, 3)}
    networks = models.registry.get("pix2pixhd").make(shapes["target"], shapes, capacity=2, blocks=1, enhancer_blocks=1)
    source = tf.zeros([2, height, width, 1])
    image = networks["generator"](source)
    assert image.shape == (2, height, width, 3)
    maps = networks["coarse_generator"](tf.zeros([2, height // 2, width // 2, 1]))
    assert networks["coarse_image"](maps).shape == (2, height // 2, width // 2, 3)
    for shrink in (1, 2, 4):
        score, *found = networks["discriminator_1"]([image[:, ::shrink, ::shrink], source[:, ::shrink, ::shrink]])
        assert score.shape[-1] == 1
        assert min(found[-1].shape[1:3]) >= 2, "of a single position, instance norm would leave nothing"


def test_sizes_that_do_not_fit_are_refused() -> None:
    unfit = models.registry.get("pix2pixhd").why_unfit
    assert [bool(unfit(*size)) for size in ((16, 16), (28, 96), (12, 16), (30, 32), (1028, 64))] == [
        False, False, True, True, True,
    ]  # fmt: skip
    shapes = {"source": (16, 20, 1), "target": (8, 20, 3)}
    with pytest.raises(ConfigurationError, match="Received: inputs of 16x20, outputs of 8x20"):
        models.registry.get("pix2pixhd").make(shapes["target"], shapes)


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_each_scale_has_a_discriminator_that_sees_half_the_size_of_the_one_before(scales: Any) -> None:
    side = 32
    clothes = {"name": "derived", "base": "fashion_mnist_mini", "transform": "posterise", "limit": 8}
    played = game(dataset={**clothes, "image_size": side}, model={"scales": scales})
    assert [role for role in played.networks if role.startswith("discriminator_")] == [
        f"discriminator_{number}" for number in range(1, scales + 1)
    ]
    found = [name for name in played.columns if name.startswith("feature_matching")]
    assert found == [f"feature_matching_{number}" for number in range(1, scales + 1)]
    (turn,) = next(player for player in played.stages[-1].players if player.name == "generator").turns
    images = {
        role: ImageBatch(tf.random.stateless_uniform([2, side, side, 1], [1, 2]), tf.zeros([2], tf.int32))
        for role in ("source", "target")
    }
    seen = turn.forward(played.networks, images, Key(0, 0))
    assert [part.fake.shape[1] for part in seen.scales.values()] == [side >> at for at in range(scales)]


def test_more_scales_than_pixels_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"model\.scales: 3 discriminators need images of at least 32 pixels"):
        game(model={"scales": 3})


@pytest.mark.parametrize("stages", [[], STAGES[:2], [{"players": ["coarse_generator", "generator"]}]])
def test_stages_of_different_sizes_never_play_together(stages: Any) -> None:
    with pytest.raises(ConfigurationError, match="would play together"):
        game(stages)


def halved(images: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(i, (i.shape[1] // 2, i.shape[0] // 2), interpolation=cv2.INTER_AREA) for i in images])


def passes_of(played: Game) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    source = random.uniform(-1, 1, (2, HEIGHT, WIDTH, 3)).astype(np.float32)[..., :1]
    target = random.uniform(-1, 1, (2, HEIGHT, WIDTH, 3)).astype(np.float32)
    labels = tf.zeros([2], tf.int32)
    images = {"source": ImageBatch(tf.constant(source), labels), "target": ImageBatch(tf.constant(target), labels)}
    batches = {p.name: p.turns[0].forward(played.networks, images, Key(0, 0, p.name, 0)) for p in played.players}  # type: ignore[misc]
    return batches, source, target


@pytest.mark.parametrize(
    ("maker", "judge"), [("coarse_generator", "discriminator_coarse"), ("generator", "discriminator")]
)
def test_the_losses_are_those_of_the_paper(maker: str, judge: str) -> None:
    played = game()
    batches, source, target = passes_of(played)
    if maker == "coarse_generator":
        source, target = halved(source).reshape(2, HEIGHT // 2, WIDTH // 2, 1), halved(target)
        fake = played.networks["coarse_image"](played.networks["coarse_generator"](source)).numpy()
    else:
        fake = played.networks["generator"](source).numpy()
    made = {term.name: term for p in played.players if p.name == maker for term in p.turns[0].terms}
    told = {term.name: term for p in played.players if p.name == judge for term in p.turns[0].terms}
    assert set(made) == {"g_adversarial_1", "g_adversarial_2", "feature_matching_1", "feature_matching_2"}
    for scale in ("1", "2"):
        if scale == "2":
            source, target, fake = (
                halved(images).reshape(2, images.shape[1] // 2, images.shape[2] // 2, -1)
                for images in (source, target, fake)
            )
        network = played.networks[f"discriminator_{scale}"]
        real_out, fake_out = ([np.asarray(x) for x in network([images, source])] for images in (target, fake))
        matching = sum(np.abs(a - b).mean() for a, b in zip(real_out[1:], fake_out[1:], strict=True))
        assert made[f"feature_matching_{scale}"].weight == 10.0
        assert float(made[f"feature_matching_{scale}"].function(batches[maker])) == pytest.approx(matching, rel=1e-3)
        adversarial = ((fake_out[0] - 1) ** 2).mean() / 2
        assert float(made[f"g_adversarial_{scale}"].function(batches[maker])) == pytest.approx(adversarial, rel=1e-3)
        for name, expected in (("real", ((real_out[0] - 1) ** 2).mean() / 2), ("fake", (fake_out[0] ** 2).mean() / 2)):
            found = told[f"d_loss_{name}_{scale}"].function(batches[judge])
            assert float(found) == pytest.approx(expected, rel=1e-3)


def test_feature_matching_gives_the_true_images_no_gradient() -> None:
    played = game()
    batch = passes_of(played)[0]["generator"].scales["1"]
    with tf.GradientTape() as tape:
        real, fake = tf.constant(batch.real), tf.constant(batch.fake)
        tape.watch([real, fake])
        batch.__dict__["fake_verdict"], batch.__dict__["real_verdict"] = batch.judge(fake), batch.judge(real)
        matching = batch.matching
    of_real, of_fake = tape.gradient(matching, [real, fake])
    assert of_real is None
    assert float(tf.reduce_max(tf.abs(of_fake))) > 0


def moved(before: Any, after: Any) -> set[str]:
    return {
        group for group in before if any((before[group][name] != after[group][name]).any() for name in before[group])
    }


def test_each_stage_moves_its_own_part_of_the_generator() -> None:
    played = game()
    states = [state.collect(played)]
    with operation_by_operation():
        for step, rounds in ((0, 2), (2, 1), (3, 1)):
            assert played.draws["source"] == played.draws["target"]
            played.play(played.chunk(step, rounds))
            states.append(state.collect(played))
    judges = {"discriminator_1", "discriminator_2"}
    assert moved(*states[0:2]) == judges | {
        "generator", "coarse_generator", "coarse_image", "optimizer_coarse_generator", "optimizer_discriminator_coarse",
    }  # fmt: skip
    assert moved(*states[1:3]) == judges | {
        "generator", "enhancer", "optimizer_enhancer", "optimizer_discriminator",
    }  # fmt: skip
    assert moved(*states[2:4]) == judges | {
        "generator", "coarse_generator", "enhancer", "optimizer_generator", "optimizer_discriminator",
    }  # fmt: skip


@pytest.mark.slow
def test_a_run_killed_in_any_stage_ends_like_one_that_was_not(tmp_path: Any) -> None:
    whole = RunFolder.create(tmp_path, "whole", explicit=True)
    killed = {at: RunFolder(tmp_path / str(at)) for at in (1, 2, 3, 4)}
    with operation_by_operation():
        train(experiment(), whole, *(KilledAfter(at, folder.path) for at, folder in killed.items()))
        for folder in killed.values():
            resume(experiment(), folder)
    for folder in killed.values():
        assert files_of(folder) == files_of(whole)
    assert np.isfinite(read_losses(whole.losses).column("g_loss")).all(), "one generator plays in every stage"


@pytest.mark.slow
def test_training_in_stages_lowers_the_error() -> None:
    stages = [{**STAGES[0], "until": 80}, {**STAGES[1], "until": 120}, STAGES[2]]
    rate = {"learning_rate": 2e-3}
    optimizers = dict.fromkeys(("generator", "discriminator"), rate)
    played = game(stages, model={"capacity": 8}, training={"batch_size": 4}, optimizer=optimizers)
    _, source, _ = passes_of(played)
    images = datasets.registry.get(PAIRS).make(experiment().dataset, untracked)
    source, target = (images[role].images.astype(np.float32) / 127.5 - 1 for role in ("source", "target"))

    def error() -> float:
        return float(np.abs(played.networks["generator"](source).numpy() - target).mean())

    before = error()
    for step, rounds in ((0, 80), (80, 40), (120, 60)):
        played.play(played.chunk(step, rounds))
    assert error() < 0.5 * before, (error(), before)


@pytest.mark.parametrize(("scales", "taken"), [(True, False), (1, True), (4, False)])
def test_true_is_no_number_of_scales(scales: object, taken: bool) -> None:
    arguments = models.registry.get("pix2pixhd").arguments()
    with nullcontext() if taken else pytest.raises(ValidationError, match="nput should be"):
        arguments.model_validate({"scales": scales})
