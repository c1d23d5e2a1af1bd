"""Files and paths of the user: written whole or not at all, and named in messages as a person can read them."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganctl.errors import DataError, UsageError


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file that is there whole or not at all: temporary name, rename. Its mode is what the umask leaves.

    Args:
        path: where; an existing file is replaced.
        content: all of it.
        durable: wait until the disk has it, so that this holds after a power failure, too. Pictures do without: they
            are many, and can be drawn again.
    """
    with replacement_for(path) as temporary:
        if durable:
            write_durably(temporary, content)
        else:
            temporary.write_bytes(content)


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacement_for(path: Path, suffix: str = "") -> Iterator[Path]:
    """Give a temporary path beside `path`; the file written there takes its place, or is removed where the body fails.

    Args:
        path: what is replaced. The body must remove a folder that is in the way.
        suffix: that the temporary name must end in, for writers that go by it.
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
    """Raise UsageError where the user's file or folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise DataError where the user's file or folder cannot be read."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{shown(path)} cannot be read: {error.strerror or error}.") from error


def is_folder(path: Path) -> bool:
    """Whether the user's path is a folder; raises UsageError where nothing can be called so: too long a name."""
    with writing(path), suppress(FileNotFoundError, NotADirectoryError):
        return stat.S_ISDIR(path.stat().st_mode)
    return False


def is_text(path: Path) -> bool:
    """Whether a path, made absolute, can be written as UTF-8: file names are bytes, and some are not text."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(path: Path) -> str:
    """Return a path as a message shows it: quoted and escaped if it has a newline, or bytes that are not text."""
    return str(path) if str(path).isprintable() else repr(str(path))
