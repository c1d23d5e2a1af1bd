"""The real images are nearly all the same.

Two real images differ by a few levels at most.

Often the wrong files were read, such as masks, frames of a still film, or one image many times with a little noise. A
generator that draws the mean image is then nearly perfect, so no loss says that anything is wrong.

What helps: look at `samples/real.png`, and at the path and the pattern of the data set.
"""

from collections.abc import Iterator

from ganctl.diagnosis.findings import Found, Severity
from ganctl.diagnosis.history import RunHistory
from ganctl.diagnosis.rules import data_dark

# The laboratory's sick runs have 0.6, its healthy ones 54 and more.
THRESHOLD = 2.0  # root mean square distance of two images, in levels of 255


def examine(history: RunHistory) -> Iterator[Found]:
    """Find images that lie close together."""
    apart = float(history.survey["spread"])
    # Of images that are read as nearly black, little is known but that.
    if apart < THRESHOLD and not any(True for _ in data_dark.examine(history)):
        says = f"Two images differ by {apart:.2f} levels of 255 in the mean."
        yield Found(Severity.SERIOUS, 0, says, "", {"spread": apart}, [])
