"""Pages of the TIFFs that only the library tifffile reads: those of more than four channels, and BigTIFF.

The library and its decompressors come with the extra `tiff`.
"""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ganctl.errors import DataError

if TYPE_CHECKING:  # tifffile is loaded at first use
    from tifffile import TiffFile, TiffPage

_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_COLOUR_FILTER_ARRAY, _LINEAR_RAW, _DNG_VERSION = 32803, 34892, 0xC612
_UNCOMPRESSED, _JPEG = 1, 7
_SEPARATE = 2
_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 1, 2
_COLOURS = 4
"""A page of more channels than this holds bands, whatever it says of its colours."""


@dataclass(frozen=True)
class Page:
    """What a page says of itself.

    Attributes:
        height: in pixels.
        width: in pixels.
        channels: of the image: a palette has 3.
        dtype: of the values.
        alpha: the last of 2 or 4 channels is transparency.
        times_alpha: the colours are stored multiplied by it.
        orientation: 1 to 8, as in EXIF.
        raw: it is a camera's raw file.
    """

    height: int
    width: int
    channels: int
    dtype: np.dtype
    alpha: bool
    times_alpha: bool
    orientation: int
    raw: bool


def pages_of(data: bytes) -> list[Page]:
    """Return what the pages of a TIFF say of themselves, without decoding one.

    The library may raise any exception if the file is damaged.

    Raises:
        DataError: a page is of a kind that is not read.
    """
    with _opened(data) as file:
        return [_described(page) for page in _pages(file)]


def values_of(data: bytes, number: int) -> np.ndarray:
    """Return the values of a page of a TIFF [H,W,C], upright only if they are stored so.

    Bands are what the library reads. Of other pages, black is the lowest value, and a palette becomes RGB.

    The library may raise any exception if the file is damaged.

    Raises:
        DataError: the page is cut off.
    """
    with _opened(data) as file:
        page = file.pages[number].aspage()
        described = _described(page)
        _refuse_cut_off(page, len(data))
        values: np.ndarray = page.asarray(maxworkers=1)  # several files are read at once
        if page.planarconfig == _SEPARATE and page.samplesperpixel > 1:
            values = np.moveaxis(values, 0, -1)
        values = values.reshape(described.height, described.width, -1)
        if values.dtype == bool:
            values = values.astype(np.uint8) * np.uint8(255)
        if page.samplesperpixel > _COLOURS:
            return np.ascontiguousarray(values)
        if page.photometric == _PALETTE and page.colormap is not None:
            return (page.colormap[:, values[..., 0]] // 256).astype(np.uint8).transpose(1, 2, 0)
        if page.photometric == _MIN_IS_WHITE and values.dtype.kind == "u":
            most = 255 if page.bitspersample == 1 else 2**page.bitspersample - 1
            grey = values.shape[2] - described.alpha
            values = np.concatenate([most - values[..., :grey], values[..., grey:]], axis=2).astype(values.dtype)
        return np.ascontiguousarray(values)


@contextmanager
def _opened(data: bytes) -> "Iterator[TiffFile]":
    import tifffile

    # It logs what it finds damaged; without a handler, Python would print that on the terminal.
    logger = logging.getLogger("tifffile")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        yield file


def _pages(file: "TiffFile") -> "Iterator[TiffPage]":
    for number in range(len(file.pages)):
        yield file.pages[number].aspage()


def _described(page: "TiffPage") -> Page:
    samples, photometric = page.samplesperpixel, page.photometric
    tags: Any = page.tags
    orientation = tags.valueof(0x112, 1)
    if page.dtype is None:
        raise DataError(f"its values of {page.bitspersample} bits are in a format that tifffile cannot read")
    if page.imagedepth != 1:
        raise DataError(f"its pages are {page.imagedepth} layers deep; save each layer as a page")
    raw = photometric in (_COLOUR_FILTER_ARRAY, _LINEAR_RAW) or _DNG_VERSION in tags
    plain = (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE)
    from_jpeg = photometric == _YCBCR and page.compression == _JPEG  # decompression makes RGB of it
    if not raw and samples <= _COLOURS and photometric not in plain and not from_jpeg:
        name = getattr(photometric, "name", photometric)
        raise DataError(f"its colours are stored as {name}, which is not read from a BigTIFF; save it as RGB")
    extra = page.extrasamples[-1] if page.extrasamples else 0
    alpha = samples == 4 and photometric == _RGB
    alpha |= samples in (2, 4) and extra in (_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA)
    return Page(
        page.imagelength,
        page.imagewidth,
        3 if photometric == _PALETTE and samples == 1 else samples,
        page.dtype,
        alpha,
        alpha and extra == _ASSOCIATED_ALPHA,
        orientation if orientation in range(1, 9) else 1,
        raw,
    )


def _refuse_cut_off(page: "TiffPage", size: int) -> None:
    """Raise DataError if strips or tiles lie beyond the end of the file: the library would fill them with zeros.

    Those of offset and size 0 were left out on purpose, as GDAL does with empty ones.
    """
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    sparse = any(count == 0 for _, count in parts)
    whole = page.compression != _UNCOMPRESSED or page.bitspersample % 8 or sparse
    missing = sum(count for _, count in parts) < page.nbytes and not whole
    if not parts or missing or any(offset + count > size for offset, count in parts):
        raise DataError("the TIFF is cut off")
