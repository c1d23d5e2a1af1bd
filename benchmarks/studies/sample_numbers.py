"""How KID and FD move with the number of samples and with the resizing for the network."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import ganctl
from benchmarks.papers.clothes import Clothes
from benchmarks.studies.bench import Bench, Trained
from benchmarks.studies.figures import Spread
from benchmarks.studies.recipe import REFERENCE
from benchmarks.studies.study import Report, Study, Table
from ganctl.evaluation.features import efficientnet_lite0
from ganctl.evaluation.features.extractor import in_colour
from ganctl.evaluation.frechet_distance import Gaussian, frechet_distance
from ganctl.evaluation.kernel_distance import kernel_distance
from ganctl.images.opencv import opencv
from ganctl.lazy import tf

COUNTS = (250, 500, 1000, 2000, 5000)
DRAWS = 3
COMPARED = 2000
_BATCH = 200
_SIDE = efficientnet_lite0.SIZE

Resizing = Callable[[np.ndarray], Any]
"""RGB uint8 [N, H, W, 3] to the network's size, float32 in about 0 .. 255."""


def _by_tensorflow(method: str) -> Resizing:
    def resize(images: np.ndarray) -> Any:
        return tf.image.resize(tf.cast(images, tf.float32), [_SIDE, _SIDE], method, antialias=True)

    return resize


def _protocol(images: np.ndarray) -> Any:
    return tf.clip_by_value(_by_tensorflow("bicubic")(images), 0.0, 255.0)


def _by_opencv(images: np.ndarray) -> Any:
    cv2 = opencv()
    return np.stack([cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC) for image in images])


PROTOCOL = "bicubic, a = -0.5, clipped (the protocol)"
RESIZINGS: Mapping[str, Resizing] = {
    PROTOCOL: _protocol,
    "the same, rounded to bytes": lambda images: tf.round(_protocol(images)),
    "the same, not clipped": _by_tensorflow("bicubic"),
    "OpenCV's bicubic, a = -0.75, bytes": _by_opencv,
    "Lanczos, 3 lobes, not clipped": _by_tensorflow("lanczos3"),
    "bilinear": _by_tensorflow("bilinear"),
    "nearest": _by_tensorflow("nearest"),
}


def features(images: np.ndarray, resizing: Resizing) -> np.ndarray:
    """Return the Lite0 features [N, 1280] of uint8 images [N, H, W, C]."""
    head = tf.function(efficientnet_lite0.head, reduce_retracing=True, autograph=False)
    batches = (images[start : start + _BATCH] for start in range(0, len(images), _BATCH))
    return np.concatenate([head(tf.cast(resizing(in_colour(batch)), tf.float32)).numpy() for batch in batches])


def moved_by_number(
    samples: np.ndarray, reference: np.ndarray, counts: Sequence[int] = COUNTS
) -> dict[int, tuple[Spread, Spread]]:
    """Return KID and FD of some samples against a reference, by their number; over DRAWS draws of them, if not all.

    Args:
        samples: features [N, d].
        reference: features [M, d].
        counts: numbers of samples.
    """
    known, found = Gaussian.of(reference), {}
    for count in counts:
        orders = [np.random.default_rng(draw).permutation(len(samples))[:count] for draw in range(DRAWS)]
        drawn = [samples[order] for order in orders[: 1 if count == len(samples) else DRAWS]]
        kid = Spread.of([kernel_distance(part, reference)[0] for part in drawn])
        found[count] = kid, Spread.of([frechet_distance(Gaussian.of(part), known) for part in drawn])
    return found


def _scores(samples: np.ndarray, reference: np.ndarray) -> list[str]:
    distance = frechet_distance(Gaussian.of(samples), Gaussian.of(reference))
    return [f"{kernel_distance(samples, reference)[0]:.4f}", f"{distance:.1f}"]


def _report(bench: Bench, runs: Mapping[str, Sequence[Trained]]) -> Report:
    every = np.concatenate([part.images for part in Clothes.read()])
    half = len(every) // 2
    reference, others = every[:half], every[half:]
    samples = np.asarray(ganctl.load(runs[REFERENCE.name][0].folder).sample(half))
    known = {name: features(images, _protocol) for name, images in (("real", others), ("samples", samples))}
    known["reference"] = features(reference, _protocol)
    by_number = {name: moved_by_number(known[name], known["reference"]) for name in ("real", "samples")}
    numbers = [
        [
            f"{count:,}",
            *(
                spread.written(digits)
                for side in by_number.values()
                for spread, digits in zip(side[count], (4, 1), strict=True)
            ),
        ]
        for count in COUNTS
    ]
    resized = []
    for name, resizing in RESIZINGS.items():
        parts = [features(images[:COMPARED], resizing) for images in (reference, others, samples)]
        mixed = known["reference"][:COMPARED]
        resized.append([name, *_scores(parts[1], parts[0]), *_scores(parts[2], parts[0]), *_scores(parts[1], mixed)])
    return Report(
        [
            Table(
                f"N pictures against {half:,} real ones, resized as the protocol says: other real ones, and samples of "
                f"one run. Mean and deviation over {DRAWS} draws of N out of {half:,}.",
                ["N", "real: KID", "real: FD", "samples: KID", "samples: FD"],
                numbers,
            ),
            Table(
                f"{COMPARED:,} pictures against {COMPARED:,} real ones, by the resizing from 28x28 to {_SIDE}x{_SIDE}. "
                "In the last two columns only the real pictures on the left are resized so, and the others as the "
                "protocol says.",
                ["resizing", "real: KID", "real: FD", "samples: KID", "samples: FD", "one side: KID", "one side: FD"],
                resized,
            ),
        ]
    )


STUDY = Study(
    "sample_numbers",
    "How do KID and FD move with the number of samples and the resizing?",
    [REFERENCE],
    _report,
    seeds=1,
)
