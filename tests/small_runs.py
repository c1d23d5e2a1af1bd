"""Trains and resumes small experiments in this process, and compares what they leave."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from conftest import untracked

from ganctl.build import resolving
from ganctl.experiment.experiment import Experiment
from ganctl.host.device import Device
from ganctl.lazy import keras
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks import Hook, RunInPlay
from ganctl.training.prepared import Prepared
from ganctl.training.resuming import restore_newest

CPU = Device("CPU", "for the test")

# Log, plot and page: they tell of the moment, or are drawn from losses.csv and its nine digits.
NOT_COMPARED = {"log.txt", "losses.png", "report.html"}


def remembering_pair(image_shape: tuple[int, int, int]) -> dict[str, Any]:
    """Tiny networks with all that a layer can remember: weights, BatchNorm's statistics, the seeds of Dropout."""
    layers = keras.layers
    generator = [
        keras.Input([4]),
        layers.Dense(16),
        layers.BatchNormalization(momentum=0.5),
        layers.LeakyReLU(0.2),
        layers.Dense(int(np.prod(image_shape)), activation="tanh", dtype="float32"),
        layers.Reshape(image_shape, dtype="float32"),
    ]
    discriminator = [
        keras.Input(image_shape),
        layers.Flatten(),
        layers.Dense(16),
        layers.BatchNormalization(momentum=0.5),
        layers.LeakyReLU(0.2),
        layers.Dropout(0.3),
        layers.Dense(1, dtype="float32"),
    ]
    return {"generator": keras.Sequential(generator), "discriminator": keras.Sequential(discriminator)}


class KilledAfter(Hook):
    """Keeps what `kill -9` would have left after so many iterations: the run folder as it was then."""

    vital = True

    def __init__(self, step: int, left: Path) -> None:
        self.every = step
        self._left = left

    def act(self, run: RunInPlay, step: int) -> None:
        if step == self.every:
            shutil.copytree(run.folder.path, self._left)


def train(experiment: Experiment, folder: RunFolder, *hooks: Hook) -> None:
    Prepared.make(resolving.resolve(experiment), CPU, untracked).trainer(folder, list(hooks)).train()


def resume(experiment: Experiment, folder: RunFolder, *, allow_changes: bool = False) -> list[str]:
    prepared = Prepared.make(resolving.resolve(experiment), CPU, untracked)
    notes = restore_newest(prepared, folder, allow_changes=allow_changes)
    prepared.trainer(folder, []).train()
    return notes


def files_of(folder: RunFolder) -> dict[str, bytes]:
    paths = [path for path in folder.path.rglob("*") if path.is_file() and path.name not in NOT_COMPARED]
    return {path.relative_to(folder.path).as_posix(): path.read_bytes() for path in paths}
