"""Names on sheets of images: above the columns, or beside the rows."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_SIZE, _SMALLEST = 15, 9
_LONGEST = 150
"""The most pixels of a name that is written beside a row or upright."""
_MARGIN = 4


def above(names: Sequence[str], edges: Sequence[tuple[int, int]], width: int) -> np.ndarray:
    """Return a white strip [H, width, 1] with names in black, one centred above each column.

    Names that are wider than their column even in a small type are all written upright, and cut if they are long.

    Args:
        names: one for each column.
        edges: the first and the last pixel of each column, counted from the left.
        width: of the strip.
    """
    narrowest = min(right - left for left, right in edges)
    for size in range(_SIZE, _SMALLEST - 1, -1):
        if max(_width(name, size) for name in names) <= narrowest:
            written = [_written(name, size) for name in names]
            break
    else:
        size = max(_SMALLEST, min(_SIZE - 3, narrowest - 2))
        written = [np.rot90(_written(_cut(name, size, _LONGEST), size)) for name in names]
    height = max(len(name) for name in written)
    strip = np.full((height + 2 * _MARGIN, width), 255, np.uint8)
    for name, (left, right) in zip(written, edges, strict=True):
        start = max(0, min((left + right - name.shape[1]) // 2, width - name.shape[1]))
        part = strip[_MARGIN + height - len(name) :, start : start + name.shape[1]][: len(name)]
        np.minimum(part, name[:, : part.shape[1]], out=part)
    return strip[..., np.newaxis]


def beside(names: Sequence[str], edges: Sequence[tuple[int, int]], height: int) -> np.ndarray:
    """Return a white strip [height, W, 1] with names in black, one at the right end of the middle of each row.

    Args:
        names: one for each row.
        edges: the first and the last pixel of each row, counted from the top.
        height: of the strip.
    """
    size = max(_SMALLEST, min(_SIZE, min(bottom - top for top, bottom in edges) - 2))
    written = [_written(_cut(name, size, _LONGEST), size) for name in names]
    width = max(name.shape[1] for name in written)
    strip = np.full((height, width + 2 * _MARGIN), 255, np.uint8)
    for name, (top, bottom) in zip(written, edges, strict=True):
        start = max(0, min((top + bottom - len(name)) // 2, height - len(name)))
        part = strip[start : start + len(name), _MARGIN + width - name.shape[1] : _MARGIN + width]
        np.minimum(part, name[: len(part)], out=part)
    return strip[..., np.newaxis]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with Matplotlib: it has the letters of most alphabets."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def _width(name: str, size: int) -> int:
    return round(_font(size).getlength(_one_line(name))) + 2


def _cut(name: str, size: int, longest: int) -> str:
    """Return a name, shortened with an ellipsis to a number of pixels."""
    shown = _one_line(name)
    if _width(shown, size) <= longest:
        return shown
    while shown and _width(shown + "…", size) > longest:
        shown = shown[:-1]
    return shown.rstrip() + "…"


def _written(name: str, size: int) -> np.ndarray:
    """Return a name in black on white, uint8 [height, width]; the height depends on the size alone."""
    font, shown = _font(size), _one_line(name)
    ascent, descent = font.getmetrics()
    image = Image.new("L", (_width(shown, size), ascent + descent), 255)
    ImageDraw.Draw(image).text((1, 0), shown, fill=0, font=font)
    return np.asarray(image)


def _one_line(name: str) -> str:
    return " ".join(name.split())
