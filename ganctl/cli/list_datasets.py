"""`ganctl list-datasets`."""

import click

from ganctl.cli._options import json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the data sets that a YAML file can name.

    \b
    ganctl list-datasets
    ganctl list-datasets --json
    """
    from ganctl.build import catalog
    from ganctl.cli._listing import print_entries

    print_entries([catalog.datasets], as_json=as_json)
