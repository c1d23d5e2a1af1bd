"""`python -m benchmarks.pictures`."""

import json
import tempfile
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from benchmarks import program
from benchmarks.names import Names
from benchmarks.pictures.recipes import RECIPES, Recipe
from benchmarks.pictures.table import COLUMNS, GANCTL, Measured, speed_table
from benchmarks.process import Worker
from ganctl.errors import GanctlError

CHECK_ROUNDS = 3
MOST_APART = 5e-3


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice([recipe.name for recipe in RECIPES]))
@click.option("--columns", type=Names(COLUMNS), help="Who plays; names with commas between them.  [default: all]")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Turns of every column.")
@click.option("--seconds", type=click.FloatRange(0.05), default=4.0, show_default=True, help="Length of a turn.")
@click.option("--check", "only_check", is_flag=True, help="Only show that ganctl and PyTorch do the same work.")
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures there.")
def command(
    names: tuple[str, ...],
    columns: list[str] | None,
    repeats: int,
    seconds: float,
    only_check: bool,
    json_path: Path | None,
) -> None:
    """Measure ganctl beside PyTorch on pictures of 64x64 with batches of four, after showing that both do the same.

    \b
    python -m benchmarks.pictures
    python -m benchmarks.pictures pix2pix --columns ganctl,torch-last
    """
    output, progress = Console(), Console(stderr=True, highlight=False)
    if not output.is_terminal:
        output.width = 140
    wanted = columns or list(COLUMNS)
    results = {}
    for recipe in RECIPES:
        if names and recipe.name not in names:
            continue
        with tempfile.TemporaryDirectory(prefix="ganctl-pictures-") as temporary:
            folder = Path(temporary)
            recipe.write_pictures(folder)
            apart = check(recipe, folder)
            output.print(f"{recipe.name}: losses of {CHECK_ROUNDS} rounds differ by {apart:.1e} of themselves at most")
            if not only_check:
                measured = measure(recipe, wanted, folder, repeats, seconds, progress)
                output.print(speed_table(recipe.name, measured))
                results[recipe.name] = [
                    {"column": m.column, "precision": m.precision, "speeds": m.speeds, "peak_bytes": m.peak_bytes}
                    for m in measured
                ]
    if json_path:
        json_path.write_text(json.dumps(results, indent=2) + "\n")


def check(recipe: Recipe, folder: Path) -> float:
    """Let ganctl and PyTorch play the same rounds from the same weights; returns how far their losses are apart.

    Both see one batch, whose order affects no loss. Dropout is off, and the pools are not full.

    Raises:
        GanctlError: they do not do the same.
    """
    played = {}
    for column in ("ganctl-float32", "torch"):
        with _worker(column, recipe, folder, "check") as worker:
            if column in GANCTL:
                worker.ask("save", path=str(folder / "weights.npz"))
            played[column] = np.asarray(worker.ask("play", rounds=CHECK_ROUNDS)["losses"])
    ours, theirs = played.values()
    apart = float((np.abs(ours - theirs) / np.abs(theirs)).max())
    if not apart < MOST_APART:
        raise GanctlError(f"{recipe.name} is not the same work in PyTorch. ganctl: {ours}. PyTorch: {theirs}")
    return apart


def measure(
    recipe: Recipe, columns: list[str], folder: Path, repeats: int, seconds: float, progress: Console
) -> list[Measured]:
    """Let the columns play in turns, each in a process of its own that is asleep while another plays."""
    speeds: dict[str, list[float]] = {column: [] for column in columns}
    reports = {}
    workers, rounds = {}, {}
    try:
        for column in columns:
            progress.print(f"{recipe.name}: starting {column}")
            workers[column] = _worker(column, recipe, folder, "measure").__enter__()
            workers[column].ask("play", rounds=2)
            taken = workers[column].ask("play", rounds=2)["seconds"]
            rounds[column] = max(2, round(2 * seconds / taken))
        for repeat in range(repeats):
            progress.print(f"{recipe.name}: repeat {repeat + 1} of {repeats}")
            for column in columns if repeat % 2 == 0 else reversed(columns):
                taken = workers[column].ask("play", rounds=rounds[column])["seconds"]
                speeds[column].append(rounds[column] / taken)
        reports = {column: worker.ask("report") for column, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.__exit__(None, None, None)
    return [
        Measured(column, reports[column]["precision"], speeds[column], reports[column]["peak_bytes"])
        for column in columns
    ]


def _worker(column: str, recipe: Recipe, folder: Path, purpose: str) -> Worker:
    return Worker(column, recipe, folder, purpose, None, module="benchmarks.pictures.worker")


if __name__ == "__main__":
    program.run(command)
