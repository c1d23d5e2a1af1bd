"""What an experiment is to be written for: the pictures of each feed of a recipe's model."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ganctl.experiment.yaml_source import KeyPath
from ganctl.planning.survey.pictures import Pictures


@dataclass(frozen=True)
class Choice:
    """A key, its chosen value, and the reason."""

    key: KeyPath
    value: Any
    reason: str


@dataclass(frozen=True)
class Material:
    """The pictures that a recipe is to learn from, and what is known of them before anything is measured.

    Attributes:
        recipe: the packaged configuration that provides all other settings.
        feeds: the pictures of each feed of its model, by role.
        place: where they lie, for messages.
        reading: the choices of where the pictures are and how they are read.
        flip: whether pictures are mirrored.
        counts: the number of training pictures that each feed has, before any are held out: of pairs, the same.
        holdout: the share of them to hold out.
        why_holdout: the reason.
        unit: what is counted.
        needed: the image sizes to choose from, and the iterations below which a smaller one is used.
        squash: why pictures must be squashed to one shape; empty: they need not be.
        times: how many times larger the images that are made are than those that they are made from.
        instead: whether the keys of the recipe's data set are replaced, not only added to.
    """

    recipe: str
    feeds: Mapping[str, Pictures]
    place: str
    reading: tuple[Choice, ...]
    flip: Choice
    counts: tuple[int, ...]
    holdout: float
    why_holdout: str
    needed: Mapping[int, int]
    unit: Literal["pictures", "pairs"] = "pictures"
    squash: str = ""
    times: int = 1
    instead: bool = False

    @property
    def learned(self) -> int:
        """The number of training pictures of the largest feed, without those held out."""
        return self._kept(max(self.counts))

    @property
    def fewest(self) -> int:
        """The number of training pictures of the smallest feed, without those held out."""
        return self._kept(min(self.counts))

    def _kept(self, count: int) -> int:
        return count - round(count * self.holdout)

    @cached_property
    def pictures(self) -> Pictures:
        """The pictures that are brought to the size of images: of all feeds, or only the larger ones of pairs."""
        return Pictures.of([self.feeds["target"]] if self.times > 1 else self.feeds.values())

    def sides_of(self, role: str, sides: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width of a feed's images, given those of the images that are made."""
        times = self.times if role == "source" else 1
        return sides[0] // times, sides[1] // times
