"""Shows how the run is going: a bar on a terminal, otherwise a line every ten seconds."""

import time

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ganctl.evaluation.scoring import copies
from ganctl.run_folder.metrics_csv import format_score, read_metrics
from ganctl.training.hooks import Hook, RunInPlay

SECONDS_BETWEEN_LINES = 10.0


class ProgressBar(Hook):
    """Iterations, iterations/s, time left and losses.

    Args:
        console: where to show them.
        evaluated_every: iterations between two rows of metrics.csv, each of which is shown; 0: none.
    """

    def __init__(self, console: Console, evaluated_every: int = 0) -> None:
        self.every = evaluated_every
        self._console = console
        self._bar: Progress | None = None

    def start(self, run: RunInPlay, step: int) -> None:
        """Show the bar; without a terminal, print nothing yet."""
        self._first, self._began, self._said = step, time.monotonic(), time.monotonic()
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("training"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[news]}"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task("training", total=run.iterations, completed=step, news="compiling")
            self._bar.start()

    def rows(self, run: RunInPlay, step: int, rows: np.ndarray) -> None:
        """Show speed, time left and losses, as means over the call's iterations."""
        done, now = step + len(rows), time.monotonic()
        rate = (done - self._first) / max(now - self._began, 1e-9)
        names = [f"{player.prefix}_loss" for player in run.game.stages.at(step).players]
        losses = "  ".join(f"{name} {rows[:, run.game.columns.index(name)].mean():.3f}" for name in names)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, news=f"{rate:.1f} it/s  {losses}")
        elif now - self._said >= SECONDS_BETWEEN_LINES or done == run.iterations:
            left = (run.iterations - done) / rate
            self._console.print(
                f"iteration {done}/{run.iterations}  {rate:.1f} it/s  {left:.0f} s left  {losses}", highlight=False
            )
            self._said = now

    def act(self, run: RunInPlay, step: int) -> None:
        """Show the scores, if they have just been measured."""
        scored = [row for row in read_metrics(run.folder.metrics) if row["iteration"] == step]
        if scored:
            self._console.print(f"iteration {step}  {format_score(scored[-1])}", markup=False, highlight=False)
            if copies(scored[-1]):
                self.warned(run, f"many samples nearly copy training images: see {run.folder.nearest_pairs}")

    def warned(self, run: RunInPlay, message: str) -> None:
        """Show the warning above the bar."""
        self._console.print(f"Warning: {message}", markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Remove the bar from the terminal."""
        if self._bar is not None:
            self._bar.stop()
