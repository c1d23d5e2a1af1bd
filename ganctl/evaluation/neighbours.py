"""Scores from the nearest neighbours of samples and real images: precision, recall and memorization."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

K = 3
"""A set's manifold is the union of balls around its images, up to their third neighbour (Kynkaanniemi et al. 2019)."""
NEARER_THAN = 0.05
"""A sample counts as memorized if it is nearer to a training image than all but this fraction of unseen real images."""
_BLOCK_NUMBERS = 2**24
_LOST, _ZERO = 1e-4, 1e-13
"""Squared distances below this share of the two squared lengths are lost in float32, and in float64."""
_MOST_REPAIRED = 16
"""At most this number of distances per row are computed one by one."""


@dataclass(frozen=True)
class Surroundings:
    """How close the images of a set are to each other.

    Attributes:
        nearest: the distance of each image to its nearest neighbour [N].
        radii: its distance to its K-th nearest neighbour [N].
    """

    nearest: np.ndarray
    radii: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Self:
        """Measure the distances between features [N, d], N > K."""
        nearest, radii = np.empty(len(features), np.float32), np.empty(len(features), np.float32)
        for start, block in _distances(features, features):
            rows = np.arange(len(block))
            block[rows, start + rows] = np.inf  # no image is its own neighbour
            few = np.partition(block, K - 1, axis=1)[:, :K]
            nearest[start : start + len(block)], radii[start : start + len(block)] = few.min(1), few.max(1)
        return cls(nearest, radii)


@dataclass(frozen=True)
class Neighbours:
    """The positions of samples and reference images relative to each other.

    Attributes:
        precision: fraction of samples within the reference's manifold.
        recall: fraction of reference images within the samples' manifold.
        nearest: for each sample, the index of the nearest reference image [N].
        distances: the distance to it [N].
    """

    precision: float
    recall: float
    nearest: np.ndarray
    distances: np.ndarray


def neighbours(
    samples: np.ndarray, reference: np.ndarray, sample_radii: np.ndarray, reference_radii: np.ndarray
) -> Neighbours:
    """Compare features [N, d] and [M, d], given the radii of their `Surroundings`.

    Source: Kynkaanniemi et al. 2019, "Improved precision and recall metric", equations 1 and 2.
    """
    inside = np.zeros(len(samples), bool)
    reached = np.zeros(len(reference), bool)
    nearest = np.empty(len(samples), np.int64)
    distances = np.empty(len(samples), np.float32)
    for start, block in _distances(samples, reference):
        rows = slice(start, start + len(block))
        inside[rows] = (block <= reference_radii).any(1)
        reached |= (block <= sample_radii[rows, None]).any(0)
        nearest[rows], distances[rows] = block.argmin(1), block.min(1)
    return Neighbours(float(inside.mean()), float(reached.mean()), nearest, distances)


def nearest_distances(images: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the distance of each image [N, d] to the nearest of the reference [M, d]."""
    return np.concatenate([block.min(1) for _, block in _distances(images, reference)])


def nearest_rows(images: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each image [N, d] the index of the nearest of the reference [M, d], and the distance to it."""
    found = [(block.argmin(1), block.min(1)) for _, block in _distances(images, reference)]
    return np.concatenate([nearest for nearest, _ in found]), np.concatenate([distances for _, distances in found])


def memorized(distances: np.ndarray, real_distances: np.ndarray) -> np.ndarray:
    """Return which samples are nearer to a training image than all but NEARER_THAN of unseen real images, boolean [N].

    For a generator that learned without copying, this holds for a fraction of about NEARER_THAN, or less.

    Args:
        distances: of samples to their nearest training images [N].
        real_distances: of real images to their nearest training images, excluding themselves.
    """
    found: np.ndarray = distances <= np.quantile(real_distances, NEARER_THAN)
    return found


def _distances(rows: np.ndarray, columns: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield blocks of Euclidean distances with the index of their first row; each block may be overwritten."""
    squares = np.einsum("nd,nd->n", columns, columns)
    step = max(1, _BLOCK_NUMBERS // max(len(columns), 1))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        sums = np.einsum("nd,nd->n", block, block)[:, None] + squares
        squared = sums - 2 * (block @ columns.T)
        _repair(squared, sums, block, columns)
        yield start, np.sqrt(np.maximum(squared, 0, out=squared), out=squared)


def _repair(squared: np.ndarray, sums: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
    """Compute small squared distances again, as sums of squared differences.

    In the difference of two large sums they are lost to rounding: the distance of equal rows came out as .03, more or
    less than the radius of a ball that other copies of the row have shrunk to nothing.
    """
    near, other = np.nonzero(squared < _LOST * sums)
    if len(near) > _MOST_REPAIRED * len(rows):  # nearly all rows are alike
        exact, others = rows.astype(np.float64), columns.astype(np.float64)
        products = exact @ others.T
        squared[:] = np.einsum("nd,nd->n", exact, exact)[:, None] + np.einsum("nd,nd->n", others, others) - 2 * products
        squared[squared < _ZERO * sums] = 0
    elif len(near):
        differences = rows[near] - columns[other]
        squared[near, other] = np.einsum("nd,nd->n", differences, differences)
