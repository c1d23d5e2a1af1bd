"""Directions of a trained generator: found, named, measured, drawn as strips, and kept in `directions.npz`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ganctl.build.resolving import read_split
from ganctl.errors import ConfigurationError, DataError, UsageError, did_you_mean
from ganctl.evaluation.features import extractor_for
from ganctl.game.inputs import takes_classes
from ganctl.generation.directions import SAMPLES, Directions, direction_between, directions_of, principal_directions_of
from ganctl.generation.drawing import BATCH, generate_from, sample_latent
from ganctl.generation.latents import arranged, as_vectors, latent_size
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.sample_files import check_folder, prepare_folder
from ganctl.host.files import replacement_for, shown, writing
from ganctl.images import draw
from ganctl.images.archives import npz_names, read_npz
from ganctl.images.class_names import class_name, class_number
from ganctl.images.image_set import Track

SEFA, GANSPACE = "sefa", "ganspace"
METHODS = (SEFA, GANSPACE)
FILE = "directions.npz"
OVERVIEW = "directions.png"

STRENGTH = 3.0
"""How far a direction goes to each side by default, in standard deviations of the latent vectors."""

STEPS = 7
"""Images on each strip, from one end to the other."""

MEASURED = 256
"""The number of samples on which directions are measured."""

_FEWEST = 10
"""The fewest samples of a class from whose mean a direction is taken."""


@dataclass(frozen=True)
class Measured:
    """What a direction does to the images of MEASURED samples, between its two ends.

    Attributes:
        change: the mean absolute difference of the pixels of both ends, in grey levels from 0 to 255.
        relative: the same divided by that of two unrelated samples (of one class, if the generator takes classes).
        class_name: the class that explains most of the change; empty without classes.
        explained: how much it explains, 0 .. 1; None without classes. If the generator takes classes: the part of the
            change that falls on samples of this class, each class having equally many. If a classifier tells them: of
            the mean squared change, the part along the difference between the mean image of this class and that of all
            samples, toward it or away from it.
        toward: the class that gains most samples from the first end to the last; empty without a classifier.
        gain: how much its share of the samples grows, -1 .. 1; None without a classifier.
    """

    change: float
    relative: float
    class_name: str = ""
    explained: float | None = None
    toward: str = ""
    gain: float | None = None


@dataclass(frozen=True, repr=False)
class FoundDirections:
    """Directions of a trained generator. Printed, or shown by a notebook, this is the table of `ganctl directions`.

    Attributes:
        vectors: float32 [count, latent_size], each of length 1.
        eigenvalues: float32 [count], as in `ganctl.generation.directions.Directions`; NaN for one between classes.
        names: a name for each: its number, or `Sandal to Sneaker`.
        method: `sefa` or `ganspace`.
        step: the number of iterations that the generator was trained for.
        strength: how far both ends are away, in standard deviations of the latent vectors.
        measured: what each direction does; empty if they were read from a file.
        notes: notes for the user.
        examples: for directions between classes, by place: samples that are of the first class beyond doubt,
            [N, latent_size].
    """

    vectors: np.ndarray
    eigenvalues: np.ndarray
    names: tuple[str, ...]
    method: str
    step: int
    strength: float
    measured: tuple[Measured, ...] = ()
    notes: tuple[str, ...] = ()
    examples: Mapping[int, np.ndarray] = field(default_factory=dict)

    def number(self, wanted: int | str) -> int:
        """Return the place of a direction, given by number or name; raises UsageError."""
        folded = [name.casefold() for name in self.names]
        text = str(wanted).strip().casefold()
        if text in folded:
            return folded.index(text)
        if text.isascii() and text.isdigit() and int(text) < len(self.names):
            return int(text)
        known = ", ".join(self.names)
        raise UsageError(f"There is no direction {str(wanted)!r}.{did_you_mean(text, self.names)} Known: {known}.")

    @property
    def count(self) -> str:
        """How many there are, in words."""
        return "1 direction" if len(self.names) == 1 else f"{len(self.names):,} directions"

    def as_json(self) -> list[dict[str, Any]]:
        """Return a dictionary for each direction, as JSON data."""
        return [
            {
                "name": name,
                "eigenvalue": None if np.isnan(value) else float(value),
                **{key: None if value == "" else value for key, value in asdict(found).items()},
            }
            for name, value, found in zip(self.names, self.eigenvalues, self.measured, strict=True)
        ]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        if not self.measured:
            yield f"{self.count} ({self.method}): {', '.join(self.names)}"
            return
        wide = max(9, *map(len, self.names))
        yield f"{'direction':{wide}}  change  of random  one class"
        for name, found in zip(self.names, self.measured, strict=True):
            line = f"{name:{wide}}{found.change:8.1f}{found.relative:11.0%}"
            if found.explained is not None:
                on = "on " if found.gain is None else ""
                line += f"  {found.explained:.0%} {on}{found.class_name}"
            if found.gain is not None:
                line += f", leads to {found.toward} ({found.gain:+.0%})"
            yield line
        yield f"change: grey levels between -{self.strength:g} and +{self.strength:g} standard deviations"

    def write(self, path: Path) -> None:
        """Write `directions.npz`; raises OSError."""
        described = [json.dumps(each) for each in self.as_json()] if self.measured else []
        with replacement_for(path, ".npz") as temporary:
            np.savez(
                temporary,
                directions=self.vectors,
                eigenvalues=self.eigenvalues,
                names=np.asarray(self.names),
                method=np.asarray(self.method),
                step=np.asarray(self.step),
                strength=np.asarray(self.strength),
                measured=np.asarray(described, dtype=str),
            )


def read_directions(path: Path) -> FoundDirections:
    """Return the directions of a file that `FoundDirections.write` or `np.savez(path, directions=...)` wrote.

    Raises:
        DataError: it does not exist, or holds something else.
    """
    if not path.is_file():
        raise DataError(f"{shown(path)} does not exist. Find directions first: ganctl directions RUN")
    known = npz_names(path)
    (vectors,) = read_npz(path, "directions")
    if vectors.ndim != 2 or vectors.dtype.kind != "f" or not vectors.size or not np.isfinite(vectors).all():
        raise DataError(
            f"{shown(path)}: `directions` should be finite floats [count, latent_size]. Received: {vectors.dtype} "
            f"{list(vectors.shape)}"
        )
    count = len(vectors)
    given = {name: read_npz(path, name)[0] for name in ("names", "eigenvalues", "method", "step") if name in known}
    names = given.get("names", np.arange(count).astype(str))
    eigenvalues = given.get("eigenvalues", np.full(count, np.nan))
    if not (names.shape == eigenvalues.shape == (count,)) or names.dtype.kind != "U" or eigenvalues.dtype.kind != "f":
        raise DataError(f"{shown(path)}: `names` and `eigenvalues` should have {count} entries, texts and floats.")
    step = given.get("step", np.asarray(-1))
    return FoundDirections(
        vectors.astype(np.float32),
        eigenvalues.astype(np.float32),
        tuple(names.tolist()),
        str(given.get("method", "given")),
        int(step) if step.shape == () and step.dtype.kind in "iu" else -1,
        0.0,
    )


def deviation(distribution: str) -> float:
    """Return the standard deviation of the entries of latent vectors from N(0, 1) or U(-1, 1)."""
    return 1.0 if distribution == "normal" else 3.0**-0.5


def find_directions(
    trained: TrainedGenerator,
    track: Track,
    *,
    method: str = SEFA,
    count: int = 8,
    between: Sequence[tuple[str | int, str | int]] = (),
    strength: float = STRENGTH,
    seed: int = 0,
    classifier: bool = True,
) -> FoundDirections:
    """Find directions of a generator that draws from noise, and measure what they do to its images.

    Args:
        trained: the generator.
        track: shows progress.
        method: `sefa` or `ganspace`.
        count: the most directions, without those of `between`.
        between: pairs of classes by name or number, each of which gives one more direction; for generators that take
            no classes, but whose training images have labels.
        strength: how far both ends are away, in standard deviations of the latent vectors.
        seed: of the samples.
        classifier: if the generator takes no classes but the training images have labels, say by a classifier of these
            what the directions do. It is trained once for a data set. If the images cannot be read, a note says so.

    Raises:
        UsageError: the generator has no latent vectors, its first layer is not known, or the classes do not exist.
    """
    trained.check_draws_from_noise()
    latent_size(trained.network)  # raises UsageError
    labelled = not takes_classes(trained.network) and len(trained.class_names) > 1
    pairs = [tuple(_class_of(trained, each, labelled=labelled) for each in pair) for pair in between]
    found = _without_names(trained, method, count, seed)
    judge, notes = None, []
    if labelled and (classifier or pairs):
        try:
            judge = _Judge.of(trained, track)
        except (DataError, ConfigurationError) as error:
            if pairs:
                raise
            notes.append(f"Without classes: {error}")
    ways = _between(trained, judge, pairs, seed, track) if judge and pairs else []
    numbers = [str(number) for number in range(len(found.vectors))]
    unmeasured = FoundDirections(
        np.stack([*found.vectors, *(way.vector for way in ways)]),
        np.concatenate([found.eigenvalues, np.full(len(ways), np.nan, np.float32)]),
        (*numbers, *(way.name for way in ways)),
        method,
        trained.step,
        strength,
        notes=tuple(notes),
        examples={place: way.examples for place, way in enumerate(ways, len(numbers))},
    )
    return replace(unmeasured, measured=tuple(_measure(trained, unmeasured, judge, seed, track)))


def check_strips(trained: TrainedGenerator, folder: Path, classes: Sequence[int | str] | None = None) -> None:
    """Raise UsageError, before anything is found, if `write_strips` would: finding may take minutes."""
    trained.classes(classes)
    check_folder(folder, new=_new(folder))


def _new(folder: Path) -> str:
    """What must not be in a folder yet, in words; nothing if it holds directions already, which are replaced."""
    return "" if (folder / FILE).is_file() else "directions"


def _without_names(trained: TrainedGenerator, method: str, count: int, seed: int) -> Directions:
    """Return the directions that a method finds without labels; raises UsageError."""
    network, classes = trained.network, trained.num_classes
    if method == SEFA:
        found = directions_of(network, count, num_classes=classes)
    elif method == GANSPACE:
        found = principal_directions_of(network, trained.distribution, count, num_classes=classes, seed=seed)
    else:
        raise UsageError(
            f"method must be one of {', '.join(METHODS)}. Received: {method!r}.{did_you_mean(method, METHODS)}"
        )
    if found is None:
        raise UsageError(
            f"The first layers of the model '{trained.parts.model.name}' cannot be found: its network is not made "
            "from Keras layers with a kernel. Give directions of your own: ganctl interpolate --directions FILE.npz"
        )
    return found


@dataclass(frozen=True)
class _Way:
    """A direction from class to class; `examples` are samples of the first, [N, latent_size], the surest first."""

    name: str
    vector: np.ndarray
    examples: np.ndarray


def _between(
    trained: TrainedGenerator, judge: "_Judge", pairs: Sequence[Sequence[int]], seed: int, track: Track
) -> list[_Way]:
    """Return the direction of each pair of classes, from samples that a classifier sorts; raises UsageError."""
    latent = as_vectors(sample_latent(trained.network, SAMPLES, seed, trained.distribution))
    drawn = generate_from(trained.played, arranged(trained.played, latent), seed)
    batches = track(drawn, "looking at samples", -(-SAMPLES // BATCH))
    probabilities = np.concatenate([judge.probabilities(images) for images in batches])
    labels, names = probabilities.argmax(axis=1), trained.class_names
    ways = []
    for start, end in pairs:
        _check_common(labels, (start, end), names)
        surest = np.argsort(-probabilities[:, start], kind="stable")[: (labels == start).sum()]
        vector = direction_between(latent, labels, start, end)
        ways.append(_Way(f"{names[start]} to {names[end]}", vector, latent[surest]))
    return ways


def write_strips(
    trained: TrainedGenerator,
    found: FoundDirections,
    folder: Path,
    track: Track,
    *,
    rows: int = 4,
    seed: int = 0,
    classes: Sequence[int | str] | None = None,
) -> Path:
    """Write `directions.npz`, a strip for each direction, and an overview of the first sample; returns the file.

    A strip has a row for each of the first samples of the seed, or of those of the class where the direction begins, in
    steps from one end of it to the other; the sample itself is in the middle. Strips of an earlier call in this folder
    are replaced once all are drawn: an interruption leaves them as they were.

    Args:
        trained: the generator.
        found: its directions.
        folder: where to write: a new folder, or one with an earlier `directions.npz`.
        track: shows progress.
        rows: samples on each strip.
        seed: of the samples.
        classes: the class of each row, cyclically, of a generator that takes classes; by default all.

    Raises:
        UsageError: the folder cannot be written, or has other files.
    """
    wanted = trained.classes(classes)
    shares = np.linspace(-found.strength, found.strength, STEPS)
    headings = [[f"{share:+.3g}" if share else "0" for share in shares]]
    names = [class_name(number, trained.drawn_names) for number in np.resize(wanted, rows)] if wanted else []
    first = []
    digits = len(str(len(found.vectors) - 1))
    each = np.repeat(np.resize(wanted, rows), STEPS).tolist() if wanted else []  # the class belongs to the row
    strips = _drawn(trained, _along_strips(trained, found, shares, rows, seed), seed, each)
    with _filled(folder) as inner:
        for number, images in enumerate(track(strips, "drawing strips", len(found.vectors))):
            sheet = draw.grid(images, rows, STEPS, alpha=trained.alpha, headings=headings, row_names=names)
            draw.write_png(inner / f"direction-{number:0{digits}d}.png", sheet)
            first.append(images[:STEPS])
        overview = np.concatenate(first)
        sheet = draw.grid(
            overview, len(first), STEPS, alpha=trained.alpha, headings=headings, row_names=list(found.names)
        )
        draw.write_png(inner / OVERVIEW, sheet)
        found.write(inner / FILE)
    return folder / FILE


@contextmanager
def _filled(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder, whose files replace the directions in `folder` if the body succeeds.

    If it fails, `folder` is as it was.
    """
    new = not folder.exists()
    prepare_folder(folder, new=_new(folder))
    try:
        with writing(folder), TemporaryDirectory(prefix=".", dir=folder) as inner:
            yield Path(inner)
            for old in folder.glob("direction-*.png"):
                old.unlink()
            # The file of vectors first: with it, another call may replace the rest.
            for path in sorted(Path(inner).iterdir(), key=lambda path: path.name != FILE):
                path.replace(folder / path.name)
    finally:
        if new:
            with suppress(OSError):  # it holds files, unless something failed
                folder.rmdir()


