"""Findings of the doctor, each with its evidence and the changes to try."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad a finding is, from the least."""

    NOTE = "note"
    """Worth knowing; the run is healthy."""
    WARNING = "warning"
    """The result will be worse than it could be."""
    SERIOUS = "serious"
    """The run will fail if nothing is changed."""


@dataclass(frozen=True)
class Advice:
    """A change to try.

    Attributes:
        set: `key=value`, as `--set` takes it.
        why: one sentence.
    """

    set: str
    why: str


@dataclass(frozen=True)
class Found:
    """What a rule yields; the doctor adds the name, the title and the usual advice of the rule.

    Attributes:
        severity: how bad it is.
        since: the iteration from which it holds; 0: from the start.
        says: one sentence with the numbers.
        curve: the column of losses.csv, metrics.csv or vitals.csv that shows it; empty without one.
        numbers: the numbers in the sentence, and others, by name.
        advice: changes for this case; None: the usual advice of the rule.
    """

    severity: Severity
    since: int
    says: str
    curve: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    advice: Sequence[Advice] | None = None


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a run.

    Attributes:
        name: of the rule that found it.
        title: what is wrong, in one sentence.
        found: severity, beginning and evidence.
        advice: changes to try, the best first.
    """

    name: str
    title: str
    found: Found
    advice: tuple[Advice, ...] = ()

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.found.severity

    @property
    def since(self) -> int:
        """The iteration from which it holds; 0: from the start."""
        return self.found.since

    def as_json(self) -> dict[str, Any]:
        """Return the finding as JSON data."""
        return {
            "name": self.name,
            "title": self.title,
            "severity": str(self.severity),
            "since": self.since,
            "evidence": {
                "says": self.found.says,
                "curve": self.found.curve,
                "numbers": {name: float(f"{value:.6g}") for name, value in self.found.numbers.items()},
            },
            "advice": [{"set": each.set, "why": each.why} for each in self.advice],
        }

    def __str__(self) -> str:
        """Return the finding in words: what is wrong since when, the evidence, and the changes to try."""
        lines = [f"{self.severity}: {self.title}, {self.when}", f"  {self.found.says}"]
        return "\n".join([*lines, *(f"  try  --set '{each.set}'  {each.why}" for each in self.advice)])

    @property
    def when(self) -> str:
        """The beginning in words."""
        return f"since iteration {self.since:,}" if self.since else "from the start"


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings by severity, the worst first, then by when they began."""
    ranks = list(Severity)
    return sorted(findings, key=lambda found: (-ranks.index(found.severity), found.since, found.name))
