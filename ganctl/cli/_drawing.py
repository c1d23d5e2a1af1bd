"""What the commands that draw have in common: a generator of the user's, and what was wrong with newer ones."""

from collections.abc import Iterable
from pathlib import Path

import click

from ganctl.generation.loading import TrainedGenerator


def open_generator(path: Path, *, best: bool) -> TrainedGenerator:
    """Read what draws from noise; says what was wrong with newer checkpoints. Raises GanctlError and UsageError."""
    trained = TrainedGenerator.load(path, best=best)
    warn_skipped(trained.problems)
    trained.check_draws_from_noise()
    return trained


def warn_skipped(problems: Iterable[str]) -> None:
    """Tell what was wrong with newer checkpoints than the one that is used."""
    for problem in problems:
        click.echo(f"Warning: skipped: {problem}", err=True)
