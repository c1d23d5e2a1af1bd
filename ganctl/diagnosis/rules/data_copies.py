"""Many real images are copies of others."""

from collections.abc import Iterator

from ganctl.diagnosis.findings import Found, Severity
from ganctl.diagnosis.history import RunHistory

# Not yet set by the laboratory.
THRESHOLD = 0.2  # share of the images that were looked at


def examine(history: RunHistory) -> Iterator[Found]:
    """Find a large share of images that are equal to the last byte."""
    survey = history.survey
    share, looked_at = float(survey["copies"]), int(survey["images"])
    if share >= THRESHOLD:
        says = f"{share:.0%} of {looked_at:,} images are copies of others: the discriminator sees them more often."
        yield Found(Severity.WARNING, 0, says, "", {"copies": share}, [])
