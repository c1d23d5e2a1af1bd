"""One honest protocol: every score of samples with its floor, and the settings without which scores do not compare."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganctl.errors import DataError
from ganctl.evaluation.class_figures import class_coverage, class_score
from ganctl.evaluation.diversity import effective_number
from ganctl.evaluation.frechet_distance import Gaussian, frechet_distance
from ganctl.evaluation.kernel_distance import kernel_distance, subset_size
from ganctl.evaluation.neighbours import Neighbours, Surroundings, memorized, neighbours
from ganctl.evaluation.reference import FEWEST_IMAGES, Reference
from ganctl.images.image_set import all_identical
from ganctl.run_folder.metrics_csv import FLOOR, METRICS

CALLED_COPYING = 2.0
"""A share of memorized samples above this many times the floor's is called copying, once chance is ruled out."""
NEED_VARIED_REFERENCE = {"precision", "recall", "diversity", "memorization", "class_score", "class_coverage"}
"""Scores that need distances, directions or classes among the real images, so not identical ones."""
NEED_VARIED_SAMPLES = {"recall"}
"""Scores that need distances among the samples."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The scores of samples.

    Attributes:
        values: every score by its column in metrics.csv, including floors and protocol; None if it would mean nothing.
        neighbours: for each sample, the nearest reference image.
        left_out: which scores are None and why, in words.
    """

    values: dict[str, Any]
    neighbours: Neighbours
    left_out: tuple[str, ...] = ()


def copies(values: Mapping[str, Any]) -> bool:
    """Return whether samples are nearer to the training images than unseen real ones, beyond what chance explains.

    Args:
        values: those of an `Evaluation`, or a row of metrics.csv.
    """
    share, floor = values.get("memorization"), values.get("memorization" + FLOOR)
    if share is None or floor is None:
        return False
    floor = max(floor, 1e-3)
    deviation = (floor * (1 - floor) / values["num"]) ** 0.5
    return bool(share > CALLED_COPYING * floor and share > floor + 4 * deviation)


def evaluate(samples: np.ndarray, reference: Reference, meaningless: Collection[str] = ()) -> Evaluation:
    """Score samples against a reference; raises DataError if they are too few.

    Args:
        samples: uint8 [N, H, W, C].
        reference: the real images.
        meaningless: scores that the caller leaves out, by name.
    """
    features = reference.extractor.features(samples)
    if len(features) < FEWEST_IMAGES:
        raise DataError(f"{len(features)} samples are too few to score. Use {FEWEST_IMAGES} or more.")
    if not np.isfinite(features).all():
        raise DataError("The features of the samples are not finite.")
    figures, found = _figures(features, reference)
    floors, floor_num = _floors(reference, len(features))
    protocol = {
        "features": reference.extractor.name,
        "weights": reference.extractor.weights[:12],
        "resize": reference.extractor.resize,
        "reference": reference.name,
        "reference_num": len(reference),
        "num": len(features),
        "floor_num": floor_num,
    }
    scores: dict[str, Any] = {**figures, **{name + FLOOR: value for name, value in floors.items()}}
    left_out: tuple[str, ...] = ()
    for what, identical, lost in (
        ("real images", reference.constant, {name + end for name in NEED_VARIED_REFERENCE for end in ("", FLOOR)}),
        ("samples", all_identical(samples), NEED_VARIED_SAMPLES),
    ):
        if identical:
            titles = [metric.title for metric in METRICS if metric.name in scores and metric.name in lost]
            scores.update({name: None for name in scores if name in lost})
            left_out += (f"{', '.join(titles)}: all {what} are identical",)
    scores.update({name + end: None for name in meaningless for end in ("", FLOOR)})
    return Evaluation({**scores, **protocol}, found, left_out)


def _figures(features: np.ndarray, reference: Reference) -> tuple[dict[str, float], Neighbours]:
    own = Surroundings.of(features)
    found = neighbours(features, reference.features, own.radii, reference.surroundings.radii)
    sums = reference.kernel_sums(subset_size(len(features), len(reference)))
    kid, kid_std = kernel_distance(features, reference.features, sums)
    center = reference.gaussian.mean
    count = min(len(features), len(reference))  # the number of vectors bounds the number of different ones
    figures = {
        "kid": kid,
        "kid_std": kid_std,
        "frechet_distance": frechet_distance(Gaussian.of(features), reference.gaussian),
        "precision": found.precision,
        "recall": found.recall,
        "diversity": effective_number(_some(features, count), center)
        / effective_number(_some(reference.features, count), center),
        "memorization": float(memorized(found.distances, reference.unseen_distances).mean()),
    }
    if reference.probabilities is not None and reference.extractor.probabilities is not None:
        probabilities = reference.extractor.probabilities(features)
        figures["class_score"] = class_score(probabilities)
        figures["class_coverage"] = class_coverage(probabilities, reference.probabilities)
    return figures, found


def _some(features: np.ndarray, count: int) -> np.ndarray:
    """`count` rows, chosen by a fixed seed."""
    return features[np.random.default_rng(1).permutation(len(features))[:count]]


def _floors(reference: Reference, count: int) -> tuple[dict[str, float], int]:
    """Return every score of the same number of real images against the other real ones, and that number.

    Except by chance, no honest KID is below its floor. If the reference has fewer than twice as many images, half of it
    is used.
    """
    number = min(count, len(reference) // 2)
    floor = reference.kept_floor(number)
    if floor is None:
        order = np.random.default_rng(2).permutation(len(reference))
        figures, _ = _figures(reference.features[order[:number]], reference.rows(np.sort(order[number:])))
        floor = {metric.name: figures[metric.name] for metric in METRICS if metric.name in figures}
        reference.keep_floor(number, floor)
    return floor, number
