"""`ganctl list-datasets`."""

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
def command(as_json: bool) -> None:
    """List the data sets that a YAML file can name.

    \b
    ganctl list-datasets
    ganctl list-datasets --json
    """
    from ganctl.build import catalog
    from ganctl.cli._listing import print_entries

    print_entries([catalog.datasets], as_json=as_json)
