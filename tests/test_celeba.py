"""CelebA is read as the same pictures in a folder, with classes made of its attributes."""

import os
from pathlib import Path

import numpy as np
import pytest
from image_files import encoded, noise, write_images
from loaded_images import load
from test_containers import same, zipped
from test_image_folder import cached_files

from ganctl.errors import ConfigurationError, DataError
from ganctl.images.image_set import ImageSet

pytestmark = pytest.mark.usefixtures("own_data_folders")

NAMES = ("5_o_Clock_Shadow", "Male", "Smiling")
ROWS = [(0, 0, 1), (1, 1, 0), (0, 1, 1), (0, 0, 0), (1, 1, 0), (0, 0, 1)]


def as_its_authors() -> str:
    """Columns are aligned, and each line ends with a space."""
    rows = [f"{number:03d}.jpg {' '.join(f'{2 * has - 1:2d}' for has in row)} " for number, row in enumerate(ROWS)]
    return "\n".join([str(len(ROWS)), " ".join(NAMES) + " ", *rows, ""])


def as_kaggle() -> str:
    rows = [f"{number:03d}.jpg,{','.join(str(2 * has - 1) for has in row)}" for number, row in enumerate(ROWS)]
    return "\n".join([",".join(["image_id", *NAMES]), *rows, ""])


def faces(root: Path, below: str = "img_align_celeba", table: str = "list_attr_celeba.txt") -> Path:
    """Write the data set and return the folder of the pictures."""
    write_images(root / below, len(ROWS), "jpeg")
    for path in (root / below).iterdir():
        path.rename(path.with_suffix(".jpg"))
    (root / table).parent.mkdir(parents=True, exist_ok=True)
    (root / table).write_text(as_kaggle() if table.endswith(".csv") else as_its_authors())
    return root / below


def labels(found: ImageSet) -> list[int]:
    assert found.labels is not None
    return found.labels.tolist()


@pytest.mark.parametrize(
    ("below", "table", "given"),
    [
        ("img_align_celeba", "list_attr_celeba.txt", "img_align_celeba"),
        ("img_align_celeba", "list_attr_celeba.txt", "."),
        ("img_align_celeba", "img_align_celeba/list_attr_celeba.txt", "img_align_celeba"),
        ("img_align_celeba/img_align_celeba", "list_attr_celeba.csv", "."),
        ("img_align_celeba/img_align_celeba", "list_attr_celeba.csv", "img_align_celeba/img_align_celeba"),
        ("Img/img_align_celeba", "Anno/list_attr_celeba.txt", "."),
        ("Img/img_align_celeba", "Anno/list_attr_celeba.txt", "Img/img_align_celeba"),
        ("faces", "list_attr_celeba.txt", "faces"),
    ],
)
def test_the_table_is_found_where_it_is_distributed(below: str, table: str, given: str, tmp_path: Path) -> None:
    folder = faces(tmp_path, below, table)
    found = load("celeba", path=tmp_path / given, image_size=16, attributes=["Smiling"])
    np.testing.assert_array_equal(found.images, load("image_folder", path=folder, image_size=16).images)
    assert labels(found) == [smiling for _, _, smiling in ROWS]
    assert found.class_names == ("none", "Smiling")
    assert not any("skipped" in note for note in found.notes)


@pytest.mark.parametrize("given", ["img_align_celeba.zip", "."])
@pytest.mark.parametrize("inside", [True, False])
def test_an_archive_is_read_as_its_folder(given: str, inside: bool, tmp_path: Path) -> None:
    folder = faces(
        tmp_path / "plain", table="img_align_celeba/list_attr_celeba.txt" if inside else "list_attr_celeba.txt"
    )
    expected = load("celeba", path=folder, image_size=16, attributes=["Male"])
    (tmp_path / "packed").mkdir()
    zipped(folder, wrapper="img_align_celeba").rename(tmp_path / "packed" / "img_align_celeba.zip")
    if not inside:
        (tmp_path / "packed" / "list_attr_celeba.txt").write_text(as_its_authors())
    before = set(tmp_path.rglob("*"))
    same(load("celeba", path=tmp_path / "packed" / given, image_size=16, attributes=["Male"]), expected)
    assert labels(expected) == [male for _, male, _ in ROWS]
    assert {name for name in set(tmp_path.rglob("*")) - before if "cache" not in str(name)} == set()


