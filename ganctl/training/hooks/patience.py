"""Ends a run whose KID no longer falls."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ganctl.run_folder.course import EarlyEnd, add_early_end, early_ends
from ganctl.run_folder.metrics_csv import best_iteration, comparable, read_metrics
from ganctl.training.hooks import Ending, Hook, RunInPlay

KEY = "evaluation.patience"


class Patience(Hook):
    """Ends the run after `patience` evaluations without a better KID; follows the hook that evaluates.

    Resumed with the same settings, such a run ends again at once. With more iterations or another patience it
    continues, and counts the evaluations anew.

    Args:
        every: iterations between two evaluations.
        patience: number of evaluations.
    """

    def __init__(self, every: int, patience: int) -> None:
        self.every = every
        self._patience = patience

    def start(self, run: RunInPlay, step: int) -> None:
        """End a resumed run that has no patience left."""
        past = [end.iteration for end in early_ends(run.folder) if self._is_past(run, step, end)]
        self._anew_after = max(past, default=0)
        if step:
            self.act(run, step)

    def _is_past(self, run: RunInPlay, step: int, end: EarlyEnd) -> bool:
        """Whether the run has continued, or is to continue, after this early end."""
        if end.key != KEY or end.iteration > step:
            return False
        return end.iteration < step or end.value != str(self._patience) or end.planned < run.iterations

    def act(self, run: RunInPlay, step: int) -> None:
        """End the run if none of the last evaluations was better."""
        rows = comparable(read_metrics(run.folder.metrics))
        counted = sum(row["iteration"] > self._anew_after for row in rows)
        worse = evaluations_since_better(rows)
        if step >= run.iterations or min(worse, counted) < self._patience:
            return
        since = int(rows[-worse - 1]["iteration"]) if worse < len(rows) else 0
        noun = "evaluation" if worse == 1 else "evaluations"
        why = f"the KID has not fallen by more than its deviation in {worse} {noun}{self._best(run, rows)}"
        add_early_end(run.folder, EarlyEnd(step, run.iterations, KEY, str(self._patience), since, why))
        resume = f"{run.folder.resume_command} --set {KEY}=0"
        remedy = f"To draw from the best checkpoint, use --best. To train on: {resume}"
        run.ending = Ending(f"{why} ({KEY}={self._patience})", remedy)

    def _best(self, run: RunInPlay, rows: Sequence[Mapping[str, Any]]) -> str:
        best = best_iteration(run.folder.metrics)
        kid = next((row["kid"] for row in rows if row["iteration"] == best), None)
        return "" if kid is None else f"; the best is {kid:.3g} after iteration {best:,}"


def evaluations_since_better(rows: Sequence[Mapping[str, Any]]) -> int:
    """Return the number of evaluations since the last better one.

    A KID is better if it is below the best so far by more than its own standard deviation (`kid_std`). A slow fall
    counts as soon as it adds up to that. An evaluation without a KID is not better.

    Args:
        rows: comparable rows of metrics.csv, by iteration.
    """
    best, count = math.inf, 0
    for row in rows:
        kid = row.get("kid", math.nan)
        if kid < best - row.get("kid_std", 0.0):
            best, count = kid, 0
        else:
            count += 1
    return count
