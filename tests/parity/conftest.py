"""Fixtures of the parity tests."""

import numpy as np
import pytest
import tensorflow as tf

from ganctl.image_set import ImageSet


@pytest.fixture(autouse=True)
def _reproducible_arithmetic():
    """As `ganctl train` does on a CPU; it also keeps XLA, which rounds otherwise, out of Keras' training functions."""
    tf.config.experimental.enable_op_determinism()


@pytest.fixture
def pictures():
    """Makes a labelled set of images with something to see: a bright square on noise, its place says the class."""

    def make(count: int, size: int, channels: int, classes: int = 10) -> ImageSet:
        generator = np.random.default_rng(0)
        images = generator.integers(0, 100, (count, size, size, channels), np.uint8)
        labels = np.arange(count, dtype=np.int32) % classes
        for image, label in zip(images, labels, strict=True):
            image[label : label + size // 3, label : label + size // 3] += 120
        return ImageSet(images, labels, tuple(map(str, range(classes))), "made by the test")

    return make
