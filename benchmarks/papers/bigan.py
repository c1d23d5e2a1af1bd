"""BiGAN: an encoder that learned beside its generator, and one that learned to read the vectors of its pictures."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.papers import clothes
from benchmarks.papers.proof import Expected, Measured, Proof
from ganctl.game.inputs import as_networks_see, to_pixels
from ganctl.lazy import keras

ITERATIONS = 4000
LATENT = 50
READ, EPOCHS = 20_000, 8
"""Pictures of the finished generator from which the latent regressor learns, and how often it sees each."""
SHOWN = 16


def measure(seed: int, folder: Path) -> Measured:
    """Train a BiGAN, and a GAN without an encoder whose vectors one learns to read afterwards."""
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
        "evaluation.every": 0,
    }
    known, seen = (as_networks_see(part.images.astype(np.float32)) for part in (training, tests))
    runs, rows = {}, {"real": tests.images}
    for name, model in (("bigan", "bigan"), ("latent regressor", "dcgan")):
        run = folder / name.replace(" ", "-")
        clothes.train("bigan", run, seed, {**common, "model.name": model, "model.latent_dim": LATENT})
        generator = clothes.network_of(run, "generator")
        if name == "bigan":
            encoder = clothes.network_of(run, "encoder")
            untaught = encoder
        else:
            encoder = regressor(untaught, generator, seed)
        codes = encoder.predict(seen, verbose=0)
        made = generator.predict(codes, verbose=0)
        runs[name] = {
            "ratio": ratio(seen, made),
            "accuracy of the neighbour": neighbours(encoder.predict(known, verbose=0), codes, training, tests),
        }
        rows[name] = to_pixels(made).numpy()
    runs["pixels"] = {"accuracy of the neighbour": neighbours(_flat(known), _flat(seen), training, tests)}
    return Measured(runs, clothes.first(SHOWN, rows))


def regressor(like: Any, generator: Any, seed: int) -> Any:
    """Return an encoder that learned, by squared errors, the vectors of a finished generator's pictures.

    Args:
        like: an encoder of the same layers.
        generator: stays as it is.
        seed: of the vectors, the first weights and the order.
    """
    keras.utils.set_random_seed(seed)
    vectors = np.random.default_rng(seed).uniform(-1, 1, (READ, LATENT)).astype(np.float32)
    encoder = keras.models.clone_model(like)
    encoder.compile(keras.optimizers.Adam(1e-3), "mse")
    encoder.fit(generator.predict(vectors, verbose=0), vectors, 64, EPOCHS, verbose=0)
    return encoder


def ratio(images: np.ndarray, made: np.ndarray) -> float:
    """Return how far pictures are from G(E(x)) of themselves, over how far they are from that of another one.

    It is 1 where the codes say nothing of the picture. Both distances are mean Euclidean norms.

    Args:
        images: x, float32 [N, H, W, C].
        made: G(E(x)).
    """
    own, other = (
        np.linalg.norm(_flat(images - compared), axis=1).mean() for compared in (made, np.roll(made, 1, axis=0))
    )
    return float(own / other)


def neighbours(known: np.ndarray, codes: np.ndarray, training: clothes.Clothes, tests: clothes.Clothes) -> float:
    """Return the share of test pictures of whose code [N, d] the nearest one, of another set, has the same label."""
    nearest = KNeighborsClassifier(1).fit(known, training.labels)
    return float((nearest.predict(codes) == tests.labels).mean())


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


PROOF = Proof(
    "bigan",
    "Donahue et al. 2016, https://arxiv.org/abs/1605.09782",
    "Without any reconstruction loss, the encoder inverts the generator, and its codes of pictures that it never saw "
    "tell their kinds apart.",
    "a latent regressor: the same encoder, trained after an ordinary GAN to read the latent vectors of its pictures; "
    "and the pixels themselves.",
    [
        Expected("ratio", "bigan", "<", 0.85),
        Expected("accuracy of the neighbour", "bigan", ">", 0.65),
        Expected("accuracy of the neighbour", "bigan", ">", "latent regressor"),
    ],
    measure,
    "The ratio is the distance of a picture to its own reconstruction, over that to another picture's. The latent "
    "regressor has the lower one: it learned with squared errors, and the pictures of its generator lie near enough to "
    "real ones. Neither is as good as pixels at telling neighbours.",
)
