"""KID, FD, precision and recall by other people's tools, on the same features as ganctl's.

    python -m benchmarks.other_scores features features.npz
    python -m venv tools && tools/bin/pip install torch-fidelity torchmetrics prdc clean-fid
    tools/bin/python benchmarks/other_scores.py compare features.npz

The first command needs ganctl: it writes the features of three pairs of sets, and the scores. The last one needs the
tools alone. It prints a row for each pair, tool and score, and fails if one differs from ganctl's by more than 0.1%.
All tools that take subsets for KID are given one subset of all images, which is what ganctl computes.
"""

import contextlib
import io
import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

COUNT = 1000
TOLERANCE, LEAST = 1e-3, 2e-6
"""Relative to the score, and the absolute difference that float32 leaves in a KID near zero."""


def write_features(path: Path) -> None:
    """Write the Lite0 features of three pairs of sets of COUNT images, and ganctl's scores of each pair."""
    import cv2

    from ganctl import datasets
    from ganctl.evaluation import scoring
    from ganctl.evaluation.features.lite0 import lite0_extractor
    from ganctl.evaluation.reference import Reference
    from ganctl.experiment.sections import DatasetSection
    from ganctl.images.image_set import ImageSet

    section = DatasetSection(name="fashion_mnist_mini")
    clothes = datasets.registry.get(section.name).make(section, lambda sequence, *_, **__: sequence).images
    real, other = clothes[:COUNT], clothes[COUNT : 2 * COUNT]
    noise = np.random.default_rng(0).normal(0, 25, other.shape)
    pairs = {
        "real": other,
        "noise": np.clip(other + noise, 0, 255).astype(np.uint8),
        "blur": np.stack([cv2.GaussianBlur(image, (0, 0), 1.2)[..., None] for image in other]),
    }
    extractor = lite0_extractor()
    reference = Reference.of(ImageSet(real, None, (), "clothes"), extractor, "images")
    arrays: dict[str, Any] = {"reference": reference.features}
    for name, images in pairs.items():
        arrays[name] = extractor.features(images)
        found = scoring.evaluate(images, reference).values
        arrays[f"{name} scores"] = json.dumps(
            {key: found[key] for key in ("kid", "frechet_distance", "precision", "recall")}
        )
    np.savez(path, **arrays)


def by_torch_fidelity(samples: np.ndarray, real: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yield its scores by ganctl's names."""
    import torch
    from torch_fidelity import metric_fid, metric_kid, metric_prc

    both = torch.from_numpy(samples), torch.from_numpy(real)
    settings: dict[str, Any] = {"verbose": False, "rng_seed": 0, "kid_subsets": 1, "kid_subset_size": len(samples)}
    settings |= {"kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None}
    kid = metric_kid.kid_features_to_metric(*both, kid_kernel_poly_coef0=1, **settings)
    yield "kid", kid["kernel_inception_distance_mean"]
    moments = [metric_fid.fid_features_to_statistics(each) for each in both]
    yield "frechet_distance", metric_fid.fid_statistics_to_metric(*moments, verbose=False)["frechet_inception_distance"]
    near = {"prc_neighborhood": 3, "prc_batch_size": 10_000, "save_cpu_ram": False, "verbose": False}
    found = metric_prc.prc_features_to_metric(*both, **near)
    yield from ((name, found[name]) for name in ("precision", "recall"))


def by_torchmetrics(samples: np.ndarray, real: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yield its scores by ganctl's names."""
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    class AsTheyAre(torch.nn.Module):
        num_features = samples.shape[1]

        def forward(self, features: Any) -> Any:
            return features.flatten(1)

    kid = KernelInceptionDistance(feature=AsTheyAre(), subsets=1, subset_size=len(samples))
    fid = FrechetInceptionDistance(feature=AsTheyAre(), input_img_size=(1, 1, samples.shape[1]))
    for features, is_real in ((real, True), (samples, False)):
        kid.update(torch.from_numpy(features), real=is_real)
        fid.update(torch.from_numpy(features)[:, None, None, :], real=is_real)
    yield "kid", float(kid.compute()[0])
    yield "frechet_distance", float(fid.compute())


def by_clean_fid(samples: np.ndarray, real: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yield its scores by ganctl's names."""
    from cleanfid import fid

    yield "kid", float(fid.kernel_distance(samples, real, num_subsets=1, max_subset_size=len(samples)))
    moments = (moment for each in (samples, real) for moment in (each.mean(0), np.cov(each, rowvar=False)))
    yield "frechet_distance", float(fid.frechet_distance(*moments))


def by_prdc(samples: np.ndarray, real: np.ndarray) -> Iterator[tuple[str, float]]:
    """Yield its scores by ganctl's names."""
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(real_features=real, fake_features=samples, nearest_k=3)
    yield from ((name, float(found[name])) for name in ("precision", "recall"))


TOOLS = {
    "torch-fidelity": by_torch_fidelity,
    "torchmetrics": by_torchmetrics,
    "clean-fid": by_clean_fid,
    "prdc": by_prdc,
}


def compare(path: Path) -> bool:
    """Print the scores of every tool beside ganctl's; return whether all agree."""
    agree = True
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for pair in (name for name in arrays if f"{name} scores" in arrays):
        ours = json.loads(str(arrays[f"{pair} scores"]))
        for tool, scores in TOOLS.items():
            for name, theirs in scores(arrays[pair], arrays["reference"]):
                fits = abs(theirs - ours[name]) <= max(TOLERANCE * abs(ours[name]), LEAST)
                agree &= fits
                verdict = "" if fits else "  DIFFERS"
                print(f"{pair:6} {name:17} {tool:15} {version(tool):8} {theirs:12.6g} {ours[name]:12.6g}{verdict}")
    return agree


if __name__ == "__main__":
    command, file = sys.argv[1], Path(sys.argv[2])
    if command == "features":
        write_features(file)
    elif not compare(file):
        sys.exit(1)
