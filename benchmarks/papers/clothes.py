"""The embedded clothes as folders of pictures, and runs on them through the program itself."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recipes import CONFIGS, run_ganctl
from ganctl.build.resolving import read_dataset
from ganctl.evaluation.features.classifier import classifier_extractor
from ganctl.evaluation.features.extractor import Extractor
from ganctl.evaluation.features.lite0 import lite0_extractor
from ganctl.evaluation.reference import Reference
from ganctl.evaluation.scoring import evaluate
from ganctl.experiment.sections import DatasetSection
from ganctl.game.inputs import arrange_inputs, as_networks_see, draw_latent, to_pixels
from ganctl.game.noise import Key
from ganctl.game.sampler import ImageSampler, Sampler
from ganctl.generation.loading import TrainedGenerator, build_generator
from ganctl.images.draw import write_png
from ganctl.images.image_set import ImageSet
from ganctl.images.opencv import opencv
from ganctl.lazy import tf
from ganctl.run_folder.losses_csv import read_losses
from ganctl.run_folder.metrics_csv import read_metrics
from ganctl.run_folder.paths import RunFolder, step_name

TESTS = 2000
"""Images that no run learns from."""
_BATCH = 100


@dataclass(frozen=True)
class Clothes:
    """The embedded pictures, in an order of their own.

    Attributes:
        images: uint8 [N, 28, 28, 1].
        labels: int32 [N].
        class_names: the name of each label.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]

    @classmethod
    def read(cls) -> tuple["Clothes", "Clothes"]:
        """Return the pictures to learn from and the TESTS others, both shuffled by a fixed seed."""
        found = read_dataset(DatasetSection.model_validate({"name": "fashion_mnist_mini"}), lambda s, *_, **__: s)
        assert found.labels is not None
        order = np.random.default_rng(0).permutation(len(found))
        every = cls(found.images[order], found.labels[order], found.class_names)
        return every.part(slice(TESTS, None)), every.part(slice(TESTS))

    def part(self, rows: slice) -> "Clothes":
        """Return some of them."""
        return Clothes(self.images[rows], self.labels[rows], self.class_names)

    def halves(self) -> tuple["Clothes", "Clothes"]:
        """Return two halves that share no picture."""
        middle = len(self.images) // 2
        return self.part(slice(middle)), self.part(slice(middle, None))

    def as_set(self) -> ImageSet:
        """Return them as a data set."""
        return ImageSet(self.images, self.labels, self.class_names, "clothes")


def write_folder(images: np.ndarray, folder: Path) -> None:
    """Write images [N, H, W, C] as 00000.png and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        write_png(folder / f"{number:05d}.png", image)


def read_folder(folder: Path) -> np.ndarray:
    """Return what `write_folder` wrote, grey, [N, H, W, 1]."""
    paths = sorted(folder.glob("*.png"))
    cv2 = opencv()
    return np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths])[..., np.newaxis]


def train(config: str, run: Path, seed: int, settings: Mapping[str, object]) -> None:
    """Train a shipped configuration with further settings; raises GanctlError.

    A run folder that is there already, of a proof that was interrupted, is finished if it needs to be.
    """
    if RunFolder(run).config.exists():
        run_ganctl(["resume", str(run), "--quiet"])
        return
    words = ["train", str(config_path(config)), "--output-dir", str(run.parent), "--run-name", run.name]
    for override in as_overrides(settings):
        words += ["--set", override]
    run_ganctl([*words, "--seed", str(seed), "--quiet"])


def checkpoint_of(run: Path, iteration: int) -> Path:
    """Return the checkpoint that a run saved after an iteration."""
    return RunFolder(run).checkpoints / step_name(iteration)


def config_path(name: str) -> Path:
    """Return the file of a shipped configuration."""
    return CONFIGS / f"{name}.yaml"


def as_overrides(settings: Mapping[str, object]) -> tuple[str, ...]:
    """Return settings as `--set` takes them; JSON is valid YAML."""
    return tuple(f"{key}={json.dumps(value)}" for key, value in settings.items())


def translate(run: Path, given: Path, made: Path, *options: str) -> np.ndarray:
    """Have a run translate a folder of pictures into another; returns them [N, H, W, 1]."""
    run_ganctl(["translate", "--checkpoint", str(run), str(given), "--output", str(made), *options])
    return read_folder(made)


def draw_through(checkpoint: Path, roles: Sequence[str], given: np.ndarray) -> np.ndarray:
    """Return the images that networks of a checkpoint, one after the other, make of images; both uint8 [N, H, W, C].

    For networks that `ganctl translate` does not draw with.
    """
    trained = TrainedGenerator.load(checkpoint)
    networks = [trained.drawing_with(ImageSampler(role, gives="target", source="source")) for role in roles]
    made = []
    for start in range(0, len(given), _BATCH):
        values = as_networks_see(tf.cast(given[start : start + _BATCH], tf.float32))
        for network in networks:
            values = network(values, training=False)
        made.append(to_pixels(values).numpy())
    return np.concatenate(made)


def network_of(run: Path, role: str) -> Any:
    """Return one of a run's networks with its last weights, such as `encoder`: a Keras model in float32."""
    trained = TrainedGenerator.load(run)
    return build_generator(trained.source, trained.parts, Sampler(role))


