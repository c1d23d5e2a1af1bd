"""A broken discriminator shows before any GAN is trained."""

import json

import keras
import pytest
from click.testing import CliRunner

from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.cli import commands
from ganctl.errors import DataError
from ganctl.experiment.packaged_configs import find_config
from ganctl.images.image_set import ImageSet
from ganctl.planning.discriminator_check import check_discriminator


@pytest.fixture(scope="module")
def clothes() -> ImageSet:
    experiment = resolving.load_experiment(find_config("quickstart"))
    return resolving.read_images(resolving.resolve(experiment), lambda sequence, description, total: sequence).first(
        3000
    )


def test_a_sound_discriminator_learns_the_labels_and_a_broken_one_does_not(clothes: ImageSet) -> None:
    experiment = resolving.load_experiment(
        find_config("quickstart"), ("training.precision=float32", "model.capacity=8")
    )
    network = make_networks(resolving.resolve(experiment), clothes.shape)["discriminator"]
    sound = check_discriminator(experiment, clothes, network, keras.optimizers.Adam(1e-3), iterations=80)
    assert sound.learned
    assert sound.accuracy > 0.6
    assert "learns" in sound.verdict

    layers = keras.layers
    constant = [layers.Flatten(), layers.Rescaling(0.0), layers.Dense(8)]
    blind = keras.Sequential([keras.Input(clothes.shape), *constant, layers.Dense(1)])
    broken = check_discriminator(experiment, clothes, blind, keras.optimizers.Adam(1e-3), iterations=80)
    assert not broken.learned
    assert "does not learn" in broken.verdict


def test_images_without_labels_are_refused(clothes: ImageSet) -> None:
    experiment = resolving.load_experiment(find_config("quickstart"))
    unlabelled = ImageSet(clothes.images, None, (), "photos")
    with pytest.raises(DataError, match="photos has fewer than two labels"):
        check_discriminator(experiment, unlabelled, None, None, iterations=1)


@pytest.mark.slow
def test_the_command_reports_as_json() -> None:
    arguments = ["--set", "dataset.name=fashion_mnist_mini", "--iterations", "30", "--json"]
    command = ["check-discriminator", "dense_gan_mnist", *arguments]
    found, again = (json.loads(CliRunner().invoke(commands, command, catch_exceptions=False).stdout) for _ in range(2))
    assert again == found  # a verdict is not a matter of luck
    assert found["classes"] == 10
    assert 0.1 < found["accuracy"] <= 1
    assert found["learned"] is True
