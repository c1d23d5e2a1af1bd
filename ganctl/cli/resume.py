"""`ganctl resume`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganctl.errors import UsageError

if TYPE_CHECKING:
    from ganctl.experiment import Experiment
    from ganctl.run_folder import RunFolder


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--set", "overrides", metavar="training.iterations=N", multiple=True, help="Train longer.")
@click.option("--allow-changes", is_flag=True, help="Go on with other settings; shows them.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|gpu|gpu:N", help="Where to train.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def command(run: Path, overrides: tuple[str, ...], allow_changes: bool, device: str, quiet: bool) -> None:
    """Go on with the run in folder RUN from its newest checkpoint, to the last bit as if it had never stopped.

    \b
    ganctl resume outputs/quickstart
    ganctl resume outputs/quickstart --set training.iterations=20000
    ganctl resume outputs/quickstart --allow-changes --set optimizer.generator.learning_rate=1e-5
    """
    from ganctl import build
    from ganctl.experiment import TUTORIAL_CONSTANTS
    from ganctl.run_folder import RunFolder
    from ganctl.run_lock import run_lock

    folder = RunFolder.open(run)
    for override in overrides:
        key = override.partition("=")[0].strip().lower()
        if not allow_changes and ".".join(TUTORIAL_CONSTANTS.get(key, (key,))) != "training.iterations":
            raise UsageError(
                f"A resumed run can only get more iterations; '{key}' would make another run of it. "
                "Use ganctl train, or add --allow-changes."
            )
    experiment = build.load_experiment(folder.config, overrides)
    with run_lock(folder.path):
        _resume(folder, experiment, allow_changes=allow_changes, device=device, quiet=quiet)


def _resume(folder: "RunFolder", experiment: "Experiment", *, allow_changes: bool, device: str, quiet: bool) -> None:
    from ganctl.checkpoint import newest_first
    from ganctl.device import select_device
    from ganctl.prepared import Prepared, command_line
    from ganctl.restoring import restore_newest
    from ganctl.session import Session

    session = Session(quiet=quiet)
    # The checkpoint's weights take the place of pre-trained ones, whose file may be gone by now.
    pretrained = not newest_first(folder.checkpoints)
    prepared = Prepared.make(experiment, select_device(device), session.track, pretrained=pretrained)
    folder.tidy()
    notes = restore_newest(prepared, folder, allow_changes=allow_changes)
    step = int(prepared.game.step.numpy())
    if step > experiment.training.iterations:
        raise UsageError(f"{folder.path} has {step} iterations already, more than {experiment.training.iterations}.")
    session.introduce(prepared)
    for note in notes:
        session.say(note)
        folder.append_log(note)
        folder.append_log(note)
    session.say(f"resuming    after iteration {step:,}")
    folder.write_config(prepared.experiment.to_yaml())
    if not folder.info.exists():
        folder.write_info(prepared.describe(command_line()))
    folder.append_log(f"resumed after iteration {step}: {' '.join(command_line())}")
    session.play(prepared, folder)
