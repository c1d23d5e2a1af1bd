"""Trains the trials of a sweep, one after the other: each is `ganctl train --resume-if-there` in a process of its own.

So every trial is an ordinary run, a crash or a lack of memory costs one trial only, and the next one finds all memory
free.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from enum import Enum, auto
from pathlib import Path

from ganctl.errors import GanctlError
from ganctl.host.file_lock import holder_of
from ganctl.host.interruption import Interruption
from ganctl.planning.sweep.study import Claimed, Study, scores_of
from ganctl.run_folder.sweep_folder import TrialState

MOST_KILLS = 3
"""The trial fails once its process has been killed this often, for example because memory was full."""
MOST_FAILURES = 3
"""The sweep ends once this many trials have failed and no other has ended: the next ones would fail, too."""
_SECONDS_BETWEEN_CHECKS = 0.25
_DIVERGED = 4
_SIGNALLED = tuple(128 + number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))


class _Stop(Enum):
    """Why a training is stopped before its end."""

    PRUNED = auto()
    REQUESTED = auto()
    OUT_OF_TIME = auto()


class SweepRunner:
    """Works on a study in this process until its budget is used up.

    Args:
        study: the trials.
        say: prints a line.
        options: of `ganctl train`, for every trial.
        seconds: how long to work; None: until the budget of trials is used up.
        ended: called after each trial, to write the page.
    """

    def __init__(
        self,
        study: Study,
        say: Callable[[str], None],
        options: Sequence[str],
        seconds: float | None,
        ended: Callable[[], None],
    ) -> None:
        self._study, self._say, self._options, self._ended = study, say, options, ended
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._metric, self._title = study.sweep.objective.name, study.sweep.objective.title

    def run(self, resume_command: str) -> None:
        """Train trials until the budget is used up.

        Raises:
            StoppedError: a signal came; the trial is saved, and the next call continues it.
            GanctlError: every trial fails.
        """
        with Interruption() as interruption:
            while not interruption.requested and not self._out_of_time:
                with self._study.claim() as claimed:
                    if claimed is None:
                        break
                    self._train(claimed, lambda: interruption.requested)
                self._ended()
                self._refuse_to_go_on_failing()
            if interruption.requested:
                raise interruption.error(f"Stopped; the trial is saved. Continue: {resume_command}")

    @property
    def _out_of_time(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _train(self, claimed: Claimed, requested: Callable[[], bool]) -> None:
        values = "  ".join(f"{key} {value}" for key, value in claimed.values.items())
        note = " (continued)" if claimed.taken_up else " (the base)" if claimed.is_base else ""
        self._say(f"trial {claimed.number}{note}  {values}")
        with tempfile.TemporaryFile() as errors:
            # In a session of its own, because Ctrl-C is handled here.
            process = subprocess.Popen(
                self._command(claimed), stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )
            try:
                stopped = self._watch(claimed, process, requested)
            except BaseException:
                process.terminate()
                process.wait()
                raise
            errors.seek(0)
            told = errors.read().decode("utf-8", errors="replace").strip()
        self._conclude(claimed, process.returncode, stopped, told)

    def _command(self, claimed: Claimed) -> list[str]:
        folder = self._study.folder
        settings = [word for each in self._study.sweep.overrides(claimed.values) for word in ("--set", each)]
        where = ["--output-dir", str(folder.path), "--run-name", claimed.folder.path.name]
        return [
            *(sys.executable, "-m", "ganctl", "train", str(folder.base), *settings, *where),
            *("--resume-if-there", "--quiet", *self._options),
        ]

    def _watch(
        self, claimed: Claimed, process: "subprocess.Popen[bytes]", requested: Callable[[], bool]
    ) -> _Stop | None:
        """Record the scores of a training until it ends; stop it early if it is pruned, or the sweep stops."""
        stopped: _Stop | None = None
        seen = 0.0
        while process.poll() is None:
            if stopped is None:
                written = _written(claimed.folder.metrics)
                if written != seen and self._should_be_pruned(claimed):
                    stopped = _Stop.PRUNED
                elif requested():
                    stopped = _Stop.REQUESTED
                elif self._out_of_time:
                    stopped = _Stop.OUT_OF_TIME
                if stopped is not None:
                    process.terminate()
                seen = written
            try:
                process.wait(_SECONDS_BETWEEN_CHECKS)
            except subprocess.TimeoutExpired:
                continue
        claimed.report(scores_of(claimed.folder, self._metric))
        return stopped

    def _should_be_pruned(self, claimed: Claimed) -> bool:
        scores = scores_of(claimed.folder, self._metric)
        claimed.report(scores)
        return bool(scores) and claimed.should_stop()

    def _conclude(self, claimed: Claimed, code: int, stopped: _Stop | None, told: str) -> None:
        """Record how a training ended."""
        name = f"trial {claimed.number}"
        if code == 0:
            self._finish(claimed)
        elif code == _DIVERGED:
            self._say(f"{name}  diverged")
            claimed.end(TrialState.DIVERGED)
        elif stopped is _Stop.PRUNED:
            scores = scores_of(claimed.folder, self._metric)
            iteration = max(scores)
            self._say(f"{name}  pruned after iteration {iteration}: {self._title} {scores[iteration]:.4g}")
            claimed.end(TrialState.PRUNED)
        elif stopped is not None or code in _SIGNALLED:
            self._say(f"{name}  interrupted; it will be continued")
        elif code < 0:
            kills = claimed.killed()
            if kills < MOST_KILLS:
                self._say(f"{name}  was killed by signal {-code}; it will be continued")
            else:
                self._fail(claimed, f"its process was killed by signal {-code}, {kills} times")
        elif holder_of(claimed.folder.lock):  # begun by a sweep that was killed, and slow to lock its folder
            self._say(f"{name}  is being trained by another process")
        else:
            self._fail(claimed, told.removeprefix("Error: ") or f"exit code {code}")

    def _finish(self, claimed: Claimed) -> None:
        scores = scores_of(claimed.folder, self._metric)
        if not scores:
            self._fail(claimed, f"its metrics.csv has no {self._metric}")
            return
        score = scores[max(scores)]
        claimed.finish(score)
        best = self._study.record().best
        is_best = " (the best so far)" if best is not None and best.number == claimed.number else ""
        self._say(f"trial {claimed.number}  finished: {self._title} {score:.4g}{is_best}")

    def _fail(self, claimed: Claimed, why: str) -> None:
        self._say(f"trial {claimed.number}  failed: {why}")
        claimed.end(TrialState.FAILED, why)

    def _refuse_to_go_on_failing(self) -> None:
        ended = [trial for trial in self._study.record().trials if trial.state is not TrialState.RUNNING]
        failed = [trial for trial in ended if trial.state is TrialState.FAILED]
        if len(failed) >= MOST_FAILURES and len(failed) == len(ended):
            again = shlex.join(["ganctl", "train", str(self._study.folder.base)])
            raise GanctlError(
                f"The first {len(failed)} trials failed, so the sweep ends. Does the base experiment train? {again}\n"
                f"The last one: {failed[-1].note}"
            )


def _written(path: Path) -> float:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0.0
