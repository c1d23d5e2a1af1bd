"""What the commands that draw share: opening a generator, and warning about newer ones that are damaged."""

from collections.abc import Iterable
from pathlib import Path

from ganctl.cli._printing import show
from ganctl.generation.loading import TrainedGenerator


def open_generator(path: Path, *, best: bool) -> TrainedGenerator:
    """Open a generator that draws from noise, and warn about damaged newer ones; raises GanctlError and UsageError."""
    trained = TrainedGenerator.load(path, best=best)
    warn_skipped(trained.problems)
    trained.check_draws_from_noise()
    return trained


def warn_skipped(problems: Iterable[str]) -> None:
    """Warn about newer checkpoints that could not be used."""
    for problem in problems:
        show(f"Warning: skipped: {problem}", err=True)
