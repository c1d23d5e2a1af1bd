"""Black and white of pixels that are not bytes: by what all images hold, or as `dataset.value_range` says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunCli, operation_by_operation
from image_files import encoded
from loaded_images import load, section
from PIL import Image
from small_runs import train

import ganctl
from ganctl.errors import DataError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import DatasetSection
from ganctl.generation.export import Generator, _lines_for_pixels
from ganctl.images.image_set import ImageSet, from_arrays
from ganctl.images.value_range import Observed, ValueRange
from ganctl.run_folder.paths import RunFolder

pytestmark = pytest.mark.usefixtures("own_data_folders")


def stored(bits: int, count: int = 6) -> np.ndarray:
    """Images whose values use so many bits; the first is the darkest, and only the last one has white."""
    values = np.linspace(0, 2**bits - 1, count * 64)
    return values.round().astype(np.uint16).reshape(count, 8, 8)


def read_arrays(images: np.ndarray, **keys: Any) -> ImageSet:
    return from_arrays(images, None, (), section(**keys), "test")


def read_files(folder: Path, images: np.ndarray, kind: str, **keys: Any) -> ImageSet:
    for number, image in enumerate(images):
        (folder / f"{number}.{kind.lower()}").write_bytes(encoded(Image.fromarray(image), kind))
    return load("image_folder", path=folder, image_size=images.shape[1], channels=1, **keys)


def levels(images: np.ndarray, black: float, white: float) -> np.ndarray:
    """What is right, by another way than the program's."""
    fractions = (images.astype(np.longdouble) - black) / (white - black)
    return np.rint(np.clip(fractions, 0, 1) * 255).astype(np.uint8)[..., np.newaxis]


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_the_depth_of_integers_is_seen_in_all_images(bits: int, tmp_path: Path) -> None:
    images = stored(bits)
    expected = levels(images, 0, 2**bits - 1)
    for found in (read_arrays(images), read_files(tmp_path, images, "PNG")):
        assert found.value_range == ValueRange(0, 2**bits - 1)
        np.testing.assert_array_equal(found.images, expected)
        assert any(f"values were read as 0 (black) to {2**bits - 1}" in note for note in found.notes), found.notes


def test_a_tiff_of_12_bits_is_what_a_png_is(tmp_path: Path) -> None:
    images = stored(12)
    np.testing.assert_array_equal(read_files(tmp_path, images, "TIFF").images, levels(images, 0, 4095))


def test_bytes_among_deeper_images_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "byte.png").write_bytes(encoded(Image.fromarray(np.full((8, 8), 200, np.uint8)), "PNG"))
    found = read_files(tmp_path, stored(12), "PNG")
    assert (found.images[-1] == 200).all()
    np.testing.assert_array_equal(found.images[:-1], levels(stored(12), 0, 4095))


RAMP = np.linspace(0, 1, 384, dtype=np.float32).reshape(6, 8, 8)


@pytest.mark.parametrize(
    ("values", "black", "white"),
    [(1.0001, 0, 1), (-1e-6, 0, 1), (1.009, 0, 1), (-1.0, -1, 1), (200.0, 0, 255)],
    ids=["a hair above 1", "a hair below 0", "one percent above", "negative", "bytes as floats"],
)
def test_floats_a_hair_outside_a_range_are_of_that_range(values: float, black: float, white: float) -> None:
    images = RAMP.copy() if abs(values) < 200 else RAMP * 200
    images[3, 4, 5] = values
    found = read_arrays(images)
    assert found.value_range == ValueRange(black, white)
    np.testing.assert_array_equal(found.images, levels(images, black, white))


@pytest.mark.parametrize(
    "images",
    [RAMP * 1.6 - 0.3, RAMP * 60 - 80, RAMP * 4000 - 1000, (RAMP * 3000).astype(np.int16) - 1000, RAMP * 1e5],
    ids=["overshoots of a cubic filter", "decibels", "Hounsfield units", "the same as integers", "photon counts"],
)
def test_other_values_are_refused_with_a_way_on_that_works(images: np.ndarray) -> None:
    with pytest.raises(
        DataError, match=r"Set `dataset.value_range` to `\[.*\]`, to another range, or to `perc"
    ) as error:
        read_arrays(images)
    proposed = str(error.value).split("`[")[1].split("]`")[0]
    low, high = map(float, proposed.split(", "))
    np.testing.assert_array_equal(read_arrays(images, value_range=[low, high]).images, levels(images, low, high))


def test_percentiles_leave_half_a_percent_at_either_end(tmp_path: Path) -> None:
    images = stored(12)
    images[0, 0, 0] = 60_000
    low, high = np.percentile(images, (0.5, 99.5))
    for found in (
        read_arrays(images, value_range="percentiles"),
        read_files(tmp_path, images, "PNG", value_range="percentiles"),
    ):
        np.testing.assert_array_equal(found.images, levels(images, low, high))
        assert "lie outside and became black or white" in found.notes[-1]


def test_percentiles_and_ranges_are_for_bytes_too(tmp_path: Path) -> None:
    images = (RAMP * 50 + 100).astype(np.uint8)
    low, high = np.percentile(images, (0.5, 99.5))
    found = read_files(tmp_path, images, "PNG", value_range="percentiles")
    np.testing.assert_array_equal(found.images, levels(images, low, high))
    share = ((images < low) | (images > high)).mean()
    assert f"{share:.2%} of the values lie outside" in found.notes[-1], "of the stored values, not of what they became"
    found = read_files(tmp_path, images, "PNG", value_range=[100, 150])
    np.testing.assert_array_equal(found.images, levels(images, 100, 150))
    np.testing.assert_array_equal(read_arrays(images, value_range=[100, 150]).images, levels(images, 100, 150))


