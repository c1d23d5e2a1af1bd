"""A set of images in memory (or mapped from disk), prepared as the configuration says."""

import hashlib
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, Self, TypeVar

import numpy as np

from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.sections import MOST_CHANNELS, DatasetSection
from ganctl.images.bands import ALPHA_CHANNELS, channel_axis, check_bands, premultiplied, with_alpha
from ganctl.images.class_names import class_number, listed
from ganctl.images.label_files import ONE_HOT, without_gaps
from ganctl.images.resize import over, scale_to_fit, to_channels
from ganctl.images.value_range import BYTES, Observed, ValueRange, find_range, low_contrast

Item = TypeVar("Item")

# Larger arrays are in an unnamed, mapped temporary file, so that the data may be larger than the memory.
_IN_MEMORY_BYTES = 2**30
_BLOCK_BYTES = 2**24
_MAX_LABELS = 2**16

JPEG, HALVED_JPEG = "JPEG", "JPEG shrunk to half or less"
"""JPEG compresses blocks of 8x8 pixels; shrinking to half or less removes almost all traces of them."""


class Track(Protocol):
    """Shows progress while something is iterated over, as `rich.progress.track` does."""

    def __call__(self, sequence: Iterable[Item], description: str, total: int | None) -> Iterable[Item]:
        """Return an iterable that yields the same items; `total` is their number, if known."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one shape.

    Attributes:
        images: uint8 [N,H,W,C]; may be mapped from disk.
        labels: int32 [N], or None.
        class_names: the name of each label.
        source: where the images come from.
        notes: notes for the user on how they were read.
        value_range: the stored values that became 0 and 255; None: they were stored as bytes.
        alpha: the last channel is transparency, and the colours are multiplied by it.
        formats: the number of files that were read in each format; empty if unknown. JPEGs that were shrunk to half or
            less are counted as HALVED_JPEG.
        file_numbers: int32 [N], the file that each image comes from, if a file gave several (`dataset.pages: each`).
        apart: images that the data set keeps for tests, such as those of a folder `test`; never trained on.
    """

    images: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = ()
    value_range: ValueRange | None = None
    alpha: bool = False
    formats: Mapping[str, int] = field(default_factory=dict)
    file_numbers: np.ndarray | None = None
    apart: Self | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    @property
    def num_classes(self) -> int:
        """The number of classes; 0 without labels."""
        return 0 if self.labels is None else len(self.class_names)

    def noted(self, *notes: str) -> Self:
        """Return the set with further notes."""
        return replace(self, notes=(*self.notes, *notes))

    def checked(self, fewest: int = 2) -> Self:
        """Return the set with warnings about doubtful training data; raises DataError if it cannot be trained on.

        Args:
            fewest: fewer images are an error.
        """
        if len(self) < fewest:
            number = "1 image is" if len(self) == 1 else f"{len(self)} images are"
            raise DataError(f"{self.source}: {number} too few to train on.")
        notes = []
        if len(self) > 1 and all_identical(self.images):
            notes.append("Warning: all images are identical.")
        elif warning := low_contrast(self.images):
            notes.append(warning)
        if self.labels is not None and len(present := np.unique(self.labels)) < self.num_classes:
            notes.append(f"Warning: only {len(present)} of {self.num_classes} classes have images.")
        return self.noted(*notes)

    def fingerprint(self) -> str:
        """Return the SHA-256 of shape, pixels and labels, in hexadecimal digits."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(repr(self.images.shape).encode())
        for _, block in _blocks(self.images):
            digest.update(block.tobytes())
        if self.labels is not None:
            digest.update(self.labels.astype("<i4").tobytes())
        return digest.hexdigest()

    def first(self, count: int) -> Self:
        """Return the first images."""
        return self._with(self.images[:count], slice(count))

    def split(self, holdout: float) -> tuple[Self, Self | None]:
        """Return the training images and the held-out ones, if any; the choice depends only on their number.

        Of files with several images, whole files are held out: pages of one stack are nearly the same image. The choice
        then depends on the number of images in each file, too. Images that the data set keeps apart are the held-out
        ones, whatever `holdout` is.
        """
        if self.apart is not None:
            return replace(self, apart=None), self.apart
        if not holdout:
            return self, None
        kept = min(len(self) - 1, max(1, round(len(self) * holdout)))
        if self.file_numbers is None:
            order = np.random.default_rng(0).permutation(len(self))
            return self.rows(np.sort(order[kept:])), self.rows(np.sort(order[:kept]))
        if (self.file_numbers == self.file_numbers[0]).all():
            training, held_out = replace(self, file_numbers=None).split(holdout)
            note = (
                "Warning: all images are pages of one file, so held-out images may be nearly the same as training "
                "images."
            )
            return training.noted(note), held_out
        chosen = np.isin(self.file_numbers, _files_of(self.file_numbers, kept))
        return self.rows(np.flatnonzero(~chosen)), self.rows(np.flatnonzero(chosen))

    def describe(self) -> str:
        """Return one line: number and shape of the images, number of classes, range of pixel values."""
        ranges = [(block.min(), block.max()) for _, block in _blocks(self.images)]
        darkest, brightest = min(low for low, _ in ranges), max(high for _, high in ranges)
        height, width, channels = self.shape
        classes = f"{self.num_classes} classes, " if self.num_classes else ""
        return f"{len(self)} images of {height}x{width}x{channels}, {classes}minimum {darkest} .. maximum {brightest}"

    def describe_classes(self) -> str:
        """Return one line: the numbers and names of the classes, or of the first of many."""
        return listed(range(self.num_classes), self.class_names)

    def rows(self, rows: np.ndarray) -> Self:
        """Return some of the images, in that order."""
        images = scratch_array((len(rows), *self.shape))
        for start, block in _blocks(images):
            block[:] = self.images[rows[start : start + len(block)]]
        return self._with(images, rows)

    def _with(self, images: np.ndarray, rows: np.ndarray | slice) -> Self:
        """The set with some of its images, and what is known of them."""
        labels = None if self.labels is None else self.labels[rows]
        numbers = None if self.file_numbers is None else self.file_numbers[rows]
        return replace(self, images=images, labels=labels, file_numbers=numbers)


def fingerprint_of(feeds: Mapping[str, ImageSet]) -> str:
    """Return the SHA-256 of the images of all feeds by role; for a single feed, its own fingerprint."""
    each = {role: images.fingerprint() for role, images in feeds.items()}
    if len(each) == 1:
        return next(iter(each.values()))
    return hashlib.sha256(repr(sorted(each.items())).encode()).hexdigest()


def gathered(batches: Iterable[np.ndarray], count: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Return `count` uint8 images of a shape, given in batches, as one array; a large one is mapped from disk."""
    found, start = scratch_array((count, *shape)), 0
    for batch in batches:
        found[start : start + len(batch)] = batch
        start += len(batch)
    return found


