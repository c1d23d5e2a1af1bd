"""Stopped too early: the KID was still falling.

The last evaluations are each better than the one before.

A power law is fitted to the KID over its floor: it falls about as quickly from 1,000 to 2,000 iterations as from
2,000 to 4,000. The forecast of twice the iterations has the uncertainty of that fit.

What helps: train on.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen

# Not set by runs of the laboratory.
FEWEST_ROWS = 4
CLEAR = 2.5  # standard errors by which the slope must be negative
GAIN = 0.1  # share of the KID that twice the iterations must bring
LEAST = 1e-4  # KID over its floor below which chance decides
QUANTILE = 2.0  # standard errors of a forecast, about 95%


def fit(at: np.ndarray, kid: np.ndarray) -> tuple[float, float, float]:
    """Fit log(kid) = c - b log(at); return b, the standard error of b, and that of a single value."""
    x, y = np.log(at), np.log(kid)
    centred = x - x.mean()
    slope = float((centred * y).sum() / (centred**2).sum())
    left = y - y.mean() - slope * centred
    variance = float((left**2).sum() / max(1, len(x) - 2))
    return -slope, float(np.sqrt(variance / (centred**2).sum())), float(np.sqrt(variance))


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a KID that falls clearly, and forecast it at twice the iterations."""
    kid = history.score("kid").after(0)
    try:
        floor = history.score("kid_floor").newest
    except Unseen:
        floor = 0.0
    over = kid.values - max(0.0, floor)
    known = over > LEAST
    at, over = kid.at[known][-8:], over[known][-8:]
    if len(at) < FEWEST_ROWS:
        raise Unseen(f"{FEWEST_ROWS} evaluations are needed for a forecast, and there are {len(at)}")
    falls, error, single = fit(at, over)
    double = 2.0**-falls
    newest_is_best = over[-1] <= over.min() * np.exp(single)
    if falls < CLEAR * error or 1 - double < GAIN or not newest_is_best or history.iterations < history.planned:
        return
    last, x = float(at[-1]), np.log(at)
    far = np.log(2 * last) - x.mean()
    spread = np.sqrt(single**2 * (1 + 1 / len(at)) + (far * error) ** 2)
    middle = float(np.exp(np.log(over).mean() - falls * far))
    low, high = (max(0.0, floor) + middle * float(np.exp(sign * QUANTILE * spread)) for sign in (-1, 1))
    expected = max(0.0, floor) + middle
    told = f"from {kid.newest:.3g} to {expected:.3g} ({low:.3g} to {high:.3g})"
    says = f"Twice the iterations should bring the KID {told}."
    longer = prescriptions.scaled(history, "training.iterations", 2, "The KID is still falling.", 10_000)
    numbers = {"exponent": falls, "error": error, "expected": expected, "low": low, "high": high}
    yield Found(Severity.NOTE, int(last), says, "kid", numbers, [longer])
