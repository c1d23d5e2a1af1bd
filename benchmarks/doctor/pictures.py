"""The pictures of the laboratory: two kinds, as they are or made sick, as npz files."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ganctl import datasets
from ganctl.experiment.sections import DatasetSection

Pictures = tuple[np.ndarray, np.ndarray]
"""uint8 [N, H, W, C] and labels int64 [N]."""

COUNT = 2000
CLASSES = 10
_SIDE = 32


def clothes() -> Pictures:
    """Grey clothes, from the images that ship with ganctl."""
    images = datasets.registry.get("fashion_mnist_mini").make(
        DatasetSection(name="fashion_mnist_mini"), lambda sequence, *_, **__: sequence
    )
    chosen = np.random.default_rng(0).permutation(len(images))[:COUNT]
    return np.asarray(images.images[chosen]), np.asarray(images.labels)[chosen].astype(np.int64)


def shapes() -> Pictures:
    """Coloured discs and bars before a dark ground; the class is kind and hue, the rest is chance."""
    random = np.random.default_rng(0)
    labels = np.arange(COUNT) % CLASSES
    down, across = np.indices((_SIDE, _SIDE))
    images = np.empty((COUNT, _SIDE, _SIDE, 3), np.uint8)
    for image, label in zip(images, labels, strict=True):
        middle, size = random.uniform(10, 22, 2), random.uniform(4, 9)
        away = np.abs(np.stack([down - middle[0], across - middle[1]]))
        inside = np.hypot(*away) < size if label < CLASSES // 2 else (away[0] < size) & (away[1] < size / 2)
        hue = 2 * np.pi * (label % 5 / 5 + np.arange(3) / 3)
        colour = np.clip(150 + 100 * np.cos(hue) + random.normal(0, 10, 3), 0, 255)
        image[:] = random.integers(10, 50)
        image[inside] = colour
    return images, labels


SOURCES: Mapping[str, Callable[[], Pictures]] = {"clothes": clothes, "shapes": shapes}


def _dark(images: np.ndarray, labels: np.ndarray) -> Pictures:
    return images // 32, labels


def _constant(images: np.ndarray, labels: np.ndarray) -> Pictures:
    noise = np.random.default_rng(1).integers(0, 2, images.shape, np.uint8)
    return np.minimum(images[:1], 254) + noise, labels


def _copies(images: np.ndarray, labels: np.ndarray) -> Pictures:
    own = np.arange(len(images)) % (len(images) // 3)
    return images[own], labels[own]


def _one_class_outweighs(images: np.ndarray, labels: np.ndarray) -> Pictures:
    kept = (labels == 3) | (np.random.default_rng(1).random(len(labels)) < 0.05)
    return images[kept], labels[kept]


def _narrow(images: np.ndarray, labels: np.ndarray) -> Pictures:
    return 100 + images // 5, labels


def _shuffled_labels(images: np.ndarray, labels: np.ndarray) -> Pictures:
    return images, np.random.default_rng(1).permutation(labels)


def _few(images: np.ndarray, labels: np.ndarray) -> Pictures:
    return images[:120], labels[:120]


def _one_a_class(images: np.ndarray, labels: np.ndarray) -> Pictures:
    first = np.array([np.argmax(labels == each) for each in range(CLASSES)])
    return images[first[labels]], labels


FORMS: Mapping[str, Callable[[np.ndarray, np.ndarray], Pictures]] = {
    "whole": lambda images, labels: (images, labels),
    "dark": _dark,
    "constant": _constant,
    "copies": _copies,
    "one_class_outweighs": _one_class_outweighs,
    "narrow": _narrow,
    "shuffled_labels": _shuffled_labels,
    "few": _few,
    "one_a_class": _one_a_class,
}


def write_pictures(folder: Path, source: str, form: str) -> Path:
    """Write pictures as an npz, unless they are there; returns its path."""
    path = folder / f"{source}-{form}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        images, labels = FORMS[form](*SOURCES[source]())
        temporary = path.with_suffix(".part.npz")
        np.savez(temporary, images=images, labels=labels)
        temporary.replace(path)
    return path
