"""Walks as MP4 films: read back frame by frame."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from ganctl.errors import UsageError
from ganctl.generation.walks import prepare_files, write_walk
from ganctl.images import draw, mp4
from ganctl.images.mp4 import CODECS, codec, read_mp4, write_mp4

RANDOM = np.random.default_rng(0)


@pytest.fixture
def asked_again() -> Iterator[None]:
    """What OpenCV can write is found out again in the test, and after it."""
    codec.cache_clear()
    yield
    codec.cache_clear()


def film(count: int, height: int, width: int, channels: int) -> np.ndarray:
    """Frames of large smooth areas that change: codecs keep those well."""
    coarse = RANDOM.integers(0, 256, (count, 3, 4, channels), np.uint8)
    return np.stack([cv2.resize(frame, (width, height)).reshape(height, width, channels) for frame in coarse])


@pytest.mark.parametrize(("height", "width", "channels"), [(48, 64, 3), (47, 63, 3), (47, 64, 1), (2, 2, 1)])
def test_a_film_has_every_frame_and_every_pixel(height: int, width: int, channels: int, tmp_path: Path) -> None:
    frames = film(5, height, width, channels)
    assert write_mp4(tmp_path / "a.mp4", iter(frames), 10) == CODECS[codec()]
    read = np.stack(list(read_mp4(tmp_path / "a.mp4")))
    even = (height + height % 2, width + width % 2)
    assert read.shape == (5, *even, 3), "no column is lost"
    difference = np.abs(read[:, :height, :width].astype(int) - frames).mean()
    assert difference < 12
    white = np.concatenate([read[:, height:].ravel(), read[:, :, width:].ravel()])
    assert white.mean() > 200 if white.size else True
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_red_is_red_and_the_pace_is_kept(tmp_path: Path) -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 220
    write_mp4(tmp_path / "a.mp4", [red] * 3, 24)
    assert np.abs(next(read_mp4(tmp_path / "a.mp4")).mean(axis=(0, 1)) - [220, 0, 0]).max() < 8
    assert cv2.VideoCapture(str(tmp_path / "a.mp4")).get(cv2.CAP_PROP_FPS) == 24


def test_the_film_of_walks_shows_what_the_animation_shows(tmp_path: Path) -> None:
    """More frames than a picture may have, drawn one by one."""
    shades = np.linspace(0, 255, 6).astype(np.uint8)
    frame = np.broadcast_to(shades[:, None, None, None], (6, 9, 7, 1)).copy()
    drawn = 0

    def frames() -> Iterator[np.ndarray]:
        nonlocal drawn
        for _ in range(501):
            drawn += 1
            yield frame

    paths = prepare_files(tmp_path / "deep" / "a.MP4", 0, 501)
    assert write_walk(paths, frames(), 501, fps=30) == CODECS[codec()]
    read = list(read_mp4(paths[0]))
    assert drawn == len(read) == 501
    sheet = draw.grid(frame, 2, 3)
    assert sheet.shape[:2] == (14 * (2 * 11 + 2), 14 * (3 * 9 + 2))
    assert read[0].shape == (*sheet.shape[:2], 3)
    assert np.abs(read[-1].astype(int) - sheet).mean() < 6


def test_the_best_codec_that_there_is(asked_again: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def named(only: str) -> None:
        real = cv2.VideoWriter_fourcc
        monkeypatch.setattr(cv2, "VideoWriter_fourcc", lambda *code: real(*(code if "".join(code) == only else "none")))

    named("mp4v")
    assert codec() == "mp4v"
    assert write_mp4(tmp_path / "a.mp4", film(3, 48, 64, 3), 10) == "MPEG-4 part 2"
    assert len(list(read_mp4(tmp_path / "a.mp4"))) == 3


def test_without_a_codec_nothing_is_drawn_and_the_message_says_what_to_do(
    asked_again: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert codec() in CODECS
    codec.cache_clear()
    monkeypatch.setattr(mp4, "_writer", lambda *_: cv2.VideoWriter())  # one that is not open
    with pytest.raises(UsageError, match=r"no encoder for MP4; H\.264, VP9, .* Write FILE\.gif instead") as raised:
        prepare_files(tmp_path / "a.mp4", 0, 10)
    assert raised.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", ""), "FFmpeg is silent about codecs that it lacks"


def test_a_film_that_cannot_be_written_whole_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4, "read_mp4", lambda path: iter(()))
    codec.cache_clear()
    with pytest.raises(UsageError, match="no encoder"):
        codec()
    monkeypatch.undo()
    codec.cache_clear()
    codec()
    monkeypatch.setattr(mp4, "read_mp4", lambda path: iter(()))
    with pytest.raises(UsageError, match=r"a\.mp4 cannot be written as MP4 \(.*\)\. Is the disk full"):
        write_mp4(tmp_path / "a.mp4", film(3, 48, 64, 3), 10)
    assert list(tmp_path.iterdir()) == []


def test_a_film_where_no_file_can_be_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    frames = film(3, 48, 64, 3)[:, None]
    long = tmp_path / f"{'x' * 240}.mp4"  # too long once it has its temporary name
    with pytest.raises(UsageError, match=r"x\.mp4 cannot be written: File name too long\."):
        write_walk([long], iter(frames), 3)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
