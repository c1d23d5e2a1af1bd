"""Headers of image files: format, size and rotation, read without decoding a pixel.

Pillow's classes read them. Files that are damaged or cut off where this shows without decoding are refused here.
"""

import functools
import importlib
import io
import operator
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ganctl.errors import DataError
from ganctl.experiment.sections import MOST_CHANNELS
from ganctl.images import file_formats, npy_images, tifffile_pages
from ganctl.images.bands import ALPHA_CHANNELS
from ganctl.images.file_formats import (
    BAND_TIFF,
    BIG_TIFF,
    CAMERA_RAW,
    FIRST_BYTES,
    NUMPY,
    READ,
    format_of,
    image_kind,
    is_camera_raw,
)
from ganctl.images.warning_filter import without_warnings

if TYPE_CHECKING:  # Pillow is loaded at first use
    from PIL.Image import Exif
    from PIL.ImageFile import ImageFile
    from PIL.JpegImagePlugin import JpegImageFile

# Larger images take gigabytes to decode, from a file of possibly a few kilobytes.
MAX_PIXELS = 100_000_000

_ORIENTATION, _WIDTH, _HEIGHT, _PHOTOMETRIC = 0x112, 0x100, 0x101, 0x106
_SAMPLES_PER_PIXEL, _EXTRA_SAMPLES = 0x115, 0x152
_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 1, 2
_SHORT = 3
# A TIFF of more samples per pixel holds bands, whatever it says of its colours.
_MOST_COLOURS = 4
# As many values as the largest picture with transparency has.
_MAX_VALUES = 4 * MAX_PIXELS

# Pillow's modes in words.
_MODES = {
    "1": "grey",
    "L": "grey",
    "LA": "grey with alpha",
    "I": "grey, 16 bits",
    "I;16": "grey, 16 bits",
    "I;16B": "grey, 16 bits",
    "P": "palette",
}
_TIFF_COMPONENTS = {0: 1, 1: 1, 2: 3, 5: 4, 6: 3}  # by photometric interpretation; a palette's pixels tell

# The module and class that read pixels which OpenCV reads wrongly or not at all. HEIC's returns upright images: it
# removes the rotation from the EXIF block.
_PILLOW_CLASSES = {
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIC": ("pillow_heif", "HeifImageFile"),
    "JPEG 2000": ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "PPM": ("PIL.PpmImagePlugin", "PpmImageFile"),
    "TGA": ("PIL.TgaImagePlugin", "TgaImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
}


@dataclass(frozen=True)
class Header:
    """The header of an image file, read without decoding a pixel.

    Attributes:
        kind: the file format.
        width: in pixels, before any rotation.
        height: in pixels, before any rotation.
        orientation: EXIF's 1 to 8 if the decoder must rotate the image, otherwise 1.
        components: of a JPEG or TIFF: 1 for grey, 3 for colour, 4 for CMYK; 0 if only the decoded pixels tell.
        for_pillow: Pillow must decode it: OpenCV would refuse it, drop its alpha channel, or not turn it upright.
        times_alpha: the decoder returns colours multiplied by alpha.
        pages: number of pages; 1 for any format but TIFF.
        bands: the number of channels, if they are not grey or RGB, perhaps with alpha; otherwise 0.
        for_tifffile: tifffile must decode it: a BigTIFF, or a TIFF of more than four channels.
        mode: how its colours are stored, in words; empty if `image_glance.mode_of` must tell.
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    components: int = 0
    for_pillow: bool = False
    times_alpha: bool = False
    pages: int = 1
    bands: int = 0
    for_tifffile: bool = False
    mode: str = ""

    @property
    def upright(self) -> tuple[int, int]:
        """Height and width in pixels, as a viewer shows them."""
        turned = self.orientation in (5, 6, 7, 8)
        return (self.width, self.height) if turned else (self.height, self.width)


class UnreadFormatError(DataError):
    """An image of a known format that ganctl does not read.

    Attributes:
        kind: the format.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"it is {kind}, which is not read")
        self.kind = kind


def read_header(data: bytes, name: str = "") -> Header:
    """Return the header of an image file.

    Pillow's class for the format reads it. `PIL.Image.open` would only add a limit that is a setting of the user's
    whole process, `PIL.Image.MAX_IMAGE_PIXELS`.

    Args:
        data: the whole file.
        name: of the file; without it, a TGA is not recognised.

    Raises:
        UnreadFormatError: it is of a known format that is not read.
        DataError: it is visibly damaged without decoding, cut off, too large, or not an image.
    """
    from PIL.Image import DecompressionBombError

    start = data[:FIRST_BYTES]
    kind = image_kind(start, name)
    if kind is None:
        other = format_of(start, name)
        raise UnreadFormatError(other) if other else DataError(f"not a {READ}")
    try:
        header = _HEADER_READERS[kind](data)
    except DataError:
        raise
    except DecompressionBombError as error:
        raise DataError(f"it is too large: {error}") from None
    except Exception:  # Pillow documents no exception types
        raise DataError(f"its {kind} header is damaged or cut off") from None
    if header.width < 1 or header.height < 1:
        raise DataError(f"its {kind} header declares {header.width} x {header.height} pixels")
    if header.width * header.height > MAX_PIXELS:
        limit = f"more than the {MAX_PIXELS // 10**6} million that are accepted"
        raise DataError(f"it declares {header.width} x {header.height} pixels, {limit}")
    return header


