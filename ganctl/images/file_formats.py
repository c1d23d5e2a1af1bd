"""The format of a file, by its first bytes: images that are read, and other files that people take for images.

The name of a file counts only for TGA, which has no magic number.
"""

import functools
import importlib.util
import re
import struct
from collections.abc import Callable
from pathlib import PurePath

FIRST_BYTES = 4096
"""How many bytes at the beginning of a file are enough to tell its format."""

READ = "JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF, JPEG 2000, PPM, TGA or .npy"
"""The formats that are read, in words; PPM also stands for PGM and PBM. HEIC and BigTIFF need decoders of their
own."""

CAMERA_RAW, VIDEO = "camera raw", "video"
NUMPY, PARQUET, TAR, HDF5 = "NumPy", "Parquet", "tar", "HDF5"
BIG_TIFF, BAND_TIFF = "BigTIFF", "multi-band TIFF"
"""TIFFs that a library of its own reads; that a TIFF has more than four channels shows only in its header."""
_TAR_MAGIC = 257
_ALWAYS_READ = {"JPEG", "PNG", "GIF", "BMP", "WebP", "TIFF", "PPM", "TGA", NUMPY}

WAYS_OUT = {
    "AVIF": "AVIF is read with Pillow 11.3 or later: `pip install --upgrade pillow`",
    "HEIC": "HEIC is read once its decoder is installed: `pip install pillow-heif`",
    "JPEG 2000": "JPEG 2000 needs a Pillow that was built with OpenJPEG: `pip install --upgrade pillow`",
    CAMERA_RAW: "export camera raw as JPEG or TIFF from a raw converter",
    "JPEG XL": "convert JPEG XL to PNG, for example with `djxl`",
    BIG_TIFF: "BigTIFF is read once its decoder is installed: `pip install 'ganctl[tiff]'`",
    BAND_TIFF: "a TIFF of more than 4 channels is read once its decoder is installed: `pip install 'ganctl[tiff]'`",
    "DICOM": "convert DICOM to PNG or TIFF",
    "SVG": "render SVG as PNG",
    "PDF": "render PDF as PNG",
    "Photoshop": "export Photoshop as PNG",
    "GIMP": "export GIMP as PNG",
    "OpenEXR": "convert OpenEXR to TIFF",
    NUMPY: "an array of many images, or an npz, is read with `dataset.name: npz`",
    PARQUET: "tables of images are read with `dataset.name: parquet`",
    TAR: "archives of images are read with `dataset.name: webdataset`, or unpack them",
    HDF5: "save the arrays of HDF5 as an npz: `np.savez(FILE, images=..., labels=...)`",
    VIDEO: "extract the frames of a video, for example with `ffmpeg -i FILE frames/%06d.png`",
}
"""What to do about a format that is not read."""

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"II+\0", BIG_TIFF),
    (b"MM\0+", BIG_TIFF),
    (b"%PDF-", "PDF"),
    (b"8BPS\0\1", "Photoshop"),
    (b"gimp xcf ", "GIMP"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"\x93NUMPY", NUMPY),
    (b"PAR1", PARQUET),
    (b"\x89HDF\r\n\x1a\n", HDF5),
    (b"\x1a\x45\xdf\xa3", VIDEO),  # Matroska and WebM
    (b"\0\0\x01\xba", VIDEO),  # MPEG
    *((start, CAMERA_RAW) for start in (b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM")),
)
_TIFF_MAGIC = (b"II*\0", b"MM\0*")

# The brands of an ISO base media file.
_BRANDS = (
    ("AVIF", {b"avif", b"avis"}),
    ("HEIC", {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"}),
    ("JPEG XL", {b"jxl "}),
    (CAMERA_RAW, {b"crx "}),
)
_STILL_IMAGES = {b"mif1", b"msf1", b"miaf", b"heif"}
_QUICKTIME_ATOMS = {b"moov", b"mdat", b"wide"}

_PPM = re.compile(rb"P[1-6](?:\s+\d|\s*#)")
_SVG = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:svg\b|(?:\?xml|!--|!DOCTYPE\s+svg)(?=.*<svg\b))", re.DOTALL)

_DICOM_PREAMBLE = 128

_NEW_SUBFILE_TYPE, _PHOTOMETRIC, _MAKE, _SUB_DIRECTORIES, _DNG_VERSION = 0xFE, 0x106, 0x10F, 0x14A, 0xC612
_COLOUR_FILTER_ARRAY, _LINEAR_RAW = 32803, 34892

_TGA_HEADER_BYTES = 18
_TGA_PALETTES, _TGA_TYPES, _TGA_BITS = (0, 1), (1, 2, 3, 9, 10, 11), (8, 15, 16, 24, 32)


def image_kind(start: bytes, name: str = "") -> str | None:
    """Return the format of an image that is read, or None for any other file; arguments as for `format_of`."""
    found = format_of(start, name)
    return found if found is not None and is_read(found) else None


def format_of(start: bytes, name: str = "") -> str | None:
    """Return the format of a file: of an image, or of what might be taken for one; None if it is unknown.

    Args:
        start: at least the first FIRST_BYTES bytes of the file, or all of a shorter one.
        name: of the file.
    """
    for magic, kind in _MAGIC:
        if start.startswith(magic):
            return kind
    if start.startswith(b"ustar", _TAR_MAGIC):  # before it stands the name of the first file, which may be any
        return TAR
    if start.startswith(_TIFF_MAGIC):
        return CAMERA_RAW if is_camera_raw(start) else "TIFF"
    if start.startswith(b"RIFF"):
        return {b"WEBP": "WebP", b"AVI ": VIDEO}.get(start[8:12])
    if start.startswith(b"BM") and start[6:10] == bytes(4):
        return "BMP"
    if start[4:8] == b"ftyp":
        return _branded(start)
    if _PPM.match(start):
        return "PPM"
    if start[_DICOM_PREAMBLE : _DICOM_PREAMBLE + 4] == b"DICM":
        return "DICOM"
    if start[4:8] in _QUICKTIME_ATOMS:
        return VIDEO
    if _SVG.match(start):
        return "SVG"
    return "TGA" if _may_be_tga(start, name) else None


@functools.cache
def is_read(kind: str) -> bool:
    """Return whether images of a format are read; for some formats this depends on what is installed."""
    return kind in _ALWAYS_READ or (kind in _READ_IF_INSTALLED and _READ_IF_INSTALLED[kind]())


def is_camera_raw(data: bytes) -> bool:
    """Return whether a TIFF, or its first bytes, is a camera's raw file: its pixels await development.

    What its first directory says decides: a colour filter array, DNG's version, CR2's own mark, or a camera's name on
    a mere preview, whose full image is in another directory.
    """
    if data[8:10] == b"CR":
        return True
    order = "<" if data.startswith(b"II") else ">"
    tags: dict[int, int] = {}
    try:
        (at,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, at)
        for entry in range(count):
            tag, kind, _, value = struct.unpack_from(f"{order}HHI4s", data, at + 2 + 12 * entry)
            tags[tag] = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", value)[0]
    except struct.error:
        pass  # as far as the bytes go
    return (
        _DNG_VERSION in tags
        or tags.get(_PHOTOMETRIC) in (_COLOUR_FILTER_ARRAY, _LINEAR_RAW)
        or (tags.get(_NEW_SUBFILE_TYPE, 0) & 1 == 1 and _MAKE in tags and _SUB_DIRECTORIES in tags)
    )


def _branded(start: bytes) -> str:
    """The format of an ISO base media file: its major brand decides, or, if that is general, a compatible one."""
    major, size = start[8:12], int.from_bytes(start[:4])
    compatible = {start[place : place + 4] for place in range(16, min(size, len(start)) - 3, 4)}
    for brands in ({major}, compatible if major in _STILL_IMAGES else set()):
        for kind, known in _BRANDS:
            if brands & known:
                return kind
    return "HEIC" if major in _STILL_IMAGES else VIDEO


def _may_be_tga(start: bytes, name: str) -> bool:
    if PurePath(name).suffix.lower() != ".tga" or len(start) < _TGA_HEADER_BYTES:
        return False
    return start[1] in _TGA_PALETTES and start[2] in _TGA_TYPES and start[16] in _TGA_BITS


def _pillow_reads_avif() -> bool:
    from PIL import features

    return "avif" in features.modules and bool(features.check("avif"))


def _pillow_reads_jpeg_2000() -> bool:
    from PIL import features

    return bool(features.check("jpg_2000"))


def _has_pillow_heif() -> bool:
    return importlib.util.find_spec("pillow_heif") is not None


def _has_tifffile() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("tifffile", "imagecodecs"))


_READ_IF_INSTALLED: dict[str, Callable[[], bool]] = {
    "AVIF": _pillow_reads_avif,
    BAND_TIFF: _has_tifffile,
    BIG_TIFF: _has_tifffile,
    "HEIC": _has_pillow_heif,
    "JPEG 2000": _pillow_reads_jpeg_2000,
}