@pytest.mark.parametrize(
    ("attributes", "expected", "names"),
    [
        (["Smiling", "Male"], [2, 1, 3, 0, 1, 2], ("none", "Male", "Smiling", "Smiling+Male")),
        (["Male", "Smiling"], [1, 2, 3, 0, 2, 1], ("none", "Smiling", "Male", "Male+Smiling")),
        (["5_o_Clock_Shadow", "Male"], [0, 2, 1, 0, 2, 0], ("none", "Male", "5_o_Clock_Shadow+Male")),
    ],
)
def test_each_combination_that_occurs_is_a_class(
    attributes: list[str], expected: list[int], names: tuple[str, ...], tmp_path: Path
) -> None:
    found = load("celeba", path=faces(tmp_path), image_size=8, attributes=attributes)
    assert (labels(found), found.class_names) == (expected, names)


def test_without_attributes_there_are_no_labels(tmp_path: Path) -> None:
    folder = faces(tmp_path)
    (tmp_path / "list_attr_celeba.txt").unlink()
    found = load("celeba", path=folder, image_size=16)
    assert found.labels is None
    np.testing.assert_array_equal(found.images, load("image_folder", path=folder, image_size=16).images)
    with pytest.raises(DataError, match=r"There is no list_attr_celeba\.txt"):
        load("celeba", path=folder, attributes=["Male"])


def test_pictures_that_are_damaged_or_not_in_the_table_are_left_out(tmp_path: Path) -> None:
    folder = faces(tmp_path)
    whole = load("celeba", path=folder, image_size=16, attributes=["Male"])
    (folder / "002.jpg").write_bytes(encoded(noise(2), "JPEG")[:200])
    (folder / "007.jpg").write_bytes(encoded(noise(7), "JPEG"))
    found = load("celeba", path=folder, image_size=16, attributes=["Male"])
    kept = [0, 1, 3, 4, 5]
    np.testing.assert_array_equal(found.images, whole.images[kept])
    assert labels(found) == [ROWS[row][1] for row in kept]
    assert any("no label for them: 007.jpg" in note for note in found.notes)
    assert any("002.jpg" in note for note in found.notes)


def test_keys_mean_the_same(tmp_path: Path) -> None:
    folder = faces(tmp_path)
    chosen = load("celeba", path=folder, image_size=16, attributes=["Smiling", "Male"], classes=[2, 0], limit=2)
    assert (labels(chosen), chosen.class_names) == ([0, 1], ("Smiling", "none"))
    np.testing.assert_array_equal(chosen.images, load("image_folder", path=folder, image_size=16).images[[0, 3]])


def test_other_attributes_and_a_changed_table_are_read_again(tmp_path: Path) -> None:
    folder = faces(tmp_path)
    keys = {"path": folder, "image_size": 8, "attributes": ["Male"]}
    first = load("celeba", **keys)
    same(load("celeba", **keys), first)
    assert len(cached_files()) == 1
    assert load("celeba", **keys | {"attributes": ["Smiling"]}).class_names == ("none", "Smiling")
    table = tmp_path / "list_attr_celeba.txt"
    table.write_text(as_its_authors().replace("000.jpg -1 -1", "000.jpg -1  1"))
    os.utime(table, ns=(1, 1))
    assert labels(load("celeba", **keys)) == [1, *labels(first)[1:]]


@pytest.mark.parametrize("attributes", [["Smile"], ["Male", "Male"]])
def test_attributes_that_cannot_be_are_a_mistake_in_the_configuration(attributes: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        load("celeba", path=faces(tmp_path), attributes=attributes)
    assert (error.value.key, error.value.exit_code) == ("dataset.attributes", 2)


@pytest.mark.parametrize(
    "text", ["", "6\n", "6\nMale Smiling\n000.jpg 1\n", "1\nMale\n000.jpg 2\n", "Male\n000.jpg 1 1\n"]
)
def test_a_damaged_table_is_refused(text: str, tmp_path: Path) -> None:
    folder = faces(tmp_path)
    (tmp_path / "list_attr_celeba.txt").write_text(text)
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt.*Get it again") as error:
        load("celeba", path=folder, attributes=["Male"])
    assert error.value.exit_code == 3


@pytest.mark.parametrize("name", ["image_folder", "webdataset", "parquet"])
def test_other_data_sets_refuse_attributes(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not use this key") as error:
        load(name, path=faces(tmp_path), attributes=["Male"])
    assert error.value.key == "dataset.attributes"
