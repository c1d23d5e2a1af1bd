"""A folder of the user's own image files."""

import hashlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ganctl.datasets import registry
from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images import image_cache
from ganctl.images.bands import ALPHA_CHANNELS, premultiplied, with_alpha
from ganctl.images.data_paths import given_path
from ganctl.images.decode import INVISIBLE, Decoded, decode
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
from ganctl.images.label_files import find_label_file, numbered, read_labels
from ganctl.images.resize import scale_to_fit, to_channels
from ganctl.images.value_range import Observed, ValueRange, find_range

_DEFAULT_SIZE = 64
_DEFAULT_CHANNELS = 3

# Increase it whenever the same files would yield different pixels: older cache entries are then ignored.
_CACHE_VERSION = 2

_FILES_AT_ONCE = 128

_SHOWN = 5


@registry.register("image_folder", source="your own image files", shape=None)
def image_folder(config: DatasetSection, track: Track) -> ImageSet:
    """All JPEG, PNG, GIF, BMP, WebP and TIFF files below `path:`; sub-folders are classes; 64 x 64 RGB by default."""
    folder = given_path(config, "a folder of images")
    if not folder.is_dir():
        raise DataError(f"{shown(folder)} is not a folder. `image_folder` reads a folder of images.")
    listing = list_folder(folder)
    folder = listing.folder
    labels = find_label_file(folder, config.labels)
    key = _cache_key(folder, listing.files, labels, config)
    return image_cache.load(key) or _read(folder, listing, labels, config, key, track)


def _cache_key(folder: Path, files: list[ListedFile], labels: Path | None, config: DatasetSection) -> str:
    asked_for = [*_shape(config), config.resize, config.classes, config.limit, config.value_range, config.background]
    digest = hashlib.sha256(json.dumps([_CACHE_VERSION, str(folder), asked_for]).encode())
    if labels:
        digest.update(repr((str(labels), config.label_column, labels.stat().st_mtime_ns)).encode())
    for file in files:
        digest.update(b"%b\0%d\0%d\0" % (os.fsencode(file.name), file.size, file.modified))
    return digest.hexdigest()


def _read(
    folder: Path, listing: Listing, label_file: Path | None, config: DatasetSection, key: str, track: Track
) -> ImageSet:
    """Decode the images that the configuration selects and keep them in the cache.

    The range of values beyond bytes is known when all images have been seen: such a set is read twice.
    """
    files, labels, class_names, notes = _labelled(folder, listing, label_file, config)
    if config.classes is not None:
        chosen, labels, class_names = only_classes(labels, class_names, config.classes)
        files = [files[row] for row in chosen]
    alpha = _has_alpha(config)
    named = None if isinstance(config.value_range, str) else ValueRange(*config.value_range)
    with image_cache.Recording(_shape(config)) as recording:
        found = _recorded(folder, files, config, recording, named, track)
        range_of_all = named or _range_of(found, config, shown(folder))
        if range_of_all in (None, named):
            return _kept(folder, listing, found, labels, class_names, key, recording, range_of_all, notes, alpha)
    with image_cache.Recording(_shape(config)) as recording:
        found = _recorded(folder, files, config, recording, range_of_all, track)
        return _kept(folder, listing, found, labels, class_names, key, recording, range_of_all, notes, alpha)


@dataclass
class _Found:
    """What reading files came to: rows of images, reasons of others, and values beyond bytes."""

    rows: list[int] = field(default_factory=list)
    converted: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    others: list[ListedFile] = field(default_factory=list)
    values: Observed = field(default_factory=Observed)
    kinds: set[str] = field(default_factory=set)


def _recorded(
    folder: Path,
    files: list[ListedFile],
    config: DatasetSection,
    recording: image_cache.Recording,
    value_range: ValueRange | None,
    track: Track,
) -> _Found:
    """Read files and append their images to a recording."""
    found = _Found()
    outcomes = _prepared_files(folder, files, config, value_range)
    for row, outcome in track(outcomes, "Reading images", total=min(len(files), config.limit or len(files))):
        if outcome is None:
            found.others.append(files[row])
        elif isinstance(outcome, DataError):
            found.refused.append(f"{shown(folder / files[row].name)}: {outcome}")
        else:
            recording.append(outcome.pixels)
            found.converted.update(outcome.conversions)
            found.rows.append(row)
            if outcome.stored is not None:
                found.values.add(outcome.stored)
                found.kinds.add(outcome.stored.dtype.kind)
    return found


