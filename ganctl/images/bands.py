"""Images of any number of channels: transparency as a channel, and bands that are not colours.

Pictures whose transparency is learned have their colours multiplied by alpha (premultiplied; Porter and Duff 1984):
invisible pixels hold nothing to learn, and resizing mixes colours correctly. Files are written with straight colours.
"""

from typing import Literal

import numpy as np

from ganctl.errors import ConfigurationError
from ganctl.experiment.sections import MOST_CHANNELS
from ganctl.images.resize import to_channels

ALPHA_CHANNELS = (2, 4)
_LIGHT, _DARK, _SQUARES = 230, 180, 8


def channel_axis(shape: tuple[int, ...]) -> Literal[-1, 0] | None:
    """Return which of the three axes of an image is that of its channels; None: it has none of 1 to 16 channels.

    [3,8,8] is more likely to be 8 x 8 pixels in colour than 3 x 8 pixels with 8 bands.
    """
    first, _, last = shape
    if 1 <= last <= 4 or (1 <= last <= MOST_CHANNELS and first not in (1, 3)):
        return -1
    return 0 if 1 <= first <= MOST_CHANNELS else None


def with_alpha(image: np.ndarray, channels: int) -> np.ndarray:
    """Return a picture [H,W,1..4] with 2 or 4 `channels`, of which the last is alpha; opaque if it has none."""
    has_alpha = image.shape[-1] in ALPHA_CHANNELS
    colour = image[..., :-1] if has_alpha else image
    alpha = image[..., -1:] if has_alpha else np.full((*image.shape[:2], 1), 255, np.uint8)
    return np.concatenate([to_channels(colour, channels - 1), alpha], axis=-1)


def premultiplied(images: np.ndarray) -> np.ndarray:
    """Return uint8 images [...,H,W,2 or 4] with colours multiplied by alpha."""
    colour, alpha = images[..., :-1].astype(np.uint16), images[..., -1:].astype(np.uint16)
    return np.concatenate([(colour * alpha + 127) // 255, alpha], axis=-1).astype(np.uint8)


def straight(images: np.ndarray) -> np.ndarray:
    """Undo `premultiplied`; values brighter than their alpha allows become 255."""
    colour, alpha = images[..., :-1].astype(np.uint16), images[..., -1:].astype(np.uint16)
    divided = (colour * 255 + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([np.minimum(divided, 255), alpha], axis=-1).astype(np.uint8)


def visible(images: np.ndarray, *, alpha: bool = False) -> np.ndarray:
    """Return images [...,H,W,C] as a screen shows them, with 1 or 3 channels.

    Premultiplied colours are blended over a checkerboard. Of other bands, the first three are shown as red, green and
    blue; of two, the first is shown as grey.
    """
    channels = images.shape[-1]
    if channels in (1, 3):
        return images
    if not alpha:
        return images[..., :3] if channels > 3 else images[..., :1]
    colour, opacity = images[..., :-1].astype(np.uint16), images[..., -1:].astype(np.uint16)
    behind = _checkerboard(*images.shape[-3:-1])[..., np.newaxis]
    return np.minimum(colour + ((255 - opacity) * behind + 127) // 255, 255).astype(np.uint8)


def every_band(image: np.ndarray) -> np.ndarray:
    """Return the bands of an image [H,W,C] as grey images [C,H,W,1]."""
    return np.moveaxis(image, -1, 0)[..., np.newaxis]


def check_bands(stored: int, wanted: int) -> None:
    """Raise ConfigurationError unless the numbers of channels are equal, or one is grey and the other RGB."""
    if stored != wanted and {stored, wanted} != {1, 3}:
        alpha = ", or, if the last channel is transparency, `dataset.alpha: true`" if stored in ALPHA_CHANNELS else ""
        raise ConfigurationError(
            f"the images have {stored} channels, which cannot become {wanted}: only grey and RGB can be converted. "
            f"Set {stored}{alpha}.",
            key="dataset.channels",
        )


def _checkerboard(height: int, width: int) -> np.ndarray:
    side = max(2, min(height, width) // _SQUARES)
    rows, columns = np.indices((height, width)) // side
    return np.where((rows + columns) % 2, _DARK, _LIGHT).astype(np.uint16)