def _along_strips(
    trained: TrainedGenerator, found: FoundDirections, shares: np.ndarray, rows: int, seed: int
) -> np.ndarray:
    """Return the latent vectors of every strip, [directions, rows * STEPS, latent_size], row by row."""
    starts = as_vectors(sample_latent(trained.network, rows, seed, trained.distribution))
    steps = np.multiply.outer(found.vectors * deviation(trained.distribution), shares)
    begun = np.stack(
        [np.resize(found.examples.get(number, starts)[:rows], starts.shape) for number in range(len(steps))]
    )
    vectors = begun[:, :, np.newaxis] + np.moveaxis(steps, 1, 2)[:, np.newaxis]
    return np.asarray(vectors.reshape(len(steps), rows * STEPS, -1))


class _Judge:
    """A classifier of the training images' labels, for samples."""

    def __init__(self, extractor: Any, num_classes: int) -> None:
        self._extractor, self.num_classes = extractor, num_classes

    @classmethod
    def of(cls, trained: TrainedGenerator, track: Track) -> "_Judge":
        """Read the training images and train the classifier, or take it from the cache.

        Raises:
            DataError: the data set cannot be read.
            ConfigurationError: it no longer suits the experiment.
        """
        feeds, _ = read_split(trained.parts, track)
        images = feeds[trained.sampler.gives]
        if images.class_names != trained.class_names:
            raise DataError(f"{images.source} no longer has the classes that the generator was trained on.")
        return cls(extractor_for("classifier", images), images.num_classes)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return the probability of each class for each image, [N, classes]."""
        return np.asarray(self._extractor.probabilities(self._extractor.features(images)))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the class of each image."""
        return np.asarray(self.probabilities(images).argmax(axis=1))


