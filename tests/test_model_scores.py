"""What a model knows of classes and codes: right values, beside those of real images or of chance."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import WriteYaml, untracked
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from small_runs import resume, train

from ganctl.build import resolving
from ganctl.errors import UsageError
from ganctl.evaluation import nearest_labels
from ganctl.evaluation.class_accuracy import balanced_accuracy, class_accuracy, classification_accuracy_score
from ganctl.evaluation.features import classifier
from ganctl.evaluation.features.extractor import Extractor
from ganctl.evaluation.kept_figure import kept_figure
from ganctl.evaluation.labelled_split import LabelledSplit
from ganctl.evaluation.nearest_labels import nearest_label_accuracy
from ganctl.evaluation.reconstruction import reconstruction_error
from ganctl.evaluation.reference import choose
from ganctl.experiment.experiment import Experiment
from ganctl.generation.encoding import ENCODER, encode, inverts, reconstruct
from ganctl.generation.image_scores import Scores, score_images
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.model_scores import ModelScorer
from ganctl.images.image_set import ImageSet
from ganctl.lazy import keras, tf
from ganctl.report.run_report import write_report
from ganctl.report.scores import read_scores
from ganctl.run_folder import checkpoint
from ganctl.run_folder.metrics_csv import COLUMNS, METRICS, best_iteration, line, read_metrics
from ganctl.run_folder.paths import RunFolder

SIDE, CLASSES = 8, 4
NAMES = ("top left", "top right", "bottom left", "bottom right")


def quadrant(label: int) -> tuple[slice, slice]:
    half = SIDE // 2
    return slice(label // 2 * half, label // 2 * half + half), slice(label % 2 * half, label % 2 * half + half)


def quadrants(count: int, seed: int = 0) -> ImageSet:
    """Noise, with one quadrant brighter: its number is the class."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count).astype(np.int32)
    images = random.integers(0, 120, (count, SIDE, SIDE, 1)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[quadrant(int(label))] += 100
    return ImageSet(images, labels, NAMES, "quadrants")


def brightest_quadrant(images: np.ndarray) -> np.ndarray:
    means = [images[:, rows, columns].mean((1, 2, 3)) for rows, columns in map(quadrant, range(CLASSES))]
    return np.stack(means, axis=1).argmax(1)


def judge() -> Extractor:
    """A classifier with known answers: the brightest quadrant."""

    def features(images: Any) -> Any:
        parts = [images[:, rows, columns] for rows, columns in map(quadrant, range(CLASSES))]
        return tf.stack([tf.reduce_mean(tf.cast(part, tf.float32), [1, 2, 3]) for part in parts], axis=1)

    return Extractor("classifier", "made up", "not at all", features, lambda found: found)


# --- classes


def test_every_class_counts_alike() -> None:
    labels = np.array([0] * 8 + [1] * 2)
    named = np.array([0] * 8 + [1, 0])
    assert balanced_accuracy(named, labels) == 0.75, "the mean of 8 / 8 and 1 / 2"
    assert balanced_accuracy(np.zeros(10), labels) == 0.5, "naming always the same is chance"
    random = np.random.default_rng(0)
    labels, named = random.choice(5, 300, p=[0.5, 0.2, 0.1, 0.1, 0.1]), random.integers(0, 5, 300)
    assert balanced_accuracy(named, labels) == pytest.approx(balanced_accuracy_score(labels, named), abs=1e-12)


def test_class_accuracy_is_the_share_that_the_classifier_names_as_asked() -> None:
    found = quadrants(400)
    assert found.labels is not None
    assert class_accuracy(judge(), found.images, found.labels) == 1
    wrong = found.labels.copy()
    wrong[found.labels == 0] = np.where(np.arange((found.labels == 0).sum()) % 2, 0, 1)
    expected = balanced_accuracy_score(wrong, brightest_quadrant(found.images))
    assert class_accuracy(judge(), found.images, wrong) == pytest.approx(expected, abs=1e-12)
    shuffled = np.random.default_rng(0).permutation(found.labels)
    assert class_accuracy(judge(), found.images, shuffled) == pytest.approx(1 / CLASSES, abs=0.06)


def test_samples_teach_what_their_labels_say() -> None:
    learned, tested = quadrants(400, 1), quadrants(200, 2)
    assert learned.labels is not None
    assert classification_accuracy_score(learned.images, learned.labels, tested) > 0.95
    swapped = np.array([1, 0, 3, 2])[learned.labels]
    assert classification_accuracy_score(learned.images, swapped, tested) < 0.05
    shuffled = np.random.default_rng(0).permutation(learned.labels)
    assert classification_accuracy_score(learned.images, shuffled, tested) == pytest.approx(1 / CLASSES, abs=0.15)


def test_a_score_is_the_same_every_time_and_only_real_images_are_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path))
    learned, tested = quadrants(60, 3), quadrants(60, 4)
    assert learned.labels is not None
    noise = np.random.default_rng(0).integers(0, 200, learned.images.shape).astype(np.uint8)
    both = [classification_accuracy_score(noise, learned.labels, tested) for _ in range(2)]
    assert both[0] == both[1]
    assert not (tmp_path / "classifiers").exists()
    classification_accuracy_score(noise, learned.labels, tested, keep=True)
    assert len([*(tmp_path / "classifiers").iterdir()]) == 1


