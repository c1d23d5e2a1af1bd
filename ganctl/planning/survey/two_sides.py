"""Two kinds of pictures, of which one is to become the other: what they are to each other, and a survey of each."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from ganctl.build import given_data
from ganctl.errors import DataError, UsageError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import reading, shown
from ganctl.images.containers import ListedFile
from ganctl.images.folder_listing import Listing, part_of
from ganctl.images.image_set import Track
from ganctl.images.listed_images import Half, Labelled, no_middle
from ganctl.images.resize import resized
from ganctl.images.sides import TwoSided, find_sides
from ganctl.planning.survey.folder_survey import Survey, survey_files
from ganctl.planning.survey.likeness import namesakes_alike
from ganctl.planning.survey.near_duplicates import Sketch
from ganctl.planning.survey.picture import Picture

Kind = Literal["pictures", "pairs", "unpaired", "super-resolution"]
"""What pictures are for: to draw such pictures, or to make one kind from the other."""

NEARLY_ALL = 0.9
"""The share of the pictures that must have a namesake before they are taken for pairs."""
FACTORS = (2, 4)
"""How many times larger the pictures of one side may be for super-resolution."""
_A_AND_B = ({"a", "b"}, {"traina", "trainb"})


@dataclass(frozen=True)
class Recognised:
    """What some paths hold.

    Attributes:
        kind: what the pictures are to each other.
        found: the files of both sides; None for pictures of one kind.
        notes: what was assumed, and how to get something else.
    """

    kind: Kind
    found: TwoSided | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TwoSides:
    """Two surveys, and what the pictures are to each other.

    Attributes:
        paths: one or two, as they were given.
        kind: what becomes of the pictures.
        a: the survey of side a.
        b: the survey of side b.
        apart: the number of test pictures of each side, which are not surveyed.
        halves: each picture shows both sides.
        notes: what was assumed.
    """

    paths: tuple[Path, ...]
    kind: Kind
    a: Survey
    b: Survey
    apart: tuple[int, int] = (0, 0)
    halves: bool = False
    notes: tuple[str, ...] = ()

    @cached_property
    def pairs(self) -> tuple[tuple[Picture, Picture], ...]:
        """The pictures with namesakes, in the order of side a."""
        by_name = {_stem(picture.name): picture for picture in self.b.pictures}
        return tuple(
            (picture, by_name[_stem(picture.name)]) for picture in self.a.pictures if _stem(picture.name) in by_name
        )

    @cached_property
    def orphans(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of side a, and of side b, that the other side lacks, readable or not."""
        named = [[*(picture.name for picture in side.pictures), *side.damaged] for side in (self.a, self.b)]
        stems = [set(map(_stem, names)) for names in named]
        here, there = (
            tuple(name for name in names if _stem(name) not in other)
            for names, other in zip(named, reversed(stems), strict=True)
        )
        return here, there

    @cached_property
    def unlike_shapes(self) -> tuple[tuple[Picture, Picture], ...]:
        """The pairs whose pictures differ in their ratio of height to width."""
        return tuple((one, other) for one, other in self.pairs if not _of_one_shape(one, other))

    @cached_property
    def without_single_copies(self) -> tuple[Survey, Survey]:
        """Both surveys without copies and near copies of which only one side is a copy: such pairs are different.

        Drawings and maps are often the same where photographs are not.
        """
        if self.kind == "unpaired" or self.halves:
            return self.a, self.b
        return tuple(  # type: ignore[return-value]
            replace(side, copies=_repeated(side.copies, other), near=_repeated(side.near, other))
            for side, other in ((self.a, self.b), (self.b, self.a))
        )

    @property
    def factor(self) -> int:
        """How many times larger the second pictures are in nearly all pairs, 2 or 4; 1: anything else."""
        for factor in FACTORS:
            fitting = sum(_times_larger(one, other, factor) for one, other in self.pairs)
            if self.pairs and fitting >= NEARLY_ALL * len(self.pairs):
                return factor
        return 1


