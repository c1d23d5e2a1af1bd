"""Formats beyond the usual ones: read as Pillow reads them, or named for what they are, with a way out."""

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from image_files import (
    BLUE,
    RED,
    WHITE,
    encoded,
    exif,
    noise,
    palette,
    red_left_blue_right,
    smooth,
    with_right_half_transparent,
    write_images,
)
from loaded_images import load
from PIL import Image, ImageOps, features

from ganctl.errors import DataError
from ganctl.images import file_formats
from ganctl.images.decode import decode
from ganctl.images.file_formats import FIRST_BYTES, WAYS_OUT, format_of, image_kind, is_read
from ganctl.images.folder_listing import list_images
from ganctl.images.headers import UnreadFormatError, read_header
from ganctl.planning.survey.image_glance import glance, mode_of, read_ends

pytestmark = pytest.mark.usefixtures("own_data_folders")

NAME = {"TGA": "x.TGA"}
LOSSLESS = {
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    "JPEG 2000": {"irreversible": False},
    "PPM": {},
    "TGA": {},
}
PILLOW = {"JPEG 2000": "JPEG2000"}
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow does not read AVIF")


def written(image: Image.Image, kind: str, **options: object) -> bytes:
    return encoded(image, PILLOW.get(kind, kind), **{**LOSSLESS.get(kind, {}), **options})


def upright(data: bytes, mode: str = "RGB") -> np.ndarray:
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(ImageOps.exif_transpose(opened).convert(mode))


def kinds(*names: str) -> list[object]:
    return [pytest.param(name, marks=needs_avif if name == "AVIF" else ()) for name in names]


# ---- read


@pytest.mark.parametrize("kind", kinds("AVIF", "JPEG 2000", "PPM", "TGA"))
def test_pixels_are_those_of_pillow(kind: str) -> None:
    image = smooth(48, 32)
    data, name = written(image, kind), NAME.get(kind, "")
    assert image_kind(data[:FIRST_BYTES], name) == kind
    header = read_header(data, name)
    assert (header.kind, header.width, header.height, header.mode) == (kind, 48, 32, "RGB")
    decoded = decode(data, name=name)
    np.testing.assert_array_equal(decoded.pixels, upright(data))
    np.testing.assert_allclose(decoded.pixels.astype(int), np.asarray(image), atol=3)
    assert decoded.conversions == ()


@pytest.mark.parametrize("kind", kinds("AVIF", "JPEG 2000", "PPM", "TGA"))
def test_grey_is_grey(kind: str) -> None:
    image = smooth(24, 16).convert("L")
    decoded = decode(written(image, kind), name=NAME.get(kind, ""))
    channel = decoded.pixels[..., 0]
    np.testing.assert_allclose(channel.astype(int), np.asarray(image), atol=3)
    assert decoded.pixels.shape[2] == (3 if kind == "AVIF" else 1)


@pytest.mark.parametrize("kind", kinds("AVIF", "JPEG 2000", "TGA"))
def test_transparency_lies_over_white(kind: str) -> None:
    decoded = decode(written(with_right_half_transparent(red_left_blue_right()), kind), name=NAME.get(kind, ""))
    np.testing.assert_allclose(decoded.pixels[10, 2], RED, atol=3)
    np.testing.assert_array_equal(decoded.pixels[10, -3], WHITE)
    assert decoded.conversions == ("alpha over white",)


@needs_avif
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_as_it_says(orientation: int) -> None:
    """OpenCV ignores it."""
    data = written(smooth(48, 32), "AVIF", exif=exif(orientation))
    decoded = decode(data)
    np.testing.assert_array_equal(decoded.pixels, upright(data))
    assert decoded.pixels.shape == ((48, 32, 3) if orientation > 4 else (32, 48, 3))
    assert decoded.conversions == (("rotated by EXIF",) if orientation > 1 else ())


