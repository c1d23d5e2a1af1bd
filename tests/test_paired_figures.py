"""L1, PSNR and SSIM of outputs whose truth is known, and the cycle error: right values, from the right pictures."""

import csv
import io
import json
import shutil
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest
import skimage.metrics
from conftest import RunCli, slow_but, untracked
from plugins import cyclegan  # noqa: F401 (importing registers it)
from sklearn.datasets import load_sample_image
from small_runs import resume, train

from ganctl import datasets, models
from ganctl.build import resolving
from ganctl.errors import DataError
from ganctl.evaluation import paired_figures
from ganctl.evaluation.paired_figures import baseline, figures_with_baseline, l1, psnr, ssim
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import ForwardPass, ImageSampler, Networks, Player, Setup, Term, Turn
from ganctl.generation.image_scores import Scores, score_images
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.translation_scores import score_translations
from ganctl.images.image_set import ImageSet
from ganctl.lazy import tf
from ganctl.report.run_report import write_report
from ganctl.run_folder import checkpoint
from ganctl.run_folder.metrics_csv import COLUMNS, METRICS, best_iteration, converted, line, read_metrics
from ganctl.run_folder.paths import RunFolder

# --- the figures, as scikit-image computes them


def photographs(height: int, width: int, count: int = 3) -> np.ndarray:
    photograph = load_sample_image("china.jpg")
    return np.stack([photograph[60 * i : 60 * i + height, 90 * i : 90 * i + width] for i in range(count)])


def damaged(images: np.ndarray, kind: str) -> np.ndarray:
    random = np.random.default_rng(0)
    if kind == "noisy":
        return np.clip(images + random.normal(0, 25, images.shape), 0, 255).astype(np.uint8)
    if kind == "blurred":
        return np.stack([cv2.GaussianBlur(image, (0, 0), 1.5).reshape(image.shape) for image in images])
    if kind == "flat":
        return np.full_like(images, 127)
    changed = images.copy()
    changed[1:, 2, 3] ^= 1  # by one level, in few pixels, and nothing in the first image
    return changed


KINDS = ["noisy", "blurred", "flat", "nearly the same"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("height", "width", "channels"), [(40, 56, 3), (7, 9, 3), (64, 64, 1)])
def test_the_figures_agree_with_scikit_image(height: int, width: int, channels: int, kind: str) -> None:
    truths = photographs(height, width)[..., :channels]
    images = damaged(truths, kind)
    pairs = list(zip(truths, images, strict=True))
    similarity = [
        skimage.metrics.structural_similarity(truth, image, data_range=255, channel_axis=-1) for truth, image in pairs
    ]
    assert ssim(images, truths) == pytest.approx(np.mean(similarity), abs=1e-9)
    assert l1(images, truths) == pytest.approx(np.abs(truths / 255 - images / 255).mean(), abs=1e-12)
    different = [(truth, image) for truth, image in pairs if (truth != image).any()]
    ratios = [skimage.metrics.peak_signal_noise_ratio(truth, image, data_range=255) for truth, image in different]
    rows = [i for i, (truth, image) in enumerate(pairs) if (truth != image).any()]
    assert psnr(images[rows], truths[rows]) == pytest.approx(np.mean(ratios), abs=1e-9)


@pytest.mark.parametrize("block", [1, 400, 3000, 10**6])
def test_blocks_do_not_change_a_figure(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    truths = photographs(61, 40, count=5)
    images = damaged(truths, "noisy")
    whole = [figure(images, truths) for figure in (l1, psnr, ssim)]
    monkeypatch.setattr(paired_figures, "_BLOCK", block)
    assert [figure(images, truths) for figure in (l1, psnr, ssim)] == pytest.approx(whole, rel=1e-12)


def test_large_pictures_take_little_memory() -> None:
    truths = np.random.default_rng(0).integers(0, 256, (1, 3000, 1500, 3), np.uint8)
    tracemalloc.start()
    try:
        for figure in (l1, psnr, ssim):
            figure(truths[:, ::-1], truths)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < truths.nbytes


def test_identical_images_score_as_if_one_value_were_off_by_one_level() -> None:
    truths = photographs(8, 10, count=2)
    assert (l1(truths, truths), ssim(truths, truths)) == (0, 1)
    changed = truths.copy()
    changed[:, 4, 4, 1] ^= 1
    assert psnr(truths, truths) == psnr(changed, truths) == pytest.approx(10 * np.log10(255**2 * 8 * 10 * 3))


def test_images_smaller_than_a_window_have_no_ssim() -> None:
    truths = photographs(6, 30)
    assert ssim(truths, truths) is None
    values, left_out = figures_with_baseline(truths, truths, truths)
    assert values["ssim"] is None
    assert values["ssim_baseline"] is None
    assert left_out == ("SSIM: it needs images of 7x7 pixels or more",)


# --- the baselines


def test_the_baseline_is_the_input_in_the_shape_of_the_output() -> None:
    colours = photographs(8, 12)
    grey = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] for image in colours])
    for inputs, shape, name, expected in (
        (colours, (8, 12, 3), "identity", colours),
        (grey, (8, 12, 3), "identity", np.repeat(grey, 3, axis=3)),
        (colours, (8, 12, 1), "identity", grey),
        (colours, (16, 24, 3), "bicubic",
         [cv2.resize(image, (24, 16), interpolation=cv2.INTER_CUBIC) for image in colours]),
        (colours, (4, 6, 3), "area", [cv2.resize(image, (6, 4), interpolation=cv2.INTER_AREA) for image in colours]),
    ):  # fmt: skip
        found, guesses = baseline(inputs, shape)
        assert found == name
        np.testing.assert_array_equal(guesses, expected)


