"""How a network gets from a small feature map to an image of any size and back: by doubling and halving."""

from collections.abc import Callable
from dataclasses import dataclass

_LARGEST_BASE = 7
_MOST_TIMES_WIDER = 8


def needed_sizes(smallest: int, largest: int, *, multiple: int = 1) -> Callable[[int, int], str]:
    """Return the `why_unfit` of a model: a function of height and width to the sizes that it needs instead.

    The function returns an empty string if both sides fit.

    Args:
        smallest: side in pixels.
        largest: side in pixels.
        multiple: what both sides must be multiples of.
    """
    needed = f"images from {smallest}x{smallest} to {largest}x{largest}"
    if multiple > 1:
        needed += f", sides multiples of {multiple}"

    def why_unfit(height: int, width: int) -> str:
        fits = all(smallest <= side <= largest and side % multiple == 0 for side in (height, width))
        return "" if fits else needed

    return why_unfit


why_unfit = needed_sizes(16, 256)
"""That of every model whose networks double or halve between `Resolutions.base` and the image."""


@dataclass(frozen=True)
class Resolutions:
    """The resolutions between a base whose shorter side has 4 to 7 pixels and an image.

    A generator doubles the base `steps` times and crops the excess; a discriminator halves the image `steps` times,
    rounding up, and ends at a map of the base's size.

    Attributes:
        height: of the image in pixels.
        width: of the image in pixels.
        base: height and width of the smallest map.
        steps: number of doublings between them.
    """

    height: int
    width: int
    base: tuple[int, int]
    steps: int

    @classmethod
    def of(cls, height: int, width: int) -> "Resolutions":
        """Return the resolutions of a network for images of this height and width; raises ValueError below 8."""
        shorter = min(height, width)
        if shorter < 8:
            raise ValueError(f"Images must have at least 8 pixels a side. Received: {height}x{width}")
        steps = next(n for n in range(1, shorter) if shorter <= _LARGEST_BASE * 2**n)
        return cls(height, width, (-(-height // 2**steps), -(-width // 2**steps)), steps)

    @property
    def base_pixels(self) -> int:
        """The number of pixels of the smallest map."""
        return self.base[0] * self.base[1]

    @property
    def cropping(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The excess pixels after the last doubling: (top, bottom), (left, right)."""
        surplus_height = self.base[0] * 2**self.steps - self.height
        surplus_width = self.base[1] * 2**self.steps - self.width
        return (
            (surplus_height // 2, surplus_height - surplus_height // 2),
            (surplus_width // 2, surplus_width - surplus_width // 2),
        )

    def channels(self, capacity: int, level: int) -> int:
        """Return the channels of the map after `level` halvings: `capacity`, doubled each time, at most eightfold."""
        return capacity * min(_MOST_TIMES_WIDER, 2**level)
