"""Images from outside are compared as the run's own images were prepared, or else as a folder of them would be."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import RunCli, WriteYaml, untracked
from image_files import write_images
from sklearn.datasets import load_sample_image
from small_runs import train
from test_parquet import needs_pyarrow, table
from test_webdataset import samples, shard

import ganctl
from ganctl.build import resolving
from ganctl.cli import commands
from ganctl.errors import DataError, UsageError
from ganctl.experiment.sections import DatasetSection
from ganctl.generation.image_scores import compression_notes, score_images
from ganctl.generation.image_sources import Samples, read_both, read_real_images, read_samples
from ganctl.images import image_cache
from ganctl.images.value_range import ValueRange
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


def test_a_data_set_comes_before_a_run_of_its_name(
    folder: Path, tiny_yaml: WriteYaml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_on(folder, tiny_yaml, tmp_path).path.rename(tmp_path / "fashion_mnist_mini")
    monkeypatch.chdir(tmp_path)
    samples, real = read_both(folder, "fashion_mnist_mini", COUNT, 0, untracked)
    assert (samples.shape, real.images.shape) == ((60, 40, 3), (28, 28, 1))


def test_an_npz_is_prepared_as_the_training_images_of_a_run(
    folder: Path, portraits: np.ndarray, tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    np.savez(tmp_path / "portraits.npz", images=portraits)
    run = run_on(folder, tiny_yaml, tmp_path, resize="pad")
    samples, real = read_both(tmp_path / "portraits.npz", str(run.path), COUNT, 0, untracked)
    np.testing.assert_array_equal(samples.images, real.images.images)


def test_pictures_of_16_bits_have_the_white_of_the_run(
    portraits: np.ndarray, tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    """The run's white is 4095; the 64 pictures are darker, and alone would have another white."""
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


@pytest.mark.parametrize("bits", [12, "float"])
def test_bytes_against_a_run_on_other_values_stay_as_they_are(
    bits: int | str, portraits: np.ndarray, tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    """They may be samples that the run drew, in a folder or an npz."""
    stored = portraits.astype(np.uint16) * 16 if bits == 12 else (portraits / 255).astype(np.float32)
    named = [0, 4095] if bits == 12 else [0, 1]
    np.savez(tmp_path / "stored.npz", images=stored)
    np.savez(tmp_path / "drawn.npz", images=portraits[:, 10:26, :16])
    (tmp_path / "drawn").mkdir()
    for number, image in enumerate(portraits):
        cv2.imwrite(str(tmp_path / "drawn" / f"{number:03d}.png"), image[10:26, :16, ::-1])
    for value_range in ("auto", named):
        path = tmp_path / "stored.npz"
        run = run_on(path, tiny_yaml, tmp_path / str(value_range), name="npz", value_range=value_range)
        for drawn in ("drawn", "drawn.npz"):
            samples, _ = read_both(tmp_path / drawn, str(run.path), COUNT, 0, untracked)
            np.testing.assert_array_equal(samples.images, portraits[:, 10:26, :16])


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


def test_notes_on_real_images_name_them(portraits: np.ndarray, folder: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "same.npz", images=np.repeat(portraits[:1], 60, axis=0))
    _, real = read_both(folder, str(tmp_path / "same.npz"), COUNT, 0, untracked)
    where = tmp_path / "same.npz"
    assert real.notes[0] == f"Warning: {where}: all images are identical."
    assert all(note.removeprefix("Warning: ").startswith(f"{where}: ") for note in real.notes)


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


# --- one side compressed as JPEG


@pytest.fixture(scope="module")
def jpegs(portraits: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portraits as JPEG of quality 75."""
    made = tmp_path_factory.mktemp("jpegs")
    for number, image in enumerate(portraits):
        cv2.imwrite(str(made / f"{number:03d}.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 75])
    return made


@pytest.mark.parametrize(
    ("size", "resize", "kind"),
    [
        (21, "crop", "JPEG"),
        (20, "crop", "JPEG shrunk to half or less"),
        (20, "squash", "JPEG shrunk to half or less"),
        (31, "pad", "JPEG"),
        (30, "pad", "JPEG shrunk to half or less"),
    ],
)
def test_files_are_counted_by_format_and_what_is_left_of_it(
    size: int, resize: str, kind: str, folder: Path, jpegs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of the files; the name says another format than the first bytes."""
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path / "cache"))
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for number, path in enumerate([*sorted(folder.iterdir())[:9], *sorted(jpegs.iterdir())[:3]]):
        (mixed / f"{number}.png").write_bytes(path.read_bytes())
    section = DatasetSection(name="image_folder", path=str(mixed), image_size=size, resize=resize)  # type: ignore[arg-type]
    first = resolving.read_dataset(section, untracked)
    assert list(image_cache.cache_folder().glob("*.npy"))
    again = resolving.read_dataset(section, untracked)
    for found in (first, again, again.first(5), again.rows(np.arange(4))):
        assert found.formats == {"PNG": 9, kind: 3}


