"""A survey of pictures in words: lines for the terminal and the head of a YAML, warnings, lists of files."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ganctl.host.files import shown
from ganctl.images.folder_listing import counted, skipped_in_words, tolerated
from ganctl.planning.survey.folder_survey import Survey

_NAMED = 3  # in the terminal; the list of files has all of them
_CLASSES_NAMED = 12
_WARNING = "Warning: "
_TINY = 16  # pixels; a picture with a shorter side below this has nothing to learn from


def described(pictures: Survey) -> list[tuple[str, str]]:
    """Return the contents of the folder, as lines with a title each."""
    found = pictures.pictures
    sides = sorted((picture.width * picture.height, picture.width, picture.height) for picture in found)
    least, middle, most = (f"{width}x{height}" for _, width, height in (sides[0], sides[len(sides) // 2], sides[-1]))
    kinds = counted(Counter(picture.kind for picture in found))
    modes = counted(Counter(picture.mode for picture in found))
    rotated = sum(picture.rotated for picture in found)
    shares = pictures.kept_shares
    lines = [
        ("folder", f"{shown(pictures.folder)}: {len(found):,} pictures ({kinds}), {_size(pictures.file_bytes)}"),
        ("sizes", f"{least} to {most}, median {middle}" if least != most else f"all {least}"),
        ("modes", f"{modes}{f'; {rotated:,} turned by EXIF' if rotated else ''}{_transparent(pictures)}"),
        *_values(pictures),
        *_pages(pictures),
        ("damaged", _damaged(pictures)),
        ("skipped", skipped_in_words(pictures.skipped) or "none"),
        ("copies", _groups(pictures.copies, "have the same content as another") + _trusted(pictures)),
        ("near copies", f"{_groups(pictures.near, 'look nearly like another')}{_of_how_many(pictures)}"),
        ("classes", _classes(pictures)),
        (
            "square",
            f"the centred square keeps {np.median(shares):.0%} of the median picture's area, {shares.min():.0%} of the "
            f"longest one's; {int((shares < 0.5).sum()):,} pictures lose more than half",
        ),
    ]
    return lines


def warnings(pictures: Survey, listed: str) -> list[str]:
    """Return warnings, with what to do before training.

    Args:
        pictures: the folder.
        listed: the file that lists the files meant.
    """
    found = []
    read, damaged = len(pictures.pictures), len(pictures.damaged)
    if damaged > tolerated(read + damaged):
        found.append(
            f"{damaged:,} pictures cannot be read, and training leaves out at most {tolerated(read + damaged)}. Repair "
            f"or remove those that {listed} lists."
        )
    copies, near = _surplus(pictures.copies), _surplus(pictures.near)
    if copies or near:
        what = " and ".join([f"{copies:,} copies"] * (copies > 0) + [f"{near:,} near copies"] * (near > 0))
        found.append(
            f"{what} are learned as often as they occur: the discriminator memorizes these pictures sooner, and the "
            f"generator draws them more often. Remove all but one of each group in {listed}, unless that is what you "
            "want."
        )
    found += [note.removeprefix(_WARNING) for note in pictures.label_notes if note.startswith(_WARNING)]
    if pictures.pages == "first" and any(picture.pages > 1 for picture in pictures.pictures):
        found.append(
            "Of TIFFs with several pages, only the first is used. Set `dataset.pages` to `each` (pictures of their "
            "own) or `channels` (of one picture) to use all."
        )
    tiny = int((pictures.short_sides < _TINY).sum())
    if tiny:
        found.append(
            f"{tiny:,} pictures are less than {_TINY} pixels high or wide, and blurs when enlarged: see {listed}."
        )
    return found


def listed_files(pictures: Survey) -> list[str]:
    """Return the lines of a list of all damaged, duplicate and tiny files; empty if there are none."""
    lines: list[str] = []
    if pictures.damaged:
        lines += ["# These pictures cannot be read:"]
        lines += [f"{name}  # {reason}" for name, reason in pictures.damaged.items()]
    for title, groups in (
        ("These files have the same content. Remove all but one of each group:", pictures.copies),
        ("These pictures look nearly the same. Look at them, and keep one of each group:", pictures.near),
    ):
        if groups:
            lines += [f"# {title}"]
            for group in groups:
                lines += [*group, ""]
    tiny = [picture for picture in pictures.pictures if picture.short_side < _TINY]
    if tiny:
        lines += [f"# These pictures are less than {_TINY} pixels high or wide:"]
        lines += [f"{picture.name}  # {picture.width}x{picture.height}" for picture in tiny]
    return lines


def _damaged(pictures: Survey) -> str:
    where = _of_how_many(pictures)
    if not pictures.damaged:
        return f"none{where}"
    reasons = [f"{shown(Path(name))}: {reason}" for name, reason in pictures.damaged.items()]
    return f"{len(reasons):,}: {_some(reasons, '; ')}{where}"


def _trusted(pictures: Survey) -> str:
    """A note if large files were not compared as a whole."""
    return f" ({pictures.trusted:,} large files were compared at both ends only)" if pictures.trusted else ""


def _of_how_many(pictures: Survey) -> str:
    """A note if not every picture was decoded."""
    if pictures.decoded == len(pictures.pictures):
        return ""
    return (
        f" (decoded {pictures.decoded:,} of {len(pictures.pictures):,} pictures, chosen at random; of the others, read "
        "only the beginning and the end of the file)"
    )


def _groups(groups: Sequence[Sequence[str]], what: str) -> str:
    if not groups:
        return "none"
    examples = [" = ".join(shown(Path(name)) for name in group[:2]) for group in groups]
    return f"{_surplus(groups):,} {what}: {_some(examples, ', ')}"


def _surplus(groups: Iterable[Sequence[str]]) -> int:
    return sum(len(group) - 1 for group in groups)


def _transparent(pictures: Survey) -> str:
    """How many of the pictures are transparent in parts, if any."""
    transparent = sum(picture.transparent for picture in pictures.pictures)
    return f"; {transparent:,} have transparent parts{_of_how_many(pictures)}" if transparent else ""


def _values(pictures: Survey) -> list[tuple[str, str]]:
    """A line on values that are not bytes, if there are any."""
    stored = pictures.stored
    if stored is None:
        return []
    which = "all pictures" if stored.pictures == len(pictures.pictures) else f"{stored.pictures:,} pictures"
    line = f"{which} have more than 8 bits, or floats: {stored.low:g} to {stored.high:g}, read as {stored.value_range}"
    return [("values", line)]


def _pages(pictures: Survey) -> list[tuple[str, str]]:
    """A line on files with several pages, if there are any."""
    counts = sorted({picture.name: picture.pages for picture in pictures.pictures if picture.pages > 1}.values())
    if not counts:
        return []
    pages = f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
    use = "each is a picture of its own" if pictures.pages == "each" else "only the first is used"
    return [("pages", f"{len(counts):,} TIFF{'s' * (len(counts) > 1)} with {pages} pages: {use}")]


def _classes(pictures: Survey) -> str:
    if pictures.classes:
        counts = [f"{shown(Path(name))} {count:,}" for name, count in pictures.classes.items()]
        more = f" and {len(counts) - _CLASSES_NAMED} more" if len(counts) > _CLASSES_NAMED else ""
        notes = [note for note in pictures.label_notes if not note.startswith(_WARNING)]
        one, several = ("class", "classes") if notes else ("sub-folder", "sub-folders")
        what = one if len(counts) == 1 else several
        origin = f" ({'; '.join(notes)})" if notes else ""
        return f"{len(counts)} {what}{origin}: {', '.join(counts[:_CLASSES_NAMED])}{more}"
    if pictures.label_notes:
        return f"none: {'; '.join(note.removeprefix(_WARNING) for note in pictures.label_notes)}"
    if pictures.sub_folders:
        several = "s" * (pictures.sub_folders > 1)
        return f"none: pictures lie in {pictures.sub_folders} sub-folder{several} and beside them"
    return "none: no sub-folders"


def _some(items: list[str], separator: str) -> str:
    more = f"{separator}and {len(items) - _NAMED:,} more" if len(items) > _NAMED else ""
    return separator.join(items[:_NAMED]) + more


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
