"""Trains the cases and keeps what each run recorded, so that the doctor can be asked again without training.

What a case is worth is computed from the kept run: what the doctor says, since when, and whether its advice cures.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.doctor.pictures import write_pictures
from benchmarks.doctor.sicknesses import Case
from benchmarks.doctor.trainings import run_ganctl
from ganctl.diagnosis.doctor import all_rules, examined
from ganctl.diagnosis.findings import Finding
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.experiment.changes import never_may_be_set
from ganctl.experiment.packaged_configs import find_config
from ganctl.run_folder.losses_csv import Losses
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.vitals_csv import Vitals

MOMENTS = 20
"""How often within a run the doctor is asked, to see when a finding begins."""
FACTS = "laboratory.json"
"""What the laboratory notes in a kept run; a run without it is not complete."""
_QUIETLY = ("--device", "cpu", "--quiet")
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


class HistoryUntil(RunHistory):
    """A run as it was after its first `last` iterations."""

    def __init__(self, whole: RunHistory, last: int) -> None:
        super().__init__(whole.folder)
        self._whole, self._last = whole, last

    @cached_property
    def config(self) -> dict[str, Any]:
        """The experiment."""
        return self._whole.config

    @cached_property
    def losses(self) -> Losses:
        """The rows of losses.csv until then."""
        found = self._whole.losses
        kept = found.column("iteration") <= self._last
        return Losses(found.columns, found.rows[kept], found.empty[kept])

    @cached_property
    def vitals(self) -> Vitals:
        """The rows of vitals.csv until then."""
        found = self._whole.vitals
        return Vitals(found.columns, found.rows[found.column("iteration") <= self._last])

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """The rows of metrics.csv until then."""
        return [row for row in self._whole.metrics if row["iteration"] <= self._last]

    @cached_property
    def log(self) -> list[str]:
        """Nothing: how the run ended was not known."""
        return []


@dataclass(frozen=True)
class Laboratory:
    """Trains cases, each once, and examines what they left behind.

    Attributes:
        folder: keeps pictures and runs.
        changes: of every case, as `--set` takes them.
        say: told of every case.
    """

    folder: Path
    changes: Sequence[str] = ()
    say: Callable[[str], object] = field(default=print)

    def kept(self, case: Case, *, cured: bool = False) -> RunFolder:
        """Where a case's run is kept, or the one that follows its first advice."""
        return RunFolder(self.folder / "runs" / (case.name + ("--cured" if cured else "")))

    def train(self, case: Case) -> None:
        """Train a case unless its run is kept; raises GanctlError if the training fails."""
        folder = self.kept(case)
        if not (folder.path / FACTS).exists():
            self._train(case, folder)
            self.say(f"{case.name}: {self.facts(folder)['seconds']:.0f} s")

    def cure(self, case: Case) -> None:
        """Follow the first advice on a case's sickness, from where it became sick, unless that run is kept."""
        advice, folder = self._examined(case).advice, self.kept(case, cured=True)
        if advice and self.facts(folder).get("advice") != advice:
            self._train(case, folder, advice)
            self.say(f"{folder.path.name}: {advice}, {self.facts(folder)['seconds']:.0f} s")

    def results(self, cases: Sequence[Case]) -> dict[Case, Result]:
        """Examine the kept runs."""
        return {case: self.result(case) for case in cases if (self.kept(case).path / FACTS).exists()}

    def result(self, case: Case) -> Result:
        """Examine a kept run, and the one that followed its first advice if that is kept."""
        sick, folder = self._examined(case), self.kept(case, cured=True)
        if not sick.advice or self.facts(folder).get("advice") != sick.advice:
            return sick
        assert case.sickness is not None
        after = RunHistory.open(folder.path)
        names = {found.name for found in examined(after).findings}
        kid, _ = _last_kid(after)
        better = None
        if kid is not None and sick.kid is not None:
            better = kid < sick.kid - (sick.kid_std or 0.0)
        return replace(sick, cured=case.sickness.name not in names, better=better)

    def finding(self, case: Case, name: str) -> Finding:
        """Return a finding of a kept run by the name of its rule."""
        said = examined(RunHistory.open(self.kept(case).path), [name])
        return said.findings[0]

    @staticmethod
    def facts(folder: RunFolder) -> dict[str, Any]:
        """What the laboratory noted of a kept run; empty if there is none."""
        path = folder.path / FACTS
        found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return found

    def _train(self, case: Case, folder: RunFolder, advice: str = "") -> None:
        pictures = write_pictures(self.folder / "pictures", case.source, case.form)
        shutil.rmtree(folder.path, ignore_errors=True)
        changes = [*case.changes(str(pictures.resolve())), *self.changes]
        further = [advice] if advice else []
        last = _iterations([f"training.iterations={case.iterations}", *further])
        until = min(case.onset or last, last)
        # A sickness that begins later is treated when it has begun, if a run can be resumed so.
        early = [each for each in further if not case.onset or never_may_be_set(each.partition("=")[0])]
        first = _set([*changes, *early, f"training.iterations={until}"])
        config, path = str(find_config(case.base.config)), folder.path.resolve()
        where = ["--output-dir", str(path.parent), "--run-name", path.name, *_QUIETLY]
        seconds, diverged = run_ganctl(["train", config, *first, *where])
        if until < last and not diverged:
            later = _set([*case.sick_changes, *further, f"training.iterations={last}"])
            more, diverged = run_ganctl(["resume", str(path), *later, "--allow-changes", *_QUIETLY])
            seconds += more
        facts = {"seconds": round(seconds, 1), "diverged": diverged, "advice": advice}
        _discard_what_no_rule_reads(folder)
        (folder.path / FACTS).write_text(json.dumps(facts) + "\n")

    def _examined(self, case: Case) -> Result:
        folder = self.kept(case)
        history, facts = RunHistory.open(folder.path), self.facts(folder)
        said = examined(history)
        own = next((each for each in said.findings if case.sickness and each.name == case.sickness.name), None)
        kid, deviation = _last_kid(history)
        return Result(
            said.as_json(),
            first_said(history, [each.name for each in said.findings]),
            held_by_rules(history),
            kid,
            deviation,
            facts["seconds"],
            facts["diverged"],
            own.advice[0].set if own and own.advice else "",
        )


def _discard_what_no_rule_reads(folder: RunFolder) -> None:
    for path in (folder.checkpoints, folder.generators):
        shutil.rmtree(path, ignore_errors=True)
    for path in (folder.report, folder.loss_plot, folder.samples / "evolution.gif"):
        path.unlink(missing_ok=True)


def _last_kid(history: RunHistory) -> tuple[float | None, float | None]:
    last = next((row for row in reversed(history.metrics) if "kid" in row), {})
    return last.get("kid"), last.get("kid_std")


def first_said(history: RunHistory, names: Sequence[str]) -> dict[str, int]:
    """Return for each finding the first of MOMENTS moments of the run from which on the doctor has it."""
    first: dict[str, int] = {}
    for moment in np.ceil(np.linspace(0, history.iterations, MOMENTS + 1)[1:]).astype(int).tolist():
        had = {each.name for each in examined(HistoryUntil(history, moment), names).findings} if names else set()
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
