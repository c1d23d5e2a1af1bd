"""The user's files: written whole or not at all, and errors of the file system in words."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganctl.errors import DataError, UsageError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, also after a crash: temporary name, fsync, rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_durably(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def shown(path: Path) -> str:
    """Return a path as a message shows it: quoted and escaped if it has a newline, or bytes that are no text."""
    return str(path) if str(path).isprintable() else repr(str(path))


def is_text(path: Path) -> bool:
    """Whether a path, made absolute, can be written as UTF-8: file names are bytes, and some are no text."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an error of the file system into one that the user reads."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{shown(path)} cannot be read: {error.strerror or error}.") from error


def is_folder(path: Path) -> bool:
    """Whether the user's path is a folder; raises UsageError where nothing can be called so: too long a name."""
    with writing(path), suppress(FileNotFoundError, NotADirectoryError):
        return stat.S_ISDIR(path.stat().st_mode)
    return False


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise UsageError where the user's file or folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None
