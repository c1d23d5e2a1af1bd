"""`ganctl resume`."""

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--set", "overrides", metavar="training.iterations=N", multiple=True, help="Train longer.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|gpu|gpu:N", help="Where to train.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def command(run: Path, overrides: tuple[str, ...], device: str, quiet: bool) -> None:
    """Go on with the run in folder RUN from its newest checkpoint, to the last bit as if it had never stopped.

    \b
    ganctl resume outputs/quickstart
    ganctl resume outputs/quickstart --set training.iterations=20000
    """
    from ganctl import build
    from ganctl.errors import UsageError
    from ganctl.experiment import TUTORIAL_CONSTANTS
    from ganctl.run_folder import RunFolder

    folder = RunFolder.open(run)
    for override in overrides:
        key = override.partition("=")[0].strip().lower()
        if ".".join(TUTORIAL_CONSTANTS.get(key, (key,))) != "training.iterations":
            raise UsageError(
                f"A resumed run can only get more iterations; '{key}' would make another run of it. Use ganctl train."
            )
    experiment = build.load_experiment(folder.config, overrides)

    from ganctl.device import select_device
    from ganctl.prepared import Prepared, command_line
    from ganctl.restoring import restore_newest
    from ganctl.session import Session

    session = Session(quiet=quiet)
    prepared = Prepared.make(experiment, select_device(device), session.track)
    for problem in restore_newest(prepared, folder):
        session.say(f"skipped     {problem}")
    step = int(prepared.game.step.numpy())
    if step > experiment.training.iterations:
        raise UsageError(f"{run} has {step} iterations already, more than {experiment.training.iterations}.")
    session.introduce(prepared)
    session.say(f"resuming    after iteration {step:,}")
    folder.write_config(prepared.experiment.to_yaml())
    folder.append_log(f"resumed after iteration {step}: {' '.join(command_line())}")
    session.play(prepared, folder)
