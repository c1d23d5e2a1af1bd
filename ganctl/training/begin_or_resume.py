"""Begins a run, or continues it if it exists: one command for a job script, safe to repeat."""

from pathlib import Path

from ganctl.build.parts import Parts
from ganctl.build.resolving import load_experiment
from ganctl.errors import DivergedError, UsageError
from ganctl.experiment.changes import changes_between
from ganctl.experiment.experiment import Experiment, check_run_name
from ganctl.game.augmentation import remembers
from ganctl.run_folder.course import EarlyEnd, early_ends
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.progress import ENDED, Progress, State
from ganctl.training.console import TrainingConsole
from ganctl.training.hooks.patience import KEY
from ganctl.training.run import resume, train

_MEASURED = ("precision", "xla")
"""Keys of `training` whose `auto` is measured when a run begins; its config.yaml has the result."""


def begin_or_resume(
    parts: Parts,
    console: TrainingConsole,
    command: list[str],
    *,
    outputs: Path,
    run_name: str | None = None,
    device: str = "auto",
    init_from: Path | None = None,
) -> RunFolder:
    """Train an experiment to its last iteration in the run folder of its name, whatever that folder holds.

    Without a run, or with one that was killed before it began, the run begins. An unfinished run continues from its
    latest checkpoint, with the `outputs`, `evaluation` and `training.iterations` of the experiment. A finished run is
    left as it is, unless it ended early and should now be longer, or has another patience.

    Args:
        parts: the resolved experiment.
        console: shows what happens.
        command: the command line, for run.json and the log.
        outputs: the folder of all runs.
        run_name: name of the run folder; by default the experiment's.
        device: as `select_device` takes it.
        init_from: as for `train`; a run that is continued must have begun from it.

    Raises:
        UsageError: the folder holds another run or something else, or another process trains the run.
        DivergedError: the run has diverged, and would diverge again from its checkpoint.
        GanctlError: as for `train`.
    """
    name = check_run_name(run_name) if run_name is not None else parts.experiment.resolved_run_name()
    folder = RunFolder(outputs / name)
    if not folder.exists:
        begun = train(
            parts,
            console,
            command,
            outputs=outputs,
            run_name=name,
            device=device,
            init_from=init_from,
            reuse=True,
        )
        assert begun is not None
        return begun
    then = load_experiment(folder.config)
    parts = _as_measured(parts, then)
    _refuse_another_run(folder, parts, then, init_from)
    progress, wanted = Progress.read(folder), parts.experiment.training.iterations
    match progress.state(wanted):
        case State.FINISHED if progress.ended_early and (ending := _final_end(folder, parts)):
            console.say(
                f"{folder.path} is finished: it {progress.end}. To continue it nevertheless: {folder.resume_command} "
                f"--set {ending.key}=0"
            )
        case State.FINISHED if not progress.ended_early:
            console.say(f"{folder.path} is finished: it has {progress.done:,} iterations.")
        case State.DIVERGED:
            raise DivergedError(
                f"{folder.path} cannot be continued. {progress.end.removeprefix(ENDED)} From its checkpoint, it would "
                f"diverge again. To try nevertheless: {folder.resume_command}"
            )
        case _:
            resume(folder, parts, console, command, device=device)
    return folder


def _final_end(folder: RunFolder, parts: Parts) -> EarlyEnd | None:
    """Return the early end of a run; None if the experiment is now longer, or more or less patient, than it was."""
    ending = next(iter(early_ends(folder)[::-1]), None)
    if ending is None or ending.planned < parts.experiment.training.iterations:
        return None
    return ending if ending.key != KEY or ending.value == str(parts.experiment.evaluation.patience) else None


def _as_measured(parts: Parts, then: Experiment) -> Parts:
    """Return the parts with the values that replaced `auto` when the run began."""
    now = parts.experiment.training
    known = {key: getattr(then.training, key) for key in _MEASURED if getattr(now, key) == "auto"}
    return parts.with_training(**known) if known else parts


def _refuse_another_run(folder: RunFolder, parts: Parts, then: Experiment, init_from: Path | None) -> None:
    """Raise UsageError, which names the keys that differ, if the experiment is not that of the run."""
    remembering = [name for name, augmentation in parts.augmentations.items() if remembers(augmentation)]
    changes = changes_between(then.model_dump(mode="json"), parts.experiment.model_dump(mode="json"), remembering)
    lines = [change.described(folder.config) for change in changes]
    started = _started_from(folder)
    if init_from is None and started is not None:
        lines.append(f"it began with the weights of {started}, and now there is no --init-from")
    elif init_from is not None and (started is None or not started.is_relative_to(init_from.resolve())):
        lines.append(f"it began with {started or 'new weights'}, not with those of {init_from}")
    if lines:
        raise UsageError(
            f"{folder.path} holds a different run. Choose another --run-name, or continue it as it is: "
            f"{folder.resume_command}\n" + "\n".join(lines)
        )


def _started_from(folder: RunFolder) -> Path | None:
    """Return the file or checkpoint whose weights a run began with; None if it began with its own."""
    try:
        return Path(folder.read_info()["init_from"]["path"])
    except (KeyError, TypeError):
        return None
