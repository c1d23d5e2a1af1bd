"""Saturated pixels: far more pixels of the samples than of real images are black or white.

Samples look like stencils: black, white, or pure colours.

The tanh of the last layer has run to its ends, where its gradient vanishes (Glorot and Bengio 2010, section 3), so
that it stays there. A step that was too large is enough.

What helps: smaller learning rates, first the generator's, clipped gradients, and a checkpoint from before.
"""

from collections.abc import Iterator

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory
from ganctl.diagnosis.series import Series

# 22 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.588, the greatest healthy 0.107.
THRESHOLD = 0.25  # share of the pixels, beyond that of real images
FEWEST_ROWS = 3
SERIOUS = 0.95  # of all pixels


def statistic(history: RunHistory) -> Series:
    """The share of black or white pixels of the samples, beyond that of real images."""
    return history.sign("saturated").with_others(lambda a, b: a - b, history.sign("saturated_real"))


def advice(history: RunHistory) -> list[Advice]:
    """Take smaller steps with the generator."""
    return [
        prescriptions.learning_rate(history, "generator", 0.25, "Smaller steps do not run to the ends of the tanh."),
        prescriptions.learning_rate(history, "discriminator", 0.25, "A slower discriminator drives it less."),
        Advice("optimizer.generator.clipvalue=1.0", "A single gradient cannot throw it off."),
    ]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a surplus that lasts."""
    beyond = statistic(history)
    since = beyond.since(THRESHOLD, FEWEST_ROWS)
    if since is None:
        return
    share = history.sign("saturated").newest
    says = f"{share:.0%} of the samples' pixels are black or white, of real images {share - beyond.newest:.0%}."
    severity = Severity.SERIOUS if share >= SERIOUS else Severity.WARNING
    yield Found(severity, since, says, beyond.name, {"saturated": share, "beyond": beyond.newest})
