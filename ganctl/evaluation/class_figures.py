"""What a classifier says of samples: how sure it is, and of how many classes."""

import numpy as np

SHOWN = 1 / 3
"""A class is covered where the samples have at least this part of its share among the real images: less may be other
classes that the classifier takes for it."""


def class_score(probabilities: np.ndarray) -> float:
    """Return exp of the mean of KL(p(y|x) || p(y)): 1 at worst, the number of classes at best.

    Source: Salimans et al. 2016, "Improved techniques for training GANs", section 4, with another classifier.

    Args:
        probabilities: of each class for each sample [N, classes].
    """
    exact = np.maximum(probabilities.astype(np.float64), 1e-16)
    marginal = exact.mean(0)
    return float(np.exp((exact * (np.log(exact) - np.log(marginal))).sum(1).mean()))


def class_coverage(probabilities: np.ndarray, real_probabilities: np.ndarray) -> float:
    """Return the share of the real images' classes that the samples show; both [N, classes]."""
    count = probabilities.shape[1]
    shares = np.bincount(probabilities.argmax(1), minlength=count) / len(probabilities)
    real_shares = np.bincount(real_probabilities.argmax(1), minlength=count) / len(real_probabilities)
    there = real_shares > 0
    return float((shares[there] >= SHOWN * real_shares[there]).mean())
