"""One class of real images outweighs the rest, and the samples will show it most.

Most samples are of one class. The others are rare, and worse.

A generator learns the distribution that it is shown (Goodfellow et al. 2014, proposition 2), with all its imbalance,
and of a rare class the discriminator sees too little to teach it.

What helps: sample classes equally often, collect more of the rare ones, or leave out some of the frequent one.
"""

from collections.abc import Iterator

from ganctl.diagnosis.findings import Found, Severity
from ganctl.diagnosis.history import RunHistory, Unseen

# Set by judgement. The laboratory's sick runs have about 20, its healthy ones 1.
THRESHOLD = 8.0  # the largest class over the median one


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a class that is many times as frequent as the median one."""
    counts = history.survey.get("class_counts") or {}
    if len(counts) < 2:
        raise Unseen("the images have no labels")
    largest = max(counts, key=lambda name: counts[name])
    others = sorted(count for name, count in counts.items() if name != largest)
    times = counts[largest] / max(1, others[len(others) // 2])
    if times >= THRESHOLD:
        says = f"{counts[largest]:,} images are {largest}, {times:.0f} times as many as of the median other class."
        yield Found(Severity.WARNING, 0, says, "", {"times": times}, [])
