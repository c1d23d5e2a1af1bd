"""EfficientNet-Lite0 with its ImageNet weights, which ship with ganctl: features without any download.

Source: Tan and Le 2019 (EfficientNet); the Lite variant has ReLU6 instead of swish and no squeeze-and-excitation, so
that its weights are exact in any framework. BatchNorm is folded into the convolutions.
"""

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from ganctl.lazy import tf

Tensor = Any

KERNELS = (3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3)
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
WIDTHS = (16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320)
STEM_WIDTH = 32
SIZE = 128
"""Height and width to which images are resized before their features are computed."""
_WEIGHTS = files("ganctl.evaluation.features") / "data" / "efficientnet_lite0.npz"


@cache
def weights_hash() -> str:
    """Return the SHA-256 of the file of weights, in hexadecimal digits."""
    return hashlib.sha256(_WEIGHTS.read_bytes()).hexdigest()


@cache
def _weights() -> dict[str, np.ndarray]:
    with _WEIGHTS.open("rb") as file, np.load(file) as archive:
        return {name: archive[name].astype(np.float32) for name in archive.files}


def features(images: Tensor) -> Tensor:
    """Return the features of images, the head's global average: float32 [N, 1280].

    Args:
        images: RGB, [N, H, W, 3] in 0 .. 255, of any size; resized to SIZE with an antialiased bicubic filter.
    """
    resized = tf.image.resize(tf.cast(images, tf.float32), [SIZE, SIZE], "bicubic", antialias=True)
    return head(tf.clip_by_value(resized, 0.0, 255.0))


def head(images: Tensor) -> Tensor:
    """Return the features [N, 1280] of images [N, H, W, 3] in 0 .. 255, in their own size."""
    return tf.reduce_mean(_convolved(maps(images, len(STRIDES)), "head"), [1, 2])


def maps(images: Tensor, blocks: int) -> Tensor:
    """Return the feature maps after the first blocks, [N, h, w, C], of images [N, H, W, 3] in 0 .. 255."""
    x = _convolved((tf.cast(images, tf.float32) - 127.0) / 128.0, "stem", stride=2)
    width = STEM_WIDTH
    for index, (stride, new_width) in enumerate(zip(STRIDES[:blocks], WIDTHS[:blocks], strict=True)):
        name, before = f"block{index}", x
        if index:
            x = _convolved(x, f"{name}/expand")
        x = _convolved(x, f"{name}/depthwise", stride=stride, convolve=tf.nn.depthwise_conv2d)
        x = _convolved(x, f"{name}/project", activation=tf.identity)
        x = x + before if stride == 1 and width == new_width else x
        width = new_width
    return x


def probabilities(images: Tensor) -> Tensor:
    """Return the probabilities [N, 1000] of ImageNet's classes; arguments as for `head`, trained at 224."""
    weights = _weights()
    return tf.nn.softmax(tf.matmul(head(images), weights["classifier/kernel"]) + weights["classifier/bias"])


def _convolved(x: Tensor, name: str, *, stride: int = 1, convolve: Any = None, activation: Any = None) -> Tensor:
    kernel, bias = _weights()[f"{name}/kernel"], _weights()[f"{name}/bias"]
    convolve, activation = convolve or tf.nn.conv2d, activation or tf.nn.relu6
    return activation(convolve(x, kernel, [1, stride, stride, 1], "SAME") + bias)
