"""The properties of one image file: from its beginning and end alone, or from all of its pixels."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ganctl.errors import DataError
from ganctl.images.bands import visible
from ganctl.images.containers import ListedFile, group_of
from ganctl.images.decode import INVISIBLE, Decoded, decode
from ganctl.images.folder_listing import Listing
from ganctl.images.headers import Header, read_header
from ganctl.images.resize import WHITE, Colour, resized
from ganctl.images.value_range import ValueRange
from ganctl.planning.survey.image_glance import HEAD_BYTES, TAIL_BYTES, Ends, glance, mode_of, read_ends
from ganctl.planning.survey.near_duplicates import SIDE, Sketch

BACKGROUNDS: dict[str, Colour] = {"white": WHITE, "black": (0, 0, 0)}
"""The backgrounds behind transparency that are tried."""

_DECODED_SIDE = 64  # a large JPEG is decoded at a fraction of its size, as long as no side becomes shorter than this
_COLOURLESS = 8  # levels between the channels of a picture that only looks grey, such as a scan
_PAGES_LOOKED_AT = 8
_COPY_SIDE = 2 * SIDE


@dataclass(frozen=True)
class Picture:
    """The properties of an image file, or of one of its pages.

    Attributes:
        name: its path below the folder.
        kind: the file format.
        height: in pixels, after EXIF's rotation.
        width: in pixels, after EXIF's rotation.
        mode: how its colours are stored.
        rotated: whether EXIF rotates it.
        size: of the file, in bytes.
        digest: equal for files of equal content, and for large files that are equal at both ends.
        pages: the number of pages of the file.
        page: which of them it is, from 0.
        sketch: a small copy and hash of it; None if it was not decoded.
        channels: of its pixels, without transparency; 0 if it was not decoded.
        transparent: whether any decoded pixel is transparent.
        unseen_on: those of BACKGROUNDS over which it shows nothing.
    """

    name: str
    kind: str
    height: int
    width: int
    mode: str
    rotated: bool
    size: int
    digest: bytes
    pages: int = 1
    page: int = 0
    sketch: Sketch | None = None
    channels: int = 0
    transparent: bool = False
    unseen_on: frozenset[str] = frozenset()

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
class Look:
    """A picture, and what only the whole set can judge: values that are not bytes.

    Attributes:
        picture: without a sketch if the values are not bytes.
        stored: the values of some of its pages [H,W,C]; empty if they are bytes, or were not decoded.
    """

    picture: Picture
    stored: Sequence[np.ndarray] = field(default=())

    @property
    def small(self) -> np.ndarray | None:
        """A small copy of the stored values of the page in the middle, float32; None if they are bytes."""
        if not self.stored:
            return None
        middle = self.stored[len(self.stored) // 2]
        return resized(middle[..., :4].astype(np.float32), _COPY_SIDE, _COPY_SIDE)


def with_levels(picture: Picture, small: np.ndarray, value_range: ValueRange) -> Picture:
    """Return a picture with the sketch of a small copy of its stored values, once black and white are known."""
    return replace(picture, sketch=Sketch.of(visible(value_range.levels(small))))


def look_at(listing: Listing, file: ListedFile) -> Look | DataError | None:
    """Return a picture from its whole file, the reason why it cannot be read, or None for a file without an image."""
    try:
        data = listing.read_image(file)
        if data is None:
            return None
        header = read_header(data, file.name)
        pages = np.unique(np.linspace(0, header.pages - 1, _PAGES_LOOKED_AT).astype(int)).tolist()
        decoded = [decode(data, _DECODED_SIDE, header, page=page) for page in pages]
        ends = Ends(data[:HEAD_BYTES], data[max(HEAD_BYTES, len(data) - TAIL_BYTES) :], len(data))
        picture = _picture(file.name, header, ends)
        middle = decoded[len(decoded) // 2]
        transparent = any(conversion.startswith("alpha over") for conversion in middle.conversions)
        unseen = _unseen_on(data, header, middle) if transparent else frozenset[str]()
        stored = [each.stored for each in decoded if each.stored is not None]
        sketch = None if stored else Sketch.of(visible(middle.pixels))
    except DataError as error:
        return error
    channels = header.bands or middle.pixels.shape[2]
    seen = replace(picture, sketch=sketch, channels=channels, transparent=transparent, unseen_on=unseen)
    return Look(seen, stored)


def glance_at(listing: Listing, file: ListedFile) -> Look | DataError | None:
    """Return the same as `look_at` from the ends of the file."""
    try:
        ends = read_ends(listing, file)
        return None if ends is None else Look(_picture(file.name, glance(listing, file, ends), ends))
    except DataError as error:
        return error


def _unseen_on(data: bytes, header: Header, on_white: Decoded) -> frozenset[str]:
    """The backgrounds over which a picture shows nothing."""
    others = [name for name in BACKGROUNDS if name != "white"]
    decoded = {name: decode(data, _DECODED_SIDE, header, background=BACKGROUNDS[name]) for name in others}
    decoded["white"] = on_white
    return frozenset(name for name, each in decoded.items() if INVISIBLE in each.conversions)


def _picture(name: str, header: Header, ends: Ends) -> Picture:
    height, width = header.upright
    digest = hashlib.blake2b(ends.head, digest_size=16, key=str(ends.size).encode())
    digest.update(ends.tail)
    mode, rotated = mode_of(ends.head, header), header.orientation != 1
    return Picture(
        name, header.kind, height, width, mode, rotated, ends.size, digest.digest(), pages=max(1, header.pages)
    )
