"""bfloat16 is too coarse here: float32 would do better.

The scores of a critic are large, and real and generated images differ in their last digits only.

bfloat16 has 8 bits of precision: a score of 300 is told from 301 only by chance (Kalamkar et al. 2019, "A Study of
BFLOAT16", describes the format).

What helps: float32.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series

# From the number format: half a unit in the last of 8 bits.
STEP = 2.0**-8
# 55 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.00394, the greatest healthy 0.0171.
# They do not part: some could not be made sick. Chosen so that healthy runs are spared.
THRESHOLD = 0.2  # steps of the format, over the difference of two mean scores
FEWEST_ROWS = 3


def statistic(history: RunHistory) -> Series:
    """The step of the number format at the size of the scores, over how far real images and samples are apart."""
    real, fake = history.sign("score_real"), history.sign("score_fake")
    return real.with_others(
        lambda a, b: STEP * np.maximum(np.abs(a), np.abs(b)) / np.maximum(np.abs(a - b), 1e-12), fake
    )


def advice(history: RunHistory) -> list[Advice]:
    """Compute in float32."""
    return [Advice("training.precision=float32", "It tells numbers apart that are 60,000 times closer.")]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find scores whose difference is about as small as the format's steps."""
    if (history.info.get("precision") or {}).get("name") != "bfloat16":
        return
    try:
        coarse = statistic(history)
    except Unseen:
        raise Unseen("the run does not measure raw scores") from None
    since = coarse.since(THRESHOLD, FEWEST_ROWS)
    if since is None:
        return
    says = f"A step of bfloat16 is {coarse.newest:.0%} of how far real images and samples are scored apart."
    yield Found(Severity.WARNING, since, says, "score_real", {"step": coarse.newest})
