"""`ganctl validate`."""

import click

from ganctl.cli._options import set_option
from ganctl.cli._printing import prints_unicode, show


@click.command()
@click.argument("config")
@set_option()
@click.option("--show", "written_out", is_flag=True, help="Print the experiment with every default written out.")
def command(config: str, overrides: tuple[str, ...], written_out: bool) -> None:
    """Check the experiment of CONFIG, a YAML file or the name of a packaged one, without training it.

    \b
    ganctl validate my.yaml
    ganctl validate quickstart --show
    """
    from ganctl.build.resolving import load_experiment
    from ganctl.experiment.packaged_configs import find_config

    path = find_config(config)
    experiment = load_experiment(path, overrides)
    if written_out:
        show(experiment.to_yaml(ascii_only=not prints_unicode()), nl=False)
    else:
        show(f"{path} is valid: run folder '{experiment.resolved_run_name()}'.")
