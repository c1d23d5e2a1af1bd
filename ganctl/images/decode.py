"""Pixels of image files: uint8, [H,W,3] RGB or [H,W,1] grey; on request with alpha, or with all bands."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ganctl.errors import DataError
from ganctl.images import npy_images, tifffile_pages
from ganctl.images.bands import straight, visible
from ganctl.images.file_formats import NUMPY
from ganctl.images.headers import Header, opened, read_header
from ganctl.images.opencv import opencv
from ganctl.images.resize import WHITE, Colour, over
from ganctl.images.value_range import BYTES, ValueRange
from ganctl.images.warning_filter import without_warnings

if TYPE_CHECKING:  # Pillow is loaded at first use
    from PIL.Image import Image

INVISIBLE = "of the background's colour, so nothing is seen"
"""The conversion of a picture that blending over the background has made uniform."""
# A picture that varies by no more than this many of 256 levels counts as uniform.
_FAINT = 24
_TGA_ALPHA_BITS = 0x0F


@dataclass(frozen=True)
class Decoded:
    """The pixels of a file, and the conversions that they went through.

    Attributes:
        pixels: uint8 [H,W,3] RGB or [H,W,1] grey; with alpha as a further channel, or all bands, if that was requested.
        conversions: in words.
        stored: the values in the file [H,W,C], without alpha; None if they are bytes.
        header: of the file; None if the image does not come from one.
    """

    pixels: np.ndarray
    conversions: tuple[str, ...] = ()
    stored: np.ndarray | None = None
    header: Header | None = None


def decode(
    data: bytes,
    least: int | tuple[int, int] | None = None,
    header: Header | None = None,
    value_range: ValueRange | None = None,
    background: Colour = WHITE,
    *,
    name: str = "",
    keep_alpha: bool = False,
    keep_bands: bool = False,
    page: int = 0,
) -> Decoded:
    """Decode the bytes of an image file.

    Transparency is blended over the background, CMYK becomes RGB, EXIF's rotation is applied, and only the first
    frame of an animation is used.

    Args:
        data: the whole file.
        least: a JPEG may be decoded at a half, quarter or eighth of its size, as long as its upright height and width
            stay at least these (one number: both); None: always the full size.
        header: the result of `read_header`; None: it is read here.
        value_range: the stored values that become black and white. Bytes stay as they are if white is above 255. None:
            0 to 65535 for 16-bit values; for other values, the smallest and the largest in the file.
        background: the colour behind transparency.
        keep_alpha: return an alpha channel, if there is one, as the last of 2 or 4 channels.
        keep_bands: return all bands of a file that has them, not only those that `bands.visible` shows.
        name: of the file, as for `read_header`.
        page: of a TIFF, from 0.
    """
    header = header or read_header(data, name)
    pixels = _pixels(data, header, least, page)
    conversions = ["CMYK"] if header.components == 4 else []
    # The values of an .npy file, also of its alpha, have one range, as in an npz.
    of_type = not header.bands and header.kind != NUMPY
    stored, pixels = pixels, _levels(pixels, value_range, alpha_of_type=of_type)
    if stored.dtype != np.uint8:
        conversions.append("16-bit" if stored.dtype == np.uint16 else str(stored.dtype))
    elif header.times_alpha and pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = straight(pixels)  # OpenCV's TIFF library multiplies straight colours by alpha when it decodes them
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if header.bands:
        bands = None if stored.dtype == np.uint8 else stored.reshape(pixels.shape)
        shown = pixels if keep_bands else visible(pixels)
        if header.orientation != 1:
            conversions.append("rotated by EXIF")
        return Decoded(_turned(shown, header.orientation), tuple(conversions), bands, header)
    transparent = pixels.shape[2] in (2, 4) and pixels[..., -1].min() < 255
    if transparent and not keep_alpha:
        conversions.append("alpha over white" if background == WHITE else "alpha over the background")
    if pixels.shape[2] == 1:
        conversions.append("grey")
    pixels = _swapped(pixels)
    if header.orientation != 1:
        conversions.append("rotated by EXIF")
    deep = None if stored.dtype == np.uint8 else stored.reshape(*stored.shape[:2], -1)
    if deep is not None and of_type and deep.shape[2] in (2, 4):
        deep = deep[..., :-1]
    blended = pixels if keep_alpha else over(pixels, background)
    if (
        transparent
        and not keep_alpha
        and pixels[..., -1].max() > _FAINT
        and np.ptp(blended, axis=(0, 1)).max() <= _FAINT
    ):
        conversions.append(INVISIBLE)
    return Decoded(_turned(blended, header.orientation), tuple(conversions), deep, header)


def _pixels(data: bytes, header: Header, least: int | tuple[int, int] | None, page: int) -> np.ndarray:
    """Return the stored values [H,W] or [H,W,C], colours in the order blue, green, red, alpha last; bands as stored."""
    if header.kind == NUMPY:
        values = npy_images.values_of(data)
    elif header.for_tifffile:
        values = _by_tifffile(data, header, page)
    else:
        return _by_pillow(data, header, page) if header.for_pillow else _by_opencv(data, header, least, page)
    return values if header.bands else _swapped(values)


def _by_tifffile(data: bytes, header: Header, page: int) -> np.ndarray:
    try:
        return tifffile_pages.values_of(data, page)
    except DataError:
        raise
    except Exception:  # tifffile documents no exception types
        raise DataError(f"its {header.kind} data is damaged or in a variant that tifffile cannot read") from None


def _swapped(pixels: np.ndarray) -> np.ndarray:
    """Swap red and blue of pixels [H,W] or [H,W,C]; grey stays as it is."""
    return pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]] if pixels.ndim == 3 and pixels.shape[2] >= 3 else pixels


def _levels(stored: np.ndarray, value_range: ValueRange | None, *, alpha_of_type: bool) -> np.ndarray:
    """Return stored values as bytes; `alpha_of_type`: an alpha channel of 16 bits has the range of its type."""
    if stored.dtype == np.uint8:
        return stored if value_range is None or value_range.white > BYTES.white else value_range.levels(stored)
    if stored.dtype.kind not in "buif" or not np.isfinite(stored).all():
        raise DataError(f"its pixels are {stored.dtype} or contain a value that is not finite (NaN or infinity)")
    if value_range is None:
        value_range = ValueRange(0, 1 if stored.dtype == bool else 65535)
        if stored.dtype not in (np.uint16, bool):
            low, high = float(stored.min()), float(stored.max())
            value_range = ValueRange(low, high if high > low else low + 1)
    levels = value_range.levels(stored)
    if alpha_of_type and stored.ndim == 3 and stored.shape[2] in (2, 4) and stored.dtype == np.uint16:
        levels[..., -1] = ValueRange(0, 65535).levels(stored[..., -1])
    return levels


def _imread_flags(header: Header, least: int | tuple[int, int] | None) -> int:
    """OpenCV's flags: keep alpha and 16 bits, do not rotate, decode a large JPEG at a fraction of its size."""
    cv2 = opencv()
    if header.kind == "JPEG" and least is not None:
        height, width = (least, least) if isinstance(least, int) else least
        if header.orientation in (5, 6, 7, 8):
            height, width = width, height
        for factor in (8, 4, 2):
            if header.height // factor >= height and header.width // factor >= width:
                colour = "GRAYSCALE" if header.components == 1 else "COLOR"
                return getattr(cv2, f"IMREAD_REDUCED_{colour}_{factor}") | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.IMREAD_UNCHANGED


