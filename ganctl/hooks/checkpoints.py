"""Saves everything that a run needs to go on."""

from ganctl import checkpoint, game_state
from ganctl.hooks import Hook, Run


class Checkpoints(Hook):
    """A full checkpoint every so often and at the end.

    Args:
        every: iterations between two.
        keep: how many stay.
    """

    vital = True

    def __init__(self, every: int, keep: int) -> None:
        self.every = every
        self._keep = keep
        self._saved = -1

    def start(self, run: Run, step: int) -> None:
        """Remember what is there already, so that a finished run is not saved again."""
        self._saved = step if (run.folder.checkpoints / f"{step:09d}").is_dir() else -1

    def act(self, run: Run, step: int) -> None:
        """Save, and only then remove older ones."""
        checkpoint.save(run.folder.checkpoints, game_state.collect(run.game), {**run.facts, "step": step})
        checkpoint.prune(run.folder.checkpoints, self._keep, newest=step)
        self._saved = step

    def stop(self, run: Run, step: int) -> None:
        """Save the last state."""
        if self._saved != step:
            self.act(run, step)
