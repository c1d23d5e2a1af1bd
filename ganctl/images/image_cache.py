"""Decoded images cached on disk, so that another run on the same files starts at once.

An entry is an .npy file, mapped and never loaded, with a .json file for everything but the pixels. Losing one costs
only time: a broken entry counts as missing, and if the cache cannot be written to, ganctl works without it.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple
from pathlib import Path
from typing import IO, Self

import numpy as np

from ganctl.errors import DataError
from ganctl.host.cache_root import cache_root
from ganctl.host.files import shown, write_atomically
from ganctl.images.image_set import ImageSet
from ganctl.images.value_range import ValueRange

# The least recently used entries are removed until the others take at most this.
_MAX_BYTES = 20 * 10**9
_ABANDONED_AFTER_SECONDS = 24 * 3600


def cache_folder() -> Path:
    """Return the folder of the entries."""
    return cache_root() / "images"


def load(key: str) -> ImageSet | None:
    """Return the entry of a key, or None if it is missing or broken."""
    path = cache_folder() / f"{key}.npy"
    try:
        facts = json.loads(path.with_suffix(".json").read_text("ascii"))
        images = np.load(path, mmap_mode="r", allow_pickle=False)
        labels = None if facts["labels"] is None else np.array(facts["labels"], np.int32)
        if images.dtype != np.uint8 or list(images.shape) != facts["shape"]:
            return None
        if labels is not None and labels.shape != images.shape[:1]:
            return None
        loaded = ImageSet(
            images,
            labels,
            class_names=tuple(facts["class_names"]),
            source=facts["source"],
            notes=tuple(facts["notes"]),
            value_range=ValueRange(*facts["value_range"]) if facts["value_range"] else None,
            alpha=facts["alpha"],
            formats=dict(facts["formats"]),
            file_numbers=None if facts["file_numbers"] is None else np.array(facts["file_numbers"], np.int32),
        )
        if loaded.file_numbers is not None and loaded.file_numbers.shape != images.shape[:1]:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    with suppress(OSError):
        os.utime(path)
    return loaded


class Recording:
    """Images written one after another, whose number is known only at the end; a context manager.

    They go into the cache's folder under a temporary name, or, if that is not writable, into an unnamed file.

    Args:
        shape: height, width and channels of every image.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self._shape = shape
        self._count = 0
        self._file, self._temporary = _scratch_file(cache_folder())
        self._write_header()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._file.close()
        if self._temporary:
            self._temporary.unlink(missing_ok=True)

    def append(self, image: np.ndarray) -> None:
        """Append an image, uint8 [H, W, C]; raises DataError if the disk is full."""
        with self._room():
            self._file.write(image.tobytes())
        self._count += 1

    def finish(self) -> np.ndarray:
        """Return all images, mapped from the file: uint8 [N, H, W, C]."""
        with self._room():
            self._file.seek(0)
            self._write_header()
            offset = self._file.tell()
            self._file.flush()
        shape = (self._count, *self._shape)
        return np.memmap(self._file, np.uint8, "r", offset, shape)

    def keep(self, key: str, image_set: ImageSet) -> None:
        """Make the finished file the entry of a key, if it is in the cache's folder."""
        if self._temporary is None:
            return
        facts = {
            "shape": image_set.images.shape,
            "labels": None if image_set.labels is None else image_set.labels.tolist(),
            "class_names": image_set.class_names,
            "source": image_set.source,
            "notes": image_set.notes,
            "alpha": image_set.alpha,
            "formats": dict(image_set.formats),
            "file_numbers": None if image_set.file_numbers is None else image_set.file_numbers.tolist(),
            "value_range": astuple(image_set.value_range) if image_set.value_range else None,
        }
        target = cache_folder() / f"{key}.npy"
        with suppress(OSError):
            write_atomically(target.with_suffix(".json"), json.dumps(facts).encode(), durable=False)
            os.replace(self._temporary, target)
            _prune(target.parent, spared=target)

    def _write_header(self) -> None:
        # NumPy leaves room for the first axis to grow, so the header has the same length for any count.
        header = {"descr": "|u1", "fortran_order": False, "shape": (self._count, *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, header)

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            folder = self._temporary.parent if self._temporary else Path(tempfile.gettempdir())
            raise DataError(
                f"The decoded images cannot be written to {shown(folder)}: {error.strerror}. "
                "Free some space there, or set GANCTL_CACHE to a folder that has room."
            ) from error


def _scratch_file(folder: Path) -> tuple[IO[bytes], Path | None]:
    """A file to write and map, and its path if it has one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(".tmp", dir=folder)
    except OSError:
        return tempfile.TemporaryFile(), None
    return open(handle, "w+b"), Path(name)


def _prune(folder: Path, spared: Path) -> None:
    """Remove the least recently used entries, and files that interrupted runs left behind."""
    total = spared.stat().st_size
    entries = [(entry.stat().st_mtime, entry.stat().st_size, entry) for entry in folder.iterdir() if entry != spared]
    for modified, size, entry in sorted(entries, reverse=True):
        if entry.suffix == ".tmp":
            if modified < time.time() - _ABANDONED_AFTER_SECONDS:
                entry.unlink(missing_ok=True)
        elif entry.suffix == ".npy":
            total += size
            if total > _MAX_BYTES:
                entry.unlink(missing_ok=True)
                entry.with_suffix(".json").unlink(missing_ok=True)
