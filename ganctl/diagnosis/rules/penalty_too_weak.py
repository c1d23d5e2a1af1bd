"""A gradient penalty is too weak: the slope stays far from its target.

The penalty grows, or stays at many times its usual value, and with it the scores of the critic.

The mean squared distance of the slope from 1 is what the penalty measures; if it weighs too little, a larger slope
pays (Gulrajani et al. 2017, section 4, chose a weight of 10).

What helps: the weight of the paper.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series

# The penalty's value is the mean squared distance of the slope from its target: 1 for a critic that is flat.
# 15 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.032, the greatest healthy 0.00714.
# They do not part: some could not be made sick. Chosen so that healthy runs are spared.
THRESHOLD = 1.5
LASTING = 0.3
TARGETED = ("gradient_penalty", "dragan")
USUAL = 10.0  # the papers' weight


def statistic(history: RunHistory) -> Series:
    """The mean squared distance of the slope from its target."""
    name = next((name for name in TARGETED if name in history.penalties), None)
    if name is None:
        raise Unseen("the experiment has no penalty with a target")
    return history.curve(name)


def advice(history: RunHistory) -> list[Advice]:
    """Weigh it as its paper does, or more."""
    name = next((name for name in TARGETED if name in history.penalties), None)
    if name is None:
        return []
    weight = max(USUAL, 4 * _weight(history, name))
    return [prescriptions.penalty(history, name, "It weighs enough to hold the slope.", weight=weight)]


def _weight(history: RunHistory, name: str) -> float:
    return float(history.penalties.get(name, {}).get("weight", 1.0))


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a distance that lasts."""
    if not set(TARGETED) & history.penalties.keys():
        return
    away = statistic(history)
    since = away.since(THRESHOLD, 3, LASTING)
    if since is None:
        return
    far = float(np.sqrt(np.mean(away.tail(LASTING))))
    yield Found(Severity.WARNING, since, f"The slope is {far:.2g} away from its target.", away.name, {"away": far})
