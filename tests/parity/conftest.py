"""Fixtures of the parity tests."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tensorflow as tf

from ganctl.images.image_set import ImageSet


@pytest.fixture(scope="package", autouse=True)
def _arithmetic_as_written() -> Iterator[None]:
    """Both sides compute what is written, in the order in which it is written.

    TensorFlow's graph rewriting (Grappler) reorders arithmetic as the whole graph suggests: one update may differ in
    the last bit between a graph of its own and one with other updates. Determinism keeps XLA out of Keras, too. Where
    Grappler is off, `add_in_fixed_order`, which other tests may have called, would reorder ganctl's sums alone.
    """
    from tensorflow.python.ops import gen_math_ops

    names = [name for name in ("add_n", "add_v2") if hasattr(getattr(gen_math_ops, name), "in_fixed_order")]
    fixed = {name: getattr(gen_math_ops, name) for name in names}
    for name, function in fixed.items():
        setattr(gen_math_ops, name, function.__wrapped__)
    tf.config.experimental.enable_op_determinism()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    for name, function in fixed.items():
        setattr(gen_math_ops, name, function)


@pytest.fixture(scope="session")
def pictures() -> Callable[..., ImageSet]:
    """Makes labelled images with something to see: a bright square on noise, whose place is the class."""

    def make(count: int, size: int, channels: int, num_classes: int = 10) -> ImageSet:
        random = np.random.default_rng(0)
        images = random.integers(0, 100, (count, size, size, channels), np.uint8)
        labels = (np.arange(count) % num_classes).astype(np.int32)
        for image, label in zip(images, labels, strict=True):
            image[label : label + size // 3, label : label + size // 3] += 120
        return ImageSet(images, labels, tuple(map(str, range(num_classes))), "made by the test")

    return make
