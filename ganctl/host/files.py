"""The user's files and paths: written completely or not at all, and readable in messages."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganctl.errors import DataError, UsageError


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file completely or not at all: temporary name, then rename. Its mode follows the umask.

    Args:
        path: the file; an existing one is replaced.
        content: its whole content.
        durable: wait until it is on disk, so that this holds even after a power failure. Not needed for pictures,
            which are many and can be drawn again.
    """
    with replacement_for(path) as temporary:
        if durable:
            write_durably(temporary, content)
        else:
            temporary.write_bytes(content)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacement_for(path: Path, suffix: str = "") -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there replaces `path`, or is removed if the body fails.

    Args:
        path: what is replaced. If it is a folder, the body must remove it.
        suffix: the end of the temporary name, for writers that depend on it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp{suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise UsageError if the body cannot write the user's file or folder."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise DataError if the body cannot read the user's file or folder."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{shown(path)} cannot be read: {error.strerror or error}.") from error


def is_folder(path: Path) -> bool:
    """Whether the user's path is a folder; raises UsageError if it cannot be a path, such as too long a name."""
    with writing(path), suppress(FileNotFoundError, NotADirectoryError):
        return stat.S_ISDIR(path.stat().st_mode)
    return False


def is_text(path: Path) -> bool:
    """Whether a path, made absolute, is valid UTF-8: file names are bytes, and some are not text."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(path: Path) -> str:
    """Return a path as a message shows it: quoted and escaped if it contains a newline or bytes that are not text."""
    return str(path) if str(path).isprintable() else repr(str(path))
