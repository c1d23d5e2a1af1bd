"""An .npy file as one image: its layout, read without its values, and its values. Python objects are never loaded."""

import io
import math
from dataclasses import dataclass

import numpy as np

from ganctl.errors import DataError
from ganctl.experiment.sections import MOST_CHANNELS
from ganctl.images.bands import channel_axis
from ganctl.images.warning_filter import without_warnings


@dataclass(frozen=True)
class Layout:
    """How the values of an image are stored.

    Attributes:
        height: in pixels.
        width: in pixels.
        channels: 1 to MOST_CHANNELS.
        dtype: of the values: numbers, or true and false.
        channels_first: the axes are [C,H,W], not [H,W,C] or [H,W].
        columns_first: the values are in Fortran's order: the first axis changes fastest.
        start: the number of bytes before the values.
    """

    height: int
    width: int
    channels: int
    dtype: np.dtype
    channels_first: bool
    columns_first: bool
    start: int


def layout_of(data: bytes) -> Layout:
    """Return the layout of an .npy file; raises DataError if it does not hold one image, or less than it declares.

    NumPy's reader of headers may raise any exception if the header is damaged.
    """
    stream = io.BytesIO(data)
    version, _ = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == 1 else np.lib.format.read_array_header_2_0
    with without_warnings():  # about the spelling of Python 2
        shape, columns_first, dtype = read(stream)
    if dtype.hasobject:
        raise DataError("it contains Python objects, which are never loaded; save plain numbers")
    if dtype.kind not in "buif":
        raise DataError(f"its values are of type {dtype}, not numbers")
    first = len(shape) == 3 and channel_axis(shape) == 0
    if len(shape) not in (2, 3) or (len(shape) == 3 and channel_axis(shape) is None):
        many = "; for one array of many images, set `dataset.name: npz`" if len(shape) in (3, 4) else ""
        raise DataError(
            f"its array {list(shape)} is not one image, which is [H,W], [H,W,C] or [C,H,W] with 1 to {MOST_CHANNELS} "
            f"channels{many}"
        )
    start, size = stream.tell(), math.prod(shape) * dtype.itemsize
    if len(data) - start < size:
        raise DataError(f"the NumPy file is cut off: it declares {size} bytes of values and has {len(data) - start}")
    height, width, channels = (*shape[1:], shape[0]) if first else (*shape, 1)[:3]
    return Layout(height, width, channels, dtype, first, columns_first, start)


def values_of(data: bytes) -> np.ndarray:
    """Return the values of an .npy file [H,W,C], in the byte order of this machine; the file is one of `layout_of`."""
    layout = layout_of(data)
    sides = (layout.height, layout.width)
    shape = (layout.channels, *sides) if layout.channels_first else (*sides, layout.channels)
    values = np.frombuffer(data, layout.dtype, math.prod(shape), layout.start)
    values = values.reshape(shape, order="F" if layout.columns_first else "C")
    if layout.channels_first:
        values = np.moveaxis(values, 0, -1)
    return np.ascontiguousarray(values, layout.dtype.newbyteorder("="))
