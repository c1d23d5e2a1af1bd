"""Ends a run in which the doctor finds a collapse or a divergence: `training.on_collapse`."""

from dataclasses import dataclass

from ganctl.diagnosis.doctor import examine_quietly
from ganctl.diagnosis.findings import Finding, Severity
from ganctl.errors import SickRunError
from ganctl.run_folder.course import EarlyEnd, add_early_end, early_ends, restarts
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks import Ending, Hook, RunInPlay

KEY = "training.on_collapse"
RULES = ("collapse", "divergence")
"""The rules whose serious findings end a run."""
MOST_BETWEEN = 64
"""Two examinations are at most one MOST_BETWEEN-th of the run so far apart, or two sample grids."""


class CollapseGuard(Hook):
    """Ends the run when the doctor finds a serious collapse or divergence; follows the hooks that write what it reads.

    When it examines depends on iterations alone, never on a clock, so that an interrupted run ends where it would have
    ended without the interruption. An earlier finding is excused for a while: after a restart until the run has come as
    far as it had then, and after a stop for as long as the finding had lasted.

    Args:
        every: iterations between two sample grids.
        answer: `stop` or `restart`, the value of the key.
    """

    vital = True  # all that was measured until now is then on disk

    def __init__(self, every: int, answer: str) -> None:
        self.every = every
        self._answer = answer

    def start(self, run: RunInPlay, step: int) -> None:
        """Examine a resumed run that was interrupted between an examination and the end that it called for."""
        self._excuses = _excuses(run.folder, stops=self._answer == "stop")
        if step and step % self.every == 0:
            self.act(run, step)

    def act(self, run: RunInPlay, step: int) -> None:
        """Examine the run, the less often the longer it is, because all of its rows are read."""
        found = collapse_of(run.folder) if is_due(step, self.every) else None
        if found is None or any(excuse.covers(found, step) for excuse in self._excuses):
            return
        why = f"{found.title}, {found.when}. {found.found.says}"
        message = f"Iteration {step}: {why}"
        if self._answer == "stop":
            add_early_end(run.folder, EarlyEnd(step, run.iterations, KEY, self._answer, found.since, why.rstrip(".")))
            resume = f"{run.folder.resume_command} --set {KEY}"
            message += (
                f" The run was stopped ({KEY}=stop), and everything is saved. To go back to the best checkpoint with "
                f"the doctor's advice: {resume}=restart. To continue as it is: {resume}=go_on"
            )
        run.ending = Ending(why.rstrip("."), error=SickRunError(message))


def is_due(step: int, every: int) -> bool:
    """Whether to examine the run at this sample grid: at every grid, then every second, then every fourth ..."""
    return step % (every * 2 ** max(0, (step // (MOST_BETWEEN * every)).bit_length() - 1)) == 0


def collapse_of(folder: RunFolder) -> Finding | None:
    """Return the worst finding that may end a run; None without one."""
    found = examine_quietly(folder, RULES).findings
    return next((each for each in found if each.severity is Severity.SERIOUS), None)


@dataclass(frozen=True)
class _Excuse:
    """A finding that began by iteration `begun` is ignored before iteration `until`."""

    begun: int
    until: int

    def covers(self, found: Finding, step: int) -> bool:
        """Whether to ignore a finding after `step` iterations."""
        return found.since <= self.begun and step < self.until


def _excuses(folder: RunFolder, *, stops: bool) -> list[_Excuse]:
    ends = [end for end in early_ends(folder) if stops and end.key == KEY]
    return [
        *(_Excuse(restart.back_to, restart.after) for restart in restarts(folder)),
        *(_Excuse(end.iteration, 2 * end.iteration - end.since) for end in ends),
    ]
