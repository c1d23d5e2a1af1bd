"""Work that a run can do while the next rounds are played: in order, and no failure of it is lost."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Self

Failed = Callable[[Exception], None]

MOST_PENDING = 32


class Background:
    """Does work piece by piece in a thread of its own, which is gone at the end of the `with` block."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._pending: deque[tuple[Future[None], Failed]] = deque()

    def do(self, work: Callable[[], None], failed: Failed) -> None:
        """Have something done after all that was given before; waits where too much is pending.

        Args:
            work: what is to be done.
            failed: told if it failed, in the thread of whoever next calls `do` or `finish`.
        """
        while self._pending and (len(self._pending) >= MOST_PENDING or self._pending[0][0].done()):
            self._settle()
        self._pending.append((self._thread.submit(work), failed))

    def finish(self) -> None:
        """Wait until everything is done."""
        while self._pending:
            self._settle()

    def _settle(self) -> None:
        """Wait for the piece that was given first, and tell of its failure."""
        future, failed = self._pending[0]
        wait([future])  # a Ctrl-C meanwhile leaves it pending
        self._pending.popleft()
        error = future.exception()
        if isinstance(error, Exception):
            failed(error)
        elif error:
            raise error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