def test_channels_that_do_not_become_others_have_no_baseline() -> None:
    truths = photographs(8, 8)
    values, left_out = figures_with_baseline(truths, np.zeros((3, 8, 8, 5), np.uint8), truths)
    assert values["l1"] == 0
    assert values["baseline"] is values["l1_baseline"] is values["psnr_baseline"] is None
    assert left_out == ("baseline: 5 channels of the inputs do not become 3 of the outputs",)


# --- runs of models that learn from pairs

COUNT, SIDE = 60, 8


def pairs_players(networks: Networks, setup: Setup) -> list[Player]:
    def term(batch: Any) -> Any:
        made = batch.networks["generator"](batch.images["source"].pixels)
        return tf.reduce_mean(tf.abs(made - batch.images["target"].pixels))

    draws = dict.fromkeys(("source", "target"), setup.training.batch_size)
    turn = Turn("generate", ForwardPass, [Term("l1", term)], draws=draws)
    return [Player("generator", "g", ["generator"], setup.optimizer("generator"), [turn])]


def make_generator(image_shape: tuple[int, int, int], image_shapes: dict[str, Any]) -> dict[str, Any]:
    source = image_shapes["source"]
    layers = [
        keras.Input(source),
        keras.layers.UpSampling2D(image_shape[0] // source[0]),
        keras.layers.Conv2D(image_shape[-1], 1, activation="tanh", dtype="float32"),
    ]
    return {"generator": keras.Sequential(layers)}


def negatives(count: int, seed: int, scale: int = 1) -> dict[str, ImageSet]:
    """Pictures and their negatives, which are `scale` times as large."""
    source = np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 1), np.uint8)
    target = 255 - source.repeat(scale, axis=1).repeat(scale, axis=2)
    return {
        role: ImageSet(images, None, (), f"test {role}") for role, images in (("source", source), ("target", target))
    }


def register_pairs(name: str, training: dict[str, ImageSet], tests: dict[str, ImageSet] | None = None) -> None:
    datasets.registry.register(name, source="this test")(
        lambda config, track: {
            role: replace(images, apart=tests[role] if tests else None) for role, images in training.items()
        }
    )


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    with models.registry.temporarily(), datasets.registry.temporarily():
        models.registry.register(
            "of_pairs",
            source="this test",
            players=pairs_players,
            feeds=("source", "target"),
            samplers={"translated": ImageSampler(gives="target", source="source", truth=True)},
            paired=True,
        )(make_generator)
        register_pairs("many_tests", negatives(COUNT, 0), negatives(55, 1))
        register_pairs("few_tests", negatives(COUNT, 0), negatives(10, 1))
        register_pairs("no_tests", negatives(COUNT, 0))
        register_pairs("twice_as_large", negatives(COUNT, 0, scale=2), negatives(10, 1, scale=2))
        yield


def experiment(dataset: str, **changes: Any) -> Experiment:
    data = {
        "name": "translating",
        "dataset": {"name": dataset, "path": "unused", "image_size": SIDE, "channels": 1},
        "model": {"name": "of_pairs"},
        "training": {"batch_size": 4, "iterations": 4, "precision": "float32", "xla": False},
        "evaluation": {"every": 2, "num": 200},
        "outputs": {"sample_every": 4, "sample_grid": "3x2", "checkpoint_every": 2},
        **changes,
    }
    return resolving.resolve(Experiment.from_source(YamlSource("test", data))).experiment


