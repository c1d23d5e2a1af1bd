"""Readers of archives from other programs: npz, idx, tar and pickled batches.

None of them runs what an archive holds, writes to disk, or allocates more than the archive's own size justifies.
"""

import gzip
import io
import math
import pickle
import pickletools
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from ganctl.errors import DataError
from ganctl.host.files import reading, shown
from ganctl.images.file_formats import FIRST_BYTES, WAYS_OUT, format_of

# Larger arrays are refused before anything is allocated; `image_folder` maps such data from disk.
MAX_BYTES = 16 * 2**30

# Deflate cannot compress by more than this factor.
MOST_COMPRESSION = 1032

_IMAGES = ("images", "x_train", "train_images", "x", "X", "data", "arr_0")

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def npz_names(path: Path) -> list[str]:
    """Return the names of the arrays in an npz file."""
    with _npz(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def read_npz(path: Path, *names: str) -> list[np.ndarray]:
    """Return the arrays of these names from an npz file; raises DataError if one is missing or damaged."""
    known = npz_names(path)
    for name in names:
        if name not in known:
            present = ", ".join(known) or "nothing"
            raise DataError(f"{shown(path)} should contain an array '{name}'. It contains {present}.")
    with _npz(path) as archive:
        return [_read_npy(archive, f"{name}.npy", f"{shown(path)}: '{name}'") for name in names]


def npz_images(path: Path) -> tuple[str, list[str]]:
    """Return the name of the array of images in an npz file, and those of all arrays; raises DataError."""
    known = npz_names(path)
    found = next((name for name in _IMAGES if name in known), known[0] if len(known) == 1 else None)
    if found is None:
        wanted = f"{', '.join(_IMAGES[:-1])} or {_IMAGES[-1]}"
        raise DataError(
            f"{shown(path)} should contain an array called {wanted}. It contains {', '.join(known) or 'nothing'}."
        )
    return found, known


def is_npy(path: Path) -> bool:
    """Return whether a file is a single array, as `np.save` writes it."""
    return _magic(path, 6) == b"\x93NUMPY"


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an npy file, mapped from disk; raises DataError if it is damaged or no plain array."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{shown(path)} cannot be read as an array: {error}.") from error


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an idx file, compressed by gzip or not, with any number of rows."""
    compressed = _magic(path) == b"\x1f\x8b"
    try:
        most = path.stat().st_size * (MOST_COMPRESSION if compressed else 1)
        with (gzip.open if compressed else open)(path, "rb") as stream:
            zeros, type_code, dimensions = struct.unpack(">HBB", stream.read(4))
            if zeros or type_code not in _IDX_TYPES:
                raise DataError(f"{shown(path)} is not an idx file.")
            shape = struct.unpack(f">{dimensions}I", stream.read(4 * dimensions))
            dtype = np.dtype(_IDX_TYPES[type_code])
            size = _checked_size(shape, dtype, shown(path))
            if size > most:
                raise DataError(f"{shown(path)} is damaged: it declares {size} bytes of data, more than it can hold.")
            content = stream.read(size + 1)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise DataError(f"{shown(path)} is damaged or not an idx file: {error}.") from error
    if len(content) != size:
        raise DataError(f"{shown(path)} is damaged: it declares {size} bytes of data and holds {len(content)}.")
    return np.frombuffer(content, dtype).reshape(shape)


def read_training_split(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images and labels stored like MNIST: an npz in Keras' layout, or a folder of idx files.

    Args:
        path: the npz, the folder, or one of the idx files in it.
    """
    if path.is_file() and _magic(path) not in (b"\x1f\x8b", b"\0\0"):
        images, labels = read_npz(path, "x_train", "y_train")
        return images, labels
    folder = path if path.is_dir() else path.parent
    return read_idx(_idx_file(folder, "train-images-idx3-ubyte")), read_idx(
        _idx_file(folder, "train-labels-idx1-ubyte")
    )


