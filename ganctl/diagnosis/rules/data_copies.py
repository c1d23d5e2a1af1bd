"""Many real images are copies of others.

The losses look as always. The same picture appears again and again among the samples.

Duplicates are seen more often, and are learned first and by heart: copies in the training data are what
makes a model copy (Somepalli et al. 2023, "Diffusion Art or Digital Forgery?", for diffusion models).

What helps: remove the copies before training.
"""

from collections.abc import Iterator

from ganctl.diagnosis.findings import Found, Severity
from ganctl.diagnosis.history import RunHistory

# Chosen: a fifth. The laboratory's sick runs have 0.4 and more, its healthy ones none.
THRESHOLD = 0.2  # share of the images that were looked at


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a large share of images that are equal to the last byte."""
    survey = history.survey
    share, looked_at = float(survey["copies"]), int(survey["images"])
    if share >= THRESHOLD:
        says = f"{share:.0%} of {looked_at:,} images are copies of others: the discriminator sees them more often."
        yield Found(Severity.WARNING, 0, says, "", {"copies": share}, [])