def opened(kind: str, data: bytes) -> "ImageFile":
    """Return Pillow's image of a file; its pixels are decoded on first use."""
    module, name = _PILLOW_CLASSES[kind]
    image: ImageFile = getattr(importlib.import_module(module), name)(io.BytesIO(data))
    if kind == "TGA" and not image.tile:  # its pixels would be black
        raise DataError("its TGA header names a coding that Pillow cannot read")
    return image


@functools.cache
def _jpeg_reader() -> "type[JpegImageFile]":
    """Pillow's class, without its search for the resolution in the EXIF block, which takes longer than the rest."""
    from PIL.JpegImagePlugin import JpegImageFile

    class Reader(JpegImageFile):
        def getexif(self) -> "Exif":
            raise SyntaxError  # as of an unreadable block

    return Reader


def _jpeg_header(data: bytes) -> Header:
    file = io.BytesIO(data)
    image = _jpeg_reader()(file)
    # Pillow reads up to the pixels, and OpenCV fills missing ones with grey. Pixel data never contains these two bytes,
    # the end marker: a file without them is cut off.
    if not image.tile or data.rfind(b"\xff\xd9", file.tell()) < 0:
        raise DataError("the JPEG is cut off")
    return Header("JPEG", *image.size, _orientation(image), image.layers)


def _png_header(data: bytes) -> Header:
    from PIL.PngImagePlugin import PngImageFile

    file = io.BytesIO(data)
    with without_warnings():
        image = PngImageFile(file)
    pixels = image.tile[0][2]
    try:
        image.verify()
    except SyntaxError as error:
        raise DataError(f"the PNG is damaged: {error}") from None
    # Pillow verifies the checksum of every chunk but the last. With a wrong one, OpenCV's library prints a warning.
    if file.read(4) != zlib.crc32(b"IEND").to_bytes(4):
        raise DataError("the PNG is damaged or cut off at its end")
    # Pillow finds an EXIF block after the pixels, where ExifTool puts it, only by decoding.
    behind = max(data.find(b"eXIf" + magic, pixels) for magic in (b"II*\0", b"MM\0*"))
    if behind > 0:
        image.info["exif"] = data[behind + 4 :]
    # OpenCV ignores the level that a grey PNG declares transparent.
    hidden = image.mode in ("1", "L", "I;16", "I") and "transparency" in image.info
    return Header("PNG", *image.size, _orientation(image), for_pillow=hidden)


def _gif_header(data: bytes) -> Header:
    from PIL.GifImagePlugin import GifImageFile

    if data.rstrip(b"\0")[-1:] != b";":  # Pillow would only read up to the first frame's pixels
        raise DataError("the GIF is cut off")
    with without_warnings():
        return Header("GIF", *GifImageFile(io.BytesIO(data)).size)


def _bmp_header(data: bytes) -> Header:
    from PIL.BmpImagePlugin import BmpImageFile

    try:
        image = BmpImageFile(io.BytesIO(data))
    except OSError as error:
        raise DataError(f"its BMP header is damaged or cut off, or Pillow cannot read its kind: {error}") from None
    order = (image.tile[0][3] or [""])[0]
    # After a header of 40 bytes, OpenCV reads every 32-bit pixel as blue, green and red, whatever the file declares.
    if data[14] == 40 and order in ("XBGR", "BGXR"):
        raise DataError("its colour channels are in an unusual order and would be swapped; save it as PNG")
    return Header("BMP", *image.size)


def _webp_header(data: bytes) -> Header:
    from PIL.WebPImagePlugin import WebPImageFile

    image = WebPImageFile(io.BytesIO(data))
    return Header("WebP", *image.size, _orientation(image))


def _pillow_header(kind: str, data: bytes) -> Header:
    """The header of a format whose pixels Pillow reads, too."""
    with without_warnings():
        image = opened(kind, data)
    mode = _MODES.get(image.mode, image.mode)
    return Header(kind, *image.size, _orientation(image), for_pillow=True, mode=mode)


