import contextlib
import io
import os
import struct
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from conftest import at_most
from image_files import (
    BLACK,
    BLUE,
    RED,
    WHITE,
    encoded,
    exif,
    noise,
    palette,
    png_bomb,
    png_chunk,
    red_left_blue_right,
    smooth,
    with_right_half_transparent,
)
from PIL import Image, ImageOps

from ganctl.errors import DataError
from ganctl.images.decode import decode
from ganctl.images.draw import grid, layout, write_png
from ganctl.images.file_formats import image_kind
from ganctl.images.headers import read_header
from ganctl.images.resize import scale_to_fit, to_channels
from ganctl.images.value_range import ValueRange

KINDS = {"JPEG": {"quality": 95}, "PNG": {}, "GIF": {}, "BMP": {}, "WebP": {"lossless": True}, "TIFF": {}}


def left_and_right(pixels):
    return pixels[10, 2].tolist(), pixels[10, -3].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_colours_and_sides(kind):
    data = encoded(red_left_blue_right(), kind, **KINDS[kind])
    assert image_kind(data) == kind
    header = read_header(data)
    assert (header.width, header.height) == (32, 20)
    pixels = decode(data).pixels
    assert pixels.shape == (20, 32, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(left_and_right(pixels), (RED, BLUE), atol=2)


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_header_of_both_codings(lossless):
    header = read_header(encoded(noise(0, 33, 17), "WebP", lossless=lossless))
    assert (header.width, header.height) == (33, 17)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WebP", "TIFF", "GIF"])
def test_grey_file(kind):
    image = Image.fromarray(np.full((8, 8), 100, np.uint8))
    decoded = decode(encoded(image, kind))
    np.testing.assert_allclose(to_channels(decoded.pixels, 1), 100, atol=1)
    if kind in ("JPEG", "PNG", "TIFF"):
        assert decoded.conversions == ("grey",)
        assert decoded.pixels.shape == (8, 8, 1)


@pytest.mark.parametrize(
    "data",
    [
        encoded(with_right_half_transparent(red_left_blue_right()), "PNG"),
        encoded(with_right_half_transparent(red_left_blue_right()), "WebP", lossless=True),
        encoded(with_right_half_transparent(red_left_blue_right()), "TIFF"),
        encoded(palette(), "PNG", transparency=1),
        encoded(palette(), "GIF", transparency=1),
    ],
    ids=["rgba", "webp", "tiff", "palette", "gif"],
)
def test_transparency_lies_over_white(data):
    decoded = decode(data)
    assert left_and_right(decoded.pixels) == (list(RED), list(WHITE))
    assert decoded.conversions == ("alpha over white",)


def test_grey_with_alpha_lies_over_white():
    image = with_right_half_transparent(Image.new("L", (32, 20), 100), "LA")
    pixels = decode(encoded(image, "PNG")).pixels
    assert left_and_right(to_channels(pixels, 1)) == ([100], [255])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_half_transparent_is_mixed_with_white(kind):
    image = Image.new("RGBA", (4, 4), (200, 100, 40, 128))
    np.testing.assert_allclose(decode(encoded(image, kind)).pixels[0, 0], (227, 177, 147), atol=1)


def test_sixteen_bits_are_scaled():
    image = Image.fromarray(np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16))
    decoded = decode(encoded(image, "PNG"))
    np.testing.assert_array_equal(decoded.pixels.ravel(), np.arange(256))
    assert decoded.conversions == ("16-bit", "grey")


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(kind):
    decoded = decode(encoded(red_left_blue_right().convert("CMYK"), kind))
    np.testing.assert_allclose(left_and_right(decoded.pixels), (RED, BLUE), atol=3)
    assert decoded.conversions == ("CMYK",)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "TIFF"])
