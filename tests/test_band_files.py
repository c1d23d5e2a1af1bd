"""Files of arrays and of bands: .npy, TIFFs of more than four channels, BigTIFF."""

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from image_files import encoded, noise, write_images
from loaded_images import load, section
from PIL import Image

from ganctl.errors import ConfigurationError, DataError
from ganctl.images import file_formats, headers, listed_images
from ganctl.images.decode import decode
from ganctl.images.file_formats import is_read
from ganctl.images.headers import read_header
from ganctl.images.image_set import ImageSet, from_arrays
from ganctl.images.value_range import ValueRange
from ganctl.planning.survey.folder_survey import survey

pytestmark = pytest.mark.usefixtures("own_data_folders")

RANDOM = np.random.default_rng(0)


def random_images(channels: int, dtype: str = "uint8", count: int = 6) -> np.ndarray:
    """Images [N,20,20,C] that reach the ends of the range of their type."""
    values = RANDOM.random((count, 20, 20, channels))
    values[0, 0, 0], values[-1, 0, 0] = 0, 1
    if dtype == "bool":
        return values > 0.5
    return (values * {"uint8": 255, "uint16": 4095, ">i4": 1023}.get(dtype, 1)).round(6).astype(dtype)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def written(folder: Path, images: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for number, image in enumerate(images):
        (folder / f"{number}.npy").write_bytes(npy(image))
    return folder


def from_one_array(images: np.ndarray, **keys: Any) -> ImageSet:
    return from_arrays(images, None, (), section(**keys), "test")


def band_tiff(image: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, **{"photometric": "minisblack", "planarconfig": "contig", **options})
    return buffer.getvalue()


# ---- .npy


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float16", ">i4", "bool"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 16])
def test_a_folder_of_npy_files_is_what_one_array_is(dtype: str, channels: int, tmp_path: Path) -> None:
    images = random_images(channels, dtype)
    expected = from_one_array(images)
    found = load("image_folder", path=written(tmp_path / "x", images), image_size=20, channels=channels)
    np.testing.assert_array_equal(found.images, expected.images)
    assert (found.value_range, found.alpha) == (expected.value_range, False)
    if dtype == "uint16":
        assert found.value_range == ValueRange(0, 4095)
    again = load("image_folder", path=tmp_path / "x", image_size=20, channels=channels)
    np.testing.assert_array_equal(again.images, expected.images)


def test_an_npy_may_have_its_channels_first_or_none_or_columns_first(tmp_path: Path) -> None:
    images = random_images(5)
    for number, stored in enumerate((images.transpose(0, 3, 1, 2), [np.asfortranarray(image) for image in images])):
        found = load("image_folder", path=written(tmp_path / str(number), stored), image_size=20, channels=5)
        np.testing.assert_array_equal(found.images, images)
    grey = load("image_folder", path=written(tmp_path / "grey", images[..., 0]), image_size=20, channels=1)
    np.testing.assert_array_equal(grey.images, images[..., :1])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_key_says_that_the_last_channel_of_an_npy_is_alpha(dtype: str, tmp_path: Path) -> None:
    images = random_images(4, dtype)
    folder = written(tmp_path / "x", images)
    for channels in (3, 4):
        found = load("image_folder", path=folder, image_size=20, channels=channels, alpha=True)
        expected = from_one_array(images, channels=channels, alpha=True)
        np.testing.assert_array_equal(found.images, expected.images)
        assert found.alpha == expected.alpha == (channels == 4)


def test_an_npy_is_read_from_containers_with_its_class(tmp_path: Path) -> None:
    images = random_images(5)
    names = [f"{'ab'[number % 2]}/{number}.npy" for number in range(6)]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, image in zip(names, images, strict=True):
            archive.writestr(name, npy(image))
    found = load("image_folder", path=tmp_path / "x.zip", image_size=20, channels=5)
    assert found.labels is not None
    np.testing.assert_array_equal(found.images, images[[0, 2, 4, 1, 3, 5]])
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
    (written(tmp_path / "table", images) / "dataset.json").write_text(
        json.dumps({"labels": [[f"{number}.npy", number // 3] for number in range(6)]})
    )
    found = load("image_folder", path=tmp_path / "table", image_size=20, channels=5)
    assert found.labels is not None
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_samples_of_tar_archives_may_be_npy_files(tmp_path: Path) -> None:
    images = random_images(5)
    members: dict[str, bytes] = {}
    for number, image in enumerate(images):
        members |= {f"{number}.npy": npy(image), f"{number}.cls": b"%d" % (number % 2)}
    found = load("webdataset", path=tar(tmp_path / "x.tar", members), image_size=20, channels=5)
    np.testing.assert_array_equal(found.images, images)
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1] * 3


def test_an_array_beside_a_picture_of_a_sample_is_not_its_image(tmp_path: Path) -> None:
    members: dict[str, bytes] = {}
    for number in range(3):
        members |= {f"{number}.npy": npy(np.zeros((20, 20))), f"{number}.png": encoded(noise(number), "PNG")}
    found = load("webdataset", path=tar(tmp_path / "x.tar", members), image_size=32)
    np.testing.assert_array_equal(found.images, [np.asarray(noise(number)) for number in range(3)])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (npy(np.zeros((60, 28, 28))), r"its array \[60, 28, 28\] is not one image.*set `dataset.name: npz`"),
        (npy(np.zeros((2, 8, 8, 3))), r"its array \[2, 8, 8, 3\] is not one image.*set `dataset.name: npz`"),
        (npy(np.zeros(9)), r"its array \[9\] is not one image"),
        (npy(np.zeros((0, 8))), "declares 8 x 0 pixels"),
        (npy(np.array([[{}]], dtype=object)), "contains Python objects, which are never loaded"),
        (npy(np.zeros((8, 8), complex)), "type complex128, not numbers"),
        (npy(np.zeros((8, 8)))[:-1], "cut off: it declares 512 bytes of values and has 511"),
        (npy(np.zeros((8, 8)))[:40], "NumPy header is damaged or cut off"),
        (npy(np.broadcast_to(np.uint8(0), (20_000, 1)))[:128].replace(b"(20000, 1)", b"(20000, 20000)"), "cut off"),
        (npy(np.full((8, 8), np.nan)), "not finite"),
    ],
    ids=["stack", "batch", "vector", "empty", "objects", "complex", "cut off", "header", "promise", "nan"],
)
def test_an_npy_that_is_not_one_image_is_named_with_the_reason(data: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "odd.npy").write_bytes(data)
    with pytest.raises(DataError, match=rf"odd\.npy: .*{reason}") as error:
        load("image_folder", path=tmp_path, image_size=8)
    assert error.value.exit_code == 3
    write_images(tmp_path, 3)
    found = load("image_folder", path=tmp_path, image_size=32)
    np.testing.assert_array_equal(found.images, [np.asarray(noise(number)) for number in range(3)])
    assert any("odd.npy" in note for note in found.notes)


def test_an_npy_of_too_many_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "MAX_PIXELS", 63)
    with pytest.raises(DataError, match="declares 8 x 8 pixels, more than"):
        read_header(npy(np.zeros((8, 8, 5))))


# ---- the number of channels


@pytest.mark.parametrize(("stored", "asked"), [(5, None), (5, 3), (5, 4), (4, 3), (2, None), (4, 5), (16, 8)])
def test_the_number_of_bands_to_set_is_named(stored: int, asked: int | None, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"the images have {stored} channels.*Set {stored}[.,]") as error:
        load("image_folder", path=written(tmp_path / "x", random_images(stored)), image_size=8, channels=asked)
    assert error.value.key == "dataset.channels"
    assert error.value.exit_code == 2


def test_a_few_files_of_other_channels_are_left_out_and_named(tmp_path: Path) -> None:
    images = random_images(5)
    (written(tmp_path / "x", images) / "preview.png").write_bytes(encoded(noise(0), "PNG"))
    found = load("image_folder", path=tmp_path / "x", image_size=20, channels=5)
    np.testing.assert_array_equal(found.images, images)
    assert any("preview.png: its channels are 3, and `dataset.channels` is 5" in note for note in found.notes)


def test_bands_and_transparency_are_not_learned_as_one(tmp_path: Path) -> None:
    picture = Image.fromarray(random_images(4)[0])
    (written(tmp_path / "x", random_images(4)) / "icon.png").write_bytes(encoded(picture, "PNG"))
    with pytest.raises(ConfigurationError, match="6 of 7 files hold 4 bands, the others pictures") as error:
        load("image_folder", path=tmp_path / "x", image_size=20, channels=4)
    assert error.value.key == "dataset.alpha"
    assert load("image_folder", path=tmp_path / "x", image_size=20, channels=4, alpha=True).alpha


# ---- TIFF


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"planarconfig": "separate"},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"byteorder": ">"},
    ],
    ids=["chunky", "planar", "zlib", "lzw", "tiles", "bigtiff", "big endian"],
)
def test_bands_of_a_tiff_are_what_tifffile_reads(dtype: str, options: dict[str, Any], tmp_path: Path) -> None:
    images = random_images(6, dtype)
    for number, image in enumerate(images):
        planar = options.get("planarconfig") == "separate"
        data = band_tiff(np.moveaxis(image, -1, 0) if planar else image, **options)
        read = tifffile.imread(io.BytesIO(data))
        np.testing.assert_array_equal(np.moveaxis(read, 0, -1) if planar else read, image)
        decoded = decode(data, keep_bands=True)
        np.testing.assert_array_equal(decoded.pixels if decoded.stored is None else decoded.stored, image)
        (tmp_path / f"{number}.tif").write_bytes(data)
    found = load("image_folder", path=tmp_path, image_size=20, channels=6)
    np.testing.assert_array_equal(found.images, from_one_array(images).images)
    with pytest.raises(ConfigurationError, match=r"the images have 6 channels, .* Set 6\."):
        load("image_folder", path=tmp_path, image_size=20)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "I;16", "P"])
