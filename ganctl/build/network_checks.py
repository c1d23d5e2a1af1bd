"""Warnings about networks that were just built, for the user to read before training starts."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ganctl.keras_internals import layers_of


def warnings(networks: Mapping[str, Any]) -> list[str]:
    """Return one line per warning; none is a reason to stop."""
    return checkerboards(networks["generator"]) if "generator" in networks else []


def checkerboards(generator: Any) -> list[str]:
    """Return a warning for each kind of strided kernel whose size is not divisible by its stride.

    Such a kernel covers some pixels more often than others.

    Source: Odena et al. 2016, "Deconvolution and Checkerboard Artifacts", https://distill.pub/2016/deconv-checkerboard.
    """
    uneven: Counter[tuple[int, int]] = Counter()
    for layer in layers_of(generator):
        sides = zip(getattr(layer, "kernel_size", ()), getattr(layer, "strides", ()), strict=False)
        uneven.update({(kernel, stride) for kernel, stride in sides if stride > 1 and kernel % stride})
    return [
        f"the generator may draw checkerboard artifacts: a kernel of {kernel} is not divisible by its stride of "
        f"{stride} (in {count} layer{'s' if count > 1 else ''})"
        for (kernel, stride), count in uneven.items()
    ]