@pytest.mark.parametrize(("count", "times"), [(100, 22), (2000, 2), (2134, 1), (50_000, 1)])
def test_few_images_are_seen_more_often(count: int, times: int) -> None:
    images = ImageSet(np.broadcast_to(np.uint8(0), (count, 8, 8, 1)), None, (), "none")
    assert classifier._repeats(images) == times
    assert 6 * times * min(count, classifier.MOST_IMAGES) >= 200 * 64


# --- which images test


def test_held_out_images_test_if_they_can() -> None:
    training, held_out = quadrants(300), quadrants(80, 1)
    split = LabelledSplit.of(training, held_out)
    assert (split.learned, split.tested, split.kind) == (training, held_out, "held-out images")


@pytest.mark.parametrize(
    "held_out",
    [
        None,
        quadrants(49, 1),
        replace(quadrants(80, 1), labels=None, class_names=()),
        replace(quadrants(80, 1), class_names=(*NAMES[:3], "middle")),
    ],
    ids=["none", "too few", "no labels", "other classes"],
)
def test_otherwise_training_images_are_split_off_and_always_the_same(held_out: ImageSet | None) -> None:
    training = quadrants(900)
    split, again = (LabelledSplit.of(training, held_out) for _ in range(2))
    assert (len(split.learned), len(split.tested), split.kind) == (810, 90, "training images split off")
    assert split.tested.fingerprint() == again.tested.fingerprint()
    learned, tested = ({image.tobytes() for image in part.images} for part in (split.learned, split.tested))
    assert not learned & tested
    assert learned | tested == {image.tobytes() for image in training.images}
    few = LabelledSplit.of(quadrants(200), held_out)
    assert (len(few.learned), len(few.tested)) == (150, 50)
    fewest = LabelledSplit.of(quadrants(60), held_out)
    assert (len(fewest.learned), len(fewest.tested)) == (30, 30)


# --- codes


@pytest.mark.parametrize("block", [4 * 64, 4 * 64 * 7, 2**27])
def test_the_nearest_neighbour_is_the_one_that_scikit_learn_finds(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest_labels, "_BLOCK_BYTES", block)
    random = np.random.default_rng(0)
    others, other_labels = random.integers(0, 256, (150, SIDE, SIDE, 1), np.uint8), random.integers(0, 5, 150)
    vectors, labels = random.integers(0, 256, (40, SIDE, SIDE, 1), np.uint8), random.integers(0, 5, 40)
    vectors[:10], labels[:10] = others[20:30], other_labels[20:30]
    known = KNeighborsClassifier(1).fit(others.reshape(150, -1).astype(float), other_labels)
    expected = balanced_accuracy_score(labels, known.predict(vectors.reshape(40, -1).astype(float)))
    assert nearest_label_accuracy(vectors, labels, others, other_labels) == pytest.approx(expected, abs=1e-12)
    assert nearest_label_accuracy(others, other_labels, others, other_labels) == 1
    shuffled = random.permutation(other_labels)
    assert nearest_label_accuracy(others, other_labels, others, shuffled) == pytest.approx(0.2, abs=0.12)


def test_of_equally_near_neighbours_the_first_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    others, labels = np.array([[2.0], [0.0], [2.0]]), np.array([7, 8, 9])
    for block in (4, 2**27):
        monkeypatch.setattr(nearest_labels, "_BLOCK_BYTES", block)
        assert nearest_label_accuracy(np.array([[1.0]]), np.array([7]), others, labels) == 1
        assert nearest_label_accuracy(np.array([[-0.5]]), np.array([8]), others, labels) == 1


