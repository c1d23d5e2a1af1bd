"""OpenCV, loaded at first use."""

import functools
import os
from types import ModuleType


@functools.cache
def opencv() -> ModuleType:
    """Return OpenCV, loaded at first use, and silent: ganctl reports broken files itself, by their path."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET; read when FFmpeg is first used
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
