"""Writes what every column of a recipe starts from; runs in a process of its own, because it needs TensorFlow.

python -m benchmarks.preparation FOLDER RECIPE...
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import blueprint
from benchmarks.rules import Rules
from benchmarks.speed_recipes import RECIPES, Recipe, as_written
from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.experiment.experiment import Experiment
from ganctl.game import Key
from ganctl.game.image_order import ImageOrder
from ganctl.lazy import take_the_process


def prepare(recipe: Recipe, folder: Path) -> None:
    """Write a recipe's images, networks and initial weights, and the batch and the random numbers of its check."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe.write_images(folder)
    experiment = recipe.experiment(folder, *as_written())
    images = resolving.read_images(resolving.resolve(experiment), lambda sequence, *_, **__: sequence)
    networks = make_networks(resolving.resolve(experiment), images.shape, images.num_classes)
    roles = ("generator", "discriminator")
    blueprint.write({role: blueprint.describe(networks[role]) for role in roles}, folder / "networks.json")
    weights = {role: [v.numpy() for v in blueprint.variables(networks[role])] for role in roles}
    blueprint.write_weights(weights, folder / "weights.npz")
    np.save(folder / "images.npy", images.images)
    np.savez(folder / "batch.npz", images=images.images[: Rules.of(experiment).half])
    drawn: Any = script(experiment, recipe.check_rounds)
    np.savez(folder / "script.npz", **drawn)


def script(experiment: Experiment, rounds: int) -> dict[str, np.ndarray]:
    """Return the random numbers of ganctl's first rounds on one batch, for the columns that are told theirs."""
    rules = Rules.of(experiment)
    order = ImageOrder(rules.half, "shuffle", experiment.seed)
    latents: dict[str, list[np.ndarray]] = {"d_latent": [], "g_latent": []}
    noises: dict[str, list[np.ndarray]] = {"real": [], "fake": []}
    for step in range(rounds):
        turns = {kind: kind if rules.form == "separate" else "real and fake" for kind in noises}
        keys = {kind: Key(experiment.seed, step, "discriminator", turn, 0) for kind, turn in turns.items()}
        teaching = Key(experiment.seed, step, "generator", "generate", 0)
        latents["d_latent"].append(keys["fake"].latent([rules.half, rules.latent], rules.distribution).numpy())
        latents["g_latent"].append(teaching.latent([rules.batch, rules.latent], rules.distribution).numpy())
        for kind, key in keys.items():
            noises[kind].append(key.uniform(f"label noise {kind}", [rules.half, 1]).numpy())
    drawn = latents | {f"{kind}_noise": values for kind, values in noises.items()}
    stacked = {name: np.stack(values) for name, values in drawn.items()}
    return {"real": order.rounds([rules.half], 0, rounds), **stacked}


if __name__ == "__main__":
    take_the_process()
    for each in RECIPES:
        if each.name in sys.argv[2:]:
            prepare(each, Path(sys.argv[1]) / each.name)
