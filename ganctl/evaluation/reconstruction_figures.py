"""How far reconstructions are from their pictures, beside what no reconstruction at all would score.

A generator that draws blurred averages, or a set of pictures that all look alike, has small errors too. Two baselines
say how small: reconstructions of other pictures, and the mean of all pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ganctl.evaluation.paired_figures import paired_figures, partners
from ganctl.images.image_set import scratch_array

SHUFFLED, MEAN_PICTURE = "_shuffled", "_mean_picture"
"""What the names of a baseline's figures end with."""
_LEVELS = 255


@dataclass(frozen=True)
class ReconstructionFigures:
    """Figures of reconstructions.

    Attributes:
        values: `l1`, `psnr` and `ssim` as in `paired_figures`; with SHUFFLED, those of the same pictures against the
            reconstructions of others; with MEAN_PICTURE, those of the mean of all pictures. Both baselines are None
            for a single picture, `ssim` for images smaller than its window.
        each: the L1 of each reconstruction, float32 [N].
    """

    values: Mapping[str, float | None]
    each: np.ndarray

    @classmethod
    def of(cls, made: np.ndarray, pictures: np.ndarray) -> "ReconstructionFigures":
        """Measure reconstructions.

        Args:
            made: uint8 [N, H, W, C].
            pictures: what they should be, of the same shape.
        """
        values = paired_figures(made, pictures)
        beside: dict[str, float | None] = {name + end: None for end in (SHUFFLED, MEAN_PICTURE) for name in values}
        if len(pictures) > 1:
            others, mean = paired_figures(made[partners(len(made))], pictures), scratch_array(pictures.shape)
            mean[:] = np.rint(pictures.mean(axis=0))
            ends = ((SHUFFLED, others), (MEAN_PICTURE, paired_figures(mean, pictures)))
            beside = {name + end: value for end, found in ends for name, value in found.items()}
        differences = (np.abs(a.astype(np.int16) - b).mean() for a, b in zip(made, pictures, strict=True))
        each = np.fromiter(differences, np.float32, len(made)) / _LEVELS
        return cls({**values, **beside}, each)

    def __str__(self) -> str:
        """Two lines: the figures, and the L1 of both baselines."""
        shown = self.values
        ssim = "" if shown["ssim"] is None else f", SSIM {shown['ssim']:.3f}"
        lines = [f"L1 {shown['l1']:.4f}, PSNR {shown['psnr']:.2f} dB{ssim}"]
        if shown["l1" + SHUFFLED] is None:
            lines.append("no baseline: that takes two pictures")
        else:
            lines.append(
                f"baselines: L1 {shown['l1' + SHUFFLED]:.4f} against reconstructions of other pictures, "
                f"{shown['l1' + MEAN_PICTURE]:.4f} of the mean picture"
            )
        return "\n".join(lines)
