"""The protocol of scores as one line, which another program can follow: everything that moves a score.

The line is `key=value; key=value; ...`. `docs/follow_protocol.py` follows it in NumPy and OpenCV.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ganctl.evaluation.features.extractor import Extractor
from ganctl.evaluation.kernel_distance import subset_size
from ganctl.evaluation.neighbours import K
from ganctl.images.resize import Resize
from ganctl.images.value_range import ValueRange

_FITS: Mapping[Resize, str] = {
    "crop": "cropped in the centre",
    "squash": "squashed",
    "pad": "padded with black and never enlarged",
}


@dataclass(frozen=True)
class Side:
    """Where one of the two sets of images comes from.

    Attributes:
        shape: height, width and channels of each image as the network was given it.
        seed: of the latent vectors, if the images were drawn; None for images that already existed.
        formats: the number of files in each format; empty for images that were not in files of their own.
        value_range: the stored values of black and white, if the images were not bytes.
    """

    shape: tuple[int, int, int]
    seed: int | None = None
    formats: Mapping[str, int] = field(default_factory=dict)
    value_range: ValueRange | None = None

    def __str__(self) -> str:
        size = "x".join(map(str, self.shape))
        if self.seed is not None:
            return f"{size} drawn in float32 with seed {self.seed}, rounded to uint8"
        files = " and ".join(f"{count} {name}" for name, count in self.formats.items()) or "an array"
        stored = self.value_range
        return f"{size} uint8 from {files}" + (f", {stored.black:g} as 0 and {stored.white:g} as 255" if stored else "")


def protocol_line(
    values: Mapping[str, Any],
    extractor: Extractor,
    samples: Side,
    reference: Side,
    resize: Resize = "crop",
    further: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the protocol of the scores of an `Evaluation`.

    Args:
        values: its values.
        extractor: the network of the features.
        samples: where the samples come from.
        reference: where the real images come from.
        resize: how pictures of another size were fitted.
        further: how further figures were measured, by their name; without `;`.
    """
    num, reference_num, floor_num = values["num"], values["reference_num"], values["floor_num"]
    subset = subset_size(num, reference_num)
    steps = {
        "samples": f"{num} of {samples}",
        "reference": f"{reference_num} of {reference}",
        "chosen": "of more images, sorted(numpy.random.default_rng(0).permutation(all)[:number])",
        "files": f"of another size: {_FITS[resize]}, then shrunk by averaging (OpenCV INTER_AREA) or enlarged "
        "(INTER_CUBIC, a=-0.75), rounded to uint8",
        "colour": "RGB, grey repeated, the first three of more channels, the first of two",
        **extractor.steps,
        "features": extractor.name,
        "weights": f"sha256:{extractor.weights}",
        "kid": "unbiased, over all pairs, no subsets",
        "kernel": "(x.y/d+1)^3",
        "kid_std": f"over {num // subset} times {reference_num // subset} pairs of disjoint subsets of {subset}, in "
        "the order of default_rng(0).permutation",
        "frechet_distance": "|m-n|^2+Tr(C+D-2(CD)^(1/2)), covariances divided by N-1, float64",
        "k": f"{K} without itself",
        "inside": "distance <= radius",
        "floor": f"{floor_num} of the reference against its others, in the order of default_rng(2).permutation",
        **further,
    }
    return "; ".join(f"{name}={value}" for name, value in steps.items())
