"""CelebA: photographs of faces, with forty attributes each."""

import re
from pathlib import Path, PurePath

import numpy as np

from ganctl.datasets import registry
from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import reading, shown
from ganctl.images.containers import ListedFile
from ganctl.images.data_paths import given_path
from ganctl.images.folder_listing import Listing, list_images
from ganctl.images.image_set import ImageSet, Track, refuse_keys
from ganctl.images.label_files import LabelFile, find_label_file
from ganctl.images.listed_images import Labelled, Listed, labelled_by, read_listed

_IMAGES = "img_align_celeba"
_WANTED = f"the folder or zip archive {_IMAGES}"
# As it is distributed by its authors, and on Kaggle.
_TABLES = ("list_attr_celeba.txt", "list_attr_celeba.csv")
_TABLE_FOLDERS = (".", "Anno")
_IMAGE_FOLDERS = (".", "Img")

_NONE = "none"
_VALUES = {"1": True, "-1": False, "0": False}


@registry.register(
    "celeba",
    source="Z. Liu et al., Deep Learning Face Attributes in the Wild, 2015; for non-commercial research",
    shape=None,
)
def celeba(config: DatasetSection, track: Track) -> ImageSet:
    """Faces in img_align_celeba, a folder or zip; `attributes: [Smiling]` makes classes; default: 64 x 64 RGB."""
    refuse_keys(config, "labels", "label_column")
    path = _images_at(given_path(config, _WANTED))
    listing = list_images(path)
    for file in listing.files:
        if PurePath(file.name).name in _TABLES:
            listing = listing.without(file.name)
    attributes = config.attributes
    if attributes is None:
        return read_listed(Listed(listing, lambda: Labelled(listing.files), "celeba"), config, track)
    table = _table_of(listing, path)
    labels_from = ("celeba", str(table.path), table.modified, attributes)
    return read_listed(Listed(listing, lambda: _labelled(listing, table, attributes), labels_from), config, track)


def _images_at(path: Path) -> Path:
    """Return the images in a folder that holds them beside the tables, or the path itself."""
    with reading(path):
        places = (path / folder / name for folder in _IMAGE_FOLDERS for name in (_IMAGES, f"{_IMAGES}.zip"))
        return next((place for place in places if place.exists()), path)


def _table_of(listing: Listing, path: Path) -> LabelFile:
    """Return the table of attributes, in the folder or archive, beside it or above; raises DataError."""
    for name in _TABLES:
        if listing.find(name) and (found := find_label_file(listing, name)):
            return found
    for above in (path, path.parent, path.parent.parent):
        for folder in _TABLE_FOLDERS:
            for name in _TABLES:
                place = above / folder / name
                if place.is_file():
                    return LabelFile(place, str(place), place.stat().st_mtime_ns, place.read_bytes)
    raise DataError(
        f"There is no {_TABLES[0]} in {shown(path)}, beside it or above. `dataset.attributes` needs it: put it there."
    )


def _labelled(listing: Listing, table: LabelFile, attributes: list[str]) -> Labelled:
    """Return the images that the table names; each combination of attributes that occurs is a class."""
    combinations = _read_table(table, attributes)

    def numbered(values: list[tuple[bool, ...]], _: str) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
        present = sorted(set(values))
        places = {value: number for number, value in enumerate(present)}
        return (
            np.array([places[value] for value in values], np.int32),
            tuple(_named(value, attributes) for value in present),
            [],
        )

    def combination(file: ListedFile) -> tuple[bool, ...] | None:
        return combinations.get(PurePath(file.name).stem)  # PNGs made of the JPEGs keep their numbers

    return labelled_by(listing, listing.files, combination, shown(table.path), table.path.name, number=numbered)


def _named(combination: tuple[bool, ...], attributes: list[str]) -> str:
    """Return the name of a class: the attributes that are present."""
    return "+".join(name for name, present in zip(attributes, combination, strict=True) if present) or _NONE


def _read_table(table: LabelFile, attributes: list[str]) -> dict[str, tuple[bool, ...]]:
    """Return which of the attributes each image has, by its name without suffix.

    The table has a line of names and a line for each image: its name, and 1 or -1 for each attribute. Its authors put
    the number of images before that; Kaggle has commas between the columns and a name for the first one.

    Raises:
        DataError: the table is damaged.
        ConfigurationError: an attribute is not in it, or named twice.
    """
    origin = shown(table.path)
    with reading(table.path):
        text = table.content().decode("utf-8-sig", "replace")
    lines = [re.split(r"[,\s]+", line.strip()) for line in text.splitlines() if line.strip()]
    if lines and len(lines[0]) == 1 and lines[0][0].isdigit():
        del lines[0]
    if len(lines) < 2:
        raise DataError(f"{origin} should have a line of names and a line for each image. Get it again.")
    names, *rows = lines
    if "," in text:
        names = names[1:]
    if len(set(attributes)) < len(attributes):
        raise ConfigurationError(f"an attribute is listed twice. Received: {attributes}", key="dataset.attributes")
    for name in attributes:
        if name not in names:
            raise ConfigurationError(
                f"{origin} has no attribute {name!r}. Its attributes: {', '.join(names)}.", key="dataset.attributes"
            )
    columns = [names.index(name) + 1 for name in attributes]
    found = {}
    for row in rows:
        if len(row) != len(names) + 1 or any(row[column] not in _VALUES for column in columns):
            raise DataError(
                f"{origin} is damaged: the line of {row[0]} should have 1 or -1 for each of {len(names)} attributes. "
                "Get it again."
            )
        found[PurePath(row[0]).stem] = tuple(_VALUES[row[column]] for column in columns)
    return found
