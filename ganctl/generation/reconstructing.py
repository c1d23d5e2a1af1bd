"""Pictures to latent vectors and back: by the model's encoder, or by descent; what came of it, in memory and in files.

The averaged generator draws the reconstructions, exactly as `sample --latents` and `interpolate --latents` do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.errors import DataError, UsageError
from ganctl.evaluation.reconstruction_figures import ReconstructionFigures
from ganctl.generation.encoding import encode, encoder_of, inverts
from ganctl.generation.given_pictures import GivenPictures, Picture, Pixels, Reading
from ganctl.generation.inversion import Found, Inversion
from ganctl.generation.latents import LATENTS, latent_size
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.sample_files import prepare_folder
from ganctl.host.files import replacement_for, writing
from ganctl.images import draw
from ganctl.images.image_set import Track
from ganctl.images.resize import scale_to_fit, to_channels

STEPS = 200
"""The steps of the descent, if there is no encoder."""
FOLDER, NEW = Path("reconstructed"), "reconstructions"
PAIRS, FILE = "pairs.png", "latents.npz"
COLUMNS = 8
MOST_SHOWN = 64
"""The most pictures that PAIRS shows."""


@dataclass(frozen=True, eq=False, repr=False)
class Reconstruction:
    """Pictures and what a generator makes of the latent vectors that were found for them.

    Printed, it says how near they are; a notebook shows each picture above its reconstruction.

    Attributes:
        pictures: uint8 [N, H, W, C], as the generator's training images were prepared.
        images: the reconstructions, uint8 [N, H, W, C]; colours are multiplied by alpha, if there is alpha.
        latents: float32 [N, latent_size], as `sample` and `interpolate` take them.
        classes: the class of each, if the generator takes classes, otherwise empty.
        names: a name for each picture.
        origins: where each picture is.
        figures: how near the images are to the pictures, beside two baselines.
        way: how the vectors were found, in words.
        trained: the generator.
    """

    pictures: np.ndarray
    images: np.ndarray
    latents: np.ndarray
    classes: tuple[int, ...]
    names: tuple[str, ...]
    origins: tuple[str, ...]
    figures: ReconstructionFigures
    way: str
    trained: TrainedGenerator

    @property
    def values(self) -> dict[str, float | None]:
        """The figures by name: `l1`, `l1_shuffled`, `l1_mean_picture`, and the same of `psnr` and `ssim`."""
        return dict(self.figures.values)

    @property
    def errors(self) -> np.ndarray:
        """The L1 of each reconstruction, with black as 0 and white as 1: float32 [N]."""
        return self.figures.each

    def sheet(self) -> np.ndarray:
        """Return the first MOST_SHOWN pictures, each above its reconstruction, as a picture [H, W, C]."""
        count = min(len(self.images), MOST_SHOWN)
        columns = min(COLUMNS, count)
        lines = math.ceil(count / columns)
        cells = np.full((lines, 2, columns, *self.images.shape[1:]), 255, np.uint8)
        for place in range(count):
            line, column = divmod(place, columns)
            cells[line, 0, column], cells[line, 1, column] = self.pictures[place], self.images[place]
        flat = cells.reshape(-1, *self.images.shape[1:])
        names = ["picture", "reconstruction"] * lines
        return draw.grid(flat, 2 * lines, columns, alpha=self.trained.alpha, row_names=names)

    def write(self, folder: Path) -> None:
        """Write PAIRS and FILE into a folder, which `prepare_folder` has made; raises UsageError."""
        arrays = {LATENTS: self.latents, "names": np.asarray(self.names), "l1": self.errors}
        if self.classes:
            arrays |= {"labels": np.asarray(self.classes, np.int32)}
            if self.trained.drawn_names:
                arrays |= {"class_names": np.asarray(self.trained.drawn_names)}
        with writing(folder):
            with replacement_for(folder / FILE, ".npz") as temporary:
                np.savez(temporary, **arrays)  # type: ignore[arg-type]
            draw.write_png(folder / PAIRS, self.sheet())

    def as_json(self) -> dict[str, Any]:
        """Return the figures and the pictures as JSON data."""
        classes: Sequence[int | None] = self.classes or [None] * len(self.names)
        each = zip(self.origins, self.names, self.errors.tolist(), classes, strict=True)
        return {
            "way": self.way,
            **self.values,
            "pictures": [
                {"picture": origin, "name": name, "l1": error, **({} if number is None else {"class": number})}
                for origin, name, error, number in each
            ],
        }

    def __str__(self) -> str:
        many = "1 picture" if len(self.names) == 1 else f"{len(self.names):,} pictures"
        return f"{many} by {self.trained.description}, {self.way}\n{self.figures}"

    __repr__ = __str__

    def _repr_png_(self) -> bytes | None:
        """The pairs, for a notebook."""
        try:
            return draw.to_png(self.sheet())
        except UsageError:
            return None


@dataclass
class Prepared:
    """Pictures as the training images were prepared.

    Attributes:
        pictures: those that could be read.
        images: each of them, uint8 [H, W, C].
        failed: the reason why each of the others could not be read, by its origin.
        skipped: the number of files that are not pictures.
    """

    pictures: list[Picture] = field(default_factory=list)
    images: list[np.ndarray] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: int = 0


class Reconstructor:
    """Finds latent vectors for pictures, and draws them.

    Args:
        trained: the generator.
        steps: of the descent; None: none after an encoder, otherwise STEPS.
        classes: the classes to try, by number or name; None: all. The nearest one is kept.
        seed: of the samples that the descent begins with, and of layers that draw their own noise.

    Raises:
        UsageError: the generator takes no latent vectors, or does not have these classes.
    """

    def __init__(
        self,
        trained: TrainedGenerator,
        steps: int | None = None,
        classes: Sequence[int | str] | None = None,
        seed: int = 0,
    ) -> None:
        if trained.sampler.takes:
            raise UsageError(
                f"The model '{trained.parts.model.name}' makes images from the images called "
                f"`{trained.sampler.takes}`, not from latent vectors, so there are none to find for a picture. Put "
                "pictures through it: ganctl translate, or run.translate in Python."
            )
        latent_size(trained.network)
        self.trained = trained
        self._classes, self._seed, self._asked = trained.classes(classes), seed, steps

    @property
    def reading(self) -> Reading:
        """How files become what the generator was trained on."""
        return Reading(self.trained.value_range, self.trained.parts.experiment.dataset.background_colour)

    def prepared(self, picture: Pixels, origin: str = "") -> np.ndarray:
        """Return a picture as the training images were prepared, uint8 [H, W, C].

        Raises DataError, which begins with `origin`, if its channels do not suit the generator.
        """
        height, width, channels = self.trained.image_shape
        dataset = self.trained.parts.experiment.dataset
        try:
            levels = picture.for_network(channels, dataset.background_colour, alpha=self.trained.alpha)
        except DataError as error:
            raise DataError(f"{origin}: {error}" if origin else str(error)) from None
        return to_channels(scale_to_fit(levels, (height, width), dataset.resize), channels)

    def prepare(self, given: GivenPictures, track: Track) -> Prepared:
        """Read and prepare pictures; those that cannot be read are named in the result."""
        done = Prepared()
        for picture in track(given.pictures, "reading pictures", len(given.pictures)):
            try:
                pixels = picture.read()
                image = None if pixels is None else self.prepared(pixels)
            except (DataError, MemoryError) as error:
                done.failed[picture.origin] = str(error) or "it needs more memory than there is"
                continue
            if image is None:
                done.skipped += 1
            else:
                done.pictures.append(picture)
                done.images.append(image)
        return done

    def of(self, pictures: Sequence[Picture], prepared: Sequence[np.ndarray], track: Track) -> Reconstruction:
        """Reconstruct pictures.

        Args:
            pictures: what they are called.
            prepared: the pictures, from `prepared`.
            track: shows progress.

        Raises:
            DataError: there are none.
        """
        if not prepared:
            raise DataError("There is no picture to reconstruct.")
        images = np.stack(prepared)
        found = self._found(images, track)
        classes = () if found.classes is None else tuple(found.classes.tolist())
        drawn = self.trained.draw(len(images), self._seed, classes or None, latents=found.vectors)
        made = np.concatenate(list(drawn))
        return Reconstruction(
            images,
            made,
            found.vectors,
            classes,
            tuple(picture.name for picture in pictures),
            tuple(picture.origin for picture in pictures),
            ReconstructionFigures.of(made, images),
            self.way,
            self.trained,
        )

    @property
    def way(self) -> str:
        """How latent vectors are found, in words."""
        if self._encoder is None:
            return f"{self.steps:,} steps from the nearest samples"
        return f"its encoder and {self.steps:,} steps from there" if self.steps else "its encoder"

    @property
    def steps(self) -> int:
        """The number of steps of the descent."""
        return self._asked if self._asked is not None else STEPS if self._encoder is None else 0

    def _found(self, images: np.ndarray, track: Track) -> Found:
        inversion = Inversion(self.trained, self._seed)
        if self._encoder is None:
            return inversion.search(images, self._classes, self.steps, track)
        codes = encode(self._encoder, self.trained.network, images, self._seed)
        start = inversion.nearest_class(images, codes, self._classes)
        return inversion.refine(images, start, self.steps, track) if self.steps else start

    @cached_property
    def _encoder(self) -> Any | None:
        """The model's encoder, if it inverts the generator; otherwise None."""
        found = encoder_of(self.trained)
        inverse = found is not None and inverts(found, self.trained.network, self.trained.image_shape)
        return found if inverse else None


def folder_for(output: Path | None) -> Path:
    """Return the folder to write to, made; raises UsageError if it holds something already."""
    folder = output or FOLDER
    prepare_folder(folder, new=NEW)
    return folder
