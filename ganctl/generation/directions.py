"""The main directions of a latent space, found without labels: where the first layer changes most.

Source: Shen and Zhou 2021, "Closed-Form Factorization of Latent Semantics in GANs" (SeFa), arXiv:2007.06600, equations
4 to 6.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ganctl.keras_internals import Call, calls_of
from ganctl.lazy import keras

MOST_PROBES = 16
"""With classes, the first layer is measured for this many of them: some generators scale the noise by the class."""


@dataclass(frozen=True)
class Directions:
    """Orthonormal directions in latent space, the strongest first.

    Attributes:
        vectors: float32 [count, latent_dim].
        eigenvalues: float32 [count], not negative: the squared length of what the first layer makes of each.
    """

    vectors: np.ndarray
    eigenvalues: np.ndarray


def directions_of(network: Any, count: int = 10, num_classes: int = 0) -> Directions | None:
    """Return the directions of a generator's first latent input along which its first layers change most.

    They are the eigenvectors of A^T A, where A is the matrix of every layer with a kernel that the latent vector
    reaches before any other such layer.

    Args:
        network: a generator of latent vectors, and classes if it takes them.
        count: the most directions.
        num_classes: how many classes it draws, if it takes them as whole numbers.

    Returns:
        At most `count` directions, fewer if the latent vector is shorter; None where no layer with a kernel takes it.
    """
    network = _innermost(network)
    place = next((index for index, tensor in enumerate(network.inputs) if tensor.name != "classes"), None)
    if place is None:
        return None
    found = _first_layers(network, {id(network.inputs[place])})
    if not found:
        return None
    squares = [_square(network, place, before, kernel, num_classes) for before, kernel in found]
    eigenvalues, vectors = np.linalg.eigh(np.sum(squares, axis=0))
    strongest = vectors[:, ::-1].T[:count]
    peaks = strongest[np.arange(len(strongest)), np.abs(strongest).argmax(axis=1)]
    strongest *= np.sign(peaks)[:, np.newaxis]  # an eigenvector may have either sign
    return Directions(strongest.astype(np.float32), np.maximum(eigenvalues[::-1][:count], 0.0).astype(np.float32))


def _innermost(network: Any) -> Any:
    """Return the network within one that only names its inputs."""
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    return _innermost(layers[0]) if len(layers) == 1 and getattr(layers[0], "inputs", None) else network


def _first_layers(network: Any, reached: set[int]) -> list[tuple[Any, np.ndarray]]:
    """Return the input tensor and the kernel [in, out] of each layer with a kernel that some tensors reach first.

    Args:
        network: the network.
        reached: the ids of these tensors: inputs of the network.
    """
    reached, found = set(reached), []
    calls, waiting = list(calls_of(network)), True
    while waiting:
        waiting = False
        for call in list(calls):
            taken = [tensor for tensor in call.inputs if id(tensor) in reached]
            if not taken:
                continue
            calls.remove(call)
            kernel = getattr(call.operation, "kernel", None)
            within = _within(call, reached) if getattr(call.operation, "outputs", None) else []
            if kernel is not None:
                found.append((taken[0], _as_matrix(call.operation, np.asarray(kernel, np.float64))))
            elif within:
                found += within
            else:
                reached.update(map(id, call.outputs))
                waiting = True
    return found


def _within(call: Call, reached: set[int]) -> list[tuple[Any, np.ndarray]]:
    """Return `_first_layers` of a network within another; the tensors are in the outer one."""
    inner = call.operation
    pairs = list(zip(inner.inputs, call.inputs, strict=True))
    found = _first_layers(inner, {id(own) for own, given in pairs if id(given) in reached})
    given = call.inputs if len(call.inputs) > 1 else call.inputs[0]
    return [(keras.Model(inner.inputs, before)(given), kernel) for before, kernel in found]


def _as_matrix(layer: Any, kernel: np.ndarray) -> np.ndarray:
    """Return a kernel as [channels of the input, everything else]."""
    of_input = -1 if isinstance(layer, keras.layers.Conv2DTranspose) or kernel.ndim == 2 else -2
    if kernel.ndim == 2:
        return kernel
    return np.moveaxis(kernel, of_input, 0).reshape(kernel.shape[of_input], -1)


def _square(network: Any, place: int, before: Any, kernel: np.ndarray, num_classes: int) -> np.ndarray:
    """Return A^T A, [latent_dim, latent_dim], of what each unit step of an input adds to what a kernel makes of it."""
    width = int(np.prod(network.inputs[place].shape[1:]))
    classes = next((tensor for tensor in network.inputs if tensor.name == "classes"), None)
    probes = 1 if classes is None else num_classes if "int" in classes.dtype else int(classes.shape[-1])
    model = keras.Model(network.inputs, before)
    probes = min(probes, MOST_PROBES)
    total = np.zeros((width, width))
    for number in range(probes):
        inputs = [_probe(tensor, width + 1, number) for tensor in network.inputs]
        vectors = np.concatenate([np.zeros((1, width)), np.eye(width)])
        inputs[place] = vectors.reshape(width + 1, *network.inputs[place].shape[1:]).astype(np.float32)
        seen = np.asarray(model(inputs, training=False), np.float64)
        made = ((seen[1:] - seen[:1]).reshape(width, -1, len(kernel)) @ kernel).reshape(width, -1)
        total += made @ made.T
    return total / probes


def _probe(tensor: Any, count: int, number: int) -> np.ndarray:
    """Return an input of a network that stays as it is: zeros, or a class."""
    shape = (count, *tensor.shape[1:])
    if tensor.name != "classes":
        return np.zeros(shape, np.float32)
    if "int" in tensor.dtype:
        return np.full(shape, number, tensor.dtype)
    return np.eye(shape[-1], dtype=np.float32)[[number] * count]
