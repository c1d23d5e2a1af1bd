"""What the real images of a run are like, in a few figures that run.json keeps."""

import hashlib
from typing import Any

import numpy as np

from ganctl.evaluation import pixel_figures
from ganctl.images.image_set import ImageSet
from ganctl.images.spread import spread

COMPARED = 1000
"""The most images that are compared to find copies."""
MEASURED = 256
"""The most images whose pixels are measured."""


def survey(images: ImageSet) -> dict[str, Any]:
    """Return what real images are like.

    Returns:
        `images`: the number of images that were compared; `copies`: the share of them that equal an earlier one;
        `level`: the mean level of 255; `low` and `high`: the 1st and the 99th percentile of the levels; `spread`: the
        root mean square distance between two images; with labels, `class_counts`: the number of images of each class.
    """
    chosen = images.images[spread(len(images), COMPARED)]
    different = {hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16).digest() for image in chosen}
    measured = np.asarray(chosen[spread(len(chosen), MEASURED)])
    low, high = pixel_figures.extremes(measured)
    figures = {
        "copies": 1 - len(different) / len(chosen),
        "level": float(measured.mean()),
        "low": low,
        "high": high,
        "spread": pixel_figures.spread(measured),
    }
    found: dict[str, Any] = {"images": len(chosen), **{name: round(value, 4) for name, value in figures.items()}}
    if images.labels is not None:
        counts = np.bincount(images.labels, minlength=images.num_classes)
        found["class_counts"] = dict(zip(images.class_names, map(int, counts), strict=True))
    return found
