"""Pairs made from the images of any other data set: the target is the image, the source what a transform makes of it.

Whatever is random in a source depends only on the experiment's seed and on the index of its image.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ganctl.datasets import registry
from ganctl.errors import ConfigurationError
from ganctl.experiment.sections import DatasetSection
from ganctl.images.image_set import ImageSet, Track, all_identical, gathered
from ganctl.images.opencv import opencv
from ganctl.images.resize import resized, to_channels

Shape = tuple[int, int, int]

_MID_GREY = 128
# The most that the sum of the absolute values of both Sobel derivatives can be.
_STEEPEST = 2040
_WITHOUT_PATH = "fashion_mnist_mini"
_FILES = "image_folder"


@dataclass(frozen=True)
class Transform:
    """One way to make a source of an image.

    Attributes:
        apply: makes it: from an image, uint8 [H,W,C], the amount, and a generator of random numbers that belongs to the
            image.
        amount: the default of `dataset.amount`; None: it takes no amount.
        range: the smallest and largest amount.
        whole: whether the amount is a whole number.
        needs: given the shape of the images and the amount, returns what is wrong with either, and the key that says
            so, or None.
        keeps_alpha: whether it also makes sense of images with transparency.
        keeps_values: whether black and white mean the same stored values as in the images.
    """

    apply: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
    amount: float | None = None
    range: tuple[float, float] = (0.0, 0.0)
    whole: bool = False
    needs: Callable[[Shape, float], tuple[str, str] | None] = lambda shape, amount: None
    keeps_alpha: bool = False
    keeps_values: bool = True


def downscale(image: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    """Return the image smaller by a whole factor: each pixel is the mean of a square of pixels."""
    factor = round(amount)
    return resized(image, image.shape[0] // factor, image.shape[1] // factor)


def grey(image: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    """Return the luminance of an RGB image (ITU-R BT.601)."""
    return to_channels(image, 1)


def edges(image: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    """Return the edges of an image, black on white as in a drawing (Canny 1986).

    An edge begins where the gradient, the sum of the absolute values of both Sobel derivatives, exceeds the amount, and
    goes on as long as it exceeds half of it.
    """
    found = opencv().Canny(np.ascontiguousarray(to_channels(image, 1)), amount / 2, amount)
    drawing: np.ndarray = 255 - found[..., np.newaxis]
    return drawing


def noise(image: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    """Return the image with Gaussian noise of a standard deviation in levels of 255."""
    noisy = image + random.normal(0.0, amount, image.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def mask(image: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    """Return the image with a rectangle of mid-grey at a random place, its sides a share of the image's."""
    height, width = (max(1, round(amount * side)) for side in image.shape[:2])
    top, left = (int(random.integers(0, free + 1)) for free in (image.shape[0] - height, image.shape[1] - width))
    holed = image.copy()
    holed[top : top + height, left : left + width] = _MID_GREY
    return holed