PORTABLE = {
    "P1": (b"P1\n# made by hand\n3 2\n0 1 0\n1 1 0\n", [[255, 0, 255], [0, 0, 255]]),
    "P2": (b"P2 3 2 15\n0 1 2\n13 14 15\n", [[0, 17, 34], [221, 238, 255]]),
    "P3": (b"P3\n1 1\n255\n255 0 7\n", [[[255, 0, 7]]]),
    "P4": (b"P4\n3 2\n\x40\xc0", [[255, 0, 255], [0, 0, 255]]),
    "P5": (b"P5 3 2 255\n" + bytes([1, 2, 3, 4, 5, 6]), [[1, 2, 3], [4, 5, 6]]),
    "P5 of 12 bits": (b"P5 2 1 4095\n" + struct.pack(">2H", 4095, 2048), [[255, 128]]),
    "P5 of 16 bits": (b"P5 2 1 65535\n" + struct.pack(">2H", 65535, 32896), [[255, 128]]),
    "P6": (b"P6 2 1 255\n" + bytes([255, 0, 7, 1, 2, 3]), [[[255, 0, 7], [1, 2, 3]]]),
}


@pytest.mark.parametrize("content", PORTABLE.values(), ids=PORTABLE)
def test_every_portable_map_is_read(content: tuple[bytes, list[object]]) -> None:
    data, expected = content
    pixels = decode(data).pixels
    np.testing.assert_array_equal(pixels[..., 0] if pixels.shape[2] == 1 else pixels, expected)


def test_the_bits_of_a_portable_map_are_kept_as_values() -> None:
    decoded = decode(b"P5 2 1 65535\n" + struct.pack(">2H", 1000, 40))
    assert decoded.stored is not None
    assert decoded.stored.dtype == np.uint16
    assert decoded.stored.ravel().tolist() == [1000, 40]


def tga(kind: int, bits: int, flags: int, pixels: bytes, size: tuple[int, int] = (2, 1)) -> bytes:
    return struct.pack("<BBB5xHHHHBB", 0, 0, kind, 0, 0, *size, bits, flags) + pixels + bytes(8)


def test_a_tga_has_its_own_origin() -> None:
    column = bytes([1, 1, 1, 2, 2, 2])
    for flags, expected in ((0x20, [1, 2]), (0x00, [2, 1])):
        assert decode(tga(2, 24, flags, column, (1, 2)), name="x.tga").pixels[:, 0, 0].tolist() == expected
    image = red_left_blue_right()
    for options in ({"rle": True}, {"orientation": 1}):
        decoded = decode(encoded(image, "TGA", **options), name="x.tga")
        np.testing.assert_array_equal(decoded.pixels, np.asarray(image))
    assert decode(encoded(palette(), "TGA"), name="x.tga").pixels[10, [2, -3]].tolist() == [list(RED), list(BLUE)]


def test_a_tga_whose_fourth_byte_was_never_filled_is_opaque() -> None:
    pixels = bytes([10, 20, 30, 0, 40, 50, 60, 0])
    assert decode(tga(2, 32, 0x20, pixels), name="x.tga").pixels[0].tolist() == [[30, 20, 10], [60, 50, 40]]
    assert decode(tga(2, 32, 0x28, pixels), name="x.tga").pixels[0].tolist() == [[255] * 3] * 2


def test_only_its_name_makes_a_file_a_tga() -> None:
    data = encoded(noise(0), "TGA")
    assert image_kind(data, "x.tga") == "TGA"
    assert image_kind(data, "x.dat") is None
    assert image_kind(b"hello, this is text", "x.tga") is None


def test_sixteen_bits_of_jpeg_2000_are_kept() -> None:
    values = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    decoded = decode(encoded(Image.fromarray(values), "JPEG2000"))
    np.testing.assert_array_equal(decoded.stored, values[..., np.newaxis])
    np.testing.assert_array_equal(decoded.pixels.ravel(), np.arange(256))


