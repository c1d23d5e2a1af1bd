"""Mixing tables: the coarse noise of one sample with the fine noise of another, for every pair of several samples.

Source: Karras et al. 2018, https://arxiv.org/abs/1812.04948, figure 3. There the noise is one, and it is shown to the
layers as styles; here a generator takes noise at several depths, one latent input each, in order from coarse to fine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganctl.build import catalog
from ganctl.errors import UsageError
from ganctl.generation.drawing import check_count, check_truncation, sample_latent
from ganctl.generation.latents import as_vectors, latent_shapes
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.sample_files import MAX_GRID_PIXELS
from ganctl.images import draw
from ganctl.images.bands import visible
from ganctl.images.class_names import class_name


@dataclass(frozen=True)
class Mixing:
    """What a mixing table shows.

    The samples are the first `rows + columns` that `ganctl sample` draws with the seed and the classes: first those of
    the rows, then those of the columns.

    Attributes:
        trained: the generator.
        rows: number of samples that give the coarse noise, and the class.
        columns: number of samples that give the fine noise.
        at: how many latent inputs, from the first, count as coarse.
        seed: of the samples.
        classes: the class of each sample; empty if the generator takes none.
        truncation: as in `Key.latent`.
    """

    trained: TrainedGenerator
    rows: int
    columns: int
    at: int
    seed: int = 0
    classes: Sequence[int] = ()
    truncation: float | None = None

    @classmethod
    def of(
        cls,
        trained: TrainedGenerator,
        rows: int,
        columns: int,
        *,
        at: int | None = None,
        seed: int = 0,
        classes: Sequence[int | str] | None = None,
        truncation: float | None = None,
    ) -> "Mixing":
        """Check what a user asks for.

        Args:
            trained: draws from noise.
            rows: as the attribute.
            columns: as the attribute.
            at: as the attribute; None: half of the latent inputs.
            seed: as the attribute.
            classes: the classes of the samples by number or name, in rotation; None: all.
            truncation: as the attribute.

        Raises:
            UsageError: the generator takes noise at one depth only, or does not support one of the arguments.
        """
        trained.check_draws_from_noise()
        depths = len(latent_shapes(trained.network))
        if depths < 2:
            several = [entry.name for entry in catalog.models if entry.noise_at_depths]
            raise UsageError(
                f"'{trained.parts.experiment.model.name}' takes noise at one depth only, and mixing takes the coarse "
                f"noise of one sample and the fine noise of another. Models with noise at several depths: "
                f"{', '.join(several)}."
            )
        at = depths // 2 if at is None else at
        if not 1 <= at < depths:
            only = "must be 1" if depths == 2 else f"must be from 1 to {depths - 1}"
            raise UsageError(f"at: this generator takes noise at {depths} depths, so it {only}. Received: {at}")
        check_count("rows x columns", (rows + 1) * (columns + 1))
        check_truncation(trained.network, trained.distribution, truncation)
        wanted = trained.classes(classes)
        of_samples = [wanted[number % len(wanted)] for number in range(rows + columns)] if wanted else []
        return cls(trained, rows, columns, at, seed, of_samples, truncation)

    def table(self) -> np.ndarray:
        """Return uint8 images [rows + 1, columns + 1, H, W, C]: the samples along the edges, the mixtures within.

        The first column has the samples of the rows, the first row those of the columns; the corner is white. The image
        at [r, c] is what `TrainedGenerator.draw` makes of the coarse noise of sample r - 1, its class, and the fine
        noise of sample `rows` + c - 1.
        """
        samples = self.rows + self.columns
        network, distribution = self.trained.network, self.trained.distribution
        drawn = sample_latent(network, samples, self.seed, distribution, self.truncation)
        coarse = np.repeat(np.arange(self.rows), self.columns)
        fine = np.tile(np.arange(self.rows, samples), self.rows)
        mixed = [vectors[coarse if depth < self.at else fine] for depth, vectors in enumerate(drawn)]
        latents = as_vectors([np.concatenate(pair) for pair in zip(drawn, mixed, strict=True)])
        classes = [*self.classes, *(self.classes[number] for number in coarse.tolist())] if self.classes else None
        images = np.concatenate(list(self.trained.draw(len(latents), self.seed, classes, latents=latents)))
        table = np.full((self.rows + 1, self.columns + 1, *images.shape[1:]), 255, np.uint8)
        table[1:, 0], table[0, 1:] = images[: self.rows], images[self.rows : samples]
        table[1:, 1:] = images[samples:].reshape(self.rows, self.columns, *images.shape[1:])
        return table

    def write(self, path: Path) -> None:
        """Draw the table, and write it as PNG with the numbers of the samples, and the classes of the rows.

        Raises:
            UsageError: the picture would be too large.
            OSError: the file cannot be written.
        """
        height, width, channels = self.trained.image_shape
        across, down = self.columns + 1, self.rows + 1
        if across * down * math.prod((height, width, channels)) > MAX_GRID_PIXELS:
            raise UsageError(
                f"A table of {self.rows}x{self.columns} is too large for one picture. Ask for a smaller one."
            )
        draw.check_fits_png(path, down, across, (height, width))
        table, alpha = self.table(), self.trained.alpha
        cells = table.reshape(-1, *table.shape[2:])
        sheet = draw.grid(
            cells if alpha else visible(cells),
            down,
            across,
            alpha=alpha,
            headings=[["", *(f"fine {number}" for number in range(self.rows, self.rows + self.columns))]],
            row_names=["", *map(self._row_name, range(self.rows))],
        )
        draw.write_png(path, sheet)

    def _row_name(self, number: int) -> str:
        """The number of a row's sample and, if it has one, its class."""
        if not self.classes:
            return f"coarse {number}"
        drawn, names = self.classes[number], self.trained.drawn_names
        return f"coarse {number}, {class_name(drawn, names) if names else f'class {drawn}'}"
