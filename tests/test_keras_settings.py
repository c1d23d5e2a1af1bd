"""A user's keras.json neither breaks nor changes what ganctl builds, and ganctl leaves the user's session alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from conftest import WriteYaml, home_shape

import ganctl
import ganctl.layers
from ganctl.layers.residual_blocks import down_block, up_block
from ganctl.layers.resolutions import Resolutions
from ganctl.layers.strided_convolutions import enlarged, reduced
from ganctl.lazy import keras, own_settings, tf
from ganctl.run_folder.paths import RunFolder

PLAY = """
import sys
import numpy as np
from pathlib import Path
from ganctl.build import games, resolving
from ganctl.host.device import select_device
from ganctl.lazy import own_settings
from ganctl.lazy import keras, tf
tf.config.experimental.enable_op_determinism()
tf.config.run_functions_eagerly(True)  # what Keras makes of its settings is made before anything is compiled
rows = {}
for path in sys.argv[2:]:
    parts = resolving.load_parts(Path(path))
    game = games.make_game(parts, resolving.read_images(parts, lambda items, *_: items))
    rows[path] = game.play(game.chunk(0, 2)).numpy()
np.savez(sys.argv[1], *rows.values(), said=np.array([keras.config.image_data_format(), keras.config.floatx()]))
"""
MODELS = ("sagan", "acgan_mnist")
"""Together they have attention, spectral kernels, BatchNorm, pooling, flattening, embeddings and dropout."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, tiny_yaml: WriteYaml) -> Callable[..., dict[str, np.ndarray]]:
    """Return what plays two iterations of every model in a process of its own, under a keras.json."""
    files = []
    for model in MODELS:
        size, _, channels = home_shape(model)
        small = {"model": {"name": model, "capacity": 2} if model != "acgan_mnist" else {"name": model}}
        images = {"dataset.image_size": size, "dataset.channels": channels, "training.batch_size": 2}
        files.append(tiny_yaml({**small, **images, "training.precision": "float32"}))

    def play(**settings: object) -> dict[str, np.ndarray]:
        home = tmp_path_factory.mktemp("home")
        (home / "keras.json").write_text(json.dumps({"backend": "tensorflow", **settings}))
        environment = {**os.environ, "KERAS_HOME": str(home)}
        command = [sys.executable, "-c", PLAY, str(home / "rows.npz"), *map(str, files)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        with np.load(home / "rows.npz") as archive:
            return dict(archive)

    return play


@pytest.mark.slow
def test_a_users_keras_json_changes_no_digit(played: Callable[..., dict[str, np.ndarray]]) -> None:
    odd = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.5}
    usual, other = played(), played(**odd)
    assert other.pop("said").tolist() == ["channels_first", "float16"], "the user's settings are left as they were"
    assert usual.pop("said").tolist() == ["channels_last", "float32"]
    assert len(usual) == len(MODELS)
    for name, rows in usual.items():
        np.testing.assert_array_equal(other[name], rows)


def test_the_settings_come_back_after_an_error_too() -> None:
    before = keras.config.image_data_format(), keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_image_data_format("channels_first")
    try:
        with suppress(ZeroDivisionError), own_settings("mixed_bfloat16"):
            assert keras.layers.Conv2D(1, 1).data_format == "channels_last"
            assert keras.layers.Conv2D(1, 1).dtype_policy.name == "mixed_bfloat16"
            _ = 1 / 0
        assert keras.config.image_data_format() == "channels_first"
    finally:
        keras.config.set_image_data_format(before[0])
    assert (keras.config.image_data_format(), keras.config.floatx(), keras.config.dtype_policy()) == before


