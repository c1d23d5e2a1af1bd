"""The pictures that a user names: files, folders, archives, patterns and arrays, found first and read one by one."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ganctl.build import given_data
from ganctl.errors import DataError, UsageError
from ganctl.experiment.sections import MOST_CHANNELS, DatasetSection
from ganctl.host.files import shown
from ganctl.images.archives import is_npy, npz_images, read_npy, read_npz
from ganctl.images.bands import ALPHA_CHANNELS, channel_axis, premultiplied, with_alpha
from ganctl.images.containers import Container, Folder, ListedFile, container_at
from ganctl.images.decode import decode
from ganctl.images.folder_listing import Listing
from ganctl.images.image_set import refuse_not_finite
from ganctl.images.listed_images import SHOWN
from ganctl.images.resize import WHITE, Colour, over
from ganctl.images.value_range import BYTES, Observed, ValueRange, find_range

_ARRAYS = "npz"


@dataclass(frozen=True)
class Pixels:
    """A picture in memory.

    Attributes:
        levels: uint8 [H, W, C].
        bands: its channels are not colours, and none of them is transparency.
    """

    levels: np.ndarray
    bands: bool = False

    @property
    def alpha(self) -> np.ndarray | None:
        """Its transparency [H, W, 1], where anything is transparent; otherwise None."""
        if self.bands or self.levels.shape[2] not in ALPHA_CHANNELS:
            return None
        alpha = self.levels[..., -1:]
        return alpha if alpha.min() < 255 else None

    def for_network(self, channels: int, background: Colour, *, alpha: bool) -> np.ndarray:
        """Return the picture for a network with this number of input channels, in its own size, uint8 [H, W, C].

        Of grey and RGB, which `to_channels` converts, C may be the other number.

        Args:
            channels: of the network's images.
            background: what lies behind transparency that the network does not know.
            alpha: the last of its channels is transparency, and the colours are multiplied by it.

        Raises:
            DataError: the channels of the picture cannot become those of the network.
        """
        levels, takes_alpha = self.levels, alpha and channels in ALPHA_CHANNELS
        if takes_alpha and not self.bands and levels.shape[2] <= max(ALPHA_CHANNELS):
            return premultiplied(with_alpha(levels, channels))
        if not self.bands and not takes_alpha:
            levels = over(levels, background)
        if levels.shape[2] != channels and {levels.shape[2], channels} != {1, 3}:
            raise DataError(f"its channels are {levels.shape[2]}, and the network takes {channels}")
        return levels


@dataclass(frozen=True)
class Picture:
    """A picture that is not read yet.

    Attributes:
        name: of the file that is made from it: a path below a folder, without a suffix.
        origin: where it is, for messages.
        read: returns its pixels, or None for a file that is not a picture; raises DataError.
    """

    name: str
    origin: str
    read: Callable[[], Pixels | None]


@dataclass
class GivenPictures:
    """The pictures that the user has named.

    Attributes:
        pictures: in the order in which they were named, each with a name of its own.
        several: whether they may be several, because a folder, an archive, a pattern or an array was named.
        files: the files that were named, or that a pattern stands for.
    """

    pictures: list[Picture] = field(default_factory=list)
    several: bool = False
    files: list[Path] = field(default_factory=list)

    def check(self) -> None:
        """Raise DataError if there are none."""
        if not self.pictures:
            raise DataError("There is no file in what was named. Name pictures, folders or archives that hold some.")


@dataclass(frozen=True)
class Reading:
    """How pictures are read.

    Attributes:
        value_range: the stored values that are black and white, if pixels have more than 8 bits or are floats. None: as
            `decode` has it for files; the usual range that holds all values for arrays.
        background: what lies behind transparency that is not kept, to tell whether anything is seen.
    """

    value_range: ValueRange | None = None
    background: Colour = WHITE


def find_pictures(inputs: Sequence[str | os.PathLike[str]], reading: Reading) -> GivenPictures:
    """Find pictures; only their names are read, and the headers of arrays.

    Args:
        inputs: files of one picture, folders, archives (.zip, .tar, .parquet), .npz and .npy files, or patterns such as
            `photos/*.jpg`.
        reading: how they are read later.

    Raises:
        UsageError: there is nothing at a path, or no file that a pattern stands for.
        DataError: a folder, archive or array cannot be read.
    """
    found = GivenPictures(several=len(inputs) > 1)
    for given in inputs:
        text = os.path.expanduser(os.fspath(given))
        path = Path(text)
        if path.exists():
            found.pictures += _at(path, reading, found)
            continue
        matches = sorted(map(Path, glob.glob(text, recursive=True)), key=os.fsencode) if glob.has_magic(text) else []
        if "**" in text:  # which stands for folders, and for what is in them
            matches = [match for match in matches if match.is_file()]
        if not matches:
            what = "no file that matches" if glob.has_magic(text) else "nothing at"
            raise UsageError(f"There is {what} {shown(path)}. Name pictures, folders, archives or an npz.")
        found.several = True
        for match in matches:
            found.pictures += _at(match, reading, found)
    once: dict[str, Picture] = {}
    for picture in found.pictures:  # which may be named twice, as by a folder and by a pattern
        once.setdefault(picture.origin, picture)
    found.pictures = _with_own_names(once.values())
    return found


def check_read(failed: Mapping[str, str], count: int, others: str) -> None:
    """Raise DataError if pictures could not be read, or if there were none.

    Args:
        failed: the reason why each could not be read, by its origin.
        count: the number of the others.
        others: what became of these, a sentence without its full stop.
    """
    if failed:
        shown_ones = [f"{origin}: {reason}" for origin, reason in list(failed.items())[:SHOWN]]
        more = [f"and {len(failed) - SHOWN:,} more"] if len(failed) > SHOWN else []
        raise DataError(
            f"{len(failed):,} of {len(failed) + count:,} pictures cannot be read. {others}.\n"
            "  " + "\n  ".join(shown_ones + more)
        )
    if not count:
        raise DataError("There is no picture among the files.")


def read_in_memory(given: Any, reading: Reading) -> tuple[Iterator[tuple[Picture, Pixels]], bool]:
    """Return pictures that are given in Python, one after another, and whether they are a single one.

    Args:
        given: uint8 images [N, H, W, C]; one image [H, W, C] or [H, W]; a path, as `find_pictures` takes it; or a list
            of images and paths, which is never a single one. An array of more than four channels has bands.
        reading: how files are read.

    Returns:
        Each picture with its pixels, read as the iterator goes. Files that are not pictures are left out. The iterator
        raises UsageError for an array that is not uint8 or has other axes, and DataError for a picture that cannot be
        read.
    """
    if isinstance(given, Sequence) and not isinstance(given, str):
        items = [_given(item, reading) for item in given]
        return (each for pictures, _ in items for each in _read(pictures)), False
    pictures, single = _given(given, reading)
    return _read(pictures), single


def _given(given: Any, reading: Reading) -> tuple[list[Picture], bool]:
    """Return the pictures of an array or a path, and whether it is one picture rather than several."""
    if isinstance(given, str | os.PathLike):
        found = find_pictures([given], reading)
        return found.pictures, not found.several
    levels, single = _images(np.asarray(given))
    bands = levels.shape[-1] > max(ALPHA_CHANNELS)

    def reader(image: np.ndarray) -> Callable[[], Pixels]:
        return lambda: Pixels(image, bands=bands)

    return [Picture(str(number), f"image {number}", reader(image)) for number, image in enumerate(levels)], single


def _read(pictures: Iterable[Picture]) -> Iterator[tuple[Picture, Pixels]]:
    for picture in pictures:
        try:
            pixels = picture.read()
        except DataError as error:
            raise DataError(f"{picture.origin}: {error}") from None
        if pixels is not None:
            yield picture, pixels


def _images(array: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return an array as images [N, H, W, C], and whether it is a single one; raises UsageError."""
    if array.dtype != np.uint8:
        raise UsageError(
            f"pictures must be uint8, from 0 (black) to 255 (white). Received: {array.dtype}. Convert floats from 0 to "
            '1: (255 * pictures).round().astype("uint8").'
        )
    image = array[..., np.newaxis] if array.ndim == 2 else array
    if image.ndim not in (3, 4) or not image.size or (image.ndim == 3 and image.shape[-1] > MOST_CHANNELS):
        raise UsageError(
            f"pictures must be [N, H, W, C], [H, W, C] or [H, W], with at most {MOST_CHANNELS} channels. Received: "
            f"{list(array.shape)}"
        )
    return (image, False) if image.ndim == 4 else (image[np.newaxis], True)


