"""Images of any size through a network that was trained on images of one size.

A convolutional network is called on the whole image. If it halves its images, say, twice, sides must be multiples of 4:
others are padded with their own reflection, and the result is cropped. An image that would take too much memory, and
any image of another size for a network that takes only its own, goes through the network in overlapping tiles
(`ganctl.generation.tiling`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

import ganctl.layers
from ganctl.build.networks import as_played
from ganctl.build.resolving import Shape
from ganctl.errors import GanctlError
from ganctl.game.inputs import as_networks_see
from ganctl.game.noise import seeded
from ganctl.generation.drawing import sample_key
from ganctl.generation.given_pictures import Pixels, Reading
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.tiling import Axis, Paint, as_levels, paint_tiled, side_of
from ganctl.images.bands import ALPHA_CHANNELS, straight
from ganctl.images.resize import resized, to_channels
from ganctl.keras_internals import calls_of
from ganctl.lazy import in_own_session, tf

MOST_BYTES = 2**31
"""The memory that the values between a network's layers may take; a larger image is translated in tiles."""
KEPT_AT_ONCE = 4
"""How many times its largest layer's output a network is taken to keep at once: inputs, outputs and skipped ones."""
SAME = 1e-3
"""How far the network of any size may be from the original, in [-1, 1]: more than rounding is another function."""
TILES_AT_ONCE = 16


@dataclass(frozen=True)
class Sides:
    """Which heights and widths a network takes.

    Attributes:
        step: height and width must be multiples of these.
        least: the smallest height and width.
    """

    step: tuple[int, int]
    least: tuple[int, int]


