"""LAPGAN: residuals that turn an enlarged small picture into one that looks real, and a chain of GANs from noise."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.papers import clothes
from benchmarks.papers.proof import Expected, Measured, Proof
from ganctl.game.inputs import arrange_inputs, as_networks_see, draw_latent, to_pixels
from ganctl.game.noise import Key
from ganctl.layers.image_pyramid import doubled, halved
from ganctl.lazy import tf

ITERATIONS = 2500
OF_DCGAN = 1.0
"""How many times the iterations of the chain the `dcgan` has: both then take equally long."""
ENLARGED, RESIDUALS, CHAIN, ONE = (
    "true 7x7, enlarged",
    "true 7x7, generated residuals",
    "lapgan, the whole chain",
    "dcgan",
)
RATIO, SPREAD = "KID, of dcgan's", "spread over z"
_BATCH, _SHOWN = 100, 16


def sampled(generator: Any, count: int, distribution: str) -> np.ndarray:
    """Return what a generator draws from noise, uint8 [count, H, W, C]."""
    made = []
    for start in range(0, count, _BATCH):
        latent = draw_latent(generator, Key(0, start), min(_BATCH, count - start), distribution)
        made.append(to_pixels(generator(arrange_inputs(generator, latent), training=False)).numpy())
    return np.concatenate(made)


def enlarged_by(networks: list[Any], images: np.ndarray, seed: int) -> np.ndarray:
    """Return images at a quarter of the size with the residuals of two levels, float32 [N, 4h, 4w, C] in [-1, 1].

    Args:
        networks: the generators of the levels, from coarse to fine. Without any, images are enlarged alone.
        images: true images at the full size, uint8 [N, H, W, C], which are halved twice first.
        seed: of the noise.
    """
    made = []
    for start in range(0, len(images), _BATCH):
        image = as_networks_see(tf.cast(images[start : start + _BATCH], tf.float32))
        shapes = [image.shape[1:3], halved(image).shape[1:3]]
        image = halved(halved(image))
        for level, (height, width) in enumerate(reversed(shapes)):
            image = doubled(image, height, width)
            if networks:
                noise = Key(seed, start, level).latent([image.shape[0], height * width], "uniform")
                image = image + networks[level]([image, noise], training=False)
        made.append(image.numpy())
    return np.concatenate(made)


def measure(seed: int, folder: Path) -> Measured:
    """Train all levels side by side, and one `dcgan` for the same time."""
    training, tests = clothes.Clothes.read()
    clothes.write_folder(training.images, folder / "clothes")
    clothes.write_folder(tests.images, folder / "tests")
    common = {
        "dataset": {"name": "image_folder", "path": str(folder / "clothes"), "channels": 1, "image_size": 28},
        "training.batch_size": 64,
        "training.ema": 0.0,
        "evaluation.every": 0,
        "outputs.sample_every": 10_000,
        "outputs.checkpoint_every": 10_000,
    }
    chain, one = folder / "lapgan", folder / "dcgan"
    clothes.train("lapgan", chain, seed, {**common, "model.capacity": 16, "training.iterations": ITERATIONS})
    clothes.train(
        "quickstart", one, seed, {**common, "model.capacity": 16, "training.iterations": int(OF_DCGAN * ITERATIONS)}
    )
    levels = [clothes.network_of(chain, f"generator_{level}") for level in (2, 3)]
    count, drawn = len(tests.images), [enlarged_by(levels, tests.images, noise) for noise in range(4)]
    rows = {
        ENLARGED: to_pixels(enlarged_by([], tests.images, 0)).numpy(),
        RESIDUALS: to_pixels(drawn[0]).numpy(),
        f"{RESIDUALS}, again": to_pixels(drawn[1]).numpy(),
        "truth": tests.images,
        CHAIN: sampled(clothes.network_of(chain, "generator"), count, "uniform"),
        ONE: sampled(clothes.network_of(one, "generator"), count, "normal"),
    }
    runs: dict[str, dict[str, float]] = {}
    for name in (ENLARGED, RESIDUALS, CHAIN, ONE):
        made = folder / f"made-{len(runs)}"
        clothes.write_folder(rows[name], made)
        runs[name] = {"KID": clothes.kernel_distance(made, folder / "tests")}
    runs[RESIDUALS][SPREAD] = float(np.std(drawn, axis=0).mean() / 2)
    runs[CHAIN][RATIO] = runs[CHAIN]["KID"] / runs[ONE]["KID"]
    return Measured(runs, clothes.first(_SHOWN, rows))


PROOF = Proof(
    "lapgan",
    "Denton et al. 2015, https://arxiv.org/abs/1506.05751",
    "A small picture becomes a large one that looks real by residuals that a conditional GAN draws at each level of a "
    "pyramid, and a chain of such GANs, each trained apart, draws pictures from noise.",
    "the small picture enlarged without residuals, and one `dcgan` that draws the full size for the same time.",
    [
        Expected("KID", RESIDUALS, "<", ENLARGED, -0.2),
        Expected(SPREAD, RESIDUALS, ">", 0.01),
        Expected(RATIO, CHAIN, "<", 1.3),
    ],
    measure,
    "The residuals sharpen a true small picture, and differ a little from one latent vector to another; the whole "
    "chain draws clothes of all kinds with uneven surfaces, and its KID is three times that of one dcgan after as "
    "many iterations. The coarsest level has 512 units and a learning rate of 5e-4: with 256 units and 2e-4 it drew "
    "a few kinds of clothes only. The Frechet distance of its 7x7 pixels to the real ones after 6,000 iterations of "
    "one seed was 0.546, with 512 units 0.203, and with both 0.145.",
)
