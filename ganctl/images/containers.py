"""Where image files lie: in a folder, or in a zip archive, which is read where it is.

Both list their files, and open one by its name. Nothing of an archive is unpacked to disk, and no member may take
more memory than the archive's own size justifies.
"""

import os
import stat
import weakref
import zipfile
import zlib
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import Protocol, cast

from ganctl.errors import DataError
from ganctl.host import run_marks
from ganctl.host.files import reading, shown
from ganctl.images.archives import MOST_COMPRESSION
from ganctl.images.file_formats import FIRST_BYTES, HDF5, NUMPY, PARQUET, TAR, WAYS_OUT, format_of

MAX_FILE_BYTES = 2**29

_RUN_FILES = {run_marks.CONFIG, run_marks.INFO}
_HIDDEN, _RUN_FOLDER, _SPECIAL = "hidden file", "run folder", "pipe, socket or device"
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class ListedFile:
    """A regular file: its path below its container, and its size and modification time."""

    name: str
    size: int
    modified: int

    @property
    def group(self) -> str:
        """The top-level sub-folder that contains it; empty for the container itself."""
        return group_of(self.name)


def group_of(name: str) -> str:
    """Return the top-level sub-folder of a path below the folder; empty for the folder itself."""
    # Not by pathlib, which takes a second for 150,000 names.
    top, separator, _ = name.partition(os.sep)
    return top if separator else ""


class Container(Protocol):
    """A folder or an archive of files.

    Attributes:
        in_order: files should be opened one after another as they are listed, because neighbours are read together.
    """

    in_order: bool

    @property
    def path(self) -> Path:
        """Where it is."""

    def files(self) -> tuple[list[ListedFile], Counter[str]]:
        """Return every file that is neither hidden nor in a run folder, and the number of skipped entries by kind."""

    def find(self, name: str) -> ListedFile | None:
        """Return the file of a name, if there is one."""

    def open(self, name: str) -> AbstractContextManager[BufferedIOBase]:
        """Open a file for reading bytes; opening and reading raise DataError if it is damaged or cannot be read."""


def container_at(path: Path) -> Container:
    """Return the folder or zip archive at a path; raises DataError if it is neither, or a damaged archive."""
    with reading(path):
        if path.is_dir():
            return Folder(path)
    if path.suffix.lower() == ".npz":  # a zip archive, too, but of arrays of many images
        raise DataError(f"{shown(path)} is not a folder or a zip archive of images, but an npz: {WAYS_OUT[NUMPY]}.")
    return Archive(path)