def _range_of(found: _Found, config: DatasetSection, source: str) -> ValueRange | None:
    """Return black and white of a set with values beyond bytes, or one whose percentiles are asked for."""
    if not found.kinds:
        return None
    return find_range(found.values, "f" if "f" in found.kinds else "u", config.value_range, source)


def _kept(
    folder: Path,
    listing: Listing,
    found: _Found,
    labels: np.ndarray | None,
    class_names: tuple[str, ...],
    key: str,
    recording: image_cache.Recording,
    value_range: ValueRange | None,
    more_notes: list[str],
    alpha: bool,
) -> ImageSet:
    """Return the recorded images as a set, and keep it in the cache."""
    listing.skip(*found.others)
    notes = more_notes + _judged(folder, len(found.rows), found.refused, listing)
    if unseen := found.converted.pop(INVISIBLE, 0):
        notes.append(
            f"Warning: {unseen:,} of {len(found.rows):,} images show nothing: their colours are like the background. "
            "Set `dataset.background` to another colour, such as black."
        )
    notes += [
        f"{title}: {counted(counts)}"
        for title, counts in (("converted", found.converted), ("skipped", listing.skipped))
        if counts
    ]
    if value_range:
        outside = value_range.outside(found.values) if found.values.some else 0.0
        beyond = f"; {outside:.2%} of the values lie outside and became black or white" if outside else ""
        notes.append(f"values were read as {value_range}{beyond}")
    image_set = ImageSet(
        images=recording.finish(),
        labels=None if labels is None else labels[found.rows],
        class_names=class_names,
        source=shown(folder),
        notes=tuple(notes),
        value_range=value_range,
        alpha=alpha,
    ).checked()
    recording.keep(key, image_set)
    return image_set


_Labelled = tuple[list[ListedFile], np.ndarray | None, tuple[str, ...], list[str]]


def _labelled(folder: Path, listing: Listing, label_file: Path | None, config: DatasetSection) -> _Labelled:
    """The files to read, their labels if there are any, the names of the classes, and notes."""
    groups: dict[str, list[ListedFile]] = {}
    for file in listing.files:
        groups.setdefault(file.group, []).append(file)
    for name, group in list(groups.items()):
        if not any(may_be_image(folder / file.name) for file in group):
            listing.skip(*groups.pop(name))
    files = [file for file in listing.files if file.group in groups]
    if label_file:
        return _labelled_by(label_file, folder, files, config)
    pictures = {name: len(group) for name, group in groups.items()}
    if "" in groups and len(groups) > 2:
        pictures[""] = sum(may_be_image(folder / file.name) for file in groups[""])
        if not pictures[""]:
            listing.skip(*groups.pop(""))
            del pictures[""]
    class_names = class_folders(pictures)
    if not class_names:
        several = len(pictures) > 2 or ("" not in pictures and len(pictures) > 1)
        beside = f"Warning: {pictures.get('', 0)} images lie beside the sub-folders, so these are not taken as classes."
        return files, None, (), [beside] if several else []
    strays = [file for file in groups.get("", []) if may_be_image(folder / file.name)]
    listing.skip(*(file for file in groups.pop("", []) if file not in strays))
    examples = ", ".join(file.name for file in strays[:_SHOWN])
    notes = [f"Warning: left out, because they lie beside the class folders: {examples}."] if strays else []
    files = [file for file in files if file.group]
    numbers = {name: number for number, name in enumerate(class_names)}
    # Names go into JSON and onto terminals, which take valid text only.
    readable = tuple(os.fsencode(name).decode("utf-8", "backslashreplace") for name in class_names)
    return files, np.array([numbers[file.group] for file in files], np.int32), readable, notes


