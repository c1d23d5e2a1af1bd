"""Restarts a run that the doctor found sick: from an earlier checkpoint, with the doctor's advice.

run.json records a restart before the run folder is changed, and again once it is. Every step in between can be
repeated, so that a run that is killed during a restart resumes as if it had not been.
"""

import math
import shutil
from dataclasses import replace

from ganctl.build import resolving
from ganctl.diagnosis.findings import Advice, Finding
from ganctl.errors import ConfigurationError, DivergedError, GanctlError, SickRunError
from ganctl.experiment.changes import differences
from ganctl.experiment.experiment import Experiment
from ganctl.host.device import Device
from ganctl.host.files import replacement_for
from ganctl.run_folder import checkpoint
from ganctl.run_folder.course import EarlyEnd, Restart, add_early_end, restarts, write_restart
from ganctl.run_folder.lock import run_lock
from ganctl.run_folder.losses_csv import last_iteration, trim
from ganctl.run_folder.metrics_csv import comparable, read_metrics
from ganctl.run_folder.paths import STEP_NAME, RunFolder
from ganctl.training.console import TrainingConsole
from ganctl.training.hooks.collapse_guard import KEY, collapse_of
from ganctl.training.prepared import Prepared
from ganctl.training.resuming import changes_since, restore_newest

MOST_RESTARTS = 3


def play_and_restart(prepared: Prepared, folder: RunFolder, console: TrainingConsole) -> None:
    """Train to the end, with restarts where `training.on_collapse` is `restart`.

    Raises:
        DivergedError, SickRunError: the run is sick, and no restart was wanted or possible.
    """
    while True:
        try:
            console.play(prepared, folder)
        except (DivergedError, SickRunError) as error:
            if prepared.experiment.training.on_collapse != "restart":
                raise
            ended = error.with_traceback(None)  # it would keep the old game in memory
        else:
            return
        experiment, device = prepared.experiment, prepared.device
        del prepared
        prepared = _restarted(experiment, device, folder, console, ended)


def carry_out_last(folder: RunFolder) -> None:
    """Carry out a restart that is recorded, but whose process was killed before the run folder was changed."""
    if all(restart.carried_out for restart in restarts(folder)):
        return
    with run_lock(folder):
        for restart in restarts(folder):
            if not restart.carried_out:
                _carry_out(folder, restart, resolving.load_parts(folder.config, (restart.set,)).experiment)


class _Impossible(Exception):
    """The run cannot be restarted; the message says why, as the end of a sentence."""


def _restarted(
    experiment: Experiment, device: Device, folder: RunFolder, console: TrainingConsole, ended: GanctlError
) -> Prepared:
    """Take the run folder back to a checkpoint, and return the changed run.

    Raises:
        DivergedError, SickRunError: the run cannot be restarted; of the type of `ended`.
    """
    found, iteration = collapse_of(folder), last_iteration(folder.losses)
    try:
        if found is None:
            raise _Impossible("the doctor has too little to examine")
        number = len(restarts(folder)) + 1
        if number > MOST_RESTARTS:
            raise _Impossible(f"it was restarted {MOST_RESTARTS} times before")
        origin = _origin(folder, found.since, iteration)
        advice, prepared = _with_advice(found, experiment, device, folder, origin, console)
    except _Impossible as reason:
        message = f"{ended} The run cannot be restarted ({KEY}=restart), because {reason}. {_way_on(folder)}"
        told, since = (f"{found.title}, {found.when}", found.since) if found else ("divergence", iteration)
        why, planned = f"{told}; not restarted, because {reason}", experiment.training.iterations
        add_early_end(folder, EarlyEnd(iteration, planned, KEY, "restart", since, why))
        console.close_run(folder, f"ended: {message}")
        raise type(ended)(message) from None
    restart = Restart(
        number=number,
        after=iteration,
        back_to=origin.step if origin else 0,
        found=f"{found.title}, {found.when}",
        set=advice.set,
        why=advice.why,
        kept_in=f"{folder.restarts.name}/{number}",
        carried_out=False,
    )
    take_back(folder, restart, prepared.experiment)
    console.say(str(restart))
    restore_newest(prepared, folder)
    return prepared


def take_back(folder: RunFolder, restart: Restart, experiment: Experiment) -> None:
    """Change the run folder to that of the restarted run; if the process is killed, `carry_out_last` completes it."""
    try:
        _keep(folder, restart)
        write_restart(folder, restart)
        _carry_out(folder, restart, experiment)
    except OSError as error:
        raise GanctlError(
            f"{folder.path} could not be taken back to iteration {restart.back_to}: {error.strerror or error}. Fix the "
            f"cause, such as a full disk, then continue: {folder.resume_command}"
        ) from None


