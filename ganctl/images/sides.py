"""Where the two sides of picture-to-picture data are: two folders, two halves of each picture, the parts of a split."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganctl.errors import DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images.data_paths import given_path
from ganctl.images.folder_listing import Listing, list_everything, part_of, training_part
from ganctl.images.listed_images import some_of

# Which of several parts that are not for training holds the test images.
_TESTS = ("test", "testing", "val", "valid", "validation", "dev", "eval", "holdout")
# As the CycleGAN data sets name their folders: trainA, testB.
_PART_AND_SIDE = re.compile(r"(?P<part>[a-z]+)[ _-]?(?P<side>[ab])", re.IGNORECASE)


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
