"""`ganctl report`."""

from pathlib import Path

import click

from ganctl.cli._options import run_argument
from ganctl.cli._printing import show


@click.command()
@run_argument
@click.option("--open", "opens", is_flag=True, help="Open it in the web browser, too.")
def command(run: Path, opens: bool) -> None:
    """Rewrite report.html of the run in folder RUN: curves, samples, scores and configuration on one page.

    Training writes it at every evaluation and at the end. It needs no network and no other file. It links to
    generator.html if `ganctl export --format html` has written that file into the run folder.

    \b
    ganctl report outputs/quickstart --open
    """
    from ganctl.errors import GanctlError
    from ganctl.report.run_report import write_report
    from ganctl.run_folder.paths import RunFolder

    folder = RunFolder.open(run)
    try:
        show(write_report(folder))
    except OSError as error:
        raise GanctlError(f"{folder.report} cannot be written: {error.strerror or error}.") from None
    if opens:
        _open(folder.report)


def _open(page: Path) -> None:
    import webbrowser

    from ganctl.errors import GanctlError

    if not webbrowser.open(page.absolute().as_uri()):
        raise GanctlError(f"No web browser was found. Open {page} yourself.")
