"""A run that goes on, and a generator that draws again: checkpoints put back into what the experiment builds."""

from pathlib import Path
from typing import Any

from ganctl import checkpoint, game_state
from ganctl.build import make_networks, resolve, with_precision
from ganctl.errors import ConfigurationError, GanctlError
from ganctl.experiment import Experiment
from ganctl.prepared import Prepared
from ganctl.run_folder import RunFolder


def restore_newest(prepared: Prepared, folder: RunFolder) -> list[str]:
    """Put the newest whole checkpoint of a run back; returns what was wrong with newer ones.

    Raises:
        GanctlError: there is no whole checkpoint, or it was trained on other images.
        ConfigurationError: the run's file was changed since.
    """
    found, problems = checkpoint.load_newest(folder.checkpoints)
    _refuse_changes(prepared.experiment, found)
    if found.facts.get("dataset_fingerprint") != prepared.fingerprint:
        raise GanctlError(
            f"{folder.path} was trained on other images: {prepared.images.source} has changed since. "
            "Put the old ones back, or start a new run."
        )
    game_state.restore(prepared.game, found.groups, found.step, str(found.path))
    return problems


# What a resumed run may have otherwise: it changes nothing that is learned. Moved data is known by its fingerprint.
FREE_ON_RESUME = ("name", "run_name", "dataset.path", "training.iterations", "evaluation.", "outputs.")


def _refuse_changes(experiment: Experiment, found: checkpoint.Checkpoint) -> None:
    """Refuse to go on with a run whose file says something else now, showing what."""
    then, now = _by_dotted_key(found.facts["experiment"]), _by_dotted_key(experiment.model_dump(mode="json"))
    changed = [
        f"{key}: {then.get(key)!r} in {found.path}, {now.get(key)!r} now"
        for key in sorted(then.keys() | now.keys())
        if then.get(key) != now.get(key) and not key.startswith(FREE_ON_RESUME)
    ]
    if changed:
        raise ConfigurationError("This is another experiment than the checkpoint's:\n" + "\n".join(changed))


def _by_dotted_key(section: dict[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= _by_dotted_key(value, f"{path}{key}.") if isinstance(value, dict) else {path + key: value}
    return flat


def load_generator(path: Path) -> tuple[Any, Experiment, checkpoint.Checkpoint, list[str]]:
    """Build the generator that a run folder, checkpoint or generator file holds.

    Also returns its experiment, what was read, and what was wrong with newer checkpoints.
    """
    found, problems = checkpoint.find(path)
    experiment = resolve(Experiment.model_validate(found.facts["experiment"]))
    shape = tuple(int(n) for n in found.facts["image_shape"])
    num_classes = len(found.facts.get("class_names", ()))
    experiment = with_precision(experiment, "float32")
    networks = make_networks(experiment, shape, num_classes, pretrained=False)  # type: ignore[arg-type]
    role = str(found.facts.get("generator", "generator"))
    group = found.groups.get(role, found.groups.get("generator"))
    if group is None or role not in networks:
        raise GanctlError(f"{found.path} holds no generator.")
    game_state.restore_network(networks[role], group, str(found.path))
    return networks[role], experiment, found, problems
