"""InfoGAN: what the mutual-information terms make of the codes, which the generator could otherwise use as noise."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from benchmarks.papers import clothes
from benchmarks.papers.proof import Expected, Measured, Proof
from ganctl.game.inputs import as_networks_see, to_pixels
from ganctl.lazy import keras

ITERATIONS = 4000
CATEGORIES, CODES, NOISE = 10, 2, 62
READ, DRAWN = 10_000, 2000
"""Samples on which the control's head learns to read codes, and samples that show how well a head reads them."""
SHOWN = 12


@dataclass(frozen=True)
class Sampled:
    """Samples, and what they were drawn from.

    Attributes:
        inputs: the generator's arguments.
        images: float32 [N, 28, 28, 1] in [-1, 1].
    """

    inputs: list[np.ndarray]
    images: np.ndarray

    @classmethod
    def of(cls, generator: Any, count: int, draw: int) -> "Sampled":
        """Draw samples of evenly drawn categories and codes; `draw` is the seed."""
        random = np.random.default_rng(draw)
        noise, code = (random.uniform(-1, 1, (count, width)).astype(np.float32) for width in (NOISE, CODES))
        category = np.eye(CATEGORIES, dtype=np.float32)[random.integers(0, CATEGORIES, count)]
        return cls.given(generator, [noise, code, category])

    @classmethod
    def given(cls, generator: Any, inputs: list[np.ndarray]) -> "Sampled":
        """Draw the samples of given inputs: noise, codes, and categories as one-hot vectors."""
        return cls(inputs, generator.predict(inputs, verbose=0))

    @property
    def code(self) -> np.ndarray:
        """Continuous codes, float32 [N, CODES]."""
        return self.inputs[1]

    @property
    def category(self) -> np.ndarray:
        """Categories, int [N]."""
        return self.inputs[2].argmax(1)


@dataclass(frozen=True)
class Reader:
    """The discriminator's features, and the head that reads categories and codes from them."""

    discriminator: Any
    head: Any

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return features [N, d] of images [N, 28, 28, 1] in [-1, 1]."""
        return self.discriminator.predict(images, verbose=0)[1]  # type: ignore[no-any-return]

    def read(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores of the categories [N, CATEGORIES], and the codes [N, CODES]."""
        scores, codes = self.head.predict(self.features(images), verbose=0)
        return scores, codes

    def taught(self, samples: Sampled, seed: int) -> "Reader":
        """Return the same with a new head that learned to read these samples; the discriminator stays as it is."""
        keras.utils.set_random_seed(seed)
        head = keras.models.clone_model(self.head)
        head.compile("adam", [keras.losses.SparseCategoricalCrossentropy(from_logits=True), "mse"])
        head.fit(self.features(samples.images), [samples.category, samples.code], 64, 10, verbose=0)
        return Reader(self.discriminator, head)


def measure(seed: int, folder: Path) -> Measured:
    """Train with and without the mutual-information terms."""
    training, tests = clothes.Clothes.read()
    pictures = folder / "clothes"
    clothes.write_folder(training.images, pictures)
    common = {
        "dataset.name": "image_folder",
        "dataset.path": str(pictures),
        "dataset.channels": 1,
        "dataset.image_size": 28,
        "dataset.holdout": 0.0,
        "training.iterations": ITERATIONS,
        "training.batch_size": 32,
        "model.capacity": 16,
        "model.code_weight": 1.0,
        "evaluation.every": 0,
    }
    arms = {"infogan": {}, "without the terms": {"model.category_weight": 0.0, "model.code_weight": 0.0}}
    runs: dict[str, Mapping[str, float]] = {}
    rows: dict[str, np.ndarray] = {}
    for name, settings in arms.items():
        run = folder / name.replace(" ", "-")
        clothes.train("infogan", run, seed, {**common, **settings})
        generator = clothes.network_of(run, "generator")
        reader = Reader(*(clothes.network_of(run, role) for role in ("discriminator", "q_head")))
        if name != "infogan":  # its own head has learned nothing
            reader = reader.taught(Sampled.of(generator, READ, seed + 1), seed)
        runs[name] = _figures(reader, generator, tests, seed + 2)
        rows |= _rows(name, generator, seed + 3, CATEGORIES if name == "infogan" else 3)
    means = KMeans(CATEGORIES, n_init=3, random_state=seed)
    means.fit(training.images.reshape(len(training.images), -1).astype(np.float32))
    groups = means.predict(tests.images.reshape(len(tests.images), -1).astype(np.float32))
    runs["k-means of pixels"] = {"accuracy": matched(groups, tests.labels)}
    return Measured(runs, rows)