class Folder:
    """A folder of files, also in sub-folders.

    Links to files and folders are followed. A folder is listed only once, even if several links lead to it or form a
    loop; its own path takes precedence over a link.
    """

    in_order = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self) -> tuple[list[ListedFile], Counter[str]]:
        """List the files, as `Container.files` says."""
        files: list[ListedFile] = []
        skipped = Counter[str]()
        seen: set[tuple[int, int]] = set()
        tops = deque([""])
        while tops:
            top = tops.popleft()
            identity = _identity(self.path / top)
            if identity in seen:
                skipped["linked folder that is listed already"] += 1
                continue
            links = self._walk(top, seen, files, skipped)
            tops += sorted(links, key=os.fsencode)
        return files, skipped

    def find(self, name: str) -> ListedFile | None:
        """Return the file of a name, if there is one."""
        try:
            status = os.stat(self.path / name)
        except OSError:
            return None
        return ListedFile(name, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None

    @contextmanager
    def open(self, name: str) -> Iterator[BufferedIOBase]:
        """Open a file for reading bytes; raises DataError."""
        try:
            with open(self.path / name, "rb") as file:
                yield file
        except OSError as error:
            raise DataError(f"it cannot be read: {error.strerror or error}") from None

    def _walk(
        self, top: str, seen: set[tuple[int, int]], files: list[ListedFile], skipped: Counter[str]
    ) -> Iterator[str]:
        """List a folder without following links to folders; yield the paths of these links."""

        def skip_folder(_: OSError) -> None:
            skipped["unreadable folder"] += 1

        for parent, folders, names in os.walk(self.path / top, onerror=skip_folder):
            identity = _identity(parent)
            if identity in seen:  # a link to a folder above led here
                folders.clear()
                continue
            seen.add(identity)
            if set(names) >= _RUN_FILES:  # its sample grids and plots are not the user's pictures
                skipped[_RUN_FOLDER] += 1
                folders.clear()
                continue
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = os.path.relpath(parent, self.path)
            yield from (
                os.path.normpath(os.path.join(below, name))
                for name in folders
                if os.path.islink(os.path.join(parent, name))
            )
            for name in names:
                try:
                    status = os.stat(os.path.join(parent, name))
                except OSError:
                    skipped["broken link"] += 1
                    continue
                if name.startswith("."):
                    skipped[_HIDDEN] += 1
                elif stat.S_ISREG(status.st_mode):
                    path = os.path.normpath(os.path.join(below, name))
                    files.append(ListedFile(path, status.st_size, status.st_mtime_ns))
                else:
                    skipped[_SPECIAL] += 1


def _identity(folder: str | os.PathLike[str]) -> tuple[int, int]:
    """Device and inode of a folder, which are the same by every path; zeros if it cannot be read."""
    try:
        status = os.stat(folder)
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


class Archive:
    """A zip archive, read where it is; its members are named as if it had been unpacked.

    Args:
        path: the archive.

    Raises:
        DataError: it is not a zip archive, or it is damaged.
    """

    in_order = False

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with reading(path):
                # It stays open as long as this object lives: its directory may take a second to read.
                self._zip = zipfile.ZipFile(path)
                weakref.finalize(self, self._zip.close)
                modified = path.stat().st_mtime_ns
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise DataError(_no_archive(path, error)) from None
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._listed: dict[str, ListedFile] = {}
        for member in self._zip.infolist():
            # As the file system would return the name, from which class names and cache keys are made.
            plain = os.path.normpath(member.filename.replace("\\", "/")).lstrip("/")
            name = os.fsdecode(plain.encode("utf-8", "surrogateescape"))
            if not member.is_dir():  # of several members of one name, the last one counts
                self._members[name] = member
                self._listed[name] = ListedFile(name, member.file_size, modified)

    def files(self) -> tuple[list[ListedFile], Counter[str]]:
        """List the files, as `Container.files` says."""
        skipped = Counter[str]()
        names_in: dict[str, set[str]] = {}
        for name in self._members:
            folder, base = os.path.split(name)
            names_in.setdefault(folder, set()).add(base)
        runs = {folder for folder, names in names_in.items() if names >= _RUN_FILES}
        if runs:
            skipped[_RUN_FOLDER] += len(runs)
        files: list[ListedFile] = []
        for name, file in self._listed.items():
            *folders, base = name.split("/")
            above = {"/".join(folders[:depth]) for depth in range(len(folders) + 1)}
            if any(folder.startswith(".") for folder in folders) or above & runs:
                continue
            if base.startswith("."):
                skipped[_HIDDEN] += 1
            elif stat.S_IFMT(self._members[name].external_attr >> 16) not in (0, stat.S_IFREG):
                skipped["link, pipe or device in the archive"] += 1
            else:
                files.append(file)
        return files, skipped

    def find(self, name: str) -> ListedFile | None:
        """Return the file of a name, if there is one."""
        return self._listed.get(os.path.normpath(name))

    @contextmanager
    def open(self, name: str) -> Iterator[BufferedIOBase]:
        """Open a member for reading bytes; raises DataError."""
        member = self._members[name]
        if member.flag_bits & _ENCRYPTED:
            raise DataError("it is encrypted; unpack the archive and name the folder")
        if member.file_size > member.compress_size * MOST_COMPRESSION:
            raise DataError(f"it declares {member.file_size} bytes, more than it can hold")
        try:
            with self._zip.open(member) as file:
                yield cast(BufferedIOBase, file)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise DataError(f"it is damaged in the archive, or cannot be read: {error}") from None


def _no_archive(path: Path, error: Exception) -> str:
    with open(path, "rb") as file:
        if file.read(2) == b"PK":
            return f"{shown(path)} is a damaged zip archive, perhaps cut off: {error}. Get it again."
        file.seek(0)
        kind = format_of(file.read(FIRST_BYTES), path.name)
    if kind in (NUMPY, PARQUET, TAR, HDF5):
        a = "an" if kind == HDF5 else "a"
        return f"{shown(path)} is not a folder or a zip archive, but {a} {kind} file: {WAYS_OUT[kind]}."
    return f"{shown(path)} is not a folder or a zip archive. Give a folder of images, or a zip of one."
