"""Images laid out on a grid, and written as PNG or WebP."""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from ganctl.errors import UsageError
from ganctl.host.files import shown, write_atomically
from ganctl.images.bands import every_band, visible
from ganctl.images.headings import above, beside
from ganctl.images.opencv import opencv
from ganctl.images.resize import resized, to_channels

LONGEST_SIDE = 1024
"""The most pixels of the longer side of an enlarged sheet."""

LONGEST_CELL = 128
"""The most pixels of the longer side of each image on an enlarged sheet."""

MOST_COLUMNS = 20
"""The most classes side by side; with more, the columns wrap as lines of text do."""

LONGEST_PNG_SIDE = 1_000_000
"""The limit of libpng; OpenCV would write a larger picture as an empty file."""

LONGEST_WEBP_SIDE = 16_383
"""The limit of the format."""

_GAP = 2

# A picture of repeated pixels gets a third as large as with OpenCV's default, which is only milliseconds faster.
_PNG_COMPRESSION = 3


def grid(
    images: np.ndarray,
    rows: int,
    columns: int,
    *,
    alpha: bool = False,
    headings: Sequence[Sequence[str]] = (),
    row_names: Sequence[str] = (),
) -> np.ndarray:
    """Lay images [N,H,W,C] out as `layout` does, and enlarge small ones to make them easier to see.

    Images that are neither grey nor RGB are shown as `visible` says. If they are bands, all bands of the first image
    follow in a row of their own.

    The whole sheet is enlarged by `enlargement`: `grid(...)[::factor, ::factor]` is the layout in its native size,
    unless names are written on it.

    Args:
        images: in the order of reading.
        rows: of the sheet.
        columns: of the sheet.
        alpha: the last channel is transparency.
        headings: names above the columns. Several such lists divide the rows equally, each above its own rows. A single
            name stands above the whole sheet.
        row_names: names beside the rows.
    """
    sheet = layout(visible(images, alpha=alpha), rows, columns)
    channels = images.shape[-1]
    if channels not in (1, 3) and not alpha:
        sheet = stacked([sheet, layout(every_band(images[0]), 1, channels)])
    factor = enlargement(sheet, images[0])
    sheet = sheet.repeat(factor, axis=0).repeat(factor, axis=1)
    height, width = images.shape[1:3]
    row_edges = _edges(len(row_names), height, factor)
    if headings:
        each = rows // len(headings)
        column_edges = [_edges(len(names), width, factor) for names in headings]
        sheet, lower = _headed(sheet, headings, column_edges, each * (height + _GAP) * factor)
        moved = lower.repeat(each).tolist()
        row_edges = [(top + by, bottom + by) for (top, bottom), by in zip(row_edges, moved, strict=False)]
    if row_names:
        strip = beside(row_names, row_edges, len(sheet))
        sheet = np.concatenate([to_channels(strip, sheet.shape[-1]), sheet], axis=1)
    return sheet


