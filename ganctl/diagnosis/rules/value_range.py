"""The values do not fit: real images use a part of the range only, or the generator cannot reach all of theirs.

Real images are grey, or samples never reach black or white.

A generator that ends with tanh draws from -1 to 1. Images that lie between -0.2 and 0.2 are an easy and flat target;
images beyond are out of its reach.

What helps: real images whose black and white are -1 and 1, and a generator that ends with tanh.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series

# Not set by runs of the laboratory.
NARROW = 80.0  # levels of 255 between which all pixels of real images lie but one in a hundred at each end
THRESHOLD = 70.0  # levels by which the samples stay away from an end of the real images' range
AFTER = 1 / 3  # share of the run
FEWEST_ROWS = 3
DARK, BRIGHT = 64.0, 192.0  # where data_dark judges


def examine(history: RunHistory) -> Iterator[Found]:
    """Find narrow real images, and samples that never reach an end of their range."""
    try:
        low, high, level = (float(history.survey[name]) for name in ("low", "high", "level"))
        if high - low < NARROW and high >= DARK and low <= BRIGHT and float(history.survey["spread"]) >= 2:
            says = f"98% of all pixels of the real images lie between {low:.0f} and {high:.0f} of 255."
            why = "Black and white become the values that the images really have."
            numbers = {"low": low, "high": high, "level": level}
            yield Found(Severity.WARNING, 0, says, "", numbers, [Advice("dataset.value_range=percentiles", why)])
            return
    except Unseen:
        pass
    for end in ("low", "high"):
        away = _away(history, end).after(AFTER * history.planned)
        since = away.since(THRESHOLD, FEWEST_ROWS)
        if since is not None:
            says = f"The {end}est levels of the samples stay {away.newest:.0f} of 255 away from those of real images."
            yield Found(Severity.WARNING, since, says, end, {"away": away.newest}, [])


def statistic(history: RunHistory) -> Series:
    """The larger of the levels by which the samples stay away from both ends of the real images' range."""
    return _away(history, "low").with_others(np.maximum, _away(history, "high"))


def _away(history: RunHistory, end: str) -> Series:
    sign = 1.0 if end == "low" else -1.0
    return history.sign(end).with_others(lambda drawn, real: sign * (drawn - real), history.sign(f"{end}_real"))
