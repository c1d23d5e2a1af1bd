"""Which labelled images a classifier learns from, and which unseen ones test it."""

from dataclasses import dataclass
from typing import Self

from ganctl.evaluation.reference import FEWEST_IMAGES, MOST_IMAGES, choose
from ganctl.images.image_set import ImageSet

HELD_OUT, SPLIT_OFF = "held-out images", "training images split off"
"""The kinds of images that test a classifier."""
SHARE = 0.1
"""The share of the training images that is split off if none are held out."""


@dataclass(frozen=True, eq=False)
class LabelledSplit:
    """Labelled images in two parts that have none in common.

    Attributes:
        learned: what classifiers learn from.
        tested: what tests them.
        kind: HELD_OUT, or SPLIT_OFF if the run itself was trained on the tested ones.
    """

    learned: ImageSet
    tested: ImageSet
    kind: str

    @classmethod
    def of(cls, training: ImageSet, held_out: ImageSet | None) -> Self:
        """Return the run's own split, or one that is made for this purpose and is always the same.

        Args:
            training: the training images, with labels.
            held_out: those that the run holds out. They are used if there are FEWEST_IMAGES or more, with labels of
                the same classes.
        """
        if (
            held_out is not None
            and held_out.labels is not None
            and held_out.class_names == training.class_names
            and len(held_out) >= FEWEST_IMAGES
        ):
            return cls(training, some(held_out, MOST_IMAGES), HELD_OUT)
        few = some(training, MOST_IMAGES)
        learned, tested = few.split(max(SHARE, min(0.5, FEWEST_IMAGES / len(few))))
        assert tested is not None
        return cls(learned, tested, SPLIT_OFF)


def some(images: ImageSet, most: int) -> ImageSet:
    """Return at most `most` of the images: the same ones each time, and the set itself, not a copy, if it is small."""
    return images if len(images) <= most else images.rows(choose(len(images), most))
