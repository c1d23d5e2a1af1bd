"""Image files: what their headers say, and their pixels.

The kind of a file is decided by its first bytes, never by its name. What is decoded is always uint8, [H,W,3] RGB or
[H,W,1] grey.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ganctl.errors import DataError
from ganctl.images.opencv import opencv
from ganctl.images.resize import over_white

# Whatever is larger costs gigabytes to decode, from a file that may have a few kilobytes.
MAX_PIXELS = 100_000_000

# So many first bytes are enough for `image_kind`.
MAGIC_BYTES = 12

_ORIENTATION, _WIDTH, _HEIGHT, _PHOTOMETRIC = 0x112, 0x100, 0x101, 0x106
_TIFF_COMPONENTS = {0: 1, 1: 1, 2: 3, 5: 4, 6: 3}  # by photometric interpretation; a palette's pixels tell


@dataclass(frozen=True)
class Header:
    """What an image file says about itself before any pixel is decoded.

    Attributes:
        kind: the file format.
        width: pixels in a row, before any rotation.
        height: rows, before any rotation.
        orientation: EXIF's 1 to 8 where the decoder is to turn the image, else 1.
        components: of a JPEG or TIFF: 1 for grey, 3 for colour, 4 for CMYK; 0 where only the decoded pixels tell.
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    components: int = 0


@dataclass(frozen=True)
class Decoded:
    """The pixels of a file, and what had to be converted to get them."""

    pixels: np.ndarray
    conversions: tuple[str, ...] = ()


def image_kind(start: bytes) -> str | None:
    """Return the format that a file's first bytes belong to, or None if it is no image that can be read."""
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WebP"
    if start.startswith((b"II*\0", b"MM\0*")):
        return "TIFF"
    if start.startswith(b"BM") and start[6:10] == bytes(4):
        return "BMP"
    return None


def read_header(data: bytes) -> Header:
    """Return what the file says about itself; raises DataError if it is damaged, cut off, or no image."""
    kind = image_kind(data[:MAGIC_BYTES])
    if kind is None:
        raise DataError("it is no JPEG, PNG, GIF, BMP, WebP or TIFF")
    try:
        header = _HEADER_READERS[kind](data)
    except (struct.error, IndexError, KeyError, ValueError):
        raise DataError(f"its {kind} header is damaged or cut off") from None
    if header.width < 1 or header.height < 1:
        raise DataError(f"its {kind} header declares {header.width} x {header.height} pixels")
    if header.width * header.height > MAX_PIXELS:
        limit = f"more than the {MAX_PIXELS // 10**6} million that are accepted"
        raise DataError(f"it declares {header.width} x {header.height} pixels, {limit}")
    return header


def decode(data: bytes, shortest_side: int | None = None) -> Decoded:
    """Decode the bytes of an image file.

    Transparency is laid over white, 16 bits are scaled to 8, CMYK becomes RGB, EXIF's rotation is applied, of an
    animation the first frame is taken.

    Args:
        data: the whole file.
        shortest_side: a JPEG may be decoded at a half, quarter or eighth of its size, as long as no side becomes
            shorter than this; None: always the full size.

    Returns:
        uint8 pixels, [H,W,3] RGB or [H,W,1] grey.
    """
    header = read_header(data)
    cv2 = opencv()
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _imread_flags(header, shortest_side))
    except cv2.error:
        pixels = None
    if pixels is None:
        raise DataError(f"its {header.kind} data is damaged or of a variant that OpenCV cannot read")
    conversions = ["CMYK"] if header.components == 4 else []
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
        conversions.append("16-bit")
    elif pixels.dtype != np.uint8:
        raise DataError(f"its pixels are {pixels.dtype}; save it with 8 or 16 bits")
    elif header.kind == "TIFF" and pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = _straight_alpha(pixels)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape[2] == 4 and pixels[..., 3].min() < 255:
        conversions.append("alpha over white")
    if pixels.shape[2] == 1:
        conversions.append("grey")
    elif pixels.shape[2] >= 3:
        pixels = pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]
    if header.orientation != 1:
        conversions.append("rotated by EXIF")
    return Decoded(_turned(over_white(pixels), header.orientation), tuple(conversions))


def _imread_flags(header: Header, shortest_side: int | None) -> int:
    """OpenCV's flags: keep alpha and 16 bits, rotate nothing, decode a large JPEG at a fraction of its size."""
    cv2 = opencv()
    if header.kind == "JPEG" and shortest_side is not None:
        for factor in (8, 4, 2):
            if min(header.width, header.height) // factor >= shortest_side:
                colour = "GRAYSCALE" if header.components == 1 else "COLOR"
                return getattr(cv2, f"IMREAD_REDUCED_{colour}_{factor}") | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.IMREAD_UNCHANGED


