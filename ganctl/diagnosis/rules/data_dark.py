"""The real images are nearly black, or nearly white.

The samples are black squares, and the discriminator tells them from real ones by a few levels.

Often their values lie in another range than the one they were read as: 16-bit images of 12-bit cameras, or values
from 0 to 1 that were taken for 0 to 255.

What helps: give the range that the values have.
"""

from collections.abc import Iterator

from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory

# The laboratory's sick runs have a mean of 2 and a brightest level of 7, its healthy ones 41 and 235, MNIST a mean of
# 33.
DARKEST, BRIGHTEST = 8.0, 250.0  # mean levels of 255
HIGH, LOW = 64.0, 192.0  # level above, or below, which one pixel in a hundred must lie


def advice(history: RunHistory) -> list[Advice]:
    """Read them by the values that they have."""
    return [Advice("dataset.value_range=percentiles", "Black and white become the values that the images really have.")]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find images whose mean and extremes lie at one end."""
    survey = history.survey
    level, low, high = (float(survey[name]) for name in ("level", "low", "high"))
    if level < DARKEST and high < HIGH:
        says = f"Their mean level is {level:.1f} of 255, and 99% of all pixels lie below {high:.0f}."
        yield Found(Severity.SERIOUS, 0, says, "", {"level": level, "high": high})
    elif level > BRIGHTEST and low > LOW:
        says = f"Their mean level is {level:.1f} of 255, and 99% of all pixels lie above {low:.0f}."
        yield Found(Severity.SERIOUS, 0, says, "", {"level": level, "low": low})
