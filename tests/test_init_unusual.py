"""`ganctl init` sees labels, values, pages and transparency as training does, wherever the pictures are."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import RunCli, untracked
from image_files import encoded, noise, with_right_half_transparent, write_images
from PIL import Image
from test_init import picture
from test_parquet import needs_pyarrow, table
from test_webdataset import samples, shard

from ganctl.build import given_data, resolving
from ganctl.cli import commands
from ganctl.errors import DataError, UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.packaged_configs import packaged_configs
from ganctl.experiment.sections import DatasetSection
from ganctl.generation.image_sources import read_samples
from ganctl.images.image_set import ImageSet
from ganctl.images.value_range import ValueRange
from ganctl.planning.recipe.material import Choice
from ganctl.planning.recipe.one_folder import RECIPE, one_folder
from ganctl.planning.recipe.rules import Cost, Measured, choices
from ganctl.planning.survey.contact_sheet import contact_sheet
from ganctl.planning.survey.folder_survey import Survey, survey
from ganctl.planning.survey.in_words import described, warnings

pytestmark = pytest.mark.usefixtures("own_data_folders")


def look(path: Path, label_column: str | None = None) -> Survey:
    return survey(path, 60.0, untracked, label_column)


def chosen(pictures: Survey, size: int = 16) -> dict[str, Choice]:
    """What is chosen for the data set, by key."""
    recipe = Experiment.load(packaged_configs()[RECIPE])
    found = choices(one_folder(pictures), recipe, [size], Measured(Cost(size, 16), 10, "CPU"), 60)
    return {str(choice.key[1]): choice for choice in found if choice.key[0] == "dataset"}


def dataset(pictures: Survey, size: int = 16) -> DatasetSection:
    values = {key: choice.value for key, choice in chosen(pictures, size).items()}
    return DatasetSection.model_validate({"name": "image_folder", **values})


def learned(pictures: Survey) -> ImageSet:
    """What training reads by the YAML that `init` writes."""
    return resolving.read_dataset(dataset(pictures), untracked)


def deep(folder: Path, count: int, high: int, kind: str = "PNG") -> None:
    """Grey pictures of 16 bits with values up to `high`, each like a photo."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        grey = np.asarray(picture(number).convert("L")).astype(np.float64)
        grey = (grey - grey.min()) / np.ptp(grey) * high
        data = encoded(Image.fromarray(grey.round().astype(np.uint16)), kind)
        (folder / f"{number:02d}.{kind.lower()}").write_bytes(data)


def test_pictures_of_12_bits_are_seen_as_they_are_learned(tmp_path: Path) -> None:
    """As 16 bits, all would be nearly black, and so nearly the same."""
    deep(tmp_path, 12, 4095)
    found = look(tmp_path)
    assert found.near == ()
    assert found.value_range == ValueRange(0, 4095) == learned(found).value_range
    line = "all pictures have more than 8 bits, or floats: 0 to 4095, read as 0 (black) to 4095 (white)"
    assert dict(described(found))["values"] == line
    assert "value_range" not in chosen(found)
    sheet = contact_sheet(found, dataset(found))
    assert (sheet == 255).all(axis=2).any(), "white is as bright as in training"


def test_a_hot_pixel_and_units_get_percentiles(tmp_path: Path) -> None:
    deep(tmp_path / "hot", 12, 1000)
    hot = np.zeros((30, 40), np.uint16)
    hot[0, 0] = 60_000
    (tmp_path / "hot" / "hot.png").write_bytes(encoded(Image.fromarray(hot), "PNG"))
    (tmp_path / "decibels").mkdir()
    for number in range(4):
        values = np.asarray(picture(number).convert("L")).astype(np.float32) / 4 - 70
        (tmp_path / "decibels" / f"{number}.tif").write_bytes(encoded(Image.fromarray(values), "TIFF"))
    for name in ("hot", "decibels"):
        found = look(tmp_path / name)
        choice = chosen(found)["value_range"]
        assert choice.value == "percentiles"
        assert "0.5% of the values lie below" in choice.reason
        expected = learned(found).value_range
        assert expected is not None
        assert found.value_range is not None
        assert (found.value_range.black, found.value_range.white) == pytest.approx(
            (expected.black, expected.white), rel=0.01
        )


def stack(path: Path, pages: int, seed: int = 0) -> None:
    first, *others = (picture(100 * seed + page).convert("L") for page in range(pages))
    first.save(path, "TIFF", save_all=True, append_images=others)