def trained(folder: Path, dataset: str, **changes: Any) -> RunFolder:
    made, run = experiment(dataset, **changes), RunFolder.create(folder, "run", explicit=True)
    run.write_config(made.to_yaml())
    train(made, run)
    return run


def scores_of(run: RunFolder, num: int = 200) -> Scores:
    return score_images(
        run.path,
        untracked,
        against=None,
        num=num,
        features="auto",
        inception_graph=None,
        seed=0,
        best=False,
        pairs=None,
        device="cpu",
    )


def translated(network: Any, images: np.ndarray) -> np.ndarray:
    made = network(images.astype(np.float32) / 127.5 - 1, training=False).numpy()
    return np.asarray(np.clip((made + 1) * 127.5, 0, 255).round().astype(np.uint8))


def figures(images: np.ndarray, truths: np.ndarray) -> dict[str, float]:
    pairs = list(zip(truths, images, strict=True))
    ratios = [skimage.metrics.peak_signal_noise_ratio(*pair, data_range=255) for pair in pairs]
    similarities = [skimage.metrics.structural_similarity(*pair, data_range=255, channel_axis=-1) for pair in pairs]
    return {"l1": np.abs(truths / 255 - images / 255).mean(), "psnr": np.mean(ratios), "ssim": np.mean(similarities)}