def test_reconstruction_error_stands_beside_that_of_other_images() -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 6, 5, 3), np.uint8)
    made = np.clip(images.astype(int) + np.random.default_rng(1).integers(-9, 10, images.shape), 0, 255).astype(
        np.uint8
    )
    error, baseline = reconstruction_error(images, made)
    assert error == pytest.approx(np.abs(images / 255 - made / 255).mean(), abs=1e-12)
    assert baseline == pytest.approx(1 / 3, abs=0.02), "of values drawn evenly from [0, 1]"
    ignored = np.broadcast_to(images[:1], images.shape)
    error, baseline = reconstruction_error(images, ignored)
    assert error == pytest.approx(baseline, abs=1e-12), "an encoder that ignores its images"
    steps = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1)
    assert reconstruction_error(steps, steps)[0] == 0
    assert reconstruction_error(steps, steps)[1] > 1 / 255, "no image is its own baseline"


def mirror(*, further: bool = False, classes: bool = False) -> tuple[Any, Any]:
    """A generator of two latent inputs and an encoder that inverts it exactly."""
    layers = keras.layers
    latent = [keras.Input([SIDE, 4], name="left"), keras.Input([SIDE, 4], name="right")]
    asked = [keras.Input([1], dtype="int32", name="classes")] if classes else []
    drawn = layers.Reshape((SIDE, SIDE, 1))(layers.Concatenate()(latent))
    image = keras.Input((SIDE, SIDE, 1))
    flat = layers.Reshape((SIDE, SIDE))(image)
    halves = [flat[:, :, :4], flat[:, :, 4:], *([layers.Flatten()(image)] if further else [])]
    return keras.Model([*latent, *asked], drawn), keras.Model(image, halves)


@pytest.mark.parametrize("further", [False, True])
def test_codes_are_the_latent_vectors_and_give_the_images_back(further: bool) -> None:
    generator, encoder = mirror(further=further)
    images = quadrants(130).images
    assert inverts(encoder, generator, (SIDE, SIDE, 1))
    codes = encode(encoder, generator, images)
    flat = (images / 127.5 - 1).reshape(130, SIDE, SIDE)
    expected = np.concatenate([flat[..., :4].reshape(130, -1), flat[..., 4:].reshape(130, -1)], axis=1)
    np.testing.assert_allclose(codes, expected, atol=1e-6)
    np.testing.assert_array_equal(reconstruct(encoder, generator, images), images)


def test_not_every_encoder_inverts_a_generator() -> None:
    generator, encoder = mirror()
    assert not inverts(encoder, generator, (SIDE, 6, 1)), "other images"
    one = keras.Model(encoder.inputs, encoder.outputs[0])
    assert not inverts(one, generator, (SIDE, SIDE, 1)), "half of a code"
    assert not inverts(generator, generator, (SIDE, SIDE, 1)), "it takes no image"
    assert not inverts(keras.layers.Identity(), generator, (SIDE, SIDE, 1))
    with pytest.raises(UsageError, match="does not turn these images into latent vectors"):
        encode(one, generator, quadrants(2).images)


# --- what means something of a model


def painter_of_quadrants(*, listens: bool = True) -> Any:
    """A conditional generator that draws what it is asked for, or always the first class."""
    layers = keras.layers
    latent, asked = keras.Input([SIDE * SIDE], name="latent"), keras.Input([CLASSES], name="classes")
    kernel = np.zeros((CLASSES, SIDE, SIDE), np.float32)
    for label in range(CLASSES):
        kernel[label][quadrant(label if listens else 0)] = 0.8
    bright = layers.Dense(SIDE * SIDE, use_bias=False)
    drawn = layers.Add()([layers.Rescaling(0.1, offset=-0.5)(latent), bright(asked)])
    bright.set_weights([kernel.reshape(CLASSES, -1)])
    return keras.Model([latent, asked], layers.Reshape((SIDE, SIDE, 1))(drawn))


def scorer(training: ImageSet, held_out: ImageSet | None, *, learns_labels: bool = True) -> ModelScorer:
    return ModelScorer(training, held_out, learns_labels, 0)


def drawn_by(generator: Any, classes: np.ndarray) -> np.ndarray:
    latent = np.random.default_rng(5).normal(size=(len(classes), SIDE * SIDE)).astype(np.float32)
    images = generator([latent, np.eye(CLASSES, dtype=np.float32)[classes]], training=False).numpy()
    return np.clip(np.round((images + 1) * 127.5), 0, 255).astype(np.uint8)