def _measure(
    trained: TrainedGenerator, found: FoundDirections, judge: _Judge | None, seed: int, track: Track
) -> Iterator[Measured]:
    """Yield what each direction does."""
    latent = as_vectors(sample_latent(trained.network, MEASURED, seed, trained.distribution))
    classes = trained.classes(None)
    step = found.strength * deviation(trained.distribution)
    ways = latent + step * np.stack([side * vector for vector in found.vectors for side in (-1, 1)])[:, np.newaxis]
    each_class = np.resize(classes, MEASURED).tolist() if classes else []
    drawn = _drawn(trained, np.concatenate([latent[np.newaxis], ways]), seed, each_class)
    samples = next(drawn)
    # Image i + len(classes) has the class of image i.
    unrelated = _differences(samples, np.roll(samples, -max(1, len(classes)), axis=0)).mean()
    names = trained.drawn_names if classes else trained.class_names
    means = _differences_of_means(samples, judge(samples)) if judge and not classes else {}
    for ends in track(zip(drawn, drawn, strict=True), "measuring directions", len(found.vectors)):
        each = _differences(*ends)
        measured = Measured(float(each.mean()), float(each.mean() / max(unrelated, 1e-9)))
        shares = {number: _explained(ends, towards) for number, towards in means.items()}
        if classes and each.sum():
            shares = dict(enumerate(_shares(each, each_class)))
        if shares:
            best = max(shares, key=lambda number: shares[number])
            measured = replace(measured, class_name=class_name(best, names), explained=shares[best])
        if judge is not None:
            first, last = (np.bincount(judge(images), minlength=judge.num_classes) / MEASURED for images in ends)
            toward = int((last - first).argmax())
            measured = replace(measured, toward=class_name(toward, names), gain=float((last - first)[toward]))
        yield measured