def _by_opencv(data: bytes, header: Header, least: int | tuple[int, int] | None, page: int) -> np.ndarray:
    """Return the pixels [H,W] or [H,W,C], colours in the order blue, green, red, alpha last."""
    cv2 = opencv()
    try:
        buffer, flags = np.frombuffer(data, np.uint8), _imread_flags(header, least)
        if page:
            _, pages = cv2.imdecodemulti(buffer, flags, range=(page, page + 1))
            pixels = next(iter(pages), None)
        else:
            pixels = cv2.imdecode(buffer, flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise DataError(f"its {header.kind} data is damaged or in a variant that OpenCV cannot read")
    return pixels


def _by_pillow(data: bytes, header: Header, page: int) -> np.ndarray:
    """Return the same as `_by_opencv` for a file that OpenCV would read wrongly or not at all; a TIFF is upright."""
    try:
        with without_warnings():
            file = opened(header.kind, data)
            file.seek(page)
            if header.kind in ("PNG", "TIFF"):  # the others give no warnings, and may take longer
                file.load()
        file.load()
        image: Image = file
        if header.kind == "PNG" and image.mode.startswith("I"):  # 16 bits, which `convert` would cut off at 255
            grey = np.asarray(image).astype(np.uint16)
            alpha = np.where(grey == image.info["transparency"], 0, 65535).astype(np.uint16)
            return np.stack([grey, alpha], axis=-1)
        if header.kind == "PNG":
            image = image.convert("LA")
        elif image.mode == "I":  # PPM's 16 bits
            image = image.convert("I;16")
        elif image.mode not in ("L", "LA", "RGB", "RGBA", "I;16", "I;16B", "F"):
            image = image.convert("RGBA" if image.has_transparency_data else "RGB" if image.mode != "1" else "L")
        pixels = np.asarray(image)
    except Exception:  # Pillow documents no exception types
        raise DataError(f"its {header.kind} data is damaged or in a variant that Pillow cannot read") from None
    if header.kind == "TGA" and not data[17] & _TGA_ALPHA_BITS and pixels.shape[2:] == (4,):
        # Without a declared alpha channel, the fourth byte of each pixel may never have been filled.
        pixels = pixels if pixels[..., 3].any() else pixels[..., :3]
    return _swapped(pixels).astype(pixels.dtype.newbyteorder("="))


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Apply EXIF's orientation: 1 is upright, 2 to 4 are flips, 5 to 8 swap rows and columns."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
