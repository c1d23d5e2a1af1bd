"""`ganctl report`."""

from pathlib import Path

import click

from ganctl.cli._options import run_argument
from ganctl.cli._printing import show


@click.command()
@run_argument
def command(run: Path) -> None:
    """Rewrite report.html of the run in folder RUN: curves, samples, scores and configuration on one page.

    Training writes it at every evaluation and at the end. The page needs no network and no other file.

    \b
    ganctl report outputs/quickstart
    """
    from ganctl.errors import GanctlError
    from ganctl.report.run_report import write_report
    from ganctl.run_folder.paths import RunFolder

    folder = RunFolder.open(run)
    try:
        show(write_report(folder))
    except OSError as error:
        raise GanctlError(f"{folder.report} cannot be written: {error.strerror or error}.") from None
