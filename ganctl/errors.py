"""The errors a user sees, each with its exit code.

A message is one line where it can be: what is wrong, where, and what to do. A user's mistake never shows a traceback.

Floor 1. May import nothing.
"""

import difflib
from collections.abc import Iterable


class GanctlError(Exception):
    """The work failed for a reason that the user should read (exit code 1)."""

    exit_code = 1


class UsageError(GanctlError):
    """A command was called in a way that cannot work (exit code 2)."""

    exit_code = 2


class ConfigurationError(GanctlError):
    """The experiment is wrong (exit code 2).

    Args:
        message: what is wrong and what to do.
        key: the dotted key at fault; the reader of the YAML adds its file, line and column.
    """

    exit_code = 2

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


class DataError(GanctlError):
    """The data set is missing, unreadable or unusable (exit code 3)."""

    exit_code = 3


class DivergedError(GanctlError):
    """A loss, gradient or weight is no longer finite, or far beyond any sensible value (exit code 4)."""

    exit_code = 4
    SAYS = "The training has diverged"
    """Part of every message, and so of the log of a run that ended so."""


class SickRunError(GanctlError):
    """The doctor objects to a run (exit code 5)."""

    exit_code = 5


class StoppedError(GanctlError):
    """A signal ended the run after everything was saved (exit code 130, 143 or 129)."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest known name, or an empty string if none is close."""
    lowered = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return f" Did you mean '{lowered[near[0]]}'?" if near else ""
