"""Walks as they are asked for: seeds, own latent vectors, truncation along the way, directions, loops or not."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import RunCli
from small_runs import train

from ganctl import load
from ganctl.errors import DataError, UsageError
from ganctl.generation.found_directions import deviation
from ganctl.generation.walk_request import WalkRequest
from ganctl.generation.walks import (
    follow,
    frame_count,
    lerp,
    path_between,
    slerp,
    stops_along,
    stops_of_latents,
    stops_of_seed,
    stops_of_seeds,
)
from ganctl.images.mp4 import CODECS, read_mp4
from ganctl.lazy import keras
from ganctl.run_folder.paths import RunFolder
from ganctl.runs import Run

RANDOM = np.random.default_rng(0)
SCALE = 0.05


def shows_its_vector(size: int = 6, scale: float = SCALE) -> Any:
    """A generator whose grey levels are its latent vector: level = 127.5 (1 + scale z), clipped."""
    return keras.Sequential([keras.Input([size]), keras.layers.Rescaling(scale), keras.layers.Reshape([1, size, 1])])


def vectors(frames: Any, scale: float = SCALE) -> np.ndarray:
    """The latent vectors [frames, rows, size] that frames of `shows_its_vector` show, to half a grey level."""
    levels = np.stack(list(frames))[:, :, 0, :, 0].astype(float)
    return (levels / 127.5 - 1) / scale


EXACT = 0.5 / 127.5 / SCALE + 1e-6
"""Half a grey level, in latent space."""


@pytest.fixture(scope="module")
def run(small_experiment: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return load(
        _trained(small_experiment("dense_gan", {"model": {"name": "dense_gan", "latent_dim": 4}}), tmp_path_factory)
    )


@pytest.fixture(scope="module")
def conditional_run(small_experiment: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return load(_trained(small_experiment("acgan_mnist", {"model.latent_input": "given"}), tmp_path_factory))


def _trained(experiment: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = RunFolder.create(tmp_path_factory.mktemp("walked"), "run", explicit=True)
    train(experiment, folder)
    return folder.path


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_the_first_frame_is_what_sample_draws_to_the_last_bit(rows: int, run: Run, conditional_run: Run) -> None:
    for each in (run, conditional_run):
        walks = np.asarray(each.interpolate(rows, points=2, frames=2, seed=5))
        np.testing.assert_array_equal(walks[:, 0], np.asarray(each.sample(rows, seed=5)))


def test_seeds_are_visited_in_their_order(run: Run, conditional_run: Run) -> None:
    for each, rows in ((run, 1), (run, 2), (conditional_run, 3)):
        walks = np.asarray(each.interpolate(rows, seeds=[4, 0, 9], frames=3))
        assert walks.shape[:2] == (rows, 9)
        for place, seed in enumerate([4, 0, 9]):
            samples = np.asarray(each.sample(rows, seed=seed))
            np.testing.assert_allclose(walks[:, 3 * place].astype(int), samples.astype(int), atol=1)
        np.testing.assert_array_equal(walks[:, 0], np.asarray(each.sample(rows, seed=4)))
    assert run.interpolate(seeds=[1, 2], frames=1).shape[0] == 1
    assert conditional_run.interpolate(seeds=[1, 2], frames=1).shape[0] == 10, "one for each class"


def test_a_walk_without_loop_ends_with_its_last_point(run: Run) -> None:
    walks = np.asarray(run.interpolate(seeds=[1, 2, 3], frames=4, loop=False))
    assert walks.shape[1] == frame_count(3, 4, loop=False) == 9
    looped = np.asarray(run.interpolate(seeds=[1, 2, 3], frames=4))
    np.testing.assert_array_equal(walks, looped[:, :9])
    np.testing.assert_allclose(walks[:, -1].astype(int), np.asarray(run.sample(1, seed=3)).astype(int), atol=1)


def test_own_vectors_are_visited(run: Run, tmp_path: Path) -> None:
    latent = run.latents(6, seed=2)
    assert latent.dtype == np.float32
    np.testing.assert_array_equal(run.sample(latents=latent), run.sample(6, seed=2))
    np.savez(tmp_path / "a.npz", latents=latent)
    np.testing.assert_array_equal(run.sample(4, latents=tmp_path / "a.npz"), run.sample(4, seed=2))
    one = np.asarray(run.interpolate(latents=latent, frames=2))
    assert one.shape[:2] == (1, 12)
    np.testing.assert_allclose(one[0, ::2].astype(int), np.asarray(run.sample(6, seed=2)).astype(int), atol=1)
    two = np.asarray(run.interpolate(latents=latent.reshape(2, 3, -1), frames=2))
    assert two.shape[:2] == (2, 6)
    expected = np.asarray(run.sample(6, seed=2)).astype(int).reshape(2, 3, *two.shape[2:])
    np.testing.assert_allclose(two[:, ::2].astype(int), expected, atol=1)


def test_every_class_walks_through_the_same_vectors(conditional_run: Run) -> None:
    latent = conditional_run.latents(2, seed=2)
    walks = np.asarray(conditional_run.interpolate(latents=latent, classes=[3, 1], frames=1))
    for row, number in enumerate([3, 1]):
        expected = np.asarray(conditional_run.sample(latents=latent, classes=[number])).astype(int)
        np.testing.assert_allclose(walks[row].astype(int), expected, atol=1)


@pytest.mark.parametrize("psi", [0.3, 0.9])
def test_truncation_holds_along_the_way(psi: float) -> None:
    """On a great circle between two corners of a cube, entries grow beyond it."""
    network, exact = shows_its_vector(40, 0.5), EXACT * SCALE / 0.5
    stops = stops_of_seed(network, 3, 4, 0, "normal", psi)
    assert np.abs(stops[0]).max() <= psi
    free, held = (
        vectors(follow(network, stops, 6, 0, slerp, truncation=truncation), 0.5) for truncation in (None, psi)
    )
    assert np.abs(free).max() > psi + 3 * exact
    assert np.abs(held).max() <= psi + exact
    np.testing.assert_allclose(held, np.clip(free, -psi, psi), atol=2 * exact)


def test_truncated_walks_begin_with_truncated_samples(run: Run) -> None:
    walks = np.asarray(run.interpolate(3, points=2, frames=2, seed=5, truncation=0.5))
    np.testing.assert_array_equal(walks[:, 0], np.asarray(run.sample(3, seed=5, truncation=0.5)))


def test_many_frames_are_drawn_together_and_none_is_lost() -> None:
    network = shows_its_vector()
    for rows, points, frames in ((1, 2, 130), (50, 2, 3), (130, 2, 2)):
        stops = stops_of_seed(network, rows, points, 1, "normal")
        found = vectors(follow(network, stops, frames, 1, lerp))
        assert found.shape == (points * frames, rows, 6)
        start, end = stops[0]
        for number in range(frames):
            np.testing.assert_allclose(found[number], lerp(start, end, number / frames), atol=EXACT)
            np.testing.assert_allclose(found[frames + number], lerp(end, start, number / frames), atol=EXACT)


def test_along_a_direction_to_both_sides_and_back() -> None:
    network = shows_its_vector()
    start = stops_of_seeds(network, 2, [3], "normal")
    direction = np.array([0, 1, 0, 0, 0, 0], np.float32)
    found = vectors(follow(network, stops_along(network, start, direction, 3.0), 2, 0, lerp))
    assert found.shape == (8, 2, 6)
    for frame, share in enumerate([0, 1.5, 3, 1.5, 0, -1.5, -3, -1.5]):
        np.testing.assert_allclose(found[frame], start[0][0] + share * direction, atol=EXACT)


def test_uniform_vectors_walk_straight_and_their_directions_are_shorter() -> None:
    assert path_between("uniform") is lerp
    assert path_between("normal") is slerp
    assert deviation("normal") == 1.0
    assert deviation("uniform") == pytest.approx(np.random.default_rng(0).uniform(-1, 1, 100_000).std(), rel=0.01)


def test_another_number_of_walks_than_vectors() -> None:
    network = shows_its_vector()
    given = RANDOM.normal(size=(2, 3, 6)).astype(np.float32)
    assert stops_of_latents(network, None, given)[0].shape == (3, 2, 6)
    np.testing.assert_array_equal(stops_of_latents(network, 2, given)[0][1], given[:, 1])
    with pytest.raises(UsageError, match="those of 2 walks, not of 3"):
        stops_of_latents(network, 3, given)
    assert stops_of_latents(network, 3, given[0])[0].shape == (3, 3, 6), "all walks visit them"


@pytest.mark.parametrize(
    ("wishes", "answer"),
    [
        ({"points": 3, "seeds": [1, 2]}, "points and seeds exclude each other"),
        ({"seeds": [1, 2], "latents": np.zeros((2, 6))}, "seeds and latents exclude each other"),
        ({"points": 3, "direction": np.zeros(6)}, "points and direction exclude each other"),
        (
            {"latents": np.zeros((2, 6)), "truncation": 0.5},
            "truncation .* are drawn, and latents gives them",
        ),
        ({"strength": 2.0}, "strength is how far the walks go along a direction"),
        ({"seeds": [1]}, "at least two seeds .* Received: 1"),
        ({"latents": np.zeros((1, 6))}, "at least two latent vectors .* Received: 1"),
    ],
)
def test_wishes_that_exclude_each_other(wishes: dict[str, Any], answer: str) -> None:
    with pytest.raises(UsageError, match=answer) as raised:
        WalkRequest(**wishes)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("wrong", "answer"),
    [
        (
            lambda run: run.interpolate(latents=np.zeros((3, 9))),
            "latents: the latent vectors .* have 4 numbers. Received: 9",
        ),
        (lambda run: run.sample(latents=np.zeros((3, 9))), "have 4 numbers. Received: 9"),
        (lambda run: run.interpolate(direction=np.zeros(9)), "direction: the latent vectors .* have 4 numbers"),
        (lambda run: run.interpolate(direction=[np.inf, 0, 0, 0]), "direction contains a number that is not finite"),
        (lambda run: run.interpolate(latents=[["a"]]), "latents should be numbers"),
        (lambda run: run.sample(latents="nowhere.npz"), "nowhere.npz does not exist"),
    ],
)
def test_vectors_that_do_not_fit(wrong: Any, answer: str, run: Run) -> None:
    with pytest.raises(DataError, match=answer):
        wrong(run)


@pytest.mark.parametrize(
    ("wrong", "answer"),
    [
        (lambda run: run.sample(5, latents=np.zeros((3, 4))), "num: latents has only 3 latent vectors. Received: 5"),
        (
            lambda run: run.sample(latents=np.zeros((3, 4)), truncation=0.5),
            "truncation .* are drawn, and latents gives them",
        ),
        (lambda run: run.sample(latents=5), r"latents must be latent vectors \[N, size\]"),
        (lambda run: run.interpolate(seeds="12"), "seeds must be a list of integers >= 0. Received: '12'"),
        (lambda run: run.interpolate(seeds=[1, -1]), "seeds must be a list of integers >= 0"),
        (lambda run: run.interpolate(strength=0), "strength must be a number > 0"),
        (lambda run: run.interpolate(direction=1.5), "direction must be the number or name of a direction"),
        (lambda run: run.latents(0), "num must be an integer >= 1"),
    ],
)
def test_mistakes_in_python(wrong: Any, answer: str, run: Run) -> None:
    with pytest.raises(UsageError, match=answer):
        wrong(run)


# --- the commands


def one_line(done: Any, code: int) -> str:
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1
    return str(done.stderr)


def test_a_film_of_chosen_seeds_from_the_command_line(run: Run, run_cli: RunCli, tmp_path: Path) -> None:
    options = ["--seeds", "4, 0", "--truncation", 0.7, "--no-loop", "--frames", 3, "--fps", 20, "--output", "a.mp4"]
    done = run_cli("interpolate", "--checkpoint", run.path, *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    codec = done.stdout.strip().rpartition(" (")[2].rstrip(")")
    assert codec in CODECS.values()
    assert done.stdout.startswith("1 walk through 2 images of tiny after 8 iterations: a.mp4")
    read = np.stack(list(read_mp4(tmp_path / "a.mp4")))
    assert cv2.VideoCapture(str(tmp_path / "a.mp4")).get(cv2.CAP_PROP_FPS) == 20
    factor = 128 // 8
    assert read.shape == (4, factor * 12, factor * 12, 3)
    walk = np.asarray(run.interpolate(seeds=[4, 0], truncation=0.7, loop=False, frames=3))[0]
    shown = read[:, 2 * factor : 10 * factor, 2 * factor : 10 * factor][:, factor // 2 :: factor, factor // 2 :: factor]
    assert np.abs(shown.astype(int) - walk).mean() < 12


def test_own_vectors_from_the_command_line(run: Run, run_cli: RunCli, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", latents=run.latents(3, seed=9))
    sample = ["sample", "--checkpoint", run.path, "--latents", "mine.npz"]
    done = run_cli(*sample, "--output", "a.npz", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["images"], run.sample(3, seed=9))
    assert "3 images of tiny" in done.stdout
    walk = ["interpolate", "--checkpoint", run.path, "--latents"]
    done = run_cli(*walk, "mine.npz", "--frames", 2, "--output", "a.png", cwd=tmp_path)
    assert "1 walk through 3 images of" in done.stdout
    np.savez(tmp_path / "long.npz", latents=np.zeros((3, 5)))
    np.savez(tmp_path / "odd.npz", latents=np.full((3, 4), np.inf))
    for arguments, code, answer in (
        ([*sample, "--num", 4], 2, "num: mine.npz has only 3 latent vectors. Received: 4"),
        ([*sample, "--truncation", 0.5], 2, "truncation is for latent vectors that are drawn, and mine.npz gives them"),
        ([*sample[:-1], "long.npz"], 3, "long.npz: the latent vectors of this generator have 4 numbers. Received: 5"),
        ([*walk, "long.npz"], 3, "long.npz: the latent vectors of this generator have 4 numbers. Received: 5"),
        ([*walk, "odd.npz"], 3, "odd.npz: `latents` contains a number that is not finite"),
        ([*walk, "none.npz"], 3, "none.npz does not exist"),
        ([*walk, "mine.npz", "--rows", 2, "--seeds", "1,2"], 2, "seeds and latents exclude each other"),
        ([*walk[:-1], "--seed", 0, "--seeds", "1,2"], 2, "--seed and --seeds exclude each other"),
    ):
        assert answer in one_line(run_cli(*arguments, cwd=tmp_path), code)
    refused = run_cli("interpolate", "--checkpoint", run.path, "--seeds", "1,x", cwd=tmp_path)
    assert refused.returncode == 2
    assert "'1,x' is not a comma-separated list of seeds" in refused.stderr


def test_classes_by_name_from_the_command_line(conditional_run: Run, run_cli: RunCli, tmp_path: Path) -> None:
    """The labels of the tiny data are digits, which are their names."""
    path = conditional_run.path
    done = run_cli("sample", "--checkpoint", path, "--num", 3, "--classes", "7,2", "--output", "new", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "classes: 7 7, 2 2"
    assert sorted(each.name for each in (tmp_path / "new").iterdir()) == ["0-7.png", "1-2.png", "2-7.png"]
    done = run_cli("sample", "--checkpoint", path, "--num", 3, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "classes: 0 0, 1 1, 2 2 (the first 3 of 10; a larger --num draws more)"
    refused = run_cli("sample", "--checkpoint", path, "--classes", "sneaker", cwd=tmp_path)
    assert "no class is called 'sneaker'" in one_line(refused, 2)
