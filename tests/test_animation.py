"""GIFs, and samples/evolution.gif: the sample grids of a run as an animation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence
from small_runs import resume, train

from ganctl.experiment.experiment import Experiment
from ganctl.images.draw import write_png
from ganctl.images.gif import write_gif
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks import evolution
from ganctl.training.hooks.evolution import write_evolution


def frames_of(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """The frames [H, W, 3] of a GIF, and how long each is shown."""
    with Image.open(path) as file:
        shown = [(np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(file)]
    return [frame for frame, _ in shown], [milliseconds for _, milliseconds in shown]


def grey(level: int, side: int = 40) -> np.ndarray:
    """A gradient, brighter with the level."""
    return np.clip(np.arange(side)[:, None] + np.arange(side) + level, 0, 255).astype(np.uint8)[..., np.newaxis]


def colours(level: int) -> np.ndarray:
    """Few colours, others for every level."""
    image = np.zeros([40, 40, 3], np.uint8)
    image[:20, :, 0], image[:, :20, 1], image[10:30, 10:30, 2] = 255 - level, 2 * level, 100 + level
    return image


@pytest.mark.parametrize("one_palette", [True, False])
@pytest.mark.parametrize("draw", [grey, colours])
def test_a_gif_shows_every_frame_enlarged(draw: Callable[[int], np.ndarray], one_palette: bool, tmp_path: Path) -> None:
    frames = [draw(level) for level in (0, 40, 80, 100)]
    write_gif(tmp_path / "a.gif", iter(frames), 120, hold=900, one_palette=one_palette, factor=12)
    shown, milliseconds = frames_of(tmp_path / "a.gif")
    assert milliseconds == [120, 120, 120, 900]
    for expected, found in zip(frames, shown, strict=True):
        large = np.broadcast_to(expected, [40, 40, 3]).repeat(12, axis=0).repeat(12, axis=1)
        np.testing.assert_allclose(found.astype(int), large.astype(int), atol=0 if draw is grey else 3)
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


@pytest.mark.parametrize(("one_palette", "decibels"), [(True, 26), (False, 31)])
def test_many_colours_have_a_good_palette(one_palette: bool, decibels: float, tmp_path: Path) -> None:
    across, down = np.meshgrid(np.linspace(0, 255, 64), np.linspace(0, 255, 64))
    frames = [np.stack([across, down, np.full([64, 64], blue)], axis=-1).astype(np.uint8) for blue in (0, 128, 255)]
    write_gif(tmp_path / "a.gif", frames, 100, one_palette=one_palette, factor=8)
    for expected, found in zip(frames, frames_of(tmp_path / "a.gif")[0], strict=True):
        error = found[::8, ::8].astype(float) - expected
        assert 10 * np.log10(255**2 / np.mean(error**2)) > decibels


def test_large_frames_are_shrunk(tmp_path: Path) -> None:
    write_gif(tmp_path / "a.gif", [grey(level, 1500) for level in (0, 50)], 100)
    shown, _ = frames_of(tmp_path / "a.gif")
    assert [frame.shape for frame in shown] == [(1024, 1024, 3)] * 2


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "run", explicit=True)


def test_an_evolution_shows_the_grids_in_their_order_and_holds_the_last(folder: RunFolder) -> None:
    levels = {0: 0, 80: 30, 160: 60, 1_000_000_000: 90}  # the last name is longer than the others
    for step, level in levels.items():
        write_png(folder.sample_grid(step), grey(level))
    write_png(folder.real_samples, grey(200))
    write_evolution(folder)
    shown, milliseconds = frames_of(folder.evolution)
    for level, frame in zip(levels.values(), shown, strict=True):
        np.testing.assert_array_equal(frame, np.broadcast_to(grey(level), [40, 40, 3]))
    assert milliseconds == [500, 500, 500, 2000]


def test_damaged_grids_and_those_of_another_size_are_left_out(folder: RunFolder) -> None:
    for step in range(8):
        write_png(folder.sample_grid(step), grey(10 * step))
    folder.sample_grid(0).write_bytes(b"")
    folder.sample_grid(2).write_bytes(folder.sample_grid(2).read_bytes()[:-40])
    write_png(folder.sample_grid(3), grey(30, side=50))
    write_png(folder.sample_grid(4), np.zeros([40, 40, 3], np.uint8))
    folder.sample_grid(6).unlink()
    folder.sample_grid(6).mkdir()
    folder.sample_grid(7).write_bytes(b"\x89PNG\r\n\x1a\n")
    write_evolution(folder)
    shown, _ = frames_of(folder.evolution)
    assert [frame[0, 0, 0] for frame in shown] == [10, 50]


def test_without_grids_there_is_no_animation(folder: RunFolder) -> None:
    write_evolution(folder)
    folder.sample_grid(0).write_bytes(b"no picture")
    write_evolution(folder)
    assert not folder.evolution.exists()


def test_of_a_long_run_some_grids_are_taken_the_first_and_the_last_among_them(folder: RunFolder) -> None:
    for step in range(150):
        write_png(folder.sample_grid(step), grey(step, side=4))
    write_evolution(folder)
    shown, milliseconds = frames_of(folder.evolution)
    levels = [int(frame[0, 0, 0]) for frame in shown]
    assert (levels[0], levels[-1], len(levels)) == (0, 149, evolution.EVOLUTION_FRAMES)
    assert set(np.diff(levels)) == {2, 3}
    assert milliseconds == [100] * (len(levels) - 1) + [2000]


@pytest.mark.slow
def test_a_resumed_run_shows_its_whole_history(small_experiment: Callable[..., Experiment], folder: RunFolder) -> None:
    experiment = small_experiment("dense_gan", {"training.iterations": 4, "outputs.sample_every": 2})
    train(experiment, folder)
    before, _ = frames_of(folder.evolution)
    longer = experiment.with_keys("training", iterations=8)
    resume(longer, folder, allow_changes=True)
    after, milliseconds = frames_of(folder.evolution)
    assert (len(before), len(after)) == (3, 5)
    np.testing.assert_array_equal(after[:3], before)
    assert milliseconds[-1] == 2000