def test_an_array_has_no_formats(portraits: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=portraits)
    samples, real = read_both(tmp_path / "a.npz", "fashion_mnist_mini", 60, 0, untracked)
    assert (samples.formats, real.images.formats) == ({}, {})


@pytest.mark.parametrize(
    ("samples", "real", "shares"),
    [
        ({"PNG": 10}, {"JPEG": 10}, "0% of the samples and 100% of the real"),
        ({"JPEG": 8, "PNG": 2}, {"BMP": 5, "PNG": 5}, "80% of the samples and 0% of the real"),
        ({"JPEG": 9, "PNG": 1}, {"JPEG": 10}, ""),
        ({"JPEG": 10}, {"JPEG": 10}, ""),
        ({"PNG": 10}, {"GIF": 10}, ""),
        ({"PNG": 10}, {"JPEG shrunk to half or less": 10}, ""),
        ({}, {"JPEG": 10}, ""),
        ({"JPEG": 10}, {}, ""),
    ],
)
def test_one_side_alone_was_compressed(samples: dict[str, int], real: dict[str, int], shares: str) -> None:
    notes = compression_notes(samples, real)
    assert len(notes) == bool(shares)
    assert all(shares in note for note in notes)


@pytest.mark.slow
def test_evaluate_says_that_one_side_was_compressed(
    folder: Path, jpegs: Path, tiny_yaml: WriteYaml, tmp_path: Path, run_cli: RunCli
) -> None:
    run = run_on(jpegs, tiny_yaml, tmp_path, image_size=40)
    found = {}
    for against in (folder, run.path):
        done = run_cli("evaluate", folder, "--against", against, "--num", COUNT, "--json")
        assert done.returncode == 0, done.stderr
        found[against] = json.loads(done.stdout)
        assert ("0% of the samples and 100% of the real images are JPEG" in done.stderr) == (against == run.path)
    assert found[run.path]["kid"] > found[folder]["kid"] + 0.01
    assert found[run.path]["sample_formats"] == {"PNG": COUNT}
    assert found[run.path]["reference_formats"] == {"JPEG": COUNT}
    done = run_cli("evaluate", jpegs, "--against", folder, "--num", COUNT)
    assert "files           96 JPEG, against 96 PNG" in done.stdout
    assert "Warning: 100% of the samples and 0% of the real images are JPEG" in done.stderr


