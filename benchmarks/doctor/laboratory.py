"""Trains the cases, and keeps what the doctor says of each: when it first says so, and whether its advice cures."""

import json
import resource
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from benchmarks.doctor.pictures import write_pictures
from benchmarks.doctor.sicknesses import Case
from benchmarks.recipes import run_ganctl
from ganctl.diagnosis.doctor import all_rules, examined
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.errors import GanctlError
from ganctl.experiment.packaged_configs import find_config
from ganctl.run_folder.losses_csv import Losses
from ganctl.run_folder.metrics_csv import read_metrics
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.vitals_csv import Vitals

MOMENTS = 20
"""How often within a run the doctor is asked, to see when a finding begins."""
LAST_POINTS = 3
"""Points of a statistic whose least value counts as what it holds."""


@dataclass(frozen=True)
class Result:
    """What came of a case.

    Attributes:
        findings: as JSON, at the end.
        first_said: by the name of a finding at the end: the first moment at which the doctor had it.
        held: by the name of a rule: what its statistic holds at the end of the run.
        kid, kid_std: of the last evaluation; None without one.
        seconds: processor time of the training.
        exit_code_4: whether the training ended by itself because it diverged.
        advice: the first advice on the case's sickness; empty if there is none.
        cured: whether the run that follows it no longer has the finding; None if there is no such run.
        better: whether its KID is better by more than its deviation; None if that is not known.
    """

    findings: Sequence[dict[str, Any]]
    first_said: dict[str, int]
    held: dict[str, float]
    kid: float | None = None
    kid_std: float | None = None
    seconds: float = 0.0
    exit_code_4: bool = False
    advice: str = ""
    cured: bool | None = None
    better: bool | None = None

    @property
    def names(self) -> set[str]:
        """The findings by name, without notes."""
        return {found["name"] for found in self.findings if found["severity"] != "note"}

    @property
    def all_names(self) -> set[str]:
        """The findings by name."""
        return {found["name"] for found in self.findings}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a kept result."""
        return cls(**json.loads(path.read_text("utf-8")))


class HistoryUntil(RunHistory):
    """A run as it was after so many iterations."""

    def __init__(self, folder: RunFolder, last: int) -> None:
        super().__init__(folder)
        self._last = last

    @cached_property
    def losses(self) -> Losses:
        """The rows of losses.csv until then."""
        found = RunHistory(self.folder).losses
        kept = found.column("iteration") <= self._last
        return Losses(found.columns, found.rows[kept], found.empty[kept])

    @cached_property
    def vitals(self) -> Vitals:
        """The rows of vitals.csv until then."""
        found = RunHistory(self.folder).vitals
        return Vitals(found.columns, found.rows[found.column("iteration") <= self._last])

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """The rows of metrics.csv until then."""
        return [row for row in RunHistory(self.folder).metrics if row["iteration"] <= self._last]

    @cached_property
    def log(self) -> list[str]:
        """Nothing: how the run ended was not known."""
        return []


@dataclass(frozen=True)
class Laboratory:
    """Trains cases, each once.

    Attributes:
        folder: keeps pictures, runs while they are trained, and results.
        cure: also follow the first advice on each sickness that was found.
        changes: of every case, as `--set` takes them.
        say: told of every case.
    """

    folder: Path
    cure: bool = True
    changes: Sequence[str] = ()
    say: Callable[[str], object] = field(default=print)

    def path_of(self, case: Case) -> Path:
        """Where a case's result is kept."""
        return self.folder / "results" / f"{case.name}.json"

    def results(self, cases: Sequence[Case]) -> dict[Case, Result]:
        """Return the results that are kept."""
        return {case: Result.read(self.path_of(case)) for case in cases if self.path_of(case).exists()}

    def run(self, case: Case) -> Result:
        """Return a case's result; train it unless that is kept. Raises GanctlError if the training fails."""
        path = self.path_of(case)
        if path.exists():
            return Result.read(path)
        found = self._examined(case, self._trained(case, case.name))
        if self.cure and found.advice:
            found = self._cured(case, found)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(found), indent=1) + "\n")
        self.say(f"{case.name}: {', '.join(sorted(found.all_names)) or 'nothing'}, {found.seconds:.0f} s")
        return found

    def _trained(self, case: Case, name: str, *further: str) -> tuple[RunFolder, float, bool]:
        """Train a case; returns its folder, the processor time, and whether it diverged."""
        pictures = write_pictures(self.folder / "pictures", case.source, case.form)
        run = self.folder / "runs" / name
        shutil.rmtree(run, ignore_errors=True)
        before = _processor_seconds()
        config = str(find_config(case.base.config))
        changes = [*case.changes(str(pictures.resolve())), *self.changes, *further]
        where = ["--output-dir", str(run.parent.resolve()), "--run-name", name, "--device", "cpu", "--quiet"]
        last = _iterations([f"training.iterations={case.iterations}", *further])
        until = min(case.onset or last, last)
        diverged = _run(["train", config, *_set([*changes, f"training.iterations={until}"]), *where])
        if until < last and not diverged:
            later = _set([*case.sick_changes, *further, f"training.iterations={last}"])
            diverged = _run(["resume", str(run.resolve()), *later, "--allow-changes", "--device", "cpu", "--quiet"])
        return RunFolder(run), _processor_seconds() - before, diverged

    def _examined(self, case: Case, trained: tuple[RunFolder, float, bool]) -> Result:
        folder, seconds, diverged = trained
        history = RunHistory.open(folder.path)
        said = examined(history)
        found = [finding.as_json() for finding in said.findings]
        scores = [row for row in read_metrics(folder.metrics) if "kid" in row]
        own = next((each for each in said.findings if case.sickness and each.name == case.sickness.name), None)
        result = Result(
            found,
            first_said(folder, history.iterations, [each["name"] for each in found]),
            held_by_rules(history),
            scores[-1]["kid"] if scores else None,
            scores[-1].get("kid_std") if scores else None,
            seconds,
            diverged,
            own.advice[0].set if own and own.advice else "",
        )
        shutil.rmtree(folder.path)
        return result

    def _cured(self, case: Case, sick: Result) -> Result:
        """Train the case once more with the advice from where it became sick, and compare."""
        assert case.sickness is not None
        folder, seconds, _ = self._trained(case, f"{case.name}-cured", sick.advice)
        after = self._examined(case, (folder, seconds, False))
        better = None
        if None not in (sick.kid, after.kid):
            better = bool(after.kid < sick.kid - (sick.kid_std or 0.0))  # type: ignore[operator]
        return Result(**{**asdict(sick), "cured": case.sickness.name not in after.all_names, "better": better})


