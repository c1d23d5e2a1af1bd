"""`ganctl resume`."""

from pathlib import Path

import click

from ganctl.cli._options import device_option, quiet_option, run_argument, set_option


@click.command()
@run_argument
@set_option("Override a key, such as training.iterations or outputs.*; may be repeated.")
@click.option("--allow-changes", is_flag=True, help="Resume even though settings changed; lists the changes.")
@device_option
@quiet_option
def command(run: Path, overrides: tuple[str, ...], allow_changes: bool, device: str, quiet: bool) -> None:
    """Resume the run in folder RUN from its latest checkpoint, to the last bit as if it had never stopped.

    \b
    ganctl resume outputs/quickstart
    ganctl resume outputs/quickstart --set training.iterations=20000
    ganctl resume outputs/quickstart --set evaluation.every=500 --set outputs.keep=5
    ganctl resume outputs/quickstart --allow-changes --set optimizer.generator.learning_rate=1e-5
    """
    from ganctl.build import resolving
    from ganctl.cli import command_line
    from ganctl.run_folder.paths import RunFolder
    from ganctl.training.console import TrainingConsole
    from ganctl.training.restarting import carry_out_last
    from ganctl.training.run import refuse_changes, resume

    folder = RunFolder.open(run)
    refuse_changes(overrides, allow_changes=allow_changes)
    carry_out_last(folder)
    parts = resolving.load_parts(folder.config, overrides)
    resume(folder, parts, TrainingConsole(quiet=quiet), command_line(), allow_changes=allow_changes, device=device)