def _tiff_header(data: bytes) -> Header:
    if is_camera_raw(data):
        raise UnreadFormatError(CAMERA_RAW)
    # Only the tags: Pillow opens only what it can decode, and OpenCV decodes more.
    tags = _tags(data)
    samples = tags.get(_SAMPLES_PER_PIXEL, 1)
    if isinstance(samples, int) and samples > _MOST_COLOURS:
        if not file_formats.is_read(BAND_TIFF):
            raise UnreadFormatError(BAND_TIFF)
        return _tifffile_header("TIFF", data)
    width, height = (operator.index(tags[tag]) for tag in (_WIDTH, _HEIGHT))
    extra = tags.get(_EXTRA_SAMPLES)
    alpha = extra[0] if isinstance(extra, tuple) and extra else extra
    sizes = _page_sizes(data)
    if any(page_width * page_height > MAX_PIXELS for page_width, page_height in sizes):
        raise DataError(f"one of its pages has more than the {MAX_PIXELS // 10**6} million pixels that are accepted")
    # OpenCV rotates TIFFs itself, but fails if height and width change places.
    turned = tags.get(_ORIENTATION) in (5, 6, 7, 8) and width != height
    grey_with_alpha = tags.get(_SAMPLES_PER_PIXEL) == 2 and tags.get(_PHOTOMETRIC) in (0, 1)
    return Header(
        "TIFF",
        width,
        height,
        components=_TIFF_COMPONENTS.get(tags.get(_PHOTOMETRIC, -1), 0),
        for_pillow=turned or grey_with_alpha,
        times_alpha=alpha in (_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA) and not turned,
        pages=len(sizes),
    )


def _tifffile_header(kind: str, data: bytes) -> Header:
    """The header of a TIFF that only tifffile reads."""
    pages = tifffile_pages.pages_of(data)
    first = pages[0]
    if first.raw:
        raise UnreadFormatError(CAMERA_RAW)
    if most := max((page.channels for page in pages if page.channels > MOST_CHANNELS), default=0):
        raise DataError(f"it has {most} bands, more than the {MOST_CHANNELS} that are accepted")
    if any(page.height * page.width * max(_MOST_COLOURS, page.channels) > _MAX_VALUES for page in pages):
        raise DataError(
            f"one of its pages has more than the {MAX_PIXELS // 10**6} million pixels of {_MOST_COLOURS} channels, or "
            "as many values of more channels, that are accepted"
        )
    bands = first.channels > _MOST_COLOURS or (first.channels in ALPHA_CHANNELS and not first.alpha)
    return Header(
        kind,
        first.width,
        first.height,
        first.orientation,
        times_alpha=first.times_alpha,
        pages=len(pages),
        bands=first.channels if bands else 0,
        for_tifffile=True,
        mode=_in_words(first.channels, first.dtype, alpha=first.alpha),
    )


def _npy_header(data: bytes) -> Header:
    layout = npy_images.layout_of(data)
    return Header(
        NUMPY,
        layout.width,
        layout.height,
        bands=0 if layout.channels in (1, 3) else layout.channels,
        mode=_in_words(layout.channels, layout.dtype),
    )


def _in_words(channels: int, dtype: np.dtype, *, alpha: bool = False) -> str:
    """The mode of an image that may have any number of channels of any type."""
    names = {1: "grey", 3: "RGB"} | ({2: "grey with alpha", 4: "RGBA"} if alpha else {})
    name = names.get(channels, f"{channels} bands")
    return name if dtype == np.uint8 else f"{name}, {dtype.name}"


def _page_sizes(data: bytes) -> list[tuple[int, int]]:
    """Return width and height of each page of a TIFF; a damaged chain of pages ends where it cannot be followed."""

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], "little" if data.startswith(b"II") else "big")

    sizes: dict[int, tuple[int, int]] = {}
    at = number(4, 4)
    while at and at not in sizes and at + 2 <= len(data):
        entries = [at + 2 + 12 * place for place in range(number(at, 2))]
        sides = {number(entry, 2): number(entry + 8, 2 if number(entry + 2, 2) == _SHORT else 4) for entry in entries}
        sizes[at] = sides.get(_WIDTH, 0), sides.get(_HEIGHT, 0)
        at = number(at + 2 + 12 * len(entries), 4)
    return list(sizes.values())


def _orientation(image: "ImageFile") -> int:
    """Return the orientation in an image's EXIF block; 1 if there is none or the block is damaged."""
    exif = image.info.get("exif")
    if not exif:
        return 1
    try:
        orientation = _tags(exif).get(_ORIENTATION)
    except Exception:  # Pillow documents no exception types
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _tags(data: bytes) -> "Exif":
    """Return the tags in the first directory of a TIFF; an EXIF block has the same layout."""
    from PIL.Image import Exif

    tags = Exif()
    with without_warnings():
        tags.load(data)
    return tags


_HEADER_READERS: dict[str, Callable[[bytes], Header]] = {
    "JPEG": _jpeg_header,
    "PNG": _png_header,
    "GIF": _gif_header,
    "BMP": _bmp_header,
    "WebP": _webp_header,
    "TIFF": _tiff_header,
    BIG_TIFF: functools.partial(_tifffile_header, BIG_TIFF),
    NUMPY: _npy_header,
    **{kind: functools.partial(_pillow_header, kind) for kind in ("AVIF", "HEIC", "JPEG 2000", "PPM", "TGA")},
}
