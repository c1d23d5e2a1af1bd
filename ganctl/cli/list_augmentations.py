"""`ganctl list-augmentations`."""

import click

from ganctl.cli._options import json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the augmentations that a YAML file can name.

    \b
    ganctl list-augmentations
    ganctl list-augmentations --json
    """
    from ganctl.build import catalog
    from ganctl.cli._listing import print_entries

    print_entries([catalog.augmentations], as_json=as_json)
