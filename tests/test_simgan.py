"""SimGAN: its losses in closed form, its stages, its history, and a refiner that learns what real images look like."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import operation_by_operation, untracked
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
from ganctl.run_folder.paths import RunFolder

STAGES = [
    {"until": 2, "players": ["pretraining"]},
    {"until": 3, "players": ["discriminator"]},
    {"players": ["generator", "discriminator"]},
]
KINDS = "grey_and_bright_squares"
HEIGHT, WIDTH = 12, 8


def squares(count: int, level: int, seed: int, channels: int = 1) -> np.ndarray:
    """Squares of a level somewhere on black."""
    images = np.zeros((count, HEIGHT, WIDTH, channels), np.uint8)
    for image, (top, left) in zip(images, np.random.default_rng(seed).integers(0, 5, (count, 2)), strict=True):
        image[top : top + 5, left : left + 4] = level
    return images


@pytest.fixture(scope="module", autouse=True)
def _kinds() -> Iterator[None]:
    """Synthetic squares are grey, real ones brighter."""

    def make(config: Any, track: Any) -> dict[str, ImageSet]:
        channels = config.channels or 1
        real = squares(50, 230, 1, channels if config.alpha is None else 1)
        return {
            "a": ImageSet(squares(60, 120, 0, channels), None, (), "a"),
            "b": ImageSet(real, None, (), "b"),
        }

    with datasets.registry.temporarily():
        datasets.registry.register(KINDS, source="this test")(make)
        yield


def experiment(stages: Any = STAGES, **changes: Any) -> Experiment:
    data: dict[str, Any] = {
        "name": "simgan",
        "dataset": {"name": KINDS, **changes.pop("dataset", {})},
        "model": {"name": "simgan", "capacity": 4, "blocks": 2, "history": 6, **changes.pop("model", {})},
        "training": {
            "iterations": 5, "batch_size": 4, "gen_updates": 2, "precision": "float32", "xla": False, "stages": stages,
            "discriminator_batches": "summed", **changes.pop("training", {}),
        },
        "outputs": {"checkpoint_every": 1, "keep": 9, "sample_every": 2, "sample_grid": "4x2"},
        **changes,
    }  # fmt: skip
    return resolving.resolve(Experiment.from_source(YamlSource("test", data))).experiment


def game(stages: Any = STAGES, **changes: Any) -> Game:
    parts = resolving.resolve(experiment(stages, **changes))
    return games.make_game(parts, resolving.read_feeds(parts, untracked))


@pytest.mark.parametrize("shape", [(12, 8, 1), (35, 55, 3), (8, 8, 4)])
def test_the_refiner_keeps_the_size_and_verdicts_are_a_map(shape: Any) -> None:
    networks = models.registry.get("simgan").make(shape, dict.fromkeys("ab", shape), capacity=64, blocks=4, history=2)
    assert networks["generator"].input_shape == networks["generator"].output_shape == (None, *shape)
    height, width = -(-shape[0] // 4), -(-shape[1] // 4)
    assert networks["discriminator"].output_shape == (None, height, width, 1)
    assert [layer.filters for layer in networks["discriminator"].layers if hasattr(layer, "filters")] == [
        96, 64, 32, 32, 1,
    ]  # fmt: skip
    sides = {layer.output.shape[1:3] for layer in networks["generator"].layers}
    assert sides == {shape[:2]}


def test_kinds_of_different_shapes_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="Received: 12x8x3 and 12x8x1"):
        game(dataset={"channels": 3, "alpha": False})


@pytest.mark.parametrize("stages", [[], STAGES[:2], [{"players": ["pretraining", "generator"]}]])
def test_the_warm_up_never_plays_with_the_generator(stages: Any) -> None:
    with pytest.raises(ConfigurationError, match="`pretraining` and `generator` would play together"):
        game(stages)


def passes_of(played: Game) -> dict[str, Any]:
    pixels = np.random.default_rng(0).uniform(-1, 1, (2, 3, HEIGHT, WIDTH, 1)).astype(np.float32)
    images = {kind: ImageBatch(tf.constant(pixels[i]), tf.zeros([3], tf.int32)) for i, kind in enumerate("ab")}
    return {p.name: p.turns[0].forward(played.networks, images, Key(0, 0, p.name, 0)) for p in played.players}  # type: ignore[misc]


def test_the_losses_are_those_of_the_paper() -> None:
    played = game(loss={"name": "non_saturating"}, model={"regularization_weight": 3.0})
    pretraining, refiner, judge = played.players
    batches = passes_of(played)
    batch = batches["generator"]
    moved = np.abs(batch.fake.numpy() - batch.generator_inputs.numpy()).mean()
    (warm_up,) = pretraining.turns[0].terms
    assert warm_up.weight == 3.0
    assert float(warm_up.function(batches["pretraining"])) == pytest.approx(moved, rel=1e-5)
    terms = {term.name: term for term in refiner.turns[0].terms}
    assert {name: term.weight for name, term in terms.items()} == {"g_adversarial": 1.0, "self_regularization": 3.0}
    score = batch.fake_score.numpy()
    assert score.shape == (3, 3, 2, 1)
    assert float(terms["self_regularization"].function(batch)) == pytest.approx(moved, rel=1e-5)
    assert float(terms["g_adversarial"].function(batch)) == pytest.approx(np.log1p(np.exp(-score)).mean(), rel=1e-5)
    seen = batches["discriminator"]
    real, fake = (term.function(seen) for term in judge.turns[0].terms)
    assert float(real) == pytest.approx(np.log1p(np.exp(-seen.real_score.numpy())).mean(), rel=1e-5)
    assert float(fake) == pytest.approx(np.log1p(np.exp(seen.fake_score.numpy())).mean(), rel=1e-5)


def moved(before: Any, after: Any) -> set[str]:
    return {
        group for group in before if any((before[group][name] != after[group][name]).any() for name in before[group])
    }


def test_each_stage_moves_its_own_networks_and_only_the_discriminator_fills_the_history() -> None:
    played = game()
    states = [state.collect(played)]
    with operation_by_operation():
        for step, rounds in ((0, 2), (2, 1), (3, 1)):
            played.play(played.chunk(step, rounds))
            states.append(state.collect(played))
    assert moved(*states[0:2]) == {"generator", "optimizer_pretraining"}
    assert moved(*states[1:3]) == {"discriminator", "optimizer_discriminator", "history"}
    assert moved(*states[2:4]) == {
        "generator", "discriminator", "optimizer_generator", "optimizer_discriminator", "history",
    }  # fmt: skip
    assert int(played.networks["history"].filled.numpy()) == 6
    assert int(played.players[1].optimizer.iterations.numpy()) == 2, "two updates of the refiner in a round"


def test_the_discriminator_sees_old_and_new_images() -> None:
    played = game([{"until": 1, "players": ["pretraining"]}, {"players": ["discriminator"]}], model={"history": 4})
    history = played.networks["history"]
    batch = passes_of(played)["discriminator"]
    history.images.assign(tf.fill(history.images.shape, 0.75))
    history.filled.assign(4)
    old = [bool((image == 0.75).all()) for key in range(40) for image in passes_with(batch, key).fake.numpy()]
    assert 0.3 < np.mean(old[:12]) <= 1.0
    assert any(not seen for seen in old)


def passes_with(batch: Any, step: int) -> Any:
    again = type(batch)(
        batch.networks, batch.images, Key(0, step, "discriminator", 0), count=batch.count,
        generator_training=False, distribution="normal",
    )  # fmt: skip
    return again


def test_a_run_killed_in_any_stage_ends_like_one_that_was_not(tmp_path: Any) -> None:
    whole = RunFolder.create(tmp_path, "whole", explicit=True)
    killed = {at: RunFolder(tmp_path / str(at)) for at in (1, 2, 3, 4)}
    with operation_by_operation():
        train(experiment(), whole, *(KilledAfter(at, folder.path) for at, folder in killed.items()))
        for folder in killed.values():
            resume(experiment(), folder)
    for folder in killed.values():
        assert files_of(folder) == files_of(whole)


def test_refined_squares_become_as_bright_as_real_ones_and_stay_where_they_are() -> None:
    stages = [
        {"until": 60, "players": ["pretraining"]},
        {"until": 80, "players": ["discriminator"]},
        {"players": ["generator", "discriminator"]},
    ]
    changes: dict[str, Any] = {
        "model": {"capacity": 16, "blocks": 1, "history": 32, "regularization_weight": 0.3},
        "loss": {"name": "non_saturating"},
        "optimizer": {name: {"learning_rate": 3e-3, "beta_1": 0.5} for name in ("generator", "discriminator")},
        "training": {"batch_size": 16},
    }
    played = game(stages, **changes)
    synthetic = squares(40, 120, 9)
    inside = synthetic[..., 0] > 0

    def levels() -> tuple[float, float]:
        seen = synthetic.astype(np.float32) / 127.5 - 1
        drawn = (played.networks["generator"](seen, training=False).numpy()[..., 0] + 1) * 127.5
        return float(drawn[inside].mean()), float(drawn[~inside].mean())

    played.play(played.chunk(0, 60))
    square, around = levels()
    assert abs(square - 120) < 25, "the warm-up leaves images as they are"
    assert around < 25
    played.play(played.chunk(60, 20))
    played.play(played.chunk(80, 150))
    square, around = levels()
    assert square > 160, "brighter than the synthetic 120, towards the real 230"
    assert around < 60
