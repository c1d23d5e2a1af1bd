"""A run that goes on: its newest checkpoint put back into what its experiment builds."""

import json
from collections.abc import Mapping
from typing import Any

from ganctl import plugins
from ganctl.build.resolving import with_defaults
from ganctl.errors import ConfigurationError, GanctlError
from ganctl.experiment.changes import changes_between
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import state as game_state
from ganctl.game.augmentation import memory_of
from ganctl.run_folder import checkpoint
from ganctl.run_folder.losses_csv import last_iteration
from ganctl.run_folder.paths import RunFolder
from ganctl.training.prepared import Prepared


def restore_newest(prepared: Prepared, folder: RunFolder, *, allow_changes: bool = False) -> list[str]:
    """Put the newest whole checkpoint of a run back; returns what should be said about it.

    A run that was killed before its first checkpoint begins again, which is the same run.

    Args:
        prepared: what the run's file builds now.
        folder: the run.
        allow_changes: go on although the file says something else than the checkpoint, if that can be.

    Raises:
        GanctlError: there is no whole checkpoint, or it was trained on other images.
        ConfigurationError: the run's file was changed since.
    """
    if not checkpoint.newest_first(folder.checkpoints):
        _refuse_lost_checkpoints(prepared.experiment, folder)
        _refuse_other_images(prepared, folder, _recorded_fingerprint(folder) or prepared.fingerprint)
        return ["no checkpoint was saved yet"]
    found, problems = checkpoint.load_newest(folder.checkpoints)
    notes = [f"skipped     {problem}" for problem in problems]
    notes += [f"changed     {line}" for line in _accepted_changes(prepared, found, allow_changes)]
    _refuse_other_images(prepared, folder, found.facts.get("dataset_fingerprint"))
    written = last_iteration(folder.losses)
    if written < found.step:
        notes.append(f"missing     {folder.losses} ends after {written} rows; those up to {found.step} are lost")
    game_state.restore(prepared.game, found.groups, found.step, str(found.path))
    return notes


def _refuse_lost_checkpoints(experiment: Experiment, folder: RunFolder) -> None:
    """Refuse to begin a run again that must have had checkpoints."""
    played = last_iteration(folder.losses)
    if played > experiment.outputs.checkpoint_every:
        raise GanctlError(
            f"There is no checkpoint in {folder.checkpoints}, but {folder.losses} has {played} iterations: the "
            "checkpoints were removed. Put them back, or start a new run."
        )


def _recorded_fingerprint(folder: RunFolder) -> Any:
    """The fingerprint of the images in run.json; None where that is not there, or is damaged."""
    try:
        return json.loads(folder.info.read_text("utf-8"))["dataset"]["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _refuse_other_images(prepared: Prepared, folder: RunFolder, fingerprint: Any) -> None:
    if fingerprint != prepared.fingerprint:
        raise GanctlError(
            f"{folder.path} was trained on other images than {prepared.images.source} has now. "
            "Put the old ones back, or start a new run."
        )


def _accepted_changes(prepared: Prepared, found: checkpoint.Checkpoint, allow_changes: bool) -> list[str]:
    """Return what the run's file says otherwise now, a line each; raises ConfigurationError with them."""
    # With today's defaults for keys that the checkpoint's version did not have.
    then = with_defaults(Experiment.from_source(YamlSource(str(found.path), found.facts["experiment"])))
    now, known = prepared.experiment, {*found.groups, *prepared.game.networks}
    augmentations = {section.name for section in (*then.training.augment, *now.training.augment)}
    remembering = {name for name in augmentations if memory_of(name) in known}
    changes = changes_between(then.model_dump(mode="json"), now.model_dump(mode="json"), remembering)
    lines = [change.described(found.path) for change in changes]
    lines += _changed_plugins(found.facts.get("plugins"), plugins.hashes(now.plugins))
    refused = [change.described(found.path) for change in changes if change.refused]
    if refused:
        remedy = "A new run can begin with its weights: ganctl train with --init-from."
        raise ConfigurationError("\n".join(["This is another experiment than the checkpoint's:", *refused, remedy]))
    if lines and not allow_changes:
        raise ConfigurationError(
            "The experiment was changed since the checkpoint. If that is meant, add --allow-changes:\n"
            + "\n".join(lines)
        )
    return lines


def _changed_plugins(then: Any, now: Mapping[str, list[str]]) -> list[str]:
    """A line for each plugin whose code is not what the checkpoint was trained with; older checkpoints do not say."""
    known = then if isinstance(then, Mapping) else {}
    return [
        f"the plugin {name} has other code now" if name in now else f"the plugin {name} is not run now"
        for name in known
        if known[name] != now.get(name)
    ]
