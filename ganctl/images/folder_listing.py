"""The contents of a folder or archive of image files, before any of them is read."""

import os
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from io import BufferedIOBase
from pathlib import Path, PurePath
from typing import Any, Literal, Self

from ganctl.errors import DataError
from ganctl.images.containers import MAX_FILE_BYTES, Archive, Container, ListedFile, container_at
from ganctl.images.file_formats import FIRST_BYTES, WAYS_OUT, format_of, image_kind

_TRAINING = {"train", "training"}
_NOT_TRAINING = {"val", "valid", "validation", "dev", "test", "testing", "eval", "holdout"}

# The number of images that may be unreadable, or this share of them if that is more.
_TOLERATED = 10
_TOLERATED_SHARE = 0.01

_UNREAD = re.compile(r"(.+) file")


@dataclass(frozen=True)
class Listing:
    """The files of a folder or archive, sorted by name, and the number of skipped entries by kind.

    Attributes:
        container: the folder or archive.
        below: the sub-folder that is listed: the training part of a tree that is split into training and other
            pictures, or the only folder of an archive; otherwise empty.
        files: the files in it, named relative to it.
        skipped: the number of other entries of each kind.
    """

    container: Container
    below: str = ""
    files: list[ListedFile] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def path(self) -> Path:
        """Where the files lie; a path through an archive does not exist on disk."""
        return self.container.path / self.below

    def open(self, name: str) -> AbstractContextManager[BufferedIOBase]:
        """Open a file for reading bytes; opening and reading raise DataError if it is damaged or cannot be read."""
        return self.container.open(os.path.normpath(os.path.join(self.below, name)))

    def find(self, name: str) -> ListedFile | None:
        """Return the file of a name, listed or not, if there is one."""
        found = self.container.find(os.path.normpath(os.path.join(self.below, name)))
        return found and ListedFile(name, found.size, found.modified)

    def groups(self) -> dict[str, list[ListedFile]]:
        """Return the files by the sub-folder that they lie in; an empty name: in no sub-folder."""
        groups: dict[str, list[ListedFile]] = {}
        for file in self.files:
            groups.setdefault(file.group, []).append(file)
        return groups

    def inside(self, folder: str) -> Self:
        """Return the listing of a sub-folder, in which nothing is skipped yet."""
        files = [_seen_from(folder, file) for file in self.files if file.group == folder]
        return replace(self, below=os.path.join(self.below, folder), files=files, skipped=Counter())

    def without(self, name: str) -> Self:
        """Return the listing without the file of a name."""
        return replace(self, files=[file for file in self.files if file.name != name])

    def may_be_image(self, file: ListedFile) -> bool:
        """Return whether a file starts like an image; True if it cannot be opened: reading it will report that."""
        try:
            with self.open(file.name) as opened:
                return image_kind(opened.read(FIRST_BYTES), file.name) is not None
        except DataError:
            return True

    def read_image(self, file: ListedFile) -> bytes | None:
        """Return a file's content, or None if it does not start like an image; raises DataError if it is unreadable."""
        with self.open(file.name) as opened:
            start = opened.read(FIRST_BYTES)
            if image_kind(start, file.name) is None:
                return None
            # A file that grew meanwhile shows only when it is read.
            data = start + opened.read(MAX_FILE_BYTES) if file.size <= MAX_FILE_BYTES else b""
        if max(file.size, len(data)) > MAX_FILE_BYTES:
            raise DataError(f"it is larger than {MAX_FILE_BYTES // 2**20} MiB")
        return data

    def skip(self, *files: ListedFile) -> None:
        """Count files that turned out not to be images that are read, by format or, if it is unknown, by suffix."""
        for file in files:
            try:
                with self.open(file.name) as opened:
                    kind = format_of(opened.read(FIRST_BYTES), file.name)
            except DataError:
                kind = None
            self.skip_as(kind, file)

    def skip_as(self, kind: str | None, file: ListedFile) -> None:
        """Count a file as one of a format that is not read; None: of an unknown format."""
        if kind is not None:
            self.skipped[f"{kind} file"] += 1
            return
        suffix = PurePath(file.name).suffix.lower()
        # Bytes that are not text, and control characters, belong neither in YAML nor on a terminal.
        known = suffix if suffix.isprintable() else ""
        self.skipped[f"{known or 'other'} file without an image"] += 1