def from_arrays(
    images: np.ndarray,
    labels: np.ndarray | None,
    class_names: tuple[str, ...],
    config: DatasetSection,
    source: str,
    *,
    alpha: bool = False,
) -> ImageSet:
    """Check arrays from a file and prepare them as the configuration says; raises DataError and ConfigurationError.

    Args:
        images: [N,H,W], [N,H,W,C] or [N,C,H,W], of any numeric type.
        labels: [N] or [N,1] integers, one-hot [N,K], or None.
        class_names: a name for each label; further labels are named by their number.
        config: which of the images to keep, and how to prepare them.
        source: where the arrays come from, for messages.
        alpha: the file says that the last of 2 or 4 channels is transparency.

    Returns:
        The images in their order.
    """
    notes: list[str] = []
    images = _channels_last(images, source, notes)
    if labels is not None:
        labels = _whole_labels(labels, len(images), source, notes)
        if not class_names and config.classes is None and len(labels):
            labels, class_names = without_gaps(labels, notes)
        class_names += tuple(str(label) for label in range(len(class_names), labels.max(initial=-1) + 1))
    if config.attributes is not None:
        notes.append("Warning: dataset.attributes is for `celeba` and has no effect.")
    if config.classes is not None and labels is None:
        # One experiment may be tried on many arrays: for an unlabelled one, use all images and warn.
        notes.append("Warning: these images have no labels, so dataset.classes has no effect.")
    elif config.classes is not None:
        rows, labels, class_names = only_classes(labels, class_names, config.classes)
        images = images[rows]
    images = images[: config.limit]
    if labels is None:
        class_names = ()
    else:
        labels = labels[: config.limit]
    if not len(images):
        raise DataError(f"{source} contains no images.")
    value_range = _value_range(images, config, source, notes)
    if config.alpha is not None:
        alpha = config.alpha
    if alpha and images.shape[-1] not in ALPHA_CHANNELS:
        raise ConfigurationError(
            f"transparency is the last of 2 or 4 channels, but the images have {images.shape[-1]}. Remove the key.",
            key="dataset.alpha",
        )
    if images.shape[-1] in ALPHA_CHANNELS and not alpha:
        notes.append(
            f"the {images.shape[-1]} channels are bands; if the last one is transparency, set `dataset.alpha: true`"
        )
    pixels = _prepared(images, value_range, config, alpha=alpha)
    kept = None if images.dtype == np.uint8 and value_range == BYTES else value_range
    learned = alpha and pixels.shape[-1] in ALPHA_CHANNELS
    found = ImageSet(pixels, labels, class_names, source, tuple(notes), value_range=kept, alpha=learned)
    return found.checked()


