"""What lies in a folder of image files, before any of them is read."""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from ganctl.errors import DataError
from ganctl.host import run_marks
from ganctl.images.decode import MAGIC_BYTES, image_kind

MAX_FILE_BYTES = 2**29

_RUN_FILES = {run_marks.CONFIG, run_marks.INFO}

# So many images may be unreadable, or this share of them if that is more.
_TOLERATED = 10
_TOLERATED_SHARE = 0.01


@dataclass(frozen=True)
class ListedFile:
    """A regular file: its path below the folder, and what changes when its content does."""

    name: str
    size: int
    modified: int

    @property
    def group(self) -> str:
        """The immediate sub-folder that it lies in; empty for the folder itself."""
        return group_of(self.name)


def group_of(name: str) -> str:
    """Return the immediate sub-folder that a path below the folder leads through; empty for the folder itself."""
    parts = PurePath(name).parts
    return parts[0] if len(parts) > 1 else ""


@dataclass(frozen=True)
class Listing:
    """What lies below a folder: files sorted by name, and how many things of which kind are skipped."""

    files: list[ListedFile] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def skip(self, *files: ListedFile) -> None:
        """Count files that turned out to be no images."""
        for file in files:
            suffix = PurePath(file.name).suffix.lower()
            # Bytes that are no text, and what moves the cursor, can stand in no YAML and on no terminal.
            kind = suffix if suffix.isprintable() else ""
            self.skipped[f"{kind or 'other'} file without an image"] += 1


def list_folder(folder: Path) -> Listing:
    """List every file that is not hidden and lies in no run folder.

    Links to files are followed; links to folders are not, for they may loop.
    """
    files, skipped = [], Counter[str]()

    def skip_folder(_: OSError) -> None:
        skipped["unreadable folder"] += 1

    for parent, folders, names in os.walk(folder, onerror=skip_folder):
        if set(names) >= _RUN_FILES:  # its sample grids and plots are no pictures of the user's
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
    return Listing(sorted(files, key=lambda file: os.fsencode(file.name)), +skipped)


def class_folders(groups: Iterable[str]) -> tuple[str, ...]:
    """Return which sub-folders are classes, sorted: all that hold images, unless images lie beside them, too.

    Args:
        groups: the immediate sub-folder of each image, empty for one in the folder itself.
    """
    found = set(groups)
    return () if "" in found else tuple(sorted(found, key=os.fsencode))


def may_be_image(path: Path) -> bool:
    """Whether a file starts like an image; one that cannot be opened may be one, and is reported when it is read."""
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
    """Return how many of so many images may be unreadable and are left out; more of them end the reading."""
    return max(_TOLERATED, int(images * _TOLERATED_SHARE))


def counted(counts: Counter[str]) -> str:
    """Return counts in words, the most frequent first."""
    return ", ".join(f"{count:,} {what if count == 1 else _plural(what)}" for what, count in counts.most_common())


def _plural(what: str) -> str:
    return re.sub(r"(?<!\.)\b(file|folder|link)\b", r"\1s", what, count=1)
