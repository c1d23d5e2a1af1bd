"""One process at a time in a run folder.

The lock is the operating system's, on an open file. It ends with the process, however that ends, so a killed run leaves
nothing to clean up. The file holds the process ID, which the error shows to a user who is refused.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ganctl.errors import UsageError
from ganctl.run_folder.paths import RunFolder

# Windows locks bytes, and other processes cannot read those: this one is beyond the process ID, which they must read.
_LOCKED_BYTE = 2**20


@contextmanager
def run_lock(folder: RunFolder) -> Iterator[None]:
    """Hold a run folder while the body runs.

    Raises:
        UsageError: another process holds it; the message names that process.
    """
    path = folder.lock
    with _opened(path) as file:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """Open and lock the lock file; open it again if its holder removed it in the meantime."""
    while True:
        try:
            file = path.open("a+", encoding="ascii")
        except OSError as error:
            raise UsageError(f"The run folder {path.parent} cannot be written: {error.strerror}.") from None
        with file:
            if not _lock(file):
                file.seek(0)
                holder = file.read(20).strip() or "unknown"
                raise UsageError(
                    f"{path.parent} is in use: process {holder} is training it. Wait for it, or stop it: "
                    f"kill {shlex.quote(holder)}"
                )
            if _is_still_there(file, path):
                yield file
                return


def _lock(file: IO[str]) -> bool:
    """Try to lock an open file. On a file system without locks, assume that this process is alone."""
    try:
        import fcntl
    except ImportError:
        return _lock_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
