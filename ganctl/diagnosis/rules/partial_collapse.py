"""Partial collapse: the samples show only some of what the real images show.

Each sample may be good, but the grid shows few kinds: some classes, colours or poses are missing.

Leaving out a kind costs the generator little, as long as the discriminator does not see that it is missing (Metz et
al. 2017, "Unrolled GANs", section 3; Lin et al. 2018, "PacGAN").

What helps: larger batches, an R1 penalty, a slower generator, and a longer training: early samples are alike in every
run.
"""

from collections.abc import Iterator

from ganctl.diagnosis import prescriptions
from ganctl.diagnosis.findings import Advice, Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen
from ganctl.diagnosis.rules import collapse
from ganctl.diagnosis.series import Series

# Not yet set by the laboratory.
THRESHOLD = 0.45  # 1 minus the share of the real images' differences that the samples have
FEWEST_ROWS = 4
COVERED = 0.8  # share of the classes that real images of the same number show
AFTER = 0.25  # share of the run: early samples are alike in every run


def statistic(history: RunHistory) -> Series:
    """1 minus the samples' diversity over that of real images, in Lite0 features."""
    if history.takes_images:
        raise Unseen("what a model makes of images is as different as they are")
    diversity, real = history.sign("lite0_diversity"), history.sign("lite0_diversity_real")
    return diversity.with_others(lambda a, b: 1.0 - a / b, real)


def advice(history: RunHistory) -> list[Advice]:
    """Let each update see more images, and the discriminator know its classes."""
    return [
        prescriptions.scaled(history, "training.batch_size", 2, "A larger batch shows what is missing.", 64, 512),
        prescriptions.penalty(history, "r1", "A discriminator with a small slope rewards no few pictures.", weight=1.0),
        prescriptions.learning_rate(history, "generator", 0.5, "A slower generator leaves no kind for another."),
    ]


def examine(history: RunHistory) -> Iterator[Found]:
    """Find low diversity that lasts, or classes that evaluations do not see."""
    classes = _missing_classes(history)
    if classes is not None:
        yield classes
        return
    alike = statistic(history).after(AFTER * history.planned)
    since = alike.since(THRESHOLD, FEWEST_ROWS)
    if since is None or alike.newest >= collapse.THRESHOLD:
        return
    left = 1 - alike.newest
    says = f"The samples show {left:.0%} of the variety of as many real images."
    yield Found(Severity.WARNING, since, says, alike.name, {"share_of_real": left})


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
