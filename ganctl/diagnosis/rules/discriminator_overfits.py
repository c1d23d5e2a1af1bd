"""The discriminator overfits: it scores the training images higher than held-out ones, and learns them by heart.

The scores of training images and of real images that it has never seen part, and the latter fall to those of samples.
The samples get worse from then on.

With few images it is easier to know each of them than to know what makes an image real, and what it teaches the
generator is then of no use (Karras et al. 2020, "Training GANs with Limited Data", section 3: r_v of equation 1 rises
from 0 to 1).

What helps: more images, augmentation of what the discriminator sees, an R1 penalty, mirrored images, and a smaller
discriminator.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series

# 52 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.371, the greatest healthy 0.
THRESHOLD = 0.35  # of r_v
FEWEST_ROWS = 4
ERRORS = 2.0  # standard errors by which two means of 32 scores must differ
IMAGES = 32


def statistic(history: RunHistory) -> Series:
    """r_v: how far held-out images lie from the training images towards the samples; 0 if chance explains it."""
    real, fake, deviation = (history.sign(f"score_{name}") for name in ("real", "fake", "deviation"))
    try:
        held_out = history.sign("score_held_out")
    except Unseen:
        raise Unseen("no images are held out; dataset.holdout=0.1 holds out some") from None

    def share(train: np.ndarray, unseen: np.ndarray, fake: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        clear = train - unseen > ERRORS * deviation * np.sqrt(2 / IMAGES)
        return np.where(clear & (train > fake), (train - unseen) / (train - fake), 0.0)

    return real.with_others(share, held_out, fake, deviation, name="score_held_out")


def advice(history: RunHistory) -> list[Advice]:
    """Show it more different images."""
    changes = []
    if not history.augmentations.keys() & {"diffaugment", "ada"}:
        changes.append(prescriptions.augment(history, "diffaugment", "It sees every image in many forms."))
    changes.append(prescriptions.penalty(history, "r1", "R1 keeps it from steep slopes around each image.", weight=1.0))
    if not history.setting("dataset.flip", False):
        changes.append(Advice("dataset.flip=true", "Mirrored images are as good, unless left is not like right."))
    return changes


def examine(history: RunHistory) -> Iterator[Found]:
    """Find held-out scores that have parted from those of training images."""
    share = statistic(history)
    since = share.since(THRESHOLD, FEWEST_ROWS)
    if since is None:
        return
    says = f"Held-out images are scored {min(share.newest, 9.99):.0%} of the way from training images to samples."
    yield Found(Severity.WARNING, since, says, share.name, {"r_v": share.newest})
