"""Resuming a run: its latest checkpoint is restored into the game that its experiment builds."""

import shlex
from collections.abc import Mapping
from typing import Any

from ganctl import plugins
from ganctl.build.resolving import with_defaults
from ganctl.errors import ConfigurationError, GanctlError
from ganctl.experiment.changes import Change, changes_between
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import state as game_state
from ganctl.game.augmentation import memory_of
from ganctl.run_folder import checkpoint
from ganctl.run_folder.losses_csv import last_iteration
from ganctl.run_folder.paths import RunFolder
from ganctl.training.prepared import Prepared


def restore_newest(prepared: Prepared, folder: RunFolder, *, allow_changes: bool = False) -> list[str]:
    """Restore the latest intact checkpoint of a run; returns notes about it for the user.

    A run that was killed before its first checkpoint starts again, which gives the same run.

    Args:
        prepared: what the run's config.yaml builds now.
        folder: the run.
        allow_changes: continue even though the file differs from the checkpoint, where that is possible.

    Raises:
        GanctlError: no checkpoint is intact, or the run was trained on different images.
        ConfigurationError: the run's config.yaml has changed since.
    """
    if not checkpoint.newest_first(folder.checkpoints):
        _refuse_lost_checkpoints(prepared.experiment, folder)
        _refuse_other_images(prepared, folder, _recorded_fingerprint(folder) or prepared.fingerprint)
        return ["no checkpoint was saved yet"]
    found, problems = checkpoint.load_newest(folder.checkpoints)
    notes = [f"skipped     {problem}" for problem in problems]
    notes += [f"changed     {line}" for line in _accepted_changes(prepared, found, folder, allow_changes)]
    _refuse_other_images(prepared, folder, found.facts.get("dataset_fingerprint"))
    written = last_iteration(folder.losses)
    if written < found.step:
        notes.append(f"missing     {folder.losses} ends at row {written}; the rows up to {found.step} are lost")
    try:
        game_state.restore(prepared.game, found.groups, found.step, str(found.path))
    except GanctlError as error:
        raise GanctlError(f"{error} {_new_run(folder)}") from None
    return notes


def _refuse_lost_checkpoints(experiment: Experiment, folder: RunFolder) -> None:
    """Refuse to restart a run that must have had checkpoints."""
    played = last_iteration(folder.losses)
    if played > experiment.outputs.checkpoint_every:
        raise GanctlError(
            f"There is no checkpoint in {folder.checkpoints}, but {folder.losses} has {played} iterations: the "
            "checkpoints were removed. Restore them, or start a new run."
        )


def _recorded_fingerprint(folder: RunFolder) -> Any:
    """The fingerprint of the images in run.json; None if the file is missing or damaged."""
    try:
        return folder.read_info()["dataset"]["fingerprint"]
    except (KeyError, TypeError):
        return None


def _refuse_other_images(prepared: Prepared, folder: RunFolder, fingerprint: Any) -> None:
    if fingerprint != prepared.fingerprint:
        raise GanctlError(
            f"{folder.path} was trained on different images from those now in {prepared.images.source}. "
            f"Restore the old images. {_new_run(folder)}"
        )


def _accepted_changes(
    prepared: Prepared, found: checkpoint.Checkpoint, folder: RunFolder, allow_changes: bool
) -> list[str]:
    """Return what has changed in the run's config.yaml, one line each; raises ConfigurationError if not allowed."""
    now, changes = prepared.experiment, changes_since(found, prepared)
    lines = [change.described(found.path) for change in changes]
    lines += _changed_plugins(found.facts.get("plugins"), plugins.hashes(now.plugins))
    refused = [change.described(found.path) for change in changes if change.refused]
    if refused:
        reason = "This experiment is not the checkpoint's, and cannot continue it:"
        raise ConfigurationError("\n".join([reason, *refused, _new_run(folder)]))
    if lines and not allow_changes:
        raise ConfigurationError(
            "The experiment has changed since the checkpoint. To continue anyway, add --allow-changes:\n"
            + "\n".join(lines)
        )
    return lines


def changes_since(found: checkpoint.Checkpoint, prepared: Prepared) -> list[Change]:
    """Return the changes between the experiment of a checkpoint and the one that continues from it."""
    # With the current defaults for keys that the checkpoint's version did not have.
    then = with_defaults(Experiment.from_source(YamlSource(str(found.path), found.facts["experiment"])))
    now, known = prepared.experiment, {*found.groups, *prepared.game.networks}
    augmentations = {section.name for section in (*then.training.augment, *now.training.augment)}
    remembering = {name for name in augmentations if memory_of(name) in known}
    return changes_between(then.model_dump(mode="json"), now.model_dump(mode="json"), remembering)


def _new_run(folder: RunFolder) -> str:
    """Return what to type if a run cannot be continued."""
    if not checkpoint.newest_first(folder.checkpoints):
        return "Or start a new run."
    config, run = shlex.quote(str(folder.config)), shlex.quote(str(folder.path))
    return f"To start a new run from its weights: ganctl train {config} --init-from {run}"


def _changed_plugins(then: Any, now: Mapping[str, list[str]]) -> list[str]:
    """One line for each plugin whose code has changed since the checkpoint; older checkpoints do not record it."""
    known = then if isinstance(then, Mapping) else {}
    return [
        f"the code of the plugin {name} has changed" if name in now else f"the plugin {name} is no longer used"
        for name in known
        if known[name] != now.get(name)
    ]
