"""Frames as an MP4 video, written by OpenCV in the best codec that it has."""

import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.errors import UsageError
from ganctl.host.files import replacement_for, shown
from ganctl.images.opencv import opencv
from ganctl.images.resize import to_channels

CODECS = {"avc1": "H.264", "vp09": "VP9", "mp4v": "MPEG-4 part 2"}
"""Codecs by their code in MP4, the most widely played first. Browsers play the first two."""

_TRIED = (64, 48)


@cache
def codec() -> str:
    """Return the code of the first of CODECS that OpenCV can write and read here.

    Which it can depends on how it was built: OpenCV's wheels from PyPI have no encoder of H.264.

    Raises:
        UsageError: it can write none of them.
    """
    width, height = _TRIED
    with tempfile.TemporaryDirectory() as folder:
        for code in CODECS:
            path = Path(folder) / f"{code}.mp4"
            writer = _writer(path, code, 10, width, height)
            if not writer.isOpened():
                continue
            for _ in range(2):
                writer.write(np.zeros((height, width, 3), np.uint8))
            writer.release()
            if [frame.shape for frame in read_mp4(path)] == [(height, width, 3)] * 2:
                return code
    raise UsageError(
        f"This OpenCV has no encoder for MP4; {', '.join(CODECS.values())} were tried. Write FILE.gif instead, or "
        "install `opencv-python-headless` from PyPI, which has one."
    )


def write_mp4(path: Path, frames: Iterable[np.ndarray], fps: int) -> str:
    """Write a video, and return the name of its codec; the file appears whole or not at all.

    The codecs store colour at half the resolution, and so need even sides: to an odd one, a white line is added at the
    right or at the bottom. OpenCV would leave out the last line instead.

    Args:
        path: the file.
        frames: uint8 [H, W, 1] grey or [H, W, 3] RGB, all of one shape, at least one; consumed one at a time.
        fps: frames per second.

    Raises:
        UsageError: OpenCV has no codec, or cannot write such frames.
        OSError: there can be no file at this path.
    """
    code, writer, count = codec(), None, 0
    with replacement_for(path, ".mp4") as temporary:
        temporary.touch()  # OpenCV does not say why it cannot
        try:
            for frame in frames:
                height, width = frame.shape[:2]
                even = np.pad(frame, [(0, height % 2), (0, width % 2), (0, 0)], constant_values=255)
                if writer is None:
                    writer = _writer(temporary, code, fps, even.shape[1], even.shape[0])
                if not writer.isOpened():
                    break
                writer.write(np.ascontiguousarray(to_channels(even, 3)[..., ::-1]))
                count += 1
        finally:
            if writer is not None:
                writer.release()
        if not count or sum(1 for _ in read_mp4(temporary)) != count:  # OpenCV does not say that a disk is full
            raise UsageError(f"{shown(path)} cannot be written as MP4 ({CODECS[code]}). Is the disk full?")
    return CODECS[code]


def read_mp4(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames of a video, uint8 [H, W, 3] RGB; none if it cannot be read."""
    video = opencv().VideoCapture(str(path), opencv().CAP_FFMPEG)
    try:
        while True:
            read, frame = video.read()
            if not read:
                return
            yield frame[..., ::-1]
    finally:
        video.release()


def _writer(path: Path, code: str, fps: int, width: int, height: int) -> Any:
    cv2 = opencv()
    return cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*code), fps, (width, height))
