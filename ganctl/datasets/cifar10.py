"""CIFAR-10: 32 x 32 photographs of animals and vehicles."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ganctl.datasets import registry
from ganctl.errors import DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import reading, shown
from ganctl.images.archives import tar_members, unpickle
from ganctl.images.data_paths import downloaded, given_path, keras_datasets
from ganctl.images.image_set import ImageSet, Track, from_arrays

_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_ORIGIN = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"

_FOLDER = "cifar-10-batches-py"
_BATCH = re.compile(r"data_batch_[1-5]")
_MAX_BATCH_BYTES = 2**30

# Where Keras 3, Keras 2 and a browser put it, relative to Keras' folder of data sets or to `path:`.
_PLACES = (f"{_FOLDER}-target/{_FOLDER}", _FOLDER, f"{_FOLDER}.tar.gz", "cifar-10-python.tar.gz")


@registry.register(
    "cifar10",
    source="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009; no licence is stated",
    shape=(32, 32, 3),
)
def cifar10(config: DatasetSection, track: Track) -> ImageSet:
    """Photographs of ten classes, the 50,000 training images; `path:` may name a folder or the tar.gz."""
    if config.path is not None:
        given = given_path(config, f"the folder {_FOLDER} or its tar.gz")
        path = _place_below(given) or given
    else:
        path = _place_below(keras_datasets()) or _downloaded(track)
    batches = dict(_batches(path))
    if not batches:
        raise DataError(f"{shown(path)} should hold the files data_batch_1 to data_batch_5 of CIFAR-10 for Python.")
    read = [_read_batch(batches[name], f"{shown(path)}: {name}") for name in sorted(batches)]
    images, labels = (np.concatenate(parts) for parts in zip(*read, strict=True))
    image_set = from_arrays(images, labels, _CLASSES, config, shown(path))
    return image_set if len(batches) == 5 else image_set.noted(f"Warning: only {len(batches)} of 5 batches were found.")


def _place_below(folder: Path) -> Path | None:
    """The path of CIFAR-10 in a folder, if it is there."""
    with reading(folder):
        return next((folder / place for place in _PLACES if (folder / place).exists()), None)


def _downloaded(track: Track) -> Path:
    return downloaded(f"{_FOLDER}-target", _ORIGIN, _SHA256, track, extract=True) / _FOLDER


def _batches(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every training batch in a folder or a tar archive."""
    if path.is_file():
        yield from tar_members(path, _BATCH, _MAX_BATCH_BYTES)
        return
    with reading(path):
        for file in path.iterdir():
            if _BATCH.fullmatch(file.name) and file.is_file():
                with open(file, "rb") as stream:
                    yield file.name, stream.read(_MAX_BATCH_BYTES)


def _read_batch(content: bytes, origin: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a pickled batch; a row of it is an image's red, then green, then blue pixels."""
    match unpickle(content, origin):
        case {b"data": np.ndarray(dtype=np.uint8, ndim=2) as rows, b"labels": list(labels)}:
            if rows.shape == (len(labels), 3072) and all(isinstance(label, int) for label in labels):
                return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), np.array(labels, np.int64)
    raise DataError(f"{origin} is not a CIFAR-10 batch.")
