"""Walks in latent space: interpolation between the images of a generator."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.errors import UsageError
from ganctl.game.inputs import arrange_inputs
from ganctl.game.noise import layer_seeds, seeded
from ganctl.generation.drawing import BATCH, painter, sample_key, sample_latent
from ganctl.generation.latents import arranged, latent_size
from ganctl.generation.sample_files import MAX_GRID_PIXELS
from ganctl.host.files import is_folder, writing
from ganctl.images import draw
from ganctl.images.bands import visible
from ganctl.images.gif import write_gif
from ganctl.images.mp4 import codec, write_mp4
from ganctl.lazy import tf

MAX_FRAMES = 500
FPS = 10
VIDEO = ".mp4"
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


Stops = list[np.ndarray]
"""The points of walks: an array [points, rows, *shape] for each latent input."""


def stops_of_seed(
    generator: Any, rows: int, points: int, seed: int, distribution: str, truncation: float | None = None
) -> Stops:
    """Return walks through the images of one seed, as `drawing.generate` draws them.

    The first points of all walks are the first `rows` images, the second points are the next, and so on.

    Raises:
        UsageError: the generator takes no latent vectors.
    """
    latent_size(generator)
    latent = sample_latent(generator, points * rows, seed, distribution, truncation)
    return [vectors.reshape(points, rows, *vectors.shape[1:]) for vectors in latent]


def stops_of_seeds(
    generator: Any, rows: int, seeds: Sequence[int], distribution: str, truncation: float | None = None
) -> Stops:
    """Return walks from seed to seed: point k of walk r is image r that `drawing.generate` draws from seed k.

    Raises:
        UsageError: the generator takes no latent vectors.
    """
    latent_size(generator)
    each = [sample_latent(generator, rows, seed, distribution, truncation) for seed in seeds]
    return [np.stack(parts) for parts in zip(*each, strict=True)]


def stops_of_latents(generator: Any, rows: int | None, vectors: np.ndarray) -> Stops:
    """Return walks through given latent vectors.

    Args:
        generator: the network.
        rows: number of walks; None: as many as are given.
        vectors: [points, size], which all walks visit, or [walks, points, size].

    Raises:
        UsageError: another number of walks is given.
    """
    if vectors.ndim == 2:
        vectors = np.repeat(vectors[np.newaxis], rows or 1, axis=0)
    if rows not in (None, len(vectors)):
        raise UsageError(f"The latent vectors are those of {len(vectors)} walks, not of {rows}. Leave --rows out.")
    return [np.moveaxis(part, 0, 1) for part in arranged(generator, vectors)]


def stops_along(generator: Any, starts: Stops, direction: np.ndarray, length: float) -> Stops:
    """Return walks along a direction and back: start, start + length, start, start - length.

    Args:
        generator: the network.
        starts: where they begin: the first points of walks.
        direction: a vector [latent_size].
        length: how far they go to both sides, in units of the vector.
    """
    steps = arranged(generator, np.outer([0.0, length, 0.0, -length], direction))
    return [start[:1] + step[:, np.newaxis] for start, step in zip(starts, steps, strict=True)]


def follow(
    generator: Any,
    stops: Stops,
    frames: int,
    seed: int,
    between: Callable[[np.ndarray, np.ndarray, float], np.ndarray],
    classes: Sequence[int] = (),
    *,
    loop: bool = True,
    truncation: float | None = None,
) -> Iterator[np.ndarray]:
    """Yield uint8 images [rows, H, W, C], a frame of all walks at once: `frame_count` of them.

    Every latent input walks separately; classes, and noise that layers draw themselves, are constant. Frames are drawn
    in batches as large as those of `drawing.generate`, so that the first frame is exactly what that draws from the
    same latent vectors.

    Args:
        generator: the network.
        stops: where the walks go.
        frames: number of frames from each point to the next, including the first point.
        seed: of layers that draw their own noise.
        between: `slerp` or `lerp`.
        classes: for a generator that takes classes, one for each walk, cyclically.
        loop: go from the last point back to the first; else the walk ends with the last point.
        truncation: keep every entry within plus or minus this, as it is at the points.
    """
    points, rows = stops[0].shape[:2]
    paint = painter(generator)
    # Noise of a layer belongs to a place in the batch, so each frame has the same places.
    noisy = bool(layer_seeds(generator))
    together, size = (1, rows) if noisy else (max(1, BATCH // rows), max(BATCH, rows))
    chosen = tf.constant(np.resize(np.resize(classes, rows), size), tf.int32) if classes else None
    places = [divmod(number, frames) for number in range(frame_count(points, frames, loop=loop))]
    for start in range(0, len(places), together):
        some = places[start : start + together]
        inputs = []
        for stop in stops:
            # A latent input of any rank is one vector.
            flat = stop.reshape(points, rows, -1)
            here = [between(flat[point], flat[(point + 1) % points], frame / frames) for point, frame in some]
            vectors = np.concatenate(here)
            if truncation is not None:
                vectors = np.clip(vectors, -truncation, truncation)
            inputs.append(_filled(vectors.reshape(-1, *stop.shape[2:]).astype(np.float32), size))
        with seeded(generator, sample_key(seed, 0)):
            drawn = paint(arrange_inputs(generator, inputs, chosen)).numpy()
        yield from drawn[: rows * len(some)].reshape(len(some), rows, *drawn.shape[1:])


def _filled(rows: np.ndarray, count: int) -> Any:
    """Return rows as a tensor of `count` rows, the further ones being repetitions: a second size is traced again."""
    return tf.constant(rows[np.arange(count) % len(rows)])


def frame_count(points: int, frames: int, *, loop: bool) -> int:
    """Return the number of frames of a walk; one that does not loop ends with its last point."""
    return points * frames if loop else (points - 1) * frames + 1


def path_between(distribution: str) -> Callable[[np.ndarray, np.ndarray, float], np.ndarray]:
    """Return the path for latent vectors: great circles for `normal` ones, straight lines for `uniform` ones."""
    return slerp if distribution == "normal" else lerp


def number_of_walks(classes: Sequence[int], *, requested: bool) -> int:
    """Return the default number of walks: one per class, but at most MOST_WALKS unless requested; 4 without classes.

    Args:
        classes: the requested classes, or else all classes of the generator; empty if it takes none.
        requested: whether the user requested the classes.
    """
    return (len(classes) if requested else min(len(classes), MOST_WALKS)) or 4


def prepare_files(output: Path | None, seed: int, count: int, fps: int | None = None) -> list[Path]:
    """Return the paths for `count` frames, by default a picture and an animation; creates the folder.

    Raises:
        UsageError: the frames are too many, or the path is not a PNG, GIF or MP4, or cannot be written, or OpenCV has
            no codec for a video, or a PNG alone is to have frames per second.
    """
    paths = [output] if output else [Path(f"walk-{seed}.png"), Path(f"walk-{seed}.gif")]
    if fps is not None and all(path.suffix.lower() == ".png" for path in paths):
        raise UsageError(f"--fps is for FILE.gif and FILE.mp4, and {paths[0]} is one picture. Leave it out.")
    for path in paths:
        if path.suffix.lower() not in (".png", ".gif", VIDEO) or is_folder(path):
            raise UsageError(f"--output takes FILE.png, FILE.gif or FILE.mp4. Received: {path}")
        if count > MAX_FRAMES and path.suffix.lower() != VIDEO:
            raise UsageError(
                f"--points times --frames make {count:,} frames. A walk has at most {MAX_FRAMES}. Only FILE.mp4 may "
                "have more."
            )
        if path.suffix.lower() == VIDEO:
            codec()
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
    return paths


def write_walk(
    paths: Sequence[Path],
    frames: Iterator[np.ndarray],
    count: int,
    *,
    alpha: bool = False,
    names: Sequence[str] = (),
    fps: int = FPS,
) -> str:
    """Write walks as a picture, a row for each, or as an animation or video of all walks side by side, about square.

    Args:
        paths: `.png`, `.gif` or `.mp4`.
        frames: the frames of `walk`.
        count: number of frames.
        alpha: the last channel is transparency.
        names: names for the rows of a picture.
        fps: frames per second.

    Returns:
        The codec of a video; empty if there is none.

    Raises:
        UsageError: the picture would be too large, or cannot be written.
    """
    shown = (visible(frame, alpha=alpha) for frame in frames)
    if [path.suffix.lower() for path in paths] == [VIDEO]:  # one by one: a video may be long
        with writing(paths[0]):
            return write_mp4(paths[0], (_side_by_side(frame) for frame in shown), fps)
    collected: list[np.ndarray] = []
    for frame in shown:
        collected.append(frame)
        if count * frame.size > MAX_GRID_PIXELS:
            raise UsageError(f"{count * len(frame):,} images are too many for one picture. Use fewer.")
    rows = len(collected[0])
    for path in paths:
        with writing(path):
            if path.suffix.lower() == ".png":
                images = np.concatenate(np.stack(collected, axis=1))
                draw.write_png(path, draw.grid(images, rows, count, row_names=names))
            else:
                sheets = [_side_by_side(frame, 1) for frame in collected]
                # GIF counts hundredths of a second.
                write_gif(path, sheets, round(100 / fps) * 10, factor=_enlargement(collected[0]))
    return ""


def _side_by_side(frame: np.ndarray, factor: int | None = None) -> np.ndarray:
    """Return the images of all walks on one sheet, enlarged by a factor, by default as a grid is."""
    rows, factor = len(frame), factor or _enlargement(frame)
    columns = _columns(rows)
    sheet = draw.layout(frame, math.ceil(rows / columns), columns)
    return sheet.repeat(factor, axis=0).repeat(factor, axis=1)


def _enlargement(frame: np.ndarray) -> int:
    return draw.enlargement(_side_by_side(frame, 1), frame[0])


def _columns(rows: int) -> int:
    """Return how many walks lie side by side: as square as possible without empty cells, unless that is too wide."""
    square = math.isqrt(rows - 1) + 1
    full = next(number for number in range(square, rows + 1) if rows % number == 0)
    return full if full <= draw.MOST_COLUMNS else square
