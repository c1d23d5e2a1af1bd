"""`ganctl schema`."""

import click

from ganctl.cli._printing import show_json


@click.command()
def command() -> None:
    """Print the JSON schema of the YAML file, for editors that complete and check it.

    \b
    ganctl schema > ganctl.schema.json
    """
    from ganctl.build.file_schema import file_schema

    show_json(file_schema())
