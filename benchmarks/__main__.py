"""`python -m benchmarks`."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from benchmarks import check, columns, measurement, program, table
from benchmarks.names import Names
from benchmarks.process import prepare
from benchmarks.speed_recipes import RECIPES, Recipe
from ganctl.errors import GanctlError

_BUSY = 0.5  # processes that wanted to compute in the last minute
_WIDTH = 160  # where nobody says how wide the terminal is


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--recipes", type=Names([recipe.name for recipe in RECIPES]), help="What is played.  [default: all]")
@click.option("--columns", "names", type=Names(columns.COLUMNS), help="Who plays.  [default: all]")
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="Turns of every column.")
@click.option("--seconds", type=click.FloatRange(0.05), default=1.5, show_default=True, help="Length of a turn.")
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures there.")
@click.option("--isa", type=click.Choice(list(columns.ISAS)), help="Use no instructions beyond these.")
@click.option("--check", "only_check", is_flag=True, help="Only show that all columns do the same work.")
@click.option("--no-check", is_flag=True, help="Only measure.")
def command(
    recipes: list[str] | None,
    names: list[str] | None,
    repeats: int,
    seconds: float,
    json_path: Path | None,
    isa: str | None,
    only_check: bool,
    no_check: bool,
) -> None:
    """Measure ganctl beside the literal Keras loop and PyTorch, after showing that they do the same work.

    \b
    python -m benchmarks --json figures.json
    python -m benchmarks --recipes dense_gan --columns literal,ganctl --repeats 3
    python -m benchmarks --isa AVX2 --columns literal,ganctl
    """
    if only_check and no_check:
        raise click.UsageError("--check and --no-check exclude each other.")
    output, progress = Console(), Console(stderr=True, highlight=False)
    if not output.is_terminal:
        output.width = _WIDTH
    names = names or list(columns.COLUMNS)
    if any(map(columns.is_torch, names)) and not columns.has_torch():
        names = [name for name in names if not columns.is_torch(name)]
        output.print("PyTorch is not installed, so its columns are left out: pip install -e '.\\[bench]'")
    wanted = [recipe for recipe in RECIPES if not recipes or recipe.name in recipes]
    with tempfile.TemporaryDirectory(prefix="ganctl-benchmarks-") as temporary:
        folder = Path(temporary)
        if hasattr(os, "getloadavg") and os.getloadavg()[0] > _BUSY:
            output.print("Something else is computing on this machine: the figures will not be worth much.")
        progress.print("preparing")
        prepare(wanted, folder)
        results, starts = [], {}
        for recipe in wanted:
            starts[recipe.name] = {} if no_check else _check(recipe, names, folder / recipe.name, isa, output, progress)
        for recipe in [] if only_check else wanted:
            result = measurement.measure(
                recipe,
                names,
                folder / recipe.name,
                repeats=repeats,
                seconds=seconds,
                isa=isa,
                first_starts=starts[recipe.name],
                say=progress.print,
            )
            output.print(table.speed_table(result))
            results.append(result)
    goals = [goal for result in results for goal in table.goals(result, isa)]
    if goals:
        output.print(table.goals_table(goals))
    if json_path:
        facts = {
            "machine": table.machine(),
            "isa": isa,
            "repeats": repeats,
            "seconds": seconds,
            "checked": not no_check,
        }
        data = {**facts, "recipes": [table.as_data(result) for result in results], "goals": goals}
        json_path.write_text(json.dumps(data, indent=2) + "\n")


def _check(
    recipe: Recipe, names: Sequence[str], folder: Path, isa: str | None, output: Console, progress: Console
) -> dict[str, float]:
    """Show that the columns do the same work; returns how long each took to start, and raises GanctlError."""
    plays = []
    for name in dict.fromkeys((columns.LITERAL, *names)):
        progress.print(f"{recipe.name}: checking {name}")
        plays.append(check.play(name, recipe, folder, isa))
    output.print(table.check_table(recipe.name, plays))
    found = [line for played in plays for line in check.shortfalls(played, plays[0])]
    if found:
        raise GanctlError("\n".join([f"{recipe.name} is not the same work in all columns:", *found]))
    return {played.column: played.seconds for played in plays}


if __name__ == "__main__":
    program.run(command)
