"""`ganctl pack`: a StyleGAN archive of what the networks would see."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from image_files import encoded, noise, smooth, write_images
from loaded_images import load, track
from PIL import Image

from ganctl.cli import commands
from ganctl.errors import GanctlError, UsageError
from ganctl.images import stylegan_archive
from ganctl.images.image_set import ImageSet

pytestmark = pytest.mark.usefixtures("own_data_folders")


def pack(*arguments: object) -> Result:
    return CliRunner().invoke(commands, ["pack", *map(str, arguments)])


def pictures(folder: Path) -> Path:
    """Ten portraits and landscapes in two classes."""
    for number in range(10):
        path = folder / ("cats" if number % 3 else "dogs") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(smooth(40 + 4 * number, 60), "JPEG", quality=95))
    return folder


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_was_packed_is_read_again(channels: int, resize: str, tmp_path: Path) -> None:
    folder, path = pictures(tmp_path / "set"), tmp_path / "set.zip"
    done = pack(folder, "-o", path, "--image-size", 24, "--channels", channels, "--resize", resize)
    assert done.exit_code == 0, done.output
    expected = load("image_folder", path=folder, image_size=24, channels=channels, resize=resize)
    found = load("image_folder", path=path, image_size=24, channels=channels)
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.class_names == expected.class_names == ("cats", "dogs")
    assert f"10 images of 24x24x{channels}, 2 classes" in done.output
    assert "0 cats, 1 dogs" in done.output


def test_rectangles_are_packed(tmp_path: Path) -> None:
    folder, path = pictures(tmp_path / "set"), tmp_path / "set.zip"
    done = pack(folder, "-o", path, "--image-size", "24x32")
    assert done.exit_code == 0, done.output
    found = load("image_folder", path=path, image_size="24x32")
    np.testing.assert_array_equal(found.images, load("image_folder", path=folder, image_size="24x32").images)
    for wrong in ("2", "64x", "big", "64x9999"):
        refused = pack(folder, "-o", tmp_path / "other.zip", "--image-size", wrong)
        assert isinstance(refused.exception, UsageError)
        assert f"HEIGHTxWIDTH such as 64x96, from 4 to 1024. Received: {wrong}" in str(refused.exception)


def test_transparency_is_packed(tmp_path: Path) -> None:
    folder = tmp_path / "icons"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 4), np.uint8)
    for number, image in enumerate(pixels):
        (folder / f"{number}.png").write_bytes(encoded(Image.fromarray(image), "PNG"))
    done = pack(folder, "-o", tmp_path / "icons.zip", "--image-size", 16, "--channels", 4)
    assert done.exit_code == 0, done.output
    expected = load("image_folder", path=folder, image_size=16, channels=4)
    found = load("image_folder", path=tmp_path / "icons.zip", image_size=16, channels=4)
    assert found.alpha
    np.testing.assert_array_equal(found.images, expected.images)


def test_the_archive_is_laid_out_as_stylegan_has_it(tmp_path: Path) -> None:
    count = 1001
    images = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), np.uint8)
    labels = (np.arange(count) % 3).astype(np.int32)
    stylegan_archive.write(tmp_path / "a.zip", ImageSet(images, labels, ("x", "y", "z"), "test"), track)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        assert names[0] == "00000/img00000000.png"
        assert names[999:] == ["00000/img00000999.png", "00001/img00001000.png", "dataset.json"]
        told = json.loads(archive.read("dataset.json"))
        assert told == {
            "labels": [[name, number % 3] for number, name in enumerate(names[:-1])],
            "class_names": ["x", "y", "z"],
        }
        for number in (0, 7, 1000):
            with Image.open(io.BytesIO(archive.read(names[number]))) as image:
                np.testing.assert_array_equal(np.asarray(image), images[number])


def test_images_without_labels_have_null(tmp_path: Path) -> None:
    write_images(tmp_path / "set", 3)
    path = tmp_path / "new" / "set.zip"
    assert pack(tmp_path / "set", "-o", path, "--image-size", 32, "--quiet").output == ""
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("dataset.json")) == {"labels": None}
    found = load("image_folder", path=path, image_size=32)
    np.testing.assert_array_equal(found.images, [np.asarray(noise(seed)) for seed in range(3)])
    assert found.labels is None


def test_labels_come_from_a_table_and_an_archive_is_packed_too(tmp_path: Path) -> None:
    write_images(tmp_path / "set", 4)
    (tmp_path / "set" / "mine.csv").write_text("file,sex,age\n000.png,m,1\n001.png,f,2\n002.png,f,1\n003.png,m,3\n")
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    keys = ("--image-size", 16, "--labels", "mine.csv", "--label-column")
    assert pack(tmp_path / "set", "-o", first, *keys, "age").exit_code == 0
    assert load("image_folder", path=first).labels.tolist() == [0, 1, 0, 2]
    assert pack(first, "-o", second, "--image-size", 16).exit_code == 0
    assert second.read_bytes() == first.read_bytes(), "the same images make the same bytes"


def test_classes_keep_their_names_and_their_order(tmp_path: Path) -> None:
    """Neither the order of the words nor that of the labels' digits."""
    for number in range(12):
        write_images(tmp_path / "set" / str(number), 2)
    path = tmp_path / "set.zip"
    assert pack(tmp_path / "set", "-o", path, "--image-size", 16).exit_code == 0
    expected, found = (load("image_folder", path=place, image_size=16) for place in (tmp_path / "set", path))
    assert found.class_names == expected.class_names == tuple(map(str, range(12)))
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.images, expected.images)


