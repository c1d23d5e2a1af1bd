"""WGAN-GP: a penalty holds the critic's slope at 1, and its weights do not end at the edges of an interval."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.papers import clothes
from benchmarks.papers.proof import Expected, Measured, Proof
from benchmarks.papers.wgan import LIMIT, SHOWN, common
from ganctl.game.inputs import as_networks_see
from ganctl.game.objectives import lengths
from ganctl.lazy import tf

ITERATIONS, UPDATES = 500, 5
LONG_PHASE, LONG = 5, 100
"""Rounds of WGAN's longer first phase, and critic updates in each: a fifth of the paper's rounds."""
PAIRS = 500
EDGE = 1e-5
"""A weight closer than this to plus or minus the limit stands at the edge."""


def slope(critic: Any, real: np.ndarray, fake: np.ndarray, seed: int) -> float:
    """Return the mean of |grad D(u)| at random points u between real and generated images, both uint8."""
    shares = np.random.default_rng(seed).random((len(real), 1, 1, 1), np.float32)
    one, other = (as_networks_see(images.astype(np.float32)) for images in (real, fake))
    between = tf.constant(shares * one + (1 - shares) * other)
    with tf.GradientTape() as tape:
        tape.watch(between)
        score = critic(between, training=False)
    return float(tf.reduce_mean(lengths(tape.gradient(score, between))))


def at_the_edge(critic: Any) -> float:
    """Return the share of a critic's weights at the edges of WGAN's interval."""
    weights = np.concatenate([np.ravel(w) for w in critic.get_weights()])
    return float((np.abs(np.abs(weights) - LIMIT) < EDGE).mean())


def measure(seed: int, folder: Path) -> Measured:
    """Train the same networks with the penalty and with clipping, with equally many updates of the critic."""
    training, tests = clothes.Clothes.read()
    data = folder / "clothes.npz"
    clothes.write_labelled(training, data)
    extra = LONG_PHASE * (LONG - UPDATES) // UPDATES
    stage = {"until": LONG_PHASE, "players": ["discriminator", "generator"], "disc_updates": LONG}
    arms: dict[str, tuple[str, dict[str, object]]] = {
        "wgan_gp": ("wgan_gp", {"training.iterations": ITERATIONS, "training.ema": 0.0}),
        "wgan": (
            "wgan",
            {
                "model": {"name": "wgan_gp", "latent_dim": 128},
                "training.iterations": ITERATIONS - extra,
                "training.stages": [stage],
            },
        ),
    }
    rows, runs = {}, {}
    for name, (config, settings) in arms.items():
        run = folder / name
        clothes.train(config, run, seed, {**settings, **common(data)})
        critic, generator = (clothes.network_of(run, role) for role in ("discriminator", "generator"))
        made = clothes.sampled(generator, len(tests.images))
        runs[name] = {
            "mean slope": slope(critic, tests.images[:PAIRS], made[:PAIRS], seed),
            "at the edge": at_the_edge(critic),
            "KID": clothes.scores(made, tests)["kid"],
        }
        rows[name] = made
    return Measured(runs, clothes.first(SHOWN, rows))


PROOF = Proof(
    "wgan_gp",
    "Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028",
    "A penalty holds the norm of the critic's gradient at 1 between real and generated images, also where it was not "
    "measured in training. Clipped weights gather at the edges of their interval; penalised ones do not, and with "
    "equally many updates of the critic, images are better.",
    "the same networks with clipped weights and WGAN's optimizer.",
    [
        Expected("mean slope", "wgan_gp", ">", 0.85),
        Expected("mean slope", "wgan_gp", "<", 1.15),
        Expected("at the edge", "wgan_gp", "<", 0.01),
        Expected("at the edge", "wgan", ">", 0.5),
        Expected("KID", "wgan_gp", "<", "wgan"),
    ],
    measure,
    "After 500 iterations, a quarter of the clipped weights lie at the edges of their interval, not half; of the "
    "penalised weights, 1 in 2,000 lies there. The KID of the penalised critic was the better one with one seed of "
    "two.",
)
