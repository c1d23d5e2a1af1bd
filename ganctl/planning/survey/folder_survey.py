"""A survey of a folder or archive of pictures: number, sizes, formats, damaged files and duplicates.

Every file's beginning and end are read, and its copies found. As many as fit into a few seconds, chosen at random, are
decoded as in training: only this shows damage in the middle, and pictures that are nearly the same.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np

from ganctl.build import given_data
from ganctl.errors import DataError
from ganctl.experiment.keys_as_options import naming_options
from ganctl.experiment.sections import MOST_CHANNELS, DatasetSection
from ganctl.host.files import reading, shown
from ganctl.images.containers import ListedFile
from ganctl.images.file_formats import READ
from ganctl.images.folder_listing import Listing, skipped_in_words
from ganctl.images.headers import UnreadFormatError
from ganctl.images.image_set import Track
from ganctl.images.listed_images import THREADS, Half, Labelled
from ganctl.images.value_range import Observed, ValueRange
from ganctl.planning.survey.image_glance import HEAD_BYTES, TAIL_BYTES
from ganctl.planning.survey.near_duplicates import groups_of_near_duplicates
from ganctl.planning.survey.picture import Look, Picture, glance_at, look_at, with_levels
from ganctl.planning.survey.pictures import Pictures
from ganctl.planning.survey.stored_values import StoredValues

_FILES_AT_ONCE = 32
# Large files that are equal at both ends are compared as a whole for at most this long.
_COMPARING_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Survey(Pictures):
    """A folder or archive of pictures: the readable image files, sorted by name.

    Attributes:
        path: as it was given: a folder, an archive or a table.
        dataset: the name of the data set that reads it.
        listing: its files.
        damaged: the other image files, and why they cannot be read.
        file_bytes: total size of all image files.
        copies: groups of files with the same content, names in order.
        trusted: number of large files counted as copies because their ends are equal, for lack of time.
        near: groups of decoded pictures that are nearly the same; of copies, only the first is included.
        classes: the number of pictures of each class; empty without classes.
        label_notes: how the classes were found.
        stored: values that are not bytes, if there are any among the decoded pictures.
        pages: how `dataset.pages` should be.
        label_column: the column that was asked for.
        half: the half of each picture that the properties are of; empty: all of it.
    """

    path: Path
    dataset: str
    listing: Listing
    damaged: dict[str, str]
    file_bytes: int
    copies: tuple[tuple[str, ...], ...]
    trusted: int
    near: tuple[tuple[str, ...], ...]
    classes: dict[str, int]
    label_notes: tuple[str, ...] = ()
    stored: StoredValues | None = None
    pages: Literal["first", "each"] = "first"
    label_column: str | None = None
    half: Half = ""

    def by_page(self) -> Self:
        """Return the survey with each page as a picture if most files have pages that cannot be channels of one."""
        counts = [picture.pages for picture in self.pictures if picture.pages > 1]
        stacks = len(counts) > len(self.pictures) / 2 and (max(counts) > MOST_CHANNELS or len(set(counts)) > 1)
        if not stacks:
            return self
        each = (replace(picture, page=page) for picture in self.pictures for page in range(picture.pages))
        return replace(self, pictures=tuple(each), pages="each")

    @property
    def folder(self) -> Path:
        """Where the pictures lie."""
        return self.path / self.listing.below

    @property
    def value_range(self) -> ValueRange | None:
        """Black and white of values that are not bytes."""
        return self.stored.value_range if self.stored else None

    @property
    def skipped(self) -> Counter[str]:
        """The number of skipped files and folders, by kind."""
        return self.listing.skipped

    def read(self, name: str) -> bytes | None:
        """Return the content of a picture's file as `Listing.read_image` does, or None if the file is gone."""
        file = self.listing.find(name)
        return self.listing.read_image(file) if file else None

    @cached_property
    def distinct(self) -> int:
        """The number of pictures, counting a file and its copies once."""
        return len(self.pictures) - sum(len(group) - 1 for group in self.copies)

    @property
    def sub_folders(self) -> int:
        """The number of sub-folders with pictures."""
        return len({picture.group for picture in self.pictures} - {""})

    def as_json(self) -> dict[str, object]:
        """Return the properties of the folder for `ganctl init --json`."""
        sides = self.short_sides
        return {
            "path": str(self.folder),
            "pictures": len(self.pictures),
            "distinct": self.distinct,
            "bytes": self.file_bytes,
            "decoded": self.decoded,
            "kinds": dict(Counter(picture.kind for picture in self.pictures).most_common()),
            "modes": dict(Counter(picture.mode for picture in self.pictures).most_common()),
            "rotated_by_exif": sum(picture.rotated for picture in self.pictures),
            "short_side": {"least": int(sides.min()), "median": int(np.median(sides)), "most": int(sides.max())},
            "kept_by_crop": {"median": float(np.median(self.kept_shares)), "least": float(self.kept_shares.min())},
            "damaged": self.damaged,
            "skipped": dict(self.skipped),
            "copies_by_ends_only": self.trusted,
            "copies": [list(group) for group in self.copies],
            "near_duplicates": [list(group) for group in self.near],
            "classes": self.classes,
            "values": self.stored.as_json() if self.stored else None,
            "files_with_pages": len({picture.name for picture in self.pictures if picture.pages > 1}),
            "transparent": sum(picture.transparent for picture in self.pictures),
        }


