"""Directions that are found without labels: those along which a generator's first layers change most."""

from typing import Any

import numpy as np
import pytest

import ganctl.layers
from ganctl.generation.directions import directions_of
from ganctl.lazy import keras

layers = keras.layers


def matrix(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def expected(kernel: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    left, lengths, _ = np.linalg.svd(kernel.astype(np.float64), full_matrices=False)
    return left.T[:count], np.square(lengths)[:count]


def check(network: Any, kernel: np.ndarray, count: int = 4, num_classes: int = 0) -> None:
    found = directions_of(network, count, num_classes)
    assert found is not None
    vectors, eigenvalues = expected(kernel, count)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(count), atol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(found.vectors * vectors, axis=1)), 1.0, atol=1e-4)
    np.testing.assert_allclose(found.eigenvalues, eigenvalues, rtol=1e-3)
    peaks = np.abs(found.vectors).argmax(axis=1)
    assert (found.vectors[np.arange(count), peaks] > 0).all(), "the sign is always the same"


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("kind", ["Dense", "SpectralDense"])
def test_a_dense_layer(kind: str, activation: str | None) -> None:
    latent = keras.Input([6])
    first = layers.Dense(40, activation=activation) if kind == "Dense" else ganctl.layers.SpectralDense(40)
    network = keras.Model(latent, layers.Reshape([5, 4, 2])(first(latent)))
    getattr(first, "raw", first.kernel).assign(matrix(0, 6, 40))
    check(network, np.asarray(first.kernel))


def test_a_transposed_convolution() -> None:
    latent = keras.Input([6])
    first = layers.Conv2DTranspose(5, 4)
    network = keras.Model(latent, first(layers.Reshape([1, 1, 6])(latent)))
    kernel = matrix(1, 4, 4, 5, 6)
    first.kernel.assign(kernel)
    check(network, np.moveaxis(kernel, -1, 0).reshape(6, -1))


def test_two_first_layers_count_together_and_other_inputs_do_not() -> None:
    latent, code = keras.Input([6], name="latent"), keras.Input([3], name="code")
    first, second = layers.Dense(20), layers.Dense(8)
    made = layers.Concatenate()([first(layers.Concatenate()([latent, code])), second(layers.LeakyReLU(1.0)(latent))])
    network = keras.Model([latent, code], layers.Reshape([7, 4, 1])(made))
    check(network, np.concatenate([np.asarray(first.kernel)[:6], np.asarray(second.kernel)], axis=1))


def test_a_network_within_a_network() -> None:
    trunk = keras.Sequential([keras.Input([6]), layers.Dense(30, activation="relu"), layers.Reshape([6, 5, 1])])
    latent, classes = keras.Input([6], name="latent"), keras.Input([1], dtype="int32", name="classes")
    embedding = layers.Embedding(3, 6)
    product = layers.Multiply()([latent, layers.Flatten()(embedding(classes))])
    inner = keras.Model([latent, classes], trunk(product))
    scales = np.tile([[1.0, 2.0, 0.5, 3.0, 1.5, 0.1]], (3, 1)).astype(np.float32)
    embedding.embeddings.assign(scales)
    network = keras.Model([latent, classes], inner([latent, classes]))
    check(network, scales[0][:, np.newaxis] * np.asarray(trunk.layers[0].kernel), num_classes=3)


def test_without_such_a_layer_there_are_none() -> None:
    latent = keras.Input([6])
    assert directions_of(keras.Model(latent, layers.Reshape([2, 3, 1])(latent))) is None


def test_there_are_no_more_than_numbers() -> None:
    latent = keras.Input([3])
    found = directions_of(keras.Model(latent, layers.Dense(8)(latent)))
    assert found is not None
    assert found.vectors.shape == (3, 3)