def tar_members(path: Path, name: re.Pattern[str], max_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the regular files of a tar archive whose base name matches; nothing is extracted."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                base = member.name.rsplit("/", 1)[-1]
                if member.isreg() and name.fullmatch(base):
                    if member.size > max_bytes:
                        declared = f"{member.name} declares {member.size} bytes"
                        raise DataError(f"{shown(path)}: {declared}, more than {max_bytes}.")
                    content = archive.extractfile(member)
                    yield base, content.read(max_bytes) if content else b""
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(f"{shown(path)} is not a readable tar archive: {error}.") from error


def unpickle(content: bytes, origin: str) -> Any:
    """Load a pickle of NumPy arrays, numbers, bytes and containers; anything else is refused, not run."""
    try:
        _refuse_empty_promises(content)
        return _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:
        raise DataError(f"{origin} is damaged, or contains what no data file needs: {error}.") from error


def _refuse_empty_promises(content: bytes) -> None:
    """Refuse a pickle that makes Python allocate more than it contains: room for objects, or bytes beyond its end."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and (argument or 0) > len(content):
            raise pickle.UnpicklingError(f"it asks for room for {argument} objects")


def _magic(path: Path, count: int = 2) -> bytes:
    """The first bytes of a file."""
    with reading(path), open(path, "rb") as file:
        return file.read(count)


def _idx_file(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.is_file():
            return candidate
    raise DataError(f"{shown(folder)} should contain the file {name} or {name}.gz.")


@contextmanager
def _npz(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        kind = format_of(_magic(path, FIRST_BYTES), path.name) if path.is_file() else None
        if kind in WAYS_OUT:
            raise DataError(f"{shown(path)} is not an npz file. Its format is {kind}: {WAYS_OUT[kind]}.") from error
        raise DataError(f"{shown(path)} is not a readable npz file: {error}.") from error


def _read_npy(archive: zipfile.ZipFile, member: str, origin: str) -> np.ndarray:
    """Read one array, after checking that its declared size is acceptable and that the archive can hold it."""
    info = archive.getinfo(member)
    try:
        with archive.open(member) as stream:
            shape, dtype = _read_npy_header(stream, origin)
        if dtype.hasobject:
            raise DataError(f"{origin} contains Python objects, which are never loaded. Save plain numbers.")
        if _checked_size(shape, dtype, origin) > min(info.file_size, info.compress_size * MOST_COMPRESSION):
            raise DataError(f"{origin} is damaged: it declares the shape {list(shape)}, more than it can hold.")
        with archive.open(member) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    except ValueError as error:
        raise DataError(f"{origin} is damaged: {error}.") from error


def _read_npy_header(stream: IO[bytes], origin: str) -> tuple[tuple[int, ...], np.dtype]:
    """Return the declared shape and dtype of an array."""
    version, _ = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == 1 else np.lib.format.read_array_header_2_0
    try:
        shape, _, dtype = read(stream)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):  # the archive's own damage, which `_npz` names
        raise
    except Exception as error:
        # NumPy passes the header to Python's parser and, if that fails, to its tokenizer: apart from the documented
        # ValueError, foreign text makes it raise TokenError, SyntaxError, RecursionError, MemoryError and others.
        raise DataError(f"{origin} is damaged: its header cannot be read.") from error
    return shape, dtype


def _checked_size(shape: tuple[int, ...], dtype: np.dtype, origin: str) -> int:
    """The size of an array in bytes; raises DataError above the limit."""
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_BYTES:
        limit = f"more than {MAX_BYTES // 2**30} GiB"
        raise DataError(f"{origin} declares {list(shape)}, {limit}. Save the images as files and use `image_folder`.")
    return size


# Stands for the class `numpy.ndarray`, which a pickle may name but not call: a call could allocate any size.
_NDARRAY = "numpy.ndarray"


def _rebuilt_array(kind: str, shape: tuple[int, ...], _typecode: bytes) -> np.ndarray:
    """The empty array that NumPy makes before it sets the content."""
    if kind != _NDARRAY or shape != (0,):
        raise pickle.UnpicklingError("it does not build its arrays as NumPy does")
    return np.empty(0, np.int8)


def _rebuilt_bytes(text: str = "", encoding: str = "latin1") -> bytes:
    """The bytes that pickles of the old protocols encode as text."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are not encoded in {encoding!r}")
    return text.encode(encoding)


class _ArrayUnpickler(pickle.Unpickler):
    """Resolves only the few names that arrays need, in the spelling of Python 2 and 3 and NumPy 1 and 2."""

    _KNOWN = {
        ("numpy", "ndarray"): _NDARRAY,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _rebuilt_bytes,
        ("__builtin__", "bytes"): _rebuilt_bytes,
        ("numpy.core.multiarray", "_reconstruct"): _rebuilt_array,
        ("numpy._core.multiarray", "_reconstruct"): _rebuilt_array,
        ("numpy.core.numeric", "_frombuffer"): np.empty(0).__reduce_ex__(5)[0],
        ("numpy._core.numeric", "_frombuffer"): np.empty(0).__reduce_ex__(5)[0],
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return the object of a name; raises UnpicklingError for a name that no array needs."""
        if (module, name) not in self._KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return self._KNOWN[module, name]