def test_a_jpeg_2000_of_opencv_has_its_colours() -> None:
    image = np.asarray(smooth(32, 32))
    content = cv2.imencode(".jp2", image[..., ::-1], [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1].tobytes()
    np.testing.assert_allclose(decode(content).pixels.astype(int), image, atol=3)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", kinds("AVIF", "JPEG 2000", "PPM", "TGA"))
def test_a_file_that_is_cut_off_is_damaged(kind: str, share: float) -> None:
    data = written(noise(0, 64, 64), kind)
    with pytest.raises(DataError, match=r"damaged|cut off"):
        decode(data[: int(len(data) * share)], name=NAME.get(kind, ""))


@pytest.mark.parametrize(
    "data",
    [b"P5 30000 30000 255\n", tga(2, 24, 0, b"", (30_000, 30_000))],
    ids=["ppm", "tga"],
)
def test_more_pixels_than_are_accepted_are_refused_from_the_header(data: bytes) -> None:
    with pytest.raises(DataError, match="it declares 30000 x 30000 pixels"):
        decode(data, name="x.tga")


@pytest.mark.parametrize("kind", kinds("AVIF", "JPEG 2000", "PPM", "TGA"))
def test_the_survey_sees_a_large_file_as_it_is(kind: str, tmp_path: Path) -> None:
    data = written(noise(0, 260, 200), kind)
    (tmp_path / f"x.{kind}").write_bytes(data)
    listing = list_images(tmp_path)
    (file,) = listing.files
    ends = read_ends(listing, file)
    assert ends is not None
    assert not ends.whole
    header = glance(listing, file, ends)
    assert header == read_header(data, file.name)
    assert mode_of(ends.head, header) == "RGB"


def test_a_folder_of_all_kinds_is_read(tmp_path: Path) -> None:
    images = [smooth(20, 20).point(lambda level, dark=dark: level // dark) for dark in (1, 2, 3)]
    for image, kind in zip(images, ("JPEG 2000", "PPM", "TGA"), strict=True):
        (tmp_path / f"{kind}.{kind[:3]}").write_bytes(written(image, kind))
    found = load("image_folder", path=tmp_path, image_size=20)
    np.testing.assert_array_equal(found.images, [np.asarray(image) for image in images])


# ---- HEIC


HEIF = pytest.importorskip("pillow_heif", reason="the extra `heif`") if file_formats.is_read("HEIC") else None
needs_heif = pytest.mark.skipif(HEIF is None, reason="the extra `heif` is not installed")


def heic(image: Image.Image, **options: object) -> bytes:
    assert HEIF is not None
    buffer = io.BytesIO()
    HEIF.from_pillow(image).save(buffer, quality=95, **options)
    return buffer.getvalue()


@needs_heif
def test_heic_is_read_with_its_decoder() -> None:
    image = Image.new("RGB", (48, 32), (200, 60, 90))
    data = heic(image)
    assert image_kind(data[:FIRST_BYTES]) == "HEIC"
    np.testing.assert_allclose(decode(data).pixels.astype(int), np.asarray(image), atol=4)


@needs_heif
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_heic_is_upright(orientation: int) -> None:
    image = smooth(48, 32).convert("L").convert("RGB")  # colours would lose their detail
    decoded = decode(heic(image, exif=exif(orientation).tobytes()))
    image.getexif()[0x112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_allclose(decoded.pixels.astype(int), expected, atol=12)


@needs_heif
def test_heic_over_white_and_damaged() -> None:
    decoded = decode(heic(with_right_half_transparent(red_left_blue_right(64, 64))))
    assert decoded.pixels[10, -3].tolist() == list(WHITE)
    data = heic(noise(0, 64, 64))
    with pytest.raises(DataError, match="damaged"):
        decode(data[: len(data) // 2])


# ---- not read, and named


def box(brand: bytes, *compatible: bytes) -> bytes:
    return struct.pack(">I", 16 + 4 * len(compatible)) + b"ftyp" + brand + bytes(4) + b"".join(compatible) + bytes(64)


def tiff(*tags: tuple[int, int, int], order: str = "<", at: int = 8) -> bytes:
    """A TIFF of one directory: tags with type (3 or 4) and value."""
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", at)
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, kind, 1) + struct.pack(f"{order}{'H2x' if kind == 3 else 'I'}", value)
        for tag, kind, value in sorted(tags)
    )
    return start + bytes(at - 8) + struct.pack(f"{order}H", len(tags)) + entries + bytes(200)


SIZE = ((0x100, 3, 16), (0x101, 3, 16))
UNREAD = {
    "x.heic": (box(b"heic", b"mif1", b"heic"), "HEIC"),
    "general brand.heif": (box(b"mif1", b"mif1", b"heic"), "HEIC"),
    "canon.cr2": (b"II*\0\x10\0\0\0CR\2\0" + bytes(200), "camera raw"),
    "canon.cr3": (box(b"crx ", b"crx ", b"isom"), "camera raw"),
    "nikon.nef": (tiff(*SIZE, (0xFE, 4, 1), (0x10F, 4, 90), (0x14A, 4, 95), order=">"), "camera raw"),
    "sony.arw": (tiff(*SIZE, (0xFE, 4, 1), (0x10F, 4, 90), (0x14A, 4, 95)), "camera raw"),
    "adobe.dng": (tiff(*SIZE, (0xC612, 4, 1)), "camera raw"),
    "pentax.pef": (tiff(*SIZE, (0x106, 3, 32803), order=">"), "camera raw"),
    "far.dng": (tiff(*SIZE, (0xC612, 4, 1), at=9000), "camera raw"),
    "fuji.raf": (b"FUJIFILMCCD-RAW 0201" + bytes(100), "camera raw"),
    "x.jxl": (b"\xff\x0a" + bytes(100), "JPEG XL"),
    "boxed.jxl": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100), "JPEG XL"),
    "big.tif": (b"II+\0\x08\0\0\0" + bytes(100), "BigTIFF"),
    "big endian.tif": (b"MM\0+\0\x08\0\0" + bytes(100), "BigTIFF"),
    "x.dcm": (bytes(128) + b"DICM" + bytes(100), "DICOM"),
    "x.svg": (b'<?xml version="1.0"?>\n<!-- by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"></svg>', "SVG"),
    "short.svg": (b"\xef\xbb\xbf <svg></svg>", "SVG"),
    "x.pdf": (b"%PDF-1.7\n" + bytes(100), "PDF"),
    "x.psd": (b"8BPS\0\1" + bytes(100), "Photoshop"),
    "x.xcf": (b"gimp xcf v011" + bytes(100), "GIMP"),
    "x.exr": (b"\x76\x2f\x31\x01" + bytes(100), "OpenEXR"),
    "x.parquet": (b"PAR1" + bytes(100), "Parquet"),
    "x.tar": (b"000.png".ljust(257, b"\0") + b"ustar\0" + bytes(249), "tar"),
    "x.mp4": (box(b"isom", b"isom", b"avc1"), "video"),
    "x.mov": (box(b"qt  ", b"qt  "), "video"),
    "old.mov": (b"\0\0\0\x08wide" + bytes(100), "video"),
    "x.avi": (b"RIFF\0\0\0\0AVI LIST" + bytes(100), "video"),
    "x.mkv": (b"\x1a\x45\xdf\xa3" + bytes(100), "video"),
    "x.webm": (b"\x1a\x45\xdf\xa3" + bytes(100), "video"),
}


@pytest.fixture
def without_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no decoder of an extra were installed."""
    monkeypatch.setattr(
        file_formats, "is_read", lambda kind: kind not in ("HEIC", "BigTIFF", "multi-band TIFF") and is_read(kind)
    )


@pytest.mark.parametrize("name", [name for name in UNREAD if name != "far.dng"])
@pytest.mark.usefixtures("without_decoders")
def test_what_is_not_read_is_known_by_its_first_bytes(name: str) -> None:
    data, kind = UNREAD[name]
    assert format_of(data[:FIRST_BYTES], name) == kind
    assert image_kind(data[:FIRST_BYTES], name) is None
    with pytest.raises(UnreadFormatError) as error:
        read_header(data)
    assert error.value.kind == kind
    assert kind in WAYS_OUT


@pytest.mark.parametrize(
    "data",
    [
        encoded(noise(0), "TIFF"),
        tiff(*SIZE, (0x10F, 4, 90)),
        tiff(*SIZE, (0x14A, 4, 95), (0xFE, 4, 0)),
        tiff(*SIZE, (0xFE, 4, 1)),
    ],
    ids=["plain", "scanner", "pyramid", "preview"],
)
def test_an_ordinary_tiff_is_no_camera_raw(data: bytes) -> None:
    assert format_of(data) == "TIFF"


@pytest.mark.parametrize(
    "text", [b"<html><svg></svg></html>", b"P5 is a magic number", b"", b"<?xml version='1.0'?><a/>", b"II"]
)
def test_text_is_of_no_format(text: bytes) -> None:
    assert format_of(text, "x.txt") is None


@pytest.mark.usefixtures("without_decoders")
def test_skipped_files_are_counted_by_what_they_are(tmp_path: Path) -> None:
    write_images(tmp_path, 3)
    for name, (data, _) in UNREAD.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "notes.txt").write_text("hello")
    found = load("image_folder", path=tmp_path, image_size=32)
    np.testing.assert_array_equal(found.images, [np.asarray(noise(seed)) for seed in range(3)])
    (note,) = found.notes
    counts, ways = note.removeprefix("skipped: ").removesuffix(")").split(" (", 1)
    assert set(counts.split(", ")) == {
        "8 camera raw files",
        "6 video files",
        "2 HEIC files",
        "2 JPEG XL files",
        "2 BigTIFF files",
        "2 SVG files",
        "1 DICOM file",
        "1 PDF file",
        "1 Photoshop file",
        "1 GIMP file",
        "1 OpenEXR file",
        "1 Parquet file",
        "1 tar file",
        "1 .txt file without an image",
    }
    assert "pip install pillow-heif" in ways
    assert "ffmpeg" in ways


def test_an_npz_is_sent_to_its_own_data_set(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((4, 8, 8), np.uint8))
    with pytest.raises(
        DataError, match=r"x\.npz is not a folder .*, but an npz: an array of .* is read with `dataset.name: npz`"
    ):
        load("image_folder", path=tmp_path / "x.npz")


@pytest.mark.parametrize("data_set", ["npz", "image_folder"])
def test_a_file_of_hdf5_is_named_with_the_way_out(data_set: str, tmp_path: Path) -> None:
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(88))
    with pytest.raises(DataError, match=r"x\.h5 is not .* HDF5.*: .* as an npz: `np\.savez\("):
        load(data_set, path=tmp_path / "x.h5")


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("x.heic", "pip install pillow-heif"),
        ("big.tif", r"pip install 'ganctl\[tiff\]'"),
        ("bands.tif", r"pip install 'ganctl\[tiff\]'"),
        ("x.tar", "name: webdataset"),
        ("x.parquet", "name: parquet"),
        ("nikon.nef", "raw converter"),
        ("far.dng", "raw converter"),
    ],
)
@pytest.mark.usefixtures("without_decoders")
def test_a_folder_of_nothing_else_is_refused_with_the_way_out(name: str, way: str, tmp_path: Path) -> None:
    data, kind = {**UNREAD, "bands.tif": (tiff(*SIZE, (0x115, 3, 5)), "multi-band TIFF")}[name]
    for number in range(3):
        (tmp_path / f"{number}{Path(name).suffix}").write_bytes(data)
    with pytest.raises(DataError, match=way) as error:
        load("image_folder", path=tmp_path)
    assert f"Skipped: 3 {kind} files" in str(error.value)
    assert error.value.exit_code == 3
