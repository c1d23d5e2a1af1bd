"""OpenCV, loaded at first use."""

import functools
from types import ModuleType


@functools.cache
def opencv() -> ModuleType:
    """OpenCV, loaded at first use, and silent: broken files are reported in our words, by their path."""
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
