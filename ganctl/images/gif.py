"""Frames as a GIF that repeats for ever."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from ganctl.host.files import write_atomically

# Small frames are enlarged by a whole number as long as no side gets longer than this ...
ENLARGED_SIDE = 512
# ... and large ones shrunk to this, which bounds the memory that an animation takes, and its file.
LONGEST_SIDE = 640

# A palette is chosen by so many pixels of a frame, and no more than that of all frames; k-means on all takes minutes.
FRAME_PIXELS = 2**12
PALETTE_PIXELS = 2**15


def write_gif(
    path: Path, frames: Iterable[np.ndarray], milliseconds: int, *, hold: int | None = None, one_palette: bool = True
) -> None:
    """Write an animation that repeats for ever; the file appears whole or not at all.

    Grey stays exact. Colours become the nearest of 256 and are not dithered, because what is dithered crawls.

    Args:
        path: the file.
        frames: uint8 [H, W, 1] grey or [H, W, 3] RGB, all of one shape, at least one; taken one at a time.
        milliseconds: how long each is shown; GIF counts hundredths of a second.
        hold: how long the last is shown, if not as long as the others.
        one_palette: all frames have the same colours, so that smooth changes do not flicker; else each has its own,
            which are truer where frames have little in common.
    """
    images = [_shrunk(frame) for frame in frames]
    if images[0].mode == "RGB":
        palettes = [_palette(images)] * len(images) if one_palette else [_palette([image]) for image in images]
        images = [i.quantize(palette=p, dither=Image.Dither.NONE) for i, p in zip(images, palettes, strict=True)]
    factor = max(1, ENLARGED_SIDE // max(images[0].size))
    images = [image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST) for image in images]
    durations = [milliseconds] * (len(images) - 1) + [hold or milliseconds]
    content = io.BytesIO()
    images[0].save(content, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)
    write_atomically(path, content.getvalue())


def _shrunk(frame: np.ndarray) -> Image.Image:
    """A frame as an image whose sides are no longer than LONGEST_SIDE."""
    image = Image.fromarray(frame[..., 0] if frame.shape[2] == 1 else frame)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)
    return image


def _palette(images: list[Image.Image]) -> Image.Image:
    """The 256 colours that fit all images best: median cut, then k-means, of pixels drawn at random."""
    random = np.random.default_rng(0)
    share = min(FRAME_PIXELS, -(-PALETTE_PIXELS // len(images)))
    drawn = [random.choice(np.asarray(image).reshape(-1, 3), share) for image in images]
    return Image.fromarray(np.concatenate(drawn)[np.newaxis]).quantize(256, kmeans=1)
