"""Layers of networks that turn images into images, beside the same in NumPy, float64."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganctl.build.rewrites import rewritten
from ganctl.game import Key
from ganctl.layers.image_pool import ImagePool
from ganctl.layers.instance_normalization import InstanceNormalization
from ganctl.layers.pixel_shuffle import PixelShuffle
from ganctl.layers.reflection_padding import ReflectionPadding2D

RANDOM = np.random.default_rng(0)


def maps(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def normalised(x: np.ndarray, epsilon: float = 1e-5) -> np.ndarray:
    x = x.astype(np.float64)
    return (x - x.mean(axis=(1, 2), keepdims=True)) / np.sqrt(x.var(axis=(1, 2), keepdims=True) + epsilon)


def curvature(function: Callable[[Any], Any], x: np.ndarray, along: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The Hessian of sum(weights * function(x)^3) times a vector, by two tapes."""
    values, direction = tf.constant(x), tf.constant(along)
    with tf.GradientTape() as outer:
        outer.watch(values)
        with tf.GradientTape() as inner:
            inner.watch(values)
            total = tf.reduce_sum(weights * function(values) ** 3)
        slope = tf.reduce_sum(inner.gradient(total, values) * direction)
    return outer.gradient(slope, values).numpy()


def slope_of(function: Callable[[Any], Any], x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    values = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(weights * function(values) ** 3)
    return tape.gradient(total, values).numpy()


@pytest.mark.parametrize("affine", [True, False])
def test_instance_norm_normalises_every_map_of_every_image(affine: bool) -> None:
    images, layer = 3.0 + 2.0 * maps(3, 5, 4, 6), InstanceNormalization(affine=affine)
    layer.build(images.shape)
    expected = normalised(images)
    if affine:
        layer.gamma.assign(maps(6))
        layer.beta.assign(maps(6))
        expected = expected * layer.gamma.numpy() + layer.beta.numpy()
    np.testing.assert_allclose(layer(images), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(layer(images, training=True), layer(images, training=False))
    one = layer(images[1:2])
    np.testing.assert_allclose(one, expected[1:2], rtol=1e-5, atol=1e-5, err_msg="of each image by itself")
    assert len(layer.trainable_variables) == 2 * affine


def test_instance_norm_of_a_constant_map_is_zero_with_a_gradient() -> None:
    images, layer = tf.ones([1, 4, 4, 2]), InstanceNormalization()
    with tf.GradientTape() as tape:
        tape.watch(images)
        made = layer(images)
    assert np.abs(made).max() == 0.0
    assert np.isfinite(tape.gradient(made, images)).all()


def test_instance_norm_computes_moments_in_float32_where_its_maps_are_bfloat16() -> None:
    images = tf.cast(100.0 + maps(2, 16, 16, 3), tf.bfloat16)
    made = InstanceNormalization(dtype="mixed_bfloat16")(images)
    assert made.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(made, tf.float32), normalised(tf.cast(images, tf.float32).numpy()), atol=0.02)


def test_instance_norm_has_right_gradients_of_both_orders() -> None:
    layer = InstanceNormalization(dtype="float64")
    images, along, weights = (RANDOM.normal(size=(2, 3, 3, 2)) for _ in range(3))
    layer.build(images.shape)
    layer.gamma.assign(RANDOM.normal(size=2))
    step = 1e-5

    def value(x: np.ndarray) -> float:
        return float((weights * layer(x).numpy() ** 3).sum())

    first = (value(images + step * along) - value(images - step * along)) / (2 * step)
    np.testing.assert_allclose((slope_of(layer, images, weights) * along).sum(), first, rtol=1e-7)
    higher, lower = (slope_of(layer, images + sign * step * along, weights) for sign in (1, -1))
    second = (higher - lower) / (2 * step)
    np.testing.assert_allclose(curvature(layer, images, along, weights), second, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("count", [1, 3, 17])
def test_fused_instance_norm_is_the_layer_with_gradients_of_both_orders(count: int, affine: bool) -> None:
    inputs = keras.Input((6, 5, 4))
    network = keras.Model(inputs, InstanceNormalization(affine=affine)(inputs))
    for variable in network.trainable_variables:
        variable.assign(maps(4))
    fused = rewritten(network)
    assert type(fused.layers[-1]).__name__ == "FusedInstance"
    images, along, weights = (maps(count, 6, 5, 4) for _ in range(3))
    np.testing.assert_allclose(fused(images), network(images), rtol=1e-4, atol=1e-5)
    for order in (slope_of(fused, images, weights), slope_of(network, images, weights)), (
        curvature(fused, images, along, weights), curvature(network, images, along, weights)
    ):  # fmt: skip
        np.testing.assert_allclose(order[0], order[1], rtol=1e-3, atol=1e-3 * np.abs(order[1]).max())
    slopes = []
    for called in (fused, network):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(weights * called(tf.constant(images)) ** 3)
        slopes.append(tape.gradient(total, [variable.value for variable in network.trainable_variables]))
    for found, expected in zip(*slopes, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def reflection(side: int, padding: int) -> np.ndarray:
    """The matrix of the padding along one axis, by the definition: positions mirrored at 0 and at side - 1."""
    matrix = np.zeros((side + 2 * padding, side))
    for row, position in enumerate(range(-padding, side + padding)):
        mirrored = abs(position)
        matrix[row, mirrored if mirrored < side else 2 * (side - 1) - mirrored] = 1
    return matrix


@pytest.mark.parametrize(("height", "width", "padding"), [(5, 7, 1), (5, 7, 3), (4, 4, 3), (2, 3, 1)])
def test_reflection_and_its_gradients_are_two_matrix_products(height: int, width: int, padding: int) -> None:
    layer = ReflectionPadding2D(padding, dtype="float64")
    down, across = reflection(height, padding), reflection(width, padding)
    images, along = (RANDOM.normal(size=(2, height, width, 3)) for _ in range(2))

    def padded(x: np.ndarray) -> np.ndarray:
        return np.einsum("ih,nhwc,jw->nijc", down, x, across)

    def transposed(y: np.ndarray) -> np.ndarray:
        return np.einsum("ih,nijc,jw->nhwc", down, y, across)

    expected = padded(images)
    np.testing.assert_array_equal(layer(images), expected)
    assert layer.compute_output_shape(images.shape) == expected.shape
    weights = RANDOM.normal(size=expected.shape)
    np.testing.assert_allclose(slope_of(layer, images, weights), transposed(weights * 3 * expected**2), rtol=1e-12)
    second = transposed(weights * 6 * expected * padded(along))
    np.testing.assert_allclose(curvature(layer, images, along, weights), second, rtol=1e-12)


def test_reflection_says_how_large_its_maps_must_be() -> None:
    with pytest.raises(ValueError, match=r"by 3 pixels needs maps of at least 4 pixels a side\. Received: 3x9"):
        ReflectionPadding2D(3)(maps(1, 3, 9, 1))


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_pixel_shuffle_moves_channels_to_their_pixels(factor: int, precision: str) -> None:
    images, layer = maps(2, 4, 5, 2 * factor**2), PixelShuffle(factor, dtype=precision)
    given = tf.cast(images, precision)
    expected = np.zeros((2, 4 * factor, 5 * factor, 2))
    for i in range(factor):
        for j in range(factor):
            start = (factor * i + j) * 2
            expected[:, i::factor, j::factor] = tf.cast(given[..., start : start + 2], tf.float64)
    np.testing.assert_array_equal(tf.cast(layer(given), tf.float64), expected)
    assert layer.compute_output_shape(images.shape) == expected.shape


def test_the_gradients_of_a_pixel_shuffle_move_pixels_back() -> None:
    images, along = (RANDOM.normal(size=(2, 4, 5, 8)) for _ in range(2))
    weights, layer = RANDOM.normal(size=(2, 8, 10, 2)), PixelShuffle(2, dtype="float64")
    apart = tf.nn.space_to_depth(weights, 2).numpy()
    np.testing.assert_allclose(slope_of(layer, images, weights), 3 * apart * images**2, rtol=1e-12)
    np.testing.assert_allclose(curvature(layer, images, along, weights), 6 * apart * images * along, rtol=1e-12)


def test_a_pixel_shuffle_says_which_channels_it_needs() -> None:
    with pytest.raises(ValueError, match=r"by 2 needs a multiple of 4 channels\. Received: 6"):
        PixelShuffle(2)(maps(1, 4, 4, 6))


LAYERS = {
    "InstanceNormalization": InstanceNormalization,
    "InstanceNormalization, plain": lambda: InstanceNormalization(affine=False, epsilon=1e-3),
    "ReflectionPadding2D": lambda: ReflectionPadding2D(2),
    "PixelShuffle": lambda: PixelShuffle(2),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_saved_network_comes_back_and_takes_any_size(name: str, tmp_path: Path) -> None:
    inputs = keras.Input((None, None, 4))
    network = keras.Model(inputs, LAYERS[name]()(inputs))
    for variable in network.variables:
        variable.assign(maps(*variable.shape))
    network.save(tmp_path / "a.keras")
    again = keras.saving.load_model(tmp_path / "a.keras")
    for height, width in [(4, 4), (9, 7)]:
        images = maps(2, height, width, 4)
        np.testing.assert_array_equal(again(images), network(images))
        assert network(images).shape == network.layers[-1].compute_output_shape(images.shape)


def marked(first: int, count: int) -> np.ndarray:
    """Images 1x1x1 whose pixel is their number."""
    return np.arange(first, first + count, dtype=np.float32).reshape(count, 1, 1, 1)


def by_hand(memory: list[float], size: int, batch: np.ndarray, key: Key) -> list[float]:
    """Zhu et al.'s own loop, one image after the other."""
    slots, coins = key.integers("pool slots", [len(batch)], size), key.uniform("pool stored", [len(batch)])
    shown = []
    for image, slot, coin in zip(batch.ravel(), slots.numpy(), coins.numpy(), strict=True):
        if len(memory) < size:
            memory.append(image)
            shown.append(image)
        elif coin < 0.5:
            shown.append(memory[slot])
            memory[slot] = image
        else:
            shown.append(image)
    return shown


@pytest.mark.parametrize(("size", "batch"), [(5, 1), (5, 3), (4, 4), (3, 8), (50, 4)])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_pool_is_the_papers_loop(size: int, batch: int, compiled: bool) -> None:
    pool, memory = ImagePool(size), list[float]()
    pool.build((None, 1, 1, 1))
    assert pool.trainable_variables == []

    def ask(images: Any, step: Any) -> Any:
        return pool(images, key=Key(7, step, "test"))

    asked = tf.function(ask, jit_compile=True) if compiled else ask
    old = 0
    for step in range(30):
        images = marked(1 + step * batch, batch)
        expected = by_hand(memory, size, images, Key(7, step, "test"))
        shown = np.ravel(asked(tf.constant(images), tf.constant(step)))
        np.testing.assert_array_equal(shown, expected)
        np.testing.assert_array_equal(pool.images.numpy().ravel()[: len(memory)], memory)
        assert int(pool.filled) == len(memory)
        old += np.isin(shown, images, invert=True).sum()
    after = 30 * batch - size
    if after > 20:
        assert 0.3 < old / after < 0.7 or size < batch


def test_a_pool_continues_from_its_variables_exactly() -> None:
    def later(pool: ImagePool) -> list[np.ndarray]:
        return [np.asarray(pool(marked(100 + 2 * step, 2), key=Key(0, step))) for step in range(8)]

    first, second = ImagePool(3), ImagePool.from_config(ImagePool(3).get_config())
    for pool in (first, second):
        pool.build((None, 1, 1, 1))
    for step in range(5):
        first(marked(2 * step, 2), key=Key(1, step))
    second.set_weights(first.get_weights())
    np.testing.assert_array_equal(later(second), later(first))


def test_a_pool_has_no_gradient_and_stays_in_float32_whatever_the_precision() -> None:
    pool = ImagePool(4, dtype="mixed_bfloat16")
    images = tf.constant(maps(2, 3, 3, 1))
    with tf.GradientTape() as tape:
        tape.watch(images)
        shown = pool(images, key=Key(0, 0))
    np.testing.assert_array_equal(shown, images)
    assert shown.dtype == pool.images.dtype == "float32"
    assert tape.gradient(shown, images) is None
