"""The kernel inception distance (KID): how far apart two sets of features are, unbiased whatever their number.

Source: Binkowski et al. 2018, "Demystifying MMD GANs", section 4: the squared maximum mean discrepancy (Gretton et al.
2012, equation 3) with the kernel k(x, y) = (x.y / d + 1)^3. Their score is a mean over random subsets, because a large
kernel matrix is slow; here all pairs are used, which estimates the same quantity with less noise.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

SUBSET = 500
"""Images in each of the disjoint subsets over which the deviation is taken; fewer if a set is smaller than two such."""


@dataclass(frozen=True)
class KernelSums:
    """Sums of the kernel within a set.

    Attributes:
        pairs: sums over all pairs between any two subsets [subsets, subsets].
        itself: sums of k(x, x) in each subset [subsets].
        sizes: images in each subset [subsets].
    """

    pairs: np.ndarray
    itself: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, subset: int) -> Self:
        """Compute the sums for features [N, d]."""
        shuffled, starts = _shuffled(features), np.arange(0, len(features), subset)
        squares = _kernel((shuffled.astype(np.float64) ** 2).sum(1), features.shape[1])
        sizes = np.diff(np.append(starts, len(features)))
        return cls(_own_sums(shuffled, subset), np.add.reduceat(squares, starts), sizes)

    @property
    def mean(self) -> float:
        """The mean over all pairs of different images."""
        count = self.sizes.sum()
        return float((self.pairs.sum() - self.itself.sum()) / (count * (count - 1)))

    def subset_means(self, subset: int) -> np.ndarray:
        """Return the same mean within each full subset."""
        whole = self.sizes == subset
        return (np.diag(self.pairs) - self.itself)[whole] / (subset * (subset - 1))


def kernel_distance(
    samples: np.ndarray, reference: np.ndarray, reference_sums: KernelSums | None = None
) -> tuple[float, float]:
    """Return the kernel distance of two sets, and its standard deviation over all pairs of their disjoint subsets.

    Args:
        samples: features [N, d].
        reference: features [M, d].
        reference_sums: the sums of the reference with `subset_size`, if already known.
    """
    subset = subset_size(len(samples), len(reference))
    own, other = KernelSums.of(samples, subset), reference_sums or KernelSums.of(reference, subset)
    across = _sums(_shuffled(samples), _shuffled(reference), subset)
    distance = own.mean + other.mean - 2 * across.sum() / (len(samples) * len(reference))
    means, other_means = own.subset_means(subset), other.subset_means(subset)
    whole = across[: len(means), : len(other_means)] / subset**2
    return float(distance), float((means[:, None] + other_means[None, :] - 2 * whole).std())


def subset_size(count: int, other: int) -> int:
    """Return the size of the subsets of two sets of these sizes."""
    return max(2, min(SUBSET, count // 2, other // 2))


def _shuffled(features: np.ndarray) -> np.ndarray:
    """The features in random order: images often come sorted by class, and subsets should be alike."""
    return features[np.random.default_rng(0).permutation(len(features))]


def _sums(features: np.ndarray, others: np.ndarray, subset: int) -> np.ndarray:
    """Sum the kernel over the pairs between any two subsets; the remainder after the full ones is the last."""
    step = _step(subset)

    def reduced(block: np.ndarray, axis: int) -> np.ndarray:
        return np.add.reduceat(block, np.arange(0, block.shape[axis], subset), axis=axis, dtype=np.float64)

    rows = []
    for start in range(0, len(features), step):
        part = features[start : start + step]
        blocks = (_kernel(part @ others[at : at + step].T, features.shape[1]) for at in range(0, len(others), step))
        rows.append(np.concatenate([reduced(reduced(block, 0), 1) for block in blocks], axis=1))
    return np.concatenate(rows)


def _own_sums(features: np.ndarray, subset: int) -> np.ndarray:
    """Return `_sums` of one set with itself; by symmetry, each pair of subsets is computed only once."""
    step = _step(subset)
    count = -(-len(features) // subset)
    sums = np.empty((count, count))
    for start in range(0, len(features), step):
        strip, at = _sums(features[start : start + step], features[start:], subset), start // subset
        sums[at:, at : at + len(strip)] = strip.T
        sums[at : at + len(strip), at:] = strip
    return sums


def _step(subset: int) -> int:
    """Return how many rows to multiply at once: many small products take far longer than a large one."""
    return subset * max(1, SUBSET // subset)


def _kernel(products: np.ndarray, width: int) -> np.ndarray:
    scaled = products / width + 1
    return scaled * scaled * scaled