def survey(path: Path, seconds: float, track: Track, label_column: str | None = None) -> Survey:
    """Survey the images that a data set finds at a path.

    Args:
        path: a folder of image files, also in sub-folders, or what else `given_data.dataset_for` knows.
        seconds: the time for decoding pictures; of the others, only the ends are read.
        track: shows progress.
        label_column: as `dataset.label_column`.

    Raises:
        DataError: it does not exist, is another file, or contains no readable picture.
        UsageError: several columns could hold the labels.
    """
    with reading(path):
        if "{" not in path.name and not path.exists():  # `dataset.path` takes patterns such as {00..09}
            raise DataError(f"There is nothing at {shown(path)}. Name a folder of pictures.")
        name = given_data.dataset_for(path) or given_data.IMAGE_FOLDER
    listed = given_data.listed_in(DatasetSection(name=name, path=str(path), label_column=label_column))
    with naming_options({"dataset.label_column": "--label-column"}):
        labelled = listed.labelled()
    return replace(
        survey_files(path, name, listed.listing, labelled, seconds, track), label_column=label_column
    ).by_page()


def survey_files(
    path: Path, dataset: str, listing: Listing, labelled: Labelled, seconds: float, track: Track
) -> Survey:
    """Survey files that a data set has found.

    Args:
        path: where they are, as it was given.
        dataset: the name of the data set.
        listing: the files.
        labelled: those to look at, and their classes.
        seconds: as for `survey`.
        track: as for `survey`.

    Raises:
        DataError: none of them is a readable picture.
    """
    pictures: dict[ListedFile, Picture] = {}
    damaged: dict[ListedFile, str] = {}
    deep: dict[ListedFile, np.ndarray] = {}
    values, kinds = Observed(), set[str]()
    with closing(_looks(listing, labelled.files, seconds)) as looks:
        for number, look in track(looks, "Looking at pictures", len(labelled.files)):
            file = labelled.files[number]
            if look is None:
                listing.skip(file)
            elif isinstance(look, UnreadFormatError):
                listing.skip_as(look.kind, file)
            elif isinstance(look, DataError):
                damaged[file] = str(look)
            else:
                pictures[file] = look.picture
                values.add_all(look.stored)
                kinds.update(stored.dtype.kind for stored in look.stored)
                if (small := look.small) is not None:
                    deep[file] = small
    if not pictures:
        raise _no_pictures(path / listing.below, listing, {file.name: reason for file, reason in damaged.items()})
    stored = None
    if deep:
        stored = StoredValues.of(values, kinds, len(deep), shown(path))
        pictures |= {file: with_levels(pictures[file], small, stored.value_range) for file, small in deep.items()}
    ordered = [pictures[file] for file in labelled.files if file in pictures]
    copies, trusted = _copies(listing, ordered)
    again = {name for group in copies for name in group[1:]}
    candidates = [picture for picture in ordered if picture.sketch is not None and picture.name not in again]
    near = groups_of_near_duplicates([picture.sketch for picture in candidates if picture.sketch is not None])
    return Survey(
        path=path,
        dataset=dataset,
        listing=listing,
        pictures=tuple(ordered),
        damaged={file.name: damaged[file] for file in labelled.files if file in damaged},
        file_bytes=sum(picture.size for picture in ordered) + sum(file.size for file in damaged),
        copies=copies,
        trusted=trusted,
        near=tuple(tuple(candidates[place].name for place in group) for group in near),
        classes=_classes(labelled, pictures),
        label_notes=tuple(labelled.notes),
        stored=stored,
    )


