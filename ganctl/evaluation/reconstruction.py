"""How well images come back from their codes."""

import numpy as np

from ganctl.evaluation.paired_figures import l1, partners


def reconstruction_error(images: np.ndarray, reconstructed: np.ndarray) -> tuple[float, float]:
    """Return the mean absolute difference of images and their reconstructions G(E(x)), and its baseline.

    Black is 0 and white 1. The baseline pairs every reconstruction with another image, drawn by a fixed seed: an
    encoder that ignores its images scores no better.

    Source: Donahue et al. 2016, "Adversarial feature learning", whose code prints the ratio of the two.

    Args:
        images: uint8 [N, H, W, C], N at least 2.
        reconstructed: of the same shape.
    """
    return l1(images, reconstructed), l1(images, reconstructed[partners(len(images))])
