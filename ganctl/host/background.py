"""Work that a run does while the next rounds are played: in order, with every failure reported."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Self

Failed = Callable[[Exception], None]

MOST_PENDING = 32


class Background:
    """Runs tasks one by one in a separate thread, which ends with the `with` block."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._pending: deque[tuple[Future[None], Failed]] = deque()

    def do(self, work: Callable[[], None], failed: Failed) -> None:
        """Queue a task to run after all earlier ones; waits if too many are pending.

        Args:
            work: the task.
            failed: called with its error if it fails, in the thread that next calls `do` or `finish`.
        """
        while self._pending and (len(self._pending) >= MOST_PENDING or self._pending[0][0].done()):
            self._settle()
        self._pending.append((self._thread.submit(work), failed))

    def finish(self) -> None:
        """Wait until all tasks are done."""
        while self._pending:
            self._settle()

    def _settle(self) -> None:
        """Wait for the oldest task, and report its failure."""
        future, failed = self._pending[0]
        wait([future])  # if Ctrl-C comes meanwhile, it stays pending
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