def deep(folder: Path, white: int) -> np.ndarray:
    """Grey PNGs of 16 bits."""
    folder.mkdir()
    images = np.linspace(0, white, 6 * 64).round().astype(np.uint16).reshape(6, 8, 8)
    for number, image in enumerate(images):
        (folder / f"{number}.png").write_bytes(encoded(Image.fromarray(image), "PNG"))
    return images


@pytest.mark.parametrize("asked", ["auto", "0,2000", "-100,5e3", "percentiles"])
def test_the_range_of_values_is_that_of_the_key(asked: str, tmp_path: Path) -> None:
    images = deep(tmp_path / "set", 900)
    path = tmp_path / "set.zip"
    done = pack(tmp_path / "set", "-o", path, "--image-size", 8, "--channels", 1, "--value-range", asked)
    assert done.exit_code == 0, done.output
    ends = {"auto": [0, 1023], "percentiles": np.percentile(images, (0.5, 99.5))}
    low, high = ends[asked] if asked in ends else map(float, asked.split(","))
    expected = np.rint(np.clip((images - low) / (high - low), 0, 1) * 255)
    np.testing.assert_array_equal(load("image_folder", path=path, image_size=8, channels=1).images[..., 0], expected)
    assert f"note        values were read as {low:g} (black) to {high:g} (white)" in done.output


def test_a_background_is_packed(tmp_path: Path) -> None:
    folder, path = tmp_path / "icons", tmp_path / "icons.zip"
    folder.mkdir()
    for number in range(3):
        icon = np.full((16, 16, 4), 255, np.uint8)
        icon[: 4 + number, :, 3] = 0
        (folder / f"{number}.png").write_bytes(encoded(Image.fromarray(icon), "PNG"))
    done = pack(folder, "-o", path, "--image-size", 16, "--background", "#102030")
    assert done.exit_code == 0, done.output
    found = load("image_folder", path=path, image_size=16).images
    assert found[2, 5].tolist() == [[16, 32, 48]] * 16
    assert (found[2, 6] == 255).all()
    white = pack(folder, "-o", tmp_path / "white.zip", "--image-size", 16)
    assert "Set `--background` to another colour" in white.output
    assert "dataset." not in white.output.replace("dataset.json", "")


