"""Figures of images without a feature network: how different the images are, and how their pixels are distributed."""

import numpy as np

_NEAR, _BESIDE = 1, 4
"""How far the power at a finest frequency, and the power beside it, reaches from there, in steps of the spectrum."""
SMALLEST_SIDE = 16
"""Images with a shorter side have too few frequencies to tell a checkerboard from its surroundings."""


def spread(images: np.ndarray) -> float:
    """Return the root mean square distance between two different images of [N, ...], in the units of the pixels.

    The mean squared distance of all pairs is twice the variance, so no pair is compared.
    """
    if len(images) < 2:
        return 0.0
    return float(np.sqrt(2.0 * images.astype(np.float64).var(axis=0, ddof=1).mean()))


def nearest(images: np.ndarray) -> float:
    """Return the mean root mean square distance of images [N, ...] to their nearest neighbours; 0 for a single one.

    Samples of few modes have near twins, however different the modes are (Arora and Zhang 2017, "Do GANs
    actually learn the distribution?", section 2).
    """
    if len(images) < 2:
        return 0.0
    flat = images.reshape(len(images), -1).astype(np.float64)
    between = [np.delete(np.square(flat - each).mean(axis=1), i).min() for i, each in enumerate(flat)]
    return float(np.sqrt(between).mean())


def distance(images: np.ndarray, others: np.ndarray) -> float:
    """Return the root mean square distance of images [N, ...] from others, one by one."""
    return float(np.sqrt(np.square(images.astype(np.float64) - others).mean()))


def saturated(images: np.ndarray) -> float:
    """Return the share of values in uint8 images that are at either end of the range, or one level from it."""
    return float(((images <= 1) | (images >= 254)).mean())


def extremes(images: np.ndarray) -> tuple[float, float]:
    """Return the 1st and the 99th percentile of the levels of uint8 images."""
    low, high = np.percentile(images, [1, 99])
    return float(low), float(high)


def checkerboard(images: np.ndarray) -> float | None:
    """Return how far the power at the finest frequencies of images [N, H, W, C] stands out; None if they are too small.

    An upsampling by two that covers some pixels more often than others leaves a pattern of period two (Odena et al.
    2016, "Deconvolution and Checkerboard Artifacts"): power at the frequencies (pi, 0), (0, pi) and (pi, pi). It is
    compared with the power at the frequencies around each; in pictures without such a pattern, both are alike.
    """
    height, width = (side // 2 * 2 for side in images.shape[1:3])
    if min(height, width) < SMALLEST_SIDE:
        return None
    grey = images[:, :height, :width].astype(np.float64).mean(axis=-1)
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    power = np.square(np.abs(np.fft.fft2(grey))).mean(axis=0)
    least = 1e-9 * power.mean() + 1e-9
    ratios = []
    for down, across in ((height // 2, 0), (0, width // 2), (height // 2, width // 2)):
        away = np.maximum(_away(height, down)[:, None], _away(width, across))
        near, beside = power[away <= _NEAR], power[(away > _NEAR) & (away <= _BESIDE)]
        ratios.append((near.mean() + least) / (beside.mean() + least))
    return float(max(ratios))


def _away(length: int, place: int) -> np.ndarray:
    """The distance of each place on a circle of this length from one of them."""
    offsets = np.abs(np.arange(length) - place)
    return np.minimum(offsets, length - offsets)
