"""Walks in latent space: interpolation between the images of a generator."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.errors import UsageError
from ganctl.game.inputs import arrange_inputs
from ganctl.game.noise import seeded
from ganctl.generation.drawing import painter, sample_key, sample_latent
from ganctl.generation.sample_files import MAX_GRID_PIXELS
from ganctl.host.files import is_folder, writing
from ganctl.images import draw
from ganctl.images.bands import visible
from ganctl.images.gif import write_gif
from ganctl.lazy import tf

MAX_FRAMES = 500
MILLISECONDS = 100
MOST_WALKS = 20
"""The most walks by default: nobody can follow those of hundreds of classes."""


def slerp(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Return the point on the great circle from one vector to another, at a fraction of the angle (slerp).

        slerp(a, b; t) = sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b,  w the angle between a and b

    Vectors from N(0, 1) in many dimensions all have nearly the same length. On a straight line between two of them the
    length shrinks, to 0.71 of it halfway, which the generator has never seen; on the great circle it is constant.
    Between collinear vectors, which have no unique great circle, the path is straight.

    Source: White 2016, "Sampling Generative Networks" (arXiv:1609.04468), section 2.1, after Shoemake 1985.

    Args:
        start: vectors [..., dimensions].
        end: vectors of the same shape.
        share: the fraction, from 0, which is exactly `start`, to 1.
    """
    a, b = start.astype(np.float64), end.astype(np.float64)
    lengths = np.linalg.norm(a, axis=-1, keepdims=True) * np.linalg.norm(b, axis=-1, keepdims=True)
    cosine = np.sum(a * b, axis=-1, keepdims=True) / np.maximum(lengths, np.finfo(np.float64).tiny)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    on_one_line = np.sin(angle) < 1e-6
    sine = np.where(on_one_line, 1.0, np.sin(angle))
    circle = np.sin((1.0 - share) * angle) / sine * a + np.sin(share * angle) / sine * b
    return np.where(on_one_line, lerp(a, b, share), circle).astype(start.dtype)


def lerp(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Return the point on the straight line, for uniform vectors: it stays in their cube, which slerp leaves.

    Arguments as for `slerp`.
    """
    return (1.0 - share) * start + share * end


def walk(
    generator: Any, rows: int, points: int, frames: int, seed: int, distribution: str, classes: Sequence[int] = ()
) -> Iterator[np.ndarray]:
    """Yield uint8 images [rows, H, W, C], a frame of `rows` walks at once: `points * frames` of them.

    A walk goes from point to point and from the last back to the first. The points are the images that
    `drawing.generate` draws from the seed: the first points of all walks are the first `rows` images, the second points
    are the next. Every latent input walks separately; classes, and noise that layers draw themselves, are constant.

    Args:
        generator: the network.
        rows: number of walks.
        points: number of points of each walk.
        frames: number of frames from each point to the next, including the first point.
        seed: of the latent vectors.
        distribution: of the latent vectors: `normal` ones walk on great circles, `uniform` ones on straight lines.
        classes: for a generator that takes classes, one for each walk, cyclically.

    Raises:
        UsageError: the generator takes no latent vectors.
    """
    latent = sample_latent(generator, points * rows, seed, distribution)
    if not latent:
        raise UsageError(
            "This generator draws its own noise, as acgan_mnist does with model.latent_input: inside. It takes no "
            "latent vectors to interpolate between."
        )
    between = slerp if distribution == "normal" else lerp
    # A latent input of any rank is one vector.
    stops = [vectors.reshape(points, rows, -1) for vectors in latent]
    wanted = tf.constant(np.resize(classes, rows), tf.int32) if classes else None
    paint = painter(generator)
    for point in range(points):
        for frame in range(frames):
            here = [between(stop[point], stop[(point + 1) % points], frame / frames) for stop in stops]
            inputs = [
                tf.reshape(tf.constant(v, tf.float32), [rows, *w.shape[1:]]) for v, w in zip(here, latent, strict=True)
            ]
            with seeded(generator, sample_key(seed, 0)):
                yield paint(arrange_inputs(generator, inputs, wanted)).numpy()


def number_of_walks(classes: Sequence[int], *, requested: bool) -> int:
    """Return the default number of walks: one per class, but at most MOST_WALKS unless requested; 4 without classes.

    Args:
        classes: the requested classes, or else all classes of the generator; empty if it takes none.
        requested: whether the user requested the classes.
    """
    return (len(classes) if requested else min(len(classes), MOST_WALKS)) or 4


def prepare_files(output: Path | None, seed: int, count: int) -> list[Path]:
    """Return the paths for `count` frames, by default a picture and an animation; creates the folder.

    Raises:
        UsageError: the frames are too many, or the path is not a PNG or GIF, or cannot be written.
    """
    if count > MAX_FRAMES:
        raise UsageError(f"--points times --frames make {count:,} frames. A walk has at most {MAX_FRAMES}.")
    paths = [output] if output else [Path(f"walk-{seed}.png"), Path(f"walk-{seed}.gif")]
    for path in paths:
        if path.suffix.lower() not in (".png", ".gif") or is_folder(path):
            raise UsageError(f"--output takes FILE.png or FILE.gif. Received: {path}")
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
    return paths


def write_walk(paths: Sequence[Path], frames: Iterator[np.ndarray], count: int, *, alpha: bool = False) -> None:
    """Write walks as a picture, a row for each, or as an animation with all walks side by side, about square.

    Args:
        paths: `.png` or `.gif`.
        frames: the frames of `walk`.
        count: number of frames.
        alpha: the last channel is transparency.

    Raises:
        UsageError: the picture would be too large, or cannot be written.
    """
    collected: list[np.ndarray] = []
    for frame in frames:
        collected.append(visible(frame, alpha=alpha))
        if count * frame.size > MAX_GRID_PIXELS:
            raise UsageError(f"{count * len(frame):,} images are too many for one picture. Use fewer.")
    rows = len(collected[0])
    columns = _columns(rows)
    for path in paths:
        with writing(path):
            if path.suffix.lower() == ".png":
                draw.write_png(path, draw.grid(np.concatenate(np.stack(collected, axis=1)), rows, count))
            else:
                sheets = [draw.layout(frame, math.ceil(rows / columns), columns) for frame in collected]
                write_gif(path, sheets, MILLISECONDS, factor=draw.enlargement(sheets[0], collected[0][0]))


def _columns(rows: int) -> int:
    """Return how many walks lie side by side: as square as possible without empty cells, unless that is too wide."""
    square = math.isqrt(rows - 1) + 1
    full = next(number for number in range(square, rows + 1) if rows % number == 0)
    return full if full <= draw.MOST_COLUMNS else square
