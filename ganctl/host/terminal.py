"""The terminal that a command speaks to."""

import os
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console as RichConsole
from rich.progress import Progress


class Console(RichConsole):
    """A console that training outlives: where nobody listens any more (`| head`, a lost terminal), it falls silent."""

    def on_broken_pipe(self) -> None:
        """Fall silent, and keep Python from complaining at exit about what it could not write."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


class Terminal:
    """Where a command speaks: facts to standard output, progress to standard error.

    Args:
        quiet: only errors are said.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.progress = Console(file=sys.stderr, quiet=quiet)
        self._output = Console(file=sys.stdout, quiet=quiet, soft_wrap=True, highlight=False, markup=False)

    def say(self, line: str) -> None:
        """Say a line."""
        try:
            self._output.print(line)
        except OSError:
            self._output.on_broken_pipe()

    def track(self, sequence: Iterable[Any], description: str, total: int | None = None) -> Iterable[Any]:
        """Iterate with a progress bar that goes when it is done."""
        if self.quiet or not self.progress.is_terminal:
            yield from sequence
            return
        with Progress(console=self.progress, transient=True) as progress:
            yield from progress.track(sequence, total=total, description=description)
