"""CycleGAN: the cycle keeps what a picture shows, which no discriminator asks for."""

from pathlib import Path

import numpy as np

from benchmarks.papers import clothes
from benchmarks.papers.proof import Expected, Measured, Proof
from ganctl.evaluation.paired_figures import l1

ITERATIONS = 2500
CYCLE = 1.0
"""Weight of the cycle; with 5, and an identity term, generators never leave bright what was bright: see PROOF."""


def negatives(images: np.ndarray) -> np.ndarray:
    """Return images [N, H, W, 1] with black and white exchanged; of negatives, the images themselves."""
    return 255 - images


def measure(seed: int, folder: Path) -> Measured:
    """Train with and without the cycle: one half of the clothes as they are, the other half as negatives."""
    training, tests = clothes.Clothes.read()
    one, other = training.halves()
    kinds = folder / "kinds"
    for name, images in (
        ("trainA", one.images),
        ("trainB", negatives(other.images)),
        ("testA", tests.images),
        ("testB", negatives(tests.images)),
    ):
        clothes.write_folder(images, kinds / name)
    given, true = tests.images, negatives(tests.images)
    judge = clothes.judge_of(training)
    common = {
        "dataset.name": "unpaired",
        "dataset.path": str(kinds),
        "dataset.channels": 1,
        "dataset.image_size": 28,
        "dataset.holdout": 0.0,
        "training.iterations": ITERATIONS,
        "training.batch_size": 4,
        "optimizer.generator.learning_rate": 5e-4,
        "optimizer.discriminator.learning_rate": 5e-4,
        "model.capacity": 16,
        "model.blocks": 3,
        "model.identity_weight": 0.0,
        "evaluation.every": 0,
    }
    arms = {name: {"model.cycle_weight": weight} for name, weight in (("cyclegan", CYCLE), ("without the cycle", 0.0))}
    rows, runs = {"input": given, "truth": true}, {}
    for name, settings in arms.items():
        run = folder / name.replace(" ", "-")
        clothes.train("cyclegan", run, seed, {**common, **settings})
        made = clothes.translate(run, kinds / "testA", folder / f"made-{run.name}", "--direction", "a_to_b")
        rows[name] = made
        runs[name] = {
            "L1": l1(made, true),
            "class kept": clothes.accuracy(judge, negatives(made), tests.labels),
            "KID": clothes.kernel_distance(folder / f"made-{run.name}", kinds / "testB"),
        }
    runs["the input itself"] = {
        "L1": l1(given, true),
        "class kept": clothes.accuracy(judge, tests.images, tests.labels),
    }
    return Measured(runs, clothes.first(16, rows))


PROOF = Proof(
    "cyclegan",
    "Zhu et al. 2017, https://arxiv.org/abs/1703.10593",
    "Without pairs, cycle consistency alone ties each output to its input: B has the negatives of other clothes than "
    "A, so the true output of every test picture is known and never seen.",
    "the same networks without the cycle.",
    [
        Expected("L1", "cyclegan", "<", 0.1),
        Expected("class kept", "cyclegan", ">", 0.8),
        Expected("class kept", "without the cycle", "<", 0.3),
        Expected("L1", "cyclegan", "<", "without the cycle"),
    ],
    measure,
    "Two other settings failed with one seed. With the weights of the shipped configuration, 5 of the cycle and 2.5 of "
    "identity, both generators keep bright what is bright, within 1,200 iterations: the terms hold on to what they do "
    "at the start, so here the weights are 1 and 0. With those weights and B turned by 90 degrees as well, L1 was 0.31 "
    "and the class kept 7% (without cycle and identity 0.25 and 9%); the paper names changes of geometry as a limit.",
)
