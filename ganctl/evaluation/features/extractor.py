"""A network that turns images into features, and its description in scores."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ganctl.lazy import tf

BATCH_PIXELS, MOST_IN_A_BATCH = 2**21, 200


@dataclass(frozen=True)
class Extractor:
    """A network that turns images into features.

    Attributes:
        name: `lite0`, `classifier` or `inception`.
        weights: hash of its weights, in hexadecimal digits.
        resize: how images are resized for the network.
        function: RGB images [N, H, W, 3] in 0 .. 255 to features [N, d].
        probabilities: features [N, d] to class probabilities [N, classes], if it is a classifier.
        steps: what happens between the RGB images and the features, for the protocol's line: `size`, `filter`, `round`,
            `clip`, `scale`, `network` and `layer`.
    """

    name: str
    weights: str
    resize: str
    function: Callable[[Any], Any]
    probabilities: Callable[[np.ndarray], np.ndarray] | None = None
    steps: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _compiled(self) -> Any:
        return tf.function(self.function, reduce_retracing=True, autograph=False)

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the features of uint8 images [N, H, W, C], as `in_colour` converts them: float32 [N, d]."""
        step = int(np.clip(BATCH_PIXELS // math.prod(images.shape[1:3]), 1, MOST_IN_A_BATCH))
        batches = (images[start : start + step] for start in range(0, len(images), step))
        found = [self._compiled(tf.constant(in_colour(batch))).numpy() for batch in batches]
        return np.concatenate(found).astype(np.float32, copy=False)


def seen_in_words(channels: int, *, alpha: bool) -> str:
    """Return what `in_colour` takes of images that are neither grey nor RGB; an empty string for those."""
    if channels in (1, 3):
        return ""
    if alpha:
        return "The features are those of the colours over black; transparency itself is not scored."
    return f"The features are those of {'the first' if channels == 2 else 'the first three'} of {channels} bands."


def in_colour(images: np.ndarray) -> np.ndarray:
    """Return images [N, H, W, C] as RGB, the only input that the networks take.

    Of more than three channels, the first three are used: with (premultiplied) transparency, the colours over black. Of
    two channels, the first is used as grey.
    """
    channels = images.shape[-1]
    return images[..., :3] if channels >= 3 else np.repeat(images[..., :1], 3, axis=-1)
