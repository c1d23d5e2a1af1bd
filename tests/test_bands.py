"""Images of other channels than grey and RGB: transparency that is learned, and bands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import RunCli, operation_by_operation, play_every_stage, shipped
from image_files import encoded, noise
from loaded_images import load, section
from PIL import Image
from small_runs import train

from ganctl import models
from ganctl.build.networks import drawing_roles
from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.game import Game
from ganctl.generation.export import Generator, _lines_for_pixels
from ganctl.images.bands import premultiplied, straight, visible
from ganctl.images.image_set import ImageSet, from_arrays
from ganctl.run_folder.paths import RunFolder

pytestmark = pytest.mark.usefixtures("own_data_folders")

RANDOM = np.random.default_rng(0)


def random_images(count: int, channels: int, size: int = 8) -> np.ndarray:
    return RANDOM.integers(0, 256, (count, size, size, channels), np.uint8)


def read(images: np.ndarray, **keys: Any) -> ImageSet:
    return from_arrays(images, None, (), section(**keys), "test")


# ---- arrays


@pytest.mark.parametrize("channels", [2, 4, 5, 16])
def test_channels_of_an_array_are_bands(channels: int) -> None:
    images = random_images(6, channels)
    found = read(images)
    np.testing.assert_array_equal(found.images, images)
    assert not found.alpha
    assert any("channels are bands" in note for note in found.notes) == (channels in (2, 4))
    small = read(images, image_size=4)
    assert small.shape == (4, 4, channels)
    means = images.reshape(6, 4, 2, 4, 2, channels).mean((2, 4))
    np.testing.assert_allclose(small.images, means, atol=1)


@pytest.mark.parametrize(("channels", "asked"), [(4, 3), (2, 1), (5, 3), (3, 4), (1, 2)])
def test_bands_never_become_colours_in_silence(channels: int, asked: int) -> None:
    with pytest.raises(ConfigurationError, match=f"the images have {channels} channels") as error:
        read(random_images(4, channels), channels=asked)
    assert error.value.key == "dataset.channels"


@pytest.mark.parametrize("size", [4, 5, 8, 13, 20])
@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_every_band_is_resized_as_a_grey_image_is(size: int, resize: str) -> None:
    """OpenCV refuses to shrink more than four channels by a factor that is not whole."""
    images = random_images(3, 7)
    found = read(images, image_size=f"{size}x7", resize=resize).images
    for band in range(7):
        alone = read(images[..., band : band + 1], image_size=f"{size}x7", resize=resize).images
        # OpenCV rounds single channels in another way.
        np.testing.assert_allclose(found[..., band : band + 1].astype(int), alone, atol=1)


def test_an_array_says_itself_that_it_has_alpha(tmp_path: Path) -> None:
    images = random_images(6, 4)
    np.savez(tmp_path / "icons.npz", images=images, alpha=True)
    over_white = load("npz", path=tmp_path / "icons.npz")
    assert over_white.shape == (8, 8, 3)
    alpha = images[..., 3:] / 255
    np.testing.assert_allclose(over_white.images, images[..., :3] * alpha + 255 * (1 - alpha), atol=1)
    learned = load("npz", path=tmp_path / "icons.npz", channels=4)
    assert learned.alpha
    np.testing.assert_allclose(learned.images[..., :3], images[..., :3] * alpha, atol=0.51)
    np.testing.assert_array_equal(learned.images[..., 3], images[..., 3])
    bands = load("npz", path=tmp_path / "icons.npz", alpha=False)
    np.testing.assert_array_equal(bands.images, images)


def test_an_array_of_three_channels_cannot_have_alpha() -> None:
    with pytest.raises(ConfigurationError, match="the last of 2 or 4 channels, but the images have 3") as error:
        read(random_images(4, 3), alpha=True)
    assert error.value.key == "dataset.alpha"


def test_channels_first_of_many_bands_are_turned() -> None:
    images = random_images(4, 5, size=32)
    np.testing.assert_array_equal(read(images.transpose(0, 3, 1, 2)).images, images)


# ---- pictures


def icon(size: int = 16) -> Image.Image:
    """A red disc with a soft edge; where nothing is seen, its colour is green."""
    rows, columns = np.indices((size, size)) - (size - 1) / 2
    alpha = np.clip(size / 2 - np.hypot(rows, columns), 0, 1) * 255
    pixels = np.zeros((size, size, 4), np.uint8)
    pixels[..., 3] = alpha.round()
    pixels[..., 0], pixels[..., 1] = np.where(alpha > 0, 255, 0), np.where(alpha > 0, 0, 255)
    return Image.fromarray(pixels)


@pytest.fixture
def icons(tmp_path: Path) -> Path:
    folder = tmp_path / "icons"
    folder.mkdir()
    for number in range(60):
        picture = icon() if number % 2 else noise(number, 16, 16)
        (folder / f"{number:02}.png").write_bytes(encoded(picture, "PNG"))
    (folder / "99.jpg").write_bytes(encoded(noise(99, 16, 16), "JPEG", quality=100))
    return folder


def test_transparency_is_learned_premultiplied(icons: Path) -> None:
    found = load("image_folder", path=icons, image_size=16, channels=4)
    assert found.alpha
    assert found.shape == (16, 16, 4)
    expected = np.asarray(icon(), float)
    np.testing.assert_array_equal(found.images[1][..., 3], expected[..., 3])
    np.testing.assert_allclose(found.images[1][..., 0], expected[..., 0] * expected[..., 3] / 255, atol=0.51)
    assert (found.images[1][..., 1] == 0).all(), "the green behind nothing is gone"
    np.testing.assert_array_equal(found.images[0][..., :3], np.asarray(noise(0, 16, 16)))
    assert (found.images[0][..., 3] == 255).all()
    assert (found.images[-1][..., 3] == 255).all(), "a JPEG is opaque"
    again = load("image_folder", path=icons, image_size=16, channels=4)
    assert isinstance(again.images, np.memmap)
    assert again.alpha


def test_resizing_mixes_no_colour_of_what_is_not_seen(icons: Path) -> None:
    found = load("image_folder", path=icons, image_size=8, channels=4).images[1]
    assert straight(found)[..., 1].max() == 0


def test_grey_pictures_are_learned_with_their_transparency(icons: Path) -> None:
    found = load("image_folder", path=icons, image_size=16, channels=2)
    assert found.shape == (16, 16, 2)
    assert found.images[1][8, 8].tolist() == [76, 255], "red's luminance"


@pytest.mark.parametrize(("channels", "alpha"), [(5, None), (4, False)])
def test_pictures_have_no_other_bands(channels: int, alpha: bool | None, icons: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"the files have 3 channels.*: pictures have 1 channel") as error:
        load("image_folder", path=icons, image_size=8, channels=channels, alpha=alpha)
    assert error.value.key == "dataset.channels"


def test_straight_undoes_what_can_be_undone() -> None:
    images = random_images(20, 4)
    there = straight(premultiplied(images))
    np.testing.assert_array_equal(there[..., 3], images[..., 3])
    off = np.abs(there.astype(int) - images)[..., :3] * images[..., 3:].astype(int)
    assert off.max() <= 255, "half a level of the product, at most"
    opaque = images.copy()
    opaque[..., 3] = 255
    np.testing.assert_array_equal(straight(premultiplied(opaque)), opaque)


def test_a_screen_shows_a_checkerboard_behind_transparency() -> None:
    images = premultiplied(np.array([[200, 100, 50, 255], [9, 9, 9, 0]], np.uint8)[[0, 1] * 32].reshape(1, 8, 8, 4))
    shown = visible(images, alpha=True)
    assert shown[0, 0, 0].tolist() == [200, 100, 50]
    assert set(shown[0, :, 1::2].ravel().tolist()) == {180, 230}
    assert visible(random_images(2, 5)).shape == (2, 8, 8, 3)
    assert visible(random_images(2, 2)).shape == (2, 8, 8, 1)


# ---- runs


@pytest.mark.parametrize("model", [entry.name for entry in shipped(models.registry)])
@pytest.mark.slow
def test_every_model_learns_any_number_of_channels(model: str, small_game: Callable[..., Game], tmp_path: Path) -> None:
    np.savez(tmp_path / "bands.npz", images=random_images(60, 5), labels=np.arange(60) % 10)
    with operation_by_operation():
        game = small_game(model, {"dataset.channels": 5, "dataset.path": str(tmp_path / "bands.npz")})
        rows = play_every_stage(game, 1)
    assert all(np.isfinite(each).all() for each in rows)
    for role in drawing_roles(models.registry.get(model)):
        assert game.networks[role].output_shape[-1] == 5


@pytest.mark.slow
def test_a_run_on_icons_gives_icons(
    icons: Path, small_experiment: Callable[..., Experiment], tmp_path: Path, run_cli: RunCli
) -> None:
    data = {"name": "image_folder", "path": str(icons), "image_size": 8, "channels": 4}
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    with operation_by_operation():
        train(small_experiment("dense_gan", {"dataset": data}), folder)
    for output in ("drawn", "drawn.npz", "drawn.png"):
        done = run_cli("sample", "--checkpoint", folder.path, "--num", 60, "--output", tmp_path / output)
        assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "drawn.npz") as archive:
        images, alpha = archive["images"], archive["alpha"]
    assert bool(alpha)
    assert images.shape == (60, 8, 8, 4)
    for number, path in enumerate(sorted((tmp_path / "drawn").iterdir())):
        picture = Image.open(path)
        assert picture.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(picture), images[number])
    assert cv2.imread(str(tmp_path / "drawn.png"), cv2.IMREAD_UNCHANGED).shape[2] == 3
    assert cv2.imread(str(folder.real_samples), cv2.IMREAD_UNCHANGED).shape[2] == 3
    exported = run_cli("export", folder.path, "--format", "keras", "--output", tmp_path / "drawn.keras")
    assert exported.returncode == 0, exported.stderr
    made = premultiplied(images)
    lines: dict[str, Any] = {"images": made / 127.5 - 1.0, "np": np}
    exec("\n".join(_lines_for_pixels(Generator.load(folder.path))), lines)
    np.testing.assert_array_equal(lines["pixels"], straight(made))
    walked = run_cli("interpolate", "--checkpoint", folder.path, "--points", 2, "--frames", 2, cwd=tmp_path)
    assert walked.returncode == 0, walked.stderr
    scored = run_cli("evaluate", folder.path, "--num", 50)
    assert scored.returncode == 0, scored.stderr
    assert "The features are those of the colours over black; transparency itself is not scored." in scored.stderr


@pytest.mark.slow
def test_a_run_on_bands_shows_three_and_a_strip_of_all(
    small_experiment: Callable[..., Experiment], tmp_path: Path, run_cli: RunCli
) -> None:
    images = random_images(60, 5)
    np.savez(tmp_path / "bands.npz", images=images)
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    with operation_by_operation():
        train(
            small_experiment("dense_gan", {"dataset.path": str(tmp_path / "bands.npz"), "dataset.channels": 5}), folder
        )
    shown = cv2.imread(str(folder.real_samples))[..., ::-1]
    factor = shown.shape[0] // 34  # two rows and a strip of 8 pixels each, and the gaps of 2 between them
    sheet = shown[::factor, ::factor]
    np.testing.assert_array_equal(sheet[2:10, 2:10], images[0, ..., :3])
    for band in range(5):
        strip = sheet[24:32, 2 + 10 * band : 10 + 10 * band]
        np.testing.assert_array_equal(strip, np.repeat(images[0, ..., band : band + 1], 3, axis=-1))
    done = run_cli("sample", "--checkpoint", folder.path, "--num", 4, "--output", tmp_path / "four.npz")
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "four.npz")["images"].shape == (4, 8, 8, 5)
    scored = run_cli("evaluate", folder.path, "--num", 50)
    assert scored.returncode == 0, scored.stderr
    assert "The features are those of the first three of 5 bands." in scored.stderr
    refused = run_cli("sample", "--checkpoint", folder.path, "--num", 4, "--output", tmp_path / "four")
    assert refused.returncode == 2
    assert "The images have 5 bands, which no PNG has. Use --output FILE.npz." in refused.stderr