def all_identical(images: np.ndarray) -> bool:
    """Return whether images [N,H,W,C] are all the same, N at least 1."""
    return not any((block != images[0]).any() for _, block in _blocks(images))


def _files_of(file_numbers: np.ndarray, most: int) -> np.ndarray:
    """Return the numbers of randomly chosen files with at most `most` images in all; at least one file."""
    numbers, counts = np.unique(file_numbers, return_counts=True)
    order = np.random.default_rng(0).permutation(len(numbers))
    chosen, left = [], most
    for place in order:
        if counts[place] <= left:
            chosen.append(numbers[place])
            left -= counts[place]
    return np.array(chosen or [numbers[order[counts[order].argmin()]]])


def refuse_keys(config: DatasetSection, *names: str) -> None:
    """Raise ConfigurationError if a key is given that the data set would ignore, and that would change its labels."""
    for name in names:
        if getattr(config, name) is not None:
            raise ConfigurationError(
                f"the data set '{config.name}' does not use this key. Remove it.", key=f"dataset.{name}"
            )


def only_classes(
    labels: np.ndarray | None, class_names: tuple[str, ...], given: Sequence[int | str]
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Select the images of some classes; raises ConfigurationError.

    Args:
        labels: int32 [N], or None.
        class_names: the name of each label.
        given: the classes, by number or name.

    Returns:
        The rows with a wanted label; their labels, renumbered from 0 in the order of `given`; and the names of the
        wanted classes.
    """
    if labels is None:
        raise ConfigurationError("the data set has no labels to choose by. Remove the key.", key="dataset.classes")
    try:
        wanted = [class_number(each, class_names) for each in given]
    except LookupError as error:
        raise ConfigurationError(str(error), key="dataset.classes") from None
    if len(set(wanted)) < len(wanted):
        raise ConfigurationError(f"a class is listed twice. Received: {list(given)}", key="dataset.classes")
    present = np.unique(labels).tolist()
    for number in wanted:
        if number not in present:
            known = ", ".join(f"{label} ({class_names[label]})" for label in present[:20])
            more = f" and {len(present) - 20} more" if len(present) > 20 else ""
            message = f"no image has the class {number}. The classes are {known}{more}."
            raise ConfigurationError(message, key="dataset.classes")
    renumbered = np.full(len(class_names), -1, np.int32)
    renumbered[wanted] = np.arange(len(wanted))
    rows = np.flatnonzero(renumbered[labels] >= 0)
    return rows, renumbered[labels[rows]], tuple(class_names[number] for number in wanted)


def scratch_array(shape: tuple[int, ...]) -> np.ndarray:
    """Return a uint8 array to fill: in memory or, if it is large, mapped from a file that vanishes with it."""
    if math.prod(shape) <= _IN_MEMORY_BYTES:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)


def _blocks(images: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of consecutive images, a few megabytes at a time, each with the index of its first image."""
    step = max(1, _BLOCK_BYTES * len(images) // images.nbytes)
    for start in range(0, len(images), step):
        yield start, images[start : start + step]


def _channels_last(images: np.ndarray, source: str, notes: list[str]) -> np.ndarray:
    """Bring images to [N,H,W,C], with up to 16 channels."""
    if images.ndim == 3:
        return images[..., np.newaxis]
    axis = channel_axis(images.shape[1:]) if images.ndim == 4 else None
    if axis == -1:
        return images
    if axis == 0:
        notes.append("channels-first images were made channels-last")
        return images.transpose(0, 2, 3, 1)
    raise DataError(
        f"{source}: images must be [N,H,W] or [N,H,W,C] with 1 to {MOST_CHANNELS} channels. Received: "
        f"{list(images.shape)}"
    )


def _whole_labels(labels: np.ndarray, count: int, source: str, notes: list[str]) -> np.ndarray:
    """Bring labels to int32 [N]."""
    if labels.ndim == 2 and len(labels) == count and labels.shape[1] > 1 and _one_hot(labels):
        notes.append(ONE_HOT)
        return labels.argmax(1).astype(np.int32)
    if labels.shape not in ((count,), (count, 1)):
        raise DataError(
            f"{source}: {count} images need {count} labels, one number each or one-hot rows. Received: shape "
            f"{list(labels.shape)}"
        )
    labels = labels.reshape(count)
    if labels.dtype.kind not in "biuf" or not np.all((labels >= 0) & (labels < _MAX_LABELS) & (labels == labels // 1)):
        raise DataError(f"{source}: labels must be integers from 0 to {_MAX_LABELS - 1}. Received: {labels[:5]} ...")
    return labels.astype(np.int32)


def _prepared(images: np.ndarray, value_range: ValueRange, config: DatasetSection, *, alpha: bool) -> np.ndarray:
    """Bring [N,H,W,C] of any type to uint8, and to the configured size and channels."""
    count, height, width, stored_channels = images.shape
    size = config.sides or (height, width)
    channels = config.channels or (stored_channels - 1 if alpha else stored_channels)
    keeps_alpha = alpha and channels in ALPHA_CHANNELS
    if not alpha:
        check_bands(stored_channels, channels)
    if images.dtype == np.uint8 and images.shape[1:] == (*size, channels) and value_range == BYTES and not alpha:
        return images
    prepared = scratch_array((count, *size, channels))
    for start, block in _blocks(images):
        for row, image in enumerate(value_range.levels(block), start):
            if keeps_alpha:
                image = premultiplied(with_alpha(image, channels))
            elif alpha:
                image = over(image, config.background_colour)
            prepared[row] = to_channels(scale_to_fit(image, size, config.resize), channels)
    return prepared


def _one_hot(labels: np.ndarray) -> bool:
    """Whether every row has one 1 among zeros."""
    if labels.dtype.kind not in "biuf":
        return False
    ones = labels == 1
    return bool((ones.sum(1) == 1).all() and (ones | (labels == 0)).all())


def refuse_not_finite(images: np.ndarray, source: str) -> None:
    """Raise DataError if images [N, ...] hold NaN or infinity; it names the first such image."""
    for start, block in _blocks(images):
        finite = np.isfinite(block)
        if not finite.all():
            first = start + int(np.argwhere(~finite)[0, 0])
            raise DataError(f"{source}: image {first} contains a value that is not finite (NaN or infinity).")


def _value_range(images: np.ndarray, config: DatasetSection, source: str, notes: list[str]) -> ValueRange:
    """Find black and white; raises DataError if the values are not finite numbers, or do not suggest a range."""
    if not images.size:
        raise DataError(f"{source}: the images have no pixels. Received: an array of shape {images.shape}")
    if images.dtype.kind not in "buif":
        raise DataError(f"{source}: images must be numbers. Received: an array of type {images.dtype}")
    if images.dtype.kind == "f":
        refuse_not_finite(images, source)
    if config.value_range == "auto" and images.dtype.kind in "ui" and max(b.max() for _, b in _blocks(images)) <= 1:
        notes.append("Warning: no pixel value is above 1 of 255, so the images are black. Store values from 0 to 255.")
    beyond_bytes = not isinstance(config.value_range, str) and config.value_range[1] > BYTES.white
    if images.dtype == np.uint8 and (beyond_bytes or config.value_range == "auto"):
        return BYTES
    values = Observed().add_all(images)
    found = find_range(values, images.dtype.kind, config.value_range, source)
    outside = found.outside(values)
    beyond = f"; {outside:.2%} of them lie outside and became black or white" if outside else ""
    notes.append(f"{images.dtype} values were read as {found}{beyond}")
    return found
