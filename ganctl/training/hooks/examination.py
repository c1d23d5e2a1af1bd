"""Examines the run while it trains, and logs when a finding begins or ends."""

import shlex
import time

from ganctl.diagnosis.doctor import examine_quietly
from ganctl.diagnosis.findings import Severity
from ganctl.training.hooks import Hook, Later, RunInPlay

SECONDS = 10.0
"""The least time between two examinations."""
PAUSE = 100
"""The least time between two examinations, as a multiple of the last one's duration: they take at most 1% of a run."""


class Examination(Hook):
    """Logs a line when the doctor finds something, or no longer does.

    Args:
        every: iterations between two sample grids, on which most findings are based.
    """

    def __init__(self, every: int) -> None:
        self.every = every

    def start(self, run: RunInPlay, step: int) -> None:
        """Begin without findings: a resumed run logs again what still holds."""
        self._found: set[str] = set()
        self._next = time.monotonic() + SECONDS

    def act(self, run: RunInPlay, step: int) -> Later:
        """Examine the run in the background, unless it has just been examined."""
        return (lambda: self._examine(run, step)) if time.monotonic() >= self._next else None

    def stop(self, run: RunInPlay, step: int) -> Later:
        """Examine the run at its end."""
        return lambda: self._examine(run, step)

    def _examine(self, run: RunInPlay, step: int) -> None:
        began = time.monotonic()
        found = {each.name: each for each in examine_quietly(run.folder).findings}
        for name, finding in found.items():
            if name not in self._found and finding.severity is not Severity.NOTE:
                more = f"ganctl doctor {shlex.quote(str(run.folder.path))}"
                line = f"after iteration {step}: {finding.severity}: {finding.title}, {finding.when}; see {more}"
                run.folder.append_log(f"Doctor: {line}")
        for name in sorted(self._found - found.keys()):
            run.folder.append_log(f"Doctor: after iteration {step}: over: {name}")
        self._found = {name for name, finding in found.items() if finding.severity is not Severity.NOTE}
        taken = time.monotonic() - began
        self._next = time.monotonic() + max(SECONDS, PAUSE * taken)
