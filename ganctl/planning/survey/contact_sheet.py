"""A picture of what cropping to one shape does: some originals, each next to its result."""

from collections.abc import Container, Sequence

import numpy as np

from ganctl.errors import DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.images.bands import visible
from ganctl.images.decode import decode
from ganctl.images.resize import centred, resized, scale_to_fit, to_channels
from ganctl.images.spread import spread
from ganctl.planning.survey.folder_survey import Survey
from ganctl.planning.survey.picture import Picture
from ganctl.planning.survey.two_sides import TwoSides

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
    chosen = _chosen(pictures, dataset.sides or (1, 1), ROWS * COLUMNS)
    return _sheet([tile for picture in chosen if (tile := _tile(pictures, picture, dataset)) is not None])


def contact_sheet_of_sides(sides: TwoSides, dataset: DatasetSection) -> np.ndarray:
    """Return the same of two sides: of pairs, the source above its target; otherwise a in the upper half, b below."""
    of_a = dataset.model_copy(update={"image_size": dataset.source_size or dataset.image_size})
    shape, count = dataset.sides or (1, 1), ROWS * COLUMNS // 2
    if sides.kind == "unpaired":
        a, b = (
            [_tile(survey, picture, dataset) for picture in _chosen(survey, shape, count)]
            for survey in (sides.a, sides.b)
        )
        return _sheet([*_filled(a, count), *_filled(b, count)], halves=True)
    partners = {one.name: other for one, other in sides.pairs}
    rows: list[list[np.ndarray | None]] = [[] for _ in range(ROWS)]
    for picture in _chosen(sides.a, shape, count, partners):
        one, other = _tile(sides.a, picture, of_a), _tile(sides.b, partners[picture.name], dataset)
        if one is not None and other is not None:
            row = 0 if len(rows[0]) < COLUMNS else 2
            rows[row].append(one)
            rows[row + 1].append(other)
    return _sheet([tile for row in rows for tile in _filled(row, COLUMNS)], halves=True)


def _filled(tiles: Sequence[np.ndarray | None], count: int) -> list[np.ndarray | None]:
    """A number of tiles, the last ones empty if there are fewer."""
    there = [tile for tile in tiles if tile is not None]
    return [*there, *[None] * (count - len(there))]


def _sheet(tiles: Sequence[np.ndarray | None], *, halves: bool = False) -> np.ndarray:
    """Put tiles side by side and below each other, with a gap in the middle if the two halves are to be told apart."""
    height, width = ORIGINAL + _GAP, ORIGINAL + RESULT + 3 * _GAP
    middle = 2 * _GAP if halves else 0
    sheet = np.full((ROWS * height + _GAP + middle, COLUMNS * width + _GAP, 3), _PAPER, np.uint8)
    for place, tile in enumerate(tiles):
        if tile is not None:
            row, column = divmod(place, COLUMNS)
            top, left = _GAP + row * height + (middle if 2 * row >= ROWS else 0), _GAP + column * width
            sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def _tile(pictures: Survey, picture: Picture, dataset: DatasetSection) -> np.ndarray | None:
    """A picture beside what the networks get of it; None if it cannot be read."""
    try:
        data = pictures.read(picture.name)
        if data is None:
            return None
        original, seen = (_decoded(data, side, picture, pictures, dataset) for side in (ORIGINAL, dataset.sides))
    except DataError:
        return None  # a photo of which only the ends were read so far
    tile = np.full((ORIGINAL, ORIGINAL + _GAP + RESULT, 3), _PAPER, np.uint8)
    _paste(tile, _framed(original, dataset.resize, dataset.sides or (1, 1)), 0, 0, ORIGINAL)
    _paste(tile, _result(seen, dataset), (ORIGINAL - RESULT) // 2, ORIGINAL + _GAP, RESULT)
    return tile


def _decoded(
    data: bytes, least: int | tuple[int, int] | None, picture: Picture, pictures: Survey, dataset: DatasetSection
) -> np.ndarray:
    """The pixels that training reads, at least of a side, or of a height and width."""
    pixels = decode(
        data,
        None if pictures.half else least,
        value_range=pictures.value_range,
        background=dataset.background_colour,
        name=picture.name,
        page=picture.page,
        keep_bands=True,
    ).pixels
    if not pictures.half:
        return pixels
    middle = pixels.shape[1] // 2
    return pixels[:, :middle] if pictures.half == "left" else pixels[:, middle:]


def _chosen(pictures: Survey, shape: tuple[int, int], count: int, among: Container[str] | None = None) -> list[Picture]:
    """Some different pictures, from the one that loses most to the one that loses least.

    Args:
        pictures: to choose from.
        shape: height and width, of which only the ratio counts.
        count: the number of pictures, if there are as many.
        among: the names of those that may be chosen; None: all.
    """
    again = {name for group in (*pictures.copies, *pictures.near) for name in group[1:]}
    ordered = sorted(
        (p for p in pictures.pictures if p.name not in again and (among is None or p.name in among)),
        # Among equals, first those whose files need most conversion.
        key=lambda picture: (picture.kept_by(*shape), not picture.rotated, picture.mode == "RGB", picture.name),
    )
    if not ordered:
        return []
    return [ordered[place] for place in spread(len(ordered), count)]


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
