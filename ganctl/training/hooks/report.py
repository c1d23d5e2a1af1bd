"""Writes report.html at every evaluation and at the end."""

from collections.abc import Callable
from pathlib import Path

from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks import Hook, Later, RunInPlay


class Report(Hook):
    """All of the run on one page; comes after the hooks that write what the page shows.

    Args:
        every: iterations between two evaluations; 0 for a page at the end only.
        write: writes the page of a run folder.
    """

    def __init__(self, every: int, write: Callable[[RunFolder], Path]) -> None:
        self.every = every
        self._write = write

    def act(self, run: RunInPlay, step: int) -> Later:
        """Write the page."""

        def write() -> None:
            self._write(run.folder)

        return write

    def stop(self, run: RunInPlay, step: int) -> Later:
        """Write the page of a finished or an interrupted run."""
        return self.act(run, step)