def test_stacks_that_cannot_be_channels_are_pictures(tmp_path: Path) -> None:
    for seed, pages in enumerate((20, 30)):
        stack(tmp_path / f"{seed}.tif", pages, seed)
    found = look(tmp_path)
    assert (len(found.pictures), chosen(found)["pages"].value) == (50, "each")
    assert dict(described(found))["pages"] == "2 TIFFs with 20 to 30 pages: each is a picture of its own"
    assert len(learned(found)) == 50
    assert contact_sheet(found, dataset(found)).any()


def test_pages_that_may_be_channels_are_left_to_the_user(tmp_path: Path) -> None:
    for seed in range(4):
        stack(tmp_path / f"{seed}.tif", 3, seed)
    found = look(tmp_path)
    assert (len(found.pictures), "pages" in chosen(found)) == (4, False)
    assert "`dataset.pages` to `each`" in warnings(found, "x.txt")[0]
    assert dict(described(found))["pages"] == "4 TIFFs with 3 pages: only the first is used"


def icon(seed: int, colour: tuple[int, int, int]) -> bytes:
    alpha = np.asarray(noise(seed).convert("L").resize((40, 30))) // 128 * 255
    return encoded(Image.fromarray(np.dstack([np.full((30, 40, 3), colour, np.uint8), alpha.astype(np.uint8)])), "PNG")


@pytest.mark.parametrize(
    ("colours", "expected"),
    [([(255, 255, 255)] * 8, "black"), ([(0, 0, 0)] * 8, None), ([(255, 255, 255)] * 4 + [(0, 0, 0)] * 4, None)],
    ids=["white", "black", "both"],
)
def test_icons_are_laid_over_what_shows_them(
    colours: list[tuple[int, int, int]], expected: str | None, tmp_path: Path
) -> None:
    for seed, colour in enumerate(colours):
        (tmp_path / f"{seed}.png").write_bytes(icon(seed, colour))
    found = look(tmp_path)
    choice = chosen(found).get("background")
    assert (choice and choice.value) == expected
    assert "8 have transparent parts" in dict(described(found))["modes"]
    if len(set(colours)) == 1:
        assert not any("show nothing" in note for note in learned(found).notes)


def test_pictures_with_some_transparency_are_told_of_the_fourth_channel(tmp_path: Path) -> None:
    for seed in range(4):
        (tmp_path / f"{seed}.png").write_bytes(encoded(with_right_half_transparent(picture(seed)), "PNG"))
    reason = chosen(look(tmp_path))["channels"].reason
    assert "4 have transparent parts, laid over white; 4 learns transparency" in reason


def test_labels_of_a_table_are_the_classes(tmp_path: Path) -> None:
    write_images(tmp_path, 6)
    (tmp_path / "metadata.csv").write_text(
        "file_name,label\n" + "".join(f"{n:03d}.png,{'cat' if n < 2 else 'dog'}\n" for n in range(6))
    )
    found = look(tmp_path)
    assert found.classes == {"cat": 2, "dog": 4}
    assert dict(described(found))["classes"] == "2 classes (labels from metadata.csv): cat 2, dog 4"
    assert learned(found).class_names == ("cat", "dog")


def test_one_of_several_columns_is_asked_for_before_anything_is_written(tmp_path: Path) -> None:
    write_images(tmp_path / "set", 4)
    rows = "".join(f"{n:03d}.png,{n % 2},{n}\n" for n in range(4))
    (tmp_path / "set" / "metadata.csv").write_text(f"file_name,colour,number\n{rows}")
    result = CliRunner().invoke(commands, ["init", str(tmp_path / "set"), "-o", str(tmp_path / "a.yaml")])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith("--label-column: ")
    assert "colour, number" in str(result.exception)
    assert not (tmp_path / "a.yaml").exists()
    found = look(tmp_path / "set", "colour")
    assert (found.classes, chosen(found)["label_column"].value) == ({"0": 2, "1": 2}, "colour")
    assert learned(found).num_classes == 2


def test_a_stray_picture_is_named_and_not_counted(tmp_path: Path) -> None:
    for name in ("2", "10"):
        write_images(tmp_path / name, 3)
    (tmp_path / "overview.png").write_bytes(encoded(noise(99), "PNG"))
    found = look(tmp_path)
    assert (len(found.pictures), found.classes) == (6, {"2": 3, "10": 3})
    assert any("overview.png" in line for line in warnings(found, "x.txt"))


def test_a_split_tree_is_trained_by_the_path_that_was_given(tmp_path: Path) -> None:
    """The table lies beside the parts, so the path must not lead into one of them."""
    for part, count in (("train", 5), ("test", 3)):
        write_images(tmp_path / part, count)
    rows = "".join(f"train/{n:03d}.png,{n % 2}\n" for n in range(5)) + "test/000.png,0\n"
    (tmp_path / "labels.csv").write_text(f"file,label\n{rows}")
    found = look(tmp_path)
    assert (found.folder, found.classes) == (tmp_path / "train", {"0": 3, "1": 2})
    assert learned(found).num_classes == 2


