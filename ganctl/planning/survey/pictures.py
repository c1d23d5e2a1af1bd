"""The shapes of many pictures, wherever they come from."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ganctl.planning.survey.picture import Picture


@dataclass(frozen=True)
class Pictures:
    """Some pictures.

    Attributes:
        pictures: at least one.
    """

    pictures: tuple[Picture, ...]

    @classmethod
    def of(cls, several: Iterable["Pictures"]) -> "Pictures":
        """Return all pictures of several collections, in their order."""
        return Pictures(tuple(picture for each in several for picture in each.pictures))

    @cached_property
    def decoded(self) -> int:
        """The number of decoded pictures."""
        return sum(picture.sketch is not None for picture in self.pictures)

    @cached_property
    def seen(self) -> tuple[Picture, ...]:
        """The decoded pictures; all, if none was decoded."""
        return tuple(picture for picture in self.pictures if picture.sketch is not None) or self.pictures

    @cached_property
    def short_sides(self) -> np.ndarray:
        """The shorter side of each picture, in pixels."""
        return np.array([picture.short_side for picture in self.pictures])

    @cached_property
    def long_sides(self) -> np.ndarray:
        """The longer side of each picture, in pixels."""
        return np.array([max(picture.height, picture.width) for picture in self.pictures])

    @cached_property
    def heights(self) -> np.ndarray:
        """The height of each picture, in pixels."""
        return np.array([picture.height for picture in self.pictures])

    @cached_property
    def widths(self) -> np.ndarray:
        """The width of each picture, in pixels."""
        return np.array([picture.width for picture in self.pictures])

    @cached_property
    def kept_shares(self) -> np.ndarray:
        """The share of each picture's area that the centred square keeps."""
        return self.kept_by(1, 1)

    def kept_by(self, height: int, width: int) -> np.ndarray:
        """Return the share of each picture's area that the centre in the shape of a height and width keeps."""
        sides = self.heights * width, self.widths * height
        return np.minimum(*sides) / np.maximum(*sides)
