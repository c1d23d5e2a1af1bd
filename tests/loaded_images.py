"""What the tests of data sets share: how one is loaded, and images that say which they are."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ganctl.datasets import registry
from ganctl.experiment.sections import DatasetSection
from ganctl.images.image_set import ImageSet


def track(sequence: Iterable[Any], description: str, total: int) -> Iterable[Any]:
    return sequence


def load(name: str, **keys: Any) -> ImageSet:
    if "path" in keys:
        keys["path"] = str(keys["path"])
    config = DatasetSection(name=name, **keys)
    images: ImageSet = registry.get(name).make(config=config, track=track)
    return images


def section(**keys: Any) -> DatasetSection:
    return DatasetSection(name="npz", **keys)


def numbered(count: int, height: int = 8, width: int = 8, channels: int = 1) -> np.ndarray:
    """Image k holds nothing but k."""
    values = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return np.broadcast_to(values, (count, height, width, channels)).copy()