def test_tar_archives_are_surveyed_as_they_are_read(tmp_path: Path) -> None:
    shard(tmp_path / "shards" / "0.tar", samples(range(6)))
    shard(tmp_path / "shards" / "1.tar", samples(range(6, 9)))
    found = look(tmp_path / "shards")
    assert (len(found.pictures), found.classes, found.damaged) == (9, {"0": 3, "1": 3, "2": 3}, {})
    assert chosen(found)["name"].value == "webdataset"
    assert len(learned(found)) == 9
    assert len(look(tmp_path / "shards" / "0.tar").pictures) == 6


@needs_pyarrow
def test_tables_of_the_hub_are_surveyed_as_they_are_read(tmp_path: Path) -> None:
    """As the hub has them: a folder of tables beside a README."""
    images = [encoded(noise(seed), "PNG") for seed in range(7)]
    labels = [number % 2 for number in range(7)]
    path = table(tmp_path / "set" / "data" / "train-00000-of-00001.parquet", images, labels, ("cat", "dog"))
    (tmp_path / "set" / "README.md").write_text("# birds")
    for place in (tmp_path / "set", path):
        found = look(place)
        assert (len(found.pictures), found.classes) == (7, {"cat": 4, "dog": 3})
        assert found.file_bytes == sum(map(len, images))
        assert (chosen(found)["name"].value, found.copies) == ("parquet", ())
        assert learned(found).class_names == ("cat", "dog")
        assert contact_sheet(found, dataset(found)).any()


def test_copies_in_an_archive_are_found(tmp_path: Path) -> None:
    shard(tmp_path / "a.tar", {**samples(range(3)), "again.png": encoded(noise(1), "PNG"), "again.cls": 1})
    assert look(tmp_path / "a.tar").copies == (("001.png", "again.png"),)


def test_a_path_is_read_by_the_data_set_of_its_files(tmp_path: Path) -> None:
    write_images(tmp_path / "pictures", 1)
    (tmp_path / "pictures" / "notes.tar").write_bytes(b"")
    shard(tmp_path / "shards" / "a.tar", {"a.png": b""})
    (tmp_path / "empty").mkdir()
    names = ["pictures", "shards", "empty", "x.zip", "x.TAR", "x.parquet", "x.npz", "x.npy", "x", "x.txt"]
    expected = ["image_folder", "webdataset", "image_folder", "image_folder", "webdataset", "parquet", "npz", "npz"]
    assert [given_data.dataset_for(tmp_path / name) for name in names] == [*expected, None, None]


def test_arrays_are_sent_to_a_yaml_of_their_own(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((4, 8, 8), np.uint8))
    with pytest.raises(DataError, match="holds arrays, not image files"):
        look(tmp_path / "a.npz")


@needs_pyarrow
@pytest.mark.slow
def test_from_a_table_of_the_hub_to_a_trained_gan(run_cli: RunCli, tmp_path: Path) -> None:
    images = [encoded(picture(seed), "PNG") for seed in range(40)]
    table(tmp_path / "birds.parquet", images, [number % 2 for number in range(40)], ("cat", "dog"))
    for command in (
        ["init", "birds.parquet", "--minutes", 1],
        ["train", "birds.yaml", "--set", "training.iterations=2", "--quiet"],
    ):
        done = run_cli(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs" / "birds" / "samples" / "real.png").is_file()


def test_bands_are_chosen_and_compared_as_bands(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(6):
        np.save(tmp_path / f"{number}.npy", random.integers(0, 256, (20, 20, 5), np.uint8))
    found = look(tmp_path)
    assert (chosen(found)["channels"].value, found.near) == (5, ())
    assert learned(found).shape == (16, 16, 5)
    assert contact_sheet(found, dataset(found)).shape[2] == 3
    samples = read_samples(tmp_path, 6, 0, untracked)
    np.testing.assert_array_equal(samples.images, [np.load(tmp_path / f"{number}.npy") for number in range(6)])


@pytest.mark.slow
def test_bands_are_trained_by_what_init_writes(run_cli: RunCli, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    (tmp_path / "bands").mkdir()
    for number in range(60):
        np.save(tmp_path / "bands" / f"{number}.npy", random.random((20, 20, 5), np.float32))
    for command in (
        ["init", "bands", "--minutes", 1],
        ["train", "bands.yaml", "--set", "training.iterations=2", "--quiet"],
        ["evaluate", "bands", "--against", "outputs/bands", "--num", 50],
    ):
        done = run_cli(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