@pytest.mark.slow
def test_a_picture_that_png_cannot_hold_does_not_lose_the_scores(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganctl.images.draw.LONGEST_PNG_SIDE", 100)
    path = tmp_path / "pairs.png"
    scores = score_images(
        folder,
        untracked,
        against=str(folder),
        num=COUNT,
        features="auto",
        inception_graph=None,
        seed=0,
        best=False,
        pairs=path,
        device="auto",
    )
    assert scores.values["precision"] == 1.0
    assert scores.nearest_pairs is None
    assert "pairs.png would be" in scores.notes[0]
    assert not list(tmp_path.iterdir())


@needs_pyarrow
def test_tables_and_tar_archives_are_compared_as_folders_are(tmp_path: Path) -> None:
    write_images(tmp_path / "set", 6)
    shard(tmp_path / "a.tar", samples(range(6)))
    table(tmp_path / "a.parquet", [(tmp_path / "set" / f"{n:03d}.png").read_bytes() for n in range(6)], list(range(6)))
    expected = read_samples(tmp_path / "set", 6, 0, untracked)
    for name in ("a.tar", "a.parquet"):
        found = read_samples(tmp_path / name, 6, 0, untracked)
        np.testing.assert_array_equal(found.images, expected.images)
        real = read_real_images(str(tmp_path / name), expected, untracked)
        np.testing.assert_array_equal(real.images.images, expected.images)


# --- black and white of values that are not bytes


def floats(path: Path, portraits: np.ndarray, low: float, high: float) -> Path:
    np.savez(path, images=(portraits / 255 * (high - low) + low).astype(np.float32))
    return path


def scale_warnings(notes: tuple[str, ...]) -> list[str]:
    return [note for note in notes if "different scales" in note]


def test_one_range_is_given_for_both_sides(portraits: np.ndarray, tmp_path: Path) -> None:
    one, other = (floats(tmp_path / f"{low}.npz", portraits, low, -20) for low in (-80, -70))
    with pytest.raises(DataError, match=r"Set `--value-range` to `-[0-9.]+,-[0-9.]+`, to another range, or to `perc"):
        read_both(one, str(other), COUNT, 0, untracked)
    samples, real = read_both(one, str(other), COUNT, 0, untracked, value_range=[-80.0, -20.0])
    np.testing.assert_array_equal(samples.images, portraits)
    expected = np.rint((portraits / 255 * 50 + 10) / 60 * 255)
    np.testing.assert_allclose(real.images.images, expected, atol=1)
    assert not scale_warnings(real.notes)
    samples, real = read_both(one, str(other), COUNT, 0, untracked, value_range="percentiles")
    np.testing.assert_allclose(samples.images.astype(int), real.images.images.astype(int), atol=1)


@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_ranges_that_differ_are_a_warning(kind: str, portraits: np.ndarray, tmp_path: Path) -> None:
    """The samples are 12 bits as the real images are, but darker."""
    sides = []
    for name, factor in (("dark", 3), ("bright", 16)):
        deep, path = portraits.astype(np.uint16) * factor, tmp_path / name
        if kind == "npz":
            path = path.with_suffix(".npz")
            np.savez(path, images=deep)
        else:
            path.mkdir()
            for number, image in enumerate(deep):
                cv2.imwrite(str(path / f"{number:03d}.png"), image[..., ::-1])
        sides.append(path)
    dark, bright = sides
    samples, real = read_both(dark, str(bright), COUNT, 0, untracked)
    (warning,) = scale_warnings(real.notes)
    assert "read as 0 (black) to 1023 (white), but the real images as 0 (black) to 4095 (white)" in warning
    assert "`--value-range LOW,HIGH`" in warning
    samples, real = read_both(dark, str(bright), COUNT, 0, untracked, value_range=[0.0, 4095.0])
    assert not scale_warnings(real.notes)
    for found, factor in ((samples.images, 3), (real.images.images, 16)):
        np.testing.assert_allclose(found, portraits * (factor / 4095 * 255), atol=0.51)


def test_bytes_have_the_scale_of_any_other_values(portraits: np.ndarray, folder: Path, tmp_path: Path) -> None:
    path = floats(tmp_path / "floats.npz", portraits, 0, 1)
    samples, real = read_both(path, str(folder), COUNT, 0, untracked)
    np.testing.assert_array_equal(samples.images, real.images.images)
    assert not scale_warnings(real.notes)


def test_a_named_data_set_keeps_its_own_values(portraits: np.ndarray, tmp_path: Path) -> None:
    path = floats(tmp_path / "decibels.npz", portraits, -80, -20)
    samples, real = read_both(path, "fashion_mnist_mini", COUNT, 0, untracked, value_range=[-80.0, -20.0])
    np.testing.assert_array_equal(samples.images, portraits)
    np.testing.assert_array_equal(
        real.images.images,
        read_both(path, "fashion_mnist_mini", 60, 0, untracked, value_range="percentiles")[1].images.images,
    )
    assert len(np.unique(real.images.images)) > 200


def test_the_range_of_a_run_comes_first(portraits: np.ndarray, tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    np.savez(tmp_path / "deep.npz", images=portraits.astype(np.uint16) * 16)
    run = run_on(tmp_path / "deep.npz", tiny_yaml, tmp_path, name="npz")
    with pytest.raises(
        UsageError, match=r"--value-range: .* was trained on values that were read as 0 \(black\) to 4095"
    ):
        read_both(tmp_path / "deep.npz", str(run.path), COUNT, 0, untracked, value_range=[0.0, 9.0])
    with pytest.raises(UsageError, match="--value-range is for an npz, a folder or a zip, and neither side is one"):
        read_both(run.path, str(run.path), COUNT, 0, untracked, value_range="percentiles")


def test_images_are_read_with_the_range_of_the_run_that_drew_the_samples(
    portraits: np.ndarray, tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    """They are darker than the run's training images, and alone would have another white."""
    np.savez(tmp_path / "dark.npz", images=portraits.astype(np.uint16) * 3)
    run = run_on(tmp_path / "dark.npz", tiny_yaml, tmp_path, name="npz")
    parts, white = resolving.load_parts(run.config), ValueRange(0, 4095)
    drawn = Samples("drawn", (60, 40, 3), lambda: portraits, parts, value_range=white)
    real = read_real_images(str(tmp_path / "dark.npz"), drawn, untracked).images
    assert real.value_range == white
    np.testing.assert_allclose(real.images, portraits * (3 / 4095 * 255), atol=0.51)


def test_a_run_on_other_values_takes_a_range_for_images_from_outside(
    portraits: np.ndarray, tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    path = floats(tmp_path / "decibels.npz", portraits, -80, -20)
    run = run_on(path, tiny_yaml, tmp_path, name="npz", value_range=[-80, -20])
    with pytest.raises(DataError, match="Set `--value-range` to"):
        read_both(path, str(run.path), COUNT, 0, untracked)
    samples, real = read_both(path, str(run.path), COUNT, 0, untracked, value_range=[-80.0, -20.0])
    np.testing.assert_array_equal(samples.images, real.images.images)


def test_low_contrast_names_the_option(portraits: np.ndarray, folder: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "dark.npz", images=portraits // 20)
    samples, _ = read_both(tmp_path / "dark.npz", str(folder), COUNT, 0, untracked)
    assert any("`--value-range percentiles` spreads them" in note for note in samples.notes)


def test_a_range_is_given_on_the_command_line_and_in_python(
    portraits: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = floats(tmp_path / "a.npz", portraits, 0, 1), []

    def stop(*_: Any, value_range: Any, **__: Any) -> Any:
        seen.append(value_range)
        raise UsageError("seen")

    monkeypatch.setattr("ganctl.generation.image_scores.read_both", stop)
    for words in ([], ["--value-range", "-80,-20"], ["--value-range", "percentiles"]):
        CliRunner().invoke(commands, ["evaluate", str(path), "--against", str(path), *words])
    assert seen == ["auto", [-80.0, -20.0], "percentiles"]
    seen.clear()
    for given in ((-80, -20), np.array([0, 4095]), "percentiles"):
        with pytest.raises(UsageError, match="seen"):
            ganctl.evaluate(path, against=path, value_range=given, quiet=True)
    assert seen == [[-80.0, -20.0], [0.0, 4095.0], "percentiles"]
    for wrong in ("all", (1,), (3, 2), (0, float("nan")), (True, 5), None):
        with pytest.raises(UsageError, match=r"value_range must be 'auto', 'percentiles', or \[LOW, HIGH\]"):
            ganctl.evaluate(path, against=path, value_range=wrong, quiet=True)