def made() -> dict[str, Callable[[], object]]:
    """Layers and parts of networks of ganctl's own that are made of layers with a data format, or have one."""
    maps, small = np.zeros((2, 8, 8, 16), np.float32), np.zeros((2, 4, 4, 6), np.float32)
    classes, sizes = np.array([[0], [1]]), Resolutions.of(16, 16)
    return {
        "SelfAttention": lambda: ganctl.layers.SelfAttention()(maps),
        "SelfAttention, spectral": lambda: ganctl.layers.SelfAttention(ganctl.layers.SpectralConv2D)(maps),
        "SkipLayerExcitation": lambda: ganctl.layers.SkipLayerExcitation()(maps, small),
        "SpectralConv2D": lambda: ganctl.layers.SpectralConv2D(3, 3, padding="same")(maps),
        "GroupedConvolution": lambda: ganctl.layers.GroupedConvolution(8, 3, 2)(maps),
        "ConditionalBatchNormalization": lambda: ganctl.layers.ConditionalBatchNormalization(2)(maps, classes),
        "up_block": lambda: up_block(maps, 3, keras.layers.Conv2D, lambda inner: inner),
        "down_block": lambda: down_block(maps, 3, ganctl.layers.SpectralConv2D),
        "enlarged": lambda: enlarged(np.zeros((2, 5), np.float32), sizes, 2, 4),
        "reduced": lambda: reduced(np.zeros((2, 16, 16, 3), np.float32), sizes, 2, 4),
        "MinibatchStandardDeviation": lambda: ganctl.layers.MinibatchStandardDeviation()(maps),
        "InstanceNormalization": lambda: ganctl.layers.InstanceNormalization()(maps),
        "ReflectionPadding2D": lambda: ganctl.layers.ReflectionPadding2D(1)(maps),
        "PixelShuffle": lambda: ganctl.layers.PixelShuffle(2)(maps),
    }


@pytest.mark.parametrize("name", made())
def test_layers_of_ganctls_own_have_their_channels_last(name: str) -> None:
    """Also where nobody sets Keras up for them, as in a notebook that loads an exported file."""
    layer = made()[name]
    usual = tf.nest.map_structure(lambda tensor: tensor.shape, layer())
    keras.config.set_image_data_format("channels_first")
    try:
        assert tf.nest.map_structure(lambda tensor: tensor.shape, layer()) == usual
    finally:
        keras.config.set_image_data_format("channels_last")


def names_of_new_layers() -> list[str]:
    """What Keras calls the next layers of kinds that a generator has, and the next model."""
    layers = [keras.layers.Dense(1), keras.layers.BatchNormalization(), keras.layers.Reshape([1])]
    return [layer.name for layer in (*layers, keras.Sequential([keras.Input([1]), *layers]))]


def counted_on(names: list[str]) -> list[str]:
    """The names that follow these ones."""
    parts = [name.rpartition("_") for name in names]
    return [f"{start}_{int(number) + 1}" for start, _, number in parts]


def test_loading_a_run_leaves_the_users_session_alone(reported_run: RunFolder) -> None:
    """Names, dtype policy, seed and models of a notebook; the run itself is loaded in float32."""
    names_of_new_layers()  # so that each has a number
    mine = keras.Sequential([keras.Input([2]), keras.layers.Dense(3)])
    mine.compile("sgd", "mse")
    given, wanted = np.ones((4, 2), np.float32), np.ones((4, 3), np.float32)
    keras.utils.set_random_seed(1)
    drawn = [float(keras.random.normal(())) for _ in range(2)]
    keras.utils.set_random_seed(1)
    assert float(keras.random.normal(())) == drawn[0]
    expected, names = mine(given).numpy(), names_of_new_layers()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        run = ganctl.load(reported_run.path)
        run.sample(2)
        run.interpolate(rows=1, points=2, frames=2)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        assert names_of_new_layers() == counted_on(names)
    finally:
        keras.config.set_dtype_policy("float32")
    assert float(keras.random.normal(())) == drawn[1]
    np.testing.assert_array_equal(mine(given), expected)
    assert mine.train_on_batch(given, wanted) >= 0
    assert {layer.compute_dtype for layer in run.generator.layers} == {"float32"}


def test_the_generator_of_a_run_is_a_plain_model_that_can_be_saved(reported_run: RunFolder, tmp_path: Path) -> None:
    generator = ganctl.load(reported_run.path).generator
    generator.save(tmp_path / "mine.keras")
    read = keras.saving.load_model(tmp_path / "mine.keras")
    latent = np.random.default_rng(0).normal(size=(3, *generator.input_shape[1:])).astype(np.float32)
    np.testing.assert_array_equal(read(latent), generator(latent))
