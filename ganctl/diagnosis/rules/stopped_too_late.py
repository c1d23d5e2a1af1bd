"""Stopped too late: the best checkpoint is an earlier one.

The KID fell, then rose, by more than its own deviation.

A GAN does not converge by itself: it may overfit, cycle or collapse after its best moment, which is why papers report
the best checkpoint (Lucic et al. 2018, "Are GANs Created Equal?").

What helps: take the best checkpoint, which is kept; and look at the other findings for what began then.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen

# Not set by runs of the laboratory.
ERRORS = 3.0  # standard deviations of a KID by which the newest must exceed the best
WORSE = 1.15  # times the best
FEWEST_ROWS = 3
FEWEST_WORSE = 2  # of the newest evaluations


def examine(history: RunHistory) -> Iterator[Found]:
    """Find newest KIDs that are clearly above the best."""
    kid = history.score("kid").after(0)
    if len(kid) < FEWEST_ROWS:
        raise Unseen(f"{FEWEST_ROWS} evaluations are needed, and there are {len(kid)}")
    try:
        deviation = float(np.median(history.score("kid_std").values))
    except Unseen:
        deviation = 0.0
    best = int(np.argmin(kid.values))
    limit = max(kid.values[best] + ERRORS * deviation, kid.values[best] * WORSE)
    newest = kid.values[-FEWEST_WORSE:]
    if best >= len(kid) - FEWEST_WORSE or not (newest > limit).all():
        return
    at = int(kid.at[best])
    says = f"The KID was {kid.values[best]:.3g} after {at:,} iterations and is {kid.newest:.3g} now: use --best."
    shorter = Advice(f"training.iterations={at}", "The next run ends where this one was best.")
    yield Found(Severity.NOTE, at, says, "kid", {"best": float(kid.values[best]), "newest": kid.newest}, [shorter])
