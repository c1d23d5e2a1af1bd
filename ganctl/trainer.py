"""The outer loop: play a chunk, then let the hooks act; resume; interrupt."""

import shlex
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ganctl.errors import DivergedError
from ganctl.hooks import Hook, Run
from ganctl.interruption import Interruption

SECONDS_PER_CALL = 1.0
MAX_ROUNDS_PER_CALL = 2000


class Trainer:
    """Plays a game to its end.

    Args:
        run: the game and where it writes.
        hooks: in the order in which they act; whatever writes losses comes before whatever saves checkpoints.
        seconds_per_call: how long one compiled call should last.
    """

    def __init__(self, run: Run, hooks: Sequence[Hook], seconds_per_call: float = SECONDS_PER_CALL) -> None:
        self.run = run
        self._hooks = hooks
        self._seconds_per_call = seconds_per_call
        self._rounds_per_call = 1

    def train(self) -> None:
        """Play until the last iteration.

        Raises:
            DivergedError: a measurement is not finite; nothing was saved after it.
            StoppedError: a signal came, and everything was saved.
        """
        run, game = self.run, self.run.game
        with Interruption() as interruption:
            try:
                step = int(game.step.numpy())
                for hook in self._hooks:
                    hook.start(run, step)
                while step < run.iterations and not interruption.requested:
                    rows = self._play(step, self._rounds_from(step))
                    bad = first_bad_row(rows)
                    for hook in self._hooks:
                        hook.rows(run, step, rows if bad is None else rows[: bad + 1])
                    if bad is not None:
                        raise self._diverged(step + 1 + bad, rows[bad])
                    step += len(rows)
                    for hook in self._hooks:
                        if hook.every and step % hook.every == 0:
                            hook.act(run, step)
                for hook in self._hooks:
                    hook.stop(run, step)
            finally:
                for hook in self._hooks:
                    hook.close()
                for feed in game.feeds.values():
                    feed.close()
            if interruption.requested and step < run.iterations:
                raise interruption.error(
                    f"Stopped after iteration {step}; everything is saved. Continue: "
                    f"ganctl resume {shlex.quote(str(run.folder.path))}"
                )

    def _play(self, step: int, rounds: int) -> np.ndarray:
        game = self.run.game
        chunk = game.chunk(step, rounds)
        traces = game.play.experimental_get_tracing_count()
        began = time.monotonic()
        rows = game.play(chunk).numpy()
        if game.play.experimental_get_tracing_count() == traces:  # the call that compiles says nothing about speed
            rate = rounds / max(time.monotonic() - began, 1e-6)
            # At most doubled, because the first calls are slower than the rest.
            self._rounds_per_call = int(
                np.clip(rate * self._seconds_per_call, 1, min(2 * self._rounds_per_call, MAX_ROUNDS_PER_CALL))
            )
        return rows

    def _rounds_from(self, step: int) -> int:
        """How many rounds to play before something is due."""
        due = [every - step % every for every in (hook.every for hook in self._hooks) if every]
        return min(self._rounds_per_call, self.run.iterations - step, *due)

    def _diverged(self, iteration: int, row: np.ndarray) -> DivergedError:
        name, value = next((n, v) for n, v in zip(self.run.game.columns, row, strict=True) if not np.isfinite(v))
        return DivergedError(
            f"Iteration {iteration}: {name} is {value}. The training has diverged; the last good checkpoint in "
            f"{self.run.folder.checkpoints} is untouched. Try smaller learning rates."
        )


def first_bad_row(rows: Any) -> int | None:
    """Return the index of the first row with a value that is not finite."""
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    return int(bad[0]) if len(bad) else None
