"""What happens at intervals during a run: one file each.

The trainer asks each hook when it is due, calls it then, and gives it the measurements.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganctl.game.game import Game
from ganctl.run_folder.paths import RunFolder

Later = Callable[[], None] | None
"""Work that needs no device, done in order while the next rounds are played; or None."""


@dataclass
class RunInPlay:
    """What hooks see of a run while it trains."""

    game: Game
    folder: RunFolder
    iterations: int
    iterations_per_epoch: int
    facts: dict[str, Any] = field(default_factory=dict)
    """What every checkpoint and generator file states about itself."""


class Hook:
    """Something that happens at intervals. A hook never changes the training.

    Attributes:
        every: act every N iterations; 0: never between the first and the last.
        also_every: also act every N iterations; 0: no others.
        vital: without it the run is incomplete, so training ends if it fails. If any other hook fails, a warning is
            printed and training continues. All pending work is finished before a vital hook acts.
    """

    every = 0
    also_every = 0
    vital = False

    @property
    def periods(self) -> list[int]:
        """The intervals at which it acts, in iterations."""
        return [period for period in (self.every, self.also_every) if period]

    def start(self, run: RunInPlay, step: int) -> Later:
        """Prepare for training, which begins after `step` completed iterations."""

    def rows(self, run: RunInPlay, step: int, rows: np.ndarray) -> Later:
        """Take the measurements [rounds, columns] of the iterations after `step`."""

    def act(self, run: RunInPlay, step: int) -> Later:
        """Act: `step` iterations are complete, and this hook is due."""

    def stop(self, run: RunInPlay, step: int) -> Later:
        """Save what there is: training has ended or was interrupted."""

    def warned(self, run: RunInPlay, message: str) -> None:
        """Show a warning: another hook failed, and training continues."""

    def close(self) -> None:
        """Release files and the terminal, also after a failure."""
