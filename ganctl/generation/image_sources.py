"""The images to compare: samples of a run or checkpoint, an npz, a folder or an archive, and the real images."""

import os
import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Self

import numpy as np

from ganctl.build import catalog, given_data
from ganctl.build.parts import Parts
from ganctl.build.resolving import load_parts, read_dataset, read_split
from ganctl.errors import DataError, UsageError, did_you_mean
from ganctl.evaluation.reference import OTHER_IMAGES, TRAINING_IMAGES, choose
from ganctl.experiment.keys_as_options import naming_options, with_options
from ganctl.experiment.sections import MOST_CHANNELS, DatasetSection
from ganctl.generation.drawing import BATCH
from ganctl.generation.encoding import encoder_of
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.model_scores import ModelScorer, ModelScores
from ganctl.generation.translation_scores import Translations, score_translations
from ganctl.images.decode import decode
from ganctl.images.image_set import ImageSet, Track, fingerprint_of, gathered
from ganctl.images.resize import Resize
from ganctl.images.value_range import BYTES, Asked, ValueRange
from ganctl.run_folder import checkpoint
from ganctl.run_folder.paths import RunFolder

_OPTION = "--value-range"

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
        formats: of the image files, as in `ImageSet`; empty if they are drawn, or not in files of their own.
        value_range: as in `ImageSet`: of the samples, or of the training images of the run that drew them.
        translations: if they are made from images, returns them with what was measured of them.
        model_scores: if a model draws them from noise, returns what it knows of classes and codes, given the samples
            and its training images.
    """

    description: str
    shape: tuple[int, int, int]
    draw: Callable[[], np.ndarray]
    parts: Parts | None = None
    fingerprint: str = ""
    run: RunFolder | None = None
    notes: tuple[str, ...] = ()
    formats: Mapping[str, int] = field(default_factory=dict)
    value_range: ValueRange | None = None
    translations: Callable[[], Translations] | None = None
    model_scores: Callable[[np.ndarray, "RealImages"], ModelScores] | None = None

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
    resize: Resize = "crop"

    @property
    def description(self) -> str:
        """What they are and where they come from."""
        return f"{self.kind} of {self.images.source}"


@dataclass(frozen=True)
class Preparation:
    """How a run prepared its training images, so that images compared with it are prepared the same way.

    Attributes:
        run: the run's name, for notes.
        section: its data set, with the size and channels of the images that the networks see.
    """

    run: str
    section: DatasetSection

    @classmethod
    def of(
        cls,
        run: str,
        parts: Parts,
        shape: tuple[int, int, int],
        value_range: ValueRange | None = None,
        given: Asked = "auto",
    ) -> Self | None:
        """Return how a run prepared its images; None if no data set can make images of this shape.

        Args:
            run: the run's name, for notes.
            parts: what the run was built from.
            shape: of the images that the networks see, [H, W, C].
            value_range: black and white of its images, if they were not bytes. Only a range beyond bytes applies to
                other images too: bytes may be samples of the run, which are levels already.
            given: the user's `--value-range` for the other images.

        Raises:
            UsageError: a range is given, but that of the run applies.
        """
        height, width, channels = shape
        if channels > MOST_CHANNELS:
            return None
        config = parts.experiment.dataset
        asked = config.value_range
        if value_range:
            ends = [value_range.black, value_range.white]
        else:
            ends = [0.0, BYTES.white] if isinstance(asked, str) else asked
        range_of_run = ends[1] > BYTES.white
        if range_of_run and given != "auto":
            raise UsageError(
                f"{_OPTION}: {run} was trained on values that were read as {ValueRange(*ends)}, and images compared "
                "with it are read in the same way. Leave it out."
            )
        usual: Asked = asked if isinstance(asked, str) else "auto"
        prepared = {
            "image_size": f"{height}x{width}",
            "channels": channels,
            "alpha": config.alpha,
            "background": config.background,
            "resize": config.resize,
            "value_range": ends if range_of_run else usual if given == "auto" else given,
        }
        # Not validated: a plugin's images may be larger than those that `dataset.image_size` allows.
        return cls(run, DatasetSection(name=config.name).model_copy(update=prepared))

    def read(self, name: str, path: str | None, track: Track) -> ImageSet:
        """Read a data set, prepare its images in this way, and add a note that says so."""
        found = read_dataset(self.section.model_copy(update={"name": name, "path": path}), track)
        size = "x".join(map(str, found.shape))
        return found.noted(f"{found.source}: images were prepared as for {self.run}: {size}, {self.section.resize}")


def read_both(
    path: Path,
    against: str | None,
    count: int,
    seed: int,
    track: Track,
    *,
    best: bool = False,
    value_range: Asked = "auto",
) -> tuple[Samples, RealImages]:
    """Read samples and the images to compare them with.

    If one side belongs to a run, the other is prepared as the training images of the run were.

    Args:
        path: as for `read_samples`.
        against: as for `read_real_images`.
        count: number of samples.
        seed: of the latent vectors.
        track: shows progress.
        best: as for `read_samples`.
        value_range: which stored values are black and white in an npz, a folder or a zip, as `dataset.value_range`.

    Raises:
        UsageError: a side cannot be read as asked, or `value_range` applies to neither side.
        DataError: images cannot be read.
    """
    others = _expanded(against) if against and not _is_dataset(against) else None
    outside = _holds_images(path) or (others is not None and _holds_images(others))
    if value_range != "auto" and not outside:
        raise UsageError(f"{_OPTION} is for an npz, a folder or a zip, and neither side is one. Leave it out.")
    run = RunFolder(others) if others else None
    if run is None or not run.exists or not path.exists() or _is_checkpoint(path):
        samples = read_samples(path, count, seed, track, best=best, value_range=value_range)
        real = read_real_images(against, samples, track, value_range=value_range)
    else:
        parts = load_parts(run.config)
        real = _training_images(parts, "", track)
        like = Preparation.of(str(run.path), parts, real.images.shape, real.images.value_range, value_range)
        samples = read_samples(path, count, seed, track, best=best, like=like, value_range=value_range)
    if against is None or value_range != "auto":
        return samples, real
    return samples, replace(real, notes=(*real.notes, *_scale_notes(samples, real, known=not outside)))


def _scale_notes(samples: Samples, real: RealImages, *, known: bool) -> list[str]:
    """Return a warning if black and white differ; bytes are levels already, on any side.

    Args:
        samples: one side.
        real: the other side.
        known: both sides have their range from elsewhere, so no option changes it.
    """
    own, other = samples.value_range, real.images.value_range
    if own is None or other is None or own == other:
        return []
    way = "" if known else f" `{_OPTION} LOW,HIGH` reads images alike."
    return [
        f"Warning: the samples were read as {own}, but the real images as {other}, so the figures compare different "
        f"scales.{way}"
    ]


def read_samples(
    path: Path,
    count: int,
    seed: int,
    track: Track,
    *,
    best: bool = False,
    like: Preparation | None = None,
    value_range: Asked = "auto",
) -> Samples:
    """Open a run folder, checkpoint or generator file to draw samples from, or read an npz, a folder or an archive.

    Args:
        path: one of these.
        count: number of samples; of a larger npz or folder, this many are chosen by a fixed seed.
        seed: of the latent vectors.
        track: shows progress.
        best: use a run's checkpoint with the lowest KID instead of the latest.
        like: how to prepare the images of an npz, folder or archive; None: keep their own size and channels.
        value_range: of the images of an npz, folder or archive, unless `like` has one.
    """
    if not path.exists():
        raise UsageError(
            f"{path} does not exist. Name a run folder, a checkpoint, an npz, or a folder or archive of images."
        )
    if not _is_checkpoint(path):
        if best:
            raise UsageError(f"--best: {path} is not a run folder, so it has no scores.")
        found = _images_at(path, track, like, value_range)
        chosen = choose(len(found), count)
        return Samples(
            f"{len(chosen):,} images of {path}",
            found.shape,
            lambda: found.images[chosen],
            notes=found.notes,
            formats=found.formats,
            value_range=found.value_range,
        )
    return _samples_of(TrainedGenerator.load(path, best=best), path, count, seed, track)


def _samples_of(trained: TrainedGenerator, path: Path, count: int, seed: int, track: Track) -> Samples:
    """Return what a trained model draws, from noise or from images; the other arguments as for `read_samples`."""

    def draw() -> np.ndarray:
        batches = track(trained.draw(count, seed), "drawing samples", -(-count // BATCH))
        return gathered(batches, count, trained.image_shape)

    @cache
    def translations() -> Translations:
        samplers = trained.parts.model.samplers.values()
        feeds, held_out = read_split(trained.parts, track)
        return score_translations(trained.sampler, samplers, trained.drawing_with, feeds, held_out, count, seed, track)

    def model_scores(images: np.ndarray, real: RealImages) -> ModelScores:
        scorer = ModelScorer(real.images, real.held_out, trained.parts.model.learns_labels, seed)
        encoder = encoder_of(trained)

        def of_classes(classes: Sequence[int]) -> np.ndarray:
            drawn = trained.draw(len(classes), seed, classes)
            batches = track(drawn, "drawing samples to learn from", -(-len(classes) // BATCH))
            return gathered(batches, len(classes), trained.image_shape)

        return scorer.scores(trained.played, encoder, images, count, of_classes)

    takes = trained.sampler.takes
    run = RunFolder(path)
    return Samples(
        f"outputs of {trained.description}" if takes else f"{count:,} samples of {trained.description}",
        trained.image_shape,
        (lambda: translations().images) if takes else draw,
        trained.parts,
        str(trained.source.facts.get("dataset_fingerprint", "")),
        run if run.exists else None,
        tuple(f"Warning: skipped: {problem}" for problem in trained.problems),
        value_range=trained.value_range,
        translations=translations if takes else None,
        model_scores=None if takes else model_scores,
    )


def read_real_images(against: str | None, samples: Samples, track: Track, *, value_range: Asked = "auto") -> RealImages:
    """Read the images to compare samples with.

    Args:
        against: a data set of `ganctl list-datasets`, a run folder, an npz, a folder or an archive; None: the training
            images of the run that drew the samples.
        samples: the samples.
        track: shows progress.
        value_range: as for `read_samples`.

    Raises:
        UsageError: `against` does not exist, or is missing for samples that were not drawn from a run.
        DataError: it cannot be read.
    """
    if against is None:
        if samples.parts is None:
            raise UsageError(
                "Choose what to compare these images with: --against DATASET, RUN, npz, folder or archive."
            )
        return _training_images(samples.parts, samples.fingerprint, track)
    if not against:
        raise UsageError("--against is empty. Name a data set, a run folder, an npz, a folder or an archive.")
    path = _expanded(against)
    like = None
    if samples.parts is not None:
        drawn_by = str(samples.run.path if samples.run else "the generator")
        like = Preparation.of(drawn_by, samples.parts, samples.shape, samples.value_range, value_range)
    if _is_dataset(against):
        found = like.read(against, None, track) if like else read_dataset(DatasetSection(name=against), track)
        real = RealImages(OTHER_IMAGES, found, notes=_notes_on_real(found))
    elif (run := RunFolder(path)).exists:
        real = _training_images(load_parts(run.config), "", track)
    elif path.exists():
        found = _images_at(path, track, like, value_range)
        real = RealImages(OTHER_IMAGES, found, notes=_notes_on_real(found))
    else:
        hint = did_you_mean(against, [entry.name for entry in catalog.datasets])
        raise UsageError(
            f"--against {shlex.quote(against)} is not a data set, run folder, npz, folder or archive.{hint}"
        )
    if real.images.shape[:2] != samples.shape[:2]:
        own, other = ("x".join(map(str, shape[:2])) for shape in (samples.shape, real.images.shape))
        note = f"Warning: the samples are {own} and the real images {other}: part of the distance is due to sharpness."
        return replace(real, notes=(*real.notes, note))
    return real


def _notes_on_real(images: ImageSet) -> tuple[str, ...]:
    """Return warnings about real images, and how they were prepared, with their source: the samples have notes too."""
    warnings = (note.removeprefix("Warning: ") for note in images.notes if note.startswith("Warning: "))
    prepared = (note for note in images.notes if note.startswith(f"{images.source}: "))
    return (*(f"Warning: {images.source}: {warning}" for warning in warnings), *prepared)


def _is_dataset(name: str) -> bool:
    return name in {entry.name for entry in catalog.datasets}


def _expanded(path: str) -> Path:
    return Path(os.path.expanduser(path))


def _training_images(parts: Parts, fingerprint: str, track: Track) -> RealImages:
    feeds, held_out = read_split(parts, track)
    training = feeds[parts.sampler.gives]
    notes: tuple[str, ...] = ()
    if fingerprint and fingerprint != fingerprint_of(feeds):
        notes = (f"Warning: {training.source} has changed since training.",)
    resize = parts.experiment.dataset.resize
    return RealImages(TRAINING_IMAGES, training, held_out.get(parts.sampler.gives), notes, resize)


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


def _holds_images(path: Path) -> bool:
    """Whether a path is an npz, a folder or an archive."""
    return path.exists() and not _is_checkpoint(path)


def _images_at(path: Path, track: Track, like: Preparation | None, value_range: Asked) -> ImageSet:
    """Read an npz, folder or archive as `_read` does; errors and notes name `--value-range` in place of the key."""
    options = {"dataset.value_range": _OPTION}
    with naming_options(options):
        found = _read(path, track, like, value_range)
    return replace(found, notes=tuple(with_options(note, options) for note in found.notes))


def _read(path: Path, track: Track, like: Preparation | None, value_range: Asked) -> ImageSet:
    """Read an npz, folder or archive, prepared as for a run, or else in the usual shape of its images."""
    name = given_data.dataset_for(path) or "npz"
    if like:
        return like.read(name, str(path), track)
    section = DatasetSection(name=name, path=str(path), value_range=value_range)
    if name != "npz":
        size, channels = _usual_shape(section)
        section = section.model_copy(update={"image_size": size, "channels": channels})
    return read_dataset(section, track)


def _usual_shape(section: DatasetSection) -> tuple[str, int]:
    """Return HEIGHTxWIDTH and channels for the images of a folder or archive.

    The shape is that of most images or, if there is none, a square with the most frequent shorter side. The longer side
    has at most LARGEST_SIZE pixels. There is one channel only if all images are grey, and one for each band if most
    images have bands.
    """
    listed = given_data.listed_in(section)
    listing, files = listed.listing, listed.labelled().files
    shapes: Counter[tuple[int, int]] = Counter()
    channels = Counter[int]()
    for file in files[:: max(1, len(files) // LOOKED_AT)]:
        with suppress(DataError):
            data = listing.read_image(file)
            if data is not None:
                pixels = decode(data, name=file.name, keep_bands=True).pixels
                shapes[pixels.shape[:2]] += 1
                channels[pixels.shape[2]] += 1
    if not shapes:
        raise DataError(f"{section.path} contains no readable image.")
    (shape, count), *_ = shapes.most_common(1)
    if count <= shapes.total() / 2:
        sides: Counter[int] = Counter()
        for sizes, number in shapes.items():
            sides[min(sizes)] += number
        shape = (sides.most_common(1)[0][0],) * 2
    scale = min(1.0, LARGEST_SIZE / max(shape))
    height, width = (max(4, round(side * scale)) for side in shape)
    bands, _ = channels.most_common(1)[0]
    if bands in (1, 3):
        bands = max(number for number in channels if number in (1, 3))
    return f"{height}x{width}", bands