def test_each_page_is_packed(tmp_path: Path) -> None:
    pages = [noise(number, 16, 16) for number in range(5)]
    (tmp_path / "set").mkdir()
    content = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    for name in "ab":
        (tmp_path / "set" / f"{name}.tif").write_bytes(content)
    path = tmp_path / "set.zip"
    assert pack(tmp_path / "set", "-o", path, "--image-size", 16, "--pages", "each").exit_code == 0
    found = load("image_folder", path=path, image_size=16).images
    np.testing.assert_array_equal(found, [np.asarray(page) for page in pages * 2])
    first = pack(tmp_path / "set", "-o", tmp_path / "first.zip", "--image-size", 16)
    assert "of 2 TIFFs with several pages, only the first" in first.output
    assert "set `--pages` to `each`." in first.output


@pytest.mark.parametrize(
    ("options", "message", "exit_code"),
    [
        (["--background", "reddish"], "--background: give the name of a colour", 2),
        (["--background", "#ffff"], "--background: a background has no transparency", 2),
        (["--value-range", "9,3"], "'9,3' is neither auto nor percentiles nor LOW,HIGH", 2),
        (["--value-range", "0,nan"], "'0,nan' is neither", 2),
        (["--value-range", "7"], "'7' is neither", 2),
        (["--labels", "two.csv"], "--label-column: ", 2),
        (["--value-range", "percentiles"], "Set `--value-range` to `LOW,HIGH`", 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_names_the_option(options: list[str], message: str, exit_code: int, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for number in range(3):
        image = Image.fromarray(np.full((8, 8, 3), 7, np.uint8))
        (tmp_path / "set" / f"{number}.png").write_bytes(encoded(image, "PNG"))
    (tmp_path / "set" / "two.csv").write_text("file,size,age\n0.png,m,1\n1.png,f,2\n2.png,f,1\n")
    done = pack(tmp_path / "set", "-o", tmp_path / "a.zip", "--image-size", 8, *options)
    said = done.output if isinstance(done.exception, SystemExit) else str(done.exception)
    assert message in " ".join(said.split())
    assert (done.exit_code if isinstance(done.exception, SystemExit) else done.exception.exit_code) == exit_code
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize(
    ("arguments", "message", "exit_code"),
    [
        (["set", "-o", "there.zip", "--image-size", "16"], "there.zip already exists. Choose another --output", 2),
        (["set", "-o", "set.tar", "--image-size", "16"], "--output takes FILE.zip. Received: set.tar", 2),
        (["set", "--image-size", "16"], "--output is missing", 2),
        (["set", "-o", "there.zip/a.zip", "--image-size", "16"], "there.zip/a.zip cannot be written", 2),
        (["nowhere", "-o", "a.zip", "--image-size", "16"], "There is nothing at", 3),
        (["empty", "-o", "a.zip", "--image-size", "16"], "contains no JPEG", 3),
        (
            ["set", "-o", "a.zip", "--image-size", "16", "--labels", "gone.csv"],
            "gone.csv does not exist. Correct `--labels`",
            3,
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_explained_and_nothing_is_written(
    arguments: list[str], message: str, exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "set", 3)
    (tmp_path / "empty").mkdir()
    (tmp_path / "there.zip").write_bytes(b"mine")
    before = {path.name for path in tmp_path.iterdir()}
    error = pack(*arguments).exception
    assert isinstance(error, GanctlError)
    assert message in str(error)
    assert error.exit_code == exit_code
    assert {path.name for path in tmp_path.iterdir()} - {"cache"} == before - {"cache"}
    assert (tmp_path / "there.zip").read_bytes() == b"mine"


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stylegan_archive, "to_png", full)
    images = ImageSet(np.zeros((2, 4, 4, 1), np.uint8), None, (), "test")
    with pytest.raises(UsageError, match="cannot be written: No space left on device"):
        stylegan_archive.write(tmp_path / "a.zip", images, track)
    assert not list(tmp_path.iterdir())
