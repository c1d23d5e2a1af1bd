"""A survey of a folder or archive of pictures: number, sizes, formats, damaged files and duplicates.

Every file's beginning and end are read, and its copies found. As many as fit into a few seconds, chosen at random, are
decoded as in training: only this shows damage in the middle, and pictures that are nearly the same.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ganctl.errors import DataError
from ganctl.host.files import reading, shown
from ganctl.images.containers import ListedFile, group_of
from ganctl.images.decode import decode
from ganctl.images.file_formats import READ
from ganctl.images.folder_listing import Listing, class_folders, list_images, skipped_in_words
from ganctl.images.headers import Header, UnreadFormatError, read_header
from ganctl.images.image_set import Track
from ganctl.planning.survey.image_glance import HEAD_BYTES, TAIL_BYTES, Ends, glance, mode_of, read_ends
from ganctl.planning.survey.near_duplicates import Sketch, groups_of_near_duplicates

_DECODED_SIDE = 64  # a large JPEG is decoded at a fraction of its size, as long as no side becomes shorter than this
_FILES_AT_ONCE = 32
# Large files that are equal at both ends are compared as a whole for at most this long.
_COMPARING_SECONDS = 5.0
_COLOURLESS = 8  # levels between the channels of a picture that only looks grey, such as a scan


@dataclass(frozen=True)
class Picture:
    """The properties of an image file.

    Attributes:
        name: its path below the folder.
        kind: the file format.
        height: in pixels, after EXIF's rotation.
        width: in pixels, after EXIF's rotation.
        mode: how its colours are stored.
        rotated: whether EXIF rotates it.
        digest: equal for files of equal content, and for large files that are equal at both ends.
        sketch: a small copy and hash of it; None if it was not decoded.
    """

    name: str
    kind: str
    height: int
    width: int
    mode: str
    rotated: bool
    digest: bytes
    sketch: Sketch | None = None

    @property
    def short_side(self) -> int:
        """The shorter side in pixels."""
        return min(self.height, self.width)

    @property
    def kept(self) -> float:
        """The share of its area that the centred square keeps."""
        return self.kept_by(1, 1)

    def kept_by(self, height: int, width: int) -> float:
        """Return the share of its area that the centre in the shape of a height and width keeps."""
        sides = self.height * width, self.width * height
        return min(sides) / max(sides)

    @property
    def group(self) -> str:
        """The sub-folder that contains it; empty for the folder itself."""
        return group_of(self.name)

    @property
    def coloured(self) -> bool:
        """Whether it is in colour; True if it was not decoded, unless its file can only hold grey."""
        if self.sketch is None:
            return not self.mode.startswith("grey")
        copy = self.sketch.copy
        return bool((copy.max(axis=2) - copy.min(axis=2)).max() > _COLOURLESS)


@dataclass(frozen=True)
class Survey:
    """A folder or archive of pictures.

    Attributes:
        listing: its files.
        pictures: the readable image files, sorted by name.
        damaged: the other image files, and why they cannot be read.
        file_bytes: total size of all image files.
        copies: groups of files with the same content, names in order.
        trusted: number of large files counted as copies because their ends are equal, for lack of time.
        near: groups of decoded pictures that are nearly the same; of copies, only the first is included.
    """

    listing: Listing
    pictures: tuple[Picture, ...]
    damaged: dict[str, str]
    file_bytes: int
    copies: tuple[tuple[str, ...], ...]
    trusted: int
    near: tuple[tuple[str, ...], ...]

    @property
    def folder(self) -> Path:
        """Where the pictures lie."""
        return self.listing.path

    @property
    def path(self) -> Path:
        """The path that `dataset.path` takes: a folder or an archive."""
        archive = self.listing.container.path
        return archive if archive.is_file() else self.folder

    @property
    def skipped(self) -> Counter[str]:
        """The number of skipped files and folders, by kind."""
        return self.listing.skipped

    def read(self, name: str) -> bytes | None:
        """Return the content of a picture's file as `Listing.read_image` does, or None if the file is gone."""
        file = self.listing.find(name)
        return self.listing.read_image(file) if file else None

    @cached_property
    def decoded(self) -> int:
        """The number of decoded pictures."""
        return sum(picture.sketch is not None for picture in self.pictures)

    @cached_property
    def distinct(self) -> int:
        """The number of pictures, counting a file and its copies once."""
        return len(self.pictures) - sum(len(group) - 1 for group in self.copies)

    @cached_property
    def classes(self) -> dict[str, int]:
        """The number of pictures of each class, if the sub-folders are classes; otherwise empty."""
        counts = Counter(picture.group for picture in self.pictures)
        names = class_folders(counts + Counter(group_of(name) for name in self.damaged))
        return {name: counts[name] for name in names}

    @property
    def sub_folders(self) -> int:
        """The number of sub-folders with pictures."""
        return len({picture.group for picture in self.pictures} - {""})

    @cached_property
    def short_sides(self) -> np.ndarray:
        """The shorter side of each picture, in pixels."""
        return np.array([picture.short_side for picture in self.pictures])

    @cached_property
    def long_sides(self) -> np.ndarray:
        """The longer side of each picture, in pixels."""
        return np.array([max(picture.height, picture.width) for picture in self.pictures])

    @cached_property
    def heights(self) -> np.ndarray:
        """The height of each picture, in pixels."""
        return np.array([picture.height for picture in self.pictures])

    @cached_property
    def widths(self) -> np.ndarray:
        """The width of each picture, in pixels."""
        return np.array([picture.width for picture in self.pictures])

    @cached_property
    def kept_shares(self) -> np.ndarray:
        """The share of each picture's area that the centred square keeps."""
        return self.kept_by(1, 1)

    def kept_by(self, height: int, width: int) -> np.ndarray:
        """Return the share of each picture's area that the centre in the shape of a height and width keeps."""
        sides = self.heights * width, self.widths * height
        return np.minimum(*sides) / np.maximum(*sides)

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
        }


