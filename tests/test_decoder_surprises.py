"""What image decoders do beyond what one would guess, on files made here: pixels as Pillow has them."""

import io

import cv2
import numpy as np
import pytest
from image_files import encoded, exif, noise, smooth
from PIL import Image, ImageOps

from ganctl.images.decode import decode, read_header


def over_white(image: Image.Image) -> np.ndarray:
    """What is right: Pillow's own pixels, upright, over white."""
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB"))


def agrees(data: bytes, expected: np.ndarray, within: int = 1) -> None:
    pixels = decode(data).pixels
    assert pixels.shape[:2] == expected.shape[:2]
    np.testing.assert_allclose(np.broadcast_to(pixels, expected.shape), expected.astype(int), atol=within)


def half_transparent(mode: str) -> Image.Image:
    """Noise behind an alpha channel with every level, in squares of 4x4 pixels."""
    image = noise(1, 64, 64).convert(mode.removesuffix("A"))
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(4, 0).repeat(4, 1)
    image.putalpha(Image.fromarray(alpha))
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("width", "height"), [(48, 32), (32, 32)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_tiff_lies_as_its_tag_says(mode: str, width: int, height: int, orientation: int) -> None:
    """OpenCV refuses a quarter turn of one that is not square."""
    stored = smooth(width, height).convert(mode)
    data = encoded(stored, "TIFF", exif=exif(orientation))
    tagged = stored.copy()
    tagged.getexif()[0x112] = orientation
    agrees(data, over_white(tagged), within=2)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WebP"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_what_pillow_has(kind: str, mode: str) -> None:
    """OpenCV drops the alpha channel of grey TIFFs, and gives colours of others multiplied by it."""
    image = half_transparent(mode)
    options = {"lossless": True, "exact": True} if kind == "WebP" else {}
    agrees(encoded(image, kind, **options), over_white(image), within=2)


def test_a_tiff_with_four_channels_of_opencvs_own_is_what_was_written() -> None:
    """Such a file does not say that the fourth channel is alpha, and its colours come as they are."""
    image = half_transparent("RGBA")
    written, data = cv2.imencode(".tiff", np.asarray(image)[..., [2, 1, 0, 3]])
    assert written
    agrees(bytes(data), over_white(image))


@pytest.mark.parametrize("depth", [8, 16])
def test_the_transparent_level_of_a_grey_png_is_white(depth: int) -> None:
    """OpenCV drops it."""
    image = Image.new("L", (8, 8), 40)
    image.paste(90, (0, 0, 4, 8))
    data = encoded(image, "PNG", transparency=90)
    expected = np.full((8, 8, 3), 40)
    expected[:, :4] = 255
    if depth == 8:
        agrees(data, expected)
        assert decode(data).conversions == ("alpha over white",)


def test_a_tiff_of_several_pages_says_so() -> None:
    pages = [Image.new("L", (8, 8), level) for level in (0, 100, 200)]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    assert read_header(buffer.getvalue()).pages == 3
    assert "first page only" in decode(buffer.getvalue()).conversions
    assert read_header(encoded(pages[0], "TIFF")).pages == 1


def test_a_tiff_whose_pages_go_in_circles_ends() -> None:
    data = bytearray(encoded(Image.new("L", (8, 8)), "TIFF"))
    first = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[first : first + 2], "little")
    at = first + 2 + 12 * entries
    data[at : at + 4] = first.to_bytes(4, "little")
    assert read_header(bytes(data)).pages == 1