def _way_on(folder: RunFolder) -> str:
    return f"To continue without restarts: {folder.resume_command} --set {KEY}=go_on"


def _origin(folder: RunFolder, since: int, after: int) -> checkpoint.Checkpoint | None:
    """Return the checkpoint to go back to; None for the start.

    It is the best one from before the finding began. If there is none, the run begins again, unless it was healthy
    for longer than it was sick: then it is the one with the best KID. An early checkpoint that did not help is not
    tried twice, because the problem may have begun long before it showed: the run then begins again.
    """
    tried = {restart.back_to for restart in restarts(folder) if 0 < restart.back_to <= since / 2}
    kids = {row["iteration"]: row.get("kid", math.nan) for row in comparable(read_metrics(folder.metrics))}
    paths = {int(path.name): path for path in checkpoint.newest_first(folder.checkpoints)}

    def rank(step: int) -> tuple[float, int]:
        """Rank by KID, and those without a KID behind, the newest first."""
        kid = kids.get(step, math.nan)
        return math.inf if math.isnan(kid) else kid, -step

    before = sorted((step for step in paths.keys() - tried if step < since or step == 0), key=rank)
    late = sorted((step for step in paths.keys() & kids if step >= since > after / 2 and not tried), key=rank)
    for step in (*before, *late):
        try:
            return checkpoint.load(paths[step])
        except GanctlError as error:
            folder.append_log(f"skipped     {error}")
    if "init_from" in folder.read_info():
        raise _Impossible("it began with the weights of another run, and the checkpoint that holds them is gone")
    return None


def _with_advice(
    found: Finding,
    experiment: Experiment,
    device: Device,
    folder: RunFolder,
    origin: checkpoint.Checkpoint | None,
    console: TrainingConsole,
) -> tuple[Advice, Prepared]:
    """Return the first advice that the run can follow, and the run with it."""
    reasons = []
    for advice in found.advice:
        try:
            parts = resolving.load_parts(folder.config, (advice.set,))
            if not differences(experiment.model_dump(mode="json"), parts.experiment.model_dump(mode="json")):
                raise _Impossible("it is set already")
            prepared = Prepared.make(parts, device, console.track, pretrained=origin is None)
            if origin:
                _refuse_fixed_keys(origin, prepared)
            return advice, prepared
        except (_Impossible, ConfigurationError) as reason:
            reasons.append(f"{advice.set}: {' '.join(str(reason).split()).rstrip('.')}")
    told = f" ({'; '.join(reasons)})" if reasons else ""
    raise _Impossible(f"there is no advice that it can follow{told}")


def _refuse_fixed_keys(origin: checkpoint.Checkpoint, prepared: Prepared) -> None:
    kept = [change.key for change in changes_since(origin, prepared) if change.refused]
    if kept:
        raise _Impossible(f"after its first iteration, a run keeps its {' and '.join(kept)}")


def _keep(folder: RunFolder, restart: Restart) -> None:
    """Copy what the doctor read into a folder that it can still read."""
    kept = folder.path / restart.kept_in
    shutil.rmtree(kept, ignore_errors=True)  # of a process that was killed meanwhile
    with replacement_for(kept) as made:
        made.mkdir(parents=True)
        for path in (folder.config, folder.info, folder.losses, folder.metrics, folder.vitals, folder.log):
            if path.is_file():
                shutil.copy(path, made)


def _carry_out(folder: RunFolder, restart: Restart, experiment: Experiment) -> None:
    """Change the run folder to that of a run of the changed experiment that has just reached the checkpoint."""
    kept = RunFolder(folder.path / restart.kept_in)
    folder.write_config(experiment.to_yaml())
    checkpoint.remove_after(folder.checkpoints, restart.back_to)
    origin = folder.checkpoint(restart.back_to)
    if origin.is_dir():
        checkpoint.restate(origin, {"experiment": experiment.model_dump(mode="json")})
    if restart.back_to:
        trim(folder.losses, restart.back_to)
    else:  # the changed run may have other columns
        for path in (folder.losses, folder.metrics, folder.vitals):
            path.unlink(missing_ok=True)
    for drawn, to in ((folder.samples, kept.samples), (folder.generators, kept.generators)):
        to.mkdir(parents=True, exist_ok=True)
        for path in drawn.iterdir():
            if STEP_NAME.fullmatch(path.stem) and int(path.stem) > restart.back_to:
                shutil.move(path, to / path.name)
    folder.append_log(str(restart))
    write_restart(folder, replace(restart, carried_out=True))