def test_a_generator_that_listens_is_told_from_one_that_does_not() -> None:
    measure = scorer(quadrants(400), quadrants(100, 1))
    found = {}
    for listens in (True, False):
        generator = painter_of_quadrants(listens=listens)
        samples = drawn_by(generator, np.arange(203) % CLASSES)
        found[listens] = measure.scores(
            generator, None, samples, 200, lambda classes, g=generator: drawn_by(g, np.asarray(classes))
        )
        assert found[listens].notes == ()
    good, bad = found[True].values, found[False].values
    assert good["class_accuracy"] == good["cas"] == pytest.approx(1, abs=0.05)
    assert bad["class_accuracy"] == 1 / CLASSES
    assert bad["cas"] == pytest.approx(1 / CLASSES, abs=0.2)
    for name in ("class_accuracy_floor", "cas_floor"):
        assert good[name] == bad[name] > 0.95, "of real images"
    assert (good["tested"], good["tested_num"]) == ("held-out images", 100)
    assert len(good["classifier"]) == 12
    assert "sha256:" + good["classifier"] in found[True].protocol["class_accuracy"]
    assert "200 samples" in found[True].protocol["cas"]
    assert not any(";" in value for value in found[True].protocol.values())


def test_classes_without_images_are_not_asked_for() -> None:
    three = quadrants(400)
    assert three.labels is not None
    kept = three.rows(np.flatnonzero(three.labels < CLASSES - 1))
    generator = painter_of_quadrants()
    samples = drawn_by(generator, np.arange(200) % CLASSES)
    assert scorer(kept, None).scores(generator, None, samples, 200).values["class_accuracy"] > 0.95


def test_classes_are_measured_only_if_the_labels_are_what_the_generator_draws() -> None:
    training = quadrants(100)
    generator = painter_of_quadrants()
    samples = drawn_by(generator, np.arange(60) % CLASSES)
    assert scorer(training, None, learns_labels=False).scores(generator, None, samples, 60).values == {}
    without = replace(training, labels=None, class_names=())
    assert scorer(without, None).scores(generator, None, samples, 60).values == {}
    one = replace(training, labels=np.zeros(100, np.int32))
    assert scorer(one, None).scores(generator, None, samples, 60).values == {}
    more = replace(training, class_names=(*NAMES, "none"))
    assert scorer(more, None).scores(generator, None, samples, 60).values == {}, "the data set has changed"
    assert scorer(training, None).scores(mirror()[0], None, samples, 60).values == {}, "it takes no classes"


def test_what_was_measured_without_held_out_images_says_so() -> None:
    generator = painter_of_quadrants()
    samples = drawn_by(generator, np.arange(60) % CLASSES)
    found = scorer(quadrants(100), None).scores(generator, None, samples, 60)
    assert (found.values["tested"], found.values["tested_num"]) == ("training images split off", 50)
    (note,) = found.notes
    assert "tested on 50 of the training images, which classifiers did not see, but the model did" in note


@pytest.mark.parametrize("classes", [False, True])
def test_an_encoder_is_measured_by_what_it_gives_back_and_by_its_neighbours(classes: bool) -> None:
    training, held_out = quadrants(300), quadrants(90, 1)
    assert training.labels is not None
    assert held_out.labels is not None
    generator, encoder = mirror(classes=classes)
    found = scorer(training, held_out, learns_labels=classes).scores(generator, encoder, held_out.images, 80).values
    pixels = [images.images.reshape(len(images), -1).astype(float) for images in (training, held_out)]
    known = KNeighborsClassifier(1).fit(pixels[0], training.labels)
    expected = balanced_accuracy_score(held_out.labels, known.predict(pixels[1]))
    assert found["code_accuracy"] == found["code_accuracy_baseline"] == pytest.approx(expected, abs=1e-12)
    assert found["reconstruction_error"] == 0
    assert found["reconstruction_error_baseline"] > 0.1
    assert (found["reconstructed"], found["reconstructed_num"]) == ("held-out images", 80)
    assert ("class_accuracy" in found) == classes
    without = scorer(replace(training, labels=None, class_names=()), None)
    unseen = without.scores(mirror()[0], encoder, held_out.images, 80)
    assert unseen.values.keys() == {
        *("reconstruction_error", "reconstruction_error_baseline", "reconstructed", "reconstructed_num")
    }
    assert unseen.values["reconstructed"] == "training images"
    assert "the reconstruction error is of images that the model was trained on" in unseen.notes[0]