def _at(path: Path, reading: Reading, found: GivenPictures) -> list[Picture]:
    """Return the pictures at a path that exists, and note in `found` what they are."""
    if not path.is_dir():
        if not path.is_file():  # a pipe would block for ever
            raise DataError(f"{shown(path)} is neither a file nor a folder.")
        found.files.append(path)
    kind = given_data.dataset_for(path)
    if kind == _ARRAYS and not _is_one_image(path):
        found.several = True
        return _in_arrays(path, reading)
    if kind is None or kind == _ARRAYS:
        folder = Folder(path.parent)
        file = folder.find(path.name)
        if file is None:
            raise DataError(f"{shown(path)} cannot be read.")
        return [_of_file(Listing(folder), file, reading, needed=True)]
    found.several = True
    if kind == given_data.IMAGE_FOLDER:
        container: Container = container_at(path)
        files, _ = container.files()
    else:
        listing = given_data.listed_in(DatasetSection(name=kind, path=str(path))).listing
        container, files = listing.container, listing.files
    listing = Listing(container)
    return [
        _of_file(listing, file, reading, needed=False)
        for file in (files if container.in_order else sorted(files, key=lambda file: os.fsencode(file.name)))
    ]


def _of_file(listing: Listing, file: ListedFile, reading: Reading, *, needed: bool) -> Picture:
    """Return the picture that a file holds; `needed`: a file that is not a picture is an error."""

    def read() -> Pixels | None:
        data = listing.read_image(file)
        if data is None:
            if needed:
                raise DataError("it is not a picture")
            return None
        decoded = decode(
            data,
            name=file.name,
            value_range=reading.value_range,
            background=reading.background,
            keep_alpha=True,
            keep_bands=True,
        )
        return Pixels(decoded.pixels, bands=decoded.header is not None and decoded.header.bands > 0)

    return Picture(_safe(os.path.splitext(file.name)[0]), shown(listing.path / file.name), read)


