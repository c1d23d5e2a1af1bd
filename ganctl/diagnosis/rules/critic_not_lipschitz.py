"""The critic is not Lipschitz: nothing bounds its slope, so its scores measure no distance.

The scores of a Wasserstein critic grow without end, and the losses with them, while the samples do not get better.

The Wasserstein loss is the earth mover's distance only over Lipschitz critics (Arjovsky et al. 2017, equation 2).
Without a bound, a critic that multiplies its scores by ten has a loss that is ten times better.

What helps: a gradient penalty (Gulrajani et al. 2017), spectral normalisation (Miyato et al. 2018), or weight
clipping as in the first paper.
"""

from collections.abc import Iterator

import numpy as np

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen

BOUNDS = {"gradient_penalty", "dragan", "r1", "r2", "weight_clipping"}
SPECTRAL_MODELS = {"sngan", "sagan", "biggan"}
"""Models whose discriminators are spectrally normalised."""


def advice(history: RunHistory) -> list[Advice]:
    """Bound its slope."""
    why = "It keeps the slope near 1 between real and generated images (Gulrajani et al. 2017)."
    add = prescriptions.penalty(history, "gradient_penalty", why, weight=10)
    if history.setting("training.discriminator_batches") == "separate":
        # The penalty lies between real and generated images, which one update must see.
        why = "R1 needs real images only, as in an update of its own."
        add = prescriptions.penalty(history, "r1", why, weight=1.0)
    return [add]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find the loss without anything that bounds the slope."""
    if history.setting("loss.name") != "wasserstein":
        return
    if BOUNDS & history.penalties.keys() or history.setting("model.name") in SPECTRAL_MODELS:
        return
    numbers = {}
    says = "The loss is wasserstein, and neither a penalty nor weight clipping nor spectral layers bound the slope."
    try:
        score = history.curve("d_real")
        numbers = {"largest_score": float(np.abs(score.values).max())}
        says += f" Scores have reached {numbers['largest_score']:.3g}."
    except Unseen:
        pass
    yield Found(Severity.SERIOUS, 0, says, "d_real" if numbers else "", numbers)
