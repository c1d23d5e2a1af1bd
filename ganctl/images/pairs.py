"""The images of both sides of picture-to-picture data: pairs by name or by halves, or two kinds apart."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np

from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images.containers import ListedFile
from ganctl.images.folder_listing import Listing, tolerated
from ganctl.images.headers import read_header
from ganctl.images.image_set import ImageSet, Track
from ganctl.images.listed_images import THREADS, Half, Labelled, Listed, read_listed, sides_of, some_of
from ganctl.images.sides import Sides, find_sides

Shape = tuple[int, int]


def read_pairs(config: DatasetSection, track: Track) -> tuple[ImageSet, ImageSet]:
    """Read the pairs that the configuration names: the images of side a and of side b, image k of one with k of other.

    Files are paired by their names without suffixes, relative to the folder of their side. If a file cannot be read,
    its partner is left out, too.

    Args:
        config: the paths, and how to prepare the images; `direction` says which side has `source_size`.
        track: shows progress.

    Raises:
        DataError: a picture has no partner, or not the shape of its partner, or too many files are damaged.
        ConfigurationError: the configuration does not fit the files.
    """
    found = find_sides(config, halves=True)
    a, b = _read_sides(found.training, config, track, fewest=2)
    a = a.noted(*found.notes)
    if found.apart is not None:
        tests = _read_sides(found.apart, config, track, fewest=1)
        a, b = replace(a, apart=tests[0]), replace(b, apart=tests[1])
    return a, b


def read_kinds(config: DatasetSection, track: Track) -> tuple[ImageSet, ImageSet]:
    """Read two kinds of images that do not belong together; errors as of `read_pairs`."""
    found = find_sides(config, halves=False)

    def read(listing: Listing, apart: Listing | None) -> ImageSet:
        images = read_listed(_listed(listing), config, track)
        tests = read_listed(replace(_listed(apart), fewest=1), config, track) if apart else None
        return replace(images, apart=tests)

    tests = found.apart
    a = read(found.training.a, tests.a if tests else None).noted(*found.notes)
    b = read(found.training.b, tests.b if tests else None)
    return a.noted(f"a is {a.source}"), b.noted(f"b is {b.source}")


def _listed(listing: Listing) -> Listed:
    return Listed(listing, lambda: Labelled(listing.files))


def _read_sides(sides: Sides, config: DatasetSection, track: Track, *, fewest: int) -> tuple[ImageSet, ImageSet]:
    """Read the pairs of one part of the data."""
    size = config.source_size or config.image_size
    a_is_source = config.direction == "a_to_b"
    # A pair that is left out for a damaged file must not leave fewer than are asked for.
    limit = config.limit and config.limit + 2 * tolerated(max(len(sides.a.files), len(sides.b.files)))
    config_a, config_b = configs = [
        config.model_copy(update={"limit": limit} | ({"image_size": size} if source else {}))
        for source in (a_is_source, not a_is_source)
    ]
    _check_sizes(config_a, config_b)

    @cache
    def matched() -> tuple[Labelled, Labelled]:
        return _matched(sides, configs, fewest)

    def listed(side: int) -> Listed:
        listing, other = (sides.b, sides.a) if side else (sides.a, sides.b)
        half: Half = "" if not sides.halves else "right" if side else "left"
        # In the cache there is a side of pairs that were checked. Another partner must be checked, too.
        partner = [str(other.path), [(file.name, file.size, file.modified) for file in other.files]]
        checked = (config.resize, configs[1 - side].image_size)
        return Listed(listing, lambda: matched()[side], ("pairs", partner, checked), half, numbered=True, fewest=fewest)

    names = sides.names()
    a, b = (replace(read_listed(listed(side), configs[side], track), source=names[side]) for side in (0, 1))
    a, b = (images.first(config.limit or len(images)) for images in _in_both(a, b, fewest))
    return a.noted(f"a is {a.source}"), b.noted(f"b is {b.source}")


def _check_sizes(a: DatasetSection, b: DatasetSection) -> None:
    """Refuse two shapes whose images would not lie over each other."""
    (rows_a, columns_a), (rows_b, columns_b) = sides_of(a), sides_of(b)
    if a.resize != "squash" and rows_a * columns_b != rows_b * columns_a:
        raise ConfigurationError(
            f"with `dataset.resize: {a.resize}`, the two sides of a pair need one ratio of height to width. Received: "
            f"{rows_a}x{columns_a} and {rows_b}x{columns_b}",
            key="dataset.source_size",
        )


def _matched(sides: Sides, configs: Sequence[DatasetSection], fewest: int) -> tuple[Labelled, Labelled]:
    """Return the files of both sides in the order of their pairs; raises DataError."""
    if sides.halves:
        files = [file for file in sides.a.files if sides.a.may_be_image(file)]
        pictures = set(files)
        others = [file for file in sides.a.files if file not in pictures]
        sides.a.skip(*others)
        sides.b.skip(*others)
        _check_count(len(files), fewest, sides)
        return Labelled(files, notes=_judged_halves(sides.a, files)), Labelled(files)
    by_name = [_by_name(listing) for listing in (sides.a, sides.b)]
    _check_partners(sides, *by_name)
    names = sorted(by_name[0], key=os.fsencode)
    _check_count(len(names), fewest, sides)
    a, b = ([found[name] for name in names] for found in by_name)
    _check_shapes(sides, a, b, configs)
    return Labelled(a), Labelled(b)


def _check_count(pairs: int, fewest: int, sides: Sides) -> None:
    if pairs < fewest:
        are = "pair is" if pairs == 1 else "pairs are"
        raise DataError(f"{shown(sides.a.path)}: {pairs} {are} too few to train on.")


def _by_name(listing: Listing) -> dict[str, ListedFile]:
    """Return the pictures by their names without suffixes; raises DataError if two have one name."""
    found: dict[str, ListedFile] = {}
    for file in listing.files:
        if not listing.may_be_image(file):
            listing.skip(file)
            continue
        name = os.path.splitext(file.name)[0]
        if name in found:
            raise DataError(
                f"{shown(listing.path)} holds both {found[name].name} and {file.name}. Pairs are found by the names "
                "without suffixes, so it is unclear which of them is meant. Remove one."
            )
        found[name] = file
    return found


def _check_partners(sides: Sides, a: dict[str, ListedFile], b: dict[str, ListedFile]) -> None:
    """Raise DataError if a picture has no partner, with the first few names."""
    lines = [
        f"{len(alone):,} of {len(here):,} pictures in {shown(own.path)} have no partner in {shown(other.path)}: "
        f"{some_of(alone)}"
        for own, here, other, there in ((sides.a, a, sides.b, b), (sides.b, b, sides.a, a))
        if (alone := [file.name for name, file in here.items() if name not in there])
    ]
    if lines:
        raise DataError(
            "The two pictures of a pair must have the same name, except for its suffix:\n  "
            + "\n  ".join(lines)
            + "\nRename or remove them. For pictures that do not belong together, set `dataset.name` to `unpaired`."
        )


def _judged_halves(listing: Listing, files: Sequence[ListedFile]) -> list[str]:
    """Return a warning about pictures that hardly show two sides; raises DataError if one of them has no middle."""
    shapes = [(file, shape) for file, shape in zip(files, _shapes_of(listing, files), strict=True) if shape]
    odd = [f"{file.name} ({height}x{width})" for file, (height, width) in shapes if width % 2]
    if odd:
        raise DataError(
            f"Pictures that show the two sides of a pair side by side have an even width. {len(odd):,} of "
            f"{len(files):,} in {shown(listing.path)} have not (height x width): {some_of(odd)}. Crop or remove them."
        )
    narrow = sum(width <= height for _, (height, width) in shapes)
    if narrow <= len(shapes) / 2:
        return []
    return [
        f"Warning: {narrow:,} of {len(shapes):,} pictures are narrow or square, and each is cut into a left and a "
        "right half. If each is one side of a pair, give the folder of the other sides as `dataset.path_b`."
    ]


def _check_shapes(
    sides: Sides, a: Sequence[ListedFile], b: Sequence[ListedFile], configs: Sequence[DatasetSection]
) -> None:
    """Raise DataError if the pictures of a pair would not lie over each other when they are resized."""
    if configs[0].resize == "squash":
        return
    wrong = [
        f"{file.name} ({one[0]}x{one[1]} and {other[0]}x{other[1]})"
        for file, one, other in zip(a, _shapes_of(sides.a, a), _shapes_of(sides.b, b), strict=True)
        if one and other and not _lie_over_each_other(one, other, configs)
    ]
    if wrong:
        raise DataError(
            f"The two pictures of {len(wrong):,} of {len(a):,} pairs in {shown(sides.a.path)} and "
            f"{shown(sides.b.path)} have different shapes (height x width), so that with `dataset.resize: "
            f"{configs[0].resize}` they would not lie over each other: {some_of(wrong)}. Give both one shape, or set "
            "`dataset.resize` to `squash`."
        )


def _lie_over_each_other(a: Shape, b: Shape, configs: Sequence[DatasetSection]) -> bool:
    """Return whether two pictures show the same places after resizing, if they did before; up to one pixel."""
    if configs[0].resize == "crop":
        return abs(a[0] * b[1] - b[0] * a[1]) <= max(*a, *b)
    # With `pad`, a small picture keeps its size: the share of the height and width that each fills must agree.
    fills = []
    for shape, config in zip((a, b), configs, strict=True):
        frame = np.array(sides_of(config))
        fills.append(min(1.0, *(frame / shape)) * np.array(shape) / frame)
    pixel = 1 / min(min(sides_of(config)) for config in configs)
    return bool((abs(fills[0] - fills[1]) <= pixel).all())


def _shapes_of(listing: Listing, files: Sequence[ListedFile]) -> list[Shape | None]:
    """Return height and width of pictures as a viewer shows them; None if a file cannot be read."""

    def shape(file: ListedFile) -> Shape | None:
        try:
            data = listing.read_image(file)
            header = data and read_header(data, file.name)
        except DataError:
            return None  # decoding will say so
        return header.upright if header else None

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(shape, files))


def _in_both(a: ImageSet, b: ImageSet, fewest: int) -> tuple[ImageSet, ImageSet]:
    """Return the images whose files could be read on both sides."""
    common = np.intersect1d(_files_of(a), _files_of(b))
    a, b = _only(a, common), _only(b, common)
    if len(common) < fewest:
        raise DataError(f"{a.source}: {len(common)} pairs of readable pictures are too few to train on.")
    if not np.array_equal(_files_of(a), _files_of(b)):
        raise DataError(
            f"The files of a pair must have the same number of pages, but some in {a.source} have other numbers of "
            f"pages than those in {b.source}. Set `dataset.pages` to `first`, or correct the files."
        )
    several = len(common) < len(a)
    return (a, b) if several else (replace(a, file_numbers=None), replace(b, file_numbers=None))


def _files_of(images: ImageSet) -> np.ndarray:
    """Return the number of the file of each image."""
    return np.arange(len(images)) if images.file_numbers is None else images.file_numbers


def _only(images: ImageSet, common: np.ndarray) -> ImageSet:
    numbers = _files_of(images)
    kept = np.isin(numbers, common)
    if kept.all():
        return images
    lost = len(np.unique(numbers[~kept]))
    what = "image is left out, because its partner" if lost == 1 else "images are left out, because their partners"
    return images.rows(np.flatnonzero(kept)).noted(f"Warning: {lost:,} {what} cannot be read.")
