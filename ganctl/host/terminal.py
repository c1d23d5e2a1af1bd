"""The terminal that a command prints to."""

import os
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console as RichConsole
from rich.progress import Progress


class Console(RichConsole):
    """A console that goes silent, and does not end training, if its output is closed (`| head`, a lost terminal)."""

    def on_broken_pipe(self) -> None:
        """Go silent, and keep Python from reporting unwritten output at exit."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


class Terminal:
    """Prints a command's results to standard output and its progress to standard error.

    Args:
        quiet: print only errors.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.progress = Console(file=sys.stderr, quiet=quiet)
        self._output = Console(file=sys.stdout, quiet=quiet, soft_wrap=True, highlight=False, markup=False)

    def say(self, line: str) -> None:
        """Print a line."""
        try:
            self._output.print(_escaped(line, self._output.encoding))
        except OSError:
            self._output.on_broken_pipe()

    def track(self, sequence: Iterable[Any], description: str, total: int | None = None) -> Iterable[Any]:
        """Iterate with a progress bar that disappears when done."""
        if self.quiet or not self.progress.is_terminal:
            yield from sequence
            return
        with Progress(console=self.progress, transient=True) as progress:
            yield from progress.track(sequence, total=total, description=description)


def _escaped(line: str, encoding: str) -> str:
    """Return a line in which characters that an encoding lacks are escaped: a Python session's stream may be strict."""
    return line.encode(encoding, "backslashreplace").decode(encoding)
