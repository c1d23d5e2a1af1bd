"""Pairs of the user's own image files: two folders with equal names, or pictures that show both side by side."""

from ganctl.datasets import registry
from ganctl.experiment.sections import DatasetSection
from ganctl.images.image_set import ImageSet, Track, refuse_keys
from ganctl.images.pairs import read_pairs


@registry.register(
    "image_pairs",
    source="your own image files",
    feeds=("source", "target"),
    own_keys=("path_b", "source_size", "direction"),
)
def image_pairs(config: DatasetSection, track: Track) -> dict[str, ImageSet]:
    """Pairs: folders A and B with equal names, or pictures side by side, A left; `train`, `test` are used as such."""
    refuse_keys(config, "attributes", "labels", "label_column", "classes")
    a, b = read_pairs(config, track)
    return {"source": a, "target": b} if config.direction == "a_to_b" else {"source": b, "target": a}
