"""Data that a command is given by its path alone: which data set reads it, and the files that it finds there."""

from pathlib import Path

from ganctl.build import catalog
from ganctl.build.catalog import DatasetEntry
from ganctl.errors import DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.images.containers import Folder
from ganctl.images.folder_listing import Listing
from ganctl.images.listed_images import Listed

IMAGE_FOLDER = "image_folder"


def dataset_for(path: Path) -> str | None:
    """Return the name of the data set that reads a file or folder; None for a file of an unknown suffix.

    A folder whose files are tables or archives of images, without an image beside them, is read by their data set.
    """
    if not path.is_dir():
        return next((entry.name for entry in catalog.datasets if path.name.lower().endswith(entry.suffixes)), None)
    others = [entry for entry in catalog.datasets if entry.listed and entry.suffixes and entry.name != IMAGE_FOLDER]
    listing = Listing(folder := Folder(path), "", folder.files()[0])
    for entry in others:
        of_entry = [file for file in listing.files if file.name.lower().endswith(entry.suffixes)]
        if of_entry and not any(listing.may_be_image(file) for file in listing.files if file not in of_entry):
            return entry.name
    return IMAGE_FOLDER


def listed_in(section: DatasetSection) -> Listed:
    """Return the image files of a data set, none of which is read yet.

    Raises:
        DataError: they cannot be listed, or the data set has no files of single images.
        ConfigurationError: a key does not fit.
    """
    entry: DatasetEntry = catalog.datasets.get(section.name)
    if entry.listed is None:
        raise DataError(
            f"{section.path} holds arrays, not image files. Train on it with a YAML file that sets "
            f"`dataset.name: {entry.name}`; `ganctl list-datasets` says how."
        )
    return entry.listed(section)
