"""Writes report.html at every evaluation and at the end."""

from collections.abc import Callable
from pathlib import Path

from ganctl.hooks import Hook, Run
from ganctl.run_folder import RunFolder


class Report(Hook):
    """All of the run on one page; comes after whatever writes what the page shows.

    Args:
        every: iterations between two evaluations; 0 for a page at the end only.
        write: writes the page of a run folder.
    """

    def __init__(self, every: int, write: Callable[[RunFolder], Path]) -> None:
        self.every = every
        self._write = write

    def act(self, run: Run, step: int) -> None:
        """Write the page."""
        self._write(run.folder)

    def stop(self, run: Run, step: int) -> None:
        """Write the page of a whole or an interrupted run."""
        self.act(run, step)
