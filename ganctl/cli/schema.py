"""`ganctl schema`."""

import json

import click


@click.command()
def command() -> None:
    """Print the JSON schema of the YAML file, for editors that complete and check it.

    \b
    ganctl schema > ganctl.schema.json
    """
    from ganctl.build.file_schema import file_schema

    click.echo(json.dumps(file_schema(), indent=2, ensure_ascii=False))
