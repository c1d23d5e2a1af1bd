"""Checks of networks that were just built: warnings for the user, and layers that would return a constant."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ganctl.keras_internals import calls_of, layers_of
from ganctl.lazy import keras


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


def normalised_to_zero(network: Any, batch_size: int) -> list[str]:
    """Return the names of BatchNorm layers for which a batch has a single value per channel.

    In training mode, such a layer subtracts each value from itself: its output is constant, and no layer before it gets
    a gradient. Feature maps have as many values per channel as positions, which is enough.

    Args:
        network: a functional or Sequential model; the result for any other is empty.
        batch_size: images per batch.
    """
    found = {}
    for call in calls_of(network) if batch_size == 1 else ():
        for layer in layers_of(call.operation) if isinstance(call.operation, keras.Layer) else ():
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
                # Of the layers within a layer, only the rank of their inputs is known.
                shape = call.inputs[0].shape if layer is call.operation else (None,) * layer.input_spec.ndim
                axis = layer.axis % len(shape)
                if all(size == 1 for position, size in enumerate(shape) if position not in (0, axis)):
                    found[id(layer)] = layer.name
    return list(found.values())