def survey(folder: Path, seconds: float, track: Track) -> Survey:
    """Survey a folder or zip archive.

    Args:
        folder: a folder of image files, also in sub-folders, or a zip archive of one.
        seconds: the time for decoding pictures; of the others, only the ends are read.
        track: shows progress.

    Raises:
        DataError: it does not exist, is another file, or contains no readable picture.
    """
    with reading(folder):
        if not folder.exists():
            raise DataError(f"There is nothing at {shown(folder)}. Name a folder of pictures.")
    listing = list_images(folder)
    sizes = {file.name: file.size for file in listing.files}
    pictures: dict[str, Picture] = {}
    damaged: dict[str, str] = {}
    looks = _looks(listing, seconds)
    for number, look in track(looks, "Looking at pictures", total=len(listing.files)):
        file = listing.files[number]
        if look is None:
            listing.skip(file)
        elif isinstance(look, UnreadFormatError):
            listing.skip_as(look.kind, file)
        elif isinstance(look, DataError):
            damaged[file.name] = str(look)
        else:
            pictures[file.name] = look
    if not pictures:
        raise _no_pictures(listing, damaged)
    ordered = [pictures[file.name] for file in listing.files if file.name in pictures]
    copies, trusted = _copies(listing, ordered, sizes)
    again = {name for group in copies for name in group[1:]}
    candidates = [picture for picture in ordered if picture.sketch is not None and picture.name not in again]
    near = groups_of_near_duplicates([picture.sketch for picture in candidates if picture.sketch is not None])
    return Survey(
        listing,
        tuple(ordered),
        {file.name: damaged[file.name] for file in listing.files if file.name in damaged},
        sum(sizes[name] for name in (*pictures, *damaged)),
        copies,
        trusted,
        tuple(tuple(candidates[place].name for place in group) for group in near),
    )


def _looks(listing: Listing, seconds: float) -> Iterator[tuple[int, Picture | DataError | None]]:
    """Look at all files in random order, decoding until the time is over: each one's number and result."""
    order = np.random.default_rng(0).permutation(len(listing.files))
    end = time.monotonic() + seconds
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(order), _FILES_AT_ONCE):
            block = order[start : start + _FILES_AT_ONCE]
            files = [listing.files[number] for number in block]
            look = _decoded if time.monotonic() < end else _glanced
            yield from zip(block.tolist(), pool.map(lambda file, look=look: look(listing, file), files), strict=True)


def _decoded(listing: Listing, file: ListedFile) -> Picture | DataError | None:
    """A picture from its whole file, the reason why it cannot be read, or None for a file that is not an image."""
    try:
        data = listing.read_image(file)
        if data is None:
            return None
        header = read_header(data, file.name)
        sketch = Sketch.of(decode(data, _DECODED_SIDE, header).pixels)
    except DataError as error:
        return error
    tail = data[max(HEAD_BYTES, len(data) - TAIL_BYTES) :]
    return _picture(file.name, header, Ends(data[:HEAD_BYTES], tail, len(data)), sketch)


def _glanced(listing: Listing, file: ListedFile) -> Picture | DataError | None:
    """A picture from the ends of its file."""
    try:
        ends = read_ends(listing, file)
        return None if ends is None else _picture(file.name, glance(listing, file, ends), ends)
    except DataError as error:
        return error


def _picture(name: str, header: Header, ends: Ends, sketch: Sketch | None = None) -> Picture:
    height, width = header.height, header.width
    if header.orientation in (5, 6, 7, 8):
        height, width = width, height
    digest = hashlib.blake2b(ends.head, digest_size=16, key=str(ends.size).encode())
    digest.update(ends.tail)
    mode = mode_of(ends.head, header)
    return Picture(name, header.kind, height, width, mode, header.orientation != 1, digest.digest(), sketch)


def _copies(
    listing: Listing, pictures: list[Picture], sizes: dict[str, int]
) -> tuple[tuple[tuple[str, ...], ...], int]:
    """Groups of files with the same content, and how many of them were compared at their ends only."""
    alike: dict[bytes, list[str]] = {}
    for picture in pictures:
        alike.setdefault(picture.digest, []).append(picture.name)
    groups: dict[bytes, list[str]] = {}
    end, trusted = time.monotonic() + _COMPARING_SECONDS, 0
    for digest, names in alike.items():
        large = len(names) > 1 and sizes[names[0]] > HEAD_BYTES + TAIL_BYTES
        if large and time.monotonic() < end:
            for name in names:
                # A file that has gone, or turns out damaged between its ends, is not a copy; training reports it.
                with suppress(DataError), listing.open(name) as file:
                    groups.setdefault(hashlib.file_digest(file, "sha256").digest(), []).append(name)
        else:
            groups[digest] = names
            trusted += len(names) if large else 0
    return tuple(tuple(names) for names in groups.values() if len(names) > 1), trusted


def _no_pictures(listing: Listing, damaged: dict[str, str]) -> DataError:
    place = shown(listing.path)
    if damaged:
        name, reason = next(iter(damaged.items()))
        first = f"{shown(Path(name))}: {reason}"
        return DataError(f"None of the {len(damaged):,} pictures in {place} can be read; the first: {first}.")
    skipped = f" Skipped: {skipped_in_words(listing.skipped)}." if listing.skipped else " It is empty."
    return DataError(f"{place} contains no {READ} file.{skipped}")