class Translator:
    """Makes images from images of any size.

    Args:
        trained: what was trained to make images from images.
        tile: side in pixels of the tiles of larger images; None: whole images, as far as they fit into MOST_BYTES.

    Raises:
        UsageError: the network does not take images.
    """

    def __init__(self, trained: TrainedGenerator, tile: int | None = None) -> None:
        trained.check_takes_images()
        self.trained = trained
        self._tile = tile
        self._key = sample_key(0, 0)

    @cached_property
    def taken(self) -> Shape:
        """Height, width and channels of the images that the network was trained to take."""
        return self.trained.taken_shape

    @cached_property
    def factor(self) -> tuple[Fraction, Fraction]:
        """Height and width of an output for each pixel of the input's height and width."""
        made, taken = self.trained.image_shape, self.taken
        return Fraction(made[0], taken[0]), Fraction(made[1], taken[1])

    @cached_property
    def free_network(self) -> Any:
        """The network for images of any size, as it can be saved; None if it takes only images of its own size."""
        return None if self.sides is None else self._of_any_size

    @property
    def reading(self) -> Reading:
        """How files become what the network was trained on."""
        return Reading(self.trained.value_range, self.trained.parts.experiment.dataset.background_colour)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return what the network makes of an image.

        Args:
            image: uint8 [H, W, C], with as many channels as the network takes.

        Returns:
            uint8 [H', W', C'], where H' / H and W' / W are `factor`, rounded up.

        Raises:
            GanctlError: there is not enough memory.
        """
        try:
            with seeded(self.trained.network, self._key):  # the same for every image, whatever came before
                return self._translated(image)
        except (tf.errors.ResourceExhaustedError, MemoryError):
            height, width = image.shape[:2]
            smaller = max(self.taken[0], self.taken[1], min(self._largest, height, width) // 2)
            raise GanctlError(
                f"Out of memory: {height} x {width} pixels are too many here. Try tiles: --tile {smaller}"
            ) from None

    def of_picture(self, picture: Pixels) -> np.ndarray:
        """Return what the network makes of a picture, with straight colours where there is transparency.

        A network that knows no transparency gets the colours over the run's background; the transparency of the picture
        is kept, resized to the output if that is larger.

        Returns:
            uint8 [H', W', C'].

        Raises:
            DataError: the channels of the picture cannot become those that the network takes.
            GanctlError: as for a call.
        """
        channels, made_of_alpha = self.taken[2], self.trained.alpha
        kept = None if made_of_alpha and channels in ALPHA_CHANNELS else picture.alpha
        levels = picture.for_network(channels, self.reading.background, alpha=made_of_alpha)
        made = self(to_channels(levels, channels))
        if made_of_alpha:
            return straight(made)
        if kept is None or made.shape[2] not in (1, 3):
            return made
        return np.concatenate([made, resized(kept, *made.shape[:2])], axis=-1)

    def _translated(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        if (height, width) == self.taken[:2] and self._whole(height, width):
            return as_levels(self._paint_own(image[np.newaxis])[0])
        sides = self.sides
        paint = self._paint_own if sides is None else self._paint_any
        if sides is None:
            sides = Sides((self.factor[0].denominator, self.factor[1].denominator), self.taken[:2])
        padded = padded_to(image, sides)
        made = self._painted(padded, sides, paint)
        return made[: math.ceil(height * self.factor[0]), : math.ceil(width * self.factor[1])]

    def _painted(self, image: np.ndarray, sides: Sides, paint: Paint) -> np.ndarray:
        """Return what the network makes of an image whose sides it takes."""
        height, width = image.shape[:2]
        if self.sides is None:
            tiles, share = self.taken[:2], 4  # a network of one size knows little beyond its tile's edge
        elif self._whole(height, width):
            return as_levels(paint(image[np.newaxis])[0])
        else:
            tiles = tuple(
                min(side, max(least, side_of(self._largest**2, step)))
                for side, least, step in zip((height, width), sides.least, sides.step, strict=True)
            )
            share = 8
        rows, columns = (
            Axis(side, tile, tile // share, step, factor)
            for side, tile, step, factor in zip((height, width), tiles, sides.step, self.factor, strict=True)
        )
        at_once = max(1, min(TILES_AT_ONCE, self._most_pixels // (rows.tile * columns.tile)))
        return paint_tiled(image, rows, columns, paint, at_once)

    def _whole(self, height: int, width: int) -> bool:
        """Whether an image is small enough to be translated in one piece."""
        if self._tile is not None:
            return max(height, width) <= max(self._tile, *self._smallest)
        return height * width <= max(self._most_pixels, self.taken[0] * self.taken[1])

    @property
    def _smallest(self) -> tuple[int, int]:
        return self.taken[:2] if self.sides is None else self.sides.least

    @cached_property
    def _largest(self) -> int:
        """The side of a tile in pixels."""
        return self._tile if self._tile is not None else side_of(self._most_pixels, 1)

    @cached_property
    def _most_pixels(self) -> int:
        """How many pixels of an image fit into MOST_BYTES, with what the network's layers make of them."""
        shapes = [tensor.shape[1:] for call in _calls(self.trained.network) for tensor in call.outputs]
        values = [math.prod(shape) for shape in shapes if None not in shape]
        of_a_pixel = max([*values, math.prod(self.trained.image_shape)]) / math.prod(self.taken[:2])
        return max(1, int(MOST_BYTES / (KEPT_AT_ONCE * 4 * of_a_pixel)))

    @cached_property
    def _paint_own(self) -> Paint:
        """The network for images of its own size, as every other command calls it."""
        return _painter(self.trained.played, self.taken)

    @cached_property
    def _of_any_size(self) -> Any:
        return in_own_session(lambda: ganctl.layers.of_any_size(self.trained.network))

    @cached_property
    def _paint_any(self) -> Paint:
        network = in_own_session(lambda: as_played(self._of_any_size, self.trained.parts.experiment))
        return _painter(network, (None, None, self.taken[2]))

    @cached_property
    def sides(self) -> Sides | None:
        """Which sides the network takes, found by trying; None: only those of the images that it was trained on."""
        height, width, channels = self.taken
        image = np.random.default_rng(0).integers(0, 256, (1, height, width, channels), np.uint8)
        try:
            # Layers that know their size raise what they like.
            made = self._paint_any(image)
        except Exception:
            return None
        own = self._paint_own(image)
        if made.shape != own.shape or np.abs(made - own).max() > SAME:
            return None
        down = next((step for step in _divisors(height) if self._takes(height + step, width)), None)
        across = next((step for step in _divisors(width) if self._takes(height, width + step)), None)
        if down is None or across is None or not self._takes(height + down, width + across):
            return None
        least = next(
            (
                sides
                for times in range(1, max(height // down, width // across))
                if self._takes(*(sides := (min(height, times * down), min(width, times * across))))
            ),
            (height, width),
        )
        return Sides((down, across), least)

    def _takes(self, height: int, width: int) -> bool:
        """Whether the network makes an image of the right size from one of this size."""
        try:
            made = self._paint_any(np.zeros((1, height, width, self.taken[2]), np.uint8))
        except Exception:  # as above
            return False
        return made.shape[1:3] == (height * self.factor[0], width * self.factor[1])


def padded_to(image: np.ndarray, sides: Sides) -> np.ndarray:
    """Return an image [H, W, C], larger below and to the right by its reflection, so that its sides are allowed."""
    more = [
        (0, max(least, -(-side // step) * step) - side)
        for side, step, least in zip(image.shape[:2], sides.step, sides.least, strict=True)
    ]
    return np.pad(image, [*more, (0, 0)], mode="reflect") if any(added for _, added in more) else image


def _painter(network: Any, shape: tuple[int | None, ...]) -> Paint:
    """Return a function from images of a shape to what a network makes of them, compiled once."""
    compiled: Callable[[Any], Any] = tf.function(
        lambda given: tf.cast(network(as_networks_see(tf.cast(given, tf.float32)), training=False), tf.float32),
        input_signature=[tf.TensorSpec([None, *shape], tf.uint8)],
        autograph=False,
    )
    return lambda images: compiled(images).numpy()


def _calls(network: Any) -> list[Any]:
    return list(calls_of(network)) if ganctl.layers.is_transparent(network) else []


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]
