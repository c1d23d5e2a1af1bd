"""The studies: their arithmetic, their pages, and that a run is trained once and then found again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.papers.clothes import Clothes, as_overrides
from benchmarks.recipes import CONFIGS
from benchmarks.studies import page
from benchmarks.studies.augmentations import AUGMENTATIONS, augmented, share_of_middle_grey
from benchmarks.studies.average_statistics import BATCH, PASSES, RUNS, Run, re_estimate
from benchmarks.studies.bench import Bench, Trained
from benchmarks.studies.figures import Spread
from benchmarks.studies.recipe import CONFIG, REFERENCE, UNSMOOTHED, Recipe, timed
from benchmarks.studies.sample_numbers import DRAWS, PROTOCOL, RESIZINGS, features, moved_by_number
from benchmarks.studies.studies import STUDIES
from benchmarks.studies.study import Report, Study, Table, scores_table
from ganctl.build.resolving import load_parts
from ganctl.evaluation.features.lite0 import lite0_extractor
from ganctl.experiment.packaged_configs import packaged_configs
from ganctl.lazy import keras

TINY = Recipe("tiny", {"model.capacity": 2, "training.batch_size": 4, "dataset.limit": 8})


def trained(kid: float) -> Trained:
    scores = {"kid": kid, "frechet_distance": 100 * kid, "precision": 0.5, "recall": 0.25, "seconds": 60.0}
    scores |= {"kid_floor": -0.0002, "frechet_distance_floor": 30.4}
    return Trained(Path("run"), 1500, scores)


def test_statistics_are_measured_again_over_all_passes_with_the_present_weights() -> None:
    layers = keras.layers
    first, second = layers.BatchNormalization(epsilon=1e-3), layers.BatchNormalization(momentum=0.9)
    network = keras.Sequential([keras.Input([3]), layers.Dense(4), first, layers.Activation("tanh"), second])
    latents = np.random.default_rng(0).normal(size=(PASSES * BATCH, 3)).astype(np.float32)
    re_estimate(network, [latents])
    kernel = network.layers[0].get_weights()[0].astype(np.float64)
    batches = (latents @ kernel).reshape(PASSES, BATCH, 4)
    mean, variance = batches.mean(1, keepdims=True), batches.var(1, keepdims=True)
    np.testing.assert_allclose(first.moving_mean, mean.mean((0, 1)), atol=1e-5)
    np.testing.assert_allclose(first.moving_variance, variance.mean((0, 1)), rtol=1e-4)
    behind = np.tanh((batches - mean) / np.sqrt(variance + 1e-3))
    np.testing.assert_allclose(second.moving_variance, behind.var(1).mean(0), rtol=1e-3)
    assert (first.momentum, second.momentum) == (0.99, 0.9), "as they were"


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.config)
def test_a_run_whose_statistics_are_measured_again_keeps_an_average(run: Run) -> None:
    parts = load_parts(CONFIGS / f"{run.config}.yaml", as_overrides(run.settings))
    assert parts.experiment.training.ema > 0
    assert list(run.moments) == sorted(run.moments)


def test_a_difference_is_clear_beyond_three_standard_errors() -> None:
    control, other = Spread.of([0.1, 0.2, 0.3]), Spread.of([0.5, 0.6, 0.7])
    assert (control.mean, control.deviation) == pytest.approx((0.2, 0.1))
    difference = other.minus(control)
    assert (difference.value, difference.error) == pytest.approx((0.4, 0.1 * (2 / 3) ** 0.5))
    assert difference.clear
    assert not Spread.of([0.3, 0.4, 0.5]).minus(control).clear
    assert not Spread.of([9.0]).minus(control).clear, "one seed shows nothing"
    assert difference.written(2) == "+0.40, yes"
    assert Spread.of([0.25]).written(2) == "0.25"
    assert control.written(2) == "0.20 ± 0.10"


def test_scores_stand_beside_those_of_the_control() -> None:
    runs = {"reference": [trained(0.1), trained(0.3)], "other": [trained(0.2), trained(0.4)]}
    table = scores_table("Scores.", runs)
    assert table.title == "Scores. Real pictures score a KID of 0.000 and an FD of 30 (the floors)."
    assert table.rows[0] == [
        "reference",
        "2",
        "1,500",
        "60",
        "0.200 ± 0.141",
        "20 ± 14",
        "0.50 ± 0.00",
        "0.25 ± 0.00",
        "",
    ]
    assert table.rows[1][-1] == "+0.100, no"


def test_a_recipe_of_equal_time_has_as_many_iterations_as_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = Recipe("fast", {"training.batch_size": 8}, equal_time=True)
    slow = Recipe("slow", {"training.batch_size": 64}, equal_time=True)
    monkeypatch.setattr(Bench, "paces", lambda self, recipes: {"reference": 0.02, "fast": 0.01, "slow": 0.05})
    found = Bench(tmp_path, iterations=1000).iterations_of([REFERENCE, UNSMOOTHED, fast, slow, slow.lengthened()])
    assert found.pop("slow, 4 times as long") == 1600
    assert found == {"reference": 1000, "minimax": 1000, "fast": 2000, "slow": 400}
    assert timed([fast, slow.lengthened(), slow]) == [REFERENCE, fast, slow.lengthened()]


@pytest.mark.parametrize("name", [study.name for study in STUDIES])
def test_every_recipe_of_every_study_is_valid_and_has_a_folder_of_its_own(name: str) -> None:
    study = next(each for each in STUDIES if each.name == name)
    assert len({recipe.name for recipe in study.recipes}) == len(study.recipes)
    for recipe in study.recipes:
        parts = load_parts(CONFIGS.parent / CONFIG, as_overrides(recipe.settings))
        assert parts.experiment.model.name == "dcgan", "all on the same network"
        assert parts.experiment.training.precision != "auto", "a measurement would decide what is trained"


def test_recipes_of_one_name_are_the_same_in_all_studies() -> None:
    named: dict[str, Recipe] = {}
    for recipe in (recipe for study in STUDIES for recipe in study.recipes):
        assert named.setdefault(recipe.name, recipe) == recipe


def report() -> Report:
    return Report([Table("What was measured.", ["run", "KID"], [["reference", "0.1"]])], {"a": np.zeros((2, 4, 4, 1))})


def test_a_page_keeps_what_a_person_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "NOTES", tmp_path)
    monkeypatch.setattr(page, "PICTURES", tmp_path / "images")
    study = Study("clothes", "Which clothes?", [UNSMOOTHED], lambda bench, runs: report())
    bench = Bench(tmp_path, iterations=7)
    found = replace(report(), rows={"a": np.zeros((2, 4, 4, 1), np.uint8)})
    path = page.write(study, found, bench, 2, "abc1234")
    text = path.read_text()
    assert text.startswith("# Which clothes?\n\n<!-- measured")
    assert "| reference | 0.1 |" in text
    assert f"ganctl train {CONFIG} --set model.capacity=16" in text
    assert "--set loss.label_smoothing=0.0 --set training.iterations=7 --seed 0\n" in text
    path.write_text(text.replace("<!-- measured", "One would have guessed so.\n\n<!-- measured") + "And more.\n")
    rewritten = page.write(study, found, bench, 3, "abc1234").read_text()
    assert "One would have guessed so.\n\n<!-- measured" in rewritten
    assert rewritten.endswith("<!-- end of what was measured -->\nAnd more.\n")
    assert "studies clothes --seeds 3\n" in rewritten
    assert (tmp_path / "images" / "clothes.png").read_bytes().startswith(b"\x89PNG")


def test_a_command_of_a_page_can_be_typed() -> None:
    typed = Recipe("x", {"training.augment": [{"name": "ada", "speed": 5}]}).command(9)
    assert """ --set 'training.augment=[{"name": "ada", "speed": 5}]' --set training.iterations=9""" in typed
    assert "quickstart" in packaged_configs()


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_judge_learns_from_pictures_as_the_discriminator_sees_them(name: str) -> None:
    images = Clothes.read()[1].images[:100]
    found = augmented(AUGMENTATIONS[name], images)
    assert found.shape == images.shape
    assert found.dtype == np.uint8
    changed = (found != images).any((1, 2, 3)).mean()
    assert changed > 0.9
    np.testing.assert_array_equal(found, augmented(AUGMENTATIONS[name], images))


def test_the_middle_grey_is_counted_among_what_is_not_background() -> None:
    assert share_of_middle_grey(np.array([0, 30, 123, 124, 131, 132, 255], np.uint8)) == 2 / 5


def test_the_protocols_resizing_gives_the_features_of_evaluate_and_the_others_do_not() -> None:
    images = Clothes.read()[1].images[:4]
    expected = lite0_extractor().features(images)
    for name, resizing in RESIZINGS.items():
        differs = np.abs(features(images, resizing) - expected).max()
        assert (differs < 1e-4) == (name == PROTOCOL), name


def test_a_score_of_all_samples_is_drawn_once() -> None:
    draws = np.random.default_rng(0).normal(size=(60, 5))
    found = moved_by_number(draws[:40], draws[40:], [10, 40])
    assert (found[10][0].count, found[40][0].count) == (DRAWS, 1)
    assert found[10][1].mean > found[40][1].mean, "fewer samples, a larger Frechet distance"


@pytest.mark.slow
def test_a_run_is_trained_and_scored_once(tmp_path: Path) -> None:
    np.savez(tmp_path / "real.npz", images=Clothes.read()[1].images[:60])
    said: list[str] = []
    bench = Bench(tmp_path / "kept", 2, 50, str(tmp_path / "real.npz"), say=said.append)
    (run,) = bench.trained([TINY], [3])["tiny"]
    assert run.samples.shape == (1000, 28, 28, 1)
    assert run.figures["kid"] > 0
    assert run.figures["num"] == 50
    assert run.figures["seconds"] > 0
    assert json.loads((run.folder / "run.json").read_text())["overrides"][-1] == "seed=3"
    assert [line.split()[0] for line in said] == ["training", "trained"]
    assert bench.trained([TINY], [3])["tiny"] == [run]
    assert bench.kept([TINY, REFERENCE], [2, 3]) == {"tiny": [run]}
    assert len(said) == 2, "nothing is trained twice"
    assert paces(bench, [TINY, replace(TINY, name="wider", changes={**TINY.changes, "model.capacity": 64})])


def paces(bench: Bench, recipes: Sequence[Recipe]) -> bool:
    """Whether the first recipe is faster, measured and then remembered."""
    found = bench.paces(recipes)
    assert bench.paces(recipes) == found
    return found[recipes[0].name] < found[recipes[1].name]
