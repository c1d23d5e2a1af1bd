"""The discriminator learns nothing: it has never told real from generated images.

Its loss stays at its first value, which is 2 log 2 = 1.386 for the minimax loss of both halves, and its accuracy at
one half, while the samples are still grey or noise.

It may be too weak or too slow, or its labels and images too noisy: a target of .5 (label_smoothing near .5) leaves
nothing to learn. What the generator then follows is chance. It is a sign of success only if the samples are good.

What helps: check the discriminator alone, as a classifier of real images against noise (`ganctl
check-discriminator`); then less smoothing and noise, a higher learning rate, and more updates.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory
from ganctl.diagnosis.series import Series

# 49 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.999, the greatest healthy 0.863.
# Healthy runs whose accuracy stays near one half told them apart for a while.
THRESHOLD = 0.95  # twice the share of wrong judgements, in the best part of the run
APART = 0.01  # the least difference of two mean probabilities
BINS = 10  # enough images in each that chance moves the accuracy by less than .01


def statistic(history: RunHistory) -> Series:
    """Twice the share of wrong judgements, the least so far: 1 is chance."""
    if not history.scores_have_zero:
        return _of_scores(history)
    real, fake = history.curve("d_accuracy_real", BINS), history.curve("d_accuracy_fake", BINS)
    wrong = real.with_others(lambda a, b: 2.0 - a - b, fake, name="d_accuracy_real")
    return wrong.mapped(_least_so_far)


def _of_scores(history: RunHistory) -> Series:
    """The same for scores without a zero: 1 if real images and samples have the same mean score, in deviations."""
    real, fake, deviation = (history.sign(f"score_{name}") for name in ("real", "fake", "deviation"))
    return real.with_others(
        lambda a, b, d: _least_so_far(1.0 - abs(a - b) / (abs(a - b) + 10 * d + 1e-12)), fake, deviation
    )


def _least_so_far(values: np.ndarray) -> np.ndarray:
    least: np.ndarray = np.minimum.accumulate(values)
    return least


def advice(history: RunHistory) -> list[Advice]:
    """Take away what hides the images from it, then speed it up."""
    changes = []
    if history.number("loss.label_smoothing", 0) > 0.2:
        changes.append(Advice("loss.label_smoothing=0.1", "Targets far from 1 leave it little to learn."))
    if history.number("loss.label_noise", 0) > 0.2:
        changes.append(Advice("loss.label_noise=0", "Labels that are mostly noise teach nothing."))
    now = history.number("optimizer.discriminator.learning_rate", 2e-4)
    rate = prescriptions.rate(history, "discriminator", max(2e-4, 2 * now), "It learns faster.")
    return [*changes, rate, prescriptions.scaled(history, "training.disc_updates", 2, "It gets more updates.", 1, 100)]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a discriminator that was never better than chance."""
    best = statistic(history)
    if best.newest < THRESHOLD:
        return
    numbers = {"accuracy": 1 - best.newest / 2}
    says = f"The best accuracy of any part of the run is {1 - best.newest / 2:.1%}; chance is 50%."
    if history.has_probabilities:
        real, fake = history.curve("d_real", BINS), history.curve("d_fake", BINS)
        apart = real.with_others(lambda a, b: a - b, fake)
        if len(apart) and apart.values.max() >= APART:
            return
    yield Found(Severity.SERIOUS, 0, says, "d_accuracy_real", numbers)
