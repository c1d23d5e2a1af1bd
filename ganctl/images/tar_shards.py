"""Files in tar archives, read where they are."""

import io
import os
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import IO

from ganctl.errors import DataError
from ganctl.host.files import reading, shown
from ganctl.images.containers import ListedFile

_COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ\0": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}


class TarShards:
    """The members of one or several tar archives, a `containers.Container`.

    Members are named as if each archive had been unpacked: of several archives, into a folder of its name. They are
    listed in the order of the archives and, in each of them, in the order in which they lie there.

    Args:
        shards: the archives.

    Raises:
        DataError: one is not a tar archive, is damaged, or is compressed.
    """

    in_order = False

    def __init__(self, shards: list[Path]) -> None:
        self.path = shards[0] if len(shards) == 1 else Path(os.path.commonpath([shard.parent for shard in shards]))
        self._places: dict[str, tuple[Path, int]] = {}
        self._listed: dict[str, ListedFile] = {}
        self._skipped = Counter[str]()
        for shard in shards:
            below = "" if len(shards) == 1 else str(shard.relative_to(self.path))
            with reading(shard):
                modified = shard.stat().st_mtime_ns
            for member in _members(shard):
                # As if it had been unpacked here: a leading slash does not lead out of the archive.
                name = os.path.join(below, os.path.normpath(member.name).lstrip("/"))
                if os.path.basename(name).startswith("."):
                    self._skipped["hidden file"] += 1
                elif member.isreg() and not member.issparse():
                    # Of several members of one name, the last one counts.
                    self._places[name] = shard, member.offset_data
                    self._listed[name] = ListedFile(name, member.size, modified)
                elif not member.isdir():
                    self._skipped["link, pipe or device in the archive"] += 1

    def files(self) -> tuple[list[ListedFile], Counter[str]]:
        """List the files, as `Container.files` says."""
        return list(self._listed.values()), self._skipped.copy()

    def find(self, name: str) -> ListedFile | None:
        """Return the file of a name, if there is one."""
        return self._listed.get(os.path.normpath(name))

    @contextmanager
    def open(self, name: str) -> Iterator[BufferedIOBase]:
        """Open a member for reading bytes; raises DataError."""
        shard, start = self._places[name]
        try:
            with open(shard, "rb", buffering=0) as file:
                yield io.BufferedReader(_Section(file, start, self._listed[name].size))
        except OSError as error:
            raise DataError(f"it cannot be read: {error.strerror or error}") from None


class _Section(io.RawIOBase):
    """A part of an open file, as a file."""

    def __init__(self, file: io.FileIO, start: int, size: int) -> None:
        self._file = file
        self._left = size
        file.seek(start)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        read = self._file.readinto(memoryview(buffer)[: self._left])
        self._left -= read or 0
        return read or 0


def _members(path: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the members of a tar archive that is not compressed; raises DataError."""
    try:
        with reading(path), open(path, "rb") as file:
            _refuse_compressed(path, file)
            with tarfile.open(fileobj=file, mode="r:") as archive:
                yield from archive
                # `tarfile` takes a damaged header for the end; behind the last member are zeros, or nothing.
                file.seek(archive.offset)
                if any(file.read(tarfile.BLOCKSIZE)):
                    raise tarfile.ReadError("a header is damaged")
    except (EOFError, ValueError, tarfile.TarError) as error:
        raise DataError(
            f"{shown(path)} is not a tar archive, or a damaged one, perhaps cut off: {error}. Get it again."
        ) from None


def _refuse_compressed(path: Path, file: IO[bytes]) -> None:
    start = file.read(6)
    file.seek(0)
    for magic, program in _COMPRESSED.items():
        if start.startswith(magic):
            raise DataError(
                f"{shown(path)} is compressed, so that single images in it cannot be reached. Use a plain tar: "
                f"`{program} {shown(path)}`. Images are hardly larger in it."
            )
