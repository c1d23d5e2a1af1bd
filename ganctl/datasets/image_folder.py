"""A folder of the user's own image files."""

import os
from typing import Any

import numpy as np

from ganctl.datasets import registry
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images.containers import ListedFile
from ganctl.images.data_paths import given_path
from ganctl.images.folder_listing import Listing, class_folders, list_images
from ganctl.images.image_set import ImageSet, Track, refuse_keys
from ganctl.images.label_files import LabelFile, find_label_file, finder, named_or_numbered, read_labels
from ganctl.images.listed_images import Labelled, Listed, labelled_by, read_listed, some_of


def listed(config: DatasetSection) -> Listed:
    """Return the files of the folder or archive, and how to find their classes."""
    refuse_keys(config, "attributes")
    listing = list_images(given_path(config, "a folder or zip archive of images"))
    labels = find_label_file(listing, config.labels)
    if labels:
        listing = listing.without(labels.name)
    labels_from = (str(labels.path), config.label_column, labels.modified) if labels else None
    return Listed(listing, lambda: _labelled(listing, labels, config), labels_from)


@registry.register("image_folder", source="your own image files", shape=None, listed=listed, suffixes=(".zip",))
def image_folder(config: DatasetSection, track: Track) -> ImageSet:
    """Images (JPEG, PNG, TIFF, AVIF ...) in a folder or zip archive; sub-folders are classes; default: 64 x 64 RGB."""
    return read_listed(listed(config), config, track)


def _labelled(listing: Listing, label_file: LabelFile | None, config: DatasetSection) -> Labelled:
    """The files to read, and their classes: by a file of labels, or by the sub-folders."""
    groups = listing.groups()
    for name, group in list(groups.items()):
        if not any(listing.may_be_image(file) for file in group):
            listing.skip(*groups.pop(name))
    files = [file for file in listing.files if file.group in groups]
    if label_file:
        return _labelled_by(label_file, listing, files, config)
    pictures = {name: len(group) for name, group in groups.items()}
    if "" in groups and len(groups) > 2:
        pictures[""] = sum(listing.may_be_image(file) for file in groups[""])
        if not pictures[""]:
            listing.skip(*groups.pop(""))
            del pictures[""]
    class_names = class_folders(pictures)
    if not class_names:
        several = len(pictures) > 2 or ("" not in pictures and len(pictures) > 1)
        beside = f"Warning: {pictures.get('', 0)} images lie beside the sub-folders, so these are not taken as classes."
        return Labelled(files, notes=[beside] if several else [])
    strays = [file for file in groups.get("", []) if listing.may_be_image(file)]
    listing.skip(*(file for file in groups.pop("", []) if file not in strays))
    examples = some_of([file.name for file in strays])
    notes = [f"Warning: left out, because they lie beside the class folders: {examples}."] if strays else []
    files = [file for file in files if file.group]
    numbers = {name: number for number, name in enumerate(class_names)}
    # Names go into JSON and onto terminals, which take valid text only.
    readable = tuple(os.fsencode(name).decode("utf-8", "backslashreplace") for name in class_names)
    return Labelled(files, np.array([numbers[file.group] for file in files], np.int32), readable, notes)


def _labelled_by(label_file: LabelFile, listing: Listing, files: list[ListedFile], config: DatasetSection) -> Labelled:
    """The same by a file of labels; images that it does not name are left out."""
    labels = read_labels(label_file, config.label_column)
    origin, name = shown(label_file.path), label_file.path.name
    by_name, class_names = labels.by_name, labels.class_names
    if not by_name:
        return Labelled(files, notes=[f"{name} declares no labels"])
    named = f"It names images as {next(iter(by_name))!r}. "

    def number(values: list[Any], origin: str) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
        return named_or_numbered(values, class_names, origin)

    return labelled_by(listing, files, finder(by_name, label_file, listing), origin, name, named, number)
