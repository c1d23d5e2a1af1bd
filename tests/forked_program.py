"""Runs `ganctl` in a process of its own that has imported everything already: a fork of one that did, and no more.

Imports take seconds of a processor, several times what a small command does. All else is as when a user types the
command: arguments, environment, working folder, both outputs, exit code.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ganctl.lazy import take_the_process, tf

LIBRARIES = (
    "cv2",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "ganctl.training.run",
    "ganctl.report.run_report",
)


def import_all() -> None:
    """Import what most commands need."""
    take_the_process()
    for library in LIBRARIES:
        importlib.import_module(library)
    assert tf.__version__  # loads TensorFlow, and uses nothing of it that a fork would miss


class ForkedProgram:
    """The process that is forked, and what asks it to.

    Args:
        seconds: after which a command is killed.
    """

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        """Run one command to its end."""
        assert self._process.stdin
        assert self._process.stdout
        with tempfile.TemporaryDirectory() as folder:
            outputs = [Path(folder, "stdout"), Path(folder, "stderr")]
            request = [[*arguments], str(cwd), {**environment}, [str(path) for path in outputs], self._seconds]
            print(json.dumps(request), file=self._process.stdin, flush=True)
            code = int(self._process.stdout.readline())
            encoding = environment.get("PYTHONIOENCODING", "utf-8").partition(":")[0]
            texts = (path.read_text(encoding) for path in outputs)
            return subprocess.CompletedProcess(["ganctl", *arguments], code, *texts)

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)


def _take_encoding(chosen: str) -> None:
    """Print as Python would if it had started with this PYTHONIOENCODING."""
    encoding, _, errors = chosen.partition(":")
    if encoding:
        sys.stdout.reconfigure(encoding=encoding, errors=errors or "strict")  # type: ignore[union-attr]
        sys.stderr.reconfigure(encoding=encoding, errors="backslashreplace")  # type: ignore[union-attr]


def _serve() -> None:
    from ganctl.__main__ import program

    import_all()
    for line in sys.stdin:
        arguments, folder, environment, outputs, seconds = json.loads(line)
        child = os.fork()
        if not child:
            for number, path in enumerate([os.devnull, *outputs]):
                os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            _take_encoding(environment.get("PYTHONIOENCODING", ""))
            sys.argv = ["ganctl", *arguments]
            signal.alarm(seconds)
            program()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
