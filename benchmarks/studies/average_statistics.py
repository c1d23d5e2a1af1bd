"""Does an averaged generator gain from re-estimated BatchNorm statistics?

    python -m benchmarks.studies.average_statistics [--seeds 3]

The running average of the weights (`training.ema`) also averages the statistics of BatchNorm, which belong to other
weights. The alternative, standing statistics (Brock et al. 2018, "Large scale GAN training", appendix B), measures them
over fresh latent vectors with the averaged weights.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import program
from benchmarks.papers.clothes import Clothes, checkpoint_of, train
from benchmarks.studies.figures import Spread
from benchmarks.studies.study import Table
from ganctl.evaluation.features.lite0 import lite0_extractor
from ganctl.evaluation.kernel_distance import kernel_distance
from ganctl.game import state as game_state
from ganctl.game.inputs import arrange_inputs
from ganctl.generation.drawing import sample_latent
from ganctl.generation.loading import TrainedGenerator
from ganctl.images.image_set import gathered
from ganctl.lazy import keras

PASSES, BATCH = 16, 128
NUM = 1000
_OWN_SEED = 99
"""Of the latent vectors that the statistics are measured over: no scored sample has them."""


@dataclass(frozen=True)
class Run:
    """A training.

    Attributes:
        config: the shipped configuration.
        settings: what differs from it, apart from the length.
        moments: the iterations after which its generator is scored; the last one ends it.
    """

    config: str
    settings: Mapping[str, object]
    moments: tuple[int, ...]


_ON_CLOTHES: Mapping[str, object] = {
    "dataset.name": "fashion_mnist_mini",
    "dataset.path": None,
    "dataset.channels": 1,
    "evaluation.every": 0,
    "training.precision": "float32",
    "training.xla": False,
}
RUNS = (
    Run("photos", {**_ON_CLOTHES, "dataset.image_size": 28}, (300, 600, 1500)),
    # The tutorial keeps no average; this asks what one would gain.
    Run(
        "celeba_gan", {**_ON_CLOTHES, "dataset.image_size": 32, "model.capacity": 8, "training.ema": 0.998}, (300, 900)
    ),
)


def re_estimate(network: Any, latents: list[np.ndarray]) -> None:
    """Replace BatchNorm's moving statistics by their means over PASSES batches, computed with the present weights.

    Args:
        network: a generator without classes.
        latents: float32 [PASSES * BATCH, ...] for each latent input.
    """
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [layer.momentum for layer in layers]
    for number in range(PASSES):
        for layer in layers:
            layer.momentum = number / (number + 1)  # a cumulative mean: the first pass forgets what was there
        part = slice(number * BATCH, (number + 1) * BATCH)
        network(arrange_inputs(network, [vectors[part] for vectors in latents]), training=True)
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum


def kernel_distances(checkpoint: Path, reference: np.ndarray, num: int = NUM) -> dict[str, float]:
    """Return the KID of the raw generator, of the average, and of the average with re-estimated statistics.

    Args:
        checkpoint: of a run with `training.ema`.
        reference: features of real images [M, d].
        num: number of samples.
    """
    extractor = lite0_extractor()
    trained = TrainedGenerator.load(checkpoint)

    def score() -> float:
        samples = gathered(trained.draw(num, seed=0), num, trained.image_shape)
        return kernel_distance(extractor.features(samples), reference)[0]

    found = {"average": score()}
    latents = sample_latent(trained.network, PASSES * BATCH, _OWN_SEED, trained.distribution)
    re_estimate(trained.network, latents)
    found["re-estimated"] = score()
    game_state.restore_network(trained.network, trained.source.network("generator"), str(checkpoint))
    found["raw"] = score()
    return found


def _measured(run: Run, seeds: int, reference: np.ndarray, folder: Path) -> Iterator[list[str]]:
    found: dict[int, list[dict[str, float]]] = {moment: [] for moment in run.moments}
    last, step = run.moments[-1], int(np.gcd.reduce(run.moments))
    kept = {"training.iterations": last, "outputs.checkpoint_every": step, "outputs.keep": last // step}
    for seed in range(seeds):
        where = folder / f"{run.config}-{seed}"
        train(run.config, where, seed, {**run.settings, **kept, "outputs.sample_every": last})
        for moment in run.moments:
            found[moment].append(kernel_distances(checkpoint_of(where, moment), reference))
    for moment, scores in found.items():
        spreads = {name: Spread.of([score[name] for score in scores]) for name in scores[0]}
        change = spreads["re-estimated"].minus(spreads["average"]).written()
        yield [
            run.config,
            f"{moment:,}",
            *(spreads[name].written() for name in ("raw", "average", "re-estimated")),
            change,
        ]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Number of seeds, from 0.")
def command(seeds: int) -> None:
    """Train short runs, and score their averaged generators with averaged and with re-estimated statistics."""
    real = Clothes.read()[1]
    reference = lite0_extractor().features(real.images)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for run in RUNS:
            for row in _measured(run, seeds, reference, Path(folder)):
                print(" ".join(row), flush=True)
                rows.append(row)
    header = ["recipe", "iterations", "raw", "average", "re-estimated", "re-estimated minus average, clear?"]
    title = f"KID-Lite0 of {NUM:,} samples against {len(real.images):,} clothes; seeds 0 to {seeds - 1}."
    print(Table(title, header, rows).markdown())


if __name__ == "__main__":
    program.run(command)
