"""The Frechet distance between Gaussians fitted to two sets of features.

Source: Dowson and Landau 1982; as a score of generators Heusel et al. 2017, equation 6:
d^2 = |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)). Its bias depends on the number of images: compare only at equal
numbers.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian, in double precision.

    Attributes:
        mean: [d].
        factor: F with the covariance F'F, [n, d]. Using it instead of the covariance keeps the small directions exact
            and avoids the root of a nearly singular matrix.
    """

    mean: np.ndarray
    factor: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Self:
        """Fit a Gaussian to features [N, d]."""
        exact = features.astype(np.float64)
        mean = exact.mean(0)
        offsets = (exact - mean) / np.sqrt(len(exact) - 1)
        many = offsets.shape[0] > offsets.shape[1]
        return cls(mean, np.asarray(np.linalg.qr(offsets, mode="r")) if many else offsets)


def frechet_distance(samples: Gaussian, reference: Gaussian) -> float:
    """Return the squared distance d^2."""
    a, b = samples.factor, reference.factor
    # A'A B'B has the eigenvalues of (AB')(AB')', so the trace of its root is the sum of the singular values of AB'.
    between = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return float(((samples.mean - reference.mean) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * between)
