"""Listed image files as an `ImageSet`: decoded, brought into shape, and kept in the cache."""

import hashlib
import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import shown
from ganctl.images import image_cache
from ganctl.images.bands import ALPHA_CHANNELS, check_bands, premultiplied, with_alpha
from ganctl.images.containers import ListedFile
from ganctl.images.decode import INVISIBLE, Decoded, decode
from ganctl.images.file_formats import BAND_TIFF, BIG_TIFF, READ, is_read
from ganctl.images.folder_listing import Listing, counted, skipped_in_words, tolerated
from ganctl.images.headers import Header, UnreadFormatError, read_header
from ganctl.images.image_set import HALVED_JPEG, JPEG, ImageSet, Track, only_classes
from ganctl.images.label_files import numbered
from ganctl.images.resize import scale_to_fit, to_channels
from ganctl.images.value_range import Observed, ValueRange, find_range

_DEFAULT_SIZE = 64
_DEFAULT_CHANNELS = 3

# Increase it whenever the same files would yield different pixels: older cache entries are then ignored.
_CACHE_VERSION = 5

# Formats that are read if a decoder is installed: installing one must not leave an older cache entry in use.
_READ_IF_INSTALLED = ("AVIF", BAND_TIFF, BIG_TIFF, "HEIC", "JPEG 2000")

_FILES_AT_ONCE = 128
# In a row: threads that hand over single files spend much of their time on handing over.
_FILES_OF_A_THREAD = 8
THREADS = max(2, os.cpu_count() or 1)
"""How many threads read files: more than there are processors would wait for each other in the Python parts."""

Half = Literal["", "left", "right"]
"""Which half of a picture is an image; empty: all of it."""

Numbering = Callable[[list[Any], str], tuple[np.ndarray, tuple[str, ...], list[str]]]
"""Turns labels, and the place that they come from, into classes, int32 [N], the name of each class, and notes."""

SHOWN = 5
"""How many examples a message names."""

# The conversion of a TIFF with further pages.
_FIRST_PAGE = "of whose pages only the first is used"


class _OtherChannelsError(DataError):
    """An image whose channels cannot become those that `dataset.channels` asks for.

    Attributes:
        channels: that it has.
    """

    def __init__(self, channels: int, wanted: int) -> None:
        super().__init__(f"its channels are {channels}, and `dataset.channels` is {wanted}")
        self.channels = channels


@dataclass(frozen=True)
class Labelled:
    """The files to read, and their classes.

    Attributes:
        files: images, or files of unknown content.
        labels: int32 [N], the class of each file; None if there are no classes.
        class_names: a name for each class.
        notes: notes for the user.
    """

    files: list[ListedFile]
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Listed:
    """Image files that a data set has found, none of which is read yet.

    Attributes:
        listing: the files.
        labelled: returns which of them to read, and their classes; raises DataError and ConfigurationError.
        labels_from: what determines the classes, apart from the files; its `repr` becomes part of the cache key.
        half: the half of each picture that is an image, of pictures that show two side by side; empty: all of it.
        numbered: say of each image which file it comes from, also if no file gives several.
        fewest: fewer images are an error.
    """

    listing: Listing
    labelled: Callable[[], Labelled]
    labels_from: object = None
    half: Half = ""
    numbered: bool = False
    fewest: int = 2


def read_listed(listed: Listed, config: DatasetSection, track: Track) -> ImageSet:
    """Return the images that the configuration selects, from the cache if the same files were read before.

    Args:
        listed: the files; which of them to read is not asked if the images are in the cache.
        config: the shape and kind of the images.
        track: shows progress.

    Raises:
        DataError: no file is an image, or too many are damaged.
        ConfigurationError: the configuration asks for channels or classes that the images do not have.
    """
    key = _cache_key(listed, config)
    return image_cache.load(key) or _read(listed, listed.labelled(), config, key, track)


