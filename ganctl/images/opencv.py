"""OpenCV, loaded at first use."""

import functools
from types import ModuleType


@functools.cache
def opencv() -> ModuleType:
    """Return OpenCV, loaded at first use, and silent: ganctl reports broken files itself, by their path."""
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
