"""The effective number of different images in a set."""

import numpy as np


def effective_number(features: np.ndarray, center: np.ndarray) -> float:
    """Return the effective number of different images: the Vendi score of features [N, d].

    Source: Friedman and Dieng 2023, "The Vendi Score", definition 1: the exponential of the entropy of the eigenvalues
    of K / N. K holds the cosines between the features relative to the reference's mean [d]: relative to zero, as with
    the plain cosine, all features of a network point in one direction.
    """
    offsets = features.astype(np.float64) - center
    directions = offsets / np.maximum(np.linalg.norm(offsets, axis=1, keepdims=True), 1e-12)
    # X X' / N and X' X / N have the same eigenvalues apart from zeros; the smaller one is faster.
    narrow = directions.shape[0] > directions.shape[1]
    product = directions.T @ directions if narrow else directions @ directions.T
    values = np.linalg.eigvalsh(product / len(features))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))
