"""The outer loop: play a chunk, then call the hooks; resume; interrupt."""

import time
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import Any

import numpy as np

from ganctl.errors import DataError, DivergedError
from ganctl.host.background import Background
from ganctl.host.interruption import Interruption
from ganctl.training.divergence import Divergence, find_divergence
from ganctl.training.hooks import Hook, RunInPlay

SECONDS_PER_CALL = 1.0
MAX_ROUNDS_PER_CALL = 2048


class Trainer:
    """Plays a game to its end.

    Args:
        run: the game and where it writes.
        hooks: in the order in which they act; those that write losses come before those that save checkpoints.
        seconds_per_call: how long one compiled call should last.
    """

    def __init__(self, run: RunInPlay, hooks: Sequence[Hook], seconds_per_call: float = SECONDS_PER_CALL) -> None:
        self.run = run
        self._hooks = hooks
        self._seconds_per_call = seconds_per_call
        self._rounds_per_call, self._stage = 1, run.game.stages.now(run.game.step)

    def train(self) -> None:
        """Play until the last iteration, or until a hook ends the run: `run.ending` then says why.

        Raises:
            DivergedError: a measurement is not finite, or is far too large; nothing was saved after it.
            StoppedError: a signal came, and everything was saved.
            GanctlError: that of `run.ending`; everything was saved.
        """
        run, game = self.run, self.run.game
        with Interruption() as interruption, Background() as background:
            hooks = _Followers(run, self._hooks, background)
            try:
                step = int(game.step.numpy())
                hooks.start(step)
                hooks.ahead(step)
                while not run.is_over(step) and not interruption.requested:
                    rows = self._play(step, self._rounds_from(step), hooks)
                    diverged = self._divergence(step, rows)
                    if diverged:
                        rows = rows[: diverged.row + 1]
                    hooks.rows(step, rows)
                    step += len(rows)
                    if diverged:
                        background.finish()
                        raise self._diverged(step, diverged)
                    hooks.act(step)
                    hooks.ahead(step)
                hooks.stop(step)
            finally:
                hooks.close()
                for feed in game.feeds.values():
                    feed.close()
            if interruption.requested and not run.is_over(step):
                raise interruption.error(
                    f"Stopped after iteration {step}; everything is saved. Continue: {self.run.folder.resume_command}"
                )
            if run.ending is not None and run.ending.error is not None:
                raise run.ending.error

    def _divergence(self, step: int, rows: np.ndarray) -> Divergence | None:
        """What shows in the measurements of the players that play."""
        game, stage = self.run.game, self.run.game.stages.at(step)
        measured = [game.columns.index(name) for name in stage.columns]
        return find_divergence(rows[:, measured], stage.columns, stage.players)

    def _chunk(self, step: int, rounds: int, hooks: "_Followers") -> Any:
        """Return the data of the next rounds. If images can no longer be read, save everything and end the run."""
        try:
            return self.run.game.chunk(step, rounds)
        except (OSError, DataError) as error:
            hooks.stop(step)
            raise DataError(
                f"The images could not be read after iteration {step}: {_shown(error)}. Everything is saved. "
                f"Restore the images, then continue: {self.run.folder.resume_command}"
            ) from error

    def _play(self, step: int, rounds: int, hooks: "_Followers") -> np.ndarray:
        game = self.run.game
        chunk = self._chunk(step, rounds, hooks)
        traces = game.play.experimental_get_tracing_count()
        began = time.monotonic()
        rows = game.play(chunk).numpy()
        if game.play.experimental_get_tracing_count() == traces:  # a call that compiles does not show the speed
            rate = rounds / max(time.monotonic() - began, 1e-6)
            # At most doubled, because the first calls are slower than the rest; a power of two, because what a feed
            # reads ahead is then mostly what the next call takes.
            wanted = np.clip(rate * self._seconds_per_call, 1, min(2 * self._rounds_per_call, MAX_ROUNDS_PER_CALL))
            self._rounds_per_call = 2 ** int(np.log2(wanted))
        return rows

    def _rounds_from(self, step: int) -> int:
        """How many rounds to play before something is due."""
        due = [period - step % period for hook in self._hooks for period in hook.periods]
        due += [
            max(1, period - step % period - 1) for hook in self._hooks if hook.looks_ahead for period in hook.periods
        ]
        stage = self.run.game.stages.at(step)
        if stage is not self._stage:  # its rounds may take much longer
            self._rounds_per_call, self._stage = 1, stage
        return min(
            self._rounds_per_call, self.run.iterations - step, *due, stage.most_rounds(self.run.game.feeds, step)
        )

    def _diverged(self, iteration: int, found: Divergence) -> DivergedError:
        return DivergedError(
            f"Iteration {iteration}: {found}. {DivergedError.SAYS}. Checkpoints saved before, in "
            f"{self.run.folder.checkpoints}, are untouched. {found.remedy}"
        )


