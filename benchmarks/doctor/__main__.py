"""`python -m benchmarks.doctor`."""

from collections import Counter
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from benchmarks import program
from benchmarks.doctor import pages, tables
from benchmarks.doctor.bases import BASES
from benchmarks.doctor.laboratory import Laboratory
from benchmarks.doctor.sicknesses import SICKNESSES, Case, Sickness, cases
from benchmarks.names import Names
from ganctl.errors import GanctlError

HEALTHY = "healthy"
DOCS = Path(__file__).parents[2] / "docs"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--half",
    type=click.Choice(["thresholds", "test", "both"]),
    default="both",
    show_default=True,
    help="Which bases: those that set thresholds, those that test them, or both.",
)
@click.option("--sicknesses", type=Names([HEALTHY, *(each.name for each in SICKNESSES)]), help="[default: all]")
@click.option("--bases", type=Names([base.name for base in BASES]), help="[default: all]")
@click.option("--seeds", default="0,1", show_default=True, help="Seeds, comma-separated.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("outputs/doctor"),
    show_default=True,
    help="Keeps pictures and runs; a case whose run is there is not trained again.",
)
@click.option("--cure", is_flag=True, help="Also follow the first advice on each sickness that was found.")
@click.option("--no-train", is_flag=True, help="Only examine the runs that are kept.")
@click.option("--set", "changes", metavar="KEY=VALUE", multiple=True, help="Change a key of every case.")
@click.option("--list", "only_list", is_flag=True, help="Only list the cases.")
@click.option("--write", is_flag=True, help="Write the table and a picture of each finding into docs/.")
@click.option("--fit", is_flag=True, help="Show which thresholds would part sick runs from others.")
def command(
    half: str,
    sicknesses: list[str] | None,
    bases: list[str] | None,
    seeds: str,
    folder: Path,
    cure: bool,
    no_train: bool,
    changes: tuple[str, ...],
    only_list: bool,
    write: bool,
    fit: bool,
) -> None:
    """Train runs that are made sick on purpose and healthy ones, and show how well the doctor tells them apart.

    \b
    python -m benchmarks.doctor --half thresholds --fit
    python -m benchmarks.doctor --half test
    """
    console = Console(highlight=False)
    wanted = [case for case in cases() if _is_wanted(case, half, sicknesses, bases, seeds)]
    if only_list:
        for case in wanted:
            console.print(f"{case.name}  {case.iterations} iterations", markup=False)
        console.print(f"{len(wanted)} runs, {sum(case.sickness is None for case in wanted)} of them healthy")
        return
    say = partial(console.print, markup=False)
    laboratory = Laboratory(folder, changes=changes, say=say)
    failed = [] if no_train else _train(laboratory, wanted, cure=cure)
    results = laboratory.results(wanted)
    console.print(_confusion(results))
    for line in tables.false_alarms(results):
        console.print(f"false alarm in {line}", markup=False)
    if fit:
        console.print(_fits(results))
    for line in tables.shortfalls(results):
        console.print(line, markup=False)
    if write:
        command_line = f"python -m benchmarks.doctor --half {half}" + (f" --seeds {seeds}" if seeds != "0,1" else "")
        pages.write_table(DOCS / "doctor.md", command_line, results)
        pages.draw_all(laboratory, cases(), DOCS / "images" / "doctor")
    if failed:
        raise GanctlError("Some cases failed:\n" + "\n".join(failed))


def _is_wanted(case: Case, half: str, sicknesses: list[str] | None, bases: list[str] | None, seeds: str) -> bool:
    name = case.sickness.name if case.sickness else HEALTHY
    return (
        half in ("both", case.base.half)
        and (not sicknesses or name in sicknesses)
        and (not bases or case.base.name in bases)
        and str(case.seed) in seeds.split(",")
    )


def _train(laboratory: Laboratory, wanted: list[Case], *, cure: bool) -> list[str]:
    failed = []
    for treat, all_of_them in ((laboratory.train, wanted), (laboratory.cure, each_once_first(wanted) if cure else [])):
        for case in all_of_them:
            try:
                treat(case)
            except GanctlError as error:
                failed.append(f"{case.name}: {error}")
    return failed


def each_once_first(wanted: list[Case]) -> list[Case]:
    """Order cases so that each sickness comes once before any comes again."""
    seen: Counter[Sickness | None] = Counter()
    ranks = {}
    for case in wanted:
        ranks[case] = seen[case.sickness]
        seen[case.sickness] += 1
    return sorted(wanted, key=lambda case: ranks[case])


def _confusion(results: tables.Results) -> Table:
    table = Table("finding", "right", "missed", "false", "precision", "recall", "delay", "cured")
    for row in tables.rows(results):
        shares = [f"{value:.2f}" if value == value else "" for value in (row.precision, row.recall)]
        rest = [f"{value:.0%}" if value == value else "" for value in (row.delay, row.cured)]
        table.add_row(row.name, *map(str, (row.right, row.missed, row.false)), *shares, *rest)
    return table


def _fits(results: tables.Results) -> Table:
    table = Table("finding", "threshold", "best", "separation", "sick", "least", "others", "healthy up to")
    for each in tables.fits(results):
        numbers = [f"{each.now:.4g}", f"{each.best:.4g}", f"{each.separation:.2f}"]
        ends = f"{each.least:.4g}", f"{each.greatest:.4g}"
        table.add_row(each.name, *numbers, str(each.sick), ends[0], str(each.others), ends[1])
    return table


if __name__ == "__main__":
    program.run(command)
