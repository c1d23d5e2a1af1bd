"""Cycling: the samples change wholesale between two grids, and nothing stays learned.

The image of a fixed latent vector is another one in every grid, as different as the images of two latent vectors,
while the discriminator's loss swings.

The two players chase each other around an equilibrium instead of approaching it (Mescheder et al. 2018, "Which
Training Methods for GANs do actually Converge?", section 2). Large steps and momentum make the circles wider (Gidel
et al. 2019, "Negative Momentum for Improved Game Dynamics").

What helps: R1, smaller learning rates, a beta_1 of 0.5 or 0, and samples from a running average of the generator's
weights.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series

# 22 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.974, the greatest healthy 0.696.
THRESHOLD = 0.85  # at 1, the images of one latent vector differ as much as those of two
FEWEST_ROWS = 5
AFTER = 1 / 3  # share of the run: early on, samples change wholesale in every run
SWING = 0.05  # of the discriminator's loss, over its mean
BINS = 50


def statistic(history: RunHistory) -> Series:
    """How far the images of the same latent vectors move between grids, over how far different ones lie apart."""
    if history.takes_images:
        raise Unseen("what a model makes of the same images changes little")
    try:
        return history.sign("lite0_change")
    except Unseen:
        return history.sign("pixel_change")


def advice(history: RunHistory) -> list[Advice]:
    """Damp the game."""
    changes = [
        prescriptions.penalty(history, "r1", "R1 makes the game converge near its equilibrium.", weight=1.0),
        prescriptions.learning_rate(history, "discriminator", 0.5, "Smaller steps circle less."),
        prescriptions.learning_rate(history, "generator", 0.5, "Smaller steps circle less."),
    ]
    if not history.number("training.ema", 0):
        changes.insert(1, Advice("training.ema=0.999", "The average of a circle lies nearer to its centre."))
    return changes


def examine(history: RunHistory) -> Iterator[Found]:
    """Find samples that keep changing while the discriminator's loss swings."""
    change = statistic(history).after(AFTER * history.planned)
    since = change.since(THRESHOLD, FEWEST_ROWS)
    if since is None:
        return
    loss = history.curve("d_loss", BINS).after(AFTER * history.planned).values
    swing = float(loss.std() / max(np.abs(loss).mean(), 1e-12)) if len(loss) else 0.0
    if swing < SWING:
        return
    moved = float(np.median(change.values))
    says = f"From grid to grid, the image of a latent vector changes {moved:.0%} as far as two images lie apart."
    yield Found(Severity.WARNING, since, says, change.name, {"change": moved, "swing_of_d_loss": swing})
