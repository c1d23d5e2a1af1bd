"""Every tutorial's experiment trains for real: on clothes, on coloured pictures, on a folder of JPEGs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import CONFIGS, untracked

from ganctl.build import resolving
from ganctl.experiment.experiment import TUTORIAL_CONSTANTS
from ganctl.host.device import Device
from ganctl.run_folder.paths import RunFolder
from ganctl.training.prepared import Prepared

CLOTHES = ("dataset.name=fashion_mnist_mini",)


@pytest.fixture(scope="module")
def colourful_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32x32 pictures of coloured discs, class 6 among them, as CIFAR-10 has frogs."""
    random = np.random.default_rng(0)
    images = random.integers(0, 80, (80, 32, 32, 3), np.uint8)
    for image in images:
        centre = tuple(int(n) for n in random.integers(8, 24, 2))
        cv2.circle(image, centre, 7, tuple(int(n) for n in random.integers(100, 256, 3)), -1)
    path = tmp_path_factory.mktemp("colourful") / "pictures.npz"
    np.savez(path, images=images, labels=np.arange(80) % 8)
    return path


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 JPEGs in the size of CelebA's aligned faces."""
    folder = tmp_path_factory.mktemp("celeba")
    random = np.random.default_rng(0)
    for index in range(40):
        image = np.full((218, 178, 3), random.integers(0, 256, 3), np.uint8)
        skin = tuple(int(n) for n in random.integers(80, 256, 3))
        cv2.ellipse(image, (89, 115), (50, 70), 0, 0, 360, skin, -1)
        cv2.imwrite(str(folder / f"{index:06d}.jpg"), image)
    return folder


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., tuple[Prepared, RunFolder]]:
    """Trains a shipped experiment for a few rounds."""

    def run(name: str, *overrides: str) -> tuple[Prepared, RunFolder]:
        few = ("training.iterations=6", "training.precision=float32", "outputs.sample_every=3", *overrides)
        experiment = resolving.load_experiment(CONFIGS / f"{name}.yaml", few)
        prepared = Prepared.make(resolving.resolve(experiment), Device("CPU", "for the test"), untracked)
        folder = RunFolder.create(tmp_path, experiment.resolved_run_name(), explicit=True)
        before = weights(prepared)
        prepared.trainer(folder, []).train()
        for role, old in before.items():
            assert all(np.isfinite(v).all() for v in weights(prepared)[role])
            moved = [(a != b).any() for a, b in zip(old, weights(prepared)[role], strict=True) if a.ndim > 1]
            assert all(moved), f"{role} stood still"
        rows = np.genfromtxt(folder.losses, delimiter=",", names=True)
        assert len(rows) == 6
        assert np.isfinite([rows["d_loss"], rows["g_loss"], rows["d_mae"], rows["d_accuracy_real"]]).all()
        assert folder.sample_grid(6).is_file()
        return prepared, folder

    return run


def weights(prepared: Prepared) -> dict[str, list[np.ndarray]]:
    """The trainable weights by network."""
    return {role: [v.numpy() for v in net.trainable_variables] for role, net in prepared.game.networks.items()}


def measured(folder: RunFolder) -> list[str]:
    """The columns of a run's losses.csv that have values."""
    header, first, *_ = folder.losses.read_text().splitlines()
    return [name for name, value in zip(header.split(","), first.split(","), strict=True) if value]


@pytest.mark.slow
@pytest.mark.parametrize("latent_input", ["given", "inside"])
def test_tutorial_1_with_classes(train: Callable[..., Any], latent_input: str) -> None:
    overrides = (f"model.latent_input={latent_input}", "model.latent_distribution=normal", "outputs.sample_grid=2x10")
    prepared, folder = train("acgan_mnist", *CLOTHES, "training.batch_size=10", *overrides)
    assert {"d_class_loss", "d_class_loss_fake", "g_class_loss"} <= set(measured(folder))
    assert len(prepared.game.networks["generator"].inputs) == (2 if latent_input == "given" else 1)


@pytest.mark.slow
def test_tutorial_1_without_classes(train: Callable[..., Any]) -> None:
    train("dcgan_mnist", *CLOTHES, "training.batch_size=10")


@pytest.mark.slow
def test_tutorial_2(train: Callable[..., Any]) -> None:
    _, folder = train("dense_gan_mnist", *CLOTHES)
    assert {"d_accuracy_real", "d_accuracy_fake", "d_precision"} <= set(measured(folder))
    assert cv2.imread(str(folder.sample_grid(0))).shape[:2] == (4 * (4 * 30 + 2), 4 * (4 * 30 + 2))


@pytest.mark.slow
def test_tutorial_3(train: Callable[..., Any], colourful_npz: Path) -> None:
    data = ("dataset.name=npz", f"dataset.path={colourful_npz}", "training.batch_size=2")
    prepared, _ = train("dcgan_cifar", *data)
    assert prepared.images.shape == (32, 32, 3)
    assert prepared.images.class_names == ("6",)


@pytest.mark.slow
def test_tutorial_4(train: Callable[..., Any]) -> None:
    prepared, _ = train("decoupled_gan_mnist", *CLOTHES, "training.batch_size=8", "model.noise_inputs=2")
    assert prepared.images.shape == (32, 32, 1)
    assert not prepared.images.images[:, :2].any(), "28x28 is padded, not enlarged"


@pytest.mark.slow
def test_tutorial_5(train: Callable[..., Any], faces: Path) -> None:
    prepared, folder = train("celeba_gan", f"dataset.path={faces}", "BATCH_SIZE=4", "NUM_LOAD=30")
    assert folder.path.name == "gan_cap16_batch4_filt5_disc1_gen1"
    assert (len(prepared.images), prepared.images.shape) == (30, (64, 64, 3))


def test_the_name_of_tutorial_5s_run_folder_is_spelled_as_it_spells_it() -> None:
    experiment = resolving.load_experiment(CONFIGS / "celeba_gan.yaml")
    assert experiment.resolved_run_name() == "gan_cap16_batch32_filt5_disc1_gen1"


def test_tutorial_5s_constants_work_as_written(faces: Path) -> None:
    written = {
        "SPATIAL_DIM": 32, "LATENT_DIM": 7, "BATCH_SIZE": 3, "DISC_UPDATES": 2, "GEN_UPDATES": 3,
        "FILTER_SIZE": 3, "NUM_LOAD": 20, "NET_CAPACITY": 4, "PROGRESS_INTERVAL": 5,
    }  # fmt: skip
    overrides = tuple(f"{name}={value}" for name, value in written.items())
    resolved = resolving.load_experiment(CONFIGS / "celeba_gan.yaml", overrides).model_dump()
    for name, value in written.items():
        section, key = TUTORIAL_CONSTANTS[name.lower()]
        assert resolved[section][key] == value, name
