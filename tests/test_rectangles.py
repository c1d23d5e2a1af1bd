"""Images that are not square, in and out."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import RunCli, home_shape, operation_by_operation, play_every_stage, shipped
from image_files import encoded, exif, smooth
from loaded_images import load, section
from PIL import Image
from small_runs import train

from ganctl import augmentations, models
from ganctl.build import resolving
from ganctl.build.networks import discriminators, drawing_roles
from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import DatasetSection
from ganctl.game import Game
from ganctl.images.image_set import from_arrays
from ganctl.layers.resolutions import Resolutions
from ganctl.run_folder.paths import RunFolder

pytestmark = pytest.mark.usefixtures("own_data_folders")

MODELS = [entry.name for entry in shipped(models.registry)]


def gradient(height: int, width: int) -> np.ndarray:
    """The red of a pixel says its row and the green its column, from 0 to 240."""
    rows, columns = np.indices((height, width), float)
    pixels = np.stack([rows / height * 240, columns / width * 240, np.zeros((height, width))], axis=-1)
    return pixels.round().astype(np.uint8)


@pytest.mark.parametrize("size", ["64x96", "16x256", 32, "32x32"])
def test_sizes_that_are_understood(size: int | str) -> None:
    assert (
        DatasetSection(name="npz", image_size=size).sides
        == {"64x96": (64, 96), "16x256": (16, 256), 32: (32, 32), "32x32": (32, 32)}[size]
    )


@pytest.mark.parametrize("size", ["64", "64x", "x64", "3x64", "64x2000", "64x96x3", "64 x 96", 3, 8.5, True, [64, 96]])
def test_sizes_that_are_not(size: object) -> None:
    with pytest.raises(ValueError, match="give a whole number of pixels, or HEIGHTxWIDTH"):
        DatasetSection(name="npz", image_size=size)


@pytest.mark.parametrize(
    ("resize", "top_left", "bottom_right"),
    [
        # 80x160 pixels become 20x30: crop keeps columns 20 to 139.
        ("crop", (0, 20 / 160), (1, 140 / 160)),
        ("squash", (0, 0), (1, 1)),
    ],
)
def test_pictures_are_cropped_or_squashed_to_the_shape(
    resize: str, top_left: tuple[float, float], bottom_right: tuple[float, float], tmp_path: Path
) -> None:
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(encoded(Image.fromarray(gradient(80, 160)), "PNG"))
    found = load("image_folder", path=tmp_path, image_size="20x30", resize=resize).images[0].astype(float) / 240
    assert found.shape == (20, 30, 3)
    for axis in (0, 1):
        values = found[:, :, axis].mean(1 - axis)
        step = (bottom_right[axis] - top_left[axis]) / found.shape[axis]
        expected = top_left[axis] + step * (np.arange(found.shape[axis]) + 0.5)
        np.testing.assert_allclose(values, expected, atol=0.02)


def test_padding_keeps_the_whole_picture() -> None:
    images = np.full((2, 80, 40, 1), 200, np.uint8)
    found = from_arrays(images, None, (), section(image_size="20x30", resize="pad"), "test").images[0, ..., 0]
    assert (found[:, 10:20] == 200).all()
    assert (found[:, :10] == 0).all()
    assert (found[:, 20:] == 0).all()


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_upright_photo_is_decoded_reduced_but_not_too_far(orientation: int, tmp_path: Path) -> None:
    """EXIF's quarter turn exchanges the sides that the decoder may reduce."""
    stored = smooth(1600, 400)
    for number in range(2):
        data = encoded(stored, "JPEG", quality=95, exif=exif(orientation))
        (tmp_path / f"{number}.jpg").write_bytes(data)
    size = "100x400" if orientation == 1 else "400x100"
    found = load("image_folder", path=tmp_path, image_size=size).images[0]
    expected = stored if orientation == 1 else stored.transpose(Image.Transpose.ROTATE_270)
    height, width = map(int, size.split("x"))
    np.testing.assert_allclose(found, np.asarray(expected.resize((width, height), Image.Resampling.BOX), int), atol=12)