def first_said(folder: RunFolder, iterations: int, names: Sequence[str]) -> dict[str, int]:
    """Return for each finding the first of MOMENTS moments of the run from which on the doctor has it."""
    first: dict[str, int] = {}
    for moment in np.ceil(np.linspace(0, iterations, MOMENTS + 1)[1:]).astype(int).tolist():
        had = {each.name for each in examined(HistoryUntil(folder, moment), names).findings} if names else set()
        first = {name: first.get(name, moment) for name in had}
    return first


def held_by_rules(history: RunHistory) -> dict[str, float]:
    """Return what the statistic of each rule that has one holds: the least of its last points."""
    held = {}
    for name, rule in all_rules().items():
        statistic = getattr(rule.module, "statistic", None)
        if statistic is None:
            continue
        try:
            with np.errstate(all="ignore"):
                values = statistic(history).values
        except Unseen:
            continue
        if len(values) >= LAST_POINTS:
            held[name] = float(values[-LAST_POINTS:].min())
    return held


def _iterations(changes: Sequence[str]) -> int:
    """Return what the last change of the length of the run says."""
    lengths = [change.partition("=")[2] for change in changes if change.startswith("training.iterations=")]
    return int(lengths[-1])


def _set(changes: Sequence[str]) -> list[str]:
    return [word for change in changes for word in ("--set", change)]


def _run(arguments: list[str]) -> bool:
    """Run ganctl; returns whether the training diverged, and raises GanctlError if it failed otherwise."""
    try:
        run_ganctl(arguments)
    except GanctlError as error:
        if "The training has diverged" in str(error):
            return True
        raise
    return False


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
