"""A picture of what cropping to one shape does: some originals, each next to its result."""

import numpy as np

from ganctl.errors import DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.images.bands import visible
from ganctl.images.decode import decode
from ganctl.images.resize import centred, resized, scale_to_fit, to_channels
from ganctl.planning.survey.folder_survey import Survey
from ganctl.planning.survey.picture import Picture

ROWS, COLUMNS = 4, 3
ORIGINAL, RESULT = 192, 128
"""Pixels of the longest side of an original, and of a result."""

_GAP = 12
_PAPER, _FRAME = 215, (230, 0, 120)
_LINE = 2


def contact_sheet(pictures: Survey, dataset: DatasetSection) -> np.ndarray:
    """Return a sheet, uint8 [H,W,3] RGB.

    The left of each pair shows the original, upright, with what is kept framed and what is cut off in paler colours;
    the right shows what the networks get, enlarged.

    Args:
        pictures: the folder.
        dataset: size, channels and resize mode.
    """
    height, width = ORIGINAL + _GAP, ORIGINAL + RESULT + 3 * _GAP
    sheet = np.full((ROWS * height + _GAP, COLUMNS * width + _GAP, 3), _PAPER, np.uint8)
    place, shape = 0, dataset.sides or (1, 1)
    for picture in _chosen(pictures, shape):
        try:
            data = pictures.read(picture.name)
            if data is None:
                continue
            original, seen = (_decoded(data, side, picture, pictures, dataset) for side in (ORIGINAL, dataset.sides))
        except DataError:
            continue  # a photo of which only the ends were read so far
        top, left = _GAP + place // COLUMNS * height, _GAP + place % COLUMNS * width
        _paste(sheet, _framed(original, dataset.resize, shape), top, left, ORIGINAL)
        _paste(sheet, _result(seen, dataset), top + (ORIGINAL - RESULT) // 2, left + ORIGINAL + _GAP, RESULT)
        place += 1
    return sheet


def _decoded(
    data: bytes, least: int | tuple[int, int] | None, picture: Picture, pictures: Survey, dataset: DatasetSection
) -> np.ndarray:
    """The pixels that training reads, at least of a side, or of a height and width."""
    return decode(
        data,
        least,
        value_range=pictures.value_range,
        background=dataset.background_colour,
        name=picture.name,
        page=picture.page,
        keep_bands=True,
    ).pixels


def _chosen(pictures: Survey, shape: tuple[int, int]) -> list[Picture]:
    """Different pictures, from the one that loses most to the one that loses least, as many as there is room for."""
    again = {name for group in (*pictures.copies, *pictures.near) for name in group[1:]}
    ordered = sorted(
        (picture for picture in pictures.pictures if picture.name not in again),
        # Among equals, first those whose files need most conversion.
        key=lambda picture: (picture.kept_by(*shape), not picture.rotated, picture.mode == "RGB", picture.name),
    )
    wanted = np.unique(np.linspace(0, len(ordered) - 1, ROWS * COLUMNS).round().astype(int))
    return [ordered[place] for place in wanted]


def _framed(pixels: np.ndarray, resize: str, shape: tuple[int, int]) -> np.ndarray:
    """The original, with a frame around the part that is kept in the shape of a height and width."""
    scale = ORIGINAL / max(pixels.shape[:2])
    if scale > 1:  # magnify a small one, so that its pixels can be seen
        small = to_channels(visible(pixels), 3).repeat(int(scale), axis=0).repeat(int(scale), axis=1)
    else:
        small = to_channels(resized(visible(pixels), *(max(1, round(side * scale)) for side in pixels.shape[:2])), 3)
    height, width = small.shape[:2]
    top, left, bottom, right = 0, 0, height, width
    if resize == "crop":
        top, left, kept_height, kept_width = centred(height, width, *shape)
        bottom, right = top + kept_height, left + kept_width
    framed = small // 2 + 128
    framed[top:bottom, left:right] = _FRAME
    inside = (slice(top + _LINE, bottom - _LINE), slice(left + _LINE, right - _LINE))
    framed[inside] = small[inside]
    return framed


def _result(pixels: np.ndarray, dataset: DatasetSection) -> np.ndarray:
    """What the networks get, enlarged so that its pixels can be seen."""
    size, channels = dataset.sides or (ORIGINAL, ORIGINAL), dataset.channels or 3
    fitted = visible(to_channels(scale_to_fit(pixels, size, dataset.resize), channels))
    result = to_channels(fitted, 3)
    times = max(1, RESULT // max(size))
    shown = result.repeat(times, axis=0).repeat(times, axis=1)
    longest = max(shown.shape[:2])
    if longest <= RESULT:
        return shown
    return resized(shown, *(max(1, round(side * RESULT / longest)) for side in shown.shape[:2]))


def _paste(sheet: np.ndarray, image: np.ndarray, top: int, left: int, box: int) -> None:
    """Put an image into the middle of a square of the sheet."""
    height, width = image.shape[:2]
    top, left = top + (box - height) // 2, left + (box - width) // 2
    sheet[top : top + height, left : left + width] = image