def test_a_bigtiff_is_what_the_same_tiff_is(mode: str) -> None:
    image = noise(0).convert("RGBA" if mode == "RGBA" else "RGB")
    if mode == "RGBA":
        image.putalpha(noise(1).convert("L"))
    elif mode == "I;16":
        image = Image.fromarray(RANDOM.integers(0, 65536, (32, 32), np.uint16))
    else:
        image = image.convert(mode)
    small, big = encoded(image, "TIFF"), encoded(image, "TIFF", big_tiff=True)
    assert (read_header(small).kind, read_header(big).kind) == ("TIFF", "BigTIFF")
    for keep in (False, True):
        expected, found = (decode(data, keep_alpha=keep) for data in (small, big))
        if mode == "RGBA":  # OpenCV multiplies by alpha and loses digits; tifffile does not
            assert found.pixels.shape == (32, 32, 4 if keep else 3)
            colour, alpha = np.split(np.asarray(image, float), [3], axis=2)
            over_white = np.floor((colour * alpha + (255 - alpha) * 255 + 127) / 255)
            np.testing.assert_array_equal(found.pixels, np.asarray(image) if keep else over_white)
        else:
            np.testing.assert_array_equal(found.pixels, expected.pixels)
        assert found.conversions == expected.conversions
        if expected.stored is not None:
            assert found.stored is not None
            np.testing.assert_array_equal(found.stored, expected.stored)