def _straight_alpha(pixels: np.ndarray) -> np.ndarray:
    """Undo what OpenCV does to 8-bit TIFFs: libtiff multiplies their colours by alpha."""
    alpha = pixels[..., 3:].astype(np.uint16)
    colour = (pixels[..., :3].astype(np.uint16) * 255 + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([np.minimum(colour, 255), alpha], axis=2).astype(np.uint8)


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Apply EXIF's orientation: 1 is upright, 2 to 4 are flips, 5 to 8 swap rows and columns."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _jpeg_header(data: bytes) -> Header:
    orientation, frame, position = 1, None, 2
    while True:
        position = data.index(b"\xff", position)
        while data[position] == 0xFF:
            position += 1
        marker = data[position]
        (length,) = struct.unpack_from(">H", data, position + 1)
        body = data[position + 3 : position + 1 + length]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = _exif_orientation(body[6:])
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            frame = struct.unpack_from(">xHHB", body)
        elif marker == 0xDA:
            break
        position += 1 + length
    if frame is None:
        raise DataError("its JPEG header is damaged")
    # Entropy-coded data never holds these two bytes, so a file that is cut off has none of them after the first scan.
    if data.rfind(b"\xff\xd9", position) < 0:
        raise DataError("the JPEG is cut off")
    height, width, components = frame
    return Header("JPEG", width, height, orientation, components)


def _png_header(data: bytes) -> Header:
    width, height = struct.unpack_from(">II", data, 16)
    orientation, position, name = 1, 8, b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, position)
        (checksum,) = struct.unpack_from(">I", data, position + 8 + length)
        if zlib.crc32(data[position + 4 : position + 8 + length]) != checksum:
            raise DataError(f"the checksum of its PNG chunk {name!r} is wrong: the file is damaged")
        if name == b"eXIf":
            orientation = _exif_orientation(data[position + 8 : position + 8 + length])
        position += 12 + length
    return Header("PNG", width, height, orientation)


def _gif_header(data: bytes) -> Header:
    if data.rstrip(b"\0")[-1:] != b";":
        raise DataError("the GIF is cut off")
    width, height = struct.unpack_from("<HH", data, 6)
    return Header("GIF", width, height)


def _bmp_header(data: bytes) -> Header:
    (header_size,) = struct.unpack_from("<I", data, 14)
    width, height, _planes, _bits = struct.unpack_from("<HHHH" if header_size == 12 else "<iiHH", data, 18)
    return Header("BMP", width, abs(height))  # a negative height means that the top row comes first


def _webp_header(data: bytes) -> Header:
    chunks = dict(_webp_chunks(data))
    orientation = _exif_orientation(chunks.get(b"EXIF", b"").removeprefix(b"Exif\0\0"))
    if b"VP8X" in chunks:
        width_low, width_high, height_low, height_high = struct.unpack_from("<4xHBHB", chunks[b"VP8X"])
        width, height = 1 + width_low + (width_high << 16), 1 + height_low + (height_high << 16)
    elif b"VP8L" in chunks:
        (bits,) = struct.unpack_from("<xI", chunks[b"VP8L"])
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<6xHH", chunks[b"VP8 "]))
    return Header("WebP", width, height, orientation)


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise DataError("the WebP is cut off")
    position = 12
    while position + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, position)
        yield name, data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _tiff_header(data: bytes) -> Header:
    tags = _tiff_tags(data)
    # OpenCV turns TIFFs itself, whatever it is told.
    components = _TIFF_COMPONENTS.get(tags.get(_PHOTOMETRIC, -1), 0)
    return Header("TIFF", tags[_WIDTH], tags[_HEIGHT], components=components)


def _exif_orientation(exif: bytes) -> int:
    """The orientation in an EXIF block, which is laid out as a TIFF; 1 if there is none or the block is damaged."""
    try:
        orientation = _tiff_tags(exif).get(_ORIENTATION, 1)
    except struct.error:
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _tiff_tags(data: bytes) -> dict[int, int]:
    """The tags of a TIFF's first directory that hold one whole number each."""
    order = "<" if data.startswith(b"II") else ">"
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, directory)
    tags = {}
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, value_type, values = struct.unpack_from(order + "HHI", data, entry)
        if values == 1 and value_type in (3, 4):
            (tags[tag],) = struct.unpack_from(order + ("H" if value_type == 3 else "I"), data, entry + 8)
    return tags


_HEADER_READERS = {
    "JPEG": _jpeg_header,
    "PNG": _png_header,
    "GIF": _gif_header,
    "WebP": _webp_header,
    "TIFF": _tiff_header,
    "BMP": _bmp_header,
}
