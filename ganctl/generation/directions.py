"""Directions in latent space along which a generator's images change: found without labels, or from class to class.

- SeFa: Shen and Zhou 2021, "Closed-Form Factorization of Latent Semantics in GANs", arXiv:2007.06600, equation 4.
- GANSpace: Härkönen et al. 2020, "GANSpace: Discovering Interpretable GAN Controls", arXiv:2004.02546, section 2.2.
- From class to class: the mean latent vector of one class minus that of another, as Radford et al. 2015
  (arXiv:1511.06434, section 6.3.2) and White 2016 (arXiv:1609.04468, section 3.4) take it.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

import ganctl.layers
from ganctl.game.inputs import CLASSES, arrange_inputs, takes_classes
from ganctl.game.noise import seeded
from ganctl.generation.drawing import BATCH, sample_key, sample_latent
from ganctl.generation.latents import arranged, as_vectors, latent_shapes, latent_size
from ganctl.keras_internals import calls_of
from ganctl.lazy import in_own_session, tf

SAMPLES = 10_000
"""The number of latent vectors for GANSpace and for directions between classes, as in the paper of GANSpace."""

MOST_FEATURES = 4096
"""The most features whose principal components are computed. If there are more, this many are chosen at random."""

MOST_PROBES = 16
"""The first layer of a class-conditional generator is measured for this many classes: some scale the noise by class."""

_ROUNDS, _SPARE = 8, 8
"""Of the subspace iteration, and further components that it computes for accuracy."""


@dataclass(frozen=True)
class Directions:
    """Directions in latent space, the strongest first.

    Attributes:
        vectors: float32 [count, latent_size], each of length 1; those of SeFa are orthogonal to each other.
        eigenvalues: float32 [count], not negative. SeFa: the squared length of what the first layers make of each.
            GANSpace: the variance of the first features along each.
    """

    vectors: np.ndarray
    eigenvalues: np.ndarray


def directions_of(network: Any, count: int = 10, *, num_classes: int = 1, within: str = "") -> Directions | None:
    """Return the directions along which a generator's first layers change most (SeFa).

    They are the eigenvectors of A A^T, where A is the matrix [latent_size, outputs] of the first layers: those with a
    kernel that latent vectors reach before any other. If the first layers see other things besides, such as a class
    that scales the latent vectors, A A^T is averaged over the first MOST_PROBES classes.

    Args:
        network: a generator of latent vectors, and of classes if it takes them.
        count: the most directions.
        num_classes: the number of its classes.
        within: the name of a latent input: only its numbers change, and the vectors are [count, its size].

    Returns:
        At most `count` directions, fewer if the latent vectors are shorter; None if it takes no latent vectors, or if
        its first layer is not known, as in a user's own subclass of `keras.Model`.
    """
    probe = _Probe.of_first_outputs(network)
    if probe is None:
        return None
    steps = np.eye(latent_size(network))
    if within:
        steps = steps[_place_of(network, within)]
    vectors = np.concatenate([np.zeros_like(steps[:1]), steps]).astype(np.float32)
    classes = min(MOST_PROBES, max(1, num_classes))
    products = np.zeros((len(steps), len(steps)))
    for number in range(classes):
        seen = probe(vectors, np.full(len(vectors), number)).astype(np.float64)
        matrix = seen[1:] - seen[:1]
        products += matrix @ matrix.T / classes
    eigenvalues, columns = np.linalg.eigh(products)
    found = _with_signs(columns.T[::-1][:count])
    return Directions(found.astype(np.float32), np.maximum(eigenvalues[::-1][:count], 0.0).astype(np.float32))


def principal_directions_of(
    network: Any, distribution: str, count: int = 10, *, num_classes: int = 1, samples: int = SAMPLES, seed: int = 0
) -> Directions | None:
    """Return the directions that move the first features along their principal components (GANSpace).

    The first features are what the first layers' outputs have become, by normalisation and activation, where the next
    layers with a kernel take them. Each principal component is turned into a latent direction by linear regression of
    the latent vectors on the coordinates along the components, the classes drawn in rotation.

    Args:
        network: as for `directions_of`.
        distribution: of the latent vectors.
        count: the most directions.
        num_classes: the number of its classes.
        samples: number of latent vectors.
        seed: of the latent vectors, and of the choice of features if there are more than MOST_FEATURES.

    Returns:
        As `directions_of`; the directions are generally not orthogonal. None also if the generator has a single layer.
    """
    probe = _Probe.of_first_features(network)
    if probe is None:
        return None
    latent = as_vectors(sample_latent(network, samples, seed, distribution))
    chosen: np.ndarray | None = None
    blocks = []
    for start in range(0, samples, BATCH):
        some = latent[start : start + BATCH]
        seen = probe(some, np.arange(start, start + len(some)) % max(1, num_classes))
        if chosen is None:
            chosen = np.arange(seen.shape[1])
            if len(chosen) > MOST_FEATURES:
                chosen = np.sort(np.random.default_rng(seed).permutation(len(chosen))[:MOST_FEATURES])
        blocks.append(seen[:, chosen])
    features = np.concatenate(blocks)
    features -= features.mean(axis=0)
    along, variances = _principal_components(features, min(count, latent.shape[1]))
    coordinates = features @ along
    spread = np.maximum((coordinates**2).sum(axis=0), np.finfo(np.float32).tiny)
    steps = (coordinates.T @ (latent - latent.mean(axis=0))) / spread[:, np.newaxis]
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    found = _with_signs(steps / np.maximum(lengths, np.finfo(np.float32).tiny))
    return Directions(found.astype(np.float32), variances.astype(np.float32))


def direction_between(latent: np.ndarray, labels: np.ndarray, start: int, end: int) -> np.ndarray:
    """Return the direction from the latent vectors of one class to those of another: the difference of their means.

    Args:
        latent: vectors [N, latent_size].
        labels: the class of the image of each, [N]; both classes occur.
        start: the class that it leaves.
        end: the class that it approaches.

    Returns:
        float32 [latent_size], of length 1.
    """
    step = latent[labels == end].mean(axis=0, dtype=np.float64) - latent[labels == start].mean(axis=0, dtype=np.float64)
    return np.asarray(step / np.linalg.norm(step), np.float32)


def _place_of(network: Any, latent_input: str) -> slice:
    """Where the numbers of one latent input lie in vectors of all of them."""
    names = [tensor.name for tensor in network.inputs if tensor.name != CLASSES]
    ends = np.cumsum([math.prod(shape) for shape in latent_shapes(network)])
    place = names.index(latent_input)
    return slice(int(ends[place - 1]) if place else 0, int(ends[place]))


def _principal_components(features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first principal components of centred features [N, D] as columns [D, count], and their variances.

    By subspace iteration: Halko et al. 2011, "Finding Structure with Randomness", arXiv:0909.4061, algorithm 4.4.
    """
    wide = min(count + _SPARE, *features.shape)
    basis = np.random.default_rng(0).normal(size=(features.shape[1], wide)).astype(np.float32)
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(features.T @ (features @ basis))[0].astype(np.float32)
    values, inner = np.linalg.svd(features @ basis, full_matrices=False)[1:]
    return basis @ inner.T[:, :count], values[:count].astype(np.float64) ** 2 / len(features)


