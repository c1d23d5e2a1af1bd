"""Writes samples/evolution.gif: the same latent vectors from the first iteration to the last."""

from ganctl.animation import write_evolution
from ganctl.hooks import Hook, Run


class Evolution(Hook):
    """The sample grids as an animation, at the end of a run and of an interrupted one."""

    def stop(self, run: Run, step: int) -> None:
        """Write it."""
        write_evolution(run.folder)
