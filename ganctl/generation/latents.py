"""Latent vectors that a user gives: from a file or an array, checked, and arranged as a generator takes them.

A generator with several latent inputs takes one long vector: those of its inputs one after the other.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.errors import DataError, UsageError
from ganctl.game.inputs import CLASSES
from ganctl.host.files import shown
from ganctl.images.archives import is_npy, npz_names, read_npy, read_npz

LATENTS = "latents"
"""The name of the array in an npz."""


def latent_shapes(generator: Any) -> list[tuple[int, ...]]:
    """Return the shape of each of a generator's latent inputs, without the batch; [] if it draws its own noise."""
    return [tuple(tensor.shape[1:]) for tensor in generator.inputs if tensor.name != CLASSES]


def latent_size(generator: Any) -> int:
    """Return how many numbers a generator draws from: the sizes of all its latent inputs together.

    Raises:
        UsageError: it takes no latent vectors.
    """
    shapes = latent_shapes(generator)
    if not shapes:
        raise UsageError(
            "This generator draws its own noise, as acgan_mnist does with model.latent_input: inside. It takes no "
            "latent vectors."
        )
    return sum(map(math.prod, shapes))


def arranged(generator: Any, vectors: np.ndarray) -> list[np.ndarray]:
    """Return vectors [..., latent_size] as a generator's latent inputs take them, [..., *shape] each, float32."""
    shapes = latent_shapes(generator)
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    parts = np.split(np.asarray(vectors, np.float32), ends, axis=-1)
    return [part.reshape(*vectors.shape[:-1], *shape) for part, shape in zip(parts, shapes, strict=True)]


def as_vectors(latent: Sequence[np.ndarray], batch_axes: int = 1) -> np.ndarray:
    """Undo `arranged`: return the latent inputs as vectors [..., latent_size], whose first axes are the batch's."""
    return np.concatenate([part.reshape(*part.shape[:batch_axes], -1) for part in latent], axis=-1)


def read_latents(path: Path) -> np.ndarray:
    """Return the latent vectors of a file, float32 [N, size] or [rows, N, size].

    Args:
        path: an npz with an array `latents`, or with a single array, or an npy.

    Raises:
        DataError: the file cannot be read, or holds something else.
    """
    if not path.is_file():
        raise DataError(f"{shown(path)} does not exist, or is not a file. Latent vectors are an npz or an npy.")
    if is_npy(path):
        return checked_latents(read_npy(path), shown(path))
    names = npz_names(path)
    name = names[0] if len(names) == 1 else LATENTS
    (found,) = read_npz(path, name)
    return checked_latents(found, f"{shown(path)}: `{name}`")


def checked_latents(given: Any, origin: str) -> np.ndarray:
    """Return an array of latent vectors as float32, [N, size] or [rows, N, size].

    Args:
        given: the array.
        origin: where they come from, for messages.

    Raises:
        DataError: they are not finite numbers, or there are none.
    """
    try:
        found = np.asarray(given)
    except ValueError:  # lists of different lengths
        raise DataError(f"{origin}: the latent vectors differ in length.") from None
    if found.dtype.kind not in "fiu":
        raise DataError(f"{origin} should be numbers, floats or integers. Received: {found.dtype}")
    if found.ndim not in (2, 3) or not found.size:
        raise DataError(
            f"{origin} should be latent vectors [N, size], or [rows, N, size] for several walks. Received: "
            f"{list(found.shape)}"
        )
    with np.errstate(over="ignore"):
        numbers = found.astype(np.float32)
    if not np.isfinite(numbers).all():
        where = np.argwhere(~np.isfinite(numbers))[0].tolist()
        raise DataError(f"{origin} contains a number that is not finite in float32, at {where}.")
    return numbers


def refuse_truncation(truncation: float | None, origin: str) -> None:
    """Raise UsageError if latent vectors that are given should be truncated: only drawn ones are."""
    if truncation is not None:
        raise UsageError(f"truncation is for latent vectors that are drawn, and {origin} gives them. Leave it out.")


def for_samples(
    vectors: np.ndarray, num: int | None, truncation: float | None, origin: str, of_each: int = 1
) -> np.ndarray:
    """Return given latent vectors as those of samples, [ceil(num / of_each), size].

    Args:
        vectors: [N, size] or [rows, N, size].
        num: number of samples; None: as many as there are.
        truncation: what the user asked for.
        origin: where the vectors come from, for messages.
        of_each: how many samples each vector gives.

    Raises:
        UsageError: there are fewer than `num`, or they should be truncated.
    """
    refuse_truncation(truncation, origin)
    each = vectors.reshape(-1, vectors.shape[-1])
    if num is None:
        return each
    if num > of_each * len(each):
        images = f" of {of_each} images each" if of_each > 1 else ""
        raise UsageError(f"num: {origin} has only {len(each):,} latent vectors{images}. Received: {num:,}")
    return each[: -(-num // of_each)]


def check_length(vectors: np.ndarray, generator: Any, origin: str) -> None:
    """Raise DataError if latent vectors [..., length] have another length than a generator's."""
    size = latent_size(generator)
    if vectors.shape[-1] != size:
        raise DataError(
            f"{origin}: the latent vectors of this generator have {size} numbers. Received: {vectors.shape[-1]}"
        )
