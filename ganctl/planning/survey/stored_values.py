"""Pixels of more than 8 bits and floats among the pictures, and the `dataset.value_range` that suits them."""

from collections.abc import Collection
from dataclasses import astuple, dataclass
from typing import Any, Literal, Self

from ganctl.errors import DataError
from ganctl.images.value_range import NARROW, PERCENTILES, Observed, ValueRange, find_range


@dataclass(frozen=True)
class StoredValues:
    """The values of the decoded pictures whose pixels are not bytes.

    Attributes:
        pictures: the number of these pictures.
        low: the smallest value.
        high: the largest value.
        asked: how `dataset.value_range` should be.
        value_range: black and white, if it is so.
        reason: why, for `asked` other than auto.
    """

    pictures: int
    low: float
    high: float
    asked: Literal["auto", "percentiles"]
    value_range: ValueRange
    reason: str = ""

    @classmethod
    def of(cls, values: Observed, kinds: Collection[str], pictures: int, source: str) -> Self:
        """Choose a range.

        Args:
            values: those of the pictures.
            kinds: NumPy's kinds of their types.
            pictures: their number.
            source: where they come from, for errors.
        """
        low, high = values.percentiles()
        ends = f"{PERCENTILES[0]:g}% of the values lie below {low:g}, and as many above {high:g}"
        try:
            usual = find_range(values, "f" if "f" in kinds else "u", "auto", source)
        except DataError:
            reason = f"no usual range has {values.low:g} to {values.high:g}"
        else:
            if high - low >= NARROW * (usual.white - usual.black) or high == low:
                return cls(pictures, values.low, values.high, "auto", usual)
            reason = f"nearly all values lie in a small part of {usual}"
        if high == low:
            high = low + 1  # nothing but one value: training will say so
        reason = f"{reason[0].upper()}{reason[1:]}; {ends}. For values in known units, give [LOW, HIGH]."
        return cls(pictures, values.low, values.high, "percentiles", ValueRange(low, high), reason)

    def as_json(self) -> dict[str, Any]:
        """Return them for `ganctl init --json`."""
        ends = list(astuple(self.value_range))
        return {"pictures": self.pictures, "least": self.low, "most": self.high, "range": ends}
