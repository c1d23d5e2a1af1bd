"""The protocol's line says everything that moves a score: a program that knows nothing else gets the same scores."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import follow_protocol
import numpy as np
import pytest
from conftest import untracked
from sklearn.datasets import load_digits, load_sample_image

from ganctl.evaluation.features import efficientnet_lite0
from ganctl.evaluation.features.extractor import Extractor
from ganctl.evaluation.features.lite0 import lite0_extractor
from ganctl.evaluation.frechet_distance import Gaussian, frechet_distance
from ganctl.evaluation.kernel_distance import kernel_distance
from ganctl.evaluation.neighbours import Surroundings, neighbours
from ganctl.evaluation.protocol import Side, protocol_line
from ganctl.generation.image_scores import score_images
from ganctl.images.value_range import ValueRange

SCRIPT = Path(follow_protocol.__file__)
WEIGHTS = Path(str(efficientnet_lite0._WEIGHTS))
COUNT = 50


def digits(start: int) -> np.ndarray:
    return (load_digits().images[start : start + COUNT, ..., None] * 15).astype(np.uint8)


def crops(name: str, size: int) -> np.ndarray:
    photograph, random = load_sample_image(name), np.random.default_rng(0)
    corners = random.integers(0, [photograph.shape[0] - size, photograph.shape[1] - size], (COUNT, 2))
    return np.stack([photograph[y : y + size, x : x + size] for y, x in corners])


def pair(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Grey images that are enlarged; colours; pictures that are shrunk, beside sharp edges that overshoot."""
    if name == "digits":
        return digits(0), digits(COUNT)
    if name == "crops":
        return crops("china.jpg", 40), crops("flower.jpg", 40)
    random = np.random.default_rng(1)
    edges = np.where(random.integers(0, 2, (COUNT, 10, 8, 1)), 255, 0).astype(np.uint8).repeat(16, 1).repeat(17, 2)
    return edges, crops("china.jpg", 136)[:, :, :150]


def written(images: np.ndarray, path: Path, *, as_folder: bool) -> Path:
    if not as_folder:
        np.savez(path.with_suffix(".npz"), images=images)
        return path.with_suffix(".npz")
    path.mkdir()
    for index, image in enumerate(images):
        cv2.imwrite(str(path / f"{index:03d}.png"), image[..., ::-1])
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "crops", "edges"])
def test_another_program_follows_the_line(name: str, tmp_path: Path) -> None:
    """In a process without ganctl and TensorFlow, which is given the two sets, the weights and the printed JSON."""
    samples, real = pair(name)
    ours = written(samples, tmp_path / "samples", as_folder=name == "crops")
    theirs = written(real, tmp_path / "real", as_folder=name == "crops")
    scores = score_images(
        ours,
        untracked,
        against=str(theirs),
        num=COUNT,
        features="lite0",
        inception_graph=None,
        seed=0,
        best=False,
        pairs=None,
        device="cpu",
    )
    (tmp_path / "scores.json").write_text(json.dumps(scores.as_json()))
    block = "import runpy, sys\nfor name in ('ganctl', 'tensorflow', 'keras', 'torch'): sys.modules[name] = None\n"
    run = f"{block}sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", run, SCRIPT, ours, theirs, WEIGHTS, tmp_path / "scores.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [name for name, *_ in lines] == ["kid", "frechet_distance", "precision", "recall"]
    for metric, own, _ in lines:
        assert float(own) == pytest.approx(scores.values[metric], rel=1e-3, abs=2e-6), metric


def test_the_script_scores_the_same_features_alike() -> None:
    random = np.random.default_rng(0)
    samples = np.maximum(random.normal(0.3, 1.2, (230, 40)), 0).astype(np.float32)
    real = np.maximum(random.normal(0.0, 1.0, (310, 40)), 0).astype(np.float32)
    found = follow_protocol.scores(samples, real, stated())
    own, other = Surroundings.of(samples), Surroundings.of(real)
    positions = neighbours(samples, real, own.radii, other.radii)
    assert found["kid"] == pytest.approx(kernel_distance(samples, real)[0], rel=1e-4)
    assert found["frechet_distance"] == pytest.approx(frechet_distance(Gaussian.of(samples), Gaussian.of(real)))
    assert 0.1 < found["precision"] == positions.precision < 0.9
    assert 0.1 < found["recall"] == positions.recall < 0.99


