"""The images to compare: samples of a run or checkpoint, an npz or a folder, and the real images."""

import os
import shlex
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ganctl.build import catalog
from ganctl.build.parts import Parts
from ganctl.build.resolving import load_parts, read_dataset, read_feeds
from ganctl.errors import ConfigurationError, DataError, UsageError, did_you_mean
from ganctl.evaluation.reference import OTHER_IMAGES, TRAINING_IMAGES, choose
from ganctl.experiment.sections import DatasetSection
from ganctl.generation.drawing import BATCH, translate
from ganctl.generation.loading import TrainedGenerator
from ganctl.images.decode import decode
from ganctl.images.image_set import ImageSet, Track, fingerprint_of, gathered
from ganctl.run_folder import checkpoint
from ganctl.run_folder.paths import RunFolder

LARGEST_SIZE = 256
"""Images of a folder are read in their own size, up to this one."""
LOOKED_AT = 200
"""The number of files, spread over a folder, that determine its usual size."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Images to score.

    Attributes:
        description: what they are.
        shape: height, width and channels.
        draw: returns the images; slow, so called only after everything else is checked.
        parts: the experiment of the run that drew them, if there is one.
        fingerprint: of that run's training images; empty if unknown.
        run: its folder, if a run folder was given.
        notes: notes for the user.
    """

    description: str
    shape: tuple[int, int, int]
    draw: Callable[[], np.ndarray]
    parts: Parts | None = None
    fingerprint: str = ""
    run: RunFolder | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def images(self) -> np.ndarray:
        """The images, uint8 [N, H, W, C]."""
        return self.draw()


@dataclass(frozen=True, eq=False)
class RealImages:
    """Images that samples are compared with: the training images of a run, or a whole data set."""

    kind: str
    images: ImageSet
    held_out: ImageSet | None = None
    notes: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """What they are and where they come from."""
        return f"{self.kind} of {self.images.source}"


def read_samples(path: Path, count: int, seed: int, track: Track, *, best: bool = False) -> Samples:
    """Open a run folder, checkpoint or generator file to draw samples from, or read an npz or a folder.

    Args:
        path: one of these.
        count: number of samples; of a larger npz or folder, this many are chosen by a fixed seed.
        seed: of the latent vectors.
        track: shows progress.
        best: use a run's checkpoint with the lowest KID instead of the latest.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist. Name a run folder, a checkpoint, an npz or a folder of images.")
    if not _is_checkpoint(path):
        if best:
            raise UsageError(f"--best: {path} is not a run folder, so it has no scores.")
        found = _read(path, track)
        chosen = choose(len(found), count)
        return Samples(
            f"{len(chosen):,} images of {path}", found.shape, lambda: found.images[chosen], notes=found.notes
        )
    trained = TrainedGenerator.load(path, best=best)

    def draw() -> np.ndarray:
        if trained.sampler.takes:
            holdout = trained.parts.experiment.dataset.holdout
            given = read_feeds(trained.parts, track)[trained.sampler.takes].split(holdout)[0].images
            drawn = translate(trained.played, given, count, seed)
        else:
            drawn = trained.draw(count, seed)
        batches = track(drawn, "drawing samples", -(-count // BATCH))
        return gathered(batches, count, trained.image_shape)

    run = RunFolder(path)
    return Samples(
        f"{count:,} samples of {trained.description}",
        trained.image_shape,
        draw,
        trained.parts,
        str(trained.source.facts.get("dataset_fingerprint", "")),
        run if run.exists else None,
        tuple(f"Warning: skipped: {problem}" for problem in trained.problems),
    )


def read_real_images(against: str | None, samples: Samples, track: Track) -> RealImages:
    """Read the images to compare samples with.

    Args:
        against: a data set of `ganctl list-datasets`, a run folder, an npz or a folder; None: the training images of
            the run that drew the samples.
        samples: the samples.
        track: shows progress.

    Raises:
        UsageError: `against` does not exist, or is missing for samples that were not drawn from a run.
        DataError: it cannot be read.
    """
    if against is None:
        if samples.parts is None:
            raise UsageError("Choose what to compare these images with: --against DATASET, RUN, npz or folder.")
        return _training_images(samples.parts, samples.fingerprint, track)
    if not against:
        raise UsageError("--against is empty. Name a data set, a run folder, an npz or a folder.")
    path = Path(os.path.expanduser(against))
    if against in {entry.name for entry in catalog.datasets}:
        found = read_dataset(DatasetSection(name=against), track)
        real = RealImages(OTHER_IMAGES, found)
    elif (run := RunFolder(path)).exists:
        real = _training_images(load_parts(run.config), "", track)
    elif path.exists():
        found = _read(path, track)
        real = RealImages(OTHER_IMAGES, found)
    else:
        hint = did_you_mean(against, [entry.name for entry in catalog.datasets])
        raise UsageError(f"--against {shlex.quote(against)} is not a data set, run folder, npz or folder.{hint}")
    if real.images.shape[:2] != samples.shape[:2]:
        own, other = ("x".join(map(str, shape[:2])) for shape in (samples.shape, real.images.shape))
        note = f"Warning: the samples are {own} and the real images {other}: part of the distance is due to sharpness."
        return RealImages(real.kind, real.images, real.held_out, (*real.notes, note))
    return real


def _training_images(parts: Parts, fingerprint: str, track: Track) -> RealImages:
    split = {role: s.split(parts.experiment.dataset.holdout) for role, s in read_feeds(parts, track).items()}
    training, held_out = split[parts.sampler.gives]
    notes: tuple[str, ...] = ()
    if fingerprint and fingerprint != fingerprint_of({role: kept for role, (kept, _) in split.items()}):
        notes = (f"Warning: {training.source} has changed since training.",)
    return RealImages(TRAINING_IMAGES, training, held_out, notes)


def _is_checkpoint(path: Path) -> bool:
    """Whether a path is a run folder, checkpoint or generator file rather than a collection of images."""
    if path.is_file():
        return path.suffix == ".safetensors"
    run = RunFolder(path)
    return (
        run.exists
        or (path / checkpoint.MANIFEST).is_file()
        or bool(checkpoint.newest_first(path) or checkpoint.newest_first(run.checkpoints))
    )


def _read(path: Path, track: Track) -> ImageSet:
    """Read an npz, or a folder in the usual size and channels of its images."""
    if path.is_file():
        try:
            return read_dataset(DatasetSection(name="npz", path=str(path)), track)
        except ConfigurationError:
            raise DataError(f"{path}: its images are not square. Only square images can be compared.") from None
    size, channels = _usual_shape(path)
    section = DatasetSection(name="image_folder", path=str(path), image_size=size, channels=1 if channels == 1 else 3)
    return read_dataset(section, track)


def _usual_shape(folder: Path) -> tuple[int, int]:
    """The most frequent shorter side of a folder's images, and the channels: 1 only if all are grey."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    sides: Counter[int] = Counter()
    channels = 0
    for path in files[:: max(1, len(files) // LOOKED_AT)]:
        with suppress(OSError, DataError):
            pixels = decode(path.read_bytes()).pixels
            sides[min(pixels.shape[:2])] += 1
            channels = max(channels, pixels.shape[2])
    if not sides:
        raise DataError(f"{folder} contains no readable image.")
    return max(4, min(sides.most_common(1)[0][0], LARGEST_SIZE)), channels
