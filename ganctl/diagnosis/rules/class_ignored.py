"""The class is ignored: samples look the same whatever class is asked for.

In a grid whose columns are classes, every column shows the same pictures.

The generator follows the class only if the discriminator knows which images belong to it, and sees pairs that do not
fit as wrong (Miyato and Koyama 2018, "cGANs with Projection Discriminator"). Labels that do not belong to the images
teach it nothing.

What helps: look at the labels first: are they in the order of the images? Then more discriminator updates, a higher
learning rate for the discriminator, and a longer training.
"""

from collections.abc import Iterator

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.rules import collapse
from ganctl.diagnosis.series import Series

# 17 runs of python -m benchmarks.doctor --half thresholds: the least sick 0.0554, the greatest healthy 0.608.
# They do not part: some could not be made sick. Chosen so that healthy runs are spared.
THRESHOLD = 0.95  # 1 minus what another class changes, as a share of how far real images lie apart
SEEN = 0.15  # the least effect of a latent vector: without any effect, all has collapsed
AFTER = 0.2  # share of the run: a class shows later than a latent vector
FEWEST_ROWS = 3


def statistic(history: RunHistory) -> Series:
    """1 minus what another class changes in an image, as a share of how far real images lie apart."""
    return history.sign("class_effect").mapped(lambda values: 1.0 - values)


def advice(history: RunHistory) -> list[Advice]:
    """Let the discriminator learn the classes."""
    known = "It has longer to learn which class is which."
    return [
        prescriptions.scaled(history, "training.disc_updates", 2, "A better discriminator knows the classes.", 1, 100),
        prescriptions.learning_rate(history, "discriminator", 2.0, known),
        prescriptions.scaled(history, "training.iterations", 2, known, 10_000),
    ]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find an effect that stays near zero while that of the latent vector does not."""
    if not history.takes_classes:
        return
    ignored = statistic(history).after(AFTER * history.planned)
    since = ignored.since(THRESHOLD, FEWEST_ROWS)
    if since is None:
        return
    try:
        if history.sign("latent_effect").newest < SEEN or any(True for _ in collapse.examine(history)):
            return
    except Unseen:  # the generator draws its own noise, or the run is too young
        pass
    effect = 1 - ignored.newest
    says = f"Another class changes a sample by {effect:.1%} of the distance between two real images."
    yield Found(Severity.SERIOUS, since, says, ignored.name, {"class_effect": effect})
