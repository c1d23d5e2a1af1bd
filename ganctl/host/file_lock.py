"""Locks of the operating system on files: one process at a time.

A lock ends with the process that holds it, however that ends, so a killed process leaves nothing to clean up. The file
holds the process ID, for people and for error messages.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

# Windows locks bytes, and other processes cannot read those: this one is beyond the process ID, which they must read.
_LOCKED_BYTE = 2**20
# `holder_of` locks the file itself, for an instant.
_TRIES, _SECONDS_BETWEEN = 5, 0.05


class Taken(Exception):
    """Another process holds the lock.

    Args:
        holder: its process ID, or `unknown`.
    """

    def __init__(self, holder: str) -> None:
        super().__init__(f"process {holder} holds it")
        self.holder = holder


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file while the body runs; the file is removed afterwards.

    On a file system without locks, this process is assumed to be alone.

    Raises:
        Taken: another process holds it.
        OSError: the file cannot be written.
    """
    with _opened(path) as file:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file while the body runs, as `file_lock` does, but wait for it as long as it takes."""
    while True:
        with ExitStack() as held:
            try:
                held.enter_context(file_lock(path))
            except Taken:
                continue
            yield
            return


def holder_of(path: Path) -> str | None:
    """Return the ID of the process that holds the lock of a file, or `unknown`; None if no process does.

    Nothing is written. On a file system without locks, the answer is always None.
    """
    if not path.is_file():  # opening a pipe would wait for whoever writes to it
        return None
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            return None if _lock(file, shared=True) else _written(file)
    except OSError:
        return None


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """Open and lock the lock file; open it again if its holder removed it in the meantime."""
    tries = 0
    while True:
        with path.open("a+", encoding="ascii") as file:
            if not _lock(file):
                tries += 1
                if tries == _TRIES:
                    raise Taken(_written(file))
                time.sleep(_SECONDS_BETWEEN)
            elif _is_still_there(file, path):
                yield file
                return


def _written(file: IO[str]) -> str:
    file.seek(0)
    return file.read(20).strip() or "unknown"


def _lock(file: IO[str], *, shared: bool = False) -> bool:
    """Try to lock an open file. On a file system without locks, assume that this process is alone."""
    try:
        import fcntl
    except ImportError:
        return _lock_on_windows(file)
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _lock_on_windows(file: IO[str]) -> bool:
    import msvcrt

    file.seek(_LOCKED_BYTE)
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    except OSError:
        return False
    finally:
        file.seek(0)
    return True


def _is_still_there(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False
