"""Walks in latent space: where they go, what stays as it is on the way, and what is written of them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import drawn_from_noise, slow_but
from PIL import Image, ImageSequence

from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.errors import UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.game import takes_classes
from ganctl.generation.drawing import generate
from ganctl.generation.walks import (
    MAX_FRAMES,
    follow,
    lerp,
    path_between,
    prepare_files,
    slerp,
    stops_of_seed,
    write_walk,
)
from ganctl.layers.times_noise import TimesNoise
from ganctl.lazy import keras

RANDOM = np.random.default_rng(0)
GIVEN = {"model.latent_input": "given"}
CASES = {
    **{entry.name: (entry.name, GIVEN if entry.name == "acgan_mnist" else {}) for entry in drawn_from_noise()},
    "uniform": ("dense_gan", {"model.latent_distribution": "uniform"}),
    "several inputs": ("decoupled_gan", {"model.noise_inputs": 3}),
    "one-hot classes": ("acgan_mnist", {**GIVEN, "model.class_input": "one_hot"}),
}


def walk(
    generator: Any, rows: int, points: int, frames: int, seed: int, distribution: str, classes: Sequence[int] = ()
) -> Iterator[np.ndarray]:
    """The frames of walks through the images of a seed and back to their starts."""
    stops = stops_of_seed(generator, rows, points, seed, distribution)
    return follow(generator, stops, frames, seed, path_between(distribution), classes)


def test_slerp_keeps_the_length_and_divides_the_angle() -> None:
    start, end = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in RANDOM.normal(size=(2, 5, 16)))
    angle = np.arccos(np.sum(start * end, axis=-1))
    for share in (0.0, 0.25, 0.5, 0.9, 1.0):
        between = slerp(start, end, share)
        np.testing.assert_allclose(np.linalg.norm(between, axis=-1), 1.0, rtol=1e-12)
        np.testing.assert_allclose(np.sum(start * between, axis=-1), np.cos(share * angle), atol=1e-12)
        np.testing.assert_allclose(np.sum(between * end, axis=-1), np.cos((1 - share) * angle), atol=1e-12)


def test_slerp_in_the_plane_is_a_rotation() -> None:
    thirds = slerp(np.array([2.0, 0.0]), np.array([0.0, 2.0]), 1 / 3)
    np.testing.assert_allclose(thirds, [2 * np.cos(np.pi / 6), 2 * np.sin(np.pi / 6)])


def test_slerp_begins_exactly_at_its_start_and_keeps_the_type() -> None:
    start, end = RANDOM.normal(size=(2, 9, 100)).astype(np.float32)
    assert slerp(start, end, 0.0).dtype == np.float32
    np.testing.assert_array_equal(slerp(start, end, 0.0), start)
    np.testing.assert_allclose(slerp(start, end, 1.0), end, rtol=1e-6)


@pytest.mark.parametrize("end", [[3.0, 4.0], [6.0, 8.0], [-3.0, -4.0], [-6.0, -8.0], [0.0, 0.0]])
@pytest.mark.parametrize("nudge", [0.0, 1e-8, 1e-5])
def test_slerp_between_vectors_on_one_line_is_finite_and_ends_where_it_should(end: list[float], nudge: float) -> None:
    start, nudged = np.array([3.0, 4.0]), np.array(end) + np.array([nudge, 0.0])
    way = [slerp(start, nudged, share) for share in np.linspace(0, 1, 9)]
    assert np.isfinite(way).all()
    np.testing.assert_allclose([way[0], way[-1]], [start, nudged], atol=1e-9)
    assert np.linalg.norm(way, axis=-1).max() < 11


def test_a_straight_line_stays_in_the_cube_that_slerp_leaves() -> None:
    corner, other = np.array([1.0, 1.0, 1.0]), np.array([1.0, 1.0, -1.0])
    assert np.abs(lerp(corner, other, 0.5)).max() <= 1
    assert np.abs(slerp(corner, other, 0.5)).max() > 1


@pytest.fixture
def network(small_experiment: Callable[..., Experiment]) -> Callable[..., Any]:
    """Return what builds the generator of a small experiment, its weights enlarged until images differ."""

    def make(model: str, changes: dict[str, Any]) -> tuple[Any, str]:
        experiment = small_experiment(model, changes)
        size, channels = experiment.dataset.image_size, experiment.dataset.channels
        keras.utils.set_random_seed(1)
        generator = make_networks(resolving.resolve(experiment), (size, size, channels), 10)["generator"]
        for variable in generator.trainable_variables:
            variable.assign(2 * variable)
        return generator, experiment.model.latent_distribution

    return make


@pytest.mark.parametrize("case", slow_but(list(CASES)[:2], CASES))
def test_a_walk_goes_through_the_first_samples_of_its_seed(case: str, network: Callable[..., Any]) -> None:
    generator, distribution = network(*CASES[case])
    classes = [7, 2] if takes_classes(generator) else []
    frames = np.stack(list(walk(generator, 2, 3, 4, 5, distribution, classes)))
    samples = np.concatenate(list(generate(generator, 6, 5, distribution, classes)))
    assert frames.dtype == np.uint8
    assert len(np.unique(samples.reshape(6, -1), axis=0)) == 6
    # Another number of images in a batch may round another way.
    np.testing.assert_allclose(frames[::4].astype(int), samples.reshape(3, 2, *samples.shape[1:]).astype(int), atol=1)
    steps = np.abs(np.diff(frames.astype(int), axis=0, append=frames[:1])).mean(axis=(1, 2, 3, 4))
    jump = np.abs(frames[0].astype(int) - frames[4]).mean()
    assert (steps > 0).all()
    assert np.median(steps) < jump, "in small steps, also from the last frame to the first"


def test_a_walk_is_the_same_every_time_and_another_with_another_seed(network: Callable[..., Any]) -> None:
    generator, _ = network("dense_gan", {})
    first, again, other = (np.stack(list(walk(generator, 2, 2, 3, seed, "normal"))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_each_walk_holds_its_class() -> None:
    classes, latent = keras.Input([1], name="classes", dtype="int32"), keras.Input([3])
    shown = keras.layers.Rescaling(0.1)(classes) + 0 * keras.ops.sum(latent, axis=1, keepdims=True)
    generator = keras.Model([classes, latent], keras.layers.Reshape([1, 1, 1])(shown))
    frames = np.stack(list(walk(generator, 3, 2, 2, 0, "normal", [4, 0])))
    assert frames.shape == (4, 3, 1, 1, 1)
    grey = [round((0.1 * number + 1) * 127.5) for number in (4, 0, 4)]
    np.testing.assert_array_equal(frames[..., 0, 0, 0], [grey] * 4)


def test_noise_that_a_layer_draws_is_held() -> None:
    latent = keras.Input([8])
    generator = keras.Model(latent, keras.layers.Reshape([2, 4, 1])(TimesNoise()(0 * latent + 0.5)))
    frames = np.stack(list(walk(generator, 2, 2, 3, 0, "normal")))
    assert (frames == frames[0]).all()
    assert (frames[0, 0] != frames[0, 1]).any()


def test_a_generator_without_latent_vectors_is_refused(network: Callable[..., Any]) -> None:
    generator, _ = network("acgan_mnist", {"model.latent_input": "inside"})
    with pytest.raises(UsageError, match="draws its own noise"):
        next(walk(generator, 1, 2, 2, 0, "normal", [0]))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_has_a_row_for_each_walk_and_an_animation_a_cell(channels: int, tmp_path: Path) -> None:
    walks = RANDOM.integers(0, 256, (5, 6, 4, 3, channels), np.uint8)
    picture, animation = tmp_path / "deep" / "a.png", tmp_path / "deep" / "a.GIF"
    for path in (picture, animation):
        write_walk(prepare_files(path, 0, 5), iter(walks), 5)
    sheet = cv2.imread(str(picture))[..., ::-1][..., :channels]
    assert sheet.shape == (26 * (6 * 6 + 2), 26 * (5 * 5 + 2), channels), "enlarged as far as 1,024 pixels allow"
    sheet = sheet[::26, ::26]
    with Image.open(animation) as file:
        assert file.info["loop"] == 0
        shown = [np.asarray(frame.convert("RGB"))[..., :channels] for frame in ImageSequence.Iterator(file)]
    assert len(shown) == 5
    factor = 128 // 4
    assert shown[0].shape == (factor * 14, factor * 17, channels), "two rows of three, images enlarged to 128 pixels"
    for row in range(6):
        for frame in range(5):
            expected = walks[frame, row].astype(int)
            np.testing.assert_array_equal(sheet[2 + 6 * row :, 2 + 5 * frame :][:4, :3], expected)
            top, left = 2 + 6 * (row // 3), 2 + 5 * (row % 3)
            cell = shown[frame][::factor, ::factor][top : top + 4, left : left + 3]
            # 360 colours of noise have to share a palette of 256.
            assert np.abs(cell - expected).mean() < (1e-9 if channels == 1 else 12)
    assert {path.name for path in picture.parent.iterdir()} == {"a.png", "a.GIF"}


def test_walks_that_nobody_could_look_at_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"501 frames. A walk has at most {MAX_FRAMES}"):
        prepare_files(tmp_path / "a.png", 0, 501)
    large = np.zeros([64, 1024, 1024, 1], np.uint8)
    with pytest.raises(UsageError, match="32,000 images are too many for one picture"):
        write_walk([tmp_path / "a.png"], iter([large]), 500)
    assert not list(tmp_path.iterdir())


def test_where_a_walk_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare_files(None, 3, 32) == [Path("walk-3.png"), Path("walk-3.gif")]
    (tmp_path / "folder.gif").mkdir()
    (tmp_path / "file").write_text("")
    for name in ("walk", "walk.npz", "folder.gif"):
        with pytest.raises(UsageError, match=rf"--output takes FILE.png, FILE.gif or FILE.mp4. Received: {name}"):
            prepare_files(Path(name), 0, 32)
    with pytest.raises(UsageError, match="file cannot be written"):
        prepare_files(Path("file/walk.gif"), 0, 32)
    with pytest.raises(UsageError, match="cannot be written: File name too long"):
        prepare_files(Path("x" * 300 + ".gif"), 0, 32)
