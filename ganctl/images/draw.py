"""Images laid out on a grid, and written as PNG or WebP."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganctl.host.files import write_atomically
from ganctl.images.bands import every_band, visible
from ganctl.images.opencv import opencv
from ganctl.images.resize import to_channels

LONGEST_SIDE = 1024
"""The most pixels of the longer side of an enlarged sheet."""

LONGEST_CELL = 128
"""The most pixels of the longer side of each image on an enlarged sheet."""

# A picture of repeated pixels gets a third as large as with OpenCV's default, which is only milliseconds faster.
_PNG_COMPRESSION = 3


def grid(images: np.ndarray, rows: int, columns: int, *, alpha: bool = False) -> np.ndarray:
    """Lay images [N,H,W,C] out as `layout` does, and enlarge small ones to make them easier to see.

    Images that are neither grey nor RGB are shown as `visible` says. If they are bands, all bands of the first image
    follow in a row of their own.

    The whole sheet is enlarged by `enlargement`: `grid(...)[::factor, ::factor]` is the layout in its native size.
    """
    sheet = layout(visible(images, alpha=alpha), rows, columns)
    channels = images.shape[-1]
    if channels not in (1, 3) and not alpha:
        sheet = stacked([sheet, layout(every_band(images[0]), 1, channels)])
    factor = enlargement(sheet, images[0])
    return sheet.repeat(factor, axis=0).repeat(factor, axis=1)


def enlargement(sheet: np.ndarray, image: np.ndarray) -> int:
    """Return the integer factor by which a sheet [H,W,C] of images like this [H,W,C] is enlarged; 1: not at all.

    It is the largest factor for which the sheet's longer side is at most LONGEST_SIDE pixels and the image's at most
    LONGEST_CELL. Every pixel becomes a square of equal pixels.
    """
    return max(1, min(LONGEST_SIDE // max(sheet.shape[:2]), LONGEST_CELL // max(image.shape[:2])))


def layout(images: np.ndarray, rows: int, columns: int, gap: int = 2) -> np.ndarray:
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


def to_png(image: np.ndarray) -> bytes:
    """Return a uint8 image, [H,W,3] RGB, [H,W,4] RGBA, [H,W,1] or [H,W], as PNG."""
    if image.ndim == 3 and image.shape[2] >= 3:
        image = image[..., [2, 1, 0, *range(3, image.shape[2])]]
    cv2 = opencv()
    settings = [cv2.IMWRITE_PNG_COMPRESSION, _PNG_COMPRESSION]
    return bytes(cv2.imencode(".png", image, settings)[1])


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a uint8 image as `to_png` does; the file appears whole or not at all."""
    write_atomically(path, to_png(image), durable=False)


def to_webp(image: np.ndarray, quality: int = 85) -> bytes:
    """Return a uint8 image, [H,W,3] RGB or [H,W,1], as lossy WebP: about a fifth of the size of a PNG."""
    rgb = to_channels(image, 3)
    cv2 = opencv()
    return bytes(cv2.imencode(".webp", rgb[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])[1])
