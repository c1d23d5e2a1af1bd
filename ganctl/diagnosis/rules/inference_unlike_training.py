"""Samples are unlike what is trained: BatchNorm's moving statistics do not fit its batches.

Samples are grey, washed out or too contrasty, although the losses are good: they are drawn in inference mode, with
moving statistics, and the discriminator judged others.

The batch is too small for its statistics to be stable (Ioffe 2017, "Batch Renormalization"), or the discriminator
judges images in another mode than the one in which the generator learns.

What helps: larger batches, and a discriminator that judges what the generator is trained on; then a smaller learning
rate for the generator, so that moving statistics keep up.
"""

from collections.abc import Iterator

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.series import Series

# 49 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.0837, the greatest healthy 0.253.
# They do not part: some could not be made sick. Chosen so that healthy runs are spared.
# Early on the gap is large in every run, because moving statistics lag behind.
THRESHOLD = 0.8  # of how far real images lie apart
AFTER = 1 / 3  # share of the run
FEWEST_ROWS = 3


def statistic(history: RunHistory) -> Series:
    """How far images in training and in inference mode lie apart, as a share of how far real images do."""
    if history.takes_images:
        raise Unseen("a model of images may have dropout for its noise, which only training has")
    return history.sign("training_gap")


def advice(history: RunHistory) -> list[Advice]:
    """Let both modes agree."""
    steadier = "Larger batches have steadier statistics."
    changes = [prescriptions.scaled(history, "training.batch_size", 2, steadier, 64, 512)]
    if history.setting("training.fakes") != "training":
        changes.append(Advice("training.fakes=training", "The discriminator judges what the generator is trained on."))
    return [*changes, prescriptions.learning_rate(history, "generator", 0.5, "Moving statistics keep up.")]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a gap that stays."""
    gap = statistic(history).after(AFTER * history.planned)
    since = gap.since(THRESHOLD, FEWEST_ROWS)
    if since is None:
        return
    says = f"Images in training and in inference mode lie {gap.newest:.0%} as far apart as two real images."
    yield Found(Severity.WARNING, since, says, gap.name, {"training_gap": gap.newest})
