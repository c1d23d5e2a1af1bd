"""One process at a time in a run folder."""

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ganctl.errors import UsageError
from ganctl.host.file_lock import Taken, file_lock
from ganctl.run_folder.paths import RunFolder


@contextmanager
def run_lock(folder: RunFolder) -> Iterator[None]:
    """Hold a run folder while the body runs.

    Raises:
        UsageError: another process holds it; the message names that process.
    """
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(folder.lock))
        except Taken as taken:
            raise UsageError(
                f"{folder.path} is in use: process {taken.holder} is training it. Wait for it, or stop it: "
                f"kill {shlex.quote(taken.holder)}"
            ) from None
        except OSError as error:
            raise UsageError(f"The run folder {folder.path} cannot be written: {error.strerror}.") from None
        yield
