"""Builds the image files that people really have: odd kinds, turned, transparent, damaged."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)

EXIF_ORIENTATION = 0x112


def red_left_blue_right(width: int = 32, height: int = 20) -> Image.Image:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = RED
    pixels[:, width // 2 :] = BLUE
    return Image.fromarray(pixels)


def noise(seed: int, width: int = 32, height: int = 32) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def smooth(width: int, height: int) -> Image.Image:
    """A picture without detail at the scale of pixels, as a large photo is."""
    return noise(0, 40, 30).resize((width, height), Image.Resampling.BICUBIC)


def with_right_half_transparent(image: Image.Image, mode: str = "RGBA") -> Image.Image:
    alpha = np.full((image.height, image.width), 255, np.uint8)
    alpha[:, image.width // 2 :] = 0
    image = image.convert(mode)
    image.putalpha(Image.fromarray(alpha))
    return image


def palette(width: int = 32, height: int = 20) -> Image.Image:
    """Entry 0 (red) on the left, entry 1 (blue) on the right."""
    image = Image.new("P", (width, height))
    image.putpalette([*RED, *BLUE])
    image.paste(1, (width // 2, 0, width, height))
    return image


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[EXIF_ORIENTATION] = orientation
    return block


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that declares any size."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")


def write_images(folder: Path, count: int, kind: str = "png") -> list[Path]:
    """Write different images called 000, 001 ... and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03d}.{kind}" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(encoded(noise(number), kind))
    return paths
