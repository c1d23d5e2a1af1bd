"""Ctrl-C and SIGTERM as requests: the call in flight is finished, everything is saved, then the run ends."""

import signal
import threading
from types import FrameType
from typing import Self

from ganctl.errors import StoppedError


class Interruption:
    """While the body runs, the first SIGINT or SIGTERM is remembered, and a second SIGINT leaves at once."""

    def __init__(self) -> None:
        self._signal = 0

    @property
    def requested(self) -> bool:
        """Whether the run should end."""
        return self._signal != 0

    def error(self, message: str) -> StoppedError:
        """Return the error to end the run with: exit code 130 for SIGINT, 143 for SIGTERM."""
        return StoppedError(message, 128 + self._signal)

    def __enter__(self) -> Self:
        self._old = {}
        if threading.current_thread() is threading.main_thread():  # Python lets only the main thread set handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                self._old[number] = signal.signal(number, self._handle)
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = number

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