@pytest.mark.parametrize("count", [5, 90, 300])
def test_copies_lie_within_balls_that_other_copies_shrank_to_nothing(count: int) -> None:
    """Real images that occur four times each have no radius; a sample that is one of them is inside all the same."""
    samples = np.maximum(np.random.default_rng(0).normal(0.5, 1.0, (count, 320)), 0).astype(np.float32)
    real = np.repeat(samples, 4, 0)
    own, other = Surroundings.of(samples), Surroundings.of(real)
    assert not other.radii.any()
    found = neighbours(samples, real, own.radii, other.radii)
    assert (found.precision, found.recall) == (1.0, 1.0)
    assert not found.distances.any()
    moved = samples + np.float32(1e-4)
    assert neighbours(moved, real, own.radii, other.radii).precision == 0.0
    np.testing.assert_allclose(neighbours(moved, real, own.radii, other.radii).distances, 320**0.5 * 1e-4, rtol=2e-2)


def test_rows_that_are_all_alike_have_no_distance_either() -> None:
    rows = np.repeat(np.random.default_rng(0).normal(0.5, 1.0, (1, 320)).astype(np.float32), 200, 0)
    assert not Surroundings.of(rows).radii.any()
    assert neighbours(rows, rows, np.zeros(200), np.zeros(200)).precision == 1.0


def test_clipping_and_rounding_move_the_features_and_the_script_does_what_the_line_says() -> None:
    """With other words in the line, the script computes something else, so the test above does look at them."""
    weights, images = dict(np.load(WEIGHTS)), pair("edges")[0][:1]
    said = dict(lite0_extractor().steps)
    as_said = follow_protocol.features(images, weights, said)
    np.testing.assert_allclose(as_said, lite0_extractor().features(images), atol=1e-4)
    others: list[tuple[str, str]] = [("clip", "no"), ("round", "yes"), ("size", "96x96")]
    for key, value in [*others, ("filter", said["filter"].replace("-0.5", "-0.75"))]:
        other = follow_protocol.features(images, weights, {**said, key: value})
        assert np.abs(other - as_said).max() > 1e-3, key


def test_the_script_is_short_and_needs_nothing_but_numpy_and_opencv() -> None:
    tree = ast.parse(SCRIPT.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported - set(sys.stdlib_module_names) == {"cv2", "numpy"}


class Origin:
    """Sets of images as they come, and what the line says of them."""

    drawn = (Side((28, 28, 1), 7), "28x28x1 drawn in float32 with seed 7, rounded to uint8")
    array = (Side((28, 20, 3)), "28x20x3 uint8 from an array")
    files = (Side((8, 8, 3), None, {"PNG": 3, "JPEG": 2}), "8x8x3 uint8 from 3 PNG and 2 JPEG")
    values = (
        Side((8, 8, 1), None, {}, ValueRange(0, 4095)),
        "8x8x1 uint8 from an array, 0 as 0 and 4095 as 255",
    )


@pytest.mark.parametrize("name", ["drawn", "array", "files", "values"])
def test_the_line_says_where_images_come_from(name: str) -> None:
    side, text = getattr(Origin, name)
    assert str(side) == text


def stated(change: Callable[[dict[str, Any]], Any] = lambda arguments: None) -> dict[str, str]:
    arguments: dict[str, Any] = {
        "values": {"num": 2000, "reference_num": 700, "floor_num": 350},
        "extractor": lite0_extractor(),
        "samples": Side((28, 28, 1), 0),
        "reference": Side((28, 28, 1)),
        "resize": "crop",
    }
    change(arguments)
    line = protocol_line(**arguments)
    assert "\n" not in line
    return dict(part.split("=", 1) for part in line.split("; "))


def test_each_part_of_the_line_is_a_key_and_a_value() -> None:
    said = stated()
    assert said["samples"] == "2000 of 28x28x1 drawn in float32 with seed 0, rounded to uint8"
    assert said["weights"] == f"sha256:{efficientnet_lite0.weights_hash()}"
    assert said["kid_std"].startswith("over 5 times 2 pairs of disjoint subsets of 350, ")
    assert said["k"] == "3 without itself"
    assert said["floor"].startswith("350 of the reference")
    assert "pad" in stated(lambda arguments: arguments.update(resize="pad"))["files"]


def test_every_network_states_the_same_steps() -> None:
    steps = list(lite0_extractor().steps)
    assert steps == ["size", "filter", "round", "clip", "scale", "network", "layer"]
    for module in ("classifier", "inception"):
        source = Path(sys.modules[f"ganctl.evaluation.features.{module}"].__file__ or "").read_text()
        assert re.findall(r'^ +"(\w+)": f?"', source, re.MULTILINE) == steps, module
    assert Extractor("lite0", "", "", abs).steps == {}
