"""Saves everything that a run needs to resume."""

from ganctl.game import state as game_state
from ganctl.run_folder import checkpoint
from ganctl.run_folder.metrics_csv import best_iteration
from ganctl.training.hooks import Hook, RunInPlay


class Checkpoints(Hook):
    """A full checkpoint every N iterations, at the end, and whenever the KID is the lowest so far.

    Args:
        every: iterations between two.
        keep: how many to keep, in addition to the best one.
        evaluated_every: iterations between two rows of metrics.csv; 0: there are none.
    """

    vital = True

    def __init__(self, every: int, keep: int, evaluated_every: int = 0) -> None:
        self.every = every
        self.also_every = evaluated_every
        self._keep = keep
        self._saved = -1

    def start(self, run: RunInPlay, step: int) -> None:
        """Note what is already saved, so that a finished run is not saved again."""
        self._saved = step if run.folder.checkpoint(step).is_dir() else -1

    def act(self, run: RunInPlay, step: int) -> None:
        """Save if it is due or this is the best so far, and only then remove older ones."""
        if step % self.every == 0 or step == _best(run):
            self._save(run, step)

    def stop(self, run: RunInPlay, step: int) -> None:
        """Save the last state."""
        if self._saved != step:
            self._save(run, step)

    def _save(self, run: RunInPlay, step: int) -> None:
        checkpoint.save(run.folder.checkpoints, game_state.collect(run.game), run.facts_at(step))
        self._saved = step
        checkpoint.prune(run.folder.checkpoints, self._keep, newest=step, spared=_best(run))


def _best(run: RunInPlay) -> int | None:
    """Return the best iteration; None if that cannot be read, because no score is worth losing the state for."""
    try:
        return best_iteration(run.folder.metrics)
    except OSError:
        return None