def posterise(image: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    """Return the image with a few levels per channel, evenly spaced from black to white, each value the nearest."""
    steps = round(amount) - 1
    levels = np.rint(np.rint(np.arange(256) * steps / 255) * 255 / steps).astype(np.uint8)
    return levels[image]


def _whole_parts(shape: Shape, amount: float) -> tuple[str, str] | None:
    height, width, _ = shape
    if height % amount or width % amount:
        return f"the sides of images of {height}x{width} are not divisible by {amount:g}. Choose another", "amount"
    return None


def _colour(shape: Shape, amount: float) -> tuple[str, str] | None:
    if shape[2] == 1:
        return "the images are grey already. Choose another, or images in colour", "transform"
    return None if shape[2] == 3 else (f"only RGB becomes grey, and the images have {shape[2]} channels", "transform")


def _picture(shape: Shape, amount: float) -> tuple[str, str] | None:
    if shape[2] in (1, 3):
        return None
    return f"edges are found in grey and RGB images, and the images have {shape[2]} channels", "transform"


TRANSFORMS: Mapping[str, Transform] = {
    "downscale": Transform(downscale, 4, (2, 64), whole=True, needs=_whole_parts, keeps_alpha=True),
    "grey": Transform(grey, needs=_colour),
    "edges": Transform(edges, 100, (1, _STEEPEST), needs=_picture, keeps_values=False),
    "noise": Transform(noise, 25, (0, 255)),
    "mask": Transform(mask, 0.5, (0.01, 0.99)),
    "posterise": Transform(posterise, 4, (2, 255), whole=True),
}


@registry.register(
    "derived",
    source="the images of another data set",
    feeds=("source", "target"),
    own_keys=("direction", "base", "transform", "amount"),
)
def derived(config: DatasetSection, track: Track, *, seed: int = 0) -> dict[str, ImageSet]:
    """Pairs made from another data set, `base`: an image, and what `transform` (downscale, edges ...) makes of it."""
    name, transform, amount = _chosen(config)
    images = _base(config, track)
    made = _made(images, name, transform, amount, seed, track)
    if images.apart is not None:
        # Other numbers than those of the training images.
        made = replace(made, apart=_made(images.apart, name, transform, amount, seed, track, part=1))
    return {"source": made, "target": images} if config.direction == "a_to_b" else {"source": images, "target": made}


def _chosen(config: DatasetSection) -> tuple[str, Transform, float]:
    """Return the name of the transform, the transform, and its amount; raises ConfigurationError."""
    if config.transform is None:
        raise ConfigurationError(
            f"the data set '{config.name}' needs to know what to make of each image: {', '.join(TRANSFORMS)}.",
            key="dataset.transform",
        )
    transform = TRANSFORMS[config.transform]
    if transform.amount is None:
        if config.amount is not None:
            raise ConfigurationError(f"'{config.transform}' takes no amount. Remove the key.", key="dataset.amount")
        return config.transform, transform, 0.0
    amount = transform.amount if config.amount is None else config.amount
    low, high = transform.range
    if not low <= amount <= high or (transform.whole and amount != round(amount)):
        kind = "whole number" if transform.whole else "number"
        raise ConfigurationError(
            f"the amount of '{config.transform}' is a {kind} from {low:g} to {high:g}. Received: {amount:g}",
            key="dataset.amount",
        )
    return config.transform, transform, amount


def _base(config: DatasetSection, track: Track) -> ImageSet:
    """Read the images that pairs are made of; raises ConfigurationError and DataError."""
    name = config.base
    if name is None and config.path is None:
        name = _WITHOUT_PATH
    elif name is None:
        path = str(config.path).lower()
        name = next((entry.name for entry in registry if path.endswith(entry.suffixes)), _FILES)
    entry = registry.get(name, "dataset.base")
    if entry.feeds:
        roles = " and ".join(f"`{role}`" for role in entry.feeds)
        raise ConfigurationError(
            f"pairs are made from single images, and '{name}' provides {roles}. Choose another data set.",
            key="dataset.base",
        )
    images: Any = entry.make(config.model_copy(update={"name": name}), track)
    if not isinstance(images, ImageSet):
        raise ConfigurationError(
            f"pairs are made from a single set of images, which '{name}' does not provide.", key="dataset.base"
        )
    return images


def _made(
    images: ImageSet, name: str, transform: Transform, amount: float, seed: int, track: Track, part: int = 0
) -> ImageSet:
    """Return what the transform makes of images; raises ConfigurationError."""
    problem = transform.needs(images.shape, amount)
    if images.alpha and not transform.keeps_alpha:
        problem = (f"'{name}' makes no sense of transparency. Set `dataset.channels` to 3 or 1", "transform")
    if problem:
        raise ConfigurationError(f"{problem[0]}.", key=f"dataset.{problem[1]}")

    def source(index: int) -> np.ndarray:
        return transform.apply(images.images[index], amount, np.random.default_rng([seed, part, index]))

    indices = track(range(len(images)), "Making pairs", total=len(images))
    pixels = gathered((source(index)[np.newaxis] for index in indices), len(images), _shape_of(source(0)))
    words = name if transform.amount is None else f"{name}, amount {amount:g}"
    notes = [f"made from the images: {words}"]
    if len(images) > 1 and all_identical(pixels):
        notes.append(f"Warning: what '{name}' makes of the images is always the same. Change `dataset.amount`.")
    return replace(
        images,
        images=pixels,
        source=f"{images.source}, {words}",
        notes=tuple(notes),
        value_range=images.value_range if transform.keeps_values else None,
        formats={},
        apart=None,
    )


def _shape_of(image: np.ndarray) -> Shape:
    height, width, channels = image.shape
    return height, width, channels
