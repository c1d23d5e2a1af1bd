"""Examines a run by every rule, and names the rules that could not judge it."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ganctl.diagnosis import rules
from ganctl.diagnosis.findings import Advice, Finding, Found, Severity, worst_first
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.errors import GanctlError
from ganctl.experiment.yaml_source import parse_yaml
from ganctl.run_folder.paths import RunFolder


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes:
        name: the name of its file.
        title: the first line of its docstring, without the full stop: what is wrong.
        module: its file.
    """

    name: str
    title: str
    module: ModuleType

    def examine(self, history: RunHistory) -> list[Finding]:
        """Return its findings; raises `Unseen` if the run lacks what it judges by."""
        yielded: Iterable[Found] = self.module.examine(history)
        findings = []
        for found in yielded:
            advised = self.advice(history) if found.advice is None else found.advice
            changes = tuple(each for each in advised if not _is_so_already(history, each))
            findings.append(Finding(self.name, self.title, found, changes))
        return findings

    def advice(self, history: RunHistory) -> Sequence[Advice]:
        """Return the changes that it always advises; none if they depend on the finding."""
        advise: Callable[[RunHistory], Sequence[Advice]] | None = getattr(self.module, "advice", None)
        return advise(history) if advise else ()


@dataclass(frozen=True)
class Examination:
    """The result of an examination.

    Attributes:
        findings: the worst first; empty if the run is healthy.
        unseen: what is missing, by the name of each rule that could not judge.
    """

    findings: tuple[Finding, ...]
    unseen: dict[str, str]

    @property
    def serious(self) -> bool:
        """Whether a finding is serious."""
        return any(found.severity is Severity.SERIOUS for found in self.findings)

    def as_json(self) -> list[dict[str, Any]]:
        """Return the findings as JSON data."""
        return [found.as_json() for found in self.findings]

    def __str__(self) -> str:
        """Return findings and missing measurements in words."""
        healthy = "healthy: nothing found" if not self.unseen else "nothing found in what could be seen"
        lines = [str(found) for found in self.findings] or [healthy]
        return "\n".join([*lines, *self._unseen_in_words()])

    @property
    def reasons(self) -> dict[str, list[str]]:
        """The rules that could not judge, by what is missing."""
        by_reason: dict[str, list[str]] = {}
        for name, reason in self.unseen.items():
            by_reason.setdefault(reason, []).append(name)
        return by_reason

    def _unseen_in_words(self) -> list[str]:
        lines = [f"  {reason}: {', '.join(names)}" for reason, names in self.reasons.items()]
        return ["", "not seen, because", *lines] if lines else []


def _is_so_already(history: RunHistory, advice: Advice) -> bool:
    key, _, value = advice.set.partition("=")
    wanted: object = parse_yaml(value, key).data
    return wanted == history.setting(key)


@cache
def all_rules() -> dict[str, Rule]:
    """Return every rule by name: each file in `rules` whose name does not begin with an underscore."""
    names = sorted(found.name for found in pkgutil.iter_modules(rules.__path__) if not found.name.startswith("_"))
    modules = {name: importlib.import_module(f"{rules.__name__}.{name}") for name in names}
    return {name: Rule(name, title_of(module), module) for name, module in modules.items()}


def title_of(module: ModuleType) -> str:
    """Return the first line of a rule's docstring, without the full stop."""
    return (module.__doc__ or "").strip().splitlines()[0].rstrip(".")


def examine(path: Path) -> Examination:
    """Examine the run in a folder; raises UsageError if there is nothing to examine."""
    return examined(RunHistory.open(path))


def examine_quietly(folder: RunFolder, names: Sequence[str] = ()) -> Examination:
    """Examine a run by the named rules, by default all; a run that cannot be examined has no findings."""
    history = RunHistory(folder)
    try:
        history.check()
    except (GanctlError, OSError, ValueError):  # a page or a log is worth more than the reason
        return Examination((), {})
    return examined(history, names)


def examined(history: RunHistory, names: Sequence[str] = ()) -> Examination:
    """Examine a run by the named rules, by default all."""
    found: list[Finding] = []
    unseen: dict[str, str] = {}
    for rule in all_rules().values():
        if names and rule.name not in names:
            continue
        try:
            with np.errstate(all="ignore"):
                found += rule.examine(history)
        except Unseen as reason:
            unseen[rule.name] = str(reason)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # A file edited by hand can hold anything; the other rules still apply.
            unseen[rule.name] = f"a file of the run holds what it cannot judge ({type(error).__name__})"
    return Examination(tuple(worst_first(found)), unseen)