def _headed(
    sheet: np.ndarray, headings: Sequence[Sequence[str]], edges: Sequence[Sequence[tuple[int, int]]], part: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a sheet with names above each part of it, and by how many pixels each part has moved down.

    Args:
        sheet: an enlarged sheet.
        headings: the names above each part; a single name in all stands above the whole sheet.
        edges: for each part, where the cells below its names begin and end.
        part: the height of a part; the last one has the rest.
    """
    starts = [*range(0, part * len(headings), part), len(sheet)]
    parts = [sheet[start:end] for start, end in pairwise(starts)]
    if sum(map(len, headings)) == 1:
        edges = [[(0, sheet.shape[1])]]
    strips = [above(names, below, sheet.shape[1]) for names, below in zip(headings, edges, strict=True)]
    together = stacked([either for both in zip(strips, parts, strict=True) for either in both])
    return together, np.cumsum([len(strip) for strip in strips])


def _edges(count: int, length: int, factor: int) -> list[tuple[int, int]]:
    """Return where the cells of an enlarged sheet begin and end along an axis; their images have this length."""
    starts = [factor * (_GAP + number * (length + _GAP)) for number in range(count)]
    return [(start, start + factor * length) for start in starts]


def wrapped_shape(count: int, classes: int) -> tuple[int, int]:
    """Return the rows and columns of the sheet that `wrapped` arranges, for `count` images."""
    rows, parts, columns = _wrapping(count, classes)
    return parts * rows, columns


def wrapped(images: np.ndarray, classes: int) -> np.ndarray:
    """Arrange images whose classes repeat for a sheet with a column for each class.

    With more than MOST_COLUMNS classes, the columns wrap into parts of about equal width, one below the other. Each
    part has all rows of its classes, so with one image per class the sheet reads like text. Fewer classes do not wrap.

    Args:
        images: [N,H,W,C]; the classes repeat cyclically.
        classes: their number.

    Returns:
        Images [M,H,W,C] for a `layout` of the rows and columns of `wrapped_shape`; empty cells are white.
    """
    rows, parts, columns = _wrapping(len(images), classes)
    if parts == 1:
        return images
    cells = np.full((parts * rows * columns, *images.shape[1:]), 255, np.uint8)
    row, place = np.divmod(np.arange(len(images)), classes)
    part, column = np.divmod(place, columns)
    cells[(part * rows + row) * columns + column] = images
    return cells


def _wrapping(count: int, classes: int) -> tuple[int, int, int]:
    """Return the rows of each part, the number of parts, and the columns of each."""
    rows = math.ceil(count / classes)
    if classes <= MOST_COLUMNS:
        return rows, 1, classes
    used = min(classes, count)
    parts = math.ceil(used / MOST_COLUMNS)
    return rows, parts, math.ceil(used / parts)


def check_fits_png(path: Path, rows: int, columns: int, image_shape: Sequence[int]) -> None:
    """Raise UsageError if a sheet of images of this shape, height first, is too large for PNG."""
    height, width = image_shape[:2]
    _check_sides(rows * (height + _GAP) + _GAP, columns * (width + _GAP) + _GAP, path)


def enlargement(sheet: np.ndarray, image: np.ndarray) -> int:
    """Return the integer factor by which a sheet [H,W,C] of images like this [H,W,C] is enlarged; 1: not at all.

    It is the largest factor for which the sheet's longer side is at most LONGEST_SIDE pixels and the image's at most
    LONGEST_CELL. Every pixel becomes a square of equal pixels.
    """
    return max(1, min(LONGEST_SIDE // max(sheet.shape[:2]), LONGEST_CELL // max(image.shape[:2])))


def layout(images: np.ndarray, rows: int, columns: int, gap: int = _GAP) -> np.ndarray:
    """Lay the first `rows * columns` images [N,H,W,C] out on white, row by row; cells without an image stay white."""
    height, width, channels = images.shape[1:]
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, np.uint8)
    for index, image in enumerate(images[: rows * columns]):
        top = gap + index // columns * (height + gap)
        left = gap + index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def stacked(sheets: Sequence[np.ndarray]) -> np.ndarray:
    """Return sheets [H, W, C] stacked vertically, padded with white to the widest."""
    if len(sheets) == 1:
        return sheets[0]
    width, channels = max(sheet.shape[1] for sheet in sheets), max(sheet.shape[2] for sheet in sheets)
    wide = [to_channels(sheet, channels) for sheet in sheets]
    return np.concatenate([np.pad(s, [(0, 0), (0, width - s.shape[1]), (0, 0)], constant_values=255) for s in wide])


def to_png(image: np.ndarray, path: Path | None = None) -> bytes:
    """Return a uint8 image, [H,W,3] RGB, [H,W,4] RGBA, [H,W,1] or [H,W], as PNG.

    Raises:
        UsageError: a side is longer than LONGEST_PNG_SIDE, or OpenCV cannot write the picture; names `path`.
    """
    height, width = image.shape[:2]
    _check_sides(height, width, path)
    if image.ndim == 3 and image.shape[2] >= 3:
        image = image[..., [2, 1, 0, *range(3, image.shape[2])]]
    return _encoded(".png", image, opencv().IMWRITE_PNG_COMPRESSION, _PNG_COMPRESSION, path)


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a uint8 image as `to_png` does; the file appears whole or not at all.

    Raises:
        UsageError: as for `to_png`.
        OSError: the file cannot be written.
    """
    write_atomically(path, to_png(image, path), durable=False)


def to_webp(image: np.ndarray, quality: int = 85) -> bytes:
    """Return a uint8 image, [H,W,3] RGB or [H,W,1], as lossy WebP: about a fifth of the size of a PNG.

    If the longer side exceeds LONGEST_WEBP_SIDE, the image is shrunk to that. Raises UsageError if OpenCV cannot write
    it.
    """
    height, width = image.shape[:2]
    scale = min(1.0, LONGEST_WEBP_SIDE / max(height, width))
    if scale < 1.0:
        image = resized(image, max(1, round(height * scale)), max(1, round(width * scale)))
    return _encoded(".webp", to_channels(image, 3)[..., ::-1], opencv().IMWRITE_WEBP_QUALITY, quality)


def _check_sides(height: int, width: int, path: Path | None) -> None:
    if max(height, width) > LONGEST_PNG_SIDE:
        raise UsageError(
            f"{_named(path)} would be {width:,} x {height:,} pixels. A PNG has at most {LONGEST_PNG_SIDE:,} on a side. "
            "Put fewer images into one picture, or write them to a folder or an npz."
        )


def _encoded(kind: str, image: np.ndarray, setting: int, value: int, path: Path | None = None) -> bytes:
    """Return an encoded picture; raises UsageError. OpenCV reports failure by an empty result or an exception."""
    cv2 = opencv()
    try:
        written, content = cv2.imencode(kind, image, [setting, value])
    except cv2.error:
        written, content = False, b""
    if not written or not len(content):
        raise UsageError(
            f"{_named(path)} cannot be written as {kind[1:].upper()}. Received: {image.dtype} {list(image.shape)}"
        )
    return bytes(content)


def _named(path: Path | None) -> str:
    return "The picture" if path is None else shown(path)