def write_labelled(clothes: Clothes, path: Path) -> None:
    """Write pictures and labels as an npz, which the data set `npz` reads."""
    np.savez(path, images=clothes.images, labels=clothes.labels, class_names=np.array(clothes.class_names))


def sampled(
    generator: Any,
    count: int,
    *,
    classes: np.ndarray | None = None,
    distribution: str = "normal",
    truncation: float | None = None,
) -> np.ndarray:
    """Return what a generator draws from noise, uint8 [count, H, W, C]: the same noise for every generator.

    Args:
        generator: a Keras model.
        count: number of images.
        classes: the class of each, int [count], if it takes classes.
        distribution: of the latent vectors.
        truncation: as in `Key.latent`.
    """
    made = []
    for start in range(0, count, _BATCH):
        rows = slice(start, min(start + _BATCH, count))
        latent = draw_latent(generator, Key(0, start), rows.stop - start, distribution, truncation)
        inputs = arrange_inputs(generator, latent, None if classes is None else tf.constant(classes[rows], tf.int32))
        made.append(to_pixels(generator(inputs, training=False)).numpy())
    return np.concatenate(made)


def scores(images: np.ndarray, real: Clothes) -> Mapping[str, float]:
    """Return the scores of images against real ones by their columns in metrics.csv, in Lite0 features."""
    return evaluate(images, Reference.of(real.as_set(), lite0_extractor(), "test")).values


def history(run: Path, window: int) -> dict[str, np.ndarray]:
    """Return a value for each evaluation of a run: its KID, and means of every loss over the iterations before it.

    Args:
        run: its folder.
        window: number of those iterations, the evaluated one included.
    """
    folder = RunFolder(run)
    rows, losses = read_metrics(folder.metrics), read_losses(folder.losses)
    last = [int(row["iteration"]) for row in rows]
    means = {
        name: np.array([losses.column(name)[step - window : step].mean() for step in last]) for name in losses.columns
    }
    return {**means, "kid": np.array([float(row["kid"]) for row in rows])}


def kernel_distance(made: Path, real: Path) -> float:
    """Return the KID of a folder of pictures against another, in Lite0 features."""
    scores = json.loads(run_ganctl(["evaluate", str(made), "--against", str(real), "--num", str(TESTS), "--json"]))
    return float(scores["kid"])


def judge_of(clothes: Clothes) -> Extractor:
    """Return a classifier of real clothes, trained now or taken from the cache."""
    return classifier_extractor(clothes.as_set())


def accuracy(judge: Extractor, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of images that a classifier names rightly."""
    assert judge.probabilities is not None
    return float((judge.probabilities(judge.features(images)).argmax(1) == labels).mean())


def first(count: int, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the first images of every row of a picture."""
    return {title: images[:count] for title, images in rows.items()}


def resized(images: np.ndarray, side: int, how: str) -> np.ndarray:
    """Return square images [N, H, W, 1] with another side; `how` is the end of OpenCV's name, such as `CUBIC`."""
    cv2 = opencv()
    flag = getattr(cv2, f"INTER_{how}")
    found = [cv2.resize(image[..., 0], (side, side), interpolation=flag) for image in images]
    return np.stack(found)[..., np.newaxis]
