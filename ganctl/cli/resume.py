"""`ganctl resume`."""

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Train longer, or write other outputs.")
@click.option("--allow-changes", is_flag=True, help="Go on with other settings; shows them.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|gpu|gpu:N", help="Where to train.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def command(run: Path, overrides: tuple[str, ...], allow_changes: bool, device: str, quiet: bool) -> None:
    """Go on with the run in folder RUN from its newest checkpoint, to the last bit as if it had never stopped.

    \b
    ganctl resume outputs/quickstart
    ganctl resume outputs/quickstart --set training.iterations=20000
    ganctl resume outputs/quickstart --set evaluation.every=500 --set outputs.keep=5
    ganctl resume outputs/quickstart --allow-changes --set optimizer.generator.learning_rate=1e-5
    """
    from ganctl.build import resolving
    from ganctl.cli import command_line
    from ganctl.run_folder.paths import RunFolder
    from ganctl.training.run import refuse_changes, resume
    from ganctl.training.session import Session

    folder = RunFolder.open(run)
    refuse_changes(overrides, allow_changes=allow_changes)
    parts = resolving.load_parts(folder.config, overrides)
    resume(folder, parts, Session(quiet=quiet), command_line(), allow_changes=allow_changes, device=device)