class _Event(Enum):
    """What happens to a hook; the value is the name of its method."""

    START = "start"
    ROWS = "rows"
    AHEAD = "ahead"
    ACT = "act"
    STOP = "stop"


class _Followers:
    """Calls the hooks of a run in order, and runs the work they return in the background."""

    def __init__(self, run: RunInPlay, hooks: Sequence[Hook], background: Background) -> None:
        self._run, self._hooks, self._background = run, hooks, background
        self._dropped: list[Hook] = []

    def start(self, step: int) -> None:
        """Call the hooks as training begins."""
        for hook in self._hooks:
            self._tell(hook, _Event.START, step)

    def rows(self, step: int, rows: np.ndarray) -> None:
        """Hand on the measurements [rounds, columns] of the iterations after `step`."""
        for hook in self._playing():
            self._tell(hook, _Event.ROWS, step, rows)

    def ahead(self, step: int) -> None:
        """Let the hooks that look ahead do so if they are due after the next iteration."""
        for hook in () if self._run.is_over(step) else self._playing():
            if hook.looks_ahead and any((step + 1) % period == 0 for period in hook.periods):
                self._tell(hook, _Event.AHEAD, step)

    def act(self, step: int) -> None:
        """Let the hooks that are due act."""
        for hook in self._playing():
            if any(step % period == 0 for period in hook.periods):
                self._tell(hook, _Event.ACT, step)

    def stop(self, step: int) -> None:
        """Call the hooks when training has ended or was interrupted, and wait until everything is saved."""
        for hook in self._playing():
            self._tell(hook, _Event.STOP, step)
        self._background.finish()

    def close(self) -> None:
        """Finish all pending work and close all hooks. What fails now must not hide what ended the run."""
        try:
            self._background.finish()
        except Exception as error:
            self._run.folder.append_log(f"Also failed while shutting down: {_shown(error)}")
        for hook in self._hooks:
            with suppress(Exception):
                hook.close()

    def _playing(self) -> list[Hook]:
        """The hooks that have not dropped out."""
        return [hook for hook in self._hooks if hook not in self._dropped]

    def _tell(self, hook: Hook, event: _Event, step: int, *rows: np.ndarray) -> None:
        """Call a hook. If one that is not vital fails, warn and continue training.

        A hook that could not act, because of a full disk or a missing folder, is called again next time; one that
        cannot even record the measurements drops out.
        """
        if event is _Event.STOP or (event is _Event.ACT and hook.vital):
            self._background.finish()  # a checkpoint covers all that was measured and drawn before it
        failed = partial(self._failed, hook, event, step)
        try:
            later = getattr(hook, event.value)(self._run, step, *rows)
        except DivergedError:
            raise
        except Exception as error:
            failed(error)
        else:
            if later:
                self._background.do(later, failed)

    def _failed(self, hook: Hook, event: _Event, step: int, error: Exception) -> None:
        if hook.vital:
            raise error
        if event is not _Event.ACT:
            self._dropped.append(hook)
        self._warn(f"{type(hook).__name__} failed after iteration {step}; training continues: {_shown(error)}")

    def _warn(self, message: str) -> None:
        self._run.folder.append_log(f"Warning: {message}")
        for hook in self._playing():
            with suppress(OSError):
                hook.warned(self._run, message)


def _shown(error: Exception) -> str:
    """Return the message of an error on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.rstrip(".")
