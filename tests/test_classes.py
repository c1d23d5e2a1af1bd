"""Generators that are told what to draw."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import numpy as np
import pytest
from conftest import CONFIGS

from ganctl.build import games, resolving
from ganctl.build.network_checks import checkerboards
from ganctl.build.networks import make_networks
from ganctl.cli._options import ClassList
from ganctl.errors import ConfigurationError, UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.game import REAL, Key, NoiseSampler, takes_classes
from ganctl.game.noise import layer_seeds, seeded
from ganctl.generation.drawing import choose_classes, generate
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.sample_files import writer_for
from ganctl.images.image_set import ImageSet
from ganctl.training.hooks.samples import Samples

SHAPE = (28, 28, 1)


def acgan(*overrides: str) -> Experiment:
    few = ("dataset.name=fashion_mnist_mini", "model.latent_dim=8", "training.precision=float32", *overrides)
    return resolving.load_experiment(CONFIGS / "acgan_mnist.yaml", few)


def generator(*overrides: str, num_classes: int = 10) -> Any:
    return make_networks(resolving.resolve(acgan(*overrides)), SHAPE, num_classes)["generator"]


INSIDE = ("model.latent_input=inside", "model.latent_distribution=normal")


@pytest.mark.parametrize("overrides", [(), INSIDE], ids=["noise given", "noise inside"])
def test_a_seed_draws_the_same_images_whatever_their_number(overrides: tuple[str, ...]) -> None:
    network = generator(*overrides)
    assert takes_classes(network)
    few, more = (np.concatenate(list(generate(network, n, 3, "normal", [0, 1]))) for n in (4, 9))
    np.testing.assert_array_equal(few, more[:4])
    (other,) = generate(network, 4, 4, "normal", [0, 1])
    assert (other != few).any()


def test_noise_made_inside_leaves_no_trace() -> None:
    network = generator(*INSIDE)
    (seed,) = layer_seeds(network)
    before = seed.numpy()
    with seeded(network, Key(5, 0)):
        assert (seed.numpy() != before).any()
        network(np.zeros((2, 1), np.int32))
    np.testing.assert_array_equal(seed.numpy(), before)


def test_the_class_matters_and_an_integer_means_its_one_hot() -> None:
    integer, one_hot = generator(), generator("model.class_input=one_hot")
    one_hot.set_weights(integer.get_weights())
    latent = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    as_integer = integer([latent, np.array([[2], [2], [7]], np.int32)]).numpy()
    as_one_hot = one_hot([latent, np.eye(10, dtype=np.float32)[[2, 2, 7]]]).numpy()
    np.testing.assert_allclose(as_integer, as_one_hot, atol=1e-6)
    assert np.abs(integer([latent, np.full((3, 1), 5, np.int32)]).numpy() - as_integer).max() > 1e-4


def test_double_tanh_is_the_tutorials_slip() -> None:
    latent, classes = 100 * np.ones((2, 8), np.float32), np.zeros((2, 1), np.int32)
    assert len(generator("model.double_tanh=true").layers[-1].layers) == len(generator().layers[-1].layers) + 1
    assert np.abs(generator("model.double_tanh=true")([latent, classes])).max() <= np.tanh(1) + 1e-6


def test_classes_are_those_of_the_images() -> None:
    networks = make_networks(resolving.resolve(acgan("dataset.classes=[3,5]")), SHAPE, 2)
    assert [output.shape[1] for output in networks["discriminator"].outputs] == [1, 2]


def test_images_without_labels_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"dataset.name: the model 'acgan_mnist' needs labelled images"):
        make_networks(resolving.resolve(acgan()), SHAPE, 0)


def test_noise_inside_is_normal() -> None:
    experiment = acgan("model.latent_input=inside")
    with pytest.raises(ConfigurationError, match="latent_distribution"):
        games.make_game(
            resolving.resolve(experiment),
            resolving.read_images(resolving.resolve(experiment), lambda sequence, *_, **__: sequence),
        )


def test_a_missing_pretrained_generator_is_named_with_its_line(tmp_path: Path) -> None:
    experiment = acgan(f"model.generator_checkpoint={tmp_path / 'nothing'}")
    with pytest.raises(ConfigurationError, match=r"--set .*generator_checkpoint.*does not exist"):
        make_networks(resolving.resolve(experiment), SHAPE, 10)
    make_networks(resolving.resolve(experiment), SHAPE, 10, pretrained=False)


@pytest.mark.parametrize(("wanted", "chosen"), [(None, [0, 1, 2]), ([2], [2]), ([0, 2, 0], [0, 2, 0])])
def test_chosen_classes(wanted: list[int] | None, chosen: list[int]) -> None:
    assert choose_classes(generator(num_classes=3), wanted, 3) == chosen


@pytest.mark.parametrize(("wanted", "received"), [([3], "3"), ([0, -1], "0, -1"), ([], "none")])
def test_no_such_class(wanted: list[int], received: str) -> None:
    with pytest.raises(UsageError, match=f"from 0 to 2. Received: {received}$"):
        choose_classes(generator(num_classes=3), wanted, 3)


def test_classes_of_the_command_line() -> None:
    assert ClassList().convert("0, 2,shirt", None, None) == ["0", "2", "shirt"]
    assert ClassList().convert([0, 2], None, None) == [0, 2], "click converts defaults twice"
    assert ClassList().convert("-1", None, None) == ["-1"], "the generator says which there are"


@pytest.mark.parametrize("text", ["", "1,", ",shirt", "a,,b"])
def test_no_classes_of_the_command_line(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a comma-separated list of classes, such as 0,1,2"):
        ClassList().convert(text, None, None)


@pytest.mark.parametrize("text", ["1;2", "1.0", "--1", "²", "٣", "1" * 5000])
def test_a_class_that_is_not_a_plain_number_is_a_name(text: str) -> None:
    assert ClassList().convert(text, None, None) == [text]


NAMES = ("3", "7", "Shirt", "10", "x")


@pytest.mark.parametrize(
    ("wanted", "number"), [("7", 1), ("10", 3), ("1", 1), ("shirt", 2), ("X", 4), (3, 3), ("-1", -1)]
)
def test_a_class_is_given_by_name_or_else_by_number(wanted: int | str, number: int) -> None:
    assert TrainedGenerator._number_of(SimpleNamespace(drawn_names=NAMES), wanted) == number


def test_an_unknown_class_is_answered_with_the_names() -> None:
    with pytest.raises(
        UsageError, match=r"no class is called 'shirts'. Did you mean 'Shirt'\? The names: 3, 7, Shirt, 10, x"
    ):
        TrainedGenerator._number_of(SimpleNamespace(drawn_names=NAMES), "shirts")


def test_a_generator_without_classes() -> None:
    experiment = resolving.load_experiment(CONFIGS / "dcgan_mnist.yaml")
    network = make_networks(resolving.resolve(experiment), SHAPE)["generator"]
    assert choose_classes(network, None, 10) == []
    with pytest.raises(UsageError, match="is not class-conditional"):
        choose_classes(network, [1], 10)


def test_a_grid_has_a_column_for_each_class_and_an_npz_its_labels(tmp_path: Path) -> None:
    shades = [np.full((5, 4, 4, 1), 0, np.uint8) + np.array([10, 20, 30, 10, 20], np.uint8)[:, None, None, None]]
    import cv2

    sheet = cv2.imread(str(writer_for(tmp_path / "a.png", 5)(shades, [0, 1, 2])), cv2.IMREAD_GRAYSCALE)
    assert sheet.shape == (32 * (2 * 6 + 2), 32 * (3 * 6 + 2))
    assert [sheet[::32, ::32][3, 3 + 6 * column] for column in range(3)] == [10, 20, 30]
    saved = np.load(writer_for(tmp_path / "a.npz", 5)(shades, [4, 1, 2]))
    assert saved["labels"].tolist() == [4, 1, 2, 4, 1]
    np.testing.assert_array_equal(saved["images"], shades[0])


@pytest.mark.parametrize(
    ("config", "shape", "warned"),
    [
        ("celeba_gan", (64, 64, 3), "a kernel of 5 is not divisible by its stride of 2 (in 4 layers)"),
        ("dcgan_mnist", SHAPE, "a kernel of 5 is not divisible by its stride of 2 (in 2 layers)"),
        ("dcgan_cifar", (32, 32, 3), ""),
        ("decoupled_gan_mnist", (32, 32, 1), ""),
        ("quickstart", SHAPE, ""),
    ],
)
def test_checkerboards_are_announced(config: str, shape: tuple[int, int, int], warned: str) -> None:
    networks = make_networks(resolving.load_parts(CONFIGS / f"{config}.yaml"), shape)
    lines = checkerboards(networks["generator"])
    assert len(lines) == bool(warned)
    assert all(warned in line for line in lines)


def test_the_real_images_that_are_shown_come_from_all_over_the_data_set() -> None:
    """A folder's first images are all of its first class."""
    images = np.arange(100, dtype=np.uint8)[:, np.newaxis, np.newaxis, np.newaxis].repeat(8, axis=1)
    labels = np.arange(100, dtype=np.int32) // 50
    of_two = {REAL: ImageSet(images, labels, ("cat", "dog"), "test")}
    hook = Samples(1, "2x3", [NoiseSampler()], "normal", of_two, 0, lambda s: s)
    assert hook._real[REAL][:, 0, 0, 0].tolist() == [0, 20, 40, 59, 79, 99]
    assert labels[hook._shown[REAL]].tolist() == [0, 0, 0, 1, 1, 1]
    few = Samples(1, "2x3", [NoiseSampler()], "normal", {REAL: ImageSet(images[:4], None, (), "test")}, 0, lambda s: s)
    assert few._real[REAL][:, 0, 0, 0].tolist() == [0, 1, 2, 3]
