"""Walks as a user asks for them: through the images of a seed, seeds, own latent vectors, or along a direction."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganctl.errors import UsageError
from ganctl.generation.drawing import check_truncation
from ganctl.generation.found_directions import FILE, STRENGTH, deviation, read_directions
from ganctl.generation.latents import check_length, latent_size, refuse_truncation
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.walks import (
    Stops,
    follow,
    frame_count,
    lerp,
    number_of_walks,
    path_between,
    stops_along,
    stops_of_latents,
    stops_of_seed,
    stops_of_seeds,
)
from ganctl.images.class_names import class_name
from ganctl.run_folder.paths import RunFolder

POINTS = 4


@dataclass(frozen=True)
class WalkRequest:
    """Where walks go.

    Attributes:
        rows: number of walks; None: one for each class, at most MOST_WALKS unless `classes` names them. Without
            classes: as many as `latents` has, 1 with `seeds`, otherwise 4.
        points: number of images that each visits; None: as many as `seeds` or `latents` has, otherwise 4.
        seed: walk through the images of this seed.
        seeds: walk through images of these seeds instead: walk r visits image r of each.
        latents: walk through these latent vectors instead, [points, size] or [walks, points, size].
        origin: where these come from, for messages.
        direction: a vector [size] to walk along, to both sides and back. It starts at the images of the seed, or at
            each of `latents`.
        along: there is a direction, which is known only once the generator is.
        strength: how far it goes to each side, in standard deviations of the latent vectors; None: STRENGTH.
        classes: the class of each walk by number or name, cyclically; None: all.
        truncation: as in `Key.latent`; also between the points.
        loop: go from the last point back to the first.
    """

    rows: int | None = None
    points: int | None = None
    seed: int = 0
    seeds: Sequence[int] | None = None
    latents: np.ndarray | None = None
    origin: str = "latents"
    direction: np.ndarray | None = None
    strength: float | None = None
    classes: Sequence[int | str] | None = None
    truncation: float | None = None
    loop: bool = True
    along: bool = False

    def __post_init__(self) -> None:
        """Raise UsageError if parts of the request exclude each other."""
        ways = {"points": self.points, "seeds": self.seeds, "latents": self.latents}
        given = [name for name, value in ways.items() if value is not None]
        if self.is_along:
            given = [name for name in given if name != "latents"] + ["direction"]
        if len(given) > 1:
            raise UsageError(
                f"{' and '.join(given)} exclude each other: each says where the walks go. Give one of them."
            )
        if self.latents is not None:
            refuse_truncation(self.truncation, self.origin)
        if self.strength is not None and not self.is_along:
            raise UsageError("strength is how far the walks go along a direction. Give a direction, or leave it out.")
        if self.visited < 2:
            what = "seeds" if self.seeds is not None else "latent vectors"
            raise UsageError(f"A walk needs at least two {what} to go from one to the other. Received: {self.visited}")

    @property
    def is_along(self) -> bool:
        """Whether the walks go along a direction."""
        return self.along or self.direction is not None

    @property
    def visited(self) -> int:
        """The number of points of each walk."""
        if self.is_along:
            return POINTS
        if self.latents is not None:
            return int(self.latents.shape[-2])
        return len(self.seeds) if self.seeds is not None else self.points or POINTS

    def frame_count(self, frames: int) -> int:
        """Return the number of frames, given how many there are from point to point."""
        return frame_count(self.visited, frames, loop=self.loop)

    def of(self, trained: TrainedGenerator) -> "Walks":
        """Return the walks of a generator that draws from noise.

        Raises:
            UsageError: the generator does not support one of the wishes.
            DataError: the latent vectors have another length.
        """
        trained.check_draws_from_noise()
        latent_size(trained.network)
        check_truncation(trained.network, trained.distribution, self.truncation)
        classes = trained.classes(self.classes)
        stops = self._stops(trained, self._rows(classes))
        straight = self.direction is not None
        return Walks(trained, self, stops, classes, lerp if straight else path_between(trained.distribution))

    def _rows(self, classes: Sequence[int]) -> int:
        several = self.latents is not None and (self.latents.ndim == 3 or self.direction is not None)
        if several:
            assert self.latents is not None
            walks = (
                len(self.latents) if self.direction is None else len(self.latents.reshape(-1, self.latents.shape[-1]))
            )
            if self.rows not in (None, walks):
                raise UsageError(f"rows: the latent vectors are those of {walks} walks. Received: {self.rows}")
            return walks
        if self.rows:
            return self.rows
        if classes:
            return number_of_walks(classes, requested=self.classes is not None)
        return number_of_walks((), requested=False) if self.seeds is None and self.latents is None else 1

    def _stops(self, trained: TrainedGenerator, rows: int) -> Stops:
        network, distribution = trained.played, trained.distribution
        if self.latents is not None:
            check_length(self.latents, network, self.origin)
        if self.direction is not None:
            check_length(self.direction, network, "direction")
            starts = stops_of_seed(network, rows, 1, self.seed, distribution, self.truncation)
            if self.latents is not None:
                starts = stops_of_latents(network, rows, self.latents.reshape(rows, 1, -1))
            strength = STRENGTH if self.strength is None else self.strength
            return stops_along(network, starts, self.direction, strength * deviation(distribution))
        if self.latents is not None:
            return stops_of_latents(network, rows, self.latents)
        if self.seeds is not None:
            return stops_of_seeds(network, rows, self.seeds, distribution, self.truncation)
        return stops_of_seed(network, rows, self.visited, self.seed, distribution, self.truncation)


@dataclass(frozen=True)
class Walks:
    """Walks of a generator.

    Attributes:
        trained: the generator.
        request: what was asked for.
        stops: the points, [points, rows, *shape] for each latent input.
        classes: the classes of the walks, cyclically; empty without classes.
        between: `slerp` or `lerp`.
    """

    trained: TrainedGenerator
    request: WalkRequest
    stops: Stops
    classes: list[int]
    between: Callable[[np.ndarray, np.ndarray, float], np.ndarray]

    @property
    def rows(self) -> int:
        """The number of walks."""
        return int(self.stops[0].shape[1])

    @property
    def drawn_classes(self) -> list[int]:
        """The class of each walk; empty without classes."""
        return np.resize(self.classes, self.rows).tolist() if self.classes else []

    @property
    def names(self) -> list[str]:
        """The name of each walk's class, or its number; empty without classes."""
        return [class_name(number, self.trained.drawn_names) for number in self.drawn_classes]

    def frames(self, count: int) -> Iterator[np.ndarray]:
        """Yield uint8 images [rows, H, W, C], a frame of all walks at once, `count` from each point to the next."""
        asked = self.request
        # Layers that draw noise of their own draw that of the first image.
        seed = asked.seeds[0] if asked.seeds else asked.seed
        # A direction leads out of the truncated vectors.
        within = asked.truncation if asked.direction is None else None
        return follow(
            self.trained.played, self.stops, count, seed, self.between, self.classes, loop=asked.loop, truncation=within
        )


def saved_direction(
    wanted: int | str, path: Path, trained: TrainedGenerator, file: Path | None = None
) -> tuple[np.ndarray, str]:
    """Return a direction that `ganctl directions` wrote, and a note if it belongs to other weights; else "".

    Args:
        wanted: its number or name.
        path: the run folder that the generator comes from.
        trained: the generator.
        file: another file of directions; None: that of the run folder.

    Raises:
        DataError: the file does not exist, or does not fit the generator.
        UsageError: it has no such direction.
    """
    where = file or default_folder(path) / FILE
    found = read_directions(where)
    check_length(found.vectors, trained.network, str(where))
    number = found.number(wanted)
    old = found.step not in (-1, trained.step)
    note = f"Warning: these directions were found after {found.step:,} iterations. Find them again: ganctl directions"
    return found.vectors[number], note if old else ""


def default_folder(path: Path) -> Path:
    """Return where the directions of a run lie: in its folder; of a single file, in the current folder."""
    folder = RunFolder(path)
    return folder.directions if folder.exists else Path(folder.directions.name)
