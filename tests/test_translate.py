"""Pictures of any size through trained networks: whole, padded, in tiles; from files to files, and in Python."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import small_runs

from ganctl import datasets, models
from ganctl.build import resolving
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import ForwardPass, ImageSampler, Networks, Player, Setup, Term, Turn
from ganctl.game.inputs import as_networks_see, to_pixels
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.translator import Translator
from ganctl.images.image_set import ImageSet
from ganctl.lazy import tf
from ganctl.run_folder.paths import RunFolder

SIDE = 16


def players(networks: Networks, setup: Setup) -> list[Player]:
    def term(batch: Any) -> Any:
        made = batch.networks["generator"](batch.images["source"].pixels)
        return tf.reduce_mean(tf.abs(made - batch.images["target"].pixels))

    draws = dict.fromkeys(("source", "target"), setup.training.batch_size)
    turn = Turn("generate", ForwardPass, [Term("l1", term)], draws=draws)
    return [Player("generator", "g", ["generator"], setup.optimizer("generator"), [turn])]


def convolutional(image_shape: tuple[int, int, int], image_shapes: Any) -> dict[str, Any]:
    """Each pixel from those around it, as a function of two layers: a receptive field of 5 x 5."""
    layers = keras.layers
    given = keras.Input(image_shapes["source"])
    inner = keras.Sequential([keras.Input((None, None, 4)), layers.Conv2D(4, 3, padding="same"), layers.LeakyReLU()])
    made = inner(layers.Conv2D(4, 3, padding="same")(given))
    return {"generator": keras.Model(given, layers.Conv2D(image_shape[-1], 1, activation="tanh", dtype="float32")(made))}


def enlarging(image_shape: tuple[int, int, int], image_shapes: Any) -> dict[str, Any]:
    """Twice as large, by way of a quarter of the size and a skip: sides must be multiples of 4."""
    layers = keras.layers
    given = keras.Input(image_shapes["source"])
    small = layers.Conv2D(4, 4, 2, padding="same", activation="relu")(given)
    nested = keras.Sequential([keras.Input(small.shape[1:]), layers.Conv2D(4, 4, 2, padding="same"), layers.ReLU()])
    up = layers.Conv2DTranspose(4, 4, 2, padding="same")(nested(small))
    up = layers.UpSampling2D()(layers.Concatenate()([small, up]))
    up = layers.Conv2DTranspose(4, 4, 2, padding="same")(layers.Concatenate()([given, up]))
    return {"generator": keras.Model(given, layers.Conv2D(image_shape[-1], 3, padding="same", dtype="float32")(up))}


def of_one_size(image_shape: tuple[int, int, int], image_shapes: Any) -> dict[str, Any]:
    """Dense layers know how many pixels there are; they brighten every pixel alike."""
    layers = keras.layers
    size = int(np.prod(image_shapes["source"]))
    dense = layers.Dense(size, use_bias=False, kernel_initializer="identity")
    return {
        "generator": keras.Sequential(
            [keras.Input(image_shapes["source"]), layers.Flatten(), dense, layers.Reshape(image_shape, dtype="float32")]
        )
    }


MODELS: dict[str, tuple[Callable[..., Any], int, int, int]] = {
    # builder, channels of the input, channels of the output, how much larger the output is
    "convolutional": (convolutional, 1, 3, 1),
    "enlarging": (enlarging, 3, 3, 2),
    "of_one_size": (of_one_size, 1, 1, 1),
    "with_alpha": (convolutional, 4, 4, 1),
}


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    with models.registry.temporarily(), datasets.registry.temporarily():
        for name, (make, given, made, factor) in MODELS.items():
            sampler = ImageSampler(gives="target", source="source", truth=True)
            models.registry.register(
                name,
                source="this test",
                players=players,
                feeds=("source", "target"),
                samplers={"translated": sampler},
                paired=True,
            )(make)
            datasets.registry.register(f"for_{name}", source="this test")(pairs_of(given, made, factor))
        yield


def pairs_of(given: int, made: int, factor: int) -> Callable[..., Any]:
    def read(config: Any, track: Any) -> dict[str, ImageSet]:
        random = np.random.default_rng(0)
        source = random.integers(0, 256, (12, SIDE, SIDE, given), np.uint8)
        target = random.integers(0, 256, (12, SIDE * factor, SIDE * factor, made), np.uint8)
        alpha = made == 4
        return {
            "source": ImageSet(source, None, (), "test", alpha=alpha, apart=ImageSet(source[:5] // 2, None, (), "kept")),
            "target": ImageSet(target, None, (), "test", alpha=alpha, apart=ImageSet(target[:5], None, (), "kept")),
        }

    return read


@dataclass
class Trained:
    experiment: Experiment
    folder: RunFolder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Return what trains a model of this file, once."""
    made: dict[str, Trained] = {}

    def run(model: str) -> Trained:
        if model not in made:
            data = {
                "name": model,
                "dataset": {"name": f"for_{model}", "image_size": SIDE},
                "model": {"name": model},
                "training": {"iterations": 2, "batch_size": 2, "precision": "float32", "xla": False},
                "outputs": {"sample_every": 2, "sample_grid": "6x4", "checkpoint_every": 2},
            }
            experiment = resolving.resolve(Experiment.from_source(YamlSource("test", data))).experiment
            folder = RunFolder.create(tmp_path_factory.mktemp("run"), model, explicit=True)
            folder.write_config(experiment.to_yaml())
            small_runs.train(experiment, folder)
            made[model] = Trained(experiment, folder)
        return made[model]

    return run


