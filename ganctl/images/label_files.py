"""Classes of images from a file: StyleGAN's `dataset.json`, a CSV table with a header, or JSON lines."""

import csv
import io
import json
import operator
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ganctl.errors import ConfigurationError, DataError
from ganctl.host.files import reading, shown
from ganctl.images.containers import ListedFile
from ganctl.images.folder_listing import Listing, natural_order

USUAL_NAMES = ("dataset.json", "metadata.csv", "metadata.jsonl", "labels.csv")
_FILE_COLUMNS = ("file_name", "filename", "file", "image", "path", "name", "image_id")
LABEL_COLUMNS = ("label", "labels", "class", "category")
"""Usual names of the column that is the class."""
_MAX_BYTES = 2**29
_TABLES = (".csv", ".tsv", ".txt")
_DELIMITERS = ",;\t|"
_WHOLE = re.compile(r"(0|[1-9][0-9]{0,15})(\.0+)?")

_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif")

ONE_HOT = "labels were one-hot: the place of the 1 is the class"
"""The note on one-hot labels."""


@dataclass(frozen=True)
class LabelFile:
    """A file of labels, on disk or in the archive of the images.

    Attributes:
        path: where it is; a path through an archive does not exist on disk.
        name: its path relative to the images; absolute if it is beside an archive.
        modified: its modification time in nanoseconds.
        content: reads it; raises DataError.
    """

    path: Path
    name: str
    modified: int
    content: Callable[[], bytes]


@dataclass(frozen=True)
class Labels:
    """The content of a file of labels.

    Attributes:
        by_name: the label of each image, by the image's name relative to the file: integers, words, or lists of
            numbers; empty if the file declares none.
        class_names: names of the labels 0, 1, 2 ..., if the file has them as `class_names`.
    """

    by_name: dict[str, Any]
    class_names: tuple[str, ...] = ()


def find_label_file(listing: Listing, given: str | None) -> LabelFile | None:
    """Return the given file of labels, or the first of a usual name; None if there is none of a usual name.

    Args:
        listing: the images.
        given: `dataset.labels`: absolute, or relative to the images.

    Raises:
        DataError: the given file is missing.
    """
    names = list(USUAL_NAMES) if given is None else [os.path.expanduser(given)]
    if listing.below:  # the table of a split tree lies beside its parts
        names += [os.path.join(os.path.relpath(".", listing.below), name) for name in names]
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

            return LabelFile(path, os.path.normpath(name), found.modified, content)
    if given is None:
        return None
    path = listing.path / names[0]
    if path.is_file():  # an absolute path beside an archive
        return LabelFile(path, str(path), path.stat().st_mtime_ns, path.read_bytes)
    raise DataError(f"{shown(path)} does not exist. Correct `dataset.labels`, which is relative to the images.")


def read_labels(file: LabelFile, column: str | None) -> Labels:
    """Return the label of each image, and the names of the classes if the file has them.

    Args:
        file: the file.
        column: the column (or key) that holds the label; None: the one with a usual name, or the only one.

    Raises:
        DataError: the file is damaged, or not a file of labels.
        ConfigurationError: the column does not exist, or several columns could be meant.
    """
    path = file.path
    with reading(path):
        content = file.content()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{shown(path)} is not UTF-8. Save it as UTF-8.") from None
    try:
        if path.suffix.lower() in _TABLES:
            return Labels(_of_rows(_rows_of_table(text, path), path, column))
        if path.suffix.lower() == ".jsonl":
            return Labels(_of_rows(_rows_of_lines(text), path, column))
        found = json.loads(text)
    except (ValueError, RecursionError, csv.Error) as error:
        raise DataError(f"{shown(path)} cannot be read as a file of labels: {error}.") from None
    class_names: tuple[str, ...] = ()
    if isinstance(found, dict) and "labels" in found:
        class_names = _names(found.get("class_names"), path)
        found = found["labels"]
    if found is None:
        return Labels({})
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        return Labels(_of_rows(found, path, column), class_names)
    pairs = list(found.items()) if isinstance(found, dict) else found
    if not isinstance(pairs, list) or not all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
    ):
        raise DataError(f"{shown(path)} should contain `labels`: a list of pairs of an image's name and its label.")
    return Labels(_by_name(pairs, path), class_names)


def _names(given: Any, path: Path) -> tuple[str, ...]:
    """Return `class_names` of a file; none if it has none."""
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(name, str) and name for name in given):
        raise DataError(f"{shown(path)}: `class_names` should be a list of words. Received: {given!r:.80}")
    return tuple(given)


def finder(labels: Mapping[str, Any], file: LabelFile, listing: Listing) -> Callable[[ListedFile], Any]:
    """Return a function from a listed file to its label, or None.

    A table names images relative to itself, relative to the images, or by their whole path. If none of these fits,
    upper and lower case are the same, and the suffix may be missing.
    """
    loose: dict[str, list[Any]] = {}
    for name, label in labels.items():
        loose.setdefault(_loosely(name), []).append(label)

    def find(image: ListedFile) -> Any:
        whole = os.path.normpath(listing.path / image.name)
        names = [_posix(os.path.relpath(whole, file.path.parent)), _posix(image.name), _posix(whole)]
        for name in names:
            if name in labels:
                return labels[name]
        for name in names:
            alike = loose.get(_loosely(name), [])
            if len(alike) == 1:
                return alike[0]
        return None

    return find