def _is_one_image(path: Path) -> bool:
    """Whether a file is an array of a single image, as `np.save` writes it."""
    if not is_npy(path):
        return False
    shape = read_npy(path).shape
    return len(shape) == 2 or (len(shape) == 3 and channel_axis(shape) is not None)


def _in_arrays(path: Path, reading: Reading) -> list[Picture]:
    """Return the images of an npz or npy file, numbered from 0."""
    alpha = False
    if is_npy(path):
        images = read_npy(path)
    else:
        name, known = npz_images(path)
        (images,) = read_npz(path, name)
        alpha = bool(np.all(read_npz(path, "alpha")[0])) if "alpha" in known else False
    if images.ndim == 3:
        images = images[..., np.newaxis]
    axis = channel_axis(images.shape[1:]) if images.ndim == 4 else None
    if axis is None or images.dtype.kind not in "buif":
        raise DataError(
            f"{shown(path)} should contain images [N, H, W], [N, H, W, C] or [N, C, H, W]. Received: {images.dtype} "
            f"{list(images.shape)}"
        )
    if axis == 0:
        images = np.moveaxis(images, 1, -1)
    if not len(images):
        raise DataError(f"{shown(path)} contains no images.")
    if images.dtype.kind == "f":
        refuse_not_finite(images, shown(path))
    value_range = reading.value_range or BYTES
    if images.dtype != np.uint8 and reading.value_range is None:
        value_range = find_range(Observed().add_all(images), images.dtype.kind, "auto", shown(path))
    elif images.dtype == np.uint8 and value_range.white > BYTES.white:
        value_range = BYTES

    def reader(number: int) -> Callable[[], Pixels]:
        return lambda: Pixels(value_range.levels(np.ascontiguousarray(images[number])), bands=not alpha)

    digits = len(str(len(images) - 1))
    return [
        Picture(f"{path.stem}-{number:0{digits}d}", f"{shown(path)}: image {number}", reader(number))
        for number in range(len(images))
    ]


def _safe(name: str) -> str:
    """Return the name of a file in a folder or an archive as a path that stays below any folder."""
    parts = [part for part in PurePath(name.replace("\\", "/")).parts if part not in ("..", "/")]
    return str(PurePath(*parts)) if parts else "picture"


def _with_own_names(pictures: Iterable[Picture]) -> list[Picture]:
    """Return pictures of which no two have the same name, not even on a disk that takes A and a for the same letter.

    The first keeps its name; the others get a number: photo, photo-2, photo-3.
    """
    taken: set[str] = set()
    kept = []
    for picture in pictures:
        name, number = picture.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{picture.name}-{number}"
        taken.add(name.casefold())
        kept.append(Picture(name, picture.origin, picture.read))
    return kept