def test_resolutions_of_rectangles_end_where_they_begin() -> None:
    for height in range(16, 130, 3):
        for width in range(16, 257, 7):
            found = Resolutions.of(height, width)
            assert 4 <= min(found.base) <= 7
            for side, base, cropped in zip((height, width), found.base, found.cropping, strict=True):
                assert base * 2**found.steps - sum(cropped) == side
                halved = side
                for _ in range(found.steps):
                    halved = -(-halved // 2)
                assert halved == base


def rectangle_of(model: str) -> tuple[int, int] | None:
    """A small rectangle that a model makes, a little wider than high."""
    why_unfit = models.registry.get(model).why_unfit
    sizes = [(height, width) for height in (8, 16, 28, 32, 64) for width in (20, 24, 32, 48, 64, 80) if width > height]
    return next((size for size in sizes if not why_unfit(*size)), None)


def test_only_models_of_one_size_make_no_rectangles() -> None:
    fixed = {model for model in MODELS if rectangle_of(model) is None}
    assert fixed == {"acgan_mnist", "dcgan_mnist"}


@pytest.mark.slow
@pytest.mark.parametrize("model", [model for model in MODELS if rectangle_of(model)])
def test_every_model_learns_rectangles(model: str, small_game: Callable[..., Game]) -> None:
    height, width = rectangle_of(model) or (0, 0)
    _, _, channels = home_shape(model)
    with operation_by_operation():
        game = small_game(model, {"dataset.image_size": f"{height}x{width}"})
        rows = play_every_stage(game, 1)
    assert all(np.isfinite(each).all() for each in rows)
    for role in drawing_roles(models.registry.get(model)):
        assert game.networks[role].output_shape == (None, height, width, channels)
    whole = {(None, height, width, channels), (None, None, None, channels)}  # patches may be of images of any size
    smaller = {(None, -(-height // 2**times), -(-width // 2**times), channels) for times in (1, 2)}
    judged = {
        game.networks[role].inputs[0].shape
        for role in discriminators(game.networks)
        if role != "discriminator_features"  # of SGAN, which judges no images
    }
    assert judged & whole
    assert judged <= whole | smaller


@pytest.mark.parametrize("augmentation", [entry.name for entry in shipped(augmentations.registry)])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_every_augmentation_takes_rectangles_of_any_channels(
    augmentation: str, channels: int, small_game: Callable[..., Game], tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 12, channels), np.uint8)
    np.savez(tmp_path / "wide.npz", images=images)
    data = {"name": "npz", "path": str(tmp_path / "wide.npz"), "channels": channels}
    with operation_by_operation():
        game = small_game("dense_gan", {"dataset": data, "training.augment": [augmentation]})
        assert np.isfinite(game.play(game.chunk(0, 1)).numpy()).all()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["dense_gan", "dcgan"])
def test_a_run_on_rectangles_gives_rectangles(
    model: str, small_experiment: Callable[..., Experiment], tmp_path: Path, run_cli: RunCli
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (120, 16, 40, 3), np.uint8)
    np.savez(tmp_path / "wide.npz", images=images)
    data = {"name": "npz", "path": str(tmp_path / "wide.npz"), "image_size": "16x40", "channels": 3}
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    experiment = small_experiment(model, {"dataset": data})
    folder.write_config(experiment.to_yaml())
    with operation_by_operation():
        train(experiment, folder)
    place = ["--checkpoint", folder.path]
    for command in (
        ["sample", *place, "--num", 60, "--output", "drawn.npz"],
        ["sample", *place, "--num", 4, "--output", "drawn.png"],
        ["sample", *place, "--num", 3, "--output", "drawn"],
        ["interpolate", *place, "--points", 2, "--frames", 2],
        ["evaluate", folder.path, "--num", 60],
        ["report", folder.path],
        ["export", folder.path, "--format", "keras", "--output", "drawn.keras"],
    ):
        done = run_cli(*command, cwd=tmp_path)
        assert done.returncode == 0, (command, done.stderr)
    assert np.load(tmp_path / "drawn.npz")["images"].shape == (60, 16, 40, 3)
    assert cv2.imread(str(tmp_path / "drawn" / "0.png")).shape == (16, 40, 3)
    height, width = cv2.imread(str(tmp_path / "drawn.png")).shape[:2]
    assert height / width == pytest.approx((2 * 16 + 6) / (2 * 40 + 6))


def test_a_rectangle_that_a_model_cannot_make_is_refused(small_experiment: Callable[..., Experiment]) -> None:
    with pytest.raises(ConfigurationError, match=r"needs images from 16x16 to 128x128\. Received: 8x64"):
        resolving.resolve(small_experiment("dcgan", {"dataset.image_size": "8x64"}))
