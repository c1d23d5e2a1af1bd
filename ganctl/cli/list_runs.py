"""`ganctl list-runs`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganctl.cli._options import PATH, json_option
from ganctl.cli._printing import show, show_json

if TYPE_CHECKING:
    from ganctl.report.run_list import ListedRun

_HEADS = ("run", "model", "data", "iterations", "state", "KID", "best", "at", "changed", "findings")
_RIGHT = ("iterations", "KID", "best", "at")


@click.command()
@click.argument("folder", metavar="[DIR]", type=PATH, default=Path("outputs"))
@click.option(
    "--sort",
    "order",
    type=click.Choice(["name", "kid", "iterations", "state", "time"]),
    default="name",
    show_default=True,
    help="Order: by name, by best KID (the lowest first), by iterations or time of the last change (the largest "
    "first), or by state.",
)
@click.option(
    "--findings/--no-findings",
    "examines",
    default=True,
    help="Whether to ask the doctor about each run, which takes a while for runs that have changed since the last "
    "listing.  [default: --findings]",
)
@json_option
def command(folder: Path, order: Any, examines: bool, as_json: bool) -> None:
    """List the runs in the folder DIR, by default outputs, and in its folders, such as that of a sweep.

    The state of a run is running (a process holds its folder), finished, stopped (interrupted, failed or killed), or
    diverged. KID is that of the newest evaluation; best is the lowest, and at is its iteration. Findings are the
    warnings and serious findings of ganctl doctor, the worst first.

    \b
    ganctl list-runs
    ganctl list-runs outputs --sort kid
    ganctl list-runs outputs/night --json
    """
    from ganctl.errors import UsageError
    from ganctl.report.known_findings import KnownFindings
    from ganctl.report.run_list import RunList

    try:
        found = RunList.read(folder, order, KnownFindings() if examines else None)
    except OSError as error:
        raise UsageError(f"{folder} cannot be listed: {error.strerror}. Name the folder that holds the runs.") from None
    if as_json:
        show_json(found.as_json())
        return
    if found.runs:
        _print_table([_HEADS, *map(_cells, found.runs)])
    else:
        show(f"There are no runs in {folder}.")
    for broken in found.broken:
        show(f"broken: {broken.name}: {broken.problem}")
    if order == "kid" and found.incomparable:
        show("These KIDs were not all measured in the same way on the same images: compare only those that were.")


def _cells(run: "ListedRun") -> tuple[str, ...]:
    kid, best, at = "-", "-", "-"
    if run.newest is not None and run.best is not None:
        kid, best, at = f"{run.newest['kid']:.3g}", f"{run.best['kid']:.3g}", f"{run.best['iteration']:,}"
    changed = datetime.fromtimestamp(run.changed).strftime("%Y-%m-%d %H:%M")
    done = f"{run.iterations:,} of {run.wanted:,}"
    return (run.name, run.model, run.data, done, run.state.value, kid, best, at, changed, _findings(run))


def _findings(run: "ListedRun") -> str:
    if run.findings is None:
        return "-"
    return ", ".join(each["name"] for each in run.findings if each["severity"] != "note") or "none"


def _print_table(rows: list[tuple[str, ...]]) -> None:
    """Print rows in columns, one line each, however wide the terminal is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        aligned = [
            cell.rjust(width) if head in _RIGHT else cell.ljust(width)
            for head, cell, width in zip(_HEADS, row, widths, strict=True)
        ]
        show("  ".join(aligned).rstrip())
