"""The course of a run, as run.json tells it: each early end, and each restart."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from ganctl.run_folder.paths import RunFolder

EARLY_ENDS, RESTARTS = "early_ends", "restarts"
"""The keys of run.json."""


@dataclass(frozen=True)
class _Turn:
    """Something that happened to a run, as one entry of a list in run.json."""

    @classmethod
    def of(cls, entry: Any) -> Self | None:
        """Return an entry as an object; None if it is not one of this version."""
        if not isinstance(entry, dict):
            return None
        known = {field.name: entry.get(field.name) for field in fields(cls)}
        wrong = [field for field in fields(cls) if type(known[field.name]) is not field.type]
        return None if wrong else cls(**known)


@dataclass(frozen=True)
class EarlyEnd(_Turn):
    """A run ended before its last iteration, on purpose.

    Attributes:
        iteration: after which it ended.
        planned: training.iterations then.
        key: of the experiment, because of which it ended.
        value: that key's value then, as text.
        since: the iteration from which on the reason held.
        why: the reason, as a sentence without its full stop.
    """

    iteration: int
    planned: int
    key: str
    value: str
    since: int
    why: str

    def __str__(self) -> str:
        return f"Ended early after iteration {self.iteration:,} of {self.planned:,}: {self.why}."


@dataclass(frozen=True)
class Restart(_Turn):
    """A run went back to an earlier checkpoint, and on from there with one key changed.

    Attributes:
        number: from 1.
        after: the iteration at which the iterations after `back_to` were abandoned.
        back_to: the iteration of the checkpoint; 0: the start.
        found: what the doctor found, in words.
        set: the change, as `--set` takes it.
        why: why that may help, in one sentence.
        kept_in: the folder in the run folder that keeps what was abandoned.
        carried_out: whether the run folder is as this says; a run that is killed before that does so when it is
            resumed.
    """

    number: int
    after: int
    back_to: int
    found: str
    set: str
    why: str
    kept_in: str
    carried_out: bool

    def __str__(self) -> str:
        to = f"the checkpoint after iteration {self.back_to:,}" if self.back_to else "the start"
        return (
            f"Restart {self.number} after iteration {self.after:,}: {self.found}. Back to {to}, with {self.set}: "
            f"{self.why} What was abandoned is in {self.kept_in}."
        )


def early_ends(folder: RunFolder) -> list[EarlyEnd]:
    """Return how often a run ended early, in order; nothing if run.json cannot be read."""
    return early_ends_in(info_of(folder))


def restarts(folder: RunFolder) -> list[Restart]:
    """Return a run's restarts, in order; nothing if run.json cannot be read."""
    return restarts_in(info_of(folder))


def early_ends_in(info: Any) -> list[EarlyEnd]:
    """Return the early ends that the content of a run.json tells of."""
    return [turn for entry in _entries(info, EARLY_ENDS) if (turn := EarlyEnd.of(entry))]


def restarts_in(info: Any) -> list[Restart]:
    """Return the restarts that the content of a run.json tells of."""
    return [turn for entry in _entries(info, RESTARTS) if (turn := Restart.of(entry))]


def add_early_end(folder: RunFolder, turn: EarlyEnd) -> None:
    """Write down that a run ended early, unless that is the last thing that run.json says."""
    before = early_ends(folder)
    if before[-1:] != [turn]:
        _write(folder, EARLY_ENDS, [*before, turn])


def write_restart(folder: RunFolder, turn: Restart) -> None:
    """Write down a restart, in place of an entry of the same number."""
    _write(folder, RESTARTS, [*(each for each in restarts(folder) if each.number != turn.number), turn])


def info_of(folder: RunFolder) -> dict[str, Any]:
    """Return the content of run.json; empty if it cannot be read."""
    try:
        found = json.loads(folder.info.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _entries(info: Any, key: str) -> Iterable[Any]:
    entries = info.get(key) if isinstance(info, dict) else None
    return entries if isinstance(entries, list) else []


def _write(folder: RunFolder, key: str, turns: Iterable[_Turn]) -> None:
    folder.write_info({**info_of(folder), key: [asdict(turn) for turn in turns]})