def _figures(reader: Reader, generator: Any, tests: clothes.Clothes, draw: int) -> dict[str, float]:
    samples = Sampled.of(generator, DRAWN, draw)
    scores, codes = reader.read(samples.images)
    explained = sorted(r_squared(codes[:, code], samples.code[:, code]) for code in range(CODES))
    seen, _ = reader.read(as_networks_see(tests.images.astype(np.float32)))
    other = Sampled.given(generator, [np.roll(samples.inputs[0], 1, axis=0), *samples.inputs[1:]])
    return {
        "bound": information(scores, samples.category),
        "R2, better code": explained[-1],
        "R2, other code": explained[0],
        "accuracy": matched(seen.argmax(1), tests.labels),
        "change by noise": float(np.abs(other.images - samples.images).mean() / 2),
    }


def information(scores: np.ndarray, categories: np.ndarray) -> float:
    """Return the bound of the mutual information of pictures and evenly drawn categories, in nats.

    It is their entropy less the cross entropy of what was read (equation 5 of the paper), at most log(CATEGORIES).

    Args:
        scores: of the categories [N, CATEGORIES], logits.
        categories: that the pictures were drawn from, int [N].
    """
    wide = scores.astype(np.float64)
    wide -= wide.max(1, keepdims=True)
    logs = wide - np.log(np.exp(wide).sum(1, keepdims=True))
    return math.log(CATEGORIES) + float(logs[np.arange(len(logs)), categories].mean())


def r_squared(read: np.ndarray, true: np.ndarray) -> float:
    """Return the share of the variance of a code [N] that reading it explains; below 0, it is worse than the mean."""
    return 1.0 - float(((read - true) ** 2).mean() / true.var())


def matched(groups: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of pictures whose group is their label's, under the best one-to-one assignment of the two."""
    table = np.zeros((CATEGORIES, CATEGORIES), np.int64)
    np.add.at(table, (groups, labels), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / len(labels))


def _rows(name: str, generator: Any, draw: int, categories: int) -> dict[str, np.ndarray]:
    """Rows of samples: one for each category, and one for each code, which goes from -1 to 1."""
    random = np.random.default_rng(draw)
    noise = random.uniform(-1, 1, (SHOWN, NOISE)).astype(np.float32)
    code = random.uniform(-1, 1, (SHOWN, CODES)).astype(np.float32)
    found = {}
    for category in range(categories):
        one_hot = np.tile(np.eye(CATEGORIES, dtype=np.float32)[category], (SHOWN, 1))
        found[f"{name}: category {category}"] = [noise, code, one_hot]
    for number in range(CODES):
        walk = np.zeros_like(code)
        walk[:, number] = np.linspace(-1, 1, SHOWN)
        one_hot = np.tile(np.eye(CATEGORIES, dtype=np.float32)[0], (SHOWN, 1))
        found[f"{name}: code {number} from -1 to 1"] = [np.tile(noise[:1], (SHOWN, 1)), walk, one_hot]
    return {title: to_pixels(Sampled.given(generator, inputs).images).numpy() for title, inputs in found.items()}


PROOF = Proof(
    "infogan",
    "Chen et al. 2016, https://arxiv.org/abs/1606.03657",
    "Maximising a bound of the mutual information gives categories and codes a meaning that can be read from pictures, "
    "and that kinds of real pictures share.",
    "the same without the mutual-information terms, where a head learns to read categories and codes from the pictures "
    "of the finished generator; and k-means of pixels.",
    [
        Expected("bound", "infogan", ">", 2.2),
        Expected("bound", "infogan", ">", "without the terms"),
        Expected("R2, better code", "infogan", ">", 0.8),
        Expected("R2, better code", "infogan", ">", "without the terms"),
        Expected("accuracy", "infogan", ">", "k-means of pixels"),
        Expected("accuracy", "infogan", ">", "without the terms"),
    ],
    measure,
    "The codes weigh 1, for the 0.1 of the shipped configuration. With 0.1 and the same seed, the bound was 2.298, but "
    "R2 0.65 and 0.62, and the accuracy 0.512, no better than k-means. Noise does less in either than in the control: "
    "on clothes, some categories look nearly the same whatever the noise.",
)
