"""A user's keras.json neither breaks nor changes what ganctl builds, and ganctl leaves the user's session alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from conftest import WriteYaml, home_shape

import ganctl.layers
from ganctl.lazy import keras, own_settings, tf

PLAY = """
import sys
import numpy as np
from pathlib import Path
from ganctl.build import games, resolving
from ganctl.host.device import select_device
from ganctl.lazy import own_settings
from ganctl.lazy import keras, tf
tf.config.experimental.enable_op_determinism()
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
    """Layers of ganctl's own that are made of layers with a data format, or have one."""
    maps, small = np.zeros((2, 8, 8, 16), np.float32), np.zeros((2, 4, 4, 6), np.float32)
    classes = np.array([[0], [1]])
    return {
        "SelfAttention": lambda: ganctl.layers.SelfAttention()(maps),
        "SelfAttention, spectral": lambda: ganctl.layers.SelfAttention(ganctl.layers.SpectralConv2D)(maps),
        "SkipLayerExcitation": lambda: ganctl.layers.SkipLayerExcitation()(maps, small),
        "SpectralConv2D": lambda: ganctl.layers.SpectralConv2D(3, 3, padding="same")(maps),
        "GroupedConvolution": lambda: ganctl.layers.GroupedConvolution(8, 3, 2)(maps),
        "ConditionalBatchNormalization": lambda: ganctl.layers.ConditionalBatchNormalization(2)(maps, classes),
        "MinibatchStandardDeviation": lambda: ganctl.layers.MinibatchStandardDeviation()(maps),
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
