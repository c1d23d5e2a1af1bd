"""Frames as a GIF that repeats for ever."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from ganctl.host.files import write_atomically
from ganctl.images.draw import LONGEST_SIDE

# A palette is chosen from this many pixels per frame, and of all frames together: k-means on all pixels takes minutes.
FRAME_PIXELS = 2**12
PALETTE_PIXELS = 2**15


def write_gif(
    path: Path,
    frames: Iterable[np.ndarray],
    milliseconds: int,
    *,
    hold: int | None = None,
    one_palette: bool = True,
    factor: int = 1,
) -> None:
    """Write an animation that repeats for ever; the file appears whole or not at all.

    Grey stays exact. Colours become the nearest of 256 without dithering, because dithering flickers. Frames whose
    longer side is more than LONGEST_SIDE are shrunk to it, which bounds the file.

    Args:
        path: the file.
        frames: uint8 [H, W, 1] grey or [H, W, 3] RGB, all of one shape, at least one; consumed one at a time.
        milliseconds: duration of each frame; GIF counts hundredths of a second.
        hold: duration of the last frame in milliseconds; None: as the others.
        one_palette: use the same colours for all frames, so that smooth changes do not flicker; otherwise each frame
            has its own, which are more accurate for frames with little in common.
        factor: enlarges the frames, as `ganctl.images.draw.enlargement` does for a grid.
    """
    shrunk = (_shrunk(frame) for frame in frames)
    if one_palette:
        images = list(shrunk)
        if images[0].mode == "RGB":
            palette = _palette(images)
            images = [_with_palette(image, palette) for image in images]
    else:  # one by one: holding all coloured frames at once would take three times the memory
        images = [_with_palette(image, _palette([image])) if image.mode == "RGB" else image for image in shrunk]
    images = [image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST) for image in images]
    durations = [milliseconds] * (len(images) - 1) + [hold or milliseconds]
    content = io.BytesIO()
    images[0].save(content, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)
    write_atomically(path, content.getvalue())


def _with_palette(image: Image.Image, palette: Image.Image) -> Image.Image:
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def _shrunk(frame: np.ndarray) -> Image.Image:
    """A frame as an image whose sides are at most LONGEST_SIDE."""
    image = Image.fromarray(frame[..., 0] if frame.shape[2] == 1 else frame)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX)
    return image


def _palette(images: list[Image.Image]) -> Image.Image:
    """The 256 colours that fit all images best: median cut, then k-means, on randomly drawn pixels."""
    random = np.random.default_rng(0)
    share = min(FRAME_PIXELS, -(-PALETTE_PIXELS // len(images)))
    drawn = [random.choice(np.asarray(image).reshape(-1, 3), share) for image in images]
    return Image.fromarray(np.concatenate(drawn)[np.newaxis]).quantize(256, kmeans=1)
