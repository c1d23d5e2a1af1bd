"""A folder of the user's own image files."""

import hashlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ganctl.datasets import registry
from ganctl.errors import DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images import image_cache
from ganctl.images.data_paths import given_path
from ganctl.images.decode import Decoded, decode
from ganctl.images.folder_listing import (
    ListedFile,
    Listing,
    class_folders,
    counted,
    list_folder,
    may_be_image,
    read_image_file,
    tolerated,
)
from ganctl.images.image_set import ImageSet, Track, only_classes
from ganctl.images.resize import scale_to_fit, to_channels

_DEFAULT_SIZE = 64
_DEFAULT_CHANNELS = 3

# Increase it whenever the same files would yield different pixels: older cache entries are then ignored.
_CACHE_VERSION = 1

_FILES_AT_ONCE = 128

_SHOWN = 5


@registry.register("image_folder", source="your own image files", shape=None)
def image_folder(config: DatasetSection, track: Track) -> ImageSet:
    """All JPEG, PNG, GIF, BMP, WebP and TIFF files below `path:`; sub-folders are classes; 64 x 64 RGB by default."""
    folder = given_path(config, "a folder of images")
    if not folder.is_dir():
        raise DataError(f"{shown(folder)} is not a folder. `image_folder` reads a folder of images.")
    listing = list_folder(folder)
    key = _cache_key(folder, listing.files, config)
    return image_cache.load(key) or _read(folder, listing, config, key, track)


def _cache_key(folder: Path, files: list[ListedFile], config: DatasetSection) -> str:
    asked_for = [*_shape(config), config.resize, config.classes, config.limit]
    digest = hashlib.sha256(json.dumps([_CACHE_VERSION, str(folder), asked_for]).encode())
    for file in files:
        digest.update(b"%b\0%d\0%d\0" % (os.fsencode(file.name), file.size, file.modified))
    return digest.hexdigest()


def _read(folder: Path, listing: Listing, config: DatasetSection, key: str, track: Track) -> ImageSet:
    """Decode the images that the configuration selects and keep them in the cache."""
    files, labels, class_names = _labelled(folder, listing)
    if config.classes is not None:
        chosen, labels, class_names = only_classes(labels, class_names, config.classes)
        files = [files[row] for row in chosen]
    rows: list[int] = []
    converted: Counter[str] = Counter()
    refused: list[str] = []
    with image_cache.Recording(_shape(config)) as recording:
        outcomes = _prepared_files(folder, files, config)
        for row, outcome in track(outcomes, "Reading images", total=min(len(files), config.limit or len(files))):
            if outcome is None:
                listing.skip(files[row])
            elif isinstance(outcome, DataError):
                refused.append(f"{shown(folder / files[row].name)}: {outcome}")
            else:
                recording.append(outcome.pixels)
                converted.update(outcome.conversions)
                rows.append(row)
        notes = _judged(folder, len(rows), refused, listing)
        notes += [
            f"{title}: {counted(counts)}"
            for title, counts in (("converted", converted), ("skipped", listing.skipped))
            if counts
        ]
        image_set = ImageSet(
            images=recording.finish(),
            labels=None if labels is None else labels[rows],
            class_names=class_names,
            source=shown(folder),
            notes=tuple(notes),
        ).checked()
        recording.keep(key, image_set)
    return image_set


def _labelled(folder: Path, listing: Listing) -> tuple[list[ListedFile], np.ndarray | None, tuple[str, ...]]:
    """The files to read, their labels if the images are in sub-folders, and the sub-folders' names."""
    groups: dict[str, list[ListedFile]] = {}
    for file in listing.files:
        groups.setdefault(file.group, []).append(file)
    for name, group in list(groups.items()):
        if not any(may_be_image(folder / file.name) for file in group):
            listing.skip(*groups.pop(name))
    class_names = class_folders(groups)
    files = [file for file in listing.files if file.group in groups]
    if not class_names:
        return files, None, ()
    numbers = {name: number for number, name in enumerate(class_names)}
    # Names go into JSON and onto terminals, which take valid text only.
    readable = tuple(os.fsencode(name).decode("utf-8", "backslashreplace") for name in class_names)
    return files, np.array([numbers[file.group] for file in files], np.int32), readable


def _prepared_files(
    folder: Path, files: list[ListedFile], config: DatasetSection
) -> Iterator[tuple[int, Decoded | DataError | None]]:
    """Read files in order until enough of them are images: each one's number and outcome."""
    wanted = config.limit or len(files)
    start = 0
    with ThreadPoolExecutor() as pool:
        while start < len(files) and wanted > 0:
            block = files[start : start + min(wanted, _FILES_AT_ONCE)]
            paths = [folder / file.name for file in block]
            for row, outcome in enumerate(pool.map(_prepared_file, paths, itertools.repeat(config)), start):
                wanted -= isinstance(outcome, Decoded)
                yield row, outcome
            start += len(block)


def _prepared_file(path: Path, config: DatasetSection) -> Decoded | DataError | None:
    """The prepared image, the reason why it cannot be read, or None for a file that is not an image."""
    size, _, channels = _shape(config)
    try:
        data = read_image_file(path)
        if data is None:
            return None
        decoded = decode(data, shortest_side=size)
    except DataError as error:
        return error
    conversions = [conversion for conversion in decoded.conversions if (conversion, channels) != ("grey", 1)]
    if config.resize != "pad" and min(decoded.pixels.shape[:2]) < size:
        conversions.append("enlarged")
    return Decoded(to_channels(scale_to_fit(decoded.pixels, size, config.resize), channels), tuple(conversions))


def _judged(folder: Path, read: int, refused: list[str], listing: Listing) -> list[str]:
    """Notes on unreadable images; raises DataError if they are too many, or if no image was found."""
    if not read and not refused:
        skipped = f" Skipped: {counted(listing.skipped)}." if listing.skipped else ""
        raise DataError(f"{shown(folder)} contains no JPEG, PNG, GIF, BMP, WebP or TIFF file.{skipped}")
    examples = refused[:_SHOWN] + ([f"and {len(refused) - _SHOWN} more"] if len(refused) > _SHOWN else [])
    most = tolerated(read + len(refused))
    if len(refused) > most or not read:
        raise DataError(
            f"{len(refused)} of {read + len(refused)} images in {shown(folder)} cannot be read "
            f"(at most {most} may be left out). Repair or remove them:\n  " + "\n  ".join(examples)
        )
    return [f"Warning: {len(refused)} images cannot be read and are left out: {'; '.join(examples)}"] if refused else []


def _shape(config: DatasetSection) -> tuple[int, int, int]:
    size = config.image_size or _DEFAULT_SIZE
    return size, size, config.channels or _DEFAULT_CHANNELS
