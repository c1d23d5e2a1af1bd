"""Whether samples show the classes that were asked for, and whether a classifier can learn the classes from them."""

import numpy as np

from ganctl.evaluation.features.classifier import classifier_extractor
from ganctl.evaluation.features.extractor import Extractor
from ganctl.images.image_set import ImageSet


def balanced_accuracy(named: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over the classes of the share of their images that are named rightly.

    Every class counts alike, so sets of different frequencies compare, and naming always the same class scores 1 / the
    number of classes.

    Args:
        named: the class that each image is taken for [N].
        labels: its class [N].
    """
    right = np.asarray(named) == np.asarray(labels)
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def class_accuracy(classifier: Extractor, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the balanced accuracy with which a classifier names images.

    Of a class-conditional generator's samples, `labels` are the classes that were asked for; read the figure beside
    that of real images which the classifier has not learned.

    Args:
        classifier: as `classifier_extractor` returns it.
        images: uint8 [N, H, W, C].
        labels: whole numbers [N].
    """
    assert classifier.probabilities is not None
    return balanced_accuracy(classifier.probabilities(classifier.features(images)).argmax(1), labels)


def classification_accuracy_score(
    images: np.ndarray, labels: np.ndarray, tested: ImageSet, *, keep: bool = False
) -> float:
    """Train a classifier on labelled images; return its balanced accuracy on others (CAS).

    Source: Ravuri and Vinyals 2019, "Classification accuracy score for conditional generative models", with ganctl's
    small classifier. Read that of samples beside that of as many real images with the same labels: samples teach less
    if they are unlike real ones, mislabelled, or too much alike.

    Args:
        images: what to learn, uint8 [N, H, W, C].
        labels: their classes [N], numbered as those of `tested`.
        tested: labelled real images that are not among them.
        keep: keep the classifier in the cache, or take it from there.
    """
    assert tested.labels is not None
    learned = ImageSet(images, np.asarray(labels, np.int32), tested.class_names, "images to learn from")
    return class_accuracy(classifier_extractor(learned, keep=keep), tested.images, tested.labels)
