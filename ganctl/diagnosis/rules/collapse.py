"""Collapse: all samples are nearly the same picture.

The whole grid shows one picture, or noise-like variants of it, and from grid to grid it may become another one.

The generator has found one picture that the discriminator takes for real, and every latent vector leads to it
(Goodfellow 2016, "NIPS 2016 Tutorial", section 5.1). It is usually the generator that moves too fast: its learning
rate is too high, or it gets too many updates.

What helps: a smaller learning rate for the generator, as many updates for both players, an R1 penalty, and larger
batches, in which the discriminator sees that all samples are alike. A run that has collapsed rarely recovers: go back
to a checkpoint from before.
"""

from collections.abc import Iterator

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series

# 22 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.878, the greatest healthy 0.699.
THRESHOLD = 0.8  # 1 minus the share of the real images' differences that the samples have
WARM_UP = 300  # iterations in which a generator that began with grey has nothing to show yet
FEWEST_ROWS = 2


def statistic(history: RunHistory) -> Series:
    """1 minus the samples' differences over those of real images: in features if they were measured, else in pixels."""
    if history.takes_images:
        raise Unseen("what a model makes of images is as different as they are")
    try:
        diversity, real = history.sign("lite0_diversity"), history.sign("lite0_diversity_real")
    except Unseen:
        return history.sign("pixel_diversity").mapped(lambda values: 1.0 - values)
    return diversity.with_others(lambda a, b: 1.0 - a / b, real)


def advice(history: RunHistory) -> list[Advice]:
    """Restrain the discriminator, slow both down, and compare in pairs."""
    slower = "Slower updates leave the generator no time to run to one picture."
    changes = [
        prescriptions.penalty(history, "r1", "With a small slope, no single picture is rewarded.", weight=1.0),
        prescriptions.learning_rate(history, "generator", 0.25, slower),
        prescriptions.scaled(history, "training.batch_size", 2, "A larger batch shows that all are alike.", 64, 512),
    ]
    if history.number("optimizer.generator.beta_1", 0.5) > 0.5:
        changes.insert(0, Advice("optimizer.generator.beta_1=0.5", "Less momentum swings less (Radford 2015)."))
    return changes


def examine(history: RunHistory) -> Iterator[Found]:
    """Find samples that stay alike up to the newest."""
    alike = statistic(history).after(WARM_UP)
    if len(alike) < FEWEST_ROWS:
        raise Unseen(f"fewer than {FEWEST_ROWS} grids were drawn after {WARM_UP} iterations")
    since = alike.since(THRESHOLD, FEWEST_ROWS)
    if since is None:
        return
    left = max(0.0, 1 - alike.newest)
    says = f"The diversity of the samples is {left:.0%} of that of real images."
    yield Found(Severity.SERIOUS, since, says, alike.name, {"share_of_real": left})
