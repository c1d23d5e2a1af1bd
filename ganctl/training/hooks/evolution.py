"""Writes samples/evolution.gif: the same latent vectors from the first iteration to the last."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ganctl.errors import DataError
from ganctl.images.decode import decode
from ganctl.images.gif import write_gif
from ganctl.images.spread import spread
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks import Hook, RunInPlay

EVOLUTION_FRAMES = 60
EVOLUTION_MILLISECONDS = 6000
HOLD_MILLISECONDS = 2000


class Evolution(Hook):
    """The sample grids as an animation, at the end of a run, even of an interrupted one."""

    def stop(self, run: RunInPlay, step: int) -> None:
        """Write the animation."""
        write_evolution(run.folder)


def write_evolution(folder: RunFolder) -> None:
    """Write the sample grids of a run as an animation, or nothing if none can be read.

    From a long run, EVOLUTION_FRAMES grids are taken at even intervals, including the first and the last. Damaged ones
    are skipped, and so are those that differ in size from the latest, as happens if a run is resumed with another grid.
    """
    grids = list(folder.sample_grids.values())
    chosen = [grids[place] for place in spread(len(grids), EVOLUTION_FRAMES)]
    newest = next(_readable(reversed(chosen)), None)
    if newest is not None:
        frames = (frame for frame in _readable(chosen) if frame.shape == newest.shape)
        pace = int(np.clip(EVOLUTION_MILLISECONDS / len(chosen), 100, 500))
        write_gif(folder.evolution, frames, pace, hold=HOLD_MILLISECONDS, one_palette=False)


def _readable(paths: Iterable[Path]) -> Iterator[np.ndarray]:
    """Yield the pictures among these files that can be read, uint8 [H, W, C]."""
    for path in paths:
        try:
            yield decode(path.read_bytes()).pixels
        except (OSError, DataError):
            continue
