"""Tables of images in Parquet files, as the Hugging Face hub has them."""

from typing import Any

import numpy as np

from ganctl.datasets import registry
from ganctl.errors import ConfigurationError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images.data_paths import given_files
from ganctl.images.folder_listing import Listing
from ganctl.images.image_set import ImageSet, Track, refuse_keys
from ganctl.images.label_files import LABEL_COLUMNS, numbered, with_names
from ganctl.images.listed_images import Labelled, Listed, labelled_by, read_listed
from ganctl.images.parquet_tables import ParquetTables

_WANTED = "a Parquet file, a folder of them, or a pattern such as train-{0..3}.parquet"

# The library `datasets` writes it for images without a label.
_NO_LABEL = -1


def listed(config: DatasetSection) -> Listed:
    """Return the images of the tables, and how to find their classes."""
    refuse_keys(config, "labels", "attributes")
    shards, left_out = given_files(config, _WANTED, (".parquet",))
    tables = ParquetTables(shards)
    files, skipped = tables.files()
    if left_out:
        skipped["table that is not of the training part"] += left_out
    listing = Listing(tables, "", files, skipped)
    labels_from = ("parquet", config.label_column, [shard.stat().st_size for shard in shards])
    return Listed(listing, lambda: _labelled(listing, tables, config), labels_from)


@registry.register(
    "parquet",
    source="your own Parquet files, as the Hugging Face hub has them",
    shape=None,
    listed=listed,
    suffixes=(".parquet",),
)
def parquet(config: DatasetSection, track: Track) -> ImageSet:
    """Tables with a column `image` and, if there are any, classes in `label`; default: 64 x 64 RGB."""
    return read_listed(listed(config), config, track)


def _labelled(listing: Listing, tables: ParquetTables, config: DatasetSection) -> Labelled:
    """All images, and their classes by a column of the table."""
    tables.check_inside()
    column = _label_column(tables, config.label_column, shown(listing.path))
    if column is None:
        return Labelled(listing.files)
    values = [None if value == _NO_LABEL else value for value in tables.column(column)]
    if all(value is None for value in values):
        return Labelled(listing.files)
    names: list[Any] = tables.features.get(column, {}).get("names") or []
    labels = dict(zip(listing.files, values, strict=True))

    def named(values: list[Any], origin: str) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
        return with_names(values, names, origin)

    number = named if names else numbered
    return labelled_by(listing, listing.files, labels.get, shown(listing.path), f"column `{column}`", number=number)


def _label_column(tables: ParquetTables, given: str | None, origin: str) -> str | None:
    """Return the column of the labels: the given one, one of a usual name, or the only one of classes."""
    if given is not None:
        if given not in tables.columns:
            raise ConfigurationError(
                f"{origin} has no column {given!r}. Its columns: {', '.join(tables.columns)}.",
                key="dataset.label_column",
            )
        return given
    usual = next((name for name in LABEL_COLUMNS if name in tables.columns), None)
    classes = [name for name in tables.columns if tables.features.get(name, {}).get("_type") == "ClassLabel"]
    if usual is None and len(classes) > 1:
        raise ConfigurationError(
            f"{origin} has several columns of classes: {', '.join(classes)}. Name the one to learn.",
            key="dataset.label_column",
        )
    return usual or next(iter(classes), None)
