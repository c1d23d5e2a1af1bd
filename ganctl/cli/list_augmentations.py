"""`ganctl list-augmentations`."""

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def command(as_json: bool) -> None:
    """List the augmentations that a YAML file can name.

    \b
    ganctl list-augmentations
    ganctl list-augmentations --json
    """
    from ganctl.build import catalog
    from ganctl.cli._listing import print_entries

    print_entries([catalog.augmentations], as_json=as_json)