def _with_signs(vectors: np.ndarray) -> np.ndarray:
    """Return directions whose largest entry is positive: either sign would do, but it should always be the same."""
    largest = np.abs(vectors).argmax(axis=1)
    return vectors * np.where(vectors[np.arange(len(vectors)), largest] < 0, -1.0, 1.0)[:, np.newaxis]


class _AllRecorded(BaseException):
    """Ends a call of a network. Not an Exception: Keras catches those, and raises others."""


class _Probe:
    """Computes what some layers of a generator take or return, given latent vectors and classes, and nothing after."""

    def __init__(self, network: Any, layers: list[Any], *, of_outputs: bool) -> None:
        self._network = network
        self._kept: list[Any] = []
        self._count = len(layers)
        stand_ins = {layer: ganctl.layers.Recorder(layer, self._keep, of_outputs=of_outputs) for layer in layers}
        self._recorded = in_own_session(lambda: ganctl.layers.with_stand_ins(network, stand_ins))

    def _keep(self, tensor: Any) -> None:
        self._kept.append(tensor)
        if len(self._kept) == self._count:
            raise _AllRecorded

    @classmethod
    def of_first_outputs(cls, network: Any) -> "_Probe | None":
        """Return one of what the first layers with a kernel return; None if they are not known."""
        first, _ = _first_and_second(network)
        return cls(network, first, of_outputs=True) if first else None

    @classmethod
    def of_first_features(cls, network: Any) -> "_Probe | None":
        """Return one of what the layers after the first ones take; None if they are not known."""
        _, second = _first_and_second(network)
        return cls(network, second, of_outputs=False) if second else None

    def __call__(self, vectors: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Return float32 [N, features] for latent vectors [N, latent_size] and classes [N]."""
        self._kept.clear()
        wanted = tf.constant(classes, tf.int32) if takes_classes(self._network) else None
        latent = [tf.constant(part) for part in arranged(self._network, vectors)]
        with seeded(self._network, sample_key(0, 0)), suppress(_AllRecorded):
            given = arrange_inputs(self._network, latent, wanted)
            named = getattr(self._network, "input", None)  # a Sequential has none
            if isinstance(named, dict):  # whose tensors Keras lists in the order of their keys
                given = dict(zip(sorted(named), given, strict=True))
            self._recorded(given, training=False)
        return np.concatenate([np.reshape(kept, (len(vectors), -1)) for kept in self._kept], axis=1, dtype=np.float32)


def _first_and_second(network: Any) -> tuple[list[Any], list[Any]]:
    """Return the layers with a kernel that latent vectors reach first, and those that their outputs reach next."""
    if not ganctl.layers.is_transparent(network) or not latent_shapes(network):
        return [], []
    calls = list(_linked_calls(network))
    latent = {id(tensor) for tensor in network.inputs if tensor.name != CLASSES}
    first = _reached(calls, latent)
    outputs = {tensor for operation, _, made in calls if operation in first for tensor in made}
    return first, [layer for layer in _reached(calls, outputs) if layer not in first]


def _reached(calls: list[tuple[Any, list[int], list[int]]], start: set[int]) -> list[Any]:
    """Return the layers with a kernel that tensors reach without passing through another one."""
    reached, found, grown = set(start), [], True
    while grown:
        grown = False
        for operation, taken, made in calls:
            if reached.isdisjoint(taken):
                continue
            if hasattr(operation, "kernel"):
                if operation not in found:
                    found.append(operation)
            elif not reached.issuperset(made):
                reached.update(made)
                grown = True
    return found


def _linked_calls(network: Any) -> Iterator[tuple[Any, list[int], list[int]]]:
    """Yield every call in a network as the operation and the ids of the tensors that it takes and returns.

    A network within it counts as calls that hand tensors on: from its inputs outside to those inside, and back.
    """
    for call in calls_of(network):
        inner = call.operation
        if ganctl.layers.is_transparent(inner):
            yield None, [id(tensor) for tensor in call.inputs], [id(tensor) for tensor in inner.inputs]
            yield None, [id(tensor) for tensor in inner.outputs], [id(tensor) for tensor in call.outputs]
        else:
            yield inner, [id(tensor) for tensor in call.inputs], [id(tensor) for tensor in call.outputs]
