"""`python -m benchmarks.studies NAME...`."""

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks import program
from benchmarks.recipes import CONFIGS, current_commit
from benchmarks.studies import page, study
from benchmarks.studies.bench import NUM, Bench
from benchmarks.studies.recipe import ITERATIONS
from benchmarks.studies.studies import STUDIES


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice([study.name for study in STUDIES]))
@click.option("--seeds", type=click.IntRange(1), help="Number of seeds, from 0.  [default: the study's own]")
@click.option("--write", is_flag=True, help="Write tables and pictures into docs/notes.")
@click.option("--kept", is_flag=True, help="Train nothing: report those of the runs that are there.")
@click.option("--iterations", type=click.IntRange(1), default=ITERATIONS, show_default=True, help="Of the reference.")
@click.option("--num", type=click.IntRange(50), default=NUM, show_default=True, help="Samples that are scored.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=CONFIGS.parent / "outputs" / "studies",
    help="Keeps runs and figures, so that nothing is trained twice.  [default: outputs/studies]",
)
def command(
    names: tuple[str, ...], seeds: int | None, write: bool, kept: bool, iterations: int, num: int, folder: Path
) -> None:
    """Train what a study compares, unless it was trained before, and print its tables.

    \b
    python -m benchmarks.studies seeds losses
    python -m benchmarks.studies --write
    """
    output, progress = Console(), Console(stderr=True, highlight=False)
    if not output.is_terminal:
        output.width = 160
    bench = Bench(folder.absolute(), iterations, num, say=progress.print)
    for each in STUDIES:
        if names and each.name not in names:
            continue
        count = each.seeds if seeds is None else seeds
        report = each.report(bench, (bench.kept if kept else bench.trained)(each.recipes, range(count)))
        output.print(f"[bold]{each.name}[/bold]: {each.title}")
        for table in report.tables:
            output.print(_shown(table))
        if write:
            output.print(f"{page.write(each, report, bench, count, current_commit())}")


def _shown(table: study.Table) -> Table:
    shown = Table(*table.header, title=table.title)
    for row in table.rows:
        shown.add_row(*row)
    return shown


if __name__ == "__main__":
    program.run(command)
