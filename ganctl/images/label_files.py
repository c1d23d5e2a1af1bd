"""Classes of images from a file: StyleGAN's `dataset.json`, a CSV table with a header, or JSON lines."""

import csv
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ganctl.errors import ConfigurationError, DataError
from ganctl.host.files import reading, shown
from ganctl.images.folder_listing import Listing, natural_order

USUAL_NAMES = ("dataset.json", "metadata.csv", "metadata.jsonl", "labels.csv")
_FILE_COLUMNS = ("file_name", "filename", "file", "image", "path", "name", "image_id")
LABEL_COLUMNS = ("label", "labels", "class", "category")
"""Usual names of the column that is the class."""
_MAX_BYTES = 2**29

ONE_HOT = "labels were one-hot: the place of the 1 is the class"
"""The note on one-hot labels."""


@dataclass(frozen=True)
class LabelFile:
    """A file of labels, on disk or in the archive of the images.

    Attributes:
        path: where it is; a path through an archive does not exist on disk.
        name: its path relative to the images; absolute if it is beside an archive.
        below: its folder, relative to the images; the file names images relative to this folder.
        modified: its modification time in nanoseconds.
        content: reads it; raises DataError.
    """

    path: Path
    name: str
    below: str
    modified: int
    content: Callable[[], bytes]


def find_label_file(listing: Listing, given: str | None) -> LabelFile | None:
    """Return the given file of labels, or the first of a usual name; None if there is none of a usual name.

    Args:
        listing: the images.
        given: `dataset.labels`: absolute, or relative to the images.

    Raises:
        DataError: the given file is missing.
    """
    names = USUAL_NAMES if given is None else (os.path.expanduser(given),)
    for name in names:
        found = listing.find(name)
        if found:
            path = listing.path / name

            def content(name: str = name, path: Path = path) -> bytes:
                try:
                    with listing.open(name) as file:
                        return file.read(_MAX_BYTES)
                except DataError as error:
                    raise DataError(f"{shown(path)}: {error}.") from None

            return LabelFile(
                path, os.path.normpath(name), os.path.relpath(path.parent, listing.path), found.modified, content
            )
    if given is None:
        return None
    path = listing.path / names[0]
    if path.is_file():  # an absolute path beside an archive
        return LabelFile(path, str(path), ".", path.stat().st_mtime_ns, path.read_bytes)
    raise DataError(f"There is no file {shown(path)}. Correct `dataset.labels`; it is relative to the images.")


def read_labels(file: LabelFile, column: str | None) -> dict[str, Any]:
    """Return the label of each image, by the image's name relative to the file.

    Args:
        file: the file.
        column: the column (or key) that holds the label; None: the one with a usual name, or the only one.

    Returns:
        Integers, words, or lists of numbers; empty if the file says that there are no labels.

    Raises:
        DataError: the file is damaged, or not a file of labels.
        ConfigurationError: there is no such column, or several columns could be meant.
    """
    path = file.path
    with reading(path):
        content = file.content()
    try:
        text = content.decode("utf-8-sig")
        if path.suffix.lower() == ".csv":
            return _of_rows(list(csv.DictReader(io.StringIO(text, newline=""))), path, column)
        if path.suffix.lower() == ".jsonl":
            return _of_rows([json.loads(line) for line in text.splitlines() if line.strip()], path, column)
        found = json.loads(text)
    except (ValueError, csv.Error) as error:
        raise DataError(f"{shown(path)} cannot be read as a file of labels: {error}.") from None
    if isinstance(found, dict) and "labels" in found:
        found = found["labels"]
    if found is None:
        return {}
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        return _of_rows(found, path, column)
    if isinstance(found, list) and all(isinstance(row, list) and len(row) == 2 for row in found):
        found = dict(map(tuple, found))
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise DataError(f"{shown(path)} should contain `labels`: a list of pairs of an image's name and its label.")
    return {_posix(name): label for name, label in found.items()}


def _of_rows(rows: list[Any], path: Path, column: str | None) -> dict[str, Any]:
    """Return the labels of a table."""
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{shown(path)} has no rows with named columns.")
    columns = [name for name in rows[0] if name is not None]
    files = next((name for name in _FILE_COLUMNS if name in columns), columns[0])
    others = [name for name in columns if name != files]
    if column is None:
        usual = [name for name in LABEL_COLUMNS if name in others]
        if not others:
            return {}
        if len(others) > 1 and not usual:
            raise ConfigurationError(
                f"{shown(path)} has several columns: {', '.join(others)}. Name the one that holds the class.",
                key="dataset.label_column",
            )
        column = usual[0] if usual else others[0]
    elif column not in others:
        known = ", ".join(others) or "none"
        raise ConfigurationError(
            f"{shown(path)} has no column {column!r}. Its columns: {known}.", key="dataset.label_column"
        )
    return {_posix(str(row.get(files))): row.get(column) for row in rows}


def _posix(name: str) -> str:
    return str(PurePosixPath(name.replace("\\", "/")))


def numbered(values: list[Any], origin: str) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    """Return classes for the labels of images: int32 [N], the name of each class, and notes.

    Whole numbers are renumbered without gaps, words numbered in natural order. Lists must have one 1 among zeros.

    Args:
        values: the label of each image: a whole number (also in digits), a word or a list.
        origin: the file that they come from, for messages.

    Raises:
        DataError: a label is of another kind, or kinds are mixed.
    """
    notes: list[str] = []
    if any(isinstance(value, list) for value in values):
        values = [_place_of_the_one(value, origin) for value in values]
        notes.append(ONE_HOT)
    numbers = [_whole(value) for value in values]
    if all(number is not None for number in numbers):
        array = np.array(numbers, np.int64)
        present = np.unique(array)
        if len(present) <= present[-1]:
            notes.append(gaps_closed(present))
        return np.searchsorted(present, array).astype(np.int32), tuple(map(str, present.tolist())), notes
    if not all(isinstance(value, str) and value for value in values):
        odd = next(value for value in values if not isinstance(value, str) or not value)
        raise DataError(f"{origin}: a label must be a whole number or a word. Received: {odd!r}")
    names = sorted(set(values), key=natural_order)
    places: Mapping[str, int] = {name: number for number, name in enumerate(names)}
    return np.array([places[value] for value in values], np.int32), tuple(names), notes


def gaps_closed(present: np.ndarray) -> str:
    """Return the note on labels, sorted, that are not 0, 1, 2 ... and were renumbered."""
    first = ", ".join(f"{number} = {label}" for number, label in enumerate(present[:5].tolist()))
    return f"the {len(present)} labels were numbered without gaps: {first}{', ...' if len(present) > 5 else ''}"


def _whole(value: Any) -> int | None:
    """Return a label as a whole number if it is one, also in digits; otherwise None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if number.is_integer() and 0 <= number < 2**53 else None


def _place_of_the_one(value: Any, origin: str) -> int:
    ones = [place for place, number in enumerate(value) if number == 1] if isinstance(value, list) else []
    if len(ones) != 1 or any(number not in (0, 1) for number in value):
        raise DataError(f"{origin}: a list as a label must have one 1 among zeros (one-hot). Received: {value!r:.80}")
    return ones[0]
