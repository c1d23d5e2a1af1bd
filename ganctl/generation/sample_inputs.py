"""Samples of a model that makes images from images: what it makes of images that it has not been trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganctl.build.resolving import read_split
from ganctl.generation.drawing import BATCH, translate
from ganctl.generation.loading import TrainedGenerator
from ganctl.images import draw
from ganctl.images.image_set import Track, gathered
from ganctl.images.spread import spread

COLUMNS = 8
"""The most images side by side."""


@dataclass(frozen=True)
class SamplesOfInputs:
    """What a model made of images of its data set.

    Attributes:
        trained: the model.
        images: uint8 [N, H, W, C] of every feed, by role: image k of the feed that it takes became image k of `made`.
        made: uint8 [N, H', W', C'].
        held_out: the images were not trained on.
    """

    trained: TrainedGenerator
    images: Mapping[str, np.ndarray]
    made: np.ndarray
    held_out: bool

    @classmethod
    def draw(cls, trained: TrainedGenerator, count: int, seed: int, track: Track) -> "SamplesOfInputs":
        """Read the data set, and put held-out images through the model, or training images if none are held out.

        Args:
            trained: a model that takes images.
            count: how many, evenly spread over them; all, if there are fewer.
            seed: of layers that draw their own noise.
            track: shows progress.

        Raises:
            DataError: the data set cannot be read.
            ConfigurationError: it no longer suits the experiment.
        """
        feeds, held_out = read_split(trained.parts, track)
        shown = held_out or feeds
        taken = shown[trained.sampler.takes]
        places = spread(len(taken), count)
        # The other feed of two unlike kinds may have fewer images, none of which belongs to these.
        images = {role: np.asarray(found.images[places % len(found)]) for role, found in shown.items()}
        batches = translate(trained.played, images[trained.sampler.takes], len(places), seed)
        batches = track(batches, "drawing samples", -(-len(places) // BATCH))  # type: ignore[assignment]
        return cls(trained, images, gathered(batches, len(places), trained.image_shape), bool(held_out))

    @property
    def description(self) -> str:
        """Where the inputs come from, in words."""
        which = "held-out" if self.held_out else "training"
        many = "image" if len(self.made) == 1 else "images"
        reason = "" if self.held_out else "; none are held out"
        return f"{len(self.made):,} {which} {many} ({self.trained.sampler.takes}{reason})"

    def write_grid(self, path: Path) -> None:
        """Write a PNG with rows of inputs, outputs and, where it is known, the truth.

        Raises:
            UsageError: the picture is too large.
            OSError: the file cannot be written.
        """
        sampler, columns = self.trained.sampler, min(COLUMNS, len(self.made))
        cells = []
        for start in range(0, len(self.made), columns):
            some = slice(start, start + columns)
            made = self.made[some]
            rows = sampler.cells(made, len(made), {role: found[some] for role, found in self.images.items()})
            rows = rows.reshape(-1, *made.shape)
            cells.append(np.pad(rows, [(0, 0), (0, columns - len(made)), *[(0, 0)] * 3], constant_values=255))
        together = np.concatenate(cells)
        draw.check_fits_png(path, len(together), columns, self.made.shape[1:])
        flat = together.reshape(-1, *self.made.shape[1:])
        draw.write_png(path, draw.grid(flat, len(together), columns, alpha=self.trained.alpha))
