"""The figures of an evaluation: each against a closed form or an independent computation, on real images."""

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import RunCli, WriteYaml, untracked
from sklearn.datasets import load_digits, load_sample_image
from small_runs import train

from ganctl import datasets
from ganctl.build import resolving
from ganctl.errors import DataError, GanctlError, UsageError
from ganctl.evaluation import features, scoring
from ganctl.evaluation.class_figures import class_coverage, class_score
from ganctl.evaluation.diversity import effective_number
from ganctl.evaluation.features import classifier, efficientnet_lite0, inception
from ganctl.evaluation.features.extractor import Extractor
from ganctl.evaluation.features.lite0 import lite0_extractor
from ganctl.evaluation.frechet_distance import Gaussian, frechet_distance
from ganctl.evaluation.kernel_distance import KernelSums, kernel_distance, subset_size
from ganctl.evaluation.neighbours import Surroundings, memorized, neighbours
from ganctl.evaluation.reference import Reference
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import DatasetSection
from ganctl.images.image_set import ImageSet
from ganctl.lazy import tf
from ganctl.run_folder import checkpoint, metrics_csv
from ganctl.run_folder.paths import RunFolder

COUNT = 240


@pytest.fixture(scope="module")
def clothes() -> ImageSet:
    section = DatasetSection(name="fashion_mnist_mini")
    return datasets.registry.get(section.name).make(section, untracked)


def blurred(images: np.ndarray) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(image, (0, 0), 1.2)[..., None] for image in images])


