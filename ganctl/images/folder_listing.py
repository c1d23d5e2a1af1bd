"""The contents of a folder of image files, before any of them is read."""

import os
import re
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from ganctl.errors import DataError
from ganctl.host import run_marks
from ganctl.images.decode import MAGIC_BYTES, image_kind

MAX_FILE_BYTES = 2**29

_TRAINING = {"train", "training"}
_NOT_TRAINING = {"val", "valid", "validation", "dev", "test", "testing", "eval", "holdout"}

_RUN_FILES = {run_marks.CONFIG, run_marks.INFO}

# The number of images that may be unreadable, or this share of them if that is more.
_TOLERATED = 10
_TOLERATED_SHARE = 0.01


@dataclass(frozen=True)
class ListedFile:
    """A regular file: its path below the folder, and its size and modification time."""

    name: str
    size: int
    modified: int

    @property
    def group(self) -> str:
        """The top-level sub-folder that contains it; empty for the folder itself."""
        return group_of(self.name)


def group_of(name: str) -> str:
    """Return the top-level sub-folder of a path below the folder; empty for the folder itself."""
    parts = PurePath(name).parts
    return parts[0] if len(parts) > 1 else ""


@dataclass(frozen=True)
class Listing:
    """The contents of a folder: files sorted by name, and the number of skipped entries by kind.

    Attributes:
        folder: the folder; of a tree that is split into training and other pictures, the training part.
        files: its files.
        skipped: numbers of other entries.
    """

    folder: Path
    files: list[ListedFile] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def skip(self, *files: ListedFile) -> None:
        """Count files that turned out not to be images."""
        for file in files:
            suffix = PurePath(file.name).suffix.lower()
            # Bytes that are not text, and control characters, belong neither in YAML nor on a terminal.
            kind = suffix if suffix.isprintable() else ""
            self.skipped[f"{kind or 'other'} file without an image"] += 1


def list_folder(folder: Path) -> Listing:
    """List every file that is neither hidden nor in a run folder.

    Of a tree of nothing but `train` and `test` (or `val`, `valid` ...), only the training part is listed: the others
    are there to be compared with, and are not classes.

    Links to files are followed; links to folders are not, because they may loop.
    """
    files, skipped = [], Counter[str]()

    def skip_folder(_: OSError) -> None:
        skipped["unreadable folder"] += 1

    for parent, folders, names in os.walk(folder, onerror=skip_folder):
        if set(names) >= _RUN_FILES:  # its sample grids and plots are not the user's pictures
            skipped["run folder"] += 1
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        skipped["linked folder"] += sum(os.path.islink(os.path.join(parent, name)) for name in folders)
        below = os.path.relpath(parent, folder)
        for name in names:
            try:
                status = os.stat(os.path.join(parent, name))
            except OSError:
                skipped["broken link"] += 1
                continue
            if name.startswith("."):
                skipped["hidden file"] += 1
            elif stat.S_ISREG(status.st_mode):
                path = os.path.normpath(os.path.join(below, name))
                files.append(ListedFile(path, status.st_size, status.st_mtime_ns))
            else:
                skipped["pipe, socket or device"] += 1
    files.sort(key=lambda file: os.fsencode(file.name))
    training = _training_part({file.group for file in files if file.group})
    if training is None:
        return Listing(folder, files, +skipped)
    kept = []
    for file in files:
        if file.group == training:
            kept.append(ListedFile(os.path.relpath(file.name, training), file.size, file.modified))
        else:
            skipped[f"file of `{file.group}`, which is not the training part" if file.group else "file beside it"] += 1
    return Listing(folder / training, kept, +skipped)


def _training_part(groups: set[str]) -> str | None:
    """Return the sub-folder with the training pictures, if the sub-folders are the parts of a split."""
    words = {group.lower(): group for group in groups}
    training = [group for word, group in words.items() if word in _TRAINING]
    split = len(words) > 1 and len(training) == 1 and set(words) <= _TRAINING | _NOT_TRAINING
    return training[0] if split else None


def natural_order(name: str) -> tuple[Any, ...]:
    """Return what names are sorted by: numbers in them count as numbers, so that 2 comes before 10."""
    parts = re.split(rb"(\d+)", os.fsencode(name))
    return tuple((int(part), b"") if part.isdigit() else (-1, part) for part in parts), os.fsencode(name)


def class_folders(groups: Mapping[str, int]) -> tuple[str, ...]:
    """Return the sub-folders that are classes, in natural order; none if too many images also lie beside them.

    A few beside two or more sub-folders (an overview, a logo) are strays that belong to no class.

    Args:
        groups: the number of images in each top-level sub-folder, and of those in the folder itself by an empty name.
    """
    names = [name for name in groups if name]
    strays = groups.get("", 0)
    if strays and (len(names) < 2 or strays > tolerated(sum(groups.values()))):
        return ()
    return tuple(sorted(names, key=natural_order))


def may_be_image(path: Path) -> bool:
    """Return whether a file starts like an image; True if it cannot be opened: reading it will report that."""
    try:
        with open(path, "rb") as file:
            return image_kind(file.read(MAGIC_BYTES)) is not None
    except OSError:
        return True


def read_image_file(path: Path) -> bytes | None:
    """Return a file's content, or None if it does not start like an image; raises DataError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            start = file.read(MAGIC_BYTES)
            if image_kind(start) is None:
                return None
            data = start + file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise DataError(f"it cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_FILE_BYTES:
        raise DataError(f"it is larger than {MAX_FILE_BYTES // 2**20} MiB")
    return data


def tolerated(images: int) -> int:
    """Return how many of `images` may be unreadable and are left out; more are an error."""
    return max(_TOLERATED, int(images * _TOLERATED_SHARE))


def counted(counts: Counter[str]) -> str:
    """Return counts in words, the most frequent first."""
    return ", ".join(f"{count:,} {what if count == 1 else _plural(what)}" for what, count in counts.most_common())


def _plural(what: str) -> str:
    return re.sub(r"(?<!\.)\b(file|folder|link)\b", r"\1s", what, count=1)
