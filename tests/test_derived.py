"""Pairs made from the images of another data set: the right pixels, and the same ones in every run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import write_images
from loaded_images import track

from ganctl import datasets
from ganctl.build import resolving
from ganctl.datasets import registry
from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import DatasetSection
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import ImageSampler
from ganctl.game.sampler import PAIRED
from ganctl.images.image_set import ImageSet

COUNT = 6


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 8, 12, 3), np.uint8)


@pytest.fixture
def path(pictures: np.ndarray, tmp_path: Path) -> str:
    np.savez(tmp_path / "pictures.npz", images=pictures, labels=np.arange(COUNT) % 2)
    return str(tmp_path / "pictures.npz")


def read(transform: str | None, seed: int = 0, **keys: Any) -> dict[str, ImageSet]:
    section = DatasetSection(name="derived", transform=transform, **keys)  # type: ignore[arg-type]
    made: dict[str, ImageSet] = registry.get("derived").make(section, track, seed=seed)
    return made


def source(transform: str, **keys: Any) -> np.ndarray:
    return read(transform, **keys)["source"].images


def test_the_target_is_the_image_or_the_source_is(path: str, pictures: np.ndarray) -> None:
    feeds, turned = read("posterise", path=path), read("posterise", path=path, direction="b_to_a")
    np.testing.assert_array_equal(feeds["target"].images, pictures)
    np.testing.assert_array_equal(turned["source"].images, pictures)
    np.testing.assert_array_equal(turned["target"].images, feeds["source"].images)
    for images in feeds.values():
        assert images.labels is not None
        assert images.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert "made from the images: posterise, amount 4" in feeds["source"].notes


def test_downscale_averages_squares(path: str, pictures: np.ndarray) -> None:
    means = pictures.reshape(COUNT, 2, 4, 3, 4, 3).mean(axis=(2, 4))
    assert np.abs(source("downscale", path=path) - means).max() <= 0.5
    halves = pictures.reshape(COUNT, 4, 2, 6, 2, 3).mean(axis=(2, 4))
    assert np.abs(source("downscale", path=path, amount=2) - halves).max() <= 0.5


def test_grey_is_the_luminance(path: str, pictures: np.ndarray) -> None:
    found = source("grey", path=path)
    assert found.shape == (COUNT, 8, 12, 1)
    assert np.abs(found[..., 0] - pictures @ [0.299, 0.587, 0.114]).max() <= 1


def test_edges_are_drawn_black_on_white(tmp_path: Path) -> None:
    images = np.full((2, 16, 16), 40, np.uint8)
    images[:, :, 8:] = 90  # the sum of the Sobel derivatives is 4 * 50 = 200
    np.savez(tmp_path / "steps.npz", images=images)
    path = str(tmp_path / "steps.npz")
    drawn = source("edges", path=path, amount=199)
    assert set(np.unique(drawn)) == {0, 255}
    assert (drawn == 0).all(axis=(0, 1))[:, 0].nonzero()[0].tolist() in ([7], [8])
    assert (drawn == 0).mean() == 1 / 16
    faint = read("edges", path=path, amount=201)["source"]
    assert (faint.images == 255).all()
    assert "Warning: what 'edges' makes of the images is always the same. Change `dataset.amount`." in faint.notes


def test_noise_has_its_standard_deviation(tmp_path: Path) -> None:
    np.savez(tmp_path / "grey.npz", images=np.full((4, 64, 64), 128, np.uint8))
    path = str(tmp_path / "grey.npz")
    noisy = source("noise", path=path) - 128.0
    assert abs(noisy.std() - 25) < 0.5
    assert abs(noisy.mean()) < 0.5
    assert abs((source("noise", path=path, amount=5) - 128.0).std() - 5) < 0.2


def test_a_mask_is_a_hole_of_a_share_of_each_side(path: str, pictures: np.ndarray) -> None:
    holed = source("mask", path=path)
    places = set()
    for image, found in zip(pictures, holed, strict=True):
        rows, columns = np.nonzero((found == 128).all(axis=-1) & (image != found).any(axis=-1))
        top, left = rows.min(), columns.min()
        places.add((top, left))
        assert (found[top : top + 4, left : left + 6] == 128).all()
        outside = np.ones((8, 12), bool)
        outside[top : top + 4, left : left + 6] = False
        np.testing.assert_array_equal(found[outside], image[outside])
    assert len(places) > 2
    assert (source("mask", path=path, amount=0.25) == 128).all(axis=-1).sum() == COUNT * 2 * 3


def test_posterised_images_have_few_levels(path: str, pictures: np.ndarray) -> None:
    found = source("posterise", path=path)
    assert np.unique(found).tolist() == [0, 85, 170, 255]
    assert np.abs(found.astype(int) - pictures).max() <= 43
    assert np.unique(source("posterise", path=path, amount=2)).tolist() == [0, 255]


@pytest.mark.parametrize("transform", ["noise", "mask"])
def test_what_is_random_depends_on_the_seed_and_the_index_alone(transform: str, path: str) -> None:
    whole, again, other = (source(transform, path=path, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(whole, again)
    assert (whole != other).any()
    np.testing.assert_array_equal(source(transform, path=path, seed=3, limit=3), whole[:3])


def test_the_seed_is_that_of_the_experiment(path: str) -> None:
    from ganctl import models

    with models.registry.temporarily():
        models.registry.register(
            "of_pairs", source="this test", feeds=PAIRED, samplers={"translated": ImageSampler(gives="target")}
        )(lambda image_shape: {})

        def feeds(seed: int) -> dict[str, ImageSet]:
            data = {
                "name": "pairs",
                "seed": seed,
                "dataset": {"name": "derived", "path": path, "transform": "noise"},
                "model": {"name": "of_pairs"},
            }
            return resolving.read_feeds(resolving.resolve(Experiment.from_source(YamlSource("test", data))), track)

        for seed in (0, 7):
            np.testing.assert_array_equal(feeds(seed)["source"].images, source("noise", path=path, seed=seed))


def test_images_kept_for_tests_become_pairs_with_other_noise(path: str) -> None:
    with datasets.registry.temporarily():

        def with_tests(config: DatasetSection, track: Any) -> ImageSet:
            images: ImageSet = registry.get("npz").make(config, track)
            return replace(images, apart=images.first(2))

        datasets.registry.register("with_tests", source="this test")(with_tests)
        feeds = read("noise", path=path, base="with_tests")
        source, target = feeds["source"], feeds["target"]
        assert source.apart is not None
        assert target.apart is not None
        np.testing.assert_array_equal(target.apart.images, target.images[:2])
        assert (source.apart.images != source.images[:2]).any()
        assert source.split(0.0)[1] is source.apart


def test_the_base_is_the_one_that_reads_the_path(path: str, tmp_path: Path) -> None:
    embedded = read("downscale", limit=3)
    assert (embedded["target"].shape, embedded["source"].shape) == ((28, 28, 1), (7, 7, 1))
    assert read("downscale", path=path)["target"].shape == (8, 12, 3)
    write_images(tmp_path / "folder", 3)
    assert read("downscale", path=str(tmp_path / "folder"), image_size=16)["source"].shape == (4, 4, 3)


def test_transparency_becomes_smaller_with_the_colours(tmp_path: Path) -> None:
    write_images(tmp_path / "folder", 2)
    small = read("downscale", path=str(tmp_path / "folder"), image_size=16, channels=4)["source"]
    assert small.alpha
    assert small.shape == (4, 4, 4)
    with pytest.raises(ConfigurationError, match="'noise' makes no sense of transparency"):
        read("noise", path=str(tmp_path / "folder"), image_size=16, channels=4)


def test_values_of_12_bits_have_their_range_on_both_sides(tmp_path: Path) -> None:
    np.savez(tmp_path / "deep.npz", images=np.arange(2 * 64).reshape(2, 8, 8).astype(np.uint16) * 32)
    for transform, kept in (("noise", True), ("edges", False)):
        feeds = read(transform, path=str(tmp_path / "deep.npz"), value_range=[0, 4095])
        assert feeds["target"].value_range is not None
        assert (feeds["source"].value_range == feeds["target"].value_range) is kept


@pytest.mark.parametrize(
    ("transform", "keys", "key", "message"),
    [
        (None, {}, "transform", "what to make of each image: downscale, grey, edges, noise, mask, posterise"),
        ("grey", {}, "transform", "the images are grey already"),
        ("grey", {"amount": 2}, "amount", "'grey' takes no amount"),
        ("downscale", {"amount": 3}, "amount", "28x28 are not divisible by 3"),
        ("downscale", {"amount": 2.5}, "amount", "a whole number from 2 to 64. Received: 2.5"),
        ("posterise", {"amount": 1}, "amount", "a whole number from 2 to 255. Received: 1"),
        ("mask", {"amount": 1}, "amount", "a number from 0.01 to 0.99. Received: 1"),
        ("noise", {"base": "image_pairs"}, "base", "'image_pairs' provides `source` and `target`"),
        ("noise", {"base": "derived"}, "base", "'derived' provides `source` and `target`"),
        ("noise", {"base": "fashion"}, "base", "There is no data set 'fashion'"),
    ],
)
def test_what_makes_no_sense_is_refused(transform: str | None, keys: Any, key: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(transform, **{"limit": 3, **keys})
    assert message in str(caught.value)
    assert caught.value.key == f"dataset.{key}"
