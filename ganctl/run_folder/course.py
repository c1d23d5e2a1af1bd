"""The course of a run, as run.json records it: each early end and each restart."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from ganctl.run_folder.paths import RunFolder

EARLY_ENDS, RESTARTS = "early_ends", "restarts"
"""The keys of run.json."""


@dataclass(frozen=True)
class _Event:
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
class EarlyEnd(_Event):
    """A run ended before its last iteration, on purpose.

    Attributes:
        iteration: the last iteration before the end.
        planned: `training.iterations` at that time.
        key: the key of the experiment that asked for the end.
        value: that key's value at that time, as text.
        since: the iteration from which the reason held.
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
class Restart(_Event):
    """A run went back to an earlier checkpoint and continued from there with one key changed.

    Attributes:
        number: from 1.
        after: the last iteration before the restart; those after `back_to` were abandoned.
        back_to: the iteration of the checkpoint that the run went back to; 0: the start.
        found: what the doctor found, in words.
        set: the change, as `--set` takes it.
        why: why that may help, in one sentence.
        kept_in: the folder in the run folder that keeps what was abandoned.
        carried_out: whether the run folder has been changed accordingly; if the process is killed before that, the
            next resume does it.
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
    """Return the early ends of a run, in order; none if run.json cannot be read."""
    return early_ends_in(folder.read_info())


def restarts(folder: RunFolder) -> list[Restart]:
    """Return the restarts of a run, in order; none if run.json cannot be read."""
    return restarts_in(folder.read_info())


def early_ends_in(info: Any) -> list[EarlyEnd]:
    """Return the early ends in the content of a run.json."""
    return [end for entry in _entries(info, EARLY_ENDS) if (end := EarlyEnd.of(entry))]


def restarts_in(info: Any) -> list[Restart]:
    """Return the restarts in the content of a run.json."""
    return [restart for entry in _entries(info, RESTARTS) if (restart := Restart.of(entry))]


def add_early_end(folder: RunFolder, end: EarlyEnd) -> None:
    """Record an early end, unless it is the last one recorded already."""
    before = early_ends(folder)
    if before[-1:] != [end]:
        _write(folder, EARLY_ENDS, [*before, end])


def write_restart(folder: RunFolder, restart: Restart) -> None:
    """Record a restart, in place of an entry of the same number."""
    _write(folder, RESTARTS, [*(each for each in restarts(folder) if each.number != restart.number), restart])


def _entries(info: Any, key: str) -> Iterable[Any]:
    entries = info.get(key) if isinstance(info, dict) else None
    return entries if isinstance(entries, list) else []


def _write(folder: RunFolder, key: str, events: Iterable[_Event]) -> None:
    folder.write_info({**folder.read_info(), key: [asdict(event) for event in events]})
