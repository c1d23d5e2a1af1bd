"""Partial collapse: the samples show only some of what the real images show.

Each sample may be good, but the grid shows few kinds: some classes, colours or poses are missing.

Leaving out a kind costs the generator little, as long as the discriminator does not see that it is missing (Metz et
al. 2017, "Unrolled GANs", section 3; Lin et al. 2018, "PacGAN").

What helps: larger batches, an R1 penalty, a slower generator, and a longer training: early samples are alike in every
run.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.rules import collapse
from ganctl.diagnosis.series import Series

# 6 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.787. Sixteen healthy ones
# did not measure it yet; their sample grids have at most 0.56.
THRESHOLD = 0.68  # 1 minus how near the nearest other sample is, over how far two samples lie apart
FEWEST_ROWS = 3
COVERED = 0.8  # share of the classes that real images of the same number show
AFTER = 0.1  # share of the run: early samples are alike in every run


def statistic(history: RunHistory) -> Series:
    """1 minus the distance to the nearest other sample over that of any two samples, both as shares of real images'.

    Young samples are as alike in features as samples of few kinds; but among few kinds there are near twins.
    """
    if history.takes_images:
        raise Unseen("what a model makes of images is as different as they are")
    nearest, apart = history.sign("pixel_nearest"), history.sign("pixel_diversity")
    return nearest.with_others(lambda a, b: 1.0 - a / np.maximum(b, 1e-6), apart)


def advice(history: RunHistory) -> list[Advice]:
    """Let each update see more images, and the discriminator know its classes."""
    return [
        prescriptions.scaled(history, "training.batch_size", 2, "A larger batch shows what is missing.", 64, 512),
        prescriptions.penalty(
            history,
            "r1",
            "A discriminator with small slopes does not reward a few pictures far more than others.",
            weight=1.0,
        ),
        prescriptions.learning_rate(history, "generator", 0.5, "A slower generator does not jump between modes."),
    ]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find low diversity that lasts, or classes that evaluations do not see."""
    classes = _missing_classes(history)
    if classes is not None:
        yield classes
        return
    twins = statistic(history).after(AFTER * history.planned)
    since = twins.since(THRESHOLD, FEWEST_ROWS)
    if since is None or any(True for _ in collapse.examine(history)):
        return
    near = 1 - twins.newest
    says = f"A sample's nearest other one is {near:.0%} as far away as in real images: there are near twins."
    yield Found(Severity.WARNING, since, says, twins.name, {"nearest": near})


def _missing_classes(history: RunHistory) -> Found | None:
    try:
        covered, floor = history.score("class_coverage"), history.score("class_coverage_floor")
    except Unseen:
        return None
    share = covered.with_others(lambda a, b: 1.0 - a / b, floor).after(AFTER * history.planned)
    since = share.since(1 - COVERED, 1)
    if since is None:
        return None
    says = f"The samples show {covered.newest:.0%} of the classes."
    return Found(Severity.WARNING, since, says, covered.name, {"class_coverage": covered.newest})