def test_a_sample_of_the_values_is_kept_however_many_images_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganctl.images.value_range._MOST_VALUES", 2000)
    images = np.random.default_rng(0).integers(0, 4096, (300, 16, 16), np.uint16)
    images[299, 3, 3] = 60_000
    seen = Observed().add_all(images)
    assert sum(each.size for each in seen.some) <= 2000
    assert (seen.low, seen.high) == (images.min(), 60_000)
    np.testing.assert_allclose(seen.percentiles(), np.percentile(images, (0.5, 99.5)), atol=40)


def test_the_range_is_kept_in_the_cache(tmp_path: Path) -> None:
    first = read_files(tmp_path, stored(12), "PNG")
    again = read_files(tmp_path, stored(12), "PNG")
    assert isinstance(again.images, np.memmap)
    assert (again.value_range, again.notes) == (first.value_range, first.notes)


def test_low_contrast_is_said(tmp_path: Path) -> None:
    dark = (RAMP * 20).astype(np.uint8)
    dark[0, 0, 0] = 255
    for found in (read_arrays(dark), read_files(tmp_path, dark, "PNG")):
        (warning,) = [note for note in found.notes if "contrast" in note]
        assert warning.startswith("Warning: 99% of the values lie between 0 and 25 of 255")
    assert not read_arrays((RAMP * 80).astype(np.uint8)).notes


@pytest.mark.parametrize("outlier", [1.5, 40.0, 200.0])
def test_a_few_outliers_do_not_make_all_others_black(outlier: float) -> None:
    images = RAMP.copy()
    images[0, 0, 0] = outlier
    with pytest.raises(DataError, match=r"Set `dataset.value_range` to"):
        read_arrays(images)
    assert read_arrays(images, value_range="percentiles").images.mean() > 100


def test_values_that_are_too_far_apart_are_refused() -> None:
    images = np.where(np.arange(64).reshape(1, 8, 8) % 2, -1.7e308, 1.7e308).repeat(2, 0)
    for asked in ("auto", "percentiles"):
        with pytest.raises(DataError, match="are too far apart for an image"):
            read_arrays(images, value_range=asked)


@pytest.mark.slow
def test_the_images_that_were_learned_are_never_overwritten(
    small_experiment: Callable[..., Experiment], tmp_path: Path, run_cli: RunCli
) -> None:
    np.savez(tmp_path / "mine.npz", images=stored(12, 60))
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    with operation_by_operation():
        train(small_experiment("dense_gan", {"dataset.path": str(tmp_path / "mine.npz")}), folder)
    before = (tmp_path / "mine.npz").read_bytes()
    done = run_cli("sample", "--checkpoint", folder.path, "--num", 4, "--output", tmp_path / "mine.npz")
    assert done.returncode == 2
    assert "is what this generator learned from. Choose another file." in done.stderr
    assert (tmp_path / "mine.npz").read_bytes() == before


def test_what_is_no_range_is_a_mistake() -> None:
    for wrong in ([4095, 0], [0, 0], [0], [0, "a"], "all", [0, float("inf")], None, True):
        with pytest.raises(ValueError, match=r"give auto, percentiles, or \[LOW, HIGH"):
            DatasetSection(name="npz", value_range=wrong)


def test_every_level_survives_as_a_float32_value() -> None:
    decibels, levels = ValueRange(-80.0, -20.0), np.arange(256)
    np.testing.assert_array_equal(decibels.levels(decibels.stored(levels).astype(np.float32)), levels)


@pytest.mark.slow
def test_samples_of_12_bit_pictures_are_12_bit_values(
    small_experiment: Callable[..., Experiment], tmp_path: Path, run_cli: RunCli
) -> None:
    np.savez(tmp_path / "deep.npz", images=stored(12, 60))
    experiment = small_experiment("dense_gan", {"dataset.path": str(tmp_path / "deep.npz")})
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    with operation_by_operation():
        train(experiment, folder)
    for name, more in (("levels", []), ("values", ["--values"])):
        done = run_cli("sample", "--checkpoint", folder.path, "--num", 20, "--output", tmp_path / f"{name}.npz", *more)
        assert done.returncode == 0, done.stderr
    levels, values = (np.load(tmp_path / f"{name}.npz")["images"] for name in ("levels", "values"))
    assert (levels.dtype, values.dtype) == (np.uint8, np.float32)
    assert values.min() >= 0
    assert 255 < values.max() <= 4095
    np.testing.assert_array_equal(ValueRange(0, 4095).levels(values), levels)
    np.testing.assert_array_equal(ganctl.load(folder.path).sample(20, values=True), values)
    lines: dict[str, Any] = {"images": values / 4095 * 2 - 1, "np": np}
    exec("\n".join(_lines_for_pixels(Generator.load(folder.path))), lines)
    np.testing.assert_allclose(lines["values"], values, atol=1e-2)


def test_values_of_bytes_are_refused(reported_run: RunFolder, run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("sample", "--checkpoint", reported_run.path, "--values", "--output", tmp_path / "x.npz")
    assert done.returncode == 2
    assert "--values: the training images were bytes" in done.stderr
    done = run_cli("sample", "--checkpoint", reported_run.path, "--values")
    assert (done.returncode, done.stderr) == (2, "Error: --values needs --output FILE.npz.\n")
