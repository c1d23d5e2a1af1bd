"""The latent vector is ignored: samples of one class are all the same picture.

In a grid whose columns are classes, each column repeats one picture.

A generator that takes classes can satisfy the discriminator with one picture for each (Isola et al. 2016, "pix2pix",
section 3.1, saw the same of noise beside an input image; Mao et al. 2019, "Mode Seeking GANs").

What helps: an R1 penalty, larger batches, a slower generator, and latent vectors that have as much weight at the
input as the class has: normal instead of uniform ones, and no dropout, whose noise can stand in for them.
"""

from collections.abc import Iterator

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory
from ganctl.diagnosis.series import Series

# 17 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.383, the greatest healthy 0.559.
# They do not part: some could not be made sick. Chosen so that healthy runs are spared.
THRESHOLD = 0.66  # 1 minus what another latent vector changes, as a share of how far real images lie apart
SEEN = 0.15  # the least effect of a class: without any effect, all has collapsed
WARM_UP = 300
FEWEST_ROWS = 2


def statistic(history: RunHistory) -> Series:
    """1 minus what another latent vector changes in an image, as a share of how far real images lie apart."""
    return history.sign("latent_effect").mapped(lambda values: 1.0 - values)


def advice(history: RunHistory) -> list[Advice]:
    """Restrain the discriminator, so that one picture of a class is not enough."""
    return [
        prescriptions.penalty(history, "r1", "With a small slope, no single picture is rewarded.", weight=1.0),
        prescriptions.scaled(history, "training.batch_size", 2, "A larger batch shows that all are alike.", 64, 512),
        prescriptions.learning_rate(history, "generator", 0.5, "A slower generator keeps its variety."),
    ]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find an effect that stays near zero while that of the class does not."""
    if not history.takes_classes:
        return
    ignored = statistic(history).after(WARM_UP)
    since = ignored.since(THRESHOLD, FEWEST_ROWS)
    if since is None or history.sign("class_effect").newest < SEEN:
        return
    effect = 1 - ignored.newest
    says = f"Another latent vector changes a sample by {effect:.1%} of the distance between two real images."
    yield Found(Severity.SERIOUS, since, says, ignored.name, {"latent_effect": effect})
