"""How far a run has come, and whether it is running, finished, stopped or diverged, from its files alone."""

import re
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from ganctl.errors import DivergedError
from ganctl.host.file_lock import holder_of
from ganctl.run_folder.losses_csv import last_iteration
from ganctl.run_folder.paths import STEP_NAME, RunFolder

STARTED, RESUMED = "started: ", "resumed after iteration "
ENDED, ENDED_EARLY, FINISHED = "ended: ", "ended early after iteration ", "finished "
"""How the lines of log.txt begin that say when the run began and ended."""
_BEGAN = (STARTED, RESUMED)
_TAIL_BYTES = 16_384


class State(StrEnum):
    """What a run is doing, or how it ended."""

    RUNNING = "running"
    """A process holds its folder."""
    FINISHED = "finished"
    """It is complete, or ended early because it got no better (`evaluation.patience`)."""
    STOPPED = "stopped"
    """It is incomplete: it was interrupted, it failed, or its process was killed."""
    DIVERGED = "diverged"
    """It ended because a measurement was not finite, or far too large; resumed, it would diverge again."""


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        done: number of iterations; those after the last checkpoint of a killed run are lost.
        saved: the iteration of its newest checkpoint; None if it has none.
        end: the line of the log about the end of the run; empty if there is none, because it is running or was killed.
        holder: ID of the process that trains it; None if no process does.
    """

    done: int
    saved: int | None
    end: str
    holder: str | None

    @classmethod
    def read(cls, folder: RunFolder) -> Self:
        """Read a run folder in any state."""
        # First, so that if the process ends just now, its last words are still read.
        holder = holder_of(folder.lock)
        saved, end = _newest_checkpoint(folder), "" if holder else _end(folder.log)
        finished = re.match(rf"{FINISHED}(\d{{1,18}}) iterations", end)
        done = [saved or 0, int(finished[1]) if finished else 0]
        with suppress(OSError):
            done.append(last_iteration(folder.losses))
        return cls(max(done), saved, end, holder)

    @property
    def ended_early(self) -> bool:
        """Whether the run ended before its last iteration without an error."""
        return self.end.startswith(ENDED_EARLY)

    def state(self, wanted: int) -> State:
        """Return the state of a run that is to have `wanted` iterations."""
        if self.holder:
            return State.RUNNING
        if self.ended_early or max(self.saved or 0, self.done if self.end.startswith(FINISHED) else 0) >= wanted:
            return State.FINISHED
        return State.DIVERGED if DivergedError.SAYS in self.end else State.STOPPED


def _newest_checkpoint(folder: RunFolder) -> int | None:
    try:
        names = [path.name for path in folder.checkpoints.iterdir()]
    except OSError:
        return None
    return max((int(name) for name in names if STEP_NAME.fullmatch(name)), default=None)


def _end(log: Path) -> str:
    """Return the last line about the end of the run; empty if it was continued after that, or never ended."""
    if not log.is_file():  # opening a pipe would wait for whoever writes to it
        return ""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    told = [line for line in lines if line.startswith((ENDED, ENDED_EARLY, FINISHED, *_BEGAN))]
    return told[-1] if told and not told[-1].startswith(_BEGAN) else ""
