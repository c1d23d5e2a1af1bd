"""Whether pictures of equal names belong together: each is then more like its namesake than like the others.

Equal names alone prove nothing: cameras and scripts number the pictures of any folder from 1.
"""

from collections.abc import Sequence

import numpy as np

from ganctl.errors import DataError
from ganctl.images.containers import ListedFile
from ganctl.images.folder_listing import Listing
from ganctl.planning.survey.picture import look_at

FEWEST, MOST = 8, 64
"""The number of pairs below which nothing can be said, and the number that is looked at."""
ALIKE = 4.0
"""The standard errors by which the likeness of namesakes must exceed that of others; chance reaches it in one of tens
of thousands of folders."""
_OTHERS = 7


def namesakes_alike(a: Listing, b: Listing, pairs: Sequence[tuple[ListedFile, ListedFile]]) -> bool | None:
    """Return whether the pictures of pairs are more alike than those of different pairs; None: too few to tell.

    Args:
        a: where the first file of each pair is.
        b: where the second is; the same if one file shows both.
        pairs: of which some are decoded, chosen at random.
    """
    chosen = np.random.default_rng(0).permutation(len(pairs))[:MOST]
    copies = [(_copy(a, pairs[place][0]), _copy(b, pairs[place][1])) for place in sorted(chosen.tolist())]
    both = [(one, other) for one, other in copies if one is not None and other is not None]
    if len(both) < FEWEST:
        return None
    first, second = (np.stack([pair[side] for pair in both]) for side in (0, 1))
    return bool(excess(first, second) >= ALIKE)


def excess(first: np.ndarray, second: np.ndarray) -> float:
    """Return by how many standard errors the likeness of picture k to picture k exceeds that to other pictures.

    Likeness is the absolute correlation of brightness, or of the strength of edges, whichever tells more: a negative, a
    map and a drawing are like their photograph, too. What all pictures of a side have in common does not count.

    Args:
        first: small copies, uint8 [N, S, S, 3], N at least 2.
        second: the others, of the same shape.
    """
    return max(_excess(of(first), of(second)) for of in (_brightness, _edges))


def _excess(first: np.ndarray, second: np.ndarray) -> float:
    """The same for features [N, F]."""
    likeness = np.abs(_normalised(first) @ _normalised(second).T)
    count = len(first)
    shifts = np.unique(np.linspace(1, count - 1, _OTHERS).round().astype(int))
    rows = np.arange(count)
    others = np.mean([likeness[rows, (rows + shift) % count] for shift in shifts], axis=0)
    gain = np.diagonal(likeness) - others
    spread = float(gain.std(ddof=1)) / np.sqrt(count)
    mean = float(gain.mean())
    return mean / spread if spread > 1e-9 else (np.inf if mean > 1e-6 else 0.0)


def _normalised(features: np.ndarray) -> np.ndarray:
    features = features - features.mean(axis=0)
    features = features - features.mean(axis=1, keepdims=True)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6)


def _brightness(copies: np.ndarray) -> np.ndarray:
    return copies.mean(axis=-1).reshape(len(copies), -1)


def _edges(copies: np.ndarray) -> np.ndarray:
    grey = copies.mean(axis=-1)
    strength = np.abs(np.diff(grey, axis=1))[:, :, :-1] + np.abs(np.diff(grey, axis=2))[:, :-1]
    return strength.reshape(len(copies), -1)


def _copy(listing: Listing, file: ListedFile) -> np.ndarray | None:
    """A small copy of a picture; None if it cannot be read, or its values are not bytes."""
    look = look_at(listing, file)
    if look is None or isinstance(look, DataError) or look.picture.sketch is None:
        return None
    return look.picture.sketch.copy
