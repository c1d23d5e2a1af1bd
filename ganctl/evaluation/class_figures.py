"""Scores from a classifier of samples: how confident it is, and how many classes it sees."""

import numpy as np

SHOWN = 1 / 3
"""A class is covered if its share of the samples is at least this fraction of its share of the real images: fewer may
be images of other classes that the classifier mistakes for it."""


def class_score(probabilities: np.ndarray) -> float:
    """Return exp of the mean of KL(p(y|x) || p(y)): 1 at worst, the number of classes at best.

    Source: Salimans et al. 2016, "Improved techniques for training GANs", section 4, with another classifier.

    Args:
        probabilities: the probability of each class for each sample [N, classes].
    """
    exact = np.maximum(probabilities.astype(np.float64), 1e-16)
    marginal = exact.mean(0)
    return float(np.exp((exact * (np.log(exact) - np.log(marginal))).sum(1).mean()))


def class_coverage(probabilities: np.ndarray, real_probabilities: np.ndarray) -> float:
    """Return the fraction of the real images' classes that the samples cover; both arguments are [N, classes]."""
    count = probabilities.shape[1]
    shares = np.bincount(probabilities.argmax(1), minlength=count) / len(probabilities)
    real_shares = np.bincount(real_probabilities.argmax(1), minlength=count) / len(real_probabilities)
    there = real_shares > 0
    return float((shares[there] >= SHOWN * real_shares[there]).mean())