def _classes(labelled: Labelled, pictures: Mapping[ListedFile, Picture]) -> dict[str, int]:
    """The number of readable pictures of each class; empty without classes."""
    if labelled.labels is None:
        return {}
    read = [file in pictures for file in labelled.files]
    counts = np.bincount(labelled.labels[read], minlength=len(labelled.class_names))
    return dict(zip(labelled.class_names, counts.tolist(), strict=True))


def _looks(
    listing: Listing, files: Sequence[ListedFile], seconds: float
) -> Generator[tuple[int, Look | DataError | None], None, None]:
    """Look at all files in random order, decoding until the time is over: each one's number and result."""
    random, numbers = np.random.default_rng(0), np.arange(len(files))
    starts = range(0, len(files), _FILES_AT_ONCE)
    if listing.container.in_order:
        blocks = [numbers[start : start + _FILES_AT_ONCE] for start in random.permutation(starts)]
    else:
        order = random.permutation(numbers)
        blocks = [order[start : start + _FILES_AT_ONCE] for start in starts]
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(THREADS) as pool:
        for block in blocks:
            look = look_at if time.monotonic() < end else glance_at
            yield from zip(
                block.tolist(),
                pool.map(lambda number, look=look: look(listing, files[number]), block.tolist()),
                strict=True,
            )


def _copies(listing: Listing, pictures: list[Picture]) -> tuple[tuple[tuple[str, ...], ...], int]:
    """Groups of files with the same content, and how many of them were compared at their ends only."""
    alike: dict[bytes, list[Picture]] = {}
    for picture in pictures:
        alike.setdefault(picture.digest, []).append(picture)
    groups: dict[bytes, list[str]] = {}
    end, trusted = time.monotonic() + _COMPARING_SECONDS, 0
    for digest, same in alike.items():
        names = [picture.name for picture in same]
        large = len(names) > 1 and same[0].size > HEAD_BYTES + TAIL_BYTES
        if large and time.monotonic() < end:
            for name in names:
                # A file that has gone, or turns out damaged between its ends, is not a copy; training reports it.
                with suppress(DataError), listing.open(name) as file:
                    groups.setdefault(hashlib.file_digest(file, "sha256").digest(), []).append(name)
        else:
            groups[digest] = names
            trusted += len(names) if large else 0
    return tuple(tuple(names) for names in groups.values() if len(names) > 1), trusted


def _no_pictures(folder: Path, listing: Listing, damaged: dict[str, str]) -> DataError:
    place = shown(folder)
    if damaged:
        name, reason = next(iter(damaged.items()))
        first = f"{shown(Path(name))}: {reason}"
        return DataError(f"None of the {len(damaged):,} pictures in {place} can be read; the first: {first}.")
    skipped = f" Skipped: {skipped_in_words(listing.skipped)}." if listing.skipped else " It is empty."
    return DataError(f"{place} contains no {READ} file.{skipped}")
