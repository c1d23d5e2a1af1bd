"""`ganctl compare`."""

from pathlib import Path

import click

from ganctl.cli._options import PATH, json_option, output_option
from ganctl.cli._printing import show, show_json
from ganctl.errors import UsageError


@click.command()
@click.argument("runs", metavar="RUN RUN...", nargs=-1, type=PATH)
@output_option("The page to write.", default=Path("compare.html"))
@json_option
def command(runs: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Compare runs: configurations, scores and final losses.

    Prints a table, and writes a page with all curves in the same plots and the samples side by side.

    \b
    ganctl compare outputs/quickstart outputs/quickstart-2
    """
    from ganctl.report.comparison import Comparison
    from ganctl.run_folder.paths import RunFolder

    if len(runs) < 2:
        raise UsageError(f"ganctl compare needs at least two run folders. Received: {len(runs)}")
    comparison = Comparison.read([RunFolder.open(run) for run in runs])
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        comparison.write_page(output)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}. Choose another --output.") from None
    if as_json:
        show_json({**comparison.as_json(), "page": str(output)})
        return

    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table("", *(Column(Text(name), overflow="fold") for name in comparison.names), box=SIMPLE)
    for section in comparison.table():
        for row in section:
            table.add_row(*map(Text, row))
        table.add_section()
    Console(highlight=False).print(table)
    for note in comparison.protocol_notes:
        show(note)
    if any(row.winner is not None for row in comparison.scores):
        show("* the best of the runs.")
    show(f"Losses are means of the last 100 iterations. Curves and samples: {output}")