def _drawn(trained: TrainedGenerator, vectors: np.ndarray, seed: int, classes: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the images of vectors [parts, N, latent_size], N at a time; `classes` has one for each, or none."""
    parts, count, size = vectors.shape
    latent = arranged(trained.played, vectors.reshape(parts * count, size).astype(np.float32))
    waiting: list[np.ndarray] = []
    for images in generate_from(trained.played, latent, seed, list(classes) * parts):
        waiting.extend(images)
        while len(waiting) >= count:
            yield np.stack(waiting[:count])
            del waiting[:count]


def _shares(changes: np.ndarray, classes: Sequence[int]) -> list[float]:
    """Return the part of all change that falls on each class, as if each had equally many samples."""
    counts = np.maximum(np.bincount(classes), 1)
    means = np.bincount(classes, changes) / counts
    return (means / means.sum()).tolist()


def _differences_of_means(samples: np.ndarray, labels: np.ndarray) -> dict[int, np.ndarray]:
    """Return the mean image of each class that occurs, minus that of all samples, of length 1; if there are several."""
    centre = samples.mean(axis=0)
    found = {int(number): samples[labels == number].mean(axis=0) - centre for number in np.unique(labels)}
    lengths = {number: float(np.linalg.norm(towards)) for number, towards in found.items()}
    return {number: towards / lengths[number] for number, towards in found.items() if lengths[number] > 0}


def _explained(ends: Sequence[np.ndarray], towards: np.ndarray) -> float:
    """Return the part of the mean squared change from one end to the other that lies, on average, along an image."""
    changes = ends[1].astype(np.float32) - ends[0]
    whole = float((changes**2).sum(axis=(1, 2, 3)).mean())
    return float((changes.mean(axis=0) * towards).sum()) ** 2 / whole if whole else 0.0


def _differences(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference of each pair of images [N, H, W, C], in grey levels."""
    return np.asarray(np.abs(one.astype(np.int16) - other).mean(axis=(1, 2, 3)))


def _class_of(trained: TrainedGenerator, wanted: str | int, *, labelled: bool) -> int:
    """Return the number of a class of the training images; raises UsageError."""
    if takes_classes(trained.network):
        raise UsageError(
            "between: this generator takes the class as an input, so no direction leads from one to another. Draw "
            "them: ganctl sample --classes"
        )
    if not labelled:
        raise UsageError("between: the training images have no labels, so no direction can be named. Leave it out.")
    try:
        number = class_number(wanted, trained.class_names)
    except LookupError as error:
        raise UsageError(f"between: {error}") from None
    if not 0 <= number < len(trained.class_names):
        raise UsageError(f"between: classes are numbers from 0 to {len(trained.class_names) - 1}. Received: {number}")
    return number


def _check_common(labels: np.ndarray, classes: Sequence[int], names: Sequence[str]) -> None:
    """Raise UsageError if two classes are one, or too few samples are of one of them."""
    if classes[0] == classes[1]:
        raise UsageError(f"between: give two different classes. Received: {names[classes[0]]} twice")
    for number in classes:
        count = int((labels == number).sum())
        if count < _FEWEST:
            raise UsageError(
                f"between: {count} of {len(labels):,} samples look like '{names[number]}' to the classifier, too few "
                "for a direction. Train longer, or choose another class."
            )
