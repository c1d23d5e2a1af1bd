"""The state of a game as named tensors, and back.

Names are structural, (position, layer, variable), because Keras' own names contain counters that depend on the process.
Restoring checks every name and shape before it changes the first weight.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ganctl.errors import DivergedError, GanctlError
from ganctl.game.game import Game
from ganctl.keras_internals import layers_of

Tensors = dict[str, np.ndarray]
"""Arrays by structural name."""


def named_variables(network: Any) -> dict[str, Any]:
    """Return every variable of a layer or model by structural name, such as `003.Conv2D.kernel`."""
    owners = {id(variable): layer for layer in layers_of(network) for variable in layer.variables}
    return {f"{i:03d}.{type(owners[id(v)]).__name__}.{v.name}": v for i, v in enumerate(network.variables)}


def collect(game: Game) -> dict[str, Tensors]:
    """Return everything that changes during training, by group; raises DivergedError if a weight is not finite."""
    step = int(game.step.numpy())
    return {group: _arrays(group, variables, step) for group, variables in _groups(game).items()}


def collect_network(game: Game, role: str) -> Tensors:
    """Return one network's variables by structural name; raises DivergedError if one is not finite."""
    return _arrays(role, named_variables(game.networks[role]), int(game.step.numpy()))


def restore(game: Game, groups: Mapping[str, Tensors], step: int, source: str) -> None:
    """Restore a checkpoint; raises GanctlError, with nothing changed, if it belongs to another game."""
    expected = _groups(game)
    _same_names(expected, groups, f"{source}: ")
    for group, variables in expected.items():
        check_fit(variables, groups[group], f"{source}: {group}")
    rates = [(variable, variable.numpy()) for variable in _learning_rates(game)]
    for group, variables in expected.items():
        assign(variables, groups[group])
    # Keras counts a constant rate among an optimizer's variables, but the experiment sets it.
    for variable, rate in rates:
        variable.assign(rate)
    game.step.assign(step)


def restore_network(network: Any, tensors: Tensors, source: str) -> None:
    """Restore one network's variables; raises GanctlError, with nothing changed, if they do not fit."""
    variables = named_variables(network)
    check_fit(variables, tensors, source)
    assign(variables, tensors)


def without_seeds(tensors: Tensors) -> Tensors:
    """Return a network's tensors without the seeds of its layers, numbered as if the layers had none."""
    kept = [(name.partition(".")[2], array) for name, array in sorted(tensors.items())]
    kept = [(name, array) for name, array in kept if not name.endswith(".seed_generator_state")]
    return {f"{i:03d}.{name}": array for i, (name, array) in enumerate(kept)}


def check_fit(variables: Mapping[str, Any], tensors: Tensors, source: str) -> None:
    """Raise a GanctlError that names the first layer that does not fit."""
    for name, variable in variables.items():
        found = tensors.get(name)
        if found is None or found.shape != tuple(variable.shape):
            here = f"{name} of shape {list(variable.shape)}"
            there = "is not in the file" if found is None else f"has shape {list(found.shape)} in the file"
            raise GanctlError(f"{source} belongs to another network: {here} {there}.")
    _same_names(variables, tensors, f"{source} belongs to another network: ")


def assign(variables: Mapping[str, Any], tensors: Tensors) -> None:
    """Assign tensors that fit."""
    for name, variable in variables.items():
        variable.assign(tensors[name])


def _groups(game: Game) -> dict[str, dict[str, Any]]:
    groups = {role: named_variables(network) for role, network in game.networks.items() if network.variables}
    for player in game.players:
        groups[f"optimizer_{player.name}"] = {f"{i:03d}": v for i, v in enumerate(player.optimizer.variables)}
    return groups


def _learning_rates(game: Game) -> list[Any]:
    optimizers = [player.optimizer for player in game.players]
    return [
        variable for optimizer in optimizers for variable in optimizer.variables if variable.name == "learning_rate"
    ]


def _arrays(group: str, variables: Mapping[str, Any], step: int) -> Tensors:
    # Not np.ascontiguousarray, which gives a scalar such as an optimizer's step count the shape [1].
    arrays = {name: np.array(variable.numpy(), order="C") for name, variable in variables.items()}
    for name, array in arrays.items():
        if not np.all(np.isfinite(array)):
            raise DivergedError(
                f"Iteration {step}: the weight {name} of {group} is not finite. {DivergedError.SAYS}; the last good "
                "checkpoint was kept. Try smaller learning rates."
            )
    return arrays


def _same_names(expected: Iterable[str], found: Iterable[str], prefix: str) -> None:
    missing, surplus = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing or surplus:
        what = f"{missing[0]} is missing" if missing else f"{surplus[0]} is unexpected"
        raise GanctlError(f"{prefix}{what}.")
