"""How a network gets from a small feature map to an image of any size and back: by doubling and halving."""

from dataclasses import dataclass

SMALLEST, LARGEST = 16, 256
_LARGEST_BASE = 7
_MOST_TIMES_WIDER = 8


def why_unfit(height: int, width: int) -> str:
    """Return which image sizes networks can be built for if this one does not fit; an empty string if it does."""
    fits = all(SMALLEST <= side <= LARGEST for side in (height, width))
    return "" if fits else f"images from {SMALLEST}x{SMALLEST} to {LARGEST}x{LARGEST}"


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
