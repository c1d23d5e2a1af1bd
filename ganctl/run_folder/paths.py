"""Every path that a run writes, in one place."""

import json
import os
import re
import shlex
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ganctl.errors import UsageError
from ganctl.host import run_marks
from ganctl.host.files import write_atomically

_INNER = ("samples", "checkpoints", "generators")

STEP_NAME = re.compile(r"\d{9,}")
"""The names of files and folders that belong to an iteration."""


def step_name(step: int) -> str:
    """Return the name of what belongs to iteration `step`: nine digits, so that names sort as numbers do."""
    return f"{step:09d}"


@dataclass(frozen=True)
class RunFolder:
    """Everything that a training run leaves behind."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved experiment, every default written out."""
        return self.path / run_marks.CONFIG

    @property
    def info(self) -> Path:
        """Versions, device, command line, data set and its fingerprint, parameter counts."""
        return self.path / run_marks.INFO

    @property
    def losses(self) -> Path:
        """One row per iteration."""
        return self.path / "losses.csv"

    @property
    def metrics(self) -> Path:
        """One row per evaluation."""
        return self.path / "metrics.csv"

    @property
    def vitals(self) -> Path:
        """Signs of the run's health, one row per sample grid."""
        return self.path / "vitals.csv"

    @property
    def loss_plot(self) -> Path:
        """The plot of losses by epoch."""
        return self.path / "losses.png"

    @property
    def log(self) -> Path:
        """What happened, line by line."""
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """Full checkpoints, one folder each."""
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """Event files for TensorBoard."""
        return self.path / "tensorboard"

    @property
    def samples(self) -> Path:
        """Sample grids."""
        return self.path / "samples"

    @property
    def generators(self) -> Path:
        """Small generator-only files, one per sample grid."""
        return self.path / "generators"

    @property
    def real_samples(self) -> Path:
        """Real images as the networks see them."""
        return self.samples / "real.png"

    @property
    def nearest_pairs(self) -> Path:
        """The samples of the latest evaluation that are nearest to training images, above those images."""
        return self.samples / "nearest.png"

    @property
    def evolution(self) -> Path:
        """The sample grids as an animation."""
        return self.samples / "evolution.gif"

    @property
    def restarts(self) -> Path:
        """What was abandoned at each restart: a folder each, with the files that the doctor reads."""
        return self.path / "restarts"

    @property
    def directions(self) -> Path:
        """Directions in latent space, as an npz and as strips of pictures."""
        return self.path / "directions"

    @property
    def report(self) -> Path:
        """The whole run on one page."""
        return self.path / "report.html"

    @property
    def page(self) -> Path:
        """The page that draws, if `ganctl export --format html` was told to write it here."""
        return self.path / "generator.html"

    @property
    def lock(self) -> Path:
        """Held by the process that trains the run."""
        return self.path / ".lock"

    @property
    def resume_command(self) -> str:
        """What to type to continue the run."""
        return f"ganctl resume {shlex.quote(str(self.path))}"

    @property
    def exists(self) -> bool:
        """Whether this is a run: it has a config.yaml."""
        return self.config.is_file()

    def checkpoint(self, step: int) -> Path:
        """The full checkpoint after `step` iterations."""
        return self.checkpoints / step_name(step)

    def sample_grid(self, step: int) -> Path:
        """The sample grid after `step` iterations."""
        return self.samples / f"{step_name(step)}.png"

    @property
    def sample_grids(self) -> dict[int, Path]:
        """The existing sample grids by iteration, in order."""
        found = {int(path.stem): path for path in self.samples.glob("*.png") if STEP_NAME.fullmatch(path.stem)}
        return dict(sorted(found.items()))

    def generator(self, step: int) -> Path:
        """The small generator-only file that belongs to that sample grid."""
        return self.generators / f"{step_name(step)}.safetensors"

    def write_config(self, text: str) -> None:
        """Write config.yaml."""
        write_atomically(self.config, text.encode())

    def write_info(self, facts: dict[str, Any]) -> None:
        """Write run.json."""
        write_atomically(self.info, (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())

    def read_info(self) -> dict[str, Any]:
        """Return the content of run.json; empty if it cannot be read."""
        try:
            found = json.loads(self.info.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def append_log(self, line: str) -> None:
        """Add a line to log.txt. Best effort: a full disk is reported elsewhere."""
        with suppress(OSError), self.log.open("a", encoding="utf-8") as file:
            file.write(line.rstrip("\n") + "\n")

    @property
    def never_began(self) -> bool:
        """Whether no run has begun here: there is nothing but what one leaves that is killed before its config.yaml."""
        known = {*_INNER, self.info.name, self.log.name, self.lock.name}
        try:
            names = {path.name for path in self.path.iterdir()}
        except OSError:
            return False
        return all(name in known or (name.startswith(".") and name.endswith(".tmp")) for name in names)

    def clear(self) -> None:
        """Remove what a run left that was killed before it began, so that the next run does not inherit it."""
        try:
            self.info.unlink(missing_ok=True)
            for inner in _INNER:
                shutil.rmtree(self.path / inner, ignore_errors=True)
                (self.path / inner).mkdir()
        except OSError as error:
            raise UsageError(f"The run folder {self.path} cannot be written: {error.strerror}.") from None

    def tidy(self) -> None:
        """Remove partial files that a killed run left, and make the empty folders that a copy may have lost."""
        try:
            for inner in _INNER:
                (self.path / inner).mkdir(exist_ok=True)
            for parent in (self.path, self.samples, self.generators):
                for leftover in parent.glob(".*.tmp"):
                    leftover.unlink()
        except OSError as error:
            raise UsageError(f"The run folder {self.path} cannot be written: {error.strerror}.") from None

    @classmethod
    def check_free(cls, outputs: Path, name: str, *, explicit: bool, reuse: bool = False) -> None:
        """Raise UsageError if `create` would, before any work is wasted; arguments as there."""
        path = outputs / name
        if explicit and os.path.lexists(path) and not (reuse and cls(path).never_began):
            raise UsageError(
                f"{path} already exists. Choose another --run-name, or continue it: {cls(path).resume_command}"
            )
        # Unlike Path.exists, this does not fail below another user's private folder.
        existing = next(folder for folder in (outputs, *outputs.absolute().parents) if os.path.lexists(folder))
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise UsageError(
                f"Cannot write a run folder below {outputs.absolute()}: {existing} is not a writable folder. "
                "Choose another --output-dir."
            )

    @classmethod
    def create(cls, outputs: Path, name: str, *, explicit: bool, reuse: bool = False) -> Self:
        """Make a new run folder; raises UsageError where it cannot be made.

        Args:
            outputs: the folder of all runs.
            name: the run's name.
            explicit: whether the user gave this name, which is then refused if taken; a derived one gets -2, -3 ...
            reuse: whether to take an existing folder of that name in which no run has begun.
        """
        cls.check_free(outputs, name, explicit=explicit, reuse=reuse)
        try:
            outputs.mkdir(parents=True, exist_ok=True)
            if reuse and cls(outputs / name).never_began:
                return cls(outputs / name)
            for number in range(1, 2 if explicit else 10_000):
                path = outputs / (name if number == 1 else f"{name}-{number}")
                if path.is_symlink() or path.exists():
                    continue
                try:
                    path.mkdir()
                except FileExistsError:  # another run was faster
                    continue
                for inner in _INNER:
                    (path / inner).mkdir()
                return cls(path)
            if explicit:  # another process was faster
                cls.check_free(outputs, name, explicit=True)
        except OSError as error:
            raise UsageError(
                f"Cannot write a run folder below {outputs.absolute()}: {error.strerror}. Choose another --output-dir."
            ) from None
        raise UsageError(f"{outputs} has ten thousand runs called {name}. Choose another --run-name.")

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return an existing run folder; raises UsageError for anything else."""
        folder = cls(path)
        if not folder.exists:
            raise UsageError(f"{path} is not a run folder: config.yaml is missing.")
        return folder