def test_categories_of_its_own_are_unknown_for_an_image() -> None:
    generator, encoder = mirror(classes=True)
    training = quadrants(200)
    found = scorer(training, None, learns_labels=False).scores(generator, encoder, training.images, 80).values
    assert "reconstruction_error" not in found
    assert "code_accuracy" in found


def test_a_figure_of_real_images_is_computed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path))
    figures = iter([0.25, 0.5, 0.75])
    assert [kept_figure(("this", 1), lambda: next(figures)) for _ in range(2)] == [0.25, 0.25]
    assert kept_figure(("this", 2), lambda: next(figures)) == 0.5
    for path in (tmp_path / "features").iterdir():
        path.write_text("[")
    assert kept_figure(("this", 1), lambda: next(figures)) == 0.75


# --- real runs


def averaged(images: Any) -> Any:
    """Features that are quick to compute: the mean of 16 places."""
    pooled = tf.nn.avg_pool2d(tf.cast(images, tf.float32), 4, 4, "VALID")
    return tf.reshape(tf.reduce_mean(pooled, -1), [tf.shape(images)[0], -1])


@pytest.fixture
def quick_features(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ganctl.training.hooks.metrics", "ganctl.generation.image_scores"):
        monkeypatch.setattr(f"{module}.extractor_for", lambda *_: Extractor("lite0", "0123456789ab", "not", averaged))


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """160 labelled images of 16x16."""
    found = quadrants(160, 7)
    path = tmp_path / "squares.npz"
    np.savez(path, images=found.images.repeat(2, axis=1).repeat(2, axis=2), labels=found.labels)
    return path


def trained(tiny_yaml: WriteYaml, squares: Path, folder: Path, changes: dict[str, Any]) -> tuple[Experiment, RunFolder]:
    usual = {
        "dataset": {"name": "npz", "path": str(squares), "holdout": 0.35},
        "evaluation": {"every": 2, "num": 50},
        "training": {"iterations": 4, "batch_size": 4, "precision": "float32", "xla": False, "ema": 0.5},
        "outputs": {"sample_every": 4, "sample_grid": "2x2", "checkpoint_every": 2},
    }
    experiment = resolving.load_experiment(tiny_yaml({**usual, **changes}))
    run = RunFolder.create(folder, "run", explicit=True)
    train(experiment, run)
    run.write_config(experiment.to_yaml())
    return experiment, run


def scores_of(run: RunFolder) -> Scores:
    return score_images(
        run.path, untracked, against=None, num=50, features="auto", inception_graph=None, seed=0, best=False,
        pairs=None, device="cpu",
    )  # fmt: skip


CONDITIONAL = {"model": {"name": "sngan", "latent_dim": 4, "capacity": 2, "conditional": True}}
WITH_ENCODER = {"model": {"name": "bigan", "latent_dim": 4, "capacity": 2}}


@pytest.mark.slow
@pytest.mark.usefixtures("quick_features")
def test_a_conditional_run_has_class_accuracy_and_evaluate_repeats_it(
    tiny_yaml: WriteYaml, squares: Path, tmp_path: Path
) -> None:
    _, run = trained(tiny_yaml, squares, tmp_path, CONDITIONAL)
    rows, found = read_metrics(run.metrics), scores_of(run)
    assert [row["iteration"] for row in rows] == [2, 4]
    for name in ("class_accuracy", "class_accuracy_floor"):
        assert found.values[name] == pytest.approx(rows[-1][name], rel=1e-5), name
    for name in ("classifier", "tested", "tested_num"):
        assert found.values[name] == rows[-1][name], name
    assert (rows[-1]["tested"], rows[-1]["tested_num"]) == ("held-out images", 56)
    assert rows[-1]["class_accuracy_floor"] > 0.9
    assert 0 <= rows[-1]["class_accuracy"] < 0.7, "four iterations teach nothing"
    assert "cas" not in rows[-1], "it takes a training of its own"
    assert 0 <= found.values["cas"] < 0.7 < 0.9 < found.values["cas_floor"]
    assert not {"reconstruction_error", "code_accuracy"} & found.values.keys()
    assert scores_of(run).as_json() == found.as_json(), "the same every time"
    table = str(found)
    assert [line.split() for line in table.splitlines() if line.startswith("class accuracy")] == [
        ["class", "accuracy", *(f"{found.values['class_accuracy' + end]:.4g}" for end in ("", "_floor")), "higher"]
    ]
    assert f"tested on 56 held-out images, classifier {found.values['classifier']}" in table
    assert "; class_accuracy=mean over the classes, by ganctl's classifier sha256:" in found.protocol
    page = write_report(run).read_text()
    for shown in ("class accuracy", f"{rows[-1]['class_accuracy_floor']:.4g}", "tested <b>held-out images</b>"):
        assert shown in page


@pytest.mark.usefixtures("quick_features")
def test_a_run_with_an_encoder_has_its_errors_and_evaluate_repeats_them(
    tiny_yaml: WriteYaml, squares: Path, tmp_path: Path
) -> None:
    _, run = trained(tiny_yaml, squares, tmp_path, WITH_ENCODER)
    row, found = read_metrics(run.metrics)[-1], scores_of(run)
    for name in ("reconstruction_error", "code_accuracy"):
        for column in (name, name + "_baseline"):
            assert found.values[column] == pytest.approx(row[column], rel=1e-5), column
    whole = TrainedGenerator.load(run.path)
    encoder = whole.drawing_with(ENCODER)
    _, held_out = resolving.read_split(whole.parts, untracked)
    tests = held_out["real"].images[choose(56, 50)]
    code = encoder(tests.astype(np.float32) / 127.5 - 1, training=False)
    drawn = np.clip(np.round((whole.played(code, training=False).numpy() + 1) * 127.5), 0, 255)
    assert row["reconstruction_error"] == pytest.approx(np.abs(drawn - tests).mean() / 255, abs=1e-5)
    assert (row["reconstructed"], row["reconstructed_num"]) == ("held-out images", 50)
    assert (row["tested"], row["tested_num"]) == ("held-out images", 56)
    assert "class_accuracy" not in row
    assert "classifier" not in row, "nearest neighbours need none"
    assert "reconstructed   50 held-out images; baseline: each against another image" in str(found)
    assert "reconstruction" in write_report(run).read_text()


@pytest.mark.usefixtures("quick_features")
def test_other_real_images_say_nothing_of_the_classes_of_a_run(
    tiny_yaml: WriteYaml, squares: Path, tmp_path: Path
) -> None:
    _, run = trained(tiny_yaml, squares, tmp_path, {**CONDITIONAL, "evaluation": {"every": 0}})
    found = score_images(
        run.path, untracked, against=str(squares), num=50, features="auto", inception_graph=None, seed=0, best=False,
        pairs=None, device="cpu",
    )  # fmt: skip
    assert not {"class_accuracy", "cas", "tested"} & found.values.keys()


# --- metrics.csv of the last release

OLD = COLUMNS[: COLUMNS.index("class_accuracy")]


def test_new_columns_are_the_last() -> None:
    assert OLD[-4:] == ("inputs", "pairs", "pairs_num", "baseline")
    assert COLUMNS[len(OLD) :] == (
        *("class_accuracy", "class_accuracy_floor", "reconstruction_error", "reconstruction_error_baseline"),
        *("code_accuracy", "code_accuracy_baseline"),
        *("classifier", "tested", "tested_num", "reconstructed", "reconstructed_num"),
    )
    assert {metric.name for metric in METRICS} - set(COLUMNS) == {"cas"}


@pytest.mark.usefixtures("quick_features")
def test_a_run_of_the_last_release_goes_on_and_all_its_rows_compare(
    tiny_yaml: WriteYaml, squares: Path, tmp_path: Path
) -> None:
    experiment, run = trained(tiny_yaml, squares, tmp_path, WITH_ENCODER)
    whole = read_metrics(run.metrics)
    rows = list(csv.DictReader(io.StringIO(run.metrics.read_text())))
    run.metrics.write_text(line(OLD) + "".join(line(row[name] for name in OLD) for row in rows))
    old = read_metrics(run.metrics)
    assert not any("code_accuracy" in row for row in old)
    checkpoint.prune(run.checkpoints, 0, newest=2, spared=2)
    resume(experiment, run)
    assert read_metrics(run.metrics) == [old[0], whole[1]]
    assert run.metrics.read_text().startswith(line(COLUMNS))
    best = min(whole, key=lambda row: row["kid"])["iteration"]
    assert best_iteration(run.metrics) == best, "either row may be the best"
    scores = read_scores(run.metrics)
    assert not scores.notes
    assert {score.metric.name: len(score.rows) for score in scores.scores}["kid"] == 2
    assert scores.protocol["reconstructed"] == "held-out images"