@pytest.fixture
def translator(runs: Callable[[str], Trained]) -> Callable[..., Translator]:
    return lambda model, tile=None: Translator(TrainedGenerator.load(runs(model).folder.path), tile)


def picture(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def by_hand(network: Any, image: np.ndarray) -> np.ndarray:
    """What a network of any size makes of an image."""
    made = network(as_networks_see(image[np.newaxis].astype(np.float32)), training=False)
    return to_pixels(made)[0].numpy()


@pytest.mark.parametrize(("height", "width"), [(16, 16), (20, 36), (7, 50), (3, 1), (40, 40)])
def test_a_convolution_takes_pictures_of_any_size(
    height: int, width: int, translator: Callable[..., Translator]
) -> None:
    translate = translator("convolutional")
    assert (translate.sides.step, translate.sides.least) == ((1, 1), (1, 1))
    image = picture(height, width, 1)
    made = translate(image)
    assert made.shape == (height, width, 3)
    np.testing.assert_allclose(made.astype(int), by_hand(translate.free_network, image), atol=1)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (24, 40), (9, 31), (2, 5)])
def test_a_picture_that_does_not_fit_is_padded_with_its_reflection_and_cropped(
    height: int, width: int, translator: Callable[..., Translator]
) -> None:
    translate = translator("enlarging")
    assert (translate.sides.step, translate.sides.least) == ((4, 4), (4, 4))
    image = picture(height, width, 3)
    padded = np.pad(image, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="reflect")
    expected = by_hand(translate.free_network, padded)[: 2 * height, : 2 * width]
    made = translate(image)
    assert made.shape == (2 * height, 2 * width, 3)
    np.testing.assert_allclose(made.astype(int), expected, atol=1)


@pytest.mark.parametrize(("model", "tile"), [("convolutional", 40), ("enlarging", 96)])
@pytest.mark.parametrize(("height", "width"), [(130, 90), (203, 41), (30, 300)])
def test_tiles_show_no_seam(
    model: str, tile: int, height: int, width: int, translator: Callable[..., Translator]
) -> None:
    """Their overlap, an eighth of a tile, is wider than what a pixel depends on: 5, and 11, pixels."""
    image = picture(height, width, MODELS[model][1])
    whole, tiled = translator(model), translator(model, tile)
    assert not tiled._whole(*image.shape[:2])
    assert whole._whole(*image.shape[:2])
    np.testing.assert_allclose(tiled(image).astype(int), whole(image), atol=1)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (50, 37), (16, 17), (5, 60)])
def test_a_network_of_one_size_goes_over_a_picture_in_tiles(
    height: int, width: int, translator: Callable[..., Translator]
) -> None:
    translate = translator("of_one_size")
    assert translate.sides is None
    assert translate.free_network is None
    image = picture(height, width, 1)
    made = translate(image)
    weights = translate.trained.network.layers[1].kernel.numpy()
    assert made.shape == image.shape
    # Two iterations have moved the identity a little, and each tile by as much.
    np.testing.assert_allclose(made.astype(int), image, atol=127.5 * abs(weights - np.eye(len(weights))).sum(0).max())


def test_too_large_a_picture_is_translated_in_tiles(
    translator: Callable[..., Translator], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = picture(150, 170, 3)
    whole = translator("enlarging")(image)
    monkeypatch.setattr("ganctl.generation.translator.MOST_BYTES", 4 * 4 * 16 * 100**2)
    small = translator("enlarging")
    # The most values of a layer are those of the output's size: 4 channels for each of its pixels, 3 in it.
    assert small._most_pixels == 100**2
    assert not small._whole(*image.shape[:2])
    np.testing.assert_allclose(small(image).astype(int), whole, atol=1)