def test_where_white_is_zero_a_bigtiff_is_inverted() -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    found = decode(band_tiff(grey, photometric="miniswhite", bigtiff=True)).pixels
    np.testing.assert_array_equal(found[..., 0], 255 - grey)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"bigtiff": True}], ids=["plain", "zlib", "bigtiff"])
def test_a_tiff_of_bands_that_is_cut_off_is_refused(options: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    data = band_tiff(random_images(5)[0], **options)
    for end in (len(data) - 40, 300, 12):
        with pytest.raises(DataError, match=r"cut off|damaged"):
            decode(data[:end])
    assert capfd.readouterr() == ("", "")


def test_a_tiff_of_more_than_16_bands_is_refused() -> None:
    with pytest.raises(DataError, match="it has 20 bands, more than the 16 that are accepted"):
        read_header(band_tiff(RANDOM.random((8, 8, 20))))


def test_a_tiff_of_bands_of_too_many_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = band_tiff(random_images(6)[0])
    monkeypatch.setattr(headers, "_MAX_VALUES", 20 * 20 * 6)
    assert read_header(data).bands == 6
    monkeypatch.setattr(headers, "_MAX_VALUES", 20 * 20 * 6 - 1)
    with pytest.raises(DataError, match="as many values of more channels"):
        read_header(data)


def test_installing_the_decoder_of_bands_leaves_no_older_set_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(tmp_path, 3)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.asarray(noise(9)), photometric="rgb", bigtiff=True)
    (tmp_path / "big.tif").write_bytes(buffer.getvalue())
    with monkeypatch.context() as without:
        for module in (file_formats, listed_images):
            without.setattr(module, "is_read", lambda kind: "TIFF" not in kind and is_read(kind))
        found = load("image_folder", path=tmp_path, image_size=32)
        assert len(found) == 3
        assert any("1 BigTIFF file (" in note for note in found.notes)
    found = load("image_folder", path=tmp_path, image_size=32)
    np.testing.assert_array_equal(found.images[-1], np.asarray(noise(9)))