def _loosely(name: str) -> str:
    return str(PurePosixPath(name).with_suffix("")).lower() if PurePosixPath(name).name else name


def _rows_of_table(text: str, path: Path) -> list[dict[str, Any]]:
    """Return the rows of a table, whichever delimiter its first line has; raises DataError if that is not a header."""
    header = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows = list(reader)
    columns = list(reader.fieldnames or [])
    if len(set(columns)) < len(columns):
        raise DataError(f"{shown(path)} has two columns of one name: {', '.join(columns)}. Rename one of them.")
    if any(PurePosixPath(column).suffix.lower() in _SUFFIXES for column in columns):
        raise DataError(f"{shown(path)} has no header. Begin it with a line such as `file_name,label`.")
    return rows


def _rows_of_lines(text: str) -> list[Any]:
    """Return the values of lines of JSON; raises ValueError that names the line."""
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            rows += [json.loads(line)] if line.strip() else []
        except ValueError:
            raise ValueError(f"line {number} is not JSON") from None
    return rows


def _by_name(pairs: Iterable[tuple[str, Any]], path: Path) -> dict[str, Any]:
    """Return labels by name; an empty label is none. Raises DataError if an image has two."""
    labels: dict[str, Any] = {}
    for name, label in pairs:
        label = None if isinstance(label, str) and not label.strip() else label
        if labels.setdefault(_posix(name), label) != label:
            raise DataError(f"{shown(path)} has two labels for {name}: {labels[_posix(name)]!r} and {label!r}.")
    return labels


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
    return _by_name([(str(row.get(files)), row.get(column)) for row in rows], path)


def _posix(name: str) -> str:
    return posixpath.normpath(name.replace("\\", "/"))


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
        return (*without_gaps(np.array(numbers, np.int64), notes), notes)
    if not all(isinstance(value, str) and value for value in values):
        odd = next(value for value in values if not isinstance(value, str) or not value)
        raise DataError(f"{origin}: a label must be a whole number or a word. Received: {odd!r}")
    names = sorted(set(values), key=natural_order)
    places: Mapping[str, int] = {name: number for number, name in enumerate(names)}
    return np.array([places[value] for value in values], np.int32), tuple(names), notes


def with_names(values: list[Any], names: Sequence[Any], origin: str) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    """Return classes for labels that are places in a list of names, as `numbered` does.

    Raises:
        DataError: a label is not a place in the list.
    """
    try:
        array = np.array([operator.index(value) for value in values], np.int64)
    except TypeError:
        raise DataError(f"{origin}: the labels should be places in the list of class names.") from None
    if array.min() < 0 or array.max() >= len(names):
        raise DataError(f"{origin} has labels from {array.min()} to {array.max()}, but names for {len(names)} classes.")
    notes: list[str] = []
    numbers, labels = without_gaps(array, notes)
    return numbers, tuple(str(names[int(label)]) for label in labels), notes


def named_or_numbered(
    values: list[Any], names: Sequence[str], origin: str
) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    """Return classes by `with_names` if all labels are whole numbers within the list of names, else by `numbered`."""
    places = [_whole(value) for value in values]
    if names and all(place is not None and place < len(names) for place in places):
        return with_names(places, names, origin)
    numbers, class_names, notes = numbered(values, origin)
    if names:
        notes.append(f"`class_names` has no effect: the labels are not places in this list of {len(names)}")
    return numbers, class_names, notes


def without_gaps(labels: np.ndarray, notes: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number labels from 0 without gaps: a class without images would never be learned, but could be drawn.

    Args:
        labels: integers from 0, [N], N at least 1.
        notes: gets another note if the numbers have changed.

    Returns:
        int32 [N], and the labels as names of the classes.
    """
    present, numbers = np.unique(labels, return_inverse=True)
    if len(present) <= present[-1]:
        first = ", ".join(f"{number} = {label}" for number, label in enumerate(present[:5].tolist()))
        more = ", ..." if len(present) > 5 else ""
        notes.append(f"the {len(present)} labels were numbered without gaps: {first}{more}")
    return numbers.reshape(-1).astype(np.int32), tuple(map(str, present.tolist()))


def _whole(value: Any) -> int | None:
    """Return a label as a whole number if it is one, also in digits; `001` is a word."""
    if isinstance(value, str):
        return int(float(value)) if _WHOLE.fullmatch(value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value < 2**53 and value == int(value) else None


def _place_of_the_one(value: Any, origin: str) -> int:
    ones = [place for place, number in enumerate(value) if number == 1] if isinstance(value, list) else []
    if len(ones) != 1 or any(number not in (0, 1) for number in value):
        raise DataError(f"{origin}: a list as a label must have one 1 among zeros (one-hot). Received: {value!r:.80}")
    return ones[0]