def recognise(path: Path, path_b: Path | None, kind: Kind | None) -> Recognised:
    """Find out what one or two paths hold.

    Args:
        path: a folder or a zip archive, or whatever `survey` takes.
        path_b: a second one, if there is one.
        kind: what the user says it is; None: found out.

    Raises:
        DataError: there is nothing, or it is unclear what the sides are.
        UsageError: the paths cannot be two sides.
    """
    if path_b is not None:
        for each in (path, path_b):
            with reading(each):
                if not each.exists():
                    raise DataError(f"There is nothing at {shown(each)}. Name a folder of pictures.")
        _check_apart(path, path_b)
        if kind == "pictures":
            raise UsageError("--kind pictures takes one folder.")
    if kind == "pictures" or (path_b is None and kind is None and not _may_be_sided(path)):
        return Recognised("pictures")
    section = DatasetSection(name="image_pairs", path=str(path), path_b=str(path_b) if path_b else None)
    if kind is not None:
        return Recognised(kind, find_sides(section, halves=kind != "unpaired"))
    if path_b is not None:
        return _of_two_folders(find_sides(section, halves=False))
    try:
        found = find_sides(section, halves=False)
    except DataError:  # it has no two sides
        return Recognised("pictures")
    return _of_one_folder(found)


def survey_sides(
    paths: Sequence[Path], recognised: Recognised, kind: Kind | None, seconds: float, track: Track
) -> TwoSides:
    """Survey both sides; raises DataError if one has no readable picture.

    Args:
        paths: one or two.
        recognised: what they hold, which must be two sides.
        kind: what the user says it is.
        seconds: as for `survey`, for both.
        track: as for `survey`.
    """
    found = recognised.found
    if found is None:
        raise ValueError("pictures of one kind have no sides")
    sides, name = found.training, "unpaired" if recognised.kind == "unpaired" else "image_pairs"

    def look(path: Path, listing: Listing) -> Survey:
        return survey_files(path, name, listing, Labelled(listing.files), seconds / 2, track)

    a = look(paths[0], sides.a)
    if sides.halves:
        a, b = _halved(a, "left"), _halved(a, "right")
    else:
        b = look(paths[-1], sides.b)
    apart = found.apart
    tests = (_count_of(apart.a), _count_of(apart.b)) if apart else (0, 0)
    notes = (*recognised.notes, *found.notes)
    surveyed = TwoSides(tuple(paths), recognised.kind, a, b, tests, sides.halves, notes)
    if kind is None and recognised.kind == "pairs" and surveyed.factor > 1:
        note = (
            f"The second pictures are {surveyed.factor} times as high and wide as the first: super-resolution. Another "
            "model for pairs: --kind pairs."
        )
        surveyed = replace(surveyed, kind="super-resolution", notes=(*notes, note))
    return surveyed


def _check_apart(path: Path, path_b: Path) -> None:
    """Raise UsageError if one of two paths lies in the other, or is the other."""
    first, second = path.resolve(), path_b.resolve()
    if first == second:
        raise UsageError(f"{shown(path)} and {shown(path_b)} are the same. Name two folders, or one that holds both.")
    for inner, outer in ((path_b, path), (path, path_b)):
        if outer.resolve() in inner.resolve().parents:
            raise UsageError(
                f"{shown(inner)} lies in {shown(outer)}, so its pictures would be on both sides. Name two folders side "
                "by side, or only the outer one."
            )


def _may_be_sided(path: Path) -> bool:
    """Whether a path is a folder or archive of image files."""
    with reading(path):
        return path.exists() and given_data.dataset_for(path) == given_data.IMAGE_FOLDER


def _of_two_folders(found: TwoSided) -> Recognised:
    pairs, share = _namesakes(found)
    if share < NEARLY_ALL:
        return Recognised("unpaired", found, (_few_namesakes(found, pairs),) if pairs else ())
    notes = [_assumed(found, pairs, "--kind unpaired")]
    if namesakes_alike(found.training.a, found.training.b, pairs) is False:
        notes.append(
            "Warning: pictures of equal names look hardly more alike than others. If they do not belong together, use "
            "--kind unpaired."
        )
    return Recognised("pairs", found, tuple(notes))


def _of_one_folder(found: TwoSided) -> Recognised:
    """Tell pairs, two kinds and two classes apart.

    Two sub-folders have always been two classes. They are pairs only if their names and their pictures say so.
    """
    a, b = found.training.a, found.training.b
    pairs, share = _namesakes(found)
    called = {_folder_of(a).name.lower(), _folder_of(b).name.lower()} in _A_AND_B
    if share < NEARLY_ALL:
        if not called:
            return Recognised("pictures")
        classes = "Assumed: two kinds of pictures, of which one is to become the other. For two classes of one kind: "
        notes = [f"{classes}--kind pictures.", *([_few_namesakes(found, pairs)] if pairs else [])]
        return Recognised("unpaired", found, tuple(notes))
    alike = namesakes_alike(a, b, pairs)
    if alike or (called and alike is None):
        note = _assumed(found, pairs, "--kind unpaired, or --kind pictures for two classes")
        return Recognised("pairs", found, (note,))
    doubt = "are too few to tell" if alike is None else "look no more alike than others"
    unlike = f"{len(pairs):,} pictures of {_called(found)} have equal names, but {doubt}"
    if called:
        return Recognised("unpaired", found, (f"{unlike}: not taken for pairs. If they are, use --kind pairs.",))
    note = f"{unlike}: taken for two classes. If they are pairs, use --kind pairs; if two kinds, --kind unpaired."
    return Recognised("pictures", notes=(note,))


