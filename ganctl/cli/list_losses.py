"""`ganctl list-losses`."""

import click

from ganctl.cli._options import json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the losses, penalties and generator terms that a YAML file can name.

    \b
    ganctl list-losses
    ganctl list-losses --json
    """
    from ganctl.build import catalog
    from ganctl.cli._listing import print_entries

    print_entries([catalog.losses, catalog.penalties, catalog.generator_terms], as_json=as_json)
