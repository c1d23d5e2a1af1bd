"""Two kinds of the user's own image files that do not belong together, such as horses and zebras."""

from ganctl.datasets import registry
from ganctl.experiment.sections import DatasetSection
from ganctl.images.image_set import ImageSet, Track, refuse_keys
from ganctl.images.pairs import read_kinds


@registry.register("unpaired", source="your own image files", feeds=("a", "b"), own_keys=("path_b",))
def unpaired(config: DatasetSection, track: Track) -> dict[str, ImageSet]:
    """Two kinds of images: folders trainA and trainB (testA and testB are for tests), A and B, or two paths."""
    refuse_keys(config, "attributes", "labels", "label_column", "classes")
    a, b = read_kinds(config, track)
    return {"a": a, "b": b}
