"""Every path that a sweep writes, and what is known of its trials. Each trial has an ordinary run folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ganctl.run_folder.metrics_csv import Metric
from ganctl.run_folder.paths import RunFolder


@dataclass(frozen=True)
class SweepFolder:
    """Everything that a sweep leaves behind."""

    path: Path

    @property
    def base(self) -> Path:
        """The experiment that all trials share, as a file that `ganctl train` takes."""
        return self.path / "base.yaml"

    @property
    def definition(self) -> Path:
        """What the sweep tries and measures; must be the same whenever the sweep is continued."""
        return self.path / "sweep.yaml"

    @property
    def journal(self) -> Path:
        """Optuna's record of the trials, which several processes write."""
        return self.path / "study.journal"

    @property
    def page(self) -> Path:
        """All trials on one page."""
        return self.path / "sweep.html"

    @property
    def choosing(self) -> Path:
        """Lock of the process that is choosing its next trial."""
        return self.path / ".choosing"

    def trial(self, number: int) -> RunFolder:
        """The run folder of a trial."""
        return RunFolder(self.path / f"trial-{number:03d}")

    def claim(self, number: int) -> Path:
        """Lock of the process that works on a trial."""
        return self.path / f".trial-{number:03d}"


class TrialState(StrEnum):
    """What a trial is doing, or how it ended."""

    RUNNING = "running"
    """A process is working on it."""
    WAITING = "waiting"
    """It was interrupted, or its process was killed; the next process that chooses a trial continues it."""
    FINISHED = "finished"
    """It has its score."""
    PRUNED = "pruned"
    """It was stopped because its scores were worse than those of most others after the same number of iterations."""
    DIVERGED = "diverged"
    """Its training diverged."""
    FAILED = "failed"
    """It could not be trained or scored; its note says why."""


@dataclass(frozen=True)
class Trial:
    """A trial of a sweep.

    Attributes:
        number: from 0, in the order in which the trials began.
        values: the values that it tries, by key.
        state: what it is doing, or how it ended.
        score: the objective at its end; None unless it has finished.
        curve: the objective at each evaluation so far, by iteration.
        note: why it failed; empty otherwise.
        folder: its run folder, which may not exist yet.
    """

    number: int
    values: Mapping[str, Any]
    state: TrialState
    score: float | None
    curve: Mapping[int, float]
    note: str
    folder: RunFolder

    @property
    def name(self) -> str:
        """Its name in messages and on the page."""
        return f"trial {self.number}"

    def as_json(self) -> dict[str, Any]:
        """Return the trial as JSON data."""
        return {
            "number": self.number,
            "path": str(self.folder.path),
            "state": self.state.value,
            "score": self.score,
            "values": dict(self.values),
            "curve": [[iteration, value] for iteration, value in self.curve.items()],
            "note": self.note or None,
        }


@dataclass(frozen=True)
class SweepRecord:
    """A sweep, as read from its folder.

    Attributes:
        name: of the sweep.
        folder: where it is.
        objective: the column of metrics.csv that is improved.
        keys: the keys of the space, each with its range in words.
        logarithmic: the keys with a logarithmic range.
        trials: in the order of their numbers.
        base: the number of the trial that has the base experiment's own values; None if there is none.
        importance: the relative importance of each key, in all 1; empty if too few trials have finished.
    """

    name: str
    folder: SweepFolder
    objective: Metric
    keys: Mapping[str, str]
    logarithmic: frozenset[str]
    trials: Sequence[Trial]
    base: int | None
    importance: Mapping[str, float]

    @property
    def ranked(self) -> list[Trial]:
        """The trials that have finished, the best first."""
        return sorted((t for t in self.trials if t.score is not None), key=self._rank)

    @property
    def best(self) -> Trial | None:
        """The best trial; None if none has finished."""
        return next(iter(self.ranked), None)

    @property
    def base_trial(self) -> Trial | None:
        """The trial that has the base experiment's own values; None if there is none."""
        return next((trial for trial in self.trials if trial.number == self.base), None)

    def _rank(self, trial: Trial) -> float:
        assert trial.score is not None
        return trial.score if self.objective.better == "lower" else -trial.score

    def as_json(self) -> dict[str, Any]:
        """Return the sweep as JSON data."""
        return {
            "name": self.name,
            "path": str(self.folder.path),
            "page": str(self.folder.page),
            "objective": {"metric": self.objective.name, "better": self.objective.better},
            "best": self.best.number if self.best else None,
            "base": self.base,
            "importance": dict(self.importance),
            "trials": [trial.as_json() for trial in self.trials],
        }