def _namesakes(found: TwoSided) -> tuple[list[tuple[ListedFile, ListedFile]], float]:
    """The files of equal names without suffixes, and the share of the larger side that has such a namesake."""
    sides = (found.training.a, found.training.b)
    names = [{_stem(file.name) for file in listing.files} for listing in sides]
    if not names[0] & names[1]:  # nothing need be opened
        return [], 0.0
    a, b = ({_stem(file.name): file for file in listing.files if listing.may_be_image(file)} for listing in sides)
    pairs = [(file, b[name]) for name, file in a.items() if name in b]
    return pairs, len(pairs) / max(len(a), len(b), 1)


def _assumed(found: TwoSided, pairs: Sequence[object], otherwise: str) -> str:
    return (
        f"Assumed: pairs, because {len(pairs):,} pictures of {_called(found)} have equal names. Otherwise: {otherwise}."
    )


def _called(found: TwoSided) -> str:
    """The names of both folders; their paths, if they have one name."""
    paths = (_folder_of(found.training.a), _folder_of(found.training.b))
    a, b = (shown(path if paths[0].name == paths[1].name else Path(path.name)) for path in paths)
    return f"`{a}` and `{b}`"


def _folder_of(listing: Listing) -> Path:
    """The folder of a side, also if the pictures lie in its part for training."""
    return listing.path.parent if part_of(listing.path.name) else listing.path


def _few_namesakes(found: TwoSided, pairs: Sequence[object]) -> str:
    a, b = (len(listing.files) for listing in (found.training.a, found.training.b))
    return (
        f"Only {len(pairs):,} of {a:,} and {b:,} pictures have equal names, so they are not taken for pairs. If they "
        "are, use --kind pairs."
    )


def _repeated(groups: Sequence[Sequence[str]], other: Survey) -> tuple[tuple[str, ...], ...]:
    """The parts of groups of copies whose partners are copies of each other, too."""
    of_other = {_stem(name): number for number, group in enumerate((*other.copies, *other.near)) for name in group}
    found: list[tuple[str, ...]] = []
    for group in groups:
        parts: dict[object, list[str]] = {}
        for name in group:
            parts.setdefault(of_other.get(_stem(name), name), []).append(name)
        found += [tuple(part) for part in parts.values() if len(part) > 1]
    return tuple(found)


def _count_of(listing: Listing) -> int:
    return sum(listing.may_be_image(file) for file in listing.files)


def _stem(name: str) -> str:
    """A name without its suffix."""
    return os.path.splitext(name)[0]


def _of_one_shape(one: Picture, other: Picture) -> bool:
    """Whether two pictures have one ratio of height to width, up to a pixel."""
    sides = (one.height, one.width, other.height, other.width)
    return abs(one.height * other.width - other.height * one.width) <= max(sides)


def _times_larger(one: Picture, other: Picture, factor: int) -> bool:
    """Whether a picture is a number of times as high and wide as another, up to what rounding takes away."""
    off = abs(other.height - factor * one.height), abs(other.width - factor * one.width)
    return max(off) < factor


def _halved(whole: Survey, half: Half) -> Survey:
    """The survey of one half of each picture; those of an odd width are damaged."""
    odd = {picture.name: no_middle(picture.width) for picture in whole.pictures if picture.width % 2}
    pictures = tuple(_half_of(picture, half) for picture in whole.pictures if picture.name not in odd)
    if not pictures:
        raise DataError(f"{shown(whole.folder)}: no picture has an even width, as pictures of two halves have.")
    return replace(whole, pictures=pictures, damaged={**whole.damaged, **odd}, half=half)


def _half_of(picture: Picture, half: Half) -> Picture:
    sketch, width = picture.sketch, picture.width // 2
    if sketch is not None:
        middle = sketch.copy.shape[1] // 2
        columns = sketch.copy[:, :middle] if half == "left" else sketch.copy[:, middle:]
        sketch = Sketch(sketch.bits, resized(columns, *sketch.copy.shape[:2]))
    return replace(picture, width=width, sketch=sketch)
