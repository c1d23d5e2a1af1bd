"""A worker as its master sees it."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from benchmarks import columns
from benchmarks.speed_recipes import Recipe
from ganctl.errors import GanctlError

CHECKOUT = Path(__file__).parents[1]
_LAST_LINES = 15


class _Named(Protocol):
    """What is played."""

    @property
    def name(self) -> str:
        """What the table calls it."""


class Worker:
    """A column's process; it computes only while it is asked.

    Args:
        column: who plays.
        recipe: what is played.
        folder: what `benchmarks.preparation` wrote.
        purpose: `measure` or `check`.
        isa: the instructions to be content with.
        module: the program that plays.
    """

    def __init__(
        self,
        column: str,
        recipe: _Named,
        folder: Path,
        purpose: str,
        isa: str | None,
        *,
        module: str = "benchmarks.worker",
    ) -> None:
        self.column = column
        self._began = time.perf_counter()
        self._log = folder / f"{purpose}-{column}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, column, recipe.name, str(folder), purpose],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=CHECKOUT,
                env=columns.environment(column, purpose, folder, isa),
                text=True,
            )

    def __enter__(self) -> Self:
        self._read()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        if error:
            self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.perf_counter() - self._began

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """Have something done and return the answer; raises GanctlError if the process ends over it."""
        assert self._process.stdin
        with suppress(BrokenPipeError):  # why it ended is known where its answer is missed
            print(json.dumps({"do": do, **details}), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise GanctlError(f"{self.column} ended in the middle.\n{last_lines(self._log)}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def prepare(recipes: Sequence[Recipe], folder: Path) -> None:
    """Have everything written that the columns of recipes start from; raises GanctlError."""
    log = folder / "preparation.log"
    names = [recipe.name for recipe in recipes]
    with log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.preparation", str(folder), *names],
            stdout=output,
            stderr=output,
            cwd=CHECKOUT,
            check=False,
        )
    if done.returncode:
        raise GanctlError(f"The recipes could not be prepared.\n{last_lines(log)}")


def last_lines(log: Path) -> str:
    """Return the end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
