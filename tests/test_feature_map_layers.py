"""Layers on feature maps, beside the same in NumPy, float64."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganctl.build.rewrites import rewritten
from ganctl.game.freezing import frozen
from ganctl.layers.conditional_batch_normalization import ConditionalBatchNormalization
from ganctl.layers.grouped_convolution import GroupedConvolution
from ganctl.layers.minibatch_standard_deviation import MinibatchStandardDeviation
from ganctl.layers.resolutions import Resolutions
from ganctl.layers.self_attention import SelfAttention
from ganctl.layers.skip_layer_excitation import SkipLayerExcitation

RANDOM = np.random.default_rng(0)


def maps(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def close(found: object, expected: np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-4, atol=1e-5)


def test_minibatch_standard_deviation_is_the_mean_deviation_over_the_batch() -> None:
    images = maps(6, 5, 5, 3)
    found = MinibatchStandardDeviation()(images).numpy()
    close(found[..., :3], images)
    close(found[..., 3:], np.full((6, 5, 5, 1), images.astype(np.float64).std(axis=0).mean()))


def test_minibatch_standard_deviation_of_one_picture_again_and_again_is_zero_and_has_a_gradient() -> None:
    images, layer = tf.constant(np.repeat(maps(1, 4, 4, 2), 8, axis=0)), MinibatchStandardDeviation()
    with tf.GradientTape() as tape:
        tape.watch(images)
        deviation = layer(images)[0, 0, 0, 2]
    assert float(deviation) < 2e-4
    assert np.isfinite(tape.gradient(deviation, images)).all()


@pytest.mark.parametrize("size", [6, 7])
def test_self_attention_is_the_papers_sum_over_pooled_places(size: int) -> None:
    images, layer = maps(2, size, size, 16), SelfAttention()
    assert (layer(images).numpy() == images).all(), "gamma is 0: the identity"
    layer.gamma.assign(0.7)
    f, g, h, v = (part.kernel.numpy()[0, 0].astype(np.float64) for part in (layer.f, layer.g, layer.h, layer.v))
    assert [kernel.shape[1] for kernel in (f, g, h, v)] == [2, 2, 8, 16]

    def pooled(values: np.ndarray) -> np.ndarray:
        half = size // 2
        cut = values[:, : 2 * half, : 2 * half].reshape(2, half, 2, half, 2, -1)
        return cut.max(axis=(2, 4)).reshape(2, half * half, -1)

    keys, values, queries = pooled(images @ f), pooled(images @ h), (images @ g).reshape(2, size * size, -1)
    weights = np.exp(np.einsum("njc,nic->nji", queries, keys))
    weights /= weights.sum(axis=2, keepdims=True)
    seen = np.einsum("nji,nic->njc", weights, values).reshape(2, size, size, -1) @ v
    close(layer(images), images + 0.7 * seen)


def conditional(classes: np.ndarray) -> tuple[keras.Layer, Callable[..., np.ndarray]]:
    layer = ConditionalBatchNormalization(3)
    layer.build((None, 4, 4, 5))
    layer.gamma.assign(maps(3, 5))
    layer.beta.assign(maps(3, 5))
    return (
        layer,
        lambda normal: (
            normal * layer.gamma.numpy()[classes[:, 0]][:, None, None]
            + layer.beta.numpy()[classes[:, 0]][:, None, None]
        ),
    )


@pytest.mark.parametrize("fused", [False, True])
def test_conditional_batch_norm_scales_and_shifts_each_image_by_its_class(fused: bool) -> None:
    images, classes = 3.0 + maps(8, 4, 4, 5), np.array([[0], [2], [1], [0], [2], [2], [1], [0]])
    layer, styled = conditional(classes)
    call: Callable[..., Any] = layer
    if fused:
        inputs = [keras.Input((4, 4, 5)), keras.Input((1,), dtype="int32")]
        network = rewritten(keras.Model(inputs, layer(*inputs)))
        assert layer not in network.layers, "it is rewritten like any other BatchNorm"

        def call(images: Any, classes: Any, training: bool) -> Any:
            return network([images, classes], training=training)

    mean, variance = images.mean(axis=(0, 1, 2)), images.var(axis=(0, 1, 2))
    close(call(images, classes, training=True), styled((images - mean) / np.sqrt(variance + 1e-3)))
    close(layer.norm.moving_mean, 0.01 * mean)
    moved = [layer.norm.moving_mean.numpy(), layer.norm.moving_variance.numpy()]
    close(call(images, classes, training=False), styled((images - moved[0]) / np.sqrt(moved[1] + 1e-3)))
    with frozen({layer: "batch"}):
        call(images, classes, training=True)
    close(layer.norm.moving_mean, moved[0])


@pytest.mark.parametrize(("small", "side"), [(4, 4), (5, 5), (8, 4), (14, 4), (16, 4)])
def test_skip_layer_excitation_multiplies_channels_by_a_factor_from_the_small_map(small: int, side: int) -> None:
    high, low, layer = maps(2, 16, 16, 6), maps(2, small, small, 3), SkipLayerExcitation()
    found = layer(high, low)
    pool = small // side
    pooled = low[:, : side * pool, : side * pool].reshape(2, side, pool, side, pool, 3).mean(axis=(2, 4))
    hidden = np.einsum("nhwc,hwcd->nd", pooled.astype(np.float64), layer.whole.kernel.numpy())
    hidden = np.where(hidden > 0, hidden, 0.1 * hidden) @ layer.each.kernel.numpy()[0, 0]
    close(found, high / (1 + np.exp(-hidden))[:, None, None])


@pytest.mark.parametrize("size", [3, 1])
def test_a_grouped_convolution_is_keras_own(size: int) -> None:
    images, layer = maps(2, 6, 6, 8), GroupedConvolution(12, size, 4)
    own = keras.layers.Conv2D(12, size, padding="same", groups=4)
    layer.build(images.shape)
    layer.bias.assign(maps(12))
    found = layer(images)
    own.build(images.shape)
    own.set_weights(layer.get_weights())
    close(found, own(images))


def test_a_grouped_convolution_says_what_cannot_be_divided() -> None:
    with pytest.raises(ValueError, match="8 channels to 6 filters cannot be divided into 4 groups"):
        GroupedConvolution(6, 3, 4).build((None, 4, 4, 8))


def test_resolutions_end_at_a_base_of_four_to_seven_pixels() -> None:
    for size in range(8, 257):
        resolutions = Resolutions.of(size, size)
        assert resolutions.base[0] == resolutions.base[1]
        assert 4 <= resolutions.base[0] <= 7
        assert resolutions.base[0] * 2**resolutions.steps - sum(resolutions.cropping[0]) == size
        halved = size
        for _ in range(resolutions.steps):
            halved = -(-halved // 2)
        assert halved == resolutions.base[0]
    assert [Resolutions.of(32, 32).channels(8, level) for level in range(6)] == [8, 16, 32, 64, 64, 64]
    with pytest.raises(ValueError, match="at least 8 pixels"):
        Resolutions.of(7, 9)
