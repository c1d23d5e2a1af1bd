"""Pixels brought to one shape: sizes, channels, transparency."""

from typing import Literal

import numpy as np

from ganctl.images.opencv import opencv

Resize = Literal["crop", "squash", "pad"]


Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
_LUMINANCE = (0.299, 0.587, 0.114)
# OpenCV averages no more channels than this by a factor that is not whole.
_AT_ONCE = 4


def over(image: np.ndarray, background: Colour = WHITE) -> np.ndarray:
    """Blend an image with an alpha channel (two or four channels) over a colour; return any other as it is."""
    if image.shape[-1] not in (2, 4):
        return image
    colour, alpha = image[..., :-1].astype(np.uint16), image[..., -1:].astype(np.uint16)
    behind = np.array(
        background if colour.shape[-1] == 3 else [round(float(np.dot(background, _LUMINANCE)))], np.uint16
    )
    return ((colour * alpha + (255 - alpha) * behind + 127) // 255).astype(np.uint8)


def scale_to_fit(image: np.ndarray, size: int | tuple[int, int], resize: Resize) -> np.ndarray:
    """Return an image of a given height and width.

    Args:
        image: uint8 [H,W,C].
        size: height and width of the result; one number for a square.
        resize: `crop` keeps the centre of the side that is too long, `squash` distorts, `pad` shrinks a larger image to
            fit, never enlarges, and centres it on black.

    Returns:
        uint8 [height,width,C].
    """
    height, width = image.shape[:2]
    rows, columns = (size, size) if isinstance(size, int) else size
    if resize == "squash":
        return resized(image, rows, columns)
    if resize == "crop":
        top, left, kept_height, kept_width = centred(height, width, rows, columns)
        return resized(image[top : top + kept_height, left : left + kept_width], rows, columns)
    scale = min(1.0, rows / height, columns / width)
    inner = resized(image, max(1, round(height * scale)), max(1, round(width * scale)))
    top, left = (rows - inner.shape[0]) // 2, (columns - inner.shape[1]) // 2
    padded = np.zeros((rows, columns, image.shape[2]), np.uint8)
    padded[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return padded


def centred(height: int, width: int, rows: int, columns: int) -> tuple[int, int, int, int]:
    """Return top row, left column, height and width of what `scale_to_fit` keeps when it crops to rows x columns."""
    if height * columns > width * rows:
        kept_height, kept_width = max(1, round(width * rows / columns)), width
    else:
        kept_height, kept_width = height, max(1, round(height * columns / rows))
    return (height - kept_height) // 2, (width - kept_width) // 2, kept_height, kept_width


def to_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Return [H,W,1] as [H,W,3] or vice versa; grey is the luminance of ITU-R BT.601."""
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    cv2 = opencv()
    return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)[..., np.newaxis]


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return an image [H,W,C] resized to a height and width, distorted if their ratio differs.

    It shrinks by averaging and enlarges by cubic interpolation; each axis needs at most one of the two.
    """
    if image.shape[2] > _AT_ONCE:
        parts = (image[..., start : start + _AT_ONCE] for start in range(0, image.shape[2], _AT_ONCE))
        return np.concatenate([resized(part, height, width) for part in parts], axis=2)
    cv2 = opencv()
    for rows, columns, interpolation in (
        (min(height, image.shape[0]), min(width, image.shape[1]), cv2.INTER_AREA),
        (height, width, cv2.INTER_CUBIC),
    ):
        if image.shape[:2] != (rows, columns):
            fitted = cv2.resize(np.ascontiguousarray(image), (columns, rows), interpolation=interpolation)
            image = fitted.reshape(rows, columns, -1)
    return image
