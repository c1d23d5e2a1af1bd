"""How a network gets from a small feature map to an image of any size and back: by doubling and halving."""

from dataclasses import dataclass

SMALLEST, LARGEST = 16, 256
_LARGEST_BASE = 7
_MOST_TIMES_WIDER = 8


def why_unfit(height: int, width: int) -> str:
    """Return which image sizes networks can be built for if this one does not fit; an empty string if it does."""
    fits = height == width and SMALLEST <= height <= LARGEST
    return "" if fits else f"square images from {SMALLEST}x{SMALLEST} to {LARGEST}x{LARGEST}"


@dataclass(frozen=True)
class Resolutions:
    """The resolutions between a base of 4 to 7 pixels a side and an image.

    A generator doubles the base `steps` times and crops the excess; a discriminator halves the image `steps` times,
    rounding up, and ends at a map of the base's size.

    Attributes:
        size: height and width of the image in pixels.
        base: height and width of the smallest map.
        steps: number of doublings between them.
    """

    size: int
    base: int
    steps: int

    @classmethod
    def of(cls, size: int) -> "Resolutions":
        """Return the resolutions of a network for images of `size` x `size` pixels; raises ValueError below 8."""
        if size < 8:
            raise ValueError(f"Images must have at least 8 pixels a side. Received: {size}")
        steps = next(n for n in range(1, size) if size <= _LARGEST_BASE * 2**n)
        return cls(size, -(-size // 2**steps), steps)

    @property
    def cropping(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The excess pixels after the last doubling: (top, bottom), (left, right)."""
        surplus = self.base * 2**self.steps - self.size
        sides = (surplus // 2, surplus - surplus // 2)
        return sides, sides

    def width(self, capacity: int, level: int) -> int:
        """Return the channels of the map after `level` halvings: `capacity`, doubled each time, at most eightfold."""
        return capacity * min(_MOST_TIMES_WIDER, 2**level)
