"""Features of real images, which samples are compared with. They are cached by fingerprint."""

import hashlib
import io
import json
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from ganctl.errors import DataError
from ganctl.evaluation.features.extractor import Extractor
from ganctl.evaluation.frechet_distance import Gaussian
from ganctl.evaluation.kernel_distance import KernelSums
from ganctl.evaluation.neighbours import Surroundings, nearest_distances
from ganctl.host.cache_root import cache_root
from ganctl.host.files import write_atomically
from ganctl.images.image_set import ImageSet, all_identical

MOST_IMAGES = 20_000
FEWEST_IMAGES = 50
"""With fewer images, no score is meaningful."""
TRAINING_IMAGES, OTHER_IMAGES = "training images", "images"
"""The kinds of references: a run's training images, and any others."""
_FORMAT = 2


@dataclass(frozen=True, eq=False)
class Reference:
    """Real images and their features.

    Attributes:
        extractor: the feature network.
        name: identifies the images, independent of their path: their kind and the first digits of their fingerprint.
        features: [M, d].
        images: the images themselves, uint8 [M, H, W, C].
        held_out: features of held-out real images, if there are any.
        key: a hash of network and images; empty: nothing is cached.
    """

    extractor: Extractor
    name: str
    features: np.ndarray
    images: np.ndarray
    held_out: np.ndarray | None = None
    key: str = ""
    _kernel_sums: dict[int, KernelSums] = field(default_factory=dict)

    @classmethod
    def of(cls, images: ImageSet, extractor: Extractor, kind: str, held_out: ImageSet | None = None) -> Self:
        """Compute the features of at most MOST_IMAGES images; raises DataError if they are too few.

        `kind` is what they are called: TRAINING_IMAGES or OTHER_IMAGES.
        """
        check_enough(images)
        few = _few(images)
        key = _digest(extractor, few)
        unseen = None
        if held_out is not None and len(held_out) >= FEWEST_IMAGES:
            others = _few(held_out)
            unseen = _kept_features(extractor, others, _digest(extractor, others))
        name = f"{kind} {images.fingerprint()[:12]}"
        return cls(extractor, name, _kept_features(extractor, few, key), few.images, unseen, key)

    def __len__(self) -> int:
        return len(self.features)

    def rows(self, rows: np.ndarray) -> "Reference":
        """Return some of the images as a separate reference."""
        return replace(
            self, features=self.features[rows], images=self.images[rows], held_out=None, key="", _kernel_sums={}
        )

    @cached_property
    def constant(self) -> bool:
        """Whether all images are identical."""
        return all_identical(self.images)

    @cached_property
    def gaussian(self) -> Gaussian:
        """The Gaussian fitted to the features."""
        kept = self._kept("gaussian", ("mean", "factor"))
        if kept:
            return Gaussian(*kept)
        found = Gaussian.of(self.features)
        self._keep("gaussian", mean=found.mean, factor=found.factor)
        return found

    @cached_property
    def surroundings(self) -> Surroundings:
        """The distances of the images to their nearest neighbours."""
        kept = self._kept("neighbours", ("nearest", "radii"))
        if kept:
            return Surroundings(*kept)
        found = Surroundings.of(self.features)
        self._keep("neighbours", nearest=found.nearest, radii=found.radii)
        return found

    @cached_property
    def unseen_distances(self) -> np.ndarray:
        """The distances of unseen real images to the nearest of these.

        They are those of the held-out images. Without any, they are those of each image to the others: if all come from
        one distribution, each image relates to the rest as a held-out one would.
        """
        return self.surroundings.nearest if self.held_out is None else nearest_distances(self.held_out, self.features)

    @cached_property
    def probabilities(self) -> np.ndarray | None:
        """The class probabilities of each image, if the network is a classifier."""
        return self.extractor.probabilities(self.features) if self.extractor.probabilities else None

    def kernel_sums(self, subset: int) -> KernelSums:
        """Return the kernel sums with subsets of this size."""
        if subset not in self._kernel_sums:
            name = f"kernel-{subset}"
            kept = self._kept(name, ("pairs", "itself", "sizes"))
            found = KernelSums(*kept) if kept else KernelSums.of(self.features, subset)
            if not kept:
                self._keep(name, pairs=found.pairs, itself=found.itself, sizes=found.sizes)
            self._kernel_sums[subset] = found
        return self._kernel_sums[subset]

    def kept_floor(self, count: int) -> dict[str, float] | None:
        """Return the floor for this number of images, if it was measured before."""
        path = self._path(f"floor-{count}", ".json")
        if path is None:
            return None
        try:
            found = json.loads(path.read_text("ascii"))
        except (OSError, ValueError):
            return None
        fits = isinstance(found, dict) and all(isinstance(value, float) for value in found.values())
        return found if fits else None

    def keep_floor(self, count: int, floor: dict[str, float]) -> None:
        """Cache the floor for this number of images."""
        path = self._path(f"floor-{count}", ".json")
        if path is not None:
            _write(path, json.dumps(floor).encode("ascii"))

    def _kept(self, what: str, names: tuple[str, ...]) -> list[np.ndarray]:
        """Return the cached arrays of these names; an empty list if they are missing or damaged."""
        arrays = _read_arrays(self._path(what))
        return [arrays[name] for name in names] if all(name in arrays for name in names) else []

    def _keep(self, what: str, **arrays: np.ndarray) -> None:
        _write_arrays(self._path(what), **arrays)

    def _path(self, what: str, suffix: str = ".npz") -> Path | None:
        return _folder() / f"{self.key}-{what}{suffix}" if self.key else None


def check_enough(images: ImageSet, purpose: str = "compare with") -> None:
    """Raise DataError if there are too few images to compare with, or for another purpose."""
    if len(images) < FEWEST_IMAGES:
        number = "1 image is" if len(images) == 1 else f"{len(images)} images are"
        raise DataError(f"{images.source}: {number} too few to {purpose} ({FEWEST_IMAGES} or more).")


def choose(count: int, most: int) -> np.ndarray:
    """Return the indices of images that represent `count` of them: all, or `most` drawn by a fixed seed, in order."""
    return np.sort(np.random.default_rng(0).permutation(count)[:most])


def _folder() -> Path:
    return cache_root() / "features"


def _few(images: ImageSet) -> ImageSet:
    """At most MOST_IMAGES of the images; if that is all, they are not copied: they may be larger than the memory."""
    return images if len(images) <= MOST_IMAGES else images.rows(choose(len(images), MOST_IMAGES))


def _digest(extractor: Extractor, images: ImageSet) -> str:
    known = (_FORMAT, extractor.name, extractor.weights, extractor.resize, images.fingerprint())
    return hashlib.sha256(repr(known).encode()).hexdigest()


def _kept_features(extractor: Extractor, images: ImageSet, key: str) -> np.ndarray:
    path = _folder() / f"{key}.npz"
    kept = _read_arrays(path)
    if kept and kept.get("features", np.empty(0)).shape[:1] == (len(images),):
        return kept["features"]
    features = extractor.features(images.images)
    _write_arrays(path, features=features)
    return features


def _read_arrays(path: Path | None) -> dict[str, np.ndarray]:
    """Return the cached arrays; nothing if they are missing or damaged."""
    if path is None:
        return {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return {}


def _write_arrays(path: Path | None, **arrays: np.ndarray) -> None:
    if path is not None:
        content = io.BytesIO()
        np.savez(content, **arrays)  # type: ignore[arg-type]
        _write(path, content.getvalue())


def _write(path: Path, content: bytes) -> None:
    with suppress(OSError):  # losing it costs only time
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
