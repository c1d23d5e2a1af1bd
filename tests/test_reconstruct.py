"""Pictures to latent vectors and back: by descent, by an encoder, with classes; in Python and from files to files."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import RunCli, drawn_from_noise, slow_but, untracked
from small_runs import train

from ganctl import load
from ganctl.build import resolving
from ganctl.cli import commands
from ganctl.errors import DataError, UsageError
from ganctl.evaluation.features.content import content_features
from ganctl.evaluation.paired_figures import partners, psnr, ssim
from ganctl.evaluation.reconstruction_figures import ReconstructionFigures
from ganctl.game.inputs import as_networks_see, to_pixels
from ganctl.generation import inversion, reconstructing
from ganctl.generation.encoding import encoder_of
from ganctl.generation.given_pictures import Reading, find_pictures
from ganctl.generation.inversion import Found, Inversion
from ganctl.generation.reconstructing import MOST_SHOWN, Reconstructor
from ganctl.images.decode import decode
from ganctl.images.draw import write_png
from ganctl.images.resize import resized
from ganctl.lazy import keras, tf
from ganctl.run_folder.paths import RunFolder
from ganctl.runs import Run

RANDOM = np.random.default_rng(0)
SIDE, SIZE = 8, 6


@pytest.fixture(scope="module")
def trained_run(small_experiment: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    def make(model: str, changes: Any = None) -> Run:
        folder = RunFolder.create(tmp_path_factory.mktemp("reconstructed"), "run", explicit=True)
        train(small_experiment(model, changes or {}), folder)
        return load(folder.path)

    return make


@pytest.fixture(scope="module")
def run(trained_run: Callable[..., Run]) -> Run:
    return trained_run("dense_gan", {"model": {"name": "dense_gan", "latent_dim": 4}})


@pytest.fixture(scope="module")
def bigan(trained_run: Callable[..., Run]) -> Run:
    """One whose images differ: after eight iterations, all that it makes is grey."""
    made = trained_run("bigan")
    for variable in made.generator.trainable_variables:
        variable.assign(3.0 * variable)
    return made


def linear_generator(classes: int = 0) -> Any:
    """Images [8, 8, 1] that are a linear function of the vector, brighter with each class, and a tanh."""
    latent = keras.Input([SIZE])
    kernel = np.random.default_rng(1).normal(0, 0.3, (SIZE, SIDE * SIDE)).astype(np.float32)
    dense = keras.layers.Dense(SIDE * SIDE)
    made = dense(latent)
    dense.set_weights([kernel, np.zeros(SIDE * SIDE, np.float32)])
    inputs = [latent]
    if classes:
        inputs.append(keras.Input([1], dtype="int32", name="classes"))
        made = keras.layers.Add()([made, keras.layers.Rescaling(0.6, -0.6)(inputs[1])])
    image = keras.layers.Reshape([SIDE, SIDE, 1])(keras.layers.Activation("tanh")(made))
    return keras.Model(inputs if classes else latent, image)


def inversion_of(network: Any, distribution: str = "normal", seed: int = 0) -> Inversion:
    stub: Any = SimpleNamespace(played=network, distribution=distribution)
    return Inversion(stub, seed)


def images_of(network: Any, *inputs: np.ndarray) -> np.ndarray:
    made: np.ndarray = to_pixels(network(list(inputs) if len(inputs) > 1 else inputs[0], training=False)).numpy()
    return made


# --- the descent


def test_the_distance_is_that_of_pixels_and_features() -> None:
    first, second = (RANDOM.integers(0, 256, (3, 16, 24, 3)).astype(np.float32) for _ in range(2))
    described = [inversion._description(as_networks_see(tf.constant(images))) for images in (first, second)]
    found = tf.reduce_sum(tf.square(described[0] - described[1]), axis=1).numpy()
    seen = [as_networks_see(images) for images in (first, second)]
    features = [content_features(tf.constant(images)).numpy() for images in seen]
    expected = sum(((a - b) ** 2).mean(axis=(1, 2, 3)) for a, b in (seen, features))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_vector_whose_image_is_given_is_found() -> None:
    network = linear_generator()
    true = RANDOM.normal(size=(5, SIZE)).astype(np.float32)
    found = inversion_of(network).search(images_of(network, true), [], 300, untracked)
    np.testing.assert_allclose(found.vectors, true, atol=0.03)
    assert found.classes is None
    assert np.abs(images_of(network, found.vectors).astype(int) - images_of(network, true)).max() <= 2


def test_steps_are_those_of_adam(monkeypatch: pytest.MonkeyPatch) -> None:
    network, steps = linear_generator(), 7
    images = images_of(network, RANDOM.normal(size=(2, SIZE)).astype(np.float32))
    start = RANDOM.normal(size=(2, SIZE)).astype(np.float32)
    # The best of all steps is returned; that is the last one here.
    monkeypatch.setattr(inversion, "_better", lambda best, vectors, distances: (vectors, distances))
    begun = Found(start, None, np.zeros(2, np.float32))
    found = inversion_of(network).refine(images, begun, steps, untracked)

    variable = keras.Variable(start)
    rate = keras.optimizers.schedules.CosineDecay(inversion.RATE, steps)
    adam = keras.optimizers.Adam(rate, epsilon=inversion.EPSILON)
    seen = as_networks_see(tf.constant(images, tf.float32))
    for _ in range(steps):
        with tf.GradientTape() as tape:
            made = network(variable.value, training=False)
            loss = tf.reduce_sum(
                [
                    tf.reduce_sum(tf.reduce_mean(tf.square(a - b), axis=[1, 2, 3]))
                    for a, b in ((made, seen), (content_features(made), content_features(seen)))
                ]
            )
        adam.apply([tape.gradient(loss, variable.value)], [variable])
    np.testing.assert_allclose(found.vectors, variable.numpy(), rtol=1e-3, atol=1e-4)


def test_a_descent_never_ends_farther_away_than_it_began() -> None:
    network = linear_generator()
    true = RANDOM.normal(size=(4, SIZE)).astype(np.float32)
    begun = Found(true + np.float32(1e-3), None, np.zeros(4, np.float32))
    images = images_of(network, true)
    works = inversion_of(network)
    start = works.nearest_class(images, begun.vectors, []).distances
    ended = works.refine(images, begun, 2, untracked)
    assert (ended.distances <= start).all(), "two steps of 0.1 lead away from it"
    np.testing.assert_allclose(works.nearest_class(images, ended.vectors, []).distances, ended.distances, rtol=1e-4)


def test_uniform_vectors_stay_in_their_cube() -> None:
    network = linear_generator()
    outside = images_of(network, np.full((1, SIZE), 1.7, np.float32))
    free, bounded = (inversion_of(network, kind).search(outside, [], 200, untracked) for kind in ("normal", "uniform"))
    np.testing.assert_allclose(free.vectors, 1.7, atol=0.1)
    assert np.abs(bounded.vectors).max() == 1.0


def test_each_picture_gets_the_class_that_brings_it_nearest() -> None:
    network = linear_generator(classes=3)
    true = RANDOM.normal(0, 0.5, size=(6, SIZE)).astype(np.float32)
    classes = np.array([0, 1, 2, 2, 1, 0], np.int32)
    images = images_of(network, true, classes[:, np.newaxis])
    works = inversion_of(network)
    found = works.search(images, [0, 1, 2], 100, untracked)
    assert found.classes is not None
    np.testing.assert_array_equal(found.classes, classes)
    of_codes = works.nearest_class(images, true, [0, 1, 2])
    np.testing.assert_array_equal(of_codes.classes, classes)
    np.testing.assert_allclose(of_codes.distances, 0, atol=1e-4)
    only = works.search(images, [1, 2], 20, untracked)
    assert set(np.asarray(only.classes).tolist()) == {1, 2}


def test_of_many_classes_the_nearest_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    network = linear_generator(classes=30)
    monkeypatch.setattr(inversion, "CLASSES_TRIED", 5)
    starts = inversion_of(network)._starts(np.full((2, SIDE, SIDE, 1), 10, np.uint8), range(30))
    assert len(starts) == 5
    assert {int(number) for start in starts for number in np.asarray(start.classes)} == set(range(5))
    distances = np.stack([start.distances for start in starts])
    assert (np.diff(distances, axis=0) >= 0).all(), "the nearest first"


def test_more_pictures_than_a_batch_are_found_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    network = linear_generator()
    true = RANDOM.normal(size=(7, SIZE)).astype(np.float32)
    images = images_of(network, true)
    whole = inversion_of(network).search(images, [], 20, untracked)
    monkeypatch.setattr(inversion, "BATCH", 3)
    parts = inversion_of(network).search(images, [], 20, untracked)
    np.testing.assert_allclose(parts.vectors, whole.vectors, atol=1e-3)
    assert parts.vectors.shape == (7, SIZE)


def test_progress_counts_every_step() -> None:
    counted: list[int] = []

    def track(sequence: Any, description: str, total: int | None) -> Any:
        for each in sequence:
            counted.append(each)
            yield each
        assert total == len(counted)

    inversion_of(linear_generator()).search(np.zeros((2, SIDE, SIDE, 1), np.uint8), [], 10, track)
    assert counted == list(range(2 + 10)), "a fifth of the steps for all starts, then all"


# --- the figures


@pytest.mark.parametrize("count", [2, 3, 10, 65])
def test_partners_have_no_fixed_point(count: int) -> None:
    found = partners(count)
    assert sorted(found) == list(range(count))
    assert (found != np.arange(count)).all()


def test_figures_against_numpy() -> None:
    pictures = RANDOM.integers(0, 256, (5, 9, 8, 3), np.uint8)
    made = np.clip(pictures.astype(int) + RANDOM.integers(-20, 20, pictures.shape), 0, 255).astype(np.uint8)
    found = ReconstructionFigures.of(made, pictures)
    others, mean = made[partners(5)], np.broadcast_to(np.rint(pictures.mean(0)).astype(np.uint8), pictures.shape)
    for end, images in (("", made), ("_shuffled", others), ("_mean_picture", mean)):
        expected = np.abs(images.astype(float) - pictures).mean() / 255
        assert found.values["l1" + end] == pytest.approx(expected)
        assert found.values["psnr" + end] == psnr(images, pictures)
        assert found.values["ssim" + end] == ssim(images, pictures)
    np.testing.assert_allclose(found.each, np.abs(made.astype(float) - pictures).mean((1, 2, 3)) / 255, rtol=1e-6)
    assert str(found).splitlines()[1].startswith(f"baselines: L1 {found.values['l1_shuffled']:.4f} against")


def test_a_single_picture_has_no_baseline() -> None:
    found = ReconstructionFigures.of(np.zeros((1, 4, 4, 1), np.uint8), np.full((1, 4, 4, 1), 51, np.uint8))
    assert found.values == {
        "l1": pytest.approx(0.2),
        "psnr": pytest.approx(20 * np.log10(5)),
        "ssim": None,
        **{name + end: None for name in ("l1", "psnr", "ssim") for end in ("_shuffled", "_mean_picture")},
    }
    assert str(found).splitlines() == ["L1 0.2000, PSNR 13.98 dB", "no baseline: that takes two pictures"]


# --- trained models


@pytest.mark.parametrize("model", slow_but({"dense_gan", "bigan"}, [entry.name for entry in drawn_from_noise()]))
def test_every_model_that_draws_from_noise(model: str, trained_run: Callable[..., Run]) -> None:
    given = {"model.latent_input": "given"} if model == "acgan_mnist" else {}
    each = trained_run(model, given)
    wanted = np.asarray(each.sample(3, seed=5))
    found = each.reconstruct(wanted, steps=3, quiet=True)
    assert found.images.shape == wanted.shape
    classes = found.classes or None
    again = np.concatenate(list(each._trained.draw(3, 0, classes, latents=found.latents)))
    np.testing.assert_array_equal(found.images, again)
    assert np.isfinite(found.latents).all()
    assert bool(classes) == bool(each._trained.num_classes)


def test_a_descent_comes_nearer_than_the_nearest_sample(run: Run) -> None:
    wanted = np.asarray(run.sample(4, seed=9))
    few, many = (run.reconstruct(wanted, steps=steps, quiet=True) for steps in (1, 150))
    assert many.values["l1"] < few.values["l1"] / 2  # type: ignore[operator]
    assert many.values["l1"] < 0.01  # type: ignore[operator]
    np.testing.assert_allclose(many.latents, run.latents(4, seed=9), atol=0.2)


def test_an_encoder_gives_the_vectors(bigan: Run) -> None:
    trained = bigan._trained
    wanted = np.asarray(bigan.sample(3, seed=5))
    found = bigan.reconstruct(wanted, quiet=True)
    encoder = encoder_of(trained)
    assert encoder is not None
    codes = encoder(as_networks_see(wanted.astype(np.float32)), training=False).numpy()
    np.testing.assert_allclose(found.latents, codes, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found.images, bigan.sample(latents=found.latents))
    assert found.way == "its encoder"
    refined = bigan.reconstruct(wanted, steps=40, quiet=True)
    assert refined.way == "its encoder and 40 steps from there"
    assert refined.values["l1"] < found.values["l1"]  # type: ignore[operator]


def test_the_first_of_two_outputs_is_the_mean(bigan: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = bigan._trained
    image = keras.Input(trained.image_shape)
    flat = keras.layers.Flatten()(image)
    width = trained.network.inputs[0].shape[-1]
    mean, deviation = keras.layers.Dense(width)(flat), keras.layers.Dense(width)(flat)
    encoder = keras.Model(image, [mean, deviation])
    monkeypatch.setattr(reconstructing, "encoder_of", lambda _: encoder)
    wanted = np.asarray(bigan.sample(2))
    found = Reconstructor(trained).of(*_named(wanted), untracked)
    expected = encoder.predict(as_networks_see(wanted.astype(np.float32)), verbose=0)[0]
    np.testing.assert_allclose(found.latents, expected, rtol=1e-4, atol=1e-5)


def _named(images: np.ndarray) -> tuple[list[Any], list[np.ndarray]]:
    return [SimpleNamespace(name=str(number), origin=f"{number}") for number in range(len(images))], list(images)


def test_an_encoder_of_something_else_is_not_used(bigan: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    image = keras.Input(bigan._trained.image_shape)
    half = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(image)))
    monkeypatch.setattr(reconstructing, "encoder_of", lambda _: half)
    assert Reconstructor(bigan._trained, 5).way == "5 steps from the nearest samples"


def test_a_generator_file_has_no_encoder(bigan: Run) -> None:
    (file, *_) = sorted((bigan.path / "generators").iterdir())
    assert Reconstructor(load(file)._trained).way == "200 steps from the nearest samples"


def test_the_seed_decides(run: Run) -> None:
    wanted = RANDOM.integers(0, 256, (2, SIDE, SIDE, 1), np.uint8)
    first, again, other = (run.reconstruct(wanted, steps=2, seed=seed, quiet=True).latents for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_pictures_are_prepared_as_training_images_are(small_experiment: Any, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, shape in enumerate([(20, 31, 3), (8, 8, 1), (9, 40, 4), (5, 5, 3)]):
        write_png(folder / f"{number}.png", RANDOM.integers(0, 256, shape, np.uint8))
    for changes in ({}, {"dataset.channels": 3}, {"dataset.resize": "pad"}, {"dataset.channels": 4}):
        data = {"dataset.name": "image_folder", "dataset.path": str(folder), "dataset.background": "#204060", **changes}
        parts = resolving.resolve(small_experiment("dense_gan", data))
        expected = resolving.read_images(parts, untracked)
        stub: Any = SimpleNamespace(
            sampler=parts.sampler,
            network=linear_generator(),
            classes=lambda wanted: [],
            parts=parts,
            image_shape=expected.shape,
            alpha=expected.alpha,
            value_range=expected.value_range,
        )
        reconstructor = Reconstructor(stub)
        found = reconstructor.prepare(find_pictures([folder], reconstructor.reading), untracked)
        assert [picture.name for picture in found.pictures] == ["0", "1", "2", "3"]
        np.testing.assert_array_equal(np.stack(found.images), expected.images)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_named(value: float, tmp_path: Path) -> None:
    """Not a grey level that a cast happens to make of it."""
    images = np.linspace(0, 1, 3 * 64).reshape(3, 8, 8, 1)
    images[1, 2, 3] = value
    np.save(tmp_path / "given.npy", images)
    with pytest.raises(DataError, match=r"given\.npy: image 1 contains a value that is not finite"):
        find_pictures([tmp_path / "given.npy"], Reading())


def test_arrays_paths_and_lists_in_python(run: Run, tmp_path: Path) -> None:
    image = np.asarray(run.sample(1, seed=3))[0]
    write_png(tmp_path / "a.png", image)
    single = run.reconstruct(image, steps=2, quiet=True)
    np.testing.assert_array_equal(single.pictures, image[np.newaxis])
    both = run.reconstruct([image, str(tmp_path / "a.png")], steps=2, quiet=True)
    np.testing.assert_array_equal(both.pictures, np.stack([image, image]))
    np.testing.assert_array_equal(both.latents[0], both.latents[1])
    assert both.names == ("0", "a")
    assert str(both).startswith("2 pictures by tiny after 8 iterations, 2 steps from the nearest samples\nL1 ")
    large = run.reconstruct(resized(image, 19, 19), steps=1, quiet=True)
    assert large.pictures.shape == (1, SIDE, SIDE, 1)
    with pytest.raises(DataError, match=r"image 0: its channels are 5, and the network takes 1"):
        run.reconstruct(np.zeros((1, 8, 8, 5), np.uint8), quiet=True)
    with pytest.raises(UsageError, match="pictures must be uint8"):
        run.reconstruct(image / 255.0, quiet=True)
    with pytest.raises(UsageError, match=r"steps must be an integer >= 1\. Received: 0"):
        run.reconstruct(image, steps=0)


def test_the_sheet_has_each_picture_above_its_reconstruction(run: Run) -> None:
    wanted = RANDOM.integers(0, 256, (10, SIDE, SIDE, 1), np.uint8)
    found = run.reconstruct(wanted, steps=1, quiet=True)
    sheet = found.sheet()
    factor = (sheet.shape[0]) // (4 * (SIDE + 2) + 2)
    grid = sheet[:, -(8 * (SIDE + 2) + 2) * factor :][::factor, ::factor]

    def cell(row: int, column: int) -> np.ndarray:
        return grid[row * 10 + 2 :, column * 10 + 2 :][:SIDE, :SIDE]

    for place in range(10):
        line, column = divmod(place, 8)
        np.testing.assert_array_equal(cell(2 * line, column), wanted[place])
        np.testing.assert_array_equal(cell(2 * line + 1, column), found.images[place])
    assert (cell(2, 2) == 255).all()
    assert found._repr_png_() is not None
    many = run.reconstruct(np.repeat(wanted, 10, axis=0), steps=1, quiet=True).sheet()
    lines = MOST_SHOWN // 8
    assert many.shape[0] % (2 * lines * (SIDE + 2) + 2) == 0, "the first 64"


# --- models that are refused


def test_a_model_of_pictures_says_what_to_use(
    trained_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pix2pix = trained_run("pix2pix")
    with pytest.raises(UsageError, match=r"images called `source`, not from latent vectors.*ganctl translate, or run"):
        pix2pix.reconstruct(np.zeros((1, 8, 8, 1), np.uint8))
    write_png(tmp_path / "a.png", np.zeros((8, 8, 1), np.uint8))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(commands, ["reconstruct", "--checkpoint", str(pix2pix.path), "a.png"])
    assert isinstance(done.exception, UsageError)
    assert done.exception.exit_code == 2
    assert "Put pictures through it: ganctl translate" in str(done.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]


def test_a_generator_that_draws_its_own_noise_has_no_vectors(trained_run: Callable[..., Run]) -> None:
    with pytest.raises(UsageError, match="draws its own noise"):
        trained_run("acgan_mnist", {"model.latent_input": "inside"}).reconstruct(np.zeros((1, 28, 28, 1), np.uint8))


def test_classes_of_a_model_without_classes(run: Run) -> None:
    with pytest.raises(UsageError, match="not class-conditional"):
        run.reconstruct(np.zeros((1, 8, 8, 1), np.uint8), classes=[1])


# --- the command


def test_a_walk_between_ones_own_pictures(run: Run, run_cli: RunCli, tmp_path: Path) -> None:
    for number, image in enumerate(np.asarray(run.sample(3, seed=4))):
        write_png(tmp_path / f"mine-{number}.png", image)
    options = ["--steps", 20, "--output", "out", "--json"]
    done = run_cli("reconstruct", "--checkpoint", run.path, "mine-*.png", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    written = np.load(tmp_path / "out" / "latents.npz")
    found = run.reconstruct([str(path) for path in sorted(tmp_path.glob("mine-*"))], steps=20, quiet=True)
    np.testing.assert_allclose(written["latents"], found.latents, atol=1e-5)
    assert written["names"].tolist() == ["mine-0", "mine-1", "mine-2"]
    np.testing.assert_allclose(written["l1"], found.errors, atol=1e-5)
    assert said["l1"] == pytest.approx(found.values["l1"], abs=1e-5)
    assert {"output", "way", "l1_shuffled", "l1_mean_picture", "psnr", "ssim"} <= set(said)
    assert [each["name"] for each in said["pictures"]] == written["names"].tolist()
    assert (said["failed"], said["skipped"]) == ({}, 0)

    made = np.asarray(run.sample(latents=tmp_path / "out" / "latents.npz"))
    walk = np.asarray(run.interpolate(latents=tmp_path / "out" / "latents.npz", frames=2))
    np.testing.assert_array_equal(walk[0, 0], made[0])
    pairs = decode((tmp_path / "out" / "pairs.png").read_bytes(), name="pairs.png").pixels
    factor = pairs.shape[0] // (2 * 10 + 2)
    under = pairs[::factor, -(3 * 10 + 2) * factor :: factor]
    np.testing.assert_array_equal(under[12:20, 2:10], made[0], "the first frame is the reconstruction")
    arguments = ["interpolate", "--checkpoint", run.path, "--latents", "out/latents.npz", "--frames", 2]
    done = run_cli(*arguments, "--output", "walk.png", cwd=tmp_path)
    assert "1 walk through 3 images" in done.stdout
    shown = decode((tmp_path / "walk.png").read_bytes(), name="walk.png").pixels
    first = shown[:: shown.shape[0] // 12, :: shown.shape[0] // 12][2:10, 2:10]
    np.testing.assert_array_equal(first, made[0])


def test_what_the_command_says_of_classes(trained_run: Callable[..., Run], run_cli: RunCli, tmp_path: Path) -> None:
    conditional = trained_run("acgan_mnist", {"model.latent_input": "given"})
    image = np.asarray(conditional.sample(1, classes=[3]))[0]
    write_png(tmp_path / "a.png", image)
    options = ["--classes", "3,7", "--steps", 2]
    done = run_cli("reconstruct", "--checkpoint", conditional.path, "a.png", *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "1 picture by tiny after 8 iterations, 2 steps from the nearest samples"
    assert lines[2] == "no baseline: that takes two pictures"
    written = np.load(tmp_path / "reconstructed" / "latents.npz")
    (number,) = written["labels"].tolist()
    assert lines[3] == f"classes: {number} {number}"
    assert number in (3, 7)
    assert written["class_names"].tolist() == [str(name) for name in range(10)]
    assert lines[4] == (
        "reconstructed/pairs.png, and reconstructed/latents.npz for --latents of sample and interpolate"
    )
    refused = run_cli("reconstruct", "--checkpoint", conditional.path, "a.png", *options, cwd=tmp_path)
    assert refused.returncode == 2
    assert "reconstructed already contains files" in refused.stderr


def test_a_broken_picture_is_named_and_the_others_are_done(run: Run, run_cli: RunCli, tmp_path: Path) -> None:
    write_png(tmp_path / "good.png", np.zeros((8, 8, 1), np.uint8))
    (tmp_path / "bad.png").write_bytes((tmp_path / "good.png").read_bytes()[:40])
    arguments = ["reconstruct", "--checkpoint", run.path, "--steps", 1]
    done = run_cli(*arguments, "good.png", "bad.png", "--json", cwd=tmp_path)
    assert done.returncode == 3
    assert "1 of 2 pictures cannot be read. The others are in reconstructed." in done.stderr
    said = json.loads(done.stdout)
    assert list(said["failed"]) == ["bad.png"]
    assert np.load(tmp_path / "reconstructed" / "latents.npz")["names"].tolist() == ["good"]
    done = run_cli(*arguments, "bad.png", "--output", "none", cwd=tmp_path)
    assert done.returncode == 3
    assert "1 of 1 pictures cannot be read. None was reconstructed." in done.stderr
    assert not (tmp_path / "none").exists()
    (tmp_path / "folder").mkdir()
    (tmp_path / "good.png").rename(tmp_path / "folder" / "good.png")
    (tmp_path / "folder" / "notes.txt").write_text("not a picture")
    done = run_cli(*arguments, "folder", "--output", "some", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "1 file without a picture skipped"
