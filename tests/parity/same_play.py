"""What the parity tests share: the same draws for both sides, ganctl's side of a comparison, and the comparison itself.

The literal loops import nothing from here but `Script`: the images, the noise and the layer seeds that they are fed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganctl import build
from ganctl.experiment import Experiment
from ganctl.feed import Feed
from ganctl.game import Game
from ganctl.game_state import named_variables
from ganctl.image_order import ImageOrder
from ganctl.image_set import ImageSet
from ganctl.noise import Key

ROUNDS = 10
CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass
class Play:
    """What a play leaves: every variable by network or optimizer, and what was logged, a row a round."""

    variables: Mapping[str, Mapping[str, np.ndarray]]
    log: list[dict[str, float]]


@dataclass
class Script:
    """The random part of a play: which images, noise and layer seeds each update sees, as plain arrays.

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
        order = ImageOrder(len(self.images), self.experiment.dataset.sampling, self.experiment.seed)
        self._feed = Feed(self.images.images, self.images.labels, order)
        # Compiled as in the game: TensorFlow then multiplies by 1 / 127.5, which rounds otherwise than a division.
        self._prepare = tf.function(lambda chunk: self._feed.prepare(*self._feed.look_up(chunk[0]), Key(0, 0)))
        self.latent_dim = self.experiment.model.arguments["latent_dim"]

    def key(self, step: int, player: str, turn: str, update: int = 0) -> Key:
        """Where in the run an update stands."""
        return Key(self.experiment.seed, step, player, turn, update)

    def real(self, step: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Real images in [-1, 1] and their labels, a batch for every turn that takes some."""
        pixels, labels = self._prepare(self._feed.chunk(self.draws, step, 1))
        cuts = np.cumsum(self.draws)[:-1]
        return np.split(pixels.numpy(), cuts), np.split(labels.numpy(), cuts)

    def noise(self, key: Key, count: int) -> np.ndarray:
        """Latent vectors [count, latent_dim]."""
        return key.latent([count, self.latent_dim], self.experiment.model.latent_distribution).numpy()

    def seed_layers(self, key: Key, **networks: Any) -> None:
        """Set the state of every dropout layer, as it stands at the beginning of this update."""
        for role, network in networks.items():
            for index, seed in enumerate(v for v in network.variables if v.name == "seed_generator_state"):
                seed.assign(key.narrow(role, index).bits("layer seed", [2]))


def load(name: str, *overrides: str) -> Experiment:
    """The shipped configuration of that name, made smaller."""
    return build.load_experiment(CONFIGS / f"{name}.yaml", ("training.precision=float32", *overrides))


def played_by_ganctl(
    experiment: Experiment, images: ImageSet, tamper: Callable[[Game], None] = lambda game: None, rounds: int = ROUNDS
) -> Play:
    """Play in two calls, as a run would."""
    game = build.make_game(experiment, images)
    tamper(game)
    calls = [(0, 1), (1, rounds - 1)]
    rows = np.concatenate([game.play(game.chunk(step, count)).numpy() for step, count in calls])
    optimizers = {player.name: player.optimizer for player in game.players}
    return Play(snapshot(game.networks, optimizers), [dict(zip(game.columns, row, strict=True)) for row in rows])


def snapshot(networks: Mapping[str, Any], optimizers: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Every variable, also the layers' seeds and the optimizers' counters."""
    found = {role: named_variables(network) for role, network in networks.items()}
    found |= {f"optimizer {name}": {v.path: v for v in optimizer.variables} for name, optimizer in optimizers.items()}
    return {group: {name: v.numpy() for name, v in variables.items()} for group, variables in found.items()}


def differences(loop: Play, ours: Play) -> list[str]:
    """Everything in which two plays are not equal to the last bit; what only ganctl logs is no difference."""
    assert loop.variables.keys() == ours.variables.keys()
    found = []
    for group, variables in loop.variables.items():
        pairs = list(zip(variables.items(), ours.variables[group].values(), strict=True))
        assert pairs
        found += [f"{group}: {name}" for (name, a), b in pairs if a.shape != b.shape or not np.array_equal(a, b)]
    for step, (expected, row) in enumerate(zip(loop.log, ours.log, strict=True)):
        found += [f"round {step}: {name}: {v} or {row[name]}" for name, v in expected.items() if np.float32(v) != row[name]]
    return found


def trace(model: Any, *batch: Any) -> None:
    """Let Keras trace `model`'s training function while its weights are trainable, and undo the step that this takes.

    Keras 3 traces at the first call. If the discriminator is frozen before it, as in the tutorials, its training function has no
    weights to train, for ever.
    """
    model.optimizer.build(model.trainable_variables)
    variables = [*model.variables, *model.optimizer.variables]
    before = [v.numpy() for v in variables]
    model.train_on_batch(*batch)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
