"""Images, as an array or a list, that a notebook shows."""

import math
from typing import Any

import numpy as np

from ganctl.errors import UsageError
from ganctl.images.draw import grid, to_png

LARGEST_SHEET = 2**24
"""The most values of an array that a notebook shows as a picture."""


class Images(np.ndarray):
    """A NumPy array of uint8 images that a notebook shows as a picture.

    It behaves like any other array, and so do arrays computed from it. As long as it is uint8 with one or three
    channels last, it is shown: an image [H, W, C] as it is, images [N, H, W, C] as a sheet that is about square, walks
    [rows, N, H, W, C] with a row for each.
    """

    @classmethod
    def of(cls, array: np.ndarray) -> "Images":
        """Return a view of the array."""
        return array.view(cls)

    def sheet(self) -> np.ndarray:
        """Return all images side by side on white, uint8 [height, width, C]; raises ValueError without images."""
        array = np.asarray(self)
        if not array.size:
            raise ValueError(f"The array is empty, so it has no image to show. Received: {array.shape}")
        if not self._is_shown():
            raise ValueError(
                f"Only uint8 images [..., H, W, 1 or 3] can be shown. Received: {array.dtype} {array.shape}"
            )
        if array.ndim == 3:
            return array
        flat = array.reshape(-1, *array.shape[-3:])
        columns = array.shape[1] if array.ndim == 5 else math.ceil(math.sqrt(len(flat)))
        return grid(flat, math.ceil(len(flat) / columns), columns)

    def _is_shown(self) -> bool:
        return self.dtype == np.uint8 and 3 <= self.ndim <= 5 and self.shape[-1] in (1, 3) and self.size > 0

    def _repr_png_(self) -> bytes | None:
        """The picture for a notebook; None, which shows the numbers, if it is not a picture or is too large."""
        if not self._is_shown() or self.size > LARGEST_SHEET:
            return None
        try:
            return to_png(self.sheet())
        except UsageError:
            return None

    def __array_finalize__(self, source: Any) -> None:
        """Copy no attributes from the source array."""


class ImageList(list[Images]):
    """A list of uint8 images [H, W, C] of different sizes that a notebook shows as a picture."""

    def sheet(self) -> np.ndarray:
        """Return all images side by side on white, uint8 [height, width, C], those of other channels as colours.

        Raises ValueError without images, or if one has neither one nor three channels.
        """
        if not self or not all(image.ndim == 3 and image._is_shown() for image in self):
            shapes = [image.shape for image in self]
            raise ValueError(f"Only uint8 images [H, W, 1 or 3] can be shown. Received: {shapes}")
        channels = max(image.shape[2] for image in self)
        height, width = (max(image.shape[axis] for image in self) for axis in (0, 1))
        cells = np.full((len(self), height, width, channels), 255, np.uint8)
        for cell, image in zip(cells, self, strict=True):
            cell[: image.shape[0], : image.shape[1]] = np.asarray(image)
        columns = math.ceil(math.sqrt(len(cells)))
        return grid(cells, math.ceil(len(cells) / columns), columns)

    def _repr_png_(self) -> bytes | None:
        """The picture for a notebook; None, which shows the numbers, if it is not a picture or is too large."""
        if sum(image.size for image in self) > LARGEST_SHEET:
            return None
        try:
            return to_png(self.sheet())
        except (UsageError, ValueError):
            return None
