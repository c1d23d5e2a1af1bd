"""A run from its first iteration to its last: `train` and `resume`, for the command line and for Python."""

from collections.abc import Iterable
from pathlib import Path

from ganctl.build.parts import Parts
from ganctl.errors import UsageError
from ganctl.experiment.changes import may_be_set, never_may_be_set
from ganctl.experiment.experiment import TUTORIAL_CONSTANTS, check_run_name
from ganctl.game import state as game_state
from ganctl.host.device import select_device
from ganctl.run_folder import checkpoint
from ganctl.run_folder.lock import run_lock
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.progress import RESUMED, STARTED
from ganctl.training.console import TrainingConsole
from ganctl.training.from_torch import TorchFile, find_start, transfer_from_torch
from ganctl.training.hooks import stage_facts
from ganctl.training.prepared import Prepared, prepare_process
from ganctl.training.restarting import play_and_restart
from ganctl.training.resuming import restore_newest
from ganctl.training.transfer import transfer


def train(
    parts: Parts,
    console: TrainingConsole,
    command: list[str],
    *,
    outputs: Path,
    run_name: str | None = None,
    device: str = "auto",
    init_from: Path | None = None,
    dry_run: bool = False,
    reuse: bool = False,
) -> RunFolder | None:
    """Train an experiment in a new run folder, and return that.

    Args:
        parts: the resolved experiment.
        console: shows what happens.
        command: the command line, for run.json and the log.
        outputs: the folder of all runs.
        run_name: name of the run folder, which must not exist yet; by default the experiment's.
        device: as `select_device` takes it.
        init_from: a run folder, checkpoint, generator file or safetensors file of PyTorch to start from, wherever its
            weights fit.
        dry_run: build everything, show it, train nothing and return None.
        reuse: use an existing folder of that name if no run has begun in it.

    Raises:
        GanctlError: one of its subclasses; what was learned until then is in the run folder.
    """
    name = check_run_name(run_name) if run_name is not None else parts.experiment.resolved_run_name()
    RunFolder.check_free(outputs, name, explicit=run_name is not None, reuse=reuse)
    start, problems = find_start(init_from) if init_from else (None, [])
    chosen = select_device(device)
    prepare_process(chosen)
    prepared = Prepared.make(parts, chosen, console.track)
    console.introduce(prepared)
    facts = prepared.describe(command)
    lines = [f"skipped {problem}" for problem in problems]
    if start:
        if isinstance(start, TorchFile):
            fits, state = transfer_from_torch(prepared.game, start), "in PyTorch's layout"
        else:
            fits, state = transfer(prepared.game, start), f"after {start.step:,} iterations"
        lines += [f"weights of {start.path}, {state}", *(line for fit in fits for line in fit.lines())]
        networks = {fit.role: {"from": fit.source, "fitted": fit.fitted, "of": fit.total} for fit in fits}
        facts["init_from"] = {"path": str(start.path.resolve()), "step": start.step, "networks": networks}
    for line in lines:
        console.say(f"init        {line}")
    if dry_run:
        console.show_layers(prepared)
        return None
    folder = RunFolder.create(outputs, name, explicit=run_name is not None, reuse=reuse)
    with run_lock(folder):
        if reuse:
            _take(folder)
        folder.write_info(facts)
        folder.append_log(f"{STARTED}{' '.join(command)}")
        for line in lines:
            folder.append_log(f"init: {line}")
        if start:
            # A run that is killed before its first checkpoint starts again, then also from these weights.
            first = {**prepared.checkpoint_facts, **stage_facts(prepared.game, 0), "step": 0}
            checkpoint.save(folder.checkpoints, game_state.collect(prepared.game), first)
        folder.write_config(prepared.experiment.to_yaml())  # last, because with it a run can be resumed
        play_and_restart(prepared, folder, console)
    return folder


def _take(folder: RunFolder) -> None:
    """Clear a folder in which no run has begun; raises UsageError if another process has just begun one."""
    if not folder.never_began:
        raise UsageError(f"Another process has just begun a run in {folder.path}.")
    folder.clear()


def refuse_changes(overrides: Iterable[str], *, allow_changes: bool) -> None:
    """Raise UsageError if an override would make a resumed run a different one, unless that is allowed."""
    for override in overrides:
        key = override.partition("=")[0].strip().lower()
        dotted = ".".join(TUTORIAL_CONSTANTS.get(key, (key,)))
        if not allow_changes and not may_be_set(dotted):
            never = never_may_be_set(dotted)
            remedy = "with --init-from to start from its weights" if never else "or add --allow-changes"
            raise UsageError(
                f"'{key}' would make this a different run: a resumed run accepts more training.iterations, other "
                "outputs.* and evaluation.*, another training.on_collapse, and another dataset.path to the same "
                f"images. Use ganctl train, {remedy}."
            )


def resume(
    folder: RunFolder,
    parts: Parts,
    console: TrainingConsole,
    command: list[str],
    *,
    allow_changes: bool = False,
    device: str = "auto",
) -> None:
    """Resume a run from its latest checkpoint.

    Args:
        folder: the run.
        parts: its config.yaml, resolved, with what was changed.
        console: shows what happens.
        command: the command line.
        allow_changes: continue even though the experiment differs from the checkpoint's.
        device: as `select_device` takes it.
    """
    with run_lock(folder):
        # The checkpoint's weights replace pre-trained ones, whose file may no longer exist.
        pretrained = not checkpoint.newest_first(folder.checkpoints)
        chosen = select_device(device)
        prepare_process(chosen)
        prepared = Prepared.make(parts, chosen, console.track, pretrained=pretrained)
        folder.tidy()
        notes = restore_newest(prepared, folder, allow_changes=allow_changes)
        step = int(prepared.game.step.numpy())
        planned = parts.experiment.training.iterations
        if step > planned:
            raise UsageError(
                f"{folder.path} already has {step} iterations, more than {planned}. Use a larger training.iterations."
            )
        console.introduce(prepared)
        for note in notes:
            console.say(note)
            folder.append_log(note)
        console.say(f"resuming    after iteration {step:,}")
        folder.write_config(prepared.experiment.to_yaml())
        if not folder.info.exists():
            folder.write_info(prepared.describe(command))
        folder.append_log(f"{RESUMED}{step}: {' '.join(command)}")
        play_and_restart(prepared, folder, console)
