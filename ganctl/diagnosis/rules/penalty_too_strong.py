"""A penalty is too strong: it outweighs what the discriminator is to learn.

The discriminator scores real and generated images nearly alike, although the samples are bad; the penalty is near 0.

R1 keeps the slope at the real images small (Mescheder et al. 2018). If it weighs a hundred times more than the loss,
the best discriminator is a constant one.

What helps: a tenth of the weight; 0.05 to 10 is usual for R1, and 10 for the gradient penalty of WGAN-GP.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series

# 29 runs of python -m benchmarks.doctor --half thresholds: the least sick 1, the greatest healthy 0.99.
THRESHOLD = 0.98  # 1 minus how far apart real and generated images are scored, in deviations of the scores, at most 1
LASTING = 0.5
BINS = 40
FEWEST_ROWS = 3
LIGHT = {"r1": 1.0, "r2": 1.0, "gradient_penalty": 10.0, "dragan": 10.0}
"""Weights up to which the papers' own settings go: nothing is too strong below."""


def statistic(history: RunHistory) -> Series:
    """1 minus the share of the loss of a discriminator at chance that it has overcome."""
    if not history.has_probabilities:
        raise Unseen("how far the scores of real and generated images must part is known of probabilities only")
    real, fake = history.curve("d_real", BINS), history.curve("d_fake", BINS)
    return real.with_others(lambda a, b: 1.0 - np.clip(a - b, 0, 1), fake, name="d_real")


def examine(history: RunHistory) -> Iterator[Found]:
    """Find scores that hardly part under a penalty heavier than usual."""
    heavy = {name: float(each.get("weight", 1.0)) for name, each in history.penalties.items() if name in LIGHT}
    heavy = {name: weight for name, weight in heavy.items() if weight > LIGHT[name]}
    if not heavy:
        return
    together = statistic(history)
    since = together.since(THRESHOLD, FEWEST_ROWS, LASTING)
    if since is None:
        return
    apart = 1 - float(np.mean(together.tail(LASTING)))
    name = max(heavy, key=lambda each: heavy[each] / LIGHT[each])
    lighter = prescriptions.penalty(history, name, "The discriminator can tell them apart.", weight=heavy[name] / 10)
    says = f"Real and generated images are scored {apart:.3f} apart, and {name} weighs {heavy[name]:g}."
    yield Found(Severity.WARNING, since, says, together.name, {"apart": apart, "weight": heavy[name]}, [lighter])