@pytest.mark.parametrize(
    ("dataset", "tested", "inputs", "pairs"),
    [
        ("many_tests", negatives(55, 1), ("held-out images", 55), ("held-out pairs", 55)),
        ("few_tests", negatives(10, 1), ("training images", COUNT), ("held-out pairs", 10)),
        pytest.param(
            *("no_tests", negatives(COUNT, 0), ("training images", COUNT), ("training pairs", COUNT)),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("twice_as_large", negatives(10, 1, scale=2), ("training images", COUNT), ("held-out pairs", 10)),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_run_is_measured_on_held_out_pairs(
    dataset: str, tested: dict[str, ImageSet], inputs: tuple[str, int], pairs: tuple[str, int], tmp_path: Path
) -> None:
    run = trained(tmp_path, dataset)
    rows, found = read_metrics(run.metrics), scores_of(run)
    assert [row["iteration"] for row in rows] == [2, 4]
    given, truths = tested["source"].images, tested["target"].images
    expected = figures(translated(TrainedGenerator.load(run.path).network, given), truths)
    if dataset == "twice_as_large":
        name, same = "bicubic", np.stack([cv2.resize(i, None, fx=2, fy=2, interpolation=2)[..., None] for i in given])
    else:
        name, same = "identity", given
    expected |= {f"{figure}_baseline": value for figure, value in figures(same, truths).items()}
    for values in (rows[-1], found.values):
        assert {figure: values[figure] for figure in expected} == pytest.approx(expected, rel=1e-5)
        assert (values["inputs"], values["num"]) == inputs
        assert (values["pairs"], values["pairs_num"], values["baseline"]) == (*pairs, name)
        assert (values.get("memorization") is None) == (inputs[0] == "training images"), "they should be near"
        assert "cycle_l1" not in values
    warned = [note for note in found.notes if "no pairs are held out" in note]
    assert len(warned) == (pairs[0] == "training pairs")
    log = run.log.read_text() if run.log.exists() else ""
    assert log.count("no pairs are held out") == len(warned), "once, not at every evaluation"
    assert log.count("Left out of the scores: memorization: ") == (inputs[0] == "training images")
    assert any("memorization" in reason for reason in found.left_out) == (inputs[0] == "training images")
    table = " ".join(str(found).split())
    assert f"L1 {expected['l1']:.4g} {expected['l1_baseline']:.4g} lower" in table
    assert f"PSNR {expected['psnr']:.4g} {expected['psnr_baseline']:.4g} higher" in table
    assert f"inputs {inputs[1]} {inputs[0]} pairs {pairs[1]} {pairs[0]}; baseline: the inputs" in table


def test_the_figures_get_better_as_the_model_learns(tmp_path: Path) -> None:
    optimizer = {"generator": {"name": "adam", "learning_rate": 0.05}}
    training = {"batch_size": 8, "iterations": 120, "precision": "float32", "xla": False}
    outputs = {"sample_every": 120, "sample_grid": "3x2", "checkpoint_every": 120}
    evaluation = {"every": 60, "num": 60}
    run = trained(tmp_path, "few_tests", optimizer=optimizer, training=training, outputs=outputs, evaluation=evaluation)
    last = read_metrics(run.metrics)[-1]
    assert last["l1"] < 0.05 < 0.2 < last["l1_baseline"]
    assert last["psnr"] > 20 > last["psnr_baseline"]
    assert last["ssim"] > 0.9 > last["ssim_baseline"]
    page = write_report(run).read_text()
    for shown in ("PSNR", f"{last['psnr']:.4g}", f"{last['psnr_baseline']:.4g}", "<b>held-out pairs</b>"):
        assert shown in page
    assert f'{{"title":"SSIM","value":"{last["ssim"]:.4g}","beside":"baseline {last["ssim_baseline"]:.4g}"}}' in page
    assert '"caption":"higher is better, dashed: the baseline"' in page


def test_only_some_of_many_are_translated_and_always_the_same(tmp_path: Path) -> None:
    run = trained(tmp_path, "many_tests", evaluation={"every": 2, "num": 50})
    row = read_metrics(run.metrics)[-1]
    assert (row["num"], row["pairs_num"]) == (50, 50)
    assert scores_of(run, num=50).values["l1"] == pytest.approx(row["l1"], rel=1e-5)
    assert scores_of(run, num=60).values["num"] == 55, "each once"


def test_held_out_images_of_unequal_number_are_no_pairs() -> None:
    feeds = negatives(COUNT, 0)
    held_out = {"source": negatives(10, 1)["source"], "target": negatives(9, 1)["target"]}
    sampler = ImageSampler(gives="target", source="source", truth=True)
    network = keras.Sequential([keras.Input((SIDE, SIDE, 1)), keras.layers.Identity()])
    with pytest.raises(DataError, match=r"held-out images must be pairs\. Received: 10 of `source` and 9 of `target`"):
        score_translations(sampler, [sampler], lambda _: network, feeds, held_out, 50, 0, untracked)


def test_too_few_images_to_translate_are_refused_before_the_training(tmp_path: Path) -> None:
    feeds = {"a": negatives(49, 0)["source"], "b": negatives(COUNT, 1)["source"]}
    datasets.registry.register("few_of_a", source="this test")(lambda config, track: feeds)
    with pytest.raises(DataError, match="49 images are too few to translate and score"):
        trained(tmp_path, "few_of_a", model={"name": "plugin_cyclegan"})


# --- there and back


@pytest.mark.parametrize("held_out", slow_but([52], [0, 52]))
def test_a_model_of_two_directions_has_a_cycle_error(held_out: int, tmp_path: Path) -> None:
    kinds = {role: negatives(COUNT, i)["source"] for i, role in enumerate("ab")}
    tests = {role: negatives(held_out, 5 + i)["source"] for i, role in enumerate("ab")}
    register_pairs(f"kinds_{held_out}", kinds, tests if held_out else None)
    run = trained(
        tmp_path,
        f"kinds_{held_out}",
        model={"name": "plugin_cyclegan"},
        training={"batch_size": 4, "iterations": 2, "precision": "float32", "xla": False, "ema": 0.5},
    )
    (row,), found = read_metrics(run.metrics), scores_of(run).values
    given = (tests if held_out else kinds)["a"].images
    there = TrainedGenerator.load(run.path)
    groups = checkpoint.load_newest(run.checkpoints)[0].groups
    back = there.drawing_with(there.parts.model.samplers["b_to_a"])
    totals = [
        sorted(float(np.sum(tensor)) for tensor in of)
        for of in (back.get_weights(), groups["generator_a_ema"].values(), groups["generator_b_ema"].values())
    ]
    assert totals[0] == totals[1] != totals[2], "the running average of the other generator"
    returned = translated(back, translated(there.played, given))
    for values in (row, found):
        assert values["cycle_l1"] == pytest.approx(np.abs(returned / 255 - given / 255).mean(), rel=1e-5)
        assert values["cycle_l1_baseline"] == pytest.approx(1 / 3, abs=0.02), "of values drawn evenly from [0, 1]"
        assert values["inputs"] == ("held-out images" if held_out else "training images")
        assert values["num"] == len(given)
        assert values["memorization"] is not None
        assert not {"l1", "psnr", "ssim", "pairs"} & values.keys(), "no truth is known"


# --- metrics.csv of the last release

OLD = COLUMNS[: COLUMNS.index("floor_num") + 1]


def as_the_last_release_wrote_it(path: Path) -> None:
    """Take the new columns away."""
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    path.write_text(line(OLD) + "".join(line(row[name] for name in OLD) for row in rows))


def test_the_columns_of_the_last_release_come_first() -> None:
    assert OLD[:5] == ("iteration", "kid", "kid_floor", "frechet_distance", "frechet_distance_floor")
    assert OLD[-8:] == ("kid_std", "features", "weights", "resize", "reference", "reference_num", "num", "floor_num")
    assert len(OLD) == 25
    assert COLUMNS[len(OLD) : len(OLD) + 2] == ("l1", "l1_baseline")


def test_a_file_of_the_last_release_gets_the_columns_that_it_lacks() -> None:
    values = {"iteration": 3, "kid": 0.25, "features": "lite0", "resize": 'odd, "quoted"', "floor_num": 7}
    old = (line(OLD) + line(values.get(name) for name in OLD)).encode()
    new = (line(COLUMNS) + line(values.get(name) for name in COLUMNS)).encode()
    assert converted(old) == converted(new) == new
    assert converted(b"") == line(COLUMNS).encode()
    assert converted(old + b"4,torn") == new + b"4,torn"
    assert converted(b"iteration,kid,of_the_future\n1,2,3\n") is None
    assert converted(b"kid\n1\n") is None


def test_a_run_of_the_last_release_goes_on(tmp_path: Path) -> None:
    """Its rows stay, the new ones have all figures, and the same file results as without the pause."""
    run = trained(tmp_path, "few_tests")
    whole = read_metrics(run.metrics)
    as_the_last_release_wrote_it(run.metrics)
    old = read_metrics(run.metrics)
    assert [row["kid"] for row in old] == [row["kid"] for row in whole]
    assert not any("l1" in row for row in old)
    checkpoint.prune(run.checkpoints, 0, newest=2, spared=2)
    resume(experiment("few_tests"), run)
    rows = read_metrics(run.metrics)
    assert rows == [old[0], whole[1]]
    assert run.metrics.read_text().startswith(line(COLUMNS))
    assert best_iteration(run.metrics) == 4, "what was translated is known only of the new row"


def test_columns_of_another_version_are_not_mixed_up(tmp_path: Path) -> None:
    run = trained(tmp_path, "few_tests", evaluation={"every": 0})
    run.metrics.write_text("iteration,of_the_future\n")
    checkpoint.prune(run.checkpoints, 0, newest=2, spared=2)
    resume(experiment("few_tests"), run, allow_changes=True)
    assert "different columns from those this version writes. Move it away" in run.log.read_text()
    assert run.metrics.read_text() == "iteration,of_the_future\n"


# --- the command

CYCLEGAN = Path(__file__).parent / "plugins" / "cyclegan.py"


@pytest.mark.slow
def test_evaluate_and_compare_show_the_cycle_error(run_cli: RunCli, tmp_path: Path) -> None:
    runs = [tmp_path / name for name in ("first", "second")]
    settings = ["dataset.limit=120", "dataset.holdout=0.45", "dataset.image_size=8", "training.iterations=2",
                "training.batch_size=2", "training.xla=false", "outputs.sample_grid=2x3", "evaluation.every=2",
                "evaluation.num=50"]  # fmt: skip
    changes = [word for setting in settings for word in ("--set", setting)]
    where = ["--run-name", "first", "--output-dir", tmp_path]
    done = run_cli("train", CYCLEGAN.with_suffix(".yaml"), "--plugin", CYCLEGAN, *where, *changes)
    assert done.returncode == 0, done.stderr
    shutil.copytree(*runs)
    done = run_cli("evaluate", runs[0], "--plugin", CYCLEGAN, "--num", 50, "--json")
    assert done.returncode == 0, done.stderr
    found, (row,) = json.loads(done.stdout), read_metrics(runs[0] / "metrics.csv")
    for name in ("cycle_l1", "cycle_l1_baseline", "inputs", "kid"):
        assert found[name] == pytest.approx(row[name], rel=1e-3, abs=1e-4) if name != "inputs" else "held-out images"
    done = run_cli("compare", *runs, "--json")
    compared = json.loads(done.stdout)["scores"]["cycle_l1"]
    assert compared[0]["newest"]["value"] == row["cycle_l1"]
    assert compared[0]["newest"]["baseline"] == row["cycle_l1_baseline"]
    table = " ".join(run_cli("compare", *runs).stdout.split())
    assert "cycle L1, best" in table
    assert f"baseline {row['cycle_l1_baseline']:.4g}" in table


def test_every_figure_says_which_direction_is_better() -> None:
    better = {metric.name: metric.better for metric in METRICS if metric.beside_word == "baseline"}
    of_pictures = {"l1": "lower", "psnr": "higher", "ssim": "higher", "cycle_l1": "lower"}
    assert better == {**of_pictures, "reconstruction_error": "lower", "code_accuracy": "higher"}
