"""What happens every so often during a run: one file each.

The trainer asks a hook when it must act, and tells it what was measured.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganctl.game.game import Game
from ganctl.run_folder.paths import RunFolder

Later = Callable[[], None] | None
"""What is left to do, and needs no device: it is done in order while the next rounds are played. Or nothing."""


@dataclass
class RunInPlay:
    """A run while it is trained: what hooks see of it."""

    game: Game
    folder: RunFolder
    iterations: int
    iterations_per_epoch: int
    facts: dict[str, Any] = field(default_factory=dict)
    """What every checkpoint and generator file says of itself."""


class Hook:
    """Something that happens every so often. A hook never changes the training.

    Attributes:
        every: act after every so many iterations; 0: never between the first and the last.
        also_every: act after every so many iterations as well, if it is not 0.
        vital: without it the run is not whole, so training ends where it fails. Any other hook that fails is reported,
            and training goes on. All that was left to do for later is done before a vital hook acts.
    """

    every = 0
    also_every = 0
    vital = False

    @property
    def periods(self) -> list[int]:
        """The numbers of iterations after which it acts."""
        return [period for period in (self.every, self.also_every) if period]

    def start(self, run: RunInPlay, step: int) -> Later:
        """Training is about to begin after `step` completed iterations."""

    def rows(self, run: RunInPlay, step: int, rows: np.ndarray) -> Later:
        """The iterations after `step` gave these measurements [rounds, columns]."""

    def act(self, run: RunInPlay, step: int) -> Later:
        """It is time."""

    def stop(self, run: RunInPlay, step: int) -> Later:
        """Training has ended or was interrupted; what is there should be kept."""

    def warned(self, run: RunInPlay, message: str) -> None:
        """Another hook failed, and training goes on."""

    def close(self) -> None:
        """Release files and the terminal, also after a failure."""
