"""The columns `ganctl` and `ganctl-float32`: the game that `ganctl train` plays, many rounds a call."""

from pathlib import Path

import numpy as np

from benchmarks import blueprint
from benchmarks.literal import multiply_in_tensorflow, start_from
from benchmarks.rules import Rules
from benchmarks.speed_recipes import Recipe
from ganctl.build import resolving
from ganctl.host.device import select_device
from ganctl.training.prepared import Prepared
from ganctl.training.trainer import MAX_ROUNDS_PER_CALL


class GanctlGame:
    """Plays rounds as the trainer does between two samples.

    Args:
        recipe: says what is played.
        folder: what `benchmarks.preparation` wrote.
        overrides: further keys, such as a precision.
        told: play on the check's one batch, without dropout.
    """

    def __init__(self, recipe: Recipe, folder: Path, *overrides: str, told: bool) -> None:
        if told:
            batch = ("dataset.name=npz", f"dataset.path={folder / 'batch.npz'}", "dataset.sampling=shuffle")
            overrides = (*overrides, *batch)
        experiment = recipe.experiment(folder, *overrides, told=told)
        self.rules = Rules.of(experiment)
        prepared = Prepared.make(
            resolving.resolve(experiment), select_device("cpu"), lambda sequence, *_, **__: sequence
        )
        self.game = prepared.game
        self.precision: str = prepared.experiment.training.precision
        for role, weights in blueprint.read_weights(folder / "weights.npz").items():
            start_from(self.game.networks[role], weights, dropout=not told)

    def play(self, rounds: int) -> np.ndarray:
        """Play; returns the losses [rounds, 2] of discriminator and generator."""
        rows = []
        for start in range(0, rounds, MAX_ROUNDS_PER_CALL):
            step, count = int(self.game.step.numpy()), min(MAX_ROUNDS_PER_CALL, rounds - start)
            rows.append(self.game.play(self.game.chunk(step, count)).numpy())
        wanted = [self.game.columns.index(name) for name in ("d_loss", "g_loss")]
        return np.concatenate(rows)[:, wanted]

    def weights(self) -> dict[str, list[np.ndarray]]:
        """Return the weights by role, as a blueprint orders them."""
        roles = ("generator", "discriminator")
        return {role: [v.numpy() for v in blueprint.variables(self.game.networks[role])] for role in roles}

    def multiply(self, size: int) -> float:
        """Return the seconds that the product of two square matrices takes, in the precision that is played."""
        return multiply_in_tensorflow(size, self.precision)
