"""The networks by whose features images are compared."""

from pathlib import Path

from ganctl.evaluation.features.classifier import check_labelled, classifier_extractor
from ganctl.evaluation.features.extractor import Extractor
from ganctl.evaluation.features.inception import inception_extractor
from ganctl.evaluation.features.lite0 import lite0_extractor
from ganctl.images.image_set import ImageSet


def check_available(features: str, images: ImageSet) -> None:
    """Raise UsageError if that network cannot be used for these images.

    Args:
        features: `auto`, `lite0`, `classifier` or `inception`.
        images: the training images of a classifier.
    """
    if features == "classifier":
        check_labelled(images)
    elif features == "inception":
        inception_extractor(None)


def extractor_for(features: str, images: ImageSet, inception_graph: Path | None = None) -> Extractor:
    """Return the network of that name; raises UsageError if it is not available.

    Args:
        features: `auto`, `lite0`, `classifier` or `inception`; auto is lite0, which needs no download and no labels.
        images: the training images of a classifier.
        inception_graph: path of the Inception graph, if not in the cache.
    """
    if features == "classifier":
        return classifier_extractor(images)
    return inception_extractor(inception_graph) if features == "inception" else lite0_extractor()
