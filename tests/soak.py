"""Kills real training with `kill -9` at random moments, again and again, and checks that nothing is ever lost.

    python tests/soak.py --kills 200

After every kill there is a whole checkpoint no older than one interval (or none is due yet), losses.csv has every row
up to it once, and `ganctl resume` goes on. A run that came to its end equals one that nothing disturbed, in every file
and to the last byte; then the next run begins. Libraries are imported once: every life is a fork that has not used
them yet, so that a kill costs a second or two.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
from forked_program import import_all

from ganctl import cli
from ganctl.run_folder import checkpoint

INTERVAL = 3
ITERATIONS = 120
SECONDS_AT_MOST = 300
# These say when and how a run was made, or are drawn from losses.csv and its nine digits.
NOT_COMPARED = {"log.txt", "run.json", "losses.png", "report.html"}

EXPERIMENT = """
name: soak
dataset: {{name: npz, path: {images}, image_size: 8, channels: 1}}
model: {{name: dense_gan, latent_dim: 4}}
training: {{iterations: {iterations}, batch_size: 4, precision: float32, xla: false, ema: 0.9}}
outputs: {{sample_every: 5, sample_grid: 2x2, checkpoint_every: {interval}, keep: 2}}
"""


@dataclass
class Tally:
    """What happened."""

    kills: int = 0
    early: int = 0
    runs: int = 0
    rows_played_again: list[int] = field(default_factory=list)
    in_a_write: int = 0

    def __str__(self) -> str:
        lost = self.rows_played_again or [0]
        return (
            f"{self.kills} kills ({self.early} before a new iteration, {self.in_a_write} in the middle of a write), "
            f"{self.runs} runs came to their end and equal the undisturbed one; at most {max(lost)} iterations were "
            f"played again (an interval is {INTERVAL}), {sum(lost) / len(lost):.1f} on average"
        )


class Life:
    """One process that trains, in a fork of this one."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self.log = log
        self.pid = os.fork()
        if self.pid == 0:
            _live(log, arguments)

    def kill_at(self, moment: Callable[[], bool]) -> int | None:
        """Kill it once `moment` is there; returns its exit code where it ended before."""
        ended = self._wait(moment)
        if ended is None:
            os.kill(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)
        return ended

    def end(self) -> int:
        """Wait for its end; returns its exit code."""
        ended = self._wait(lambda: False)
        assert ended is not None
        return ended

    def _wait(self, moment: Callable[[], bool]) -> int | None:
        deadline = time.monotonic() + SECONDS_AT_MOST
        while not moment():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"no end after {SECONDS_AT_MOST} s: {self.log.read_text()}")
            time.sleep(0.002)
        return None


def _live(log: Path, arguments: tuple[str, ...]) -> NoReturn:
    """What a forked process does: train, with its words in a file."""
    code = 1
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        cli.main(list(arguments))
    except SystemExit as left:
        code = int(left.code or 0)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def random_moment(random_numbers: random.Random, losses: Path) -> Callable[[], bool]:
    """Some moment of a life: one in three of its start, the others after it has played its first new round."""
    began, size = time.monotonic(), losses.stat().st_size if losses.exists() else 0
    if random_numbers.random() < 1 / 3:
        delay = random_numbers.uniform(0, 1.5)
        return lambda: time.monotonic() - began > delay
    delay = random_numbers.uniform(0, 0.5)
    played: list[float] = []

    def moment() -> bool:
        if not played and losses.exists() and losses.stat().st_size > max(size, 400):
            played.append(time.monotonic())
        return bool(played) and time.monotonic() - played[0] > delay

    return moment


def rows_of(losses: Path) -> list[int]:
    """The iterations in losses.csv, without a torn last row."""
    if not losses.exists():
        return []
    lines = losses.read_bytes().splitlines(keepends=True)[1:]
    return [int(line.split(b",")[0]) for line in lines if line.endswith(b"\n")]


def newest_step(run: Path) -> int:
    """The newest checkpoint's step; every one that is there must be whole."""
    if not checkpoint.newest_first(run / "checkpoints"):
        return 0
    found, problems = checkpoint.load_newest(run / "checkpoints")
    assert not problems, f"a kill damaged a checkpoint: {problems}"
    return found.step


def check_what_is_left(run: Path, step_before: int, tally: Tally) -> int:
    """Check a killed run; returns its newest checkpoint's step."""
    step, rows = newest_step(run), rows_of(run / "losses.csv")
    assert step >= step_before, f"from checkpoint {step_before} back to {step}"
    assert rows == list(range(1, len(rows) + 1)), f"rows are missing or there twice: {rows}"
    assert len(rows) >= step, f"checkpoint {step} has only {len(rows)} rows"
    assert len(rows) - step <= INTERVAL, f"{len(rows)} rows, but the newest checkpoint is {step}"
    tally.rows_played_again.append(len(rows) - step)
    tally.in_a_write += any(path.name.endswith(".tmp") for path in run.rglob(".*"))
    return step


def files_of(run: Path) -> dict[str, bytes]:
    """Everything in a run folder that does not depend on the moment."""
    files = {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if name not in NOT_COMPARED}


def soak(folder: Path, kills: int, seed: int) -> Tally:
    """Kill so many times, and let the last run come to its end."""
    config = write_experiment(folder)
    log = folder / "said.txt"
    train = ["train", str(config), "--output-dir", str(folder), "--quiet"]
    assert Life(log, *train, "--run-name", "undisturbed").end() == 0, log.read_text()
    expected = files_of(folder / "undisturbed")
    random_numbers, tally = random.Random(seed), Tally()
    while tally.kills < kills:
        run = folder / f"run{tally.runs}"
        step, code = 0, None
        while code is None:
            command = (
                ["resume", str(run), "--quiet"] if (run / "config.yaml").exists() else [*train, "--run-name", run.name]
            )
            moment = random_moment(random_numbers, run / "losses.csv") if tally.kills < kills else lambda: False
            rows_before = len(rows_of(run / "losses.csv"))
            code = Life(log, *command).kill_at(moment)
            if code is None:
                tally.kills += 1
                tally.early += len(rows_of(run / "losses.csv")) <= rows_before
                if (run / "config.yaml").exists():
                    step = check_what_is_left(run, step, tally)
                show(f"{tally.kills} kills, run {tally.runs}, {step} of {ITERATIONS} iterations are safe")
        assert code == 0, f"exit code {code}: {log.read_text()}"
        found = files_of(run)
        assert found.keys() == expected.keys(), f"other files: {sorted(found.keys() ^ expected.keys())}"
        for name, content in expected.items():
            assert found[name] == content, f"{run / name} is not what the undisturbed run wrote"
        tally.runs += 1
    return tally


def write_experiment(folder: Path) -> Path:
    """Write tiny images and an experiment that saves all the time."""
    images = folder / "images.npz"
    np.savez(images, images=np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), np.uint8))
    config = folder / "soak.yaml"
    config.write_text(EXPERIMENT.format(images=images, iterations=ITERATIONS, interval=INTERVAL))
    return config


def show(line: str) -> None:
    """Say how it is going, on one line of the terminal."""
    if sys.stderr.isatty():
        print(f"\r{line}   ", end="", file=sys.stderr, flush=True)


def main() -> None:
    """Parse, soak, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    import_all()
    with tempfile.TemporaryDirectory(prefix="ganctl-soak-") as folder:
        tally = soak(Path(folder), options.kills, options.seed)
    print(f"{tally}; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
