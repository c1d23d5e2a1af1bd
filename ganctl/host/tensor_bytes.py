"""Arrays as the content of a safetensors file. No other module of ganctl writes one."""

from collections.abc import Mapping

import numpy as np
import safetensors.numpy


def tensor_bytes(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the content of a safetensors file.

    safetensors writes the memory of an array as it lies: of a transposed or strided one, in the wrong order and without
    a word. So every array is brought into C order first; its shape stays, also [] of a scalar.

    Args:
        tensors: arrays by name.
        metadata: text for the file's header.
    """
    ordered = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    return bytes(safetensors.numpy.save(ordered, dict(metadata) if metadata else None))
