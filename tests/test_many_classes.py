"""Pictures of hundreds of classes: a layout that a person can look at, and no empty file where there is none."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import RunCli
from PIL import Image
from small_runs import train

from ganctl.errors import UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.game import Key, NoiseSampler
from ganctl.generation.sample_files import writer_for
from ganctl.generation.walks import number_of_walks, write_walk
from ganctl.images import draw
from ganctl.images.decode import decode
from ganctl.images.notebook import Images
from ganctl.lazy import keras
from ganctl.report.grids import read_grids
from ganctl.run_folder.paths import RunFolder


def numbered(count: int, height: int = 4, width: int = 5) -> np.ndarray:
    """Images [count, height, width, 3] whose pixels tell their number."""
    numbers = np.arange(count)
    colours = np.stack([numbers % 250, numbers // 250, np.full(count, 7)], axis=1).astype(np.uint8)
    return np.broadcast_to(colours[:, None, None, :], (count, height, width, 3)).copy()


def numbers_in(path: Path, factor: int, height: int = 4, width: int = 5) -> list[list[int | None]]:
    """The numbers of the images in a sheet, row by row; None for an empty cell."""
    sheet = cv2.imread(str(path))[::factor, ::factor, ::-1]
    cells = sheet[2 :: height + 2, 2 :: width + 2].astype(int)
    return [[None if (cell == 255).all() else cell[0] + 250 * cell[1] for cell in row] for row in cells]


def test_one_image_of_each_of_300_classes_is_read_like_text(tmp_path: Path) -> None:
    writer_for(tmp_path / "a.png", 300)([numbered(300)], range(300))
    assert numbers_in(tmp_path / "a.png", 7) == np.arange(300).reshape(15, 20).tolist()


def test_fewer_images_than_classes_leave_no_empty_columns(tmp_path: Path) -> None:
    writer_for(tmp_path / "a.png", 64)([numbered(40), numbered(64)[40:]], range(300))
    assert numbers_in(tmp_path / "a.png", 8) == np.arange(64).reshape(4, 16).tolist()


def test_several_images_of_a_class_stay_in_one_column(tmp_path: Path) -> None:
    """43 classes, 100 images: two whole rows and one of 14, in three bands of 15 columns."""
    writer_for(tmp_path / "a.png", 100)([numbered(100)], range(43))
    found = numbers_in(tmp_path / "a.png", draw.LONGEST_SIDE // (15 * 7 + 2))
    expected = [
        [row * 43 + column if column < 43 and row * 43 + column < 100 else None for column in range(start, start + 15)]
        for start in (0, 15, 30)
        for row in range(3)
    ]
    assert found == expected
    assert {number for row in found for number in row} == {None, *range(100)}


@pytest.mark.parametrize("classes", [2, 10, 20])
def test_few_classes_are_laid_out_as_ever(classes: int, tmp_path: Path) -> None:
    images = numbered(64)
    writer_for(tmp_path / "a.png", 64)([images], range(classes))
    expected = draw.grid(images, -(-64 // classes), classes)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png"))[..., ::-1], expected)


def test_images_without_classes_are_a_square_of_any_width(tmp_path: Path) -> None:
    writer_for(tmp_path / "a.png", 900)([numbered(900)])
    assert numbers_in(tmp_path / "a.png", 4) == np.arange(900).reshape(30, 30).tolist()


def conditional(classes: int) -> keras.Model:
    """A generator that takes one latent vector and a class."""
    given = [keras.Input([2], name="latent"), keras.Input([1], name="classes", dtype="int32")]
    return keras.Model(given, keras.layers.Concatenate()([given[0], keras.ops.cast(given[1], "float32") / classes]))


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (3, [[0, 1, 2, 0, 1]] * 3),
        (20, [[0, 1, 2, 3, 4]] * 3),
        (21, np.arange(15).reshape(3, 5).tolist()),
        (300, np.arange(15).reshape(3, 5).tolist()),
        (22, [[*range(22), 0, 1]] * 3),
    ],
)
def test_a_grid_during_training_shows_more_of_many_classes(classes: int, expected: list[list[int]]) -> None:
    """But columns keep to their classes if each class has one."""
    columns = len(expected[0])
    made = NoiseSampler().grid_inputs(
        conditional(classes), 3, columns, Key(0, 0), distribution="normal", num_classes=classes, images={}
    )
    assert np.asarray(made.classes).reshape(3, columns).tolist() == expected
    latent, given = made.given
    np.testing.assert_array_equal(np.asarray(given).ravel(), np.asarray(made.classes))
    rows = np.asarray(latent).reshape(3, columns, 2)
    assert (rows == rows[:, :1]).all(), "a row shares a latent vector"
    assert len(np.unique(rows[:, 0, 0])) == 3


@pytest.mark.parametrize(
    ("classes", "requested", "expected"), [(0, False, 4), (10, False, 10), (300, False, 20), (300, True, 300)]
)
def test_as_many_walks_as_can_be_followed(classes: int, requested: bool, expected: int) -> None:
    assert number_of_walks(range(classes), requested=requested) == expected


@pytest.mark.parametrize(
    ("rows", "shape"), [(7, (1, 7)), (12, (3, 4)), (20, (4, 5)), (23, (5, 5)), (40, (5, 8)), (293, (17, 18))]
)
def test_an_animation_of_many_walks_is_about_square(rows: int, shape: tuple[int, int], tmp_path: Path) -> None:
    frames = np.stack([numbered(rows, 30, 30)[..., :1]] * 2)
    write_walk([tmp_path / "a.gif"], iter(frames), 2)
    with Image.open(tmp_path / "a.gif") as file:
        factor = min(1024 // (max(shape) * 32 + 2), 4)
        assert file.size == (factor * (shape[1] * 32 + 2), factor * (shape[0] * 32 + 2))
        found = np.asarray(file.convert("L"))[::factor, ::factor][17::32, 17::32]
    assert found.ravel()[:rows].tolist() == (np.arange(rows) % 250).tolist()
    assert (found.ravel()[rows:] == 255).all()


@pytest.mark.slow
def test_a_generator_of_45_classes_draws_and_walks(
    small_experiment: Callable[..., Experiment], run_cli: RunCli, tmp_path: Path
) -> None:
    labels = np.arange(90) % 45
    images = np.random.default_rng(0).integers(0, 256, (90, 28, 28, 1), np.uint8)
    np.savez(tmp_path / "many.npz", images=images, labels=labels)
    changes = {"dataset.path": str(tmp_path / "many.npz"), "training.iterations": 1, "model.latent_input": "given"}
    experiment = small_experiment("acgan_mnist", changes)
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    train(experiment, folder)
    done = run_cli("sample", "--checkpoint", folder.path, "--num", 90, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    sheet = decode((tmp_path / "samples-0.png").read_bytes()).pixels
    headings = sheet.shape[0] - 2 * (6 * 30 + 2)
    assert sheet.shape[1] == 2 * (15 * 30 + 2)
    assert headings % 3 == 0
    assert 0 < headings // 3 < 40, "a line of names above each of three parts"
    done = run_cli("interpolate", "--checkpoint", folder.path, "--frames", 2, "--points", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "20 walks (classes 0 to 19 of 45; --classes chooses others)" in done.stdout
    height, width = decode((tmp_path / "walk-0.png").read_bytes()).pixels.shape[:2]
    assert height == 20 * 30 + 2
    assert 0 < width - (4 * 30 + 2) < 60, "with names beside the rows"
    arguments = ("--classes", "0,1", "--num", 70_000, "--output", "high.png")
    done = run_cli("sample", "--checkpoint", folder.path, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "high.png would be 62 x 1,050,002 pixels" in done.stderr
    assert not list(tmp_path.glob("*high*"))


# --- pictures beyond what a format can hold


def test_a_picture_that_png_cannot_hold_is_no_empty_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.png"
    for shape in ((1, 1_000_001, 1), (1_000_001, 1, 3), (1, 1_000_001)):
        with pytest.raises(
            UsageError, match=r"a\.png would be 1(,000,001)? x 1(,000,001)? pixels.*1,000,000 on a side"
        ):
            draw.write_png(path, np.zeros(shape, np.uint8))
    assert not list(tmp_path.iterdir())
    assert "libpng" not in capfd.readouterr().err
    widest = np.zeros((1, 1_000_000), np.uint8)
    widest[0, -1] = 9
    draw.write_png(path, widest)
    with pytest.raises(UsageError):
        draw.write_png(path, np.zeros((1, 1_000_001), np.uint8))
    assert decode(path.read_bytes()).pixels[0, -1, 0] == 9, "what was there stays"


@pytest.mark.parametrize("shape", [(3, 3, 2), (3, 3, 5), (0, 4, 3)])
def test_a_picture_that_opencv_cannot_write_is_no_empty_file(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.png cannot be written as PNG. Received: uint8 \["):
        draw.write_png(tmp_path / "a.png", np.zeros(shape, np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_grid_too_high_for_png_is_refused_before_it_is_drawn(tmp_path: Path) -> None:
    drawn = 0

    def batches():  # type: ignore[no-untyped-def]
        nonlocal drawn
        while True:
            drawn += 1
            yield np.zeros((128, 28, 28, 1), np.uint8)

    with pytest.raises(UsageError, match=r"a\.png would be 62 x 1,050,002 pixels") as raised:
        writer_for(tmp_path / "a.png", 70_000)(batches(), [0, 1])
    assert raised.value.exit_code == 2
    assert drawn == 1
    assert not list(tmp_path.iterdir())


def test_a_notebook_shows_numbers_where_a_picture_is_too_wide() -> None:
    assert Images.of(np.zeros((1, 1_000_001, 1), np.uint8))._repr_png_() is None
    assert Images.of(np.zeros((1, 200_000, 2, 4, 1), np.uint8))._repr_png_() is None


def test_a_picture_that_webp_cannot_hold_is_shrunk() -> None:
    image = np.zeros((8, 20_000, 3), np.uint8)
    image[:, 10_000:] = 200
    shrunk = decode(draw.to_webp(image)).pixels
    assert shrunk.shape == (7, 16_383, 3)
    assert abs(int(shrunk[3, 4_000, 0])) < 10
    assert abs(int(shrunk[3, 12_000, 0]) - 200) < 10


def test_the_report_of_a_run_with_huge_grids_shows_them(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    image = np.random.default_rng(0).integers(0, 256, (30, 17_000, 3), np.uint8)
    draw.write_png(folder.sample_grid(0), image)
    found = read_grids(folder, max_bytes=1000)
    assert found.steps[0].startswith("data:image/webp;base64,UklG")


def test_no_folder_is_made_before_there_is_something_to_write(tmp_path: Path) -> None:
    write = writer_for(tmp_path / "new" / "folder", 2)
    assert list(tmp_path.iterdir()) == []
    write([numbered(2)])
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == ["0.png", "1.png"]
