"""Images from outside are compared as the run's own images were prepared, or else as a folder of them would be."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import RunCli, WriteYaml, untracked
from sklearn.datasets import load_sample_image
from small_runs import train

from ganctl.build import resolving
from ganctl.generation.image_sources import read_both
from ganctl.run_folder.paths import RunFolder

COUNT = 96


@pytest.fixture(scope="module")
def portraits() -> np.ndarray:
    """Upright pieces of photographs, uint8 [COUNT, 60, 40, 3]."""
    photographs = [load_sample_image(name) for name in ("china.jpg", "flower.jpg")]
    random = np.random.default_rng(0)
    places = zip(random.integers(0, 427 - 60, COUNT), random.integers(0, 640 - 40, COUNT), strict=True)
    return np.stack([photographs[n % 2][y : y + 60, x : x + 40] for n, (y, x) in enumerate(places)])


@pytest.fixture(scope="module")
def folder(portraits: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("portraits")
    for number, image in enumerate(portraits):
        cv2.imwrite(str(made / f"{number:03d}.png"), image[..., ::-1])
    return made


def run_on(path: Path, tiny_yaml: WriteYaml, where: Path, **dataset: Any) -> RunFolder:
    """A run that has only been configured, which is all that its training images need."""
    changes = {"dataset": {"name": "image_folder", "path": str(path), "image_size": 16, "channels": 3, **dataset}}
    run = RunFolder.create(where, "run", explicit=True)
    run.write_config(resolving.load_experiment(tiny_yaml(changes)).to_yaml())
    return run


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_pictures_that_a_run_was_trained_on_are_its_training_images(
    resize: str, channels: int, folder: Path, tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    run = run_on(folder, tiny_yaml, tmp_path, resize=resize, channels=channels)
    samples, real = read_both(folder, str(run.path), COUNT, 0, untracked)
    assert samples.images.shape == (COUNT, 16, 16, channels)
    np.testing.assert_array_equal(samples.images, real.images.images)
    assert f"prepared as for {run.path}: 16x16x{channels}, {resize}" in " ".join(samples.notes)


def test_so_are_those_in_an_npz(folder: Path, portraits: np.ndarray, tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    np.savez(tmp_path / "portraits.npz", images=portraits)
    run = run_on(folder, tiny_yaml, tmp_path, resize="pad")
    samples, real = read_both(tmp_path / "portraits.npz", str(run.path), COUNT, 0, untracked)
    np.testing.assert_array_equal(samples.images, real.images.images)


def test_and_those_of_16_bits(portraits: np.ndarray, tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    """The set's white is 4095; 64 of its pictures alone are darker, and would have another white."""
    pictures = tmp_path / "deep"
    pictures.mkdir()
    for number, image in enumerate(portraits):
        deep = (image.astype(np.uint16) * (16 if number >= 64 else 3)).clip(0, 4095)
        cv2.imwrite(str(pictures / f"{number:03d}.png"), deep[..., ::-1])
    run = run_on(pictures, tiny_yaml, tmp_path)
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(pictures.iterdir())[:64]:
        (few / path.name).write_bytes(path.read_bytes())
    samples, real = read_both(few, str(run.path), COUNT, 0, untracked)
    np.testing.assert_array_equal(samples.images, real.images.images[:64])


@pytest.mark.slow
@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_the_same_pictures_score_as_such(
    resize: str, folder: Path, tiny_yaml: WriteYaml, tmp_path: Path, run_cli: RunCli
) -> None:
    run = run_on(folder, tiny_yaml, tmp_path, resize=resize)
    done = run_cli("evaluate", folder, "--against", run.path, "--num", COUNT, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kid"] < 0.01
    assert found["frechet_distance"] < 0.01
    assert found["memorization"] == 1.0
    assert "Warning: the samples are" not in done.stderr


@pytest.mark.slow
def test_real_images_from_outside_are_prepared_as_for_the_run_that_drew_the_samples(
    folder: Path, portraits: np.ndarray, tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    path = tiny_yaml(
        {
            "dataset": {"name": "image_folder", "path": str(folder), "image_size": 16, "channels": 1, "resize": "pad"},
            "training.iterations": 1,
        }
    )
    experiment = resolving.load_experiment(path)
    run = RunFolder.create(tmp_path, "run", explicit=True)
    train(experiment, run)
    run.write_config(experiment.to_yaml())
    np.savez(tmp_path / "portraits.npz", images=portraits)
    expected = resolving.read_images(resolving.resolve(experiment), untracked).images
    for other in (folder, tmp_path / "portraits.npz"):
        samples, real = read_both(run.path, str(other), 60, 0, untracked)
        assert samples.shape == (16, 16, 1)
        # Of a colour JPEG or PNG, grey is computed in one step or after resizing.
        np.testing.assert_allclose(real.images.images.astype(int), expected.astype(int), atol=1)
    _, named = read_both(run.path, "fashion_mnist_mini", 60, 0, untracked)
    assert named.images.shape == (16, 16, 1)
    assert not any("sharpness" in note for note in named.notes)


def test_rectangles_in_an_npz_are_read_as_those_in_a_folder(
    folder: Path, portraits: np.ndarray, tmp_path: Path
) -> None:
    np.savez(tmp_path / "portraits.npz", images=portraits)
    lying = np.ascontiguousarray(portraits.transpose(0, 2, 1, 3))
    np.savez(tmp_path / "lying.npz", images=lying)
    of_folder, of_npz = (
        read_both(path, "fashion_mnist_mini", COUNT, 0, untracked)[0] for path in (folder, tmp_path / "portraits.npz")
    )
    assert of_npz.shape == (60, 40, 3)
    np.testing.assert_array_equal(of_npz.images, portraits)
    np.testing.assert_array_equal(of_npz.images, of_folder.images)
    turned = read_both(tmp_path / "lying.npz", "fashion_mnist_mini", COUNT, 0, untracked)[0]
    np.testing.assert_array_equal(turned.images, lying)


@pytest.mark.slow
def test_evaluate_scores_rectangles_in_an_npz_as_those_in_a_folder(
    folder: Path, portraits: np.ndarray, tmp_path: Path, run_cli: RunCli
) -> None:
    np.savez(tmp_path / "portraits.npz", images=portraits)
    done = run_cli("evaluate", tmp_path / "portraits.npz", "--against", folder, "--num", COUNT, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kid"] < 0.01


def test_pictures_of_many_shapes_become_squares(tmp_path: Path) -> None:
    for number, (height, width) in enumerate([(40, 60), (60, 40), (40, 40), (300, 50), (40, 80)]):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((height, width, 3), number, np.uint8))
    samples, _ = read_both(tmp_path, "fashion_mnist_mini", 3, 0, untracked)
    assert samples.shape == (40, 40, 3)


def test_large_rectangles_of_a_folder_keep_their_shape(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((600, 300, 3), number, np.uint8))
    samples, _ = read_both(tmp_path, "fashion_mnist_mini", 3, 0, untracked)
    assert samples.shape == (256, 128, 3)
