"""How far pictures are from what they should be, pixel by pixel: L1, PSNR and SSIM of pairs.

A figure of outputs says little without the same figure of a baseline: the inputs, as they are or resized.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ganctl.images.image_set import scratch_array
from ganctl.images.resize import resized, to_channels
from ganctl.run_folder.metrics_csv import BASELINE

WINDOW = 7
"""The side of the square windows of SSIM, in pixels."""
BASELINES = {
    "identity": "the inputs themselves (identity)",
    "bicubic": "the inputs, enlarged by cubic interpolation (bicubic)",
    "area": "the inputs, shrunk by averaging (area)",
}
"""What a model that learned nothing would make of its inputs, in words."""
_LEVELS = 255
_BLOCK = 2**17
"""Values per block: few, because about ten arrays of so many should fit into the processor's cache."""


def l1(images: np.ndarray, truths: np.ndarray) -> float:
    """Return the mean absolute difference, with black as 0 and white as 1; both arguments are uint8 [N, H, W, C]."""
    total = sum(int(np.abs(a - b).sum()) for _, a, b in _blocks(images, truths))
    return total / images.size / _LEVELS


def psnr(images: np.ndarray, truths: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB, 10 log10(255^2 / mean squared error), as a mean over the images.

    That of two identical images is infinite. They count as if one of their values were off by one level, which is the
    next smallest error: 10 log10(255^2 H W C).

    Args:
        images: uint8 [N, H, W, C].
        truths: what they should be, of the same shape.
    """
    squares = np.zeros(len(images), np.int64)
    for part, a, b in _blocks(images, truths):
        squares[part] += ((a - b) ** 2).sum((1, 2, 3))
    return float((10 * np.log10(_LEVELS**2 * images[0].size / np.maximum(squares, 1))).mean())


def ssim(images: np.ndarray, truths: np.ndarray) -> float | None:
    """Return the mean structural similarity: 1 for identical images; None if a side is shorter than WINDOW.

    Source: Wang et al. 2004, "Image quality assessment", equation 13, with K1 = 0.01 and K2 = 0.03. Their Gaussian
    window is replaced by a uniform one of 7x7 pixels with the sample covariance, windows lie inside the image, and the
    channels are averaged: the defaults of scikit-image's `structural_similarity` with `data_range=255`.

    Args:
        images: uint8 [N, H, W, C].
        truths: what they should be, of the same shape.
    """
    if min(images.shape[1:3]) < WINDOW:
        return None
    total, count = 0.0, 0
    for _, a, b in _blocks(images, truths, overlap=WINDOW - 1):
        similarities = _similarities(a, b)
        total += similarities.sum()
        count += similarities.size
    return float(total / count)


def paired_figures(images: np.ndarray, truths: np.ndarray) -> dict[str, float | None]:
    """Return every figure of images and what they should be, uint8 [N, H, W, C], by its column in metrics.csv."""
    return {"l1": l1(images, truths), "psnr": psnr(images, truths), "ssim": ssim(images, truths)}


def partners(count: int) -> np.ndarray:
    """Return another place for each of `count` places, always the same random ones: int64 [count].

    They go round in one circle, so that no place is its own partner, unless it is the only one.
    """
    order = np.random.default_rng(3).permutation(count)
    found = np.empty(count, np.int64)
    found[order] = np.roll(order, 1)
    return found


def figures_with_baseline(
    outputs: np.ndarray, inputs: np.ndarray, truths: np.ndarray
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return every figure beside that of the inputs, by column, and in words which of them are None and why.

    Args:
        outputs: what a model made, uint8 [N, H, W, C].
        inputs: of what, uint8 [N, h, w, c].
        truths: what it should have made, uint8 [N, H, W, C].
    """
    figures = paired_figures(outputs, truths)
    left_out: tuple[str, ...] = ()
    if figures["ssim"] is None:
        left_out += (f"SSIM: it needs images of {WINDOW}x{WINDOW} pixels or more",)
    name, guesses = baseline(inputs, outputs.shape[1:])
    if guesses is None:
        of_inputs: dict[str, float | None] = dict.fromkeys(figures)
        left_out += (
            f"baseline: {inputs.shape[-1]} channels of the inputs do not become {outputs.shape[-1]} of the outputs",
        )
    else:
        of_inputs = paired_figures(guesses, truths)
    beside = {column + BASELINE: value for column, value in of_inputs.items()}
    return {**figures, **beside, "pairs_num": len(outputs), "baseline": name}, left_out


def baseline(inputs: np.ndarray, shape: tuple[int, ...]) -> tuple[str | None, np.ndarray | None]:
    """Return what a model that learned nothing would make of its inputs, and how that is called.

    It is `identity`, the inputs themselves, if the sizes agree. Otherwise it is `bicubic`, the inputs enlarged by cubic
    interpolation, or `area`, the inputs shrunk by averaging. Grey becomes colour and the reverse; between other numbers
    of channels there is no baseline, and both are None.

    Args:
        inputs: uint8 [N, h, w, c].
        shape: height, width and channels of the outputs.
    """
    height, width, channels = shape
    own = inputs.shape[1:]
    if own[2] != channels and {own[2], channels} != {1, 3}:
        return None, None
    larger = height > own[0] or width > own[1]
    name = "identity" if own[:2] == (height, width) else "bicubic" if larger else "area"
    if own == tuple(shape):
        return name, inputs
    made = scratch_array((len(inputs), height, width, channels))
    for guess, image in zip(made, inputs, strict=True):
        guess[:] = resized(to_channels(image, channels), height, width)
    return name, made


def _blocks(images: np.ndarray, truths: np.ndarray, overlap: int = 0) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield blocks of both, int32 [n, h, W, C], and which images they are of: whole ones, or bands of a large one.

    Every band has the first `overlap` rows of the next.
    """
    count, height, width, channels = images.shape
    step = max(1, _BLOCK // (height * width * channels))
    rows = max(4 * overlap, 1, min(height, _BLOCK // (width * channels)))
    for start in range(0, count, step):
        for top in range(0, height - overlap, rows):
            part, band = slice(start, start + step), slice(top, top + rows + overlap)
            yield part, images[part, band].astype(np.int32), truths[part, band].astype(np.int32)


def _similarities(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the similarity of each window of two blocks, int32 [n, h, W, C], as float64 [n, h - 6, W - 6, C]."""
    count = WINDOW**2
    sum_a, sum_b, sum_squares, sum_products = (_window_sums(x).astype(np.float64) for x in (a, b, a * a + b * b, a * b))
    products, squares = sum_a * sum_b, sum_a * sum_a + sum_b * sum_b
    # Numerator and denominator are multiplied by the same numbers, so that the moments stay whole and exact.
    c1, c2 = (0.01 * _LEVELS) ** 2 * count**2, (0.03 * _LEVELS) ** 2 * count * (count - 1)
    similarities = (2 * products + c1) * (2 * (count * sum_products - products) + c2)
    similarities /= (squares + c1) * (count * sum_squares - squares + c2)
    return similarities


def _window_sums(values: np.ndarray) -> np.ndarray:
    """Return the sum of each window of [n, h, W, C], exact."""
    for axis in (1, 2):
        view = np.moveaxis(values, axis, 0)
        last = len(view) - WINDOW + 1
        summed = view[:last].copy()
        for offset in range(1, WINDOW):
            summed += view[offset : offset + last]
        values = np.moveaxis(summed, 0, axis)
    return values
