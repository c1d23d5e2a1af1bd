"""Samples in tar archives, as the library WebDataset has them."""

import json
from typing import Any

from ganctl.datasets import registry
from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images.containers import ListedFile
from ganctl.images.data_paths import given_files
from ganctl.images.folder_listing import Listing
from ganctl.images.image_set import ImageSet, Track, refuse_keys
from ganctl.images.label_files import LABEL_COLUMNS
from ganctl.images.listed_images import Labelled, Listed, labelled_by, read_listed
from ganctl.images.tar_shards import TarShards

_WANTED = "a tar archive, a folder of them, or a pattern such as shards/{000..009}.tar"
_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_CLASS, _FACTS = "cls", "json"
_MOST_LABEL_BYTES = 2**24

_Sample = dict[str, ListedFile]
"""Its files by what stands behind the key: `jpg`, `cls` ..."""


def listed(config: DatasetSection) -> Listed:
    """Return the members of the archives, and how to find the images among them and their classes."""
    refuse_keys(config, "labels", "attributes")
    shards, left_out = given_files(config, _WANTED, _SUFFIXES)
    container = TarShards(shards)
    files, skipped = container.files()
    if left_out:
        skipped["archive that is not of the training part"] += left_out
    listing = Listing(container, "", files, skipped)
    return Listed(listing, lambda: _labelled(listing, config), ("webdataset", config.label_column))


@registry.register(
    "webdataset", source="your own tar archives, as WebDataset has them", shape=None, listed=listed, suffixes=(".tar",)
)
def webdataset(config: DatasetSection, track: Track) -> ImageSet:
    """Samples `KEY.jpg` (or another format) with `KEY.cls` or `KEY.json` in tar archives; default: 64 x 64 RGB."""
    return read_listed(listed(config), config, track)


def _labelled(listing: Listing, config: DatasetSection) -> Labelled:
    """One image of each sample, and its class."""
    samples: dict[str, _Sample] = {}
    for file in listing.files:
        key, extension = _key_and_extension(file.name)
        samples.setdefault(key, {})[extension] = file
    files: list[ListedFile] = []
    labels: dict[ListedFile, Any] = {}
    for sample in samples.values():
        image = _image(listing, sample)
        if image:
            files.append(image)
            labels[image] = _label(listing, sample, config.label_column)
    origin = shown(listing.path)
    if all(label is None for label in labels.values()):
        if config.label_column is not None:
            raise ConfigurationError(
                f"no .json file in {origin} has the key {config.label_column!r}.", key="dataset.label_column"
            )
        return Labelled(files)
    return labelled_by(listing, files, labels.get, origin, "the archive")


def _key_and_extension(name: str) -> tuple[str, str]:
    """Split the name of a member at the first dot of its base name; folders belong to the key."""
    folder, slash, base = name.rpartition("/")
    key, _, extension = base.partition(".")
    return folder + slash + key, extension.lower()


def _image(listing: Listing, sample: _Sample) -> ListedFile | None:
    """Return the file of a sample that is its image, and count the others; a plain extension comes first."""
    others = [extension for extension in sample if extension not in (_CLASS, _FACTS)]
    # An array beside a picture describes it.
    others.sort(key=lambda extension: (extension == "npy", extension.count(".")))
    if len(others) < 2:
        return sample[others[0]] if others else None
    images = [extension for extension in others if listing.may_be_image(sample[extension])] or others[:1]
    for extension in others:
        if extension not in images:
            listing.skip(sample[extension])
        elif extension != images[0]:
            listing.skipped[f"further image of a sample (.{extension})"] += 1
    return sample[images[0]]


def _label(listing: Listing, sample: _Sample, column: str | None) -> Any:
    """Return the label of a sample as it is stored, or None if it has none that can be read."""
    try:
        if _CLASS in sample and column is None:
            return _content(listing, sample[_CLASS]).decode().strip() or None
        if _FACTS in sample:
            facts = json.loads(_content(listing, sample[_FACTS]))
            names = LABEL_COLUMNS if column is None else (column,)
            return next((facts[name] for name in names if name in facts), None) if isinstance(facts, dict) else None
    except (DataError, ValueError, RecursionError):
        return None
    return None


def _content(listing: Listing, file: ListedFile) -> bytes:
    with listing.open(file.name) as opened:
        return opened.read(_MOST_LABEL_BYTES)
