"""Ctrl-C, SIGTERM and a lost terminal.

During training, a signal is a request: the current call finishes, everything is saved, then the run ends. Outside
of training it ends the command at once, as cleanly as an error does.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, Self

from ganctl.errors import StoppedError

# Windows has no SIGHUP.
_HANGUP = getattr(signal, "SIGHUP", None)
_REQUESTS = [number for number in (signal.SIGINT, signal.SIGTERM, _HANGUP) if number is not None]


class Terminated(SystemExit):
    """SIGTERM or a lost terminal outside of training; a library's `except Exception` does not catch it."""

    @property
    def exit_code(self) -> int:
        """128 and the signal's number."""
        return int(self.code or 0)


# Signals whose exceptions were raised. A library may have swallowed one: pybind11 turns any exception during the import
# of one of its modules into ImportError, and Keras continues without its optional modules.
_raised: list[int] = []


def _raise(number: int, frame: FrameType | None = None) -> NoReturn:
    _raised.append(number)
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(128 + number)


def _raise_what_was_swallowed() -> None:
    if _raised:
        _raise(_raised[0])


@contextmanager
def terminable() -> Iterator[None]:
    """While the body runs, SIGINT raises KeyboardInterrupt, SIGTERM and SIGHUP raise Terminated.

    One that the body swallows or turns into another error is raised at its end, or when an Interruption begins.
    """
    with _handling(_raise, _REQUESTS):
        try:
            yield
        except Exception:
            _raise_what_was_swallowed()
            raise
        else:
            _raise_what_was_swallowed()
        finally:
            _raised.clear()  # they must not reach a later command
            _forget_unhandled_interrupt()


def _forget_unhandled_interrupt() -> None:
    """Let the process end with its own exit code.

    A KeyboardInterrupt that passes through `eval` of a string, as imports do for named tuples, is marked as unhandled
    for good. `python -m` then dies of SIGINT instead of returning the exit code, unless a later `eval` succeeds.
    """
    eval("None")


class Interruption:
    """While the body runs, the first signal is recorded; another Ctrl-C after it stops at once."""

    def __init__(self) -> None:
        self._signal = 0
        self._handlers = _handling(self._handle, _REQUESTS)

    @property
    def requested(self) -> bool:
        """Whether the run should end."""
        return self._signal != 0

    def error(self, message: str) -> StoppedError:
        """Return the error to end the run with: exit code 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP."""
        return StoppedError(message, 128 + self._signal)

    def __enter__(self) -> Self:
        _raise_what_was_swallowed()
        self._handlers.__enter__()
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = number

    def __exit__(self, *_: object) -> None:
        self._handlers.__exit__(None, None, None)


@contextmanager
def _handling(handler: object, numbers: list[int]) -> Iterator[None]:
    """Handle signals while the body runs, except those that are ignored: `nohup` ignores SIGHUP."""
    old = {}
    if threading.current_thread() is threading.main_thread():  # Python lets only the main thread set handlers
        for number in numbers:
            if signal.getsignal(number) is not signal.SIG_IGN:
                old[number] = signal.signal(number, handler)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, before in old.items():
            signal.signal(number, before)
