"""`ganctl doctor`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganctl.cli._options import FiniteRange, json_option, run_argument
from ganctl.cli._printing import show, show_json

if TYPE_CHECKING:
    from ganctl.diagnosis.doctor import Examination


@click.command()
@run_argument
@json_option
@click.option("--strict", is_flag=True, help="End with exit code 5 if a finding is serious.")
@click.option("--watch", is_flag=True, help="Examine a run in progress repeatedly, until it ends.")
@click.option(
    "--interval",
    type=FiniteRange(min=0.0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two examinations with --watch.",
)
def command(run: Path, as_json: bool, strict: bool, watch: bool, interval: float) -> None:
    """Say what is wrong with the run in folder RUN, since when, and what to change.

    Reads the files of the run; draws nothing. Each finding has a severity (note, warning or serious), its evidence, and
    changes to try, the best first, as --set takes them. A run without findings is healthy. Rules that lack a
    measurement are listed, too.

    \b
    ganctl doctor outputs/quickstart
    ganctl doctor outputs/quickstart --json --strict
    """
    from ganctl.diagnosis.doctor import examine
    from ganctl.errors import SickRunError, UsageError

    if watch and as_json:
        raise UsageError("--watch and --json exclude each other: --json prints one list.")
    found = _watch(run, interval) if watch else examine(run)
    if as_json:
        show_json(found.as_json())
    elif not watch:
        show(found)
    if strict and found.serious:
        names = ", ".join(each.name for each in found.findings if each.severity == "serious")
        raise SickRunError(f"{run} has serious findings: {names}.")


def _watch(run: Path, interval: float) -> "Examination":
    """Show when each finding begins or ends, until the run is no longer trained; return the last examination."""
    from ganctl.diagnosis.doctor import examine
    from ganctl.errors import UsageError
    from ganctl.host.file_lock import holder_of
    from ganctl.run_folder.paths import RunFolder

    said: dict[str, str] = {}
    while True:
        held = holder_of(RunFolder(run).lock) is not None
        try:
            found = examine(run)
        except UsageError:
            if not held:
                raise
            time.sleep(interval)  # it has only just begun
            continue
        now = {each.name: str(each.severity) for each in found.findings}
        for each in found.findings:
            if said.get(each.name) != each.severity:  # it begins, or has become worse or better
                show(each)
        for name in said.keys() - now.keys():
            show(f"over: {name}")
        said = now
        if not held:
            show(f"{run} is not being trained; findings: {', '.join(now) or 'none'}")
            return found
        time.sleep(interval)
