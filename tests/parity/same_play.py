"""What the parity tests share: the random part of a play for both sides, ganctl's side, and the comparison.

A literal loop uses of this only `Script` (what it is fed), `trace` (without which Keras 3 does not train its
discriminator), and `snapshot` and `Play` (what it leaves).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.build import games, resolving
from ganctl.build import networks as building
from ganctl.experiment.experiment import Experiment
from ganctl.game import Game, Key
from ganctl.game.image_order import ImageOrder
from ganctl.game.state import named_variables
from ganctl.images.image_set import ImageSet

ROUNDS = 10
CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass
class Play:
    """What a play leaves: every variable by network or optimizer, and what was logged, a row a round."""

    variables: Mapping[str, Mapping[str, np.ndarray]]
    log: list[dict[str, float]]


@dataclass
class Script:
    """The random part of a play, as arrays: which images, noise, classes and layer seeds each update sees.

    Attributes:
        experiment: gives seed, sampling and the latent distribution.
        images: what is learned.
        draws: how many real images each turn of a round takes.
    """

    experiment: Experiment
    images: ImageSet
    draws: Sequence[int]
    latent_dim: int = field(init=False)

    def __post_init__(self) -> None:
        self.latent_dim = self.experiment.model.arguments["latent_dim"]
        self._order = ImageOrder(len(self.images), self.experiment.dataset.sampling, self.experiment.seed)

    def key(self, step: int, player: str, turn: str, update: int = 0) -> Key:
        """Where in the run an update stands."""
        return Key(self.experiment.seed, step, player, turn, update)

    def real(self, step: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Real images in [-1, 1] and their labels, a batch for every turn that takes some."""
        (indices,) = self._order.rounds(self.draws, step, 1)
        pixels = self.images.images[indices].astype(np.float32) / np.float32(127.5) - np.float32(1.0)
        cuts = np.cumsum(self.draws)[:-1]
        return np.split(pixels, cuts), np.split(self.images.labels[indices], cuts)

    def noise(self, key: Key, count: int, number: int = 0) -> np.ndarray:
        """Latent vectors [count, latent_dim] for the generator's input of that number."""
        key = key.narrow("latent input", number) if number else key
        return key.latent([count, self.latent_dim], self.experiment.model.latent_distribution).numpy()

    def classes(self, key: Key, count: int) -> np.ndarray:
        """Classes to generate, int32 [count]."""
        return key.integers("classes", [count], self.images.num_classes).numpy()

    def seed_layers(self, key: Key, **networks: Any) -> None:
        """Set the state of every dropout or noise layer as it stands at the beginning of this update."""
        for role, network in networks.items():
            for index, seed in enumerate(v for v in network.variables if v.name == "seed_generator_state"):
                seed.assign(key.narrow(role, index).bits("layer seed", [2]))


def trace(model: Any, *batch: Any) -> None:
    """Let Keras trace `model`'s training function while its weights are trainable, and undo the step that this takes.

    Keras 3 traces at the first call. If the discriminator is frozen before it, as in tutorials 2 and 5, its training
    function has no weights to train, for ever.
    """
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    before = [v.numpy() for v in variables]
    model.train_on_batch(*batch)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)


def load(name: str, *overrides: str) -> Experiment:
    """The shipped experiment of that name, in float32 and as Keras computes, with keys changed."""
    as_keras = ("training.precision=float32", "training.rewrites=false")
    return resolving.load_experiment(CONFIGS / f"{name}.yaml", (*as_keras, *overrides))


def make_networks(experiment: Experiment, images: ImageSet) -> dict[str, Any]:
    """The networks that a game of this experiment starts with."""
    return building.make_networks(resolving.resolve(experiment), images.shape, images.num_classes)


def played_by_ganctl(
    experiment: Experiment, images: ImageSet, tamper: Callable[[Game], Game] = lambda game: game
) -> Play:
    """Play in two calls of different length, as a run would."""
    game = tamper(games.make_game(resolving.resolve(experiment), images))
    rows = np.concatenate([game.play(game.chunk(step, count)).numpy() for step, count in ((0, 1), (1, ROUNDS - 1))])
    optimizers = {player.name: player.optimizer for player in game.players}
    return Play(snapshot(game.networks, optimizers), [dict(zip(game.columns, row, strict=True)) for row in rows])


def snapshot(networks: Mapping[str, Any], optimizers: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Every variable, also moving statistics, the layers' seeds and the optimizers' counters."""
    found = {role: named_variables(network) for role, network in networks.items()}
    found |= {f"optimizer {name}": {v.path: v for v in optimizer.variables} for name, optimizer in optimizers.items()}
    return {group: {name: v.numpy() for name, v in variables.items()} for group, variables in found.items()}


def differences(loop: Play, ours: Play) -> list[str]:
    """Everything in which two plays are not equal to the last bit. What only ganctl logs is no difference."""
    assert loop.variables.keys() == ours.variables.keys()
    assert len(loop.log) == len(ours.log) == ROUNDS
    found = []
    for group, variables in loop.variables.items():
        others = list(ours.variables[group].values())
        assert others
        if len(variables) != len(others):
            found.append(f"{group}: {len(variables)} or {len(others)} variables")
            continue
        pairs = zip(variables.items(), others, strict=True)
        found += [f"{group}: {name}" for (name, a), b in pairs if not np.array_equal(a, b)]
    for step, (expected, row) in enumerate(zip(loop.log, ours.log, strict=True)):
        assert expected
        logged = ((name, np.float32(value), row[name]) for name, value in expected.items())
        found += [f"round {step}: {name}: {a} or {b}" for name, a, b in logged if a != b]
    return found
