"""What happens at intervals during a run: one file each.

The trainer asks each hook when it is due, calls it then, and gives it the measurements.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganctl.errors import GanctlError
from ganctl.game.game import Game
from ganctl.run_folder.losses_csv import LossTable
from ganctl.run_folder.paths import RunFolder

Later = Callable[[], None] | None
"""Work that needs no device, done in order while the next rounds are played; or None."""


@dataclass(frozen=True)
class Ending:
    """Why a run ends before its last iteration.

    Attributes:
        why: the reason, as a sentence without its full stop.
        remedy: what to do with the run now, in sentences.
        error: what `Trainer.train` raises once everything is saved; None: the run ends like a complete one.
    """

    why: str
    remedy: str = ""
    error: GanctlError | None = None


@dataclass
class RunInPlay:
    """What hooks see of a run while it trains."""

    game: Game
    folder: RunFolder
    iterations: int
    iterations_per_epoch: int
    facts: dict[str, Any] = field(default_factory=dict)
    """What every checkpoint and generator file states about itself."""
    ending: Ending | None = None
    """Why the run ends early. Once a hook sets it, everything is saved and no further iteration is played."""

    def is_over(self, step: int) -> bool:
        """Whether no iteration follows after the first `step`: the run is complete, or a hook has ended it."""
        return step >= self.iterations or self.ending is not None

    @property
    def loss_table(self) -> LossTable:
        """What turns measurements into rows of losses.csv: the cells of players that rest are empty."""
        game = self.game
        resting = len(game.stages) > 1
        measured_in = (lambda iteration: game.stages.at(iteration - 1).columns) if resting else None
        return LossTable(game.columns, self.iterations_per_epoch, measured_in)

    def facts_at(self, step: int) -> dict[str, Any]:
        """Return what a checkpoint after `step` iterations states about itself."""
        return {**self.facts, **stage_facts(self.game, step), "step": step}


def stage_facts(game: Game, step: int) -> dict[str, Any]:
    """Return the stage in which a run goes on after `step` iterations, from 1; nothing if it has only one."""
    if len(game.stages) == 1:
        return {}
    stage = game.stages.at(step)
    players = [player.name for player in stage.players]
    return {"stage": {"number": game.stages.index(stage) + 1, "of": len(game.stages), "players": players}}


class Hook:
    """Something that happens at intervals. A hook never changes the training, but it may end it.

    Attributes:
        every: act every N iterations; 0: never between the first and the last.
        also_every: also act every N iterations; 0: no others.
        vital: without it the run is incomplete, so training ends if it fails. If any other hook fails, a warning is
            printed and training continues. All pending work is finished before a vital hook acts.
        looks_ahead: whether `ahead` is called one iteration before `act`, to see what that iteration changes.
    """

    every = 0
    also_every = 0
    vital = False
    looks_ahead = False

    @property
    def periods(self) -> list[int]:
        """The intervals at which it acts, in iterations."""
        return [period for period in (self.every, self.also_every) if period]

    def start(self, run: RunInPlay, step: int) -> Later:
        """Prepare for training, which begins after `step` completed iterations."""

    def rows(self, run: RunInPlay, step: int, rows: np.ndarray) -> Later:
        """Take the measurements [rounds, columns] of the iterations after `step`."""

    def ahead(self, run: RunInPlay, step: int) -> Later:
        """Look at the run: `step` iterations are complete, and this hook is due after one more."""

    def act(self, run: RunInPlay, step: int) -> Later:
        """Act: `step` iterations are complete, and this hook is due."""

    def stop(self, run: RunInPlay, step: int) -> Later:
        """Save what there is: training has ended or was interrupted."""

    def warned(self, run: RunInPlay, message: str) -> None:
        """Show a warning: another hook failed, and training continues."""

    def close(self) -> None:
        """Release files and the terminal, also after a failure."""
