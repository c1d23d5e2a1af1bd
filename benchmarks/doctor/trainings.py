"""Trains in forked processes: TensorFlow, which takes seconds to load, is loaded once for all runs."""

import contextlib
import io
import multiprocessing
import os
import resource
import traceback
from collections.abc import Sequence
from functools import cache
from multiprocessing.connection import Connection

from ganctl.cli import commands
from ganctl.errors import GanctlError
from ganctl.lazy import keras, take_the_process, tf

DIVERGED = 4
"""The exit code of a training that has diverged."""


def run_ganctl(arguments: Sequence[str]) -> tuple[float, bool]:
    """Run a command of ganctl; returns its processor time in seconds, and whether the training diverged.

    Loading TensorFlow starts no thread, so a fork of a process that has computed nothing with it is safe.

    Raises:
        GanctlError: it failed otherwise.
    """
    _load()
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=play, args=(list(arguments), there))
    process.start()
    there.close()
    try:
        seconds, code, message = here.recv()
    except EOFError:
        seconds, code, message = 0.0, -1, "the process ended without a word"
    process.join()
    if code not in (0, DIVERGED):
        raise GanctlError(f"ganctl {' '.join(arguments[:2])} ... failed: {message}")
    return seconds, code == DIVERGED


@cache
def _load() -> str:
    take_the_process()
    return f"{tf.__version__} {keras.__version__}"


def play(arguments: list[str], answer: Connection) -> None:
    """Run a command in this process, which then ends; sends processor time, exit code and message."""
    code, message = 0, ""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            commands.main(arguments, prog_name="ganctl", standalone_mode=False)
        except GanctlError as error:
            code, message = error.exit_code, str(error)
        except BaseException:  # whatever it was, the laboratory goes on with the next run
            code, message = 1, traceback.format_exc()
    used = resource.getrusage(resource.RUSAGE_SELF)
    answer.send((used.ru_utime + used.ru_stime, code, message))
    answer.close()
    os._exit(0)  # what TensorFlow does at exit takes a second
