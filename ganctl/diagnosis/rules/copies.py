"""Copies: many samples are nearly training images.

Samples are sharp early, and beside each of them its nearest training image looks the same. The share of samples that
are nearer to a training image than unseen real images are grows beyond what chance explains.

With few training images the discriminator knows each of them, and the generator is rewarded for drawing exactly those
(Feng et al. 2021, "When do GANs replicate?").

What helps: more images; if there are none, augmentation that the discriminator sees on real and generated images
alike, mirrored images, and a shorter training.
"""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.rules import collapse, divergence
from ganctl.diagnosis.series import Series

# As `ganctl evaluate` warns; not yet set by the laboratory.
# 29 runs of python -m benchmarks.doctor --half thresholds: the least sick 0, the greatest healthy 0.
# They do not part: some could not be made sick. Chosen so that healthy runs are spared.
THRESHOLD = 2.0  # times the share that real images have
ERRORS = 4.0  # standard errors of a share
LEAST_FLOOR = 1e-3


def statistic(history: RunHistory) -> Series:
    """The share of samples that count as memorized, over that of real images; 0 if chance explains it."""
    share, floor = history.score("memorization"), history.score("memorization_floor")
    num = float(history.metrics[-1].get("num", 2000))

    def times(share: np.ndarray, floor: np.ndarray) -> np.ndarray:
        floor = np.maximum(floor, LEAST_FLOOR)
        clear = share > floor + ERRORS * np.sqrt(floor * (1 - floor) / num)
        return np.where(clear, share / floor, 0.0)

    return share.with_others(times, floor, name="memorization")


def advice(history: RunHistory) -> list[Advice]:
    """Show the discriminator more different images, and reward single images less."""
    changes = []
    if not history.augmentations.keys() & {"diffaugment", "ada"}:
        changes.append(prescriptions.augment(history, "diffaugment", "No image is seen in the same form twice."))
    if not history.setting("dataset.flip", False):
        changes.append(Advice("dataset.flip=true", "Mirrored images are as good, unless left is not like right."))
    shorter = max(1, history.iterations // 2)
    return [*changes, Advice(f"training.iterations={shorter}", "A shorter training copies less.")]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a share of memorized samples that is too large in the newest evaluation."""
    times = statistic(history)
    since = times.since(THRESHOLD, 1)
    if since is None or _is_broken(history):
        return
    share = history.score("memorization").newest
    says = f"{share:.1%} of the samples nearly copy a training image, {times.newest:.1f} times as many as by chance."
    yield Found(Severity.WARNING, since, says, times.name, {"memorization": share, "times": times.newest})


def _is_broken(history: RunHistory) -> bool:
    """Whether the generator has collapsed or diverges: its samples are then near few images by chance, not by heart."""
    for rule in (collapse, divergence):
        with suppress(Unseen):
            if any(True for _ in rule.examine(history)):
                return True
    return False