def _labelled_by(label_file: Path, folder: Path, files: list[ListedFile], config: DatasetSection) -> _Labelled:
    """The same by a file of labels; images that it does not name are left out."""
    labels = read_labels(label_file, config.label_column)
    origin = shown(label_file)
    if not labels:
        return files, None, (), [f"{label_file.name} says that there are no labels"]
    below = os.path.relpath(label_file.parent, folder)
    names = [Path(os.path.relpath(file.name, below)).as_posix() for file in files]
    images = [place for place, file in enumerate(files) if may_be_image(folder / file.name)]
    known = [place for place in images if labels.get(names[place]) is not None]
    missing = [names[place] for place in images if labels.get(names[place]) is None]
    if not known or len(missing) > tolerated(len(images)):
        raise DataError(
            f"{origin} has no label for {len(missing)} of {len(images)} images, such as {missing[0]}. It names images "
            f"as {next(iter(labels))!r}. Complete it, or move it away to do without labels."
        )
    numbers, class_names, notes = numbered([labels[names[place]] for place in known], origin)
    notes.insert(0, f"labels from {label_file.name}")
    if missing:
        notes.append(
            f"Warning: left out, because {label_file.name} has no label for them: {', '.join(missing[:_SHOWN])}."
        )
    return [files[place] for place in known], numbers, class_names, notes


def _prepared_files(
    folder: Path, files: list[ListedFile], config: DatasetSection, value_range: ValueRange | None
) -> Iterator[tuple[int, Decoded | DataError | None]]:
    """Read files in order until enough of them are images: each one's number and outcome."""
    wanted = config.limit or len(files)
    start = 0
    with ThreadPoolExecutor() as pool:
        while start < len(files) and wanted > 0:
            block = files[start : start + min(wanted, _FILES_AT_ONCE)]
            paths = [folder / file.name for file in block]
            settings = itertools.repeat(config), itertools.repeat(value_range)
            for row, outcome in enumerate(pool.map(_prepared_file, paths, *settings), start):
                wanted -= isinstance(outcome, Decoded)
                yield row, outcome
            start += len(block)


def _prepared_file(path: Path, config: DatasetSection, value_range: ValueRange | None) -> Decoded | DataError | None:
    """The prepared image, the reason why it cannot be read, or None for a file that is not an image."""
    height, width, channels = _shape(config)
    try:
        data = read_image_file(path)
        if data is None:
            return None
        decoded = decode(
            data,
            least=(height, width),
            value_range=value_range,
            background=config.background_colour,
            keep_alpha=_has_alpha(config),
        )
    except DataError as error:
        return error
    conversions = [conversion for conversion in decoded.conversions if (conversion, channels) != ("grey", 1)]
    if config.resize != "pad" and any(np.less(decoded.pixels.shape[:2], (height, width))):
        conversions.append("enlarged")
    pixels = decoded.pixels
    if _has_alpha(config):
        pixels = premultiplied(with_alpha(pixels, channels))
    pixels = to_channels(scale_to_fit(pixels, (height, width), config.resize), channels)
    looked_at = decoded.pixels if config.value_range == "percentiles" else None
    return Decoded(pixels, tuple(conversions), looked_at if decoded.stored is None else decoded.stored)


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


def _has_alpha(config: DatasetSection) -> bool:
    """Whether transparency is learned; raises ConfigurationError if pictures cannot have such channels."""
    channels = config.channels or _DEFAULT_CHANNELS
    if channels > 4 or (channels in ALPHA_CHANNELS and config.alpha is False):
        raise ConfigurationError(
            "pictures have 1 channel (grey), 3 (RGB), 2 or 4 (the same with transparency). Other bands come from an "
            f"npz. Received: {channels}",
            key="dataset.channels",
        )
    return channels in ALPHA_CHANNELS


def _shape(config: DatasetSection) -> tuple[int, int, int]:
    height, width = config.sides or (_DEFAULT_SIZE, _DEFAULT_SIZE)
    return height, width, config.channels or _DEFAULT_CHANNELS
