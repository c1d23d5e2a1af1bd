"""Where the two sides of picture-to-picture data are: two folders, two halves of each picture, the parts of a split."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images.containers import ListedFile
from ganctl.images.data_paths import given_path
from ganctl.images.folder_listing import Listing, list_everything, part_of, tolerated, training_part
from ganctl.images.headers import read_header
from ganctl.images.image_set import ImageSet, Track
from ganctl.images.listed_images import THREADS, Half, Labelled, Listed, read_listed, sides_of, some_of

# Which of several parts that are not for training holds the test images.
_TESTS = ("test", "testing", "val", "valid", "validation", "dev", "eval", "holdout")
# As the CycleGAN data sets name their folders: trainA, testB.
_PART_AND_SIDE = re.compile(r"(?P<part>[a-z]+)[ _-]?(?P<side>[ab])", re.IGNORECASE)

Shape = tuple[int, int]


@dataclass(frozen=True)
class Sides:
    """The two sides of one part of the data.

    Attributes:
        a: the files of side a.
        b: the files of side b; the same ones if each picture shows both sides, a left and b right.
    """

    a: Listing
    b: Listing

    @property
    def halves(self) -> bool:
        """Whether each picture shows both sides."""
        return self.a.path == self.b.path

    def names(self) -> tuple[str, str]:
        """Return what a user calls the sides: their paths, or the halves of the pictures."""
        if self.halves:
            return f"{shown(self.a.path)}, left half", f"{shown(self.a.path)}, right half"
        return shown(self.a.path), shown(self.b.path)


@dataclass(frozen=True)
class TwoSided:
    """What was found at the paths that the configuration gives.

    Attributes:
        training: the images to learn from.
        apart: those that the data set keeps for tests, if it does.
        notes: notes for the user on what was left out.
    """

    training: Sides
    apart: Sides | None = None
    notes: tuple[str, ...] = ()


def find_sides(config: DatasetSection, *, halves: bool) -> TwoSided:
    """Find two folders of images, or pictures of two halves, and their parts for training and for tests.

    These layouts are known, each also in a zip archive. The folders of a part are `train`, `val`, `test` and so on.

    - `path` and `path_b`: side a and side b, each perhaps with a folder for each part;
    - `trainA`, `trainB`, `testA`, `testB`, as in the CycleGAN data sets;
    - a folder for each part, each with a folder for each side, or with pictures of two halves;
    - a folder for each side, each perhaps with a folder for each part, as pix2pix has them before they are combined;
    - pictures of two halves.

    The folders of two sides are called `A` and `B`, or they are the only two with pictures: then the first in
    alphabetical order is a.

    Args:
        config: has the paths.
        halves: whether pictures of two halves are wanted where there are no two folders.

    Raises:
        ConfigurationError: the path is missing.
        DataError: nothing is there, or it is unclear what the sides are.
    """
    whole = list_everything(given_path(config, "two folders of images"))
    if config.path_b is not None:
        other = list_everything(given_path(config, "the folder or zip archive of side b", "path_b"))
        if whole.path.resolve() == other.path.resolve():
            raise DataError(f"{shown(whole.path)} is given as both sides. Correct `dataset.path_b`.")
        return _of_two(whole, other)
    if (flat := _flat(whole)) is not None:
        return flat
    training, tests, left_out = _parts(whole)
    if training is not whole:
        apart = _inside(tests, halves=halves) if tests else None
        return TwoSided(_inside(training, halves=halves), apart, _left_out(left_out))
    folders = _two_folders(whole)
    if folders is not None:
        return _of_two(*folders)
    return TwoSided(_inside(whole, halves=halves))


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


def _groups_of_pictures(listing: Listing) -> list[str]:
    """Return the sub-folders with pictures, in alphabetical order; an empty name: pictures lie beside them."""
    return sorted(
        group for group, files in listing.groups().items() if any(listing.may_be_image(file) for file in files)
    )


def _parts(listing: Listing) -> tuple[Listing, Listing | None, list[str]]:
    """Return the images to learn from, those for tests, and the names of further parts of a split tree."""
    training = training_part(listing)
    if training is None:
        return listing, None, []
    others = {group.lower(): group for group in _groups_of_pictures(listing) if group and part_of(group) == "other"}
    tests = next((others.pop(name) for name in _TESTS if name in others), None)
    return listing.inside(training), listing.inside(tests) if tests else None, list(others.values())


def _flat(listing: Listing) -> TwoSided | None:
    """Return the sides of folders called trainA, trainB, testA and testB, if there are such folders."""
    found: dict[tuple[str, str], str] = {}
    for group in _groups_of_pictures(listing):
        match = _PART_AND_SIDE.fullmatch(group)
        if match and part_of(match["part"]):
            found[match["part"].lower(), match["side"].lower()] = group
    of_part = {part: [found.get((part, side)) for side in "ab"] for part, _ in found}
    training = [part for part in of_part if part_of(part) == "training"]
    if not training:
        return None

    def sides(part: str) -> Sides:
        a, b = of_part.pop(part)
        if a is None or b is None:
            raise DataError(f"{shown(listing.path)} holds `{a or b}` but no folder with pictures for the other side.")
        return Sides(listing.inside(a), listing.inside(b))

    learned = sides(training[0])
    tests = next((part for part in _TESTS if part in of_part), None)
    apart = sides(tests) if tests else None
    return TwoSided(learned, apart, _left_out([name for names in of_part.values() for name in names if name]))


def _two_folders(listing: Listing) -> tuple[Listing, Listing] | None:
    """Return the folders of the two sides, if there are two."""
    groups = _groups_of_pictures(listing)
    called = {group.lower(): group for group in groups}
    if "a" in called and "b" in called:
        return listing.inside(called["a"]), listing.inside(called["b"])
    if len(groups) == 2 and groups[0]:
        return listing.inside(groups[0]), listing.inside(groups[1])
    return None


def _inside(listing: Listing, *, halves: bool) -> Sides:
    """Return the two sides of one part of the data; raises DataError."""
    two = _two_folders(listing)
    if two is not None:
        return Sides(*two)
    groups = _groups_of_pictures(listing)
    if not groups:
        raise DataError(f"{shown(listing.path)} contains no pictures. {_WANTED if halves else _WANTED_KINDS}")
    if not halves or "" not in groups:
        folders = [group for group in groups if group]
        some = f"{len(folders)} folder{'s' * (len(folders) != 1)} with pictures ({some_of(folders)})"
        holds = " beside ".join(["pictures"] * ("" in groups) + [some] * bool(folders))
        raise DataError(
            f"{shown(listing.path)} holds {holds}, so it is unclear which are side a and which are side b. "
            f"{_WANTED if halves else _WANTED_KINDS}"
        )
    return Sides(listing, replace(listing, skipped=Counter(listing.skipped)))


_WANTED_KINDS = (
    "Name the folders `trainA` and `trainB` (or `A` and `B`), or give one folder as `dataset.path` and the other as "
    "`dataset.path_b`."
)
_WANTED = f"{_WANTED_KINDS} Or put pictures there that show both sides, side by side."


def _of_two(a: Listing, b: Listing) -> TwoSided:
    """Return the parts of two sides, each of which may be a split tree."""
    (a, tests_a, others_a), (b, tests_b, others_b) = _parts(a), _parts(b)
    others = [*(f"{name} of a" for name in others_a), *(f"{name} of b" for name in others_b)]
    notes = _left_out(others)
    if (tests_a is None) != (tests_b is None):
        notes += (f"Warning: only side {'b' if tests_a is None else 'a'} has test images, which are left out.",)
        tests_a = tests_b = None
    return TwoSided(Sides(a, b), Sides(tests_a, tests_b) if tests_a and tests_b else None, notes)


def _left_out(parts: Sequence[str]) -> tuple[str, ...]:
    return (f"left out: {some_of(parts)}",) if parts else ()


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
        if not header:
            return None
        turned = header.orientation in (5, 6, 7, 8)
        return (header.width, header.height) if turned else (header.height, header.width)

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