def list_images(path: Path) -> Listing:
    """List every file of a folder or zip archive that is neither hidden nor in a run folder; raises DataError.

    If the sub-folders with pictures are only `train` and `test` (or `val`, `valid` ...), or `train` alone, the training
    part is listed: the others are there for comparison and are not classes. If all files of an archive lie in one
    folder, that folder is listed: it is what was packed.
    """
    whole = list_everything(path)
    training = training_part(whole)
    if training is None:
        return whole
    skipped = Counter(whole.skipped)
    for file in whole.files:
        if file.group != training:
            skipped[f"file of `{file.group}`, which is not the training part" if file.group else "file beside it"] += 1
    return replace(whole.inside(training), skipped=+skipped)


def list_everything(path: Path) -> Listing:
    """List the same files with those of a split tree that are not for training; raises DataError."""
    container = container_at(path)
    files, skipped = container.files()
    files.sort(key=lambda file: os.fsencode(file.name))
    below = _only_folder(files) if isinstance(container, Archive) else ""
    return Listing(container, below, [_seen_from(below, file) for file in files], +skipped)


def _only_folder(files: list[ListedFile]) -> str:
    """Return the folder that all files lie in, if they do."""
    return os.path.commonpath([os.path.dirname(file.name) for file in files]) if files else ""


def _seen_from(folder: str, file: ListedFile) -> ListedFile:
    return ListedFile(os.path.relpath(file.name, folder), file.size, file.modified) if folder else file


def training_part(whole: Listing) -> str | None:
    """Return the sub-folder with the training pictures, if the sub-folders with pictures are the parts of a split."""
    groups = whole.groups()
    training = [group for group in groups if part_of(group) == "training"]
    if len(training) != 1:
        return None
    others = [group for group in groups if part_of(group) is None]
    if any(whole.may_be_image(file) for group in others for file in groups[group]):
        return None
    return training[0]


def part_of(word: str) -> Literal["training", "other"] | None:
    """Return which part of a split data set a word such as `train` or `val` means; None: it means none."""
    word = word.lower()
    return "training" if word in _TRAINING else "other" if word in _NOT_TRAINING else None


def training_files(names: list[str]) -> list[str] | None:
    """Return the files for training, judged by the words in their names; all of them if no name says so.

    Returns:
        Their names; None if some are for training, some for tests, and some say nothing.
    """
    words = {name: set(re.split(r"[^a-z]+", name.lower())) for name in names}
    training = [name for name in names if words[name] & _TRAINING]
    others = [name for name in names if words[name] & _NOT_TRAINING and name not in training]
    if not training or not others:
        return names
    return training if len(training) + len(others) == len(names) else None


def natural_order(name: str) -> tuple[Any, ...]:
    """Return a sort key for names in natural order: 2 comes before 10."""
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


def tolerated(images: int) -> int:
    """Return how many of `images` may be unreadable and are left out; more are an error."""
    return max(_TOLERATED, int(images * _TOLERATED_SHARE))


def counted(counts: Counter[str]) -> str:
    """Return counts in words, the most frequent first."""
    return ", ".join(f"{count:,} {what if count == 1 else _plural(what)}" for what, count in counts.most_common())


def skipped_in_words(skipped: Counter[str]) -> str:
    """Return in words how many entries of each kind were skipped, and what to do about formats that are not read."""
    kinds = [match[1] for what, _ in skipped.most_common() if (match := _UNREAD.fullmatch(what))]
    ways = [WAYS_OUT[kind] for kind in kinds if kind in WAYS_OUT]
    return f"{counted(skipped)} ({'; '.join(ways)})" if ways else counted(skipped)


def _plural(what: str) -> str:
    return re.sub(r"(?<!\.)\b(file|folder|link)\b", r"\1s", what, count=1)
