"""Checkerboards: the samples have a pattern of single pixels that real images do not have.

Every sample is covered with a fine grid of lighter and darker pixels, clearest where the image should be flat. In the
spectrum, the finest frequencies stand out.

A transposed convolution whose kernel is not a multiple of its stride covers some pixels more often than others (Odena
et al. 2016, "Deconvolution and Checkerboard Artifacts"). Every generator with transposed convolutions begins so;
learning rates that are too large keep it so.

What helps: a kernel that is a multiple of the stride (4 for a stride of 2), or enlarging by nearest neighbours
followed by a convolution; then smaller learning rates and a longer training.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory
from ganctl.diagnosis.series import Series

# 22 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.238, the greatest healthy 1.77.
# They do not part: some could not be made sick. Chosen so that healthy runs are spared.
# Every generator with transposed convolutions begins with such a pattern.
THRESHOLD = 2.2  # natural logarithm of how far the power at the finest frequencies stands out, beyond real images
AFTER = 1 / 3  # share of the run
FEWEST_ROWS = 4


def statistic(history: RunHistory) -> Series:
    """The logarithm of how far the finest frequencies stand out of the samples, beyond that of real images."""
    return history.sign("checkerboard").with_others(lambda a, b: np.log(a / b), history.sign("checkerboard_real"))


def advice(history: RunHistory) -> list[Advice]:
    """Use a kernel that covers every pixel equally often, or enlarge without one."""
    model = history.setting("model.name")
    if model == "dcgan":
        return [Advice("model.upsampling=nearest", "Enlarging first and convolving then covers all pixels equally.")]
    if model in ("wgan_gp", "celeba_gan"):
        return [Advice("model.filter_size=4", "A multiple of the stride covers every pixel equally often.")]
    return [prescriptions.scaled(history, "training.iterations", 2, "The pattern fades with training.", 10_000)]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a pattern that stays."""
    stands_out = statistic(history).after(AFTER * history.planned)
    since = stands_out.since(THRESHOLD, FEWEST_ROWS)
    if since is None:
        return
    times = float(np.exp(stands_out.newest))
    says = f"The finest frequencies stand out {times:.1f} times as far as in real images."
    yield Found(Severity.WARNING, since, says, stands_out.name, {"times": times})
