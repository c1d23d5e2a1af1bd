"""The learning rates are too far apart: one network moves far more in an iteration than the other.

One network's weights change by a hundredth per iteration, the other's by a hundred-thousandth. The losses look like
those of a winning discriminator, or of one that learns nothing.

Two time scales converge (Heusel et al. 2017, theorem 1), but their authors' rates differ by a factor of 2 to 5; a
network that hardly moves learns nothing.

What helps: the same learning rate for both, then at most a few times more for the discriminator.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.rules import learning_rate_too_small
from ganctl.diagnosis.series import Series

# 22 runs of python -m benchmarks.doctor --half thresholds: the least sick 23.3, the greatest healthy 1.74.
THRESHOLD = 15.0  # times
FEWEST_ROWS = 3


def statistic(history: RunHistory) -> Series:
    """How many times one network moves as far as the other, as a share of its weights."""
    moves = learning_rate_too_small.updates(history)
    if not {"generator", "discriminator"} <= moves.keys():
        raise Unseen("the run has no network called generator, or none called discriminator")
    generator, discriminator = moves["generator"], moves["discriminator"]
    return generator.with_others(lambda a, b: np.maximum(a / b, b / a), discriminator)


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a ratio that lasts, unless one of them hardly moves at all."""
    if any(True for _ in learning_rate_too_small.examine(history)):
        return
    ratio = statistic(history)
    since = ratio.since(THRESHOLD, FEWEST_ROWS)
    if since is None:
        return
    moves = learning_rate_too_small.updates(history)
    slow = min(("generator", "discriminator"), key=lambda role: float(np.median(moves[role].values)))
    fast = "generator" if slow == "discriminator" else "discriminator"
    times = float(np.median(ratio.values))
    rates = {role: history.number(f"optimizer.{role}.learning_rate", 2e-4) for role in (slow, fast)}
    why = f"Both move; the {slow} moves {times:.0f} times less now."
    changes = []
    if rates[slow] < rates[fast]:
        changes.append(prescriptions.rate(history, slow, rates[fast], why))
    changes.append(prescriptions.learning_rate(history, fast, 0.2, f"The {fast} waits for the {slow}."))
    says = f"In an iteration, the weights of the {fast} move {times:.0f} times as far as those of the {slow}."
    yield Found(Severity.WARNING, since, says, f"update_{slow}", {"times": times}, changes)