def test_exif_orientation_is_applied(kind, orientation):
    stored = smooth(48, 32)
    options = {"lossless": True} if kind == "WebP" else {}
    data = encoded(stored, kind, exif=exif(orientation), **options)
    with Image.open(io.BytesIO(data)) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    pixels = decode(data).pixels
    assert pixels.shape == upright.shape
    np.testing.assert_allclose(pixels.astype(int), upright, atol=6)


DAMAGED_EXIF = [b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\0\0\0\x99\0\0\0"]


@pytest.mark.parametrize("block", DAMAGED_EXIF, ids=["nowhere", "short"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
def test_damaged_exif_is_no_reason_to_refuse(kind, block):
    data = encoded(red_left_blue_right(), kind, exif=block)
    assert decode(data).conversions == ()


def test_a_png_that_notes_its_rotation_behind_its_pixels_is_turned():
    """As ExifTool writes it."""
    data = encoded(smooth(48, 32), "PNG")
    end = data.index(b"IEND") - 4
    block = exif(6).tobytes().removeprefix(b"Exif\0\0")
    turned = data[:end] + png_chunk(b"eXIf", block) + data[end:]
    assert read_header(turned).orientation == 6
    assert decode(turned).pixels.shape == (48, 32, 3)


def test_reading_headers_leaves_the_settings_of_the_process_alone(monkeypatch):
    """And they leave it alone: Pillow's limit is the user's, and warnings may be errors, as they are here."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    before = list(warnings.filters)
    files = [encoded(noise(n), kind, exif=DAMAGED_EXIF[1]) for n in range(50) for kind in ("JPEG", "PNG")]
    with ThreadPoolExecutor(8) as pool:
        headers = list(pool.map(read_header, files))
    assert all((header.width, header.height, header.orientation) == (32, 32, 1) for header in headers)
    assert warnings.filters == before


def test_animation_gives_its_first_frame():
    frames = {"save_all": True, "append_images": [Image.new("RGB", (32, 20), BLACK)]}
    for kind, options in (("GIF", {}), ("WebP", {"lossless": True}), ("PNG", {})):
        assert left_and_right(decode(encoded(red_left_blue_right(), kind, **frames, **options)).pixels) == (
            list(RED),
            list(BLUE),
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_off_files_are_refused_quietly(kind, share, capfd):
    data = encoded(noise(0), kind)
    with pytest.raises(DataError):
        decode(data[: int(len(data) * share)])
    assert capfd.readouterr() == ("", "")


def test_flipped_bit_in_png_is_found(capfd):
    data = bytearray(encoded(noise(0), "PNG"))
    data[len(data) // 2] ^= 1
    with pytest.raises(DataError, match="checksum"):
        decode(bytes(data))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", KINDS)
def test_damage_never_raises_anything_but_data_error(kind):
    data = encoded(noise(0), kind, **({"exif": exif(6)} if kind in ("JPEG", "PNG", "WebP", "TIFF") else {}))
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(data)
        for position in rng.integers(0, min(len(data), 200), 3):
            damaged[position] = rng.integers(0, 256)
        with contextlib.suppress(DataError):
            assert decode(bytes(damaged)).pixels.dtype == np.uint8


@pytest.mark.parametrize("damage", [slice(None, -1), slice(None, -4)], ids=["one byte", "all four"])
def test_a_png_without_its_last_checksum_is_refused_quietly(damage, capfd):
    """Pillow does not look at it, and OpenCV's library would print a warning."""
    data = encoded(noise(0), "PNG")
    for damaged in (data[damage], data[damage] + bytes(4)):
        with pytest.raises(DataError, match="at its end"):
            decode(damaged)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("shifts", [(0, 8, 16), (24, 16, 8)], ids=["unknown to Pillow", "known to Pillow"])
def test_a_bitmap_whose_channels_come_in_another_order_is_refused(shifts):
    """OpenCV would take the first byte for blue and the third for red."""
    information = struct.pack("<IiiHHIIiiII", 40, 8, 4, 1, 32, 3, 128, 0, 0, 0, 0)
    masks = struct.pack("<III", *(0xFF << shift for shift in shifts))
    start = 14 + len(information) + len(masks)
    data = struct.pack("<2sIHHI", b"BM", start + 128, 0, 0, start) + information + masks + bytes(128)
    with pytest.raises(DataError, match=r"bitfields|swapped"):
        decode(data)


def test_text_is_no_image():
    assert image_kind(b"<html>") is None
    assert image_kind(b"") is None
    with pytest.raises(DataError, match=r"^not a JPEG, PNG"):
        decode(b"<html>")


def test_bombs_are_refused_from_the_header():
    jpeg = bytearray(encoded(noise(0), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 30_000, 30_000)
    for bomb in (png_bomb(30_000, 30_000), bytes(jpeg)):
        with at_most(0.5), pytest.raises(DataError, match="30000 x 30000"):
            decode(bomb)
    canvas = struct.pack("<4xHBHB", 29_999, 0, 29_999, 0)
    webp = b"WEBPVP8X" + struct.pack("<I", len(canvas)) + canvas + encoded(noise(0), "WebP")[12:]
    with at_most(0.5), pytest.raises(DataError, match=r"too large.*900000000 pixels|damaged"):  # before Pillow 13
        decode(b"RIFF" + struct.pack("<I", len(webp)) + webp)


def test_no_pixels_are_refused():
    with pytest.raises(DataError, match="damaged"):
        decode(png_bomb(0, 5))
    tiff = encoded(noise(0), "TIFF")
    width = struct.pack("<HHII", 0x100, 4, 1, 32)
    with pytest.raises(DataError, match="0 x 32"):
        decode(tiff.replace(width, struct.pack("<HHII", 0x100, 4, 1, 0)))


@pytest.mark.parametrize("channels", [1, 3])  # Pillow opens none with three
def test_float_pixels_have_the_range_that_is_named(channels):
    values = np.linspace(-80, -20, 64 * channels, dtype=np.float32).reshape(8, 8, channels)
    _, data = cv2.imencode(".tiff", values)
    decoded = decode(bytes(data), value_range=ValueRange(-80, -20))
    expected = np.rint((values + 80) / 60 * 255)[..., ::-1]
    np.testing.assert_allclose(decoded.pixels, expected, atol=1)
    assert "float32" in decoded.conversions


def test_float_pixels_that_are_not_finite_are_refused():
    _, data = cv2.imencode(".tiff", np.full((8, 8), np.nan, np.float32))
    with pytest.raises(DataError, match="not finite"):
        decode(bytes(data))


def test_large_photos_are_decoded_reduced_and_look_the_same():
    data = encoded(smooth(4032, 3024), "JPEG", quality=90)
    seconds = {}
    fitted = {}
    for shortest_side in (None, 64):
        started = time.process_time()
        fitted[shortest_side] = scale_to_fit(decode(data, shortest_side).pixels, 64, "crop").astype(int)
        seconds[shortest_side] = time.process_time() - started
    assert np.abs(fitted[None] - fitted[64]).mean() < 1
    assert seconds[64] * 2 < seconds[None]


@pytest.mark.parametrize(("wanted", "side"), [(8, 16), (16, 16), (17, 32), (33, 64), (64, 64), (65, 128), (500, 128)])
def test_reduced_decoding_never_goes_below_the_wanted_size(wanted, side):
    assert decode(encoded(smooth(128, 128), "JPEG"), wanted).pixels.shape == (side, side, 3)


def test_crop_takes_the_centre():
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = 200
    assert (scale_to_fit(image, 10, "crop") == 200).all()
    assert (scale_to_fit(image.transpose(1, 0, 2), 5, "crop") == 200).all()


def test_squash_keeps_everything():
    squashed = scale_to_fit(decode(encoded(red_left_blue_right(64, 16), "PNG")).pixels, 16, "squash")
    assert squashed.shape == (16, 16, 3)
    assert (squashed[:, :8] == RED).all()
    assert (squashed[:, 8:] == BLUE).all()


def test_pad_never_enlarges():
    padded = scale_to_fit(np.full((28, 28, 1), 9, np.uint8), 32, "pad")
    assert (padded[2:30, 2:30] == 9).all()
    assert padded.sum() == 9 * 28 * 28
    shrunk = scale_to_fit(np.full((100, 50, 3), 9, np.uint8), 32, "pad")
    assert (shrunk[:, 8:24] == 9).all()
    assert (shrunk[:, :8] == 0).all()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 50_000, 1), (50_000, 1, 3), (2, 7, 1)])
@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_extreme_shapes_fit(shape, resize):
    image = np.full(shape, 77, np.uint8)
    fitted = scale_to_fit(image, 64, resize)
    assert fitted.shape == (64, 64, shape[2])
    assert fitted.max() == 77


def test_shrinking_averages():
    stripes = np.zeros((64, 64, 1), np.uint8)
    stripes[:, ::2] = 200
    assert (scale_to_fit(stripes, 32, "crop") == 100).all()


def test_channels():
    grey = np.full((2, 2, 1), 50, np.uint8)
    assert to_channels(grey, 1) is grey
    assert (to_channels(grey, 3) == 50).all()
    assert to_channels(grey, 3).shape == (2, 2, 3)
    red = np.full((2, 2, 3), RED, np.uint8)
    assert to_channels(red, 1).shape == (2, 2, 1)
    assert (to_channels(red, 1) == 76).all()


def test_grid_places_images_row_by_row():
    images = np.stack([np.full((2, 3, 1), value, np.uint8) for value in (10, 20, 30)])
    sheet = layout(images, rows=2, columns=2, gap=1)
    assert sheet.shape == (7, 9, 1)
    assert (sheet[1:3, 1:4] == 10).all()
    assert (sheet[1:3, 5:8] == 20).all()
    assert (sheet[4:6, 1:4] == 30).all()
    assert (sheet[4:6, 5:8] == 255).all()
    assert layout(images, rows=1, columns=1, gap=0).shape == (2, 3, 1)


@pytest.mark.parametrize(
    ("shape", "rows", "columns", "factor"),
    [
        ((28, 28, 1), 8, 8, 4),  # 242 pixels: five times as many would be 1,210
        ((28, 28, 1), 1, 1, 4),  # five times 28 is 140
        ((28, 28, 1), 10, 4, 3),  # the longer side counts: 302
        ((64, 64, 3), 3, 5, 2),
        ((64, 64, 3), 8, 8, 1),
        ((128, 128, 3), 1, 2, 1),
        ((300, 300, 3), 8, 8, 1),  # 2,418 pixels: nothing is ever shrunk
        ((8, 16, 1), 2, 3, 8),
    ],
)
def test_a_grid_of_small_images_is_enlarged_by_a_whole_factor(
    shape: tuple[int, int, int], rows: int, columns: int, factor: int
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (rows * columns, *shape), np.uint8)
    native, sheet = layout(images, rows, columns), grid(images, rows, columns)
    assert sheet.shape == (native.shape[0] * factor, native.shape[1] * factor, shape[2])
    for offset in {0, factor - 1}:
        np.testing.assert_array_equal(sheet[offset::factor, offset::factor], native)


@pytest.mark.parametrize("shape", [(4, 6, 3), (4, 6, 1), (4, 6)])
def test_written_png_reads_back(tmp_path, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    write_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(decode((tmp_path / "a.png").read_bytes()).pixels.reshape(shape), image)
    assert os.listdir(tmp_path) == ["a.png"]


def test_failed_png_leaves_what_was_there(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match=r"a\.png"):
        write_png(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    assert os.listdir(tmp_path) == ["a.png"]


def test_listing_data_sets_loads_neither_tensorflow_nor_opencv():
    program = """
import sys
from ganctl.datasets import registry
names = [entry.name for entry in registry]
assert names == sorted(names) and "image_folder" in names
assert not {"tensorflow", "keras", "cv2"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
