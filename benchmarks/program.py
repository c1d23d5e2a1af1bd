"""How a benchmark ends as a program."""

import sys

import click

from ganctl.errors import GanctlError


def run(command: click.Command) -> None:
    """Run a command; end a GanctlError in one line and with its exit code, as `ganctl` itself does."""
    try:
        command(standalone_mode=True)
    except GanctlError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
