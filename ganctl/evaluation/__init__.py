"""One honest protocol: how far samples are from real images, and what those figures mean nothing without.

Needs images and features, never a trainer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.errors import DataError
from ganctl.evaluation.class_figures import class_coverage, class_score
from ganctl.evaluation.classifier import check_labelled, classifier_extractor
from ganctl.evaluation.diversity import effective_number
from ganctl.evaluation.extractor import Extractor
from ganctl.evaluation.frechet_distance import Gaussian, frechet_distance
from ganctl.evaluation.inception import inception_extractor
from ganctl.evaluation.kernel_distance import kernel_distance, subset_size
from ganctl.evaluation.lite0 import lite0_extractor
from ganctl.evaluation.neighbours import Neighbours, Surroundings, memorized, neighbours
from ganctl.evaluation.reference import FEWEST_IMAGES, Reference
from ganctl.image_set import ImageSet
from ganctl.metrics_table import FLOOR, METRICS

CALLED_COPYING = 2.0
"""How many times the floor's share of memorized samples is called copying, once chance is ruled out."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What samples are worth.

    Attributes:
        values: every figure by its column in metrics.csv, floors and protocol included.
        neighbours: for each sample, the nearest reference image.
    """

    values: dict[str, Any]
    neighbours: Neighbours


def copies(values: Mapping[str, Any]) -> bool:
    """Whether samples lie nearer to the training images than unseen real ones do, beyond what chance explains.

    Args:
        values: those of an `Evaluation`, or a row of metrics.csv.
    """
    share, floor = values["memorization"], max(values["memorization" + FLOOR], 1e-3)
    deviation = (floor * (1 - floor) / values["num"]) ** 0.5
    return bool(share > CALLED_COPYING * floor and share > floor + 4 * deviation)


def check_available(features: str, images: ImageSet) -> None:
    """Raise UsageError or DataError where these images can not be compared through that network.

    Args:
        features: `auto`, `lite0`, `classifier` or `inception`.
        images: the reference.
    """
    if len(images) < FEWEST_IMAGES:
        raise DataError(f"{images.source}: {len(images)} images are too few to evaluate against ({FEWEST_IMAGES}).")
    if features == "classifier":
        check_labelled(images)
    elif features == "inception":
        inception_extractor(None)


def extractor_for(features: str, images: ImageSet, inception_graph: Path | None = None) -> Extractor:
    """Return the network of that name; raises UsageError where it cannot be had.

    Args:
        features: `auto`, `lite0`, `classifier` or `inception`; auto is lite0, which needs no download and no labels.
        images: what a classifier learns from.
        inception_graph: where the Inception graph is, if not in the cache.
    """
    if features == "classifier":
        return classifier_extractor(images)
    return inception_extractor(inception_graph) if features == "inception" else lite0_extractor()


def evaluate(samples: np.ndarray, reference: Reference) -> Evaluation:
    """Compare samples, uint8 [N, H, W, C], with a reference; raises DataError for too few."""
    features = reference.extractor.features(samples)
    if len(features) < FEWEST_IMAGES:
        raise DataError(f"{len(features)} samples are too few for any figure; take {FEWEST_IMAGES} or more.")
    if not np.isfinite(features).all():
        raise DataError("The features of the samples are not finite.")
    figures, found = _figures(features, reference)
    floors, floor_num = _floors(reference, len(features))
    protocol = {
        "features": reference.extractor.name,
        "weights": reference.extractor.weights[:12],
        "resize": reference.extractor.resize,
        "reference": reference.source,
        "reference_num": len(reference),
        "num": len(features),
        "floor_num": floor_num,
    }
    return Evaluation({**figures, **{name + FLOOR: value for name, value in floors.items()}, **protocol}, found)


def _figures(features: np.ndarray, reference: Reference) -> tuple[dict[str, float], Neighbours]:
    own = Surroundings.of(features)
    found = neighbours(features, reference.features, own.radii, reference.surroundings.radii)
    sums = reference.kernel_sums(subset_size(len(features), len(reference)))
    kid, kid_std = kernel_distance(features, reference.features, sums)
    center = reference.gaussian.mean
    equally_many = reference.features[np.random.default_rng(1).permutation(len(reference))[: len(features)]]
    figures = {
        "kid": kid,
        "kid_std": kid_std,
        "frechet_distance": frechet_distance(Gaussian.of(features), reference.gaussian),
        "precision": found.precision,
        "recall": found.recall,
        "diversity": effective_number(features, center) / effective_number(equally_many, center),
        "memorization": float(memorized(found.distances, reference.unseen_distances).mean()),
    }
    if reference.probabilities is not None and reference.extractor.probabilities is not None:
        probabilities = reference.extractor.probabilities(features)
        figures["class_score"] = class_score(probabilities)
        figures["class_coverage"] = class_coverage(probabilities, reference.probabilities)
    return figures, found


def _floors(reference: Reference, count: int) -> tuple[dict[str, float], int]:
    """Return every figure of as many real images against the other real ones, and how many those were.

    No generator is honestly better. Where the reference has not twice as many images, half of it stand for them.
    """
    number = min(count, len(reference) // 2)
    floor = reference.kept_floor(number)
    if floor is None:
        order = np.random.default_rng(2).permutation(len(reference))
        figures, _ = _figures(reference.features[order[:number]], reference.rows(np.sort(order[number:])))
        floor = {metric.name: figures[metric.name] for metric in METRICS if metric.name in figures}
        reference.keep_floor(number, floor)
    return floor, number
