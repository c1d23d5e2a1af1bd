"""How a network gets from a small map to an image of any size, and back: by doubling and halving."""

from dataclasses import dataclass

SMALLEST, LARGEST = 16, 256
_LARGEST_BASE = 7
_MOST_TIMES_WIDER = 8


def why_unfit(height: int, width: int) -> str:
    """Answer an image size that no pyramid is built for with what is; an empty string for one that is."""
    fits = height == width and SMALLEST <= height <= LARGEST
    return "" if fits else f"square images from {SMALLEST}x{SMALLEST} to {LARGEST}x{LARGEST}"


@dataclass(frozen=True)
class Pyramid:
    """The maps between a base of 4 to 7 pixels a side and an image.

    A generator doubles the base `steps` times and crops what is over; a discriminator halves the image `steps` times,
    rounding up, and comes out at a map as large as the base.

    Attributes:
        size: pixels a side of the image.
        base: pixels a side of the smallest map.
        steps: doublings from one to the other.
    """

    size: int
    base: int
    steps: int

    @classmethod
    def of(cls, size: int) -> "Pyramid":
        """Return the pyramid of images with so many pixels a side; raises ValueError for fewer than 8."""
        if size < 8:
            raise ValueError(f"A pyramid begins at 8 pixels a side. Received: {size}")
        steps = next(n for n in range(1, size) if size <= _LARGEST_BASE * 2**n)
        return cls(size, -(-size // 2**steps), steps)

    @property
    def cropping(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """What is over after the last doubling: pixels above and below, left and right."""
        surplus = self.base * 2**self.steps - self.size
        sides = (surplus // 2, surplus - surplus // 2)
        return sides, sides

    def width(self, capacity: int, level: int) -> int:
        """Return the channels of the map that has been halved `level` times: `capacity` doubled, up to eight times."""
        return capacity * min(_MOST_TIMES_WIDER, 2**level)
