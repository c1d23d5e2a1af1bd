"""The discriminator wins: it is nearly always right, and little is left for the generator to learn from.

Its loss is near 0, its accuracy near 1, the generator's loss grows, and the samples stay as they are.

With an optimal discriminator the generator's gradient vanishes (Goodfellow et al. 2014, section 3; Arjovsky and
Bottou 2017, theorem 2.4).

What helps: as many updates for both players, a smaller learning rate for the discriminator, an R1 penalty, or targets
of .9 instead of 1.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series

# 12 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.987, the greatest healthy 0.708.
THRESHOLD = 0.975
IMAGES_THRESHOLD = 0.99  # healthy runs of pix2pix reach .98 for as long as they last
LASTING = 0.2  # share of the run
SLOWER = 0.1  # times the discriminator's learning rate: then the generator's is what is wrong
SERIOUS = 0.998  # nothing is left to learn from


def statistic(history: RunHistory) -> Series:
    """The mean of the accuracies on real and on generated images."""
    if not history.scores_have_zero:
        raise Unseen(f"scores of the loss {history.setting('loss.name')} have no zero, so no accuracy means anything")
    real, fake = history.curve("d_accuracy_real"), history.curve("d_accuracy_fake")
    return real.with_others(lambda a, b: (a + b) / 2, fake, name="d_accuracy_fake")


def advice(history: RunHistory) -> list[Advice]:
    """Slow the discriminator down, or restrain it."""
    changes = [
        prescriptions.learning_rate(history, "discriminator", 0.25, "A slower discriminator stays within reach."),
        prescriptions.penalty(history, "r1", "R1 keeps its slope small, so that a gradient is left.", weight=1.0),
        prescriptions.scaled(history, "training.gen_updates", 2, "The generator gets more updates.", 1, 100),
    ]
    if history.number("training.disc_updates", 1) > 1:
        changes.insert(0, Advice("training.disc_updates=1", "It gets as many updates as the generator."))
    if history.setting("loss.name") == "minimax" and not history.number("loss.label_smoothing", 0):
        changes.insert(1, Advice("loss.label_smoothing=0.1", "A target of .9 keeps it from being certain."))
    rates = [history.number(f"optimizer.{player}.learning_rate", 2e-4) for player in ("generator", "discriminator")]
    if rates[0] < SLOWER * rates[1]:
        changes.insert(0, prescriptions.rate(history, "generator", rates[1] / 4, "The generator can keep up."))
    return changes


def examine(history: RunHistory) -> Iterator[Found]:
    """Find an accuracy near 1 that lasts to the end."""
    accuracies = statistic(history)
    threshold = IMAGES_THRESHOLD if history.takes_images else THRESHOLD
    since = accuracies.since(threshold, 3, LASTING)
    if since is None:
        return
    accuracy = float(np.mean(accuracies.tail(LASTING)))
    severity = Severity.SERIOUS if accuracy >= SERIOUS and not history.takes_images else Severity.WARNING
    says = f"It judges {accuracy:.1%} of all images correctly."
    yield Found(severity, since, says, accuracies.name, {"accuracy": accuracy})