def labelled_by(
    listing: Listing,
    files: list[ListedFile],
    label_of: Callable[[ListedFile], Any],
    origin: str,
    name: str,
    hint: str = "",
    number: Numbering = numbered,
) -> Labelled:
    """Return the images that have a label, and their classes; a few without one are left out.

    Args:
        listing: where the files are.
        files: images, and perhaps other files, which need no label.
        label_of: the label of a file as `number` takes it, or None.
        origin: where the labels come from, for errors.
        name: the same, shorter, for notes.
        hint: a sentence on how `origin` names images.
        number: turns labels into classes, as `label_files.numbered` does.

    Raises:
        DataError: too many images have no label, or a label is not understood.
    """
    images = [file for file in files if listing.may_be_image(file)]
    labels = {file: label for file in images if (label := label_of(file)) is not None}
    missing = [file.name for file in images if file not in labels]
    if not labels or len(missing) > min(tolerated(len(images)), len(labels)):
        raise DataError(
            f"{origin} has no label for {len(missing)} of {len(images)} images, such as {missing[0]}. "
            f"{hint}Complete it, or remove it to train without labels."
        )
    numbers, class_names, notes = number(list(labels.values()), origin)
    notes.insert(0, f"labels from {name}")
    if missing:
        notes.append(f"Warning: left out, because {name} has no label for them: {some_of(missing)}.")
    if len(class_names) > max(2, len(labels) // 2):
        notes.append(f"Warning: {name} has {len(class_names):,} different labels for {len(labels):,} images.")
    return Labelled(list(labels), numbers, class_names, notes)


def some_of(names: Sequence[str]) -> str:
    """Return the first of some names, and the number of the others."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _cache_key(listed: Listed, config: DatasetSection) -> str:
    listing = listed.listing
    asked_for = [*_shape(config), config.resize, config.classes, config.limit, config.value_range, config.background]
    asked_for += [config.pages, config.alpha]
    installed = [kind for kind in _READ_IF_INSTALLED if is_read(kind)]
    digest = hashlib.sha256(json.dumps([_CACHE_VERSION, str(listing.path), asked_for, installed]).encode())
    if listed.labels_from is not None:
        digest.update(repr(listed.labels_from).encode("utf-8", "surrogateescape"))
    if listed.numbered or listed.half or listed.fewest != 2:
        digest.update(repr((listed.half, listed.numbered, listed.fewest)).encode())
    for file in listing.files:
        digest.update(b"%b\0%d\0%d\0" % (os.fsencode(file.name), file.size, file.modified))
    return digest.hexdigest()


def _read(listed: Listed, labelled: Labelled, config: DatasetSection, key: str, track: Track) -> ImageSet:
    """Decode the images that the configuration selects and keep them in the cache.

    The range of values that are not bytes is known only when all images have been seen: such a set is read twice.
    """
    if config.classes is not None:
        rows, labels, class_names = only_classes(labelled.labels, labelled.class_names, config.classes)
        labelled = replace(
            labelled, files=[labelled.files[row] for row in rows], labels=labels, class_names=class_names
        )
    value_range = None if isinstance(config.value_range, str) else ValueRange(*config.value_range)
    values = None
    while True:
        with image_cache.Recording(_shape(config)) as recording:
            found = _recorded(listed, labelled.files, config, recording, value_range, track)
            if values is None:
                # The second pass sees bytes scaled to the percentiles, no longer as they are stored.
                values = found.values
                if value_range is None and found.kinds:
                    value_range = _range_of(found, config, shown(listed.listing.path))
                    continue
            image_set = _as_set(
                listed, labelled, replace(found, values=values), value_range, recording.finish(), config
            )
            recording.keep(key, image_set)
            return image_set


@dataclass
class _Found:
    """The outcome of reading files.

    Attributes:
        rows: for each image, the number of its file.
        converted: the number of images that went through each conversion.
        refused: damaged files, each with the reason.
        others: files that are not images.
        unread: images of known formats that are not read, each with its format.
        values: the stored values, where they are not bytes or percentiles are asked for.
        kinds: NumPy's kinds of these values.
        formats: the number of images in each format.
        of_bands: the number of images whose channels are bands.
        other_channels: the number of refused images by their channels, which cannot become those that are wanted.
    """

    rows: list[int] = field(default_factory=list)
    converted: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    others: list[ListedFile] = field(default_factory=list)
    unread: list[tuple[str, ListedFile]] = field(default_factory=list)
    values: Observed = field(default_factory=Observed)
    kinds: set[str] = field(default_factory=set)
    formats: Counter[str] = field(default_factory=Counter)
    of_bands: int = 0
    other_channels: Counter[int] = field(default_factory=Counter)


def _recorded(
    listed: Listed,
    files: list[ListedFile],
    config: DatasetSection,
    recording: image_cache.Recording,
    value_range: ValueRange | None,
    track: Track,
) -> _Found:
    """Read files, append their images to a recording, and return the outcome."""
    listing, found = listed.listing, _Found()
    # Closed here: left to the garbage collector, the threads might have to end themselves.
    with closing(_prepared_files(listed, files, config, value_range)) as outcomes:
        for row, outcome in track(outcomes, "Reading images", total=min(len(files), config.limit or len(files))):
            if outcome is None:
                found.others.append(files[row])
            elif isinstance(outcome, UnreadFormatError):
                found.unread.append((outcome.kind, files[row]))
            elif isinstance(outcome, DataError):
                if isinstance(outcome, _OtherChannelsError):
                    found.other_channels[outcome.channels] += 1
                    if found.other_channels.total() > tolerated(len(files)):
                        _refuse_channels(found, config)
                found.refused.append(f"{shown(listing.path / files[row].name)}: {outcome}")
            else:
                recording.append(outcome.pixels)
                found.converted.update(outcome.conversions)
                found.rows.append(row)
                found.formats[_format(outcome.header, config)] += 1
                found.of_bands += _has_bands(outcome.header)
                if outcome.stored is not None:
                    found.values.add(outcome.stored)
                    found.kinds.add(outcome.stored.dtype.kind)
    if found.other_channels.total() > len(found.rows):
        _refuse_channels(found, config)
    if _learns_alpha(config) and 0 < found.of_bands < len(found.rows):
        raise ConfigurationError(
            f"{found.of_bands:,} of {len(found.rows):,} files hold {config.channels} bands, the others pictures with "
            "transparency. If the last band is transparency, too, set `true`.",
            key="dataset.alpha",
        )
    return found


def _refuse_channels(found: _Found, config: DatasetSection) -> None:
    """Raise ConfigurationError, because most images cannot have the channels that are asked for."""
    ((stored, _),) = found.other_channels.most_common(1)
    wanted = _shape(config)[2]
    if stored in (1, 3):
        raise ConfigurationError(
            f"the files have {stored} channel{'s' * (stored > 1)}, which cannot become {wanted}: pictures have 1 "
            "channel (grey), 3 (RGB), or 2 or 4 (the same with transparency, so not with `dataset.alpha: false`). "
            "Other bands come from TIFFs, .npy files or an npz that hold them, or from pages with "
            "`dataset.pages: channels`.",
            key="dataset.channels",
        )
    check_bands(stored, wanted)


def _range_of(found: _Found, config: DatasetSection, source: str) -> ValueRange:
    """Return black and white of the values of a set."""
    kind = "f" if "f" in found.kinds else "b" if found.kinds == {"b"} else "u"
    return find_range(found.values, kind, config.value_range, source)


def _as_set(
    listed: Listed,
    labelled: Labelled,
    found: _Found,
    value_range: ValueRange | None,
    images: np.ndarray,
    config: DatasetSection,
) -> ImageSet:
    """Return the images that were found, with notes on how they were read."""
    listing = listed.listing
    listing.skip(*found.others)
    for kind, file in found.unread:
        listing.skip_as(kind, file)
    notes = labelled.notes + _judged(listing, len(found.rows), found.refused)
    if cut := found.converted.pop(_FIRST_PAGE, 0):
        notes.append(
            f"Warning: of {cut:,} TIFFs with several pages, only the first page is used. To use the others, set "
            "`dataset.pages` to `each` or `channels`."
        )
    if unseen := found.converted.pop(INVISIBLE, 0):
        notes.append(
            f"Warning: {unseen:,} of {len(found.rows):,} images show nothing: their colour is that of the background. "
            "Set `dataset.background` to another colour, such as black."
        )
    if found.converted:
        notes.append(f"converted: {counted(found.converted)}")
    if listing.skipped:
        notes.append(f"skipped: {skipped_in_words(listing.skipped)}")
    if value_range:
        outside = value_range.outside(found.values) if found.values.some else 0.0
        beyond = f"; {outside:.2%} of the values lie outside and became black or white" if outside else ""
        notes.append(f"values were read as {value_range}{beyond}")
    several = len(set(found.rows)) < len(found.rows)
    return ImageSet(
        images=images,
        labels=None if labelled.labels is None else labelled.labels[found.rows],
        class_names=labelled.class_names,
        source=shown(listing.path),
        notes=tuple(notes),
        value_range=value_range,
        alpha=_learns_alpha(config) and not found.of_bands,
        formats=dict(found.formats),
        file_numbers=np.array(found.rows, np.int32) if several or listed.numbered else None,
    ).checked(listed.fewest)


def _prepared_files(
    listed: Listed, files: list[ListedFile], config: DatasetSection, value_range: ValueRange | None
) -> Generator[tuple[int, Decoded | DataError | None], None, None]:
    """Read files in order until enough of them are images: each one's number and outcome."""
    wanted = config.limit or sys.maxsize  # not the number of files: one may have several pages
    start = 0
    with ThreadPoolExecutor(THREADS) as pool:
        while start < len(files) and wanted > 0:
            block = files[start : start + min(wanted, _FILES_AT_ONCE)]
            parts = [block[at : at + _FILES_OF_A_THREAD] for at in range(0, len(block), _FILES_OF_A_THREAD)]

            def prepared(part: list[ListedFile]) -> list[list[Decoded] | DataError | None]:
                return [_prepared_file(listed, file, config, value_range) for file in part]

            outcomes = itertools.chain.from_iterable(pool.map(prepared, parts))
            for row, outcome in enumerate(outcomes, start):
                for each in outcome[:wanted] if isinstance(outcome, list) else [outcome]:
                    wanted -= isinstance(each, Decoded)
                    yield row, each
            start += len(block)


def _prepared_file(
    listed: Listed, file: ListedFile, config: DatasetSection, value_range: ValueRange | None
) -> list[Decoded] | DataError | None:
    """The prepared images of a file, the reason why it cannot be read, or None for a file that is not an image."""
    try:
        data = listed.listing.read_image(file)
        if data is None:
            return None
        pages = _pages(data, file.name, config, value_range, listed.half)
        return [_fitted(_half_of(each, listed.half), config) for each in pages]
    except DataError as error:
        return error


def _half_of(decoded: Decoded, half: Half) -> Decoded:
    """Return one half of a decoded picture, as if it were a file of its own; raises DataError if it has no middle."""
    if not half:
        return decoded
    height, width = decoded.pixels.shape[:2]
    if width % 2:
        raise DataError(no_middle(width))
    pixels = decoded.pixels[:, : width // 2] if half == "left" else decoded.pixels[:, width // 2 :]
    header = decoded.header and replace(decoded.header, width=width // 2, height=height, orientation=1)
    return replace(decoded, pixels=pixels, header=header)


def no_middle(width: int) -> str:
    """Return why a picture of an odd width cannot be cut into halves."""
    return f"its width is {width}, an odd number, so it does not show two images side by side"


def _pages(data: bytes, name: str, config: DatasetSection, value_range: ValueRange | None, half: Half) -> list[Decoded]:
    """Decode a file: one image, or all pages, as `dataset.pages` says."""
    header = read_header(data, name)
    if config.alpha and header.bands in ALPHA_CHANNELS:
        header = replace(header, bands=0)

    def page(number: int) -> Decoded:
        return decode(
            data,
            # A JPEG that is decoded at a half of its size may have no middle column any more.
            least=None if half else _shape(config)[:2],
            header=header,
            value_range=value_range,
            background=config.background_colour,
            keep_alpha=_learns_alpha(config),
            keep_bands=True,
            page=number,
        )

    if config.pages == "first":
        first = page(0)
        return [replace(first, conversions=(*first.conversions, _FIRST_PAGE))] if header.pages > 1 else [first]
    pages = [page(number) for number in range(header.pages)]
    if config.pages == "each":
        return pages
    wanted = _shape(config)[2]
    if header.pages != wanted and header.pages > 1:
        raise ConfigurationError(
            f"{name} has {header.pages} pages, each of which becomes a channel. Set {header.pages}.",
            key="dataset.channels",
        )
    if header.pages != wanted or any(each.pixels.shape != (*pages[0].pixels.shape[:2], 1) for each in pages):
        shapes = sorted({each.pixels.shape for each in pages})
        raise DataError(
            f"its {header.pages} pages are not the {wanted} grey channels of one image: they have the shapes {shapes}"
        )
    stored = [each.stored for each in pages if each.stored is not None]
    together = np.concatenate(stored, axis=-1) if len(stored) == len(pages) else None
    return [replace(pages[0], pixels=np.concatenate([each.pixels for each in pages], axis=-1), stored=together)]


def _fitted(decoded: Decoded, config: DatasetSection) -> Decoded:
    """Bring a decoded image to the configured shape."""
    height, width, channels = _shape(config)
    conversions = [conversion for conversion in decoded.conversions if (conversion, channels) != ("grey", 1)]
    if config.resize != "pad" and any(np.less(decoded.pixels.shape[:2], (height, width))):
        conversions.append("enlarged")
    pixels = decoded.pixels
    if _learns_alpha(config) and not _has_bands(decoded.header):
        pixels = premultiplied(with_alpha(pixels, channels))
    elif pixels.shape[2] != channels and {pixels.shape[2], channels} != {1, 3}:
        raise _OtherChannelsError(pixels.shape[2], channels)
    pixels = to_channels(scale_to_fit(pixels, (height, width), config.resize), channels)
    looked_at = decoded.pixels if config.value_range == "percentiles" else None
    stored = looked_at if decoded.stored is None else decoded.stored
    return Decoded(pixels, tuple(conversions), stored, decoded.header)


def _format(header: Header | None, config: DatasetSection) -> str:
    """The format of a file; HALVED_JPEG if so much shrunk that almost no trace of the compression remains."""
    if header is None or header.kind != JPEG:
        return header.kind if header else ""
    height, width, _ = _shape(config)
    stored = header.upright
    scales = (height / stored[0], width / stored[1])
    return HALVED_JPEG if (min if config.resize == "pad" else max)(scales) <= 0.5 else JPEG


def _judged(listing: Listing, read: int, refused: list[str]) -> list[str]:
    """Notes on unreadable images; raises DataError if they are too many, or if no image was found."""
    place = shown(listing.path)
    if not read and not refused:
        skipped = f" Skipped: {skipped_in_words(listing.skipped)}." if listing.skipped else ""
        raise DataError(f"{place} contains no {READ} file.{skipped}")
    examples = refused[:SHOWN] + ([f"and {len(refused) - SHOWN} more"] if len(refused) > SHOWN else [])
    most = tolerated(read + len(refused))
    if len(refused) > most or not read:
        raise DataError(
            f"{len(refused)} of {read + len(refused)} images in {place} cannot be read "
            f"(at most {most} may be left out). Repair or remove them:\n  " + "\n  ".join(examples)
        )
    return [f"Warning: {len(refused)} images cannot be read and are left out: {'; '.join(examples)}"] if refused else []


def _learns_alpha(config: DatasetSection) -> bool:
    """Return whether transparency is learned, except of files that have bands instead; raises ConfigurationError."""
    channels = config.channels or _DEFAULT_CHANNELS
    if config.pages == "channels":
        if config.alpha:
            raise ConfigurationError("pages that become channels hold no transparency. Remove it.", key="dataset.alpha")
        return False
    if config.alpha and channels > max(ALPHA_CHANNELS):
        raise ConfigurationError(
            f"transparency is the last of 2 or 4 channels, but `dataset.channels` is {channels}. Remove it.",
            key="dataset.alpha",
        )
    return channels in ALPHA_CHANNELS and config.alpha is not False


def _has_bands(header: Header | None) -> bool:
    return header is not None and header.bands > 0


def _shape(config: DatasetSection) -> tuple[int, int, int]:
    return *sides_of(config), config.channels or _DEFAULT_CHANNELS


def sides_of(config: DatasetSection) -> tuple[int, int]:
    """Return the height and width that image files get."""
    return config.sides or (_DEFAULT_SIZE, _DEFAULT_SIZE)
