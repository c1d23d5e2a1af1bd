"""What image decoders do beyond what one would guess, on files made here: pixels as Pillow has them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from image_files import encoded, exif, noise, png_chunk, smooth
from loaded_images import load
from PIL import Image, ImageOps

from ganctl.errors import ConfigurationError, DataError
from ganctl.images.decode import decode
from ganctl.images.headers import read_header

pytestmark = pytest.mark.usefixtures("own_data_folders")


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


def test_the_transparent_level_of_a_grey_png_is_white() -> None:
    """OpenCV drops it."""
    image = Image.new("L", (8, 8), 40)
    image.paste(90, (0, 0, 4, 8))
    data = encoded(image, "PNG", transparency=90)
    expected = np.full((8, 8, 3), 40)
    expected[:, :4] = 255
    agrees(data, expected)
    assert decode(data).conversions == ("alpha over white",)


def test_the_transparent_level_of_a_grey_png_of_16_bits_is_white() -> None:
    levels = np.full((8, 8), 40 * 257, np.uint16)
    levels[:, :4] = 90 * 257
    data = encoded(Image.fromarray(levels), "PNG")
    pixels = data.index(b"IDAT") - 4
    data = data[:pixels] + png_chunk(b"tRNS", (90 * 257).to_bytes(2)) + data[pixels:]
    found = decode(data)
    assert found.pixels[0, :, 0].tolist() == [255] * 4 + [40] * 4
    assert found.conversions == ("16-bit", "alpha over white")
    np.testing.assert_array_equal(found.stored, levels[..., np.newaxis])
    np.testing.assert_array_equal(decode(data, keep_alpha=True).pixels[0, :, 1], [0] * 4 + [255] * 4)


def stack(folder: Path, levels: Sequence[int], mode: str = "L") -> Path:
    """A TIFF with a uniform page of each level."""
    pages = [Image.new(mode, (8, 8), level) for level in levels]
    pages[0].save(folder / "stack.tiff", save_all=True, append_images=pages[1:])
    return folder / "stack.tiff"


def test_the_pages_of_a_tiff_are_counted(tmp_path: Path) -> None:
    assert read_header(stack(tmp_path, [0, 100, 200]).read_bytes()).pages == 3
    assert read_header(encoded(Image.new("L", (8, 8)), "TIFF")).pages == 1


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_of_several_pages_the_first_each_or_all_are_used(mode: str, tmp_path: Path) -> None:
    first, second, third = (0, 100, 200) if mode == "L" else (0, 1600, 4095)
    expected = [0, 100, 200] if mode == "L" else [0, round(1600 / 4095 * 255), 255]
    stack(tmp_path, (first, second, third), mode)
    for name, level in (("a", 10), ("b", 20)):
        Image.new("L", (8, 8), level).save(tmp_path / f"{name}.png")
    keys = {"path": tmp_path, "image_size": 8, "channels": 1}
    found = load("image_folder", **keys)
    assert found.images[:, 0, 0, 0].tolist() == [10, 20, 0]
    assert any(note.startswith("Warning: of 1 TIFFs with several pages, only the first") for note in found.notes)
    found = load("image_folder", **keys, pages="each")
    assert found.images[:, 0, 0, 0].tolist() == [10, 20, *expected]
    assert not any("pages" in note for note in found.notes)
    assert load("image_folder", **keys, pages="each", limit=4).images[:, 0, 0, 0].tolist() == [10, 20, *expected[:2]]


def test_pages_may_be_the_channels_of_an_image(tmp_path: Path) -> None:
    for number in range(2):
        stack(tmp_path, (10, 100 + number, 250, 40, 50)).rename(tmp_path / f"{number}.tiff")
    found = load("image_folder", path=tmp_path, image_size=8, channels=5, pages="channels")
    assert found.images[:, 3, 3].tolist() == [[10, 100, 250, 40, 50], [10, 101, 250, 40, 50]]
    assert not found.alpha
    for keys, message in (
        ({"channels": 3}, r"0\.tiff has 5 pages, each of which becomes a channel\. Set 5\."),
        ({"channels": 5, "alpha": True}, "pages that become channels hold no transparency"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            load("image_folder", path=tmp_path, image_size=8, pages="channels", **keys)


def test_pages_of_several_sizes_are_not_one_image(tmp_path: Path) -> None:
    pages = [Image.new("L", size, 90) for size in ((8, 8), (6, 8))]
    for number in range(2):
        pages[0].save(tmp_path / f"{number}.tiff", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match=r"its 2 pages are not the 2 grey channels of one image: they have the shapes"):
        load("image_folder", path=tmp_path, image_size=8, channels=2, pages="channels")


def test_pages_of_classes_have_their_files_class(tmp_path: Path) -> None:
    for name, levels in (("cells", [10, 20]), ("dust", [200])):
        (tmp_path / name).mkdir()
        stack(tmp_path / name, levels)
    found = load("image_folder", path=tmp_path, image_size=8, channels=1, pages="each")
    assert found.labels is not None
    assert (found.images[:, 0, 0, 0].tolist(), found.labels.tolist()) == ([10, 20, 200], [0, 0, 1])


def test_a_tiff_whose_pages_go_in_circles_ends() -> None:
    data = bytearray(encoded(Image.new("L", (8, 8)), "TIFF"))
    first = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[first : first + 2], "little")
    at = first + 2 + 12 * entries
    data[at : at + 4] = first.to_bytes(4, "little")
    assert read_header(bytes(data)).pages == 1
