"""The properties of an image file, read from its beginning and end: a folder of large photos takes seconds.

The result is that of reading the whole file, except for damage in the middle, and for a rotation that a PNG file stores
after its pixels.
"""

import os
import struct
import zlib
from dataclasses import dataclass

from ganctl.errors import DataError
from ganctl.images.containers import ListedFile
from ganctl.images.file_formats import FIRST_BYTES, READ, image_kind
from ganctl.images.folder_listing import Listing
from ganctl.images.headers import Header, read_header

HEAD_BYTES = 2**16
TAIL_BYTES = 2**12

_PNG_MODES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGBA"}
_TIFF_MODES = {1: "grey", 3: "RGB", 4: "CMYK"}
_PNG_MAGIC, _PNG_LAST_CHUNK = 8, 12
_BMP_CORE_HEADER = 12
_EMPTY_PIXELS = struct.pack(">I4sI", 0, b"IDAT", zlib.crc32(b"IDAT"))


@dataclass(frozen=True)
class Ends:
    """A file's beginning and end, which are all of a small file; `size` is the file's size in bytes."""

    head: bytes
    tail: bytes
    size: int

    @property
    def whole(self) -> bool:
        """Whether the beginning is the whole file."""
        return len(self.head) == self.size


def read_ends(listing: Listing, file: ListedFile) -> Ends | None:
    """Return a file's ends, or None if it does not start like an image; raises DataError if it cannot be read."""
    with listing.open(file.name) as opened:
        head = opened.read(HEAD_BYTES)
        if image_kind(head[:FIRST_BYTES], file.name) is None:
            return None
        size = opened.seek(0, os.SEEK_END)
        if size <= len(head):
            return Ends(head, b"", len(head))
        opened.seek(max(len(head), size - TAIL_BYTES))
        return Ends(head, opened.read(TAIL_BYTES), size)


def glance(listing: Listing, file: ListedFile, ends: Ends) -> Header:
    """Return the header of a file; raises DataError if its ends show damage.

    A file whose ends are not enough is read as a whole: a TIFF's directory may be anywhere, and so may the end of a
    JPEG that carries a video; for a WebP and most other formats, Pillow needs every byte.
    """
    if ends.whole:
        return read_header(ends.head, file.name)
    try:
        return read_header(_stand_in(ends))
    except DataError:
        data = listing.read_image(file)
        if data is None:  # it changed just now
            raise DataError(f"not a {READ}") from None
        return read_header(data, file.name)


def mode_of(head: bytes, header: Header) -> str:
    """Return how a file stores its colours: `RGB`, `grey`, `RGBA`, `grey with alpha`, `CMYK`, `palette` ...

    Args:
        head: the first bytes of the file, at least 34 if it has as many.
        header: the result of `read_header`.
    """
    if header.mode:
        return header.mode
    if header.kind == "JPEG":
        return {1: "grey", 4: "CMYK"}.get(header.components, "RGB")
    if header.kind == "PNG":
        return _PNG_MODES.get(head[25], "RGB") + (", 16 bits" if head[24] == 16 else "")
    if header.kind == "GIF":
        return "palette"
    if header.kind == "BMP":
        bits = head[24] if head[14] == _BMP_CORE_HEADER else head[28]
        return "palette" if bits <= 8 else "RGB"
    if header.kind == "WebP":
        alpha = (head[12:16] == b"VP8X" and head[20] & 0x10) or (head[12:16] == b"VP8L" and head[24] & 0x10)
        return "RGBA" if alpha else "RGB"
    return _TIFF_MODES.get(header.components, "palette")


def _png_before_pixels(head: bytes) -> bytes:
    """The magic bytes and every complete chunk before the pixels: size, mode, and possibly a rotation."""
    end = _PNG_MAGIC
    while end + 12 <= len(head) and head[end + 4 : end + 8] != b"IDAT":
        (length,) = struct.unpack_from(">I", head, end)
        if end + 12 + length > len(head):
            break
        end += 12 + length
    return head[:end]


def _stand_in(ends: Ends) -> bytes:
    """A short file with the same header, which is cut off if the long one is."""
    kind = image_kind(ends.head[:FIRST_BYTES])
    if kind == "PNG":
        end = ends.tail.rfind(b"IEND") - 4
        last_chunk = ends.tail[max(end, 0) : max(end, 0) + _PNG_LAST_CHUNK]
        return _png_before_pixels(ends.head) + _EMPTY_PIXELS + last_chunk
    if kind not in ("JPEG", "GIF", "BMP"):
        raise DataError("its ends are not enough")
    return ends.head + ends.tail
