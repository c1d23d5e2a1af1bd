"""Writes vitals.csv: signs of the run's health at every sample grid, cheap enough for every run."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ganctl.errors import GanctlError
from ganctl.game.game import Game
from ganctl.host.files import write_atomically
from ganctl.run_folder import checkpoint
from ganctl.run_folder.vitals_csv import UPDATE, WEIGHT_NORM, columns_of, continued, row_line
from ganctl.training.hooks import Hook, Later, RunInPlay
from ganctl.training.vital_signs import Drawn, Portrait, VitalSigns

FEATURED_PER_EVALUATION = 4
"""The most rows with features between two evaluations, which compute the features of thousands of images."""


class VitalsCsv(Hook):
    """A row at every sample grid, the first before training starts.

    Args:
        every: iterations between two grids.
        evaluated_every: iterations between two evaluations; 0: none, and no features are computed.
        signs: makes the measuring instrument of a game.
    """

    looks_ahead = True

    def __init__(self, every: int, evaluated_every: int, signs: Callable[[Game], VitalSigns]) -> None:
        self.every = every
        self._make = signs
        between = evaluated_every / FEATURED_PER_EVALUATION
        self._featured_every = int(-(-between // every) * every)
        self._last: Portrait | None = None

    def start(self, run: RunInPlay, step: int) -> Later:
        """Drop the rows after the checkpoint of a resumed run; write a row before the first iteration."""
        self._signs = self._make(run.game)
        self._columns = columns_of(self._signs.roles)
        path = run.folder.vitals
        found = path.read_bytes() if path.exists() else b""
        try:
            content = continued(found, self._columns, step if step else -1)
        except GanctlError as error:
            raise GanctlError(f"{path} cannot be continued: {error}") from None
        if found != content:
            write_atomically(path, content)
        self._written = step if step % self.every == 0 else -1
        if step == 0:
            return self.act(run, step)
        self._last = self._remembered(run, step)
        return None

    def ahead(self, run: RunInPlay, step: int) -> None:
        """Keep the weights, to measure how far the last iteration before a row moves them."""
        self._signs.remember_weights()

    def act(self, run: RunInPlay, step: int) -> Later:
        """Draw, and leave the figures and the row to the background."""
        weights = self._signs.movement()
        return partial(self._add, run, step, self._signs.draw(), weights)

    def stop(self, run: RunInPlay, step: int) -> Later:
        """Write the row of the last grid of a run that is over."""
        due = run.is_over(step) and step % self.every and self._written != step
        return self.act(run, step) if due else None

    def _add(self, run: RunInPlay, step: int, drawn: Drawn, weights: dict[str, tuple[float, float | None]]) -> None:
        features = self._signs.features(drawn.images) if self._is_featured(step) else None
        values = {"iteration": step, **self._signs.figures(drawn, self._last, features)}
        for role, (norm, update) in weights.items():
            values |= {WEIGHT_NORM + role: norm, UPDATE + role: update}
        if features is None and self._last is not None:
            features = self._last.features
        self._last = Portrait(drawn.images, features)
        with run.folder.vitals.open("ab") as file:
            file.write(row_line(self._columns, values))
        self._written = step

    def _is_featured(self, step: int) -> bool:
        return bool(self._featured_every) and step % self._featured_every == 0

    def _remembered(self, run: RunInPlay, step: int) -> Portrait | None:
        """Return the last row's images, and the last features, as an uninterrupted run would still have them.

        They are drawn again from the generator files of the grids. Without these files, the first row after the
        interruption has no changes.
        """
        images = self._drawn_by(run, step // self.every * self.every)
        if images is None:
            return None
        features = None
        if self._featured_every:
            earlier = self._drawn_by(run, step // self._featured_every * self._featured_every)
            features = None if earlier is None else self._signs.features(earlier)
        return Portrait(images, features)

    def _drawn_by(self, run: RunInPlay, step: int) -> Any:
        path = run.folder.generator(step)
        try:
            return self._signs.draw_with(checkpoint.load_generator(path).network(self._signs.role), str(path))
        except GanctlError:
            return None
