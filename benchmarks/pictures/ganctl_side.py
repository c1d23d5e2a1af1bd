"""The columns `ganctl` and `ganctl-float32`: the game that `ganctl train` plays."""

from pathlib import Path

import numpy as np

from benchmarks.pictures.recipes import Recipe
from ganctl.build import resolving
from ganctl.host.device import select_device
from ganctl.training.prepared import Prepared
from ganctl.training.trainer import MAX_ROUNDS_PER_CALL


class GanctlGame:
    """Plays rounds as the trainer does between two samples.

    Args:
        recipe: says what is played.
        folder: the pictures, and the weights to start from.
        overrides: further keys, such as a precision.
        told: play on the check's one batch, without dropout.
    """

    def __init__(self, recipe: Recipe, folder: Path, *overrides: str, told: bool) -> None:
        experiment = recipe.experiment(folder, *overrides, told=told)
        prepared = Prepared.make(
            resolving.resolve(experiment), select_device("cpu"), lambda sequence, *_, **__: sequence
        )
        self.game, self._recipe = prepared.game, recipe
        self.precision: str = prepared.experiment.training.precision

    def play(self, rounds: int) -> np.ndarray:
        """Play; returns the losses [rounds, 2] of discriminators and generators."""
        rows = []
        for start in range(0, rounds, MAX_ROUNDS_PER_CALL):
            step, count = int(self.game.step.numpy()), min(MAX_ROUNDS_PER_CALL, rounds - start)
            rows.append(self.game.play(self.game.chunk(step, count)).numpy())
        wanted = [self.game.columns.index(name) for name in ("d_loss", "g_loss")]
        return np.concatenate(rows)[:, wanted]

    def save(self, path: Path) -> None:
        """Write the weights that are trained, by role and in the order of the layers."""
        arrays = {
            f"{role}/{index:03d}": variable.numpy()
            for role in self._recipe.networks
            for index, variable in enumerate(self.game.networks[role].trainable_variables)
        }
        np.savez(path, **arrays)  # type: ignore[arg-type]