def test_a_tiff_of_bands_lies_as_its_tag_says() -> None:
    image = random_images(5)[0][:8]
    turned = decode(band_tiff(image, extratags=[(0x112, 3, 1, 6, True)]), keep_bands=True).pixels
    np.testing.assert_array_equal(turned, np.rot90(image, -1))


# ---- `ganctl init`


def test_a_survey_says_bands_and_types(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy(random_images(5, "float32")[0]))
    (tmp_path / "b.npy").write_bytes(npy(random_images(1)[0]))
    (tmp_path / "c.tif").write_bytes(band_tiff(random_images(7, "uint16")[0]))
    (tmp_path / "d.tif").write_bytes(band_tiff(random_images(3)[0], photometric="rgb", bigtiff=True))
    for seconds in (10.0, 0.0):
        found = survey(tmp_path, seconds, lambda items, *_, **__: items)
        modes = {picture.name: picture.mode for picture in found.pictures}
        assert modes == {"a.npy": "5 bands, float32", "b.npy": "grey", "c.tif": "7 bands, uint16", "d.tif": "RGB"}
        assert {(picture.height, picture.width) for picture in found.pictures} == {(20, 20)}


# ---- pages and `holdout`


def stacks(folder: Path, *counts: int) -> Path:
    """Write a TIFF for each number of pages; the pixels of file 2 have values from 20 to 29."""
    for number, count in enumerate(counts):
        pages = [Image.new("L", (8, 8), 10 * number + page) for page in range(count)]
        pages[0].save(folder / f"{number}.tif", save_all=True, append_images=pages[1:])
    return folder


def levels(images: ImageSet | None) -> list[int]:
    assert images is not None
    return images.images[:, 0, 0, 0].tolist()


def test_pages_of_one_file_are_held_out_together(tmp_path: Path) -> None:
    keys = {"path": stacks(tmp_path, *[5] * 8), "image_size": 8, "channels": 1, "pages": "each"}
    for _ in range(2):  # the second time from the cache
        found = load("image_folder", **keys)
        for holdout in (0.05, 0.25, 0.5):
            training, held_out = found.split(holdout)
            assert {level // 10 for level in levels(training)}.isdisjoint(level // 10 for level in levels(held_out))
            assert sorted(levels(training) + levels(held_out)) == sorted(levels(found))
            assert len(levels(held_out)) == max(5, 40 * holdout)
    some = found.rows(np.arange(0, 40, 2)).first(15)
    assert some.file_numbers is not None
    assert some.file_numbers.tolist() == [level // 10 for level in levels(some)]


def test_pages_of_the_only_file_are_held_out_one_by_one_with_a_warning(tmp_path: Path) -> None:
    found = load("image_folder", path=stacks(tmp_path, 10), image_size=8, channels=1, pages="each")
    training, held_out = found.split(0.2)
    order = np.random.default_rng(0).permutation(10)
    assert (levels(training), levels(held_out)) == (sorted(order[2:]), sorted(order[:2]))
    assert "all images are pages of one file" in training.notes[-1]


def test_without_stacks_the_split_is_that_of_single_images(tmp_path: Path) -> None:
    found = load("image_folder", path=stacks(tmp_path, *[1] * 10), image_size=8, channels=1, pages="each")
    training, held_out = found.split(0.2)
    order = np.random.default_rng(0).permutation(10)
    assert found.file_numbers is None
    assert (levels(training), levels(held_out)) == (sorted(10 * order[2:]), sorted(10 * order[:2]))
    assert training.notes == found.notes