def noisy(images: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pairs(clothes: ImageSet) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Features of five pairs of sets."""
    real, other = clothes.images[:COUNT], clothes.images[COUNT : 2 * COUNT]
    digits = (load_digits().images[:COUNT, ..., None] * 15).astype(np.uint8)
    extractor = lite0_extractor()
    reference = extractor.features(other)
    sets = {
        "real": real,
        "blurred": blurred(real),
        "noisy": noisy(real, 20),
        "thirty images repeated": np.tile(real[:30], (COUNT // 30, 1, 1, 1)),
        "another data set": digits,
    }
    return {name: (extractor.features(images), reference) for name, images in sets.items()}


PAIRS = ["real", "blurred", "noisy", "thirty images repeated", "another data set"]


# --- the network


@pytest.mark.parametrize(("name", "label", "probability"), [("china.jpg", 698, 0.30), ("flower.jpg", 985, 0.23)])
def test_lite0_sees_a_palace_and_a_daisy(name: str, label: int, probability: float) -> None:
    image = load_sample_image(name)
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = image[top : top + side, left : left + side].astype(np.float32)[None]
    resized = tf.image.resize(square, [224, 224], "bicubic", antialias=True)
    found = efficientnet_lite0.probabilities(resized).numpy()[0]
    assert found.argmax() == label
    assert found[label] == pytest.approx(probability, abs=0.01)


@pytest.mark.slow
def test_features_do_not_depend_on_who_else_is_in_the_batch(clothes: ImageSet) -> None:
    extractor = lite0_extractor()
    many, few = extractor.features(clothes.images[:201]), extractor.features(clothes.images[199:201])
    assert many.shape == (201, 1280)
    np.testing.assert_allclose(many[199:], few, atol=1e-4)


# --- the distances


def naive_kernel_distance(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x.astype(np.float64), y.astype(np.float64)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)

    def within(a: np.ndarray) -> float:
        return float(kernel(a, a)[~np.eye(len(a), dtype=bool)].mean())

    return within(x) + within(y) - 2 * float(kernel(x, y).mean())


def naive_frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """By covariances and the eigenvalues of their product, which are real and not negative up to rounding.

    In an orthonormal basis of what the images span: the distance is the same, and the matrices smaller.
    """
    basis = np.linalg.qr(np.concatenate([x, y]).astype(np.float64).T)[0]
    x, y = x.astype(np.float64) @ basis, y.astype(np.float64) @ basis
    a, b = (np.cov(z, rowvar=False) for z in (x, y))
    values = np.linalg.eigvals(a @ b).real
    root = np.sqrt(np.maximum(values, 0)).sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_kid_is_what_an_independent_computation_gives(name: str, pairs: Any) -> None:
    samples, reference = pairs[name]
    distance, deviation = kernel_distance(samples, reference)
    assert distance == pytest.approx(naive_kernel_distance(samples, reference), rel=0.02)
    assert deviation > 0


@pytest.mark.parametrize("name", PAIRS)
def test_frechet_distance_is_what_an_independent_computation_gives(name: str, pairs: Any) -> None:
    # Of more dimensions than images as they are; of fewer seen from 64 random directions.
    directions = np.random.default_rng(0).normal(size=(1280, 64)) / 8
    for samples, reference in (pairs[name], tuple(both @ directions for both in pairs[name])):
        found = frechet_distance(Gaussian.of(samples), Gaussian.of(reference))
        assert found == pytest.approx(naive_frechet_distance(samples, reference), rel=0.02)


def test_worse_images_are_farther_away(pairs: Any) -> None:
    distance = {name: kernel_distance(*both)[0] for name, both in pairs.items()}
    assert (
        distance["real"] < 0.02 < distance["thirty images repeated"] < distance["noisy"] < distance["another data set"]
    )


def test_kid_has_no_bias_by_the_number_of_images() -> None:
    random = np.random.default_rng(0)
    small = [kernel_distance(*random.normal(size=(2, 40, 8)))[0] for _ in range(200)]
    assert abs(np.mean(small)) < 3 * np.std(small) / np.sqrt(len(small))


def test_the_deviation_of_kid_is_that_of_subsets() -> None:
    random = np.random.default_rng(1)
    samples, reference = random.normal(size=(2, 2000, 6))
    subset = subset_size(2000, 2000)
    single = [kernel_distance(*random.normal(size=(2, subset, 6)))[0] for _ in range(60)]
    assert kernel_distance(samples, reference)[1] == pytest.approx(np.std(single), rel=0.4)
    known = KernelSums.of(reference, subset)
    assert kernel_distance(samples, reference, known) == kernel_distance(samples, reference)


def test_frechet_distance_of_gaussians_in_closed_form() -> None:
    a = Gaussian(np.array([1.0, 2.0]), np.diag([2.0, 3.0]))
    b = Gaussian(np.array([0.0, 0.0]), np.diag([1.0, 4.0]))
    assert frechet_distance(a, b) == pytest.approx(1 + 4 + (2 - 1) ** 2 + (3 - 4) ** 2)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


# --- neighbours, diversity, classes


def test_precision_and_recall_of_sets_that_cover_half_of_each_other() -> None:
    random = np.random.default_rng(0)
    left, right = random.normal(size=(2, 200, 3)).astype(np.float32)
    far = random.normal(size=(200, 3)).astype(np.float32) + 100
    reference = np.concatenate([left, far])

    def both(samples: np.ndarray) -> tuple[float, float]:
        found = neighbours(samples, reference, Surroundings.of(samples).radii, Surroundings.of(reference).radii)
        return found.precision, found.recall

    precision, recall = both(right)  # good, but only one of two clusters
    assert precision > 0.9
    assert 0.4 < recall < 0.51
    assert both(right + 1000) == (0.0, 0.0)
    assert both(reference) == (1.0, 1.0)


def test_the_third_neighbour_and_the_nearest_one() -> None:
    line = np.array([[0.0], [1.0], [3.0], [7.0], [15.0]], np.float32)
    found = Surroundings.of(line)
    assert found.nearest.tolist() == [1, 1, 2, 4, 8]
    assert found.radii.tolist() == [7, 6, 4, 7, 14]


def test_memorized_are_those_that_are_nearer_than_real_ones_come() -> None:
    real = np.arange(1.0, 101.0)
    assert memorized(np.array([0.0, 5.9, 6.1, 50.0]), real).tolist() == [True, True, False, False]


def test_diversity_counts_what_is_different() -> None:
    directions = np.repeat(np.eye(8)[:5], 4, axis=0)
    assert effective_number(directions, np.zeros(8)) == pytest.approx(5)
    assert effective_number(np.ones((20, 8)), np.zeros(8)) == pytest.approx(1)
    assert effective_number(np.repeat(np.eye(8)[:2], [3, 1], axis=0), np.zeros(8)) == pytest.approx(
        np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    )


def test_class_score_and_coverage_in_closed_form() -> None:
    sure = np.eye(4)[np.arange(40) % 4]
    assert class_score(sure) == pytest.approx(4)
    assert class_score(np.full((40, 4), 0.25)) == pytest.approx(1)
    assert class_coverage(sure, sure) == 1
    assert class_coverage(sure[np.arange(40) % 4 < 3], sure) == 0.75
    assert class_coverage(sure, sure[np.arange(40) % 4 < 2]) == 1  # what the real images have not is not asked for


# --- the protocol


def subset(images: ImageSet, rows: slice) -> ImageSet:
    assert images.labels is not None
    return ImageSet(images.images[rows], images.labels[rows], images.class_names, images.source)


@pytest.mark.slow
def test_who_copies_is_called_out_and_who_does_not_is_not(clothes: ImageSet) -> None:
    training, unseen = subset(clothes, slice(0, 600)), clothes.images[600:800]
    reference = Reference.of(training, lite0_extractor(), "training images")
    copying = scoring.evaluate(noisy(training.images[:200], 2), reference).values
    half = scoring.evaluate(np.concatenate([noisy(training.images[:100], 2), unseen[:100]]), reference).values
    honest = scoring.evaluate(unseen, reference).values
    poor = scoring.evaluate(blurred(unseen), reference).values
    assert [scoring.copies(values) for values in (copying, half, honest, poor)] == [True, True, False, False]
    assert copying["memorization"] > 0.8
    assert 0.4 < half["memorization"] < 0.65
    assert honest["memorization"] < 0.12
    held_out = subset(clothes, slice(800, 1000))
    against_held_out = scoring.evaluate(unseen, Reference.of(training, lite0_extractor(), "", held_out)).values
    assert against_held_out["memorization"] < 0.12


def averaged(images: Any) -> Any:
    """Features that are quick to compute: the mean brightness of 49 places."""
    pooled = tf.nn.avg_pool2d(tf.cast(images, tf.float32), 4, 4, "VALID")
    return tf.reshape(tf.reduce_mean(pooled, -1), [tf.shape(images)[0], -1])


def test_scores_come_with_their_floor_and_their_protocol(clothes: ImageSet) -> None:
    extractor = Extractor("lite0", "0123456789abcdef", "not at all", averaged)
    reference = Reference.of(subset(clothes, slice(0, 400)), extractor, "training images of clothes")
    values = scoring.evaluate(clothes.images[400:550], reference).values
    of_pictures = set(metrics_csv.COLUMNS[metrics_csv.COLUMNS.index("floor_num") + 1 :])
    assert "l1_baseline" in of_pictures
    assert set(metrics_csv.COLUMNS) - of_pictures - values.keys() == {
        "iteration",
        *("class_score", "class_score_floor", "class_coverage", "class_coverage_floor"),
    }
    assert not of_pictures & values.keys(), "they are of models that make pictures from pictures"
    assert values["num"] == values["floor_num"] == 150
    assert values["reference_num"] == 400
    assert values["weights"] == "0123456789ab"
    for name in ("precision", "recall", "diversity", "memorization"):
        # The samples are real, so they are about as good as the floor.
        assert values[name] == pytest.approx(values[f"{name}_floor"], abs=0.15), name
    few = scoring.evaluate(clothes.images[400:800], reference).values
    assert few["floor_num"] == 200  # half of the reference is all there is


def test_a_reference_is_known_by_its_images_wherever_they_lie(clothes: ImageSet) -> None:
    extractor = Extractor("lite0", "some weights", "not at all", averaged)
    here = subset(clothes, slice(0, 100))
    moved = ImageSet(here.images, here.labels, here.class_names, "elsewhere")
    names = [Reference.of(images, extractor, "images").name for images in (here, moved)]
    assert names == [f"images {here.fingerprint()[:12]}"] * 2
    assert Reference.of(subset(clothes, slice(1, 101)), extractor, "images").name != names[0]


def test_diversity_compares_equal_numbers(clothes: ImageSet) -> None:
    """A few real images cannot be as many different ones as many samples are."""
    extractor = Extractor("lite0", "some weights", "not at all", averaged)
    reference = Reference.of(subset(clothes, slice(0, 60)), extractor, "")
    values = scoring.evaluate(clothes.images[100:2100], reference).values
    assert values["diversity"] == pytest.approx(1, abs=0.2)


def test_features_and_floors_are_computed_once_and_damage_is_mended(
    clothes: ImageSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path))
    calls: list[int] = []

    def project(images: Any) -> Any:
        calls.append(1)
        return averaged(images)

    def judge() -> dict[str, Any]:
        extractor = Extractor(
            "lite0", "some weights", "not at all", lambda images: tf.py_function(project, [images], tf.float32)
        )
        return scoring.evaluate(
            clothes.images[200:260], Reference.of(subset(clothes, slice(0, 200)), extractor, "")
        ).values

    first, number = judge(), len(calls)
    assert judge() == first
    assert len(calls) < 2 * number
    for path in (tmp_path / "features").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    assert judge() == first


def test_too_few_images_are_refused(clothes: ImageSet) -> None:
    with pytest.raises(DataError, match="49 images are too few"):
        Reference.of(subset(clothes, slice(0, 49)), lite0_extractor(), "")
    reference = Reference.of(subset(clothes, slice(0, 60)), lite0_extractor(), "")
    with pytest.raises(DataError, match="10 samples are too few"):
        scoring.evaluate(clothes.images[:10], reference)


# --- the classifier


@pytest.mark.slow
def test_the_classifier_learns_the_labels_once(
    clothes: ImageSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path))
    training, unseen = subset(clothes, slice(0, 3000)), subset(clothes, slice(3000, 3500))
    extractor = features.extractor_for("classifier", training)
    assert extractor.probabilities is not None
    found = extractor.probabilities(extractor.features(unseen.images))
    assert (found.argmax(1) == unseen.labels).mean() > 0.75
    monkeypatch.setattr(classifier, "_train", lambda *_: pytest.fail("it was trained already"))
    again = features.extractor_for("classifier", training)
    assert again.weights == extractor.weights
    np.testing.assert_allclose(again.features(unseen.images), extractor.features(unseen.images), atol=1e-4)

    reference = Reference.of(training, extractor, "training images")
    assert unseen.labels is not None
    dresses = scoring.evaluate(unseen.images[(unseen.labels == 3) | (unseen.labels == 9)], reference).values
    real = scoring.evaluate(unseen.images, reference).values
    assert dresses["class_coverage"] < 0.6 < real["class_coverage"]
    assert 1 < dresses["class_score"] < real["class_score"] <= 10


def test_a_classifier_needs_labels(clothes: ImageSet) -> None:
    with pytest.raises(UsageError, match="has fewer than two classes"):
        features.extractor_for("classifier", ImageSet(clothes.images, None, (), "photos"))


# --- the Inception graph


def like_inception() -> bytes:
    """A frozen graph whose tensors are called as those of the graph of 2015, with one weight."""
    with tf.Graph().as_default() as graph:
        jpeg = tf.compat.v1.placeholder(tf.string, [], name="DecodeJpeg/contents")
        image = tf.expand_dims(tf.cast(tf.image.decode_jpeg(jpeg, 3), tf.float32), 0, name="ExpandDims")
        resized = tf.compat.v1.image.resize_bilinear(image, [8, 8])
        tf.reduce_mean(resized * tf.constant([1.0, 2.0, 3.0]), [1, 2], keepdims=True, name="pool_3")
        return bytes(graph.as_graph_def().SerializeToString())


def test_a_frozen_graph_runs_on_batches() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)
    features = Extractor("inception", "", "", inception.pooled(like_inception())).features(images)
    kept = images[:, ::2, ::2].astype(np.float32)  # what resizing by half without antialiasing takes
    np.testing.assert_allclose(features, kept.mean((1, 2)) * [1, 2, 3], rtol=1e-5)


def test_another_graph_is_no_inception(clothes: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "classify_image_graph_def.pb"
    content = like_inception()
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not the Inception graph of 2015"):
        features.extractor_for("inception", clothes, path)
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path / "empty"))
    with pytest.raises(UsageError, match=r"(?s)cannot be read.*inception-2015-12-05\.tgz.*--inception-graph"):
        features.extractor_for("inception", clothes)
    monkeypatch.setattr(inception, "BYTES", len(content))
    monkeypatch.setattr(inception, "MD5", hashlib.md5(content).hexdigest())
    assert features.extractor_for("inception", clothes, path).name == "inception"


@pytest.mark.parametrize("features", ["lite0", "classifier", "inception"])
def test_only_scores_of_inception_are_called_fid(features: str) -> None:
    titles = {metric.name: metrics_csv.title(metric, features) for metric in metrics_csv.METRICS}
    assert (titles["frechet_distance"] == "FID") == (features == "inception")
    assert len(set(titles.values())) == len(titles)


# --- sets of which all images are identical


@pytest.mark.slow
def test_against_identical_real_images_only_distances_of_the_sets_mean_anything(clothes: ImageSet) -> None:
    same = ImageSet(np.repeat(clothes.images[:1], 120, axis=0), None, (), "same")
    found = scoring.evaluate(clothes.images[500:620], Reference.of(same, lite0_extractor(), "images"))
    for name in ("precision", "recall", "diversity", "memorization"):
        assert found.values[name] is None, name
        assert found.values[name + metrics_csv.FLOOR] is None, name
    real, fake = (lite0_extractor().features(images) for images in (same.images, clothes.images[500:620]))
    expected = np.square(fake.mean(0) - real[0]).sum() + np.var(fake, axis=0, ddof=1).sum()
    assert found.values["frechet_distance"] == pytest.approx(expected, rel=0.02), "the distance to a point"
    assert found.values["kid"] > 1
    assert abs(found.values["kid_floor"]) < 1e-6
    assert not scoring.copies(found.values)
    assert found.left_out == ("precision, recall, diversity, memorization: all real images are identical",)


@pytest.mark.slow
def test_identical_samples_have_no_recall_and_the_smallest_diversity(clothes: ImageSet) -> None:
    real = Reference.of(clothes.first(240), lite0_extractor(), "images")
    found = scoring.evaluate(np.repeat(clothes.images[500:501], 120, axis=0), real)
    assert found.values["recall"] is None
    assert found.values["recall_floor"] > 0.5, "of the real images alone"
    rows = np.random.default_rng(1).permutation(240)[:120]
    effective = effective_number(real.features[rows], real.gaussian.mean)
    assert found.values["diversity"] == pytest.approx(1 / effective, rel=1e-3)
    assert found.values["precision"] in (0.0, 1.0)
    assert found.left_out == ("recall: all samples are identical",)


def test_images_that_differ_by_a_value_are_not_identical(clothes: ImageSet) -> None:
    images = np.repeat(clothes.images[:1], 120, axis=0)
    images[100, 3, 3] ^= 1
    assert not Reference.of(ImageSet(images, None, (), "x"), lite0_extractor(), "images").constant


def test_what_means_nothing_is_an_empty_cell_and_no_score(tmp_path: Path) -> None:
    values = {"iteration": 4, "kid": 0.5, "kid_floor": 0.0, "recall": None, "recall_floor": None, "features": "lite0"}
    content = metrics_csv.line(metrics_csv.COLUMNS) + metrics_csv.line(values.get(n) for n in metrics_csv.COLUMNS)
    (tmp_path / "metrics.csv").write_text(content)
    assert "None" not in content
    (row,) = metrics_csv.read_metrics(tmp_path / "metrics.csv")
    assert "recall" not in row
    assert not scoring.copies(row)
    assert metrics_csv.format_score(row) == "KID-Lite0 0.5 (0)"


# --- during training

EVALUATED = {"evaluation": {"every": 4, "num": 60}, "training.iterations": 12}


def small(tiny_yaml: WriteYaml, changes: dict[str, Any]) -> Experiment:
    return resolving.load_experiment(tiny_yaml({**EVALUATED, "outputs": {"checkpoint_every": 6, "keep": 1}, **changes}))


@pytest.fixture(scope="module")
def scored(tiny_yaml: WriteYaml, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder.create(tmp_path_factory.mktemp("scored"), "run", explicit=True)
    train(small(tiny_yaml, {}), folder)
    folder.write_config(small(tiny_yaml, {}).to_yaml())
    return folder


@pytest.mark.slow
def test_a_run_writes_a_row_of_scores_and_keeps_its_best_checkpoint(scored: RunFolder) -> None:
    with scored.metrics.open() as file:
        assert tuple(next(csv.reader(file))) == metrics_csv.COLUMNS
    rows = metrics_csv.read_metrics(scored.metrics)
    assert [row["iteration"] for row in rows] == [4, 8, 12]
    best = min(rows, key=lambda row: row["kid"])["iteration"]
    assert metrics_csv.best_iteration(scored.metrics) == best
    assert {int(path.name) for path in checkpoint.newest_first(scored.checkpoints)} == {best, 12}
    assert checkpoint.find(scored.path, best=True)[0].step == best
    assert scored.nearest_pairs.is_file()


def test_the_best_checkpoint_outlives_newer_ones(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4, 5):
        (tmp_path / f"{step:09d}").mkdir()
    checkpoint.prune(tmp_path, 2, newest=4, spared=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000001", "000000003", "000000004"]


def test_only_rows_of_one_protocol_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"

    def row(iteration: int, kid: float, num: int) -> str:
        values = {"iteration": iteration, "kid": kid, "num": num}
        return metrics_csv.line(values.get(name) for name in metrics_csv.COLUMNS)

    assert metrics_csv.best_iteration(path) is None
    path.write_text(metrics_csv.line(metrics_csv.COLUMNS) + row(1, 0.1, 50) + row(2, 0.3, 99) + row(3, 0.4, 99))
    assert metrics_csv.best_iteration(path) == 2
    path.write_text(
        path.read_text() + row(5, float("nan"), 99) + "6,abc\n7\x00,1\n" + "8" * 200_000 + "\n4,0.0"
    )  # torn
    assert metrics_csv.best_iteration(path) == 2
    assert [entry["iteration"] for entry in metrics_csv.read_metrics(path)] == [1, 2, 3, 5]
    path.unlink()
    path.mkdir()
    assert metrics_csv.read_metrics(path) == []


@pytest.mark.slow
def test_evaluating_changes_nothing_in_the_training(scored: RunFolder, tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    plain = RunFolder.create(tmp_path, "plain", explicit=True)
    train(small(tiny_yaml, {"evaluation": {"every": 0}}), plain)
    assert plain.losses.read_bytes() == scored.losses.read_bytes()
    names = [path.name for path in (plain.checkpoints / "000000012").glob("*.safetensors")]
    assert names
    for name in names:
        assert (plain.checkpoints / "000000012" / name).read_bytes() == (
            scored.checkpoints / "000000012" / name
        ).read_bytes()


@pytest.mark.slow
def test_a_run_on_identical_images_is_scored_by_what_means_something(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    np.savez(tmp_path / "same.npz", images=np.full((64, 8, 8, 1), 90, np.uint8))
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    train(small(tiny_yaml, {"dataset.path": str(tmp_path / "same.npz"), "training.iterations": 4}), folder)
    (row,) = metrics_csv.read_metrics(folder.metrics)
    assert {"kid", "kid_floor", "frechet_distance"} <= row.keys()
    assert not {"precision", "recall", "diversity", "memorization", "diversity_floor"} & row.keys()
    assert (
        "these scores mean nothing: precision, recall, diversity, memorization: all real images"
        in folder.log.read_text()
    )


@pytest.mark.slow
def test_an_evaluation_that_fails_does_not_end_the_training(
    tiny_yaml: WriteYaml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise GanctlError("the features are gone")

    monkeypatch.setattr("ganctl.training.hooks.metrics.evaluate", broken)
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    train(small(tiny_yaml, {}), folder)
    assert (folder.checkpoints / "000000012").is_dir()
    assert folder.log.read_text().count("Metrics failed after iteration") == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset.limit": 49}, "49 images are too few to compare with"),
        ({"evaluation": {"every": 4, "features": "inception"}}, "The Inception graph"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_the_training(
    changes: dict[str, Any], message: str, tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    with pytest.raises(GanctlError, match=message):
        train(small(tiny_yaml, changes), RunFolder.create(tmp_path, "run", explicit=True))


# --- the command


@pytest.fixture(scope="module")
def judged(run_cli: RunCli) -> Callable[..., dict[str, Any]]:
    def judge(*arguments: object) -> dict[str, Any]:
        done = run_cli("evaluate", *arguments, "--num", 60, "--json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    return judge


@pytest.mark.slow
def test_evaluate_repeats_the_row_of_the_training(scored: RunFolder, judged: Any) -> None:
    found = judged(scored.path)
    row = metrics_csv.read_metrics(scored.metrics)[-1]
    assert found["reference"] == row["reference"]
    for name in ("kid", "frechet_distance", "precision", "memorization", "kid_floor"):
        assert found[name] == pytest.approx(row[name], rel=1e-3, abs=1e-4), name
    assert judged(scored.path, "--best")["kid"] == pytest.approx(
        min(row["kid"] for row in metrics_csv.read_metrics(scored.metrics)), abs=1e-4
    )


@pytest.mark.slow
def test_evaluate_prints_scores_floors_and_protocol(scored: RunFolder, run_cli: RunCli, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.png"
    done = run_cli("evaluate", scored.path, "--num", 50, "--pairs", pairs)
    assert done.returncode == 0, done.stderr
    for word in ("KID-Lite0", "FD-Lite0", "floor", "bicubic to 128x128", efficientnet_lite0.weights_hash()[:12]):
        assert word in done.stdout
    assert cv2.imread(str(pairs)) is not None


@pytest.mark.slow
def test_an_npz_and_a_folder_of_the_same_images_score_alike(
    clothes: ImageSet, tmp_path: Path, judged: Any, run_cli: RunCli
) -> None:
    np.savez(tmp_path / "real.npz", images=clothes.images[:120])
    np.savez(tmp_path / "fake.npz", images=noisy(clothes.images[120:180], 30))
    (tmp_path / "fakes").mkdir()
    for index, image in enumerate(noisy(clothes.images[120:180], 30)):
        cv2.imwrite(str(tmp_path / "fakes" / f"{index:03d}.png"), image)
    first = judged(tmp_path / "fake.npz", "--against", tmp_path / "real.npz")
    second = judged(tmp_path / "fakes", "--against", tmp_path / "real.npz")
    assert first["kid"] == pytest.approx(second["kid"], rel=1e-3)
    assert first["kid"] > first["kid_floor"] + 0.05


@pytest.mark.slow
def test_a_folder_as_reference_is_seen_as_an_npz_of_the_same_images_is(tmp_path: Path, judged: Any) -> None:
    colours = np.stack(
        [load_sample_image("china.jpg")[y : y + 24, x : x + 24] for y in range(0, 200, 24) for x in range(0, 300, 24)]
    )
    grey = np.repeat(colours.mean(-1, keepdims=True).astype(np.uint8), 3, -1)
    np.savez(tmp_path / "colours.npz", images=colours)
    np.savez(tmp_path / "grey.npz", images=grey[..., :1])
    folder = tmp_path / "colours"
    folder.mkdir()
    for index, image in enumerate(colours):
        cv2.imwrite(str(folder / f"{index:03d}.png"), image[..., ::-1])
    cv2.imwrite(str(folder / "000-first.png"), grey[0][:9, :9, 0])  # odd, and the first
    npz, pictures = (judged(tmp_path / "grey.npz", "--against", tmp_path / name) for name in ("colours.npz", "colours"))
    assert pictures["kid"] == pytest.approx(npz["kid"], rel=0.1)
    assert npz["kid"] > npz["kid_floor"] + 0.05


@pytest.mark.slow
def test_evaluate_against_identical_images_prints_no_figure_that_means_nothing(
    clothes: ImageSet, tmp_path: Path, run_cli: RunCli
) -> None:
    np.savez(tmp_path / "same.npz", images=np.repeat(clothes.images[:1], 60, axis=0))
    np.savez(tmp_path / "clothes.npz", images=clothes.images[100:160])
    arguments = ("evaluate", tmp_path / "clothes.npz", "--against", tmp_path / "same.npz", "--num", 60)
    done = run_cli(*arguments)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line.split()[1:3] for line in done.stdout.splitlines() if line.split()[1:]}
    for name in ("precision-Lite0", "recall-Lite0", "diversity-Lite0", "memorization-Lite0"):
        assert rows[name] == ["n/a", "n/a"]
    assert float(rows["KID-Lite0"][0]) > 1
    assert "n/a             precision, recall, diversity, memorization: all real images are identical" in done.stdout
    values = json.loads(run_cli(*arguments, "--json").stdout)
    assert values["kid"] > 1
    assert [values[name] for name in ("recall", "recall_floor", "diversity", "copies")] == [None, None, None, False]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "--against", ""], "--against is empty"),
        (["nowhere"], "nowhere does not exist"),
        (["RUN", "--against", "fashion_mnist_min"], "Did you mean 'fashion_mnist_mini'?"),
        (["RUN", "--pairs", "pairs.jpg"], "--pairs takes FILE.png"),
        (["NPZ"], "--against"),
        (["NPZ", "--best"], "--best"),
    ],
)
def test_a_wrong_call_is_explained(
    arguments: list[str], message: str, scored: RunFolder, shapes_npz: Path, run_cli: RunCli
) -> None:
    stand_ins = {"RUN": scored.path, "NPZ": shapes_npz}
    done = run_cli("evaluate", *(stand_ins.get(argument, argument) for argument in arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
