"""Which picture is of which class: sub-folders, files of labels, arrays of labels, and pictures that have none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import encoded
from loaded_images import load, numbered, section
from PIL import Image

from ganctl.errors import ConfigurationError, DataError
from ganctl.images.folder_listing import natural_order
from ganctl.images.image_set import ImageSet, from_arrays

pytestmark = pytest.mark.usefixtures("own_data_folders")


def write(folder: Path, names: dict[str, int]) -> Path:
    """Write grey pictures, each of one level, by which it is known again."""
    for name, level in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(Image.fromarray(np.full((8, 8), level, np.uint8)), "PNG"))
    return folder


def read(folder: Path, **keys: Any) -> dict[int, str]:
    """Return the class of each picture by its level."""
    found = load("image_folder", path=folder, image_size=8, channels=1, **keys)
    return by_level(found)


def by_level(found: ImageSet) -> dict[int, str]:
    assert found.labels is not None, found.notes
    return {
        int(image[0, 0, 0]): found.class_names[label] for image, label in zip(found.images, found.labels, strict=True)
    }


def notes_of(folder: Path, **keys: Any) -> tuple[str, ...]:
    return load("image_folder", path=folder, image_size=8, channels=1, **keys).notes


# ---- sub-folders


def test_class_folders_are_in_natural_order(tmp_path: Path) -> None:
    write(tmp_path, {f"{number}/a.png": number for number in range(12)})
    found = load("image_folder", path=tmp_path, image_size=8, channels=1)
    assert found.class_names == tuple(map(str, range(12)))
    assert found.labels is not None
    assert [int(found.images[row, 0, 0, 0]) for row in np.argsort(found.labels)] == list(range(12))
    assert found.describe_classes() == ", ".join(f"{number} {number}" for number in range(12))


def test_numbers_in_names_are_sorted_as_numbers() -> None:
    names = ["b", "a10", "a2", "a", "10", "2", "02", "a2b"]
    assert sorted(names, key=natural_order) == ["02", "2", "10", "a", "a2", "a2b", "a10", "b"]


def test_a_picture_beside_class_folders_is_named_and_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"cats/a.png": 1, "dogs/a.png": 2, "dogs/b.png": 3, "overview.png": 4})
    assert read(tmp_path) == {1: "cats", 2: "dogs", 3: "dogs"}
    assert "Warning: left out, because they lie beside the class folders: overview.png." in notes_of(tmp_path)


def test_many_pictures_beside_folders_are_no_strays(tmp_path: Path) -> None:
    write(tmp_path, {"more/a.png": 1, "others/a.png": 2, **{f"{number}.png": 10 + number for number in range(30)}})
    found = load("image_folder", path=tmp_path, image_size=8, channels=1)
    assert (len(found), found.labels) == (32, None)
    assert "Warning: 30 images lie beside the sub-folders, so these are not taken as classes." in found.notes


@pytest.mark.parametrize("other", ["val", "valid", "Test", "dev"])
def test_of_a_split_tree_only_the_training_part_is_learned(other: str, tmp_path: Path) -> None:
    write(tmp_path, {"train/cats/a.png": 1, "train/dogs/a.png": 2, f"{other}/cats/a.png": 3, f"{other}/dogs/a.png": 4})
    assert read(tmp_path) == {1: "cats", 2: "dogs"}
    assert f"skipped: 2 files of `{other}`, which is not the training part" in notes_of(tmp_path)


def test_a_class_called_test_is_a_class(tmp_path: Path) -> None:
    write(tmp_path, {"test/a.png": 1, "control/a.png": 2})
    assert read(tmp_path) == {1: "test", 2: "control"}


# ---- files

FOUR = {"a.png": 1, "b.png": 2, "c.png": 3, "below/d.png": 4}
FILES = {
    "dataset.json": json.dumps({"labels": [["a.png", 3], ["b.png", 10], ["c.png", 3], ["below/d.png", 60000]]}),
    "metadata.csv": "file_name,label\na.png,3\nb.png,10\nc.png,3\nbelow/d.png,60000\n",
    "labels.csv": "\ufefffilename,class\r\na.png,3\r\nb.png,10\r\nc.png,3\r\nbelow\\d.png,60000\r\n",
    "metadata.jsonl": '{"file_name": "a.png", "label": 3}\n{"file_name": "b.png", "label": 10}\n\n'
    '{"file_name": "c.png", "label": 3}\n{"file_name": "below/d.png", "label": 60000}\n',
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_usual_name_says_the_classes(name: str, tmp_path: Path) -> None:
    (write(tmp_path, FOUR) / name).write_text(FILES[name], encoding="utf-8", newline="")
    assert read(tmp_path) == {1: "3", 2: "10", 3: "3", 4: "60000"}
    notes = notes_of(tmp_path)
    assert notes[0] == f"labels from {name}"
    assert notes[1] == "the 3 labels were numbered without gaps: 0 = 3, 1 = 10, 2 = 60000"


def test_words_are_classes_in_natural_order(tmp_path: Path) -> None:
    (write(tmp_path, FOUR) / "mine.csv").write_text(
        "image,artist,year\na.png,Zorn,1890\nb.png,Anker,1890\nc.png,Zorn,1900\nbelow/d.png,Anker,1900\n"
    )
    with pytest.raises(ConfigurationError, match=r"several columns: artist, year\. Name the one") as error:
        read(tmp_path, labels="mine.csv")
    assert error.value.key == "dataset.label_column"
    chosen = read(tmp_path, labels="mine.csv", label_column="artist")
    assert chosen == {1: "Zorn", 2: "Anker", 3: "Zorn", 4: "Anker"}
    assert read(tmp_path, labels=str(tmp_path / "mine.csv"), label_column="year") == {
        1: "1890",
        2: "1890",
        3: "1900",
        4: "1900",
    }
    with pytest.raises(ConfigurationError, match=r"has no column 'artists'\. Its columns: artist, year"):
        read(tmp_path, labels="mine.csv", label_column="artists")


def test_one_hot_lists_are_understood(tmp_path: Path) -> None:
    rows = [["a.png", [0, 1]], ["b.png", [1, 0]], ["c.png", [0, 1.0]], ["below/d.png", [1, 0]]]
    (write(tmp_path, FOUR) / "dataset.json").write_text(json.dumps({"labels": rows}))
    assert read(tmp_path) == {1: "1", 2: "0", 3: "1", 4: "0"}


def test_a_stylegan_folder_without_labels_has_none(tmp_path: Path) -> None:
    names = {f"0000{place % 2}/img{place:08d}.png": place + 1 for place in range(4)}
    (write(tmp_path, names) / "dataset.json").write_text(json.dumps({"labels": None}))
    found = load("image_folder", path=tmp_path, image_size=8, channels=1)
    assert (len(found), found.labels) == (4, None)
    assert found.notes[0] == "dataset.json declares no labels"


def test_pictures_that_a_file_forgets_are_named_and_left_out(tmp_path: Path) -> None:
    (write(tmp_path, FOUR) / "labels.csv").write_text("file,label\na.png,0\nb.png,1\nc.png,0\nelsewhere.png,1\n")
    assert read(tmp_path) == {1: "0", 2: "1", 3: "0"}
    assert "Warning: left out, because labels.csv has no label for them: below/d.png." in notes_of(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "file,label\nx.png,0\ny.png,1\n",
            r"has no label for 4 of 4 images, such as a.png. It names images as 'x.png'",
        ),
        ("file,label\na.png,0\nb.png,1.5\nc.png,cat\nbelow/d.png,1\n", "CONVERTED"),
        ("", "has no rows with named columns"),
        ("a.png,0\nb.png,1\nc.png,1\nbelow/d.png,1\n", "has no header. Begin it with a line such as `file_name,label`"),
        ("file,label,label\na.png,0,1\n", "has two columns of one name: file, label, label"),
        ("file,label\na.png,0\na.png,1\n", "has two labels for a.png: '0' and '1'"),
        ("file,label\na.png,0\nb.png,\nc.png,\nbelow/d.png,\n", r"has no label for 3 of 4 images, such as b\.png"),
    ],
    ids=["other names", "mixed", "empty", "no header", "two columns", "two labels", "few labels"],
)
def test_what_says_no_classes_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (write(tmp_path, FOUR) / "labels.csv").write_text(content)
    if message == "CONVERTED":  # all of them are words, then
        assert read(tmp_path) == {1: "0", 2: "1.5", 3: "cat", 4: "1"}
        return
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    labels = write(tmp_path, FOUR) / "labels.csv"
    labels.write_text("file,label\na.png,0\nb.png,1\nc.png,0\nbelow/d.png,1\n")
    assert read(tmp_path)[1] == "0"
    labels.write_text("file,label\na.png,1\nb.png,1\nc.png,0\nbelow/d.png,1\n")
    assert read(tmp_path)[1] == "1"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv does not exist\. Correct `dataset\.labels`"):
        read(write(tmp_path, FOUR), labels="gone.csv")


# ---- arrays


def test_labels_of_arrays_are_numbered_without_gaps() -> None:
    found = from_arrays(numbered(4), np.array([3, 60_000, 3, 60_000]), (), section(), "test")
    assert by_level(found) == {0: "3", 1: "60000", 2: "3", 3: "60000"}
    assert found.num_classes == 2
    assert "the 2 labels were numbered without gaps: 0 = 3, 1 = 60000" in found.notes
    ones = from_arrays(numbered(10), np.arange(1, 11), (), section(), "test")
    assert (ones.num_classes, ones.class_names[0], ones.class_names[9]) == (10, "1", "10")


def test_one_hot_arrays_are_understood() -> None:
    labels = np.eye(3, dtype=np.float32)[[2, 0, 1, 2]]
    found = from_arrays(numbered(4), labels, (), section(), "test")
    assert by_level(found) == {0: "2", 1: "0", 2: "1", 3: "2"}
    assert "labels were one-hot: the place of the 1 is the class" in found.notes
    labels[0] = 0.5
    with pytest.raises(DataError, match="one number each or one-hot rows"):
        from_arrays(numbered(4), labels, (), section(), "test")


# ---- tables as people write them

EVERY_ONE = {1: "cat", 2: "dog", 3: "cat", 4: "dog"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.csv", "file_name;label\na.png;cat\nb.png;dog\nc.png;cat\nbelow/d.png;dog\n"),
        ("labels.csv", "file_name, label\na.png, cat\nb.png, dog\nc.png, cat\nbelow/d.png, dog\n"),
        ("mine.tsv", "file_name\tlabel\na.png\tcat\nb.png\tdog\nc.png\tcat\nbelow/d.png\tdog\n"),
        ("labels.csv", "image_id,label\na,cat\nb,dog\nc,cat\nbelow/d,dog\n"),
        ("labels.csv", "file,label\nA.PNG,cat\nb.Png,dog\nC.png,cat\nBELOW/D.png,dog\n"),
        ("labels.csv", "file,label\nFOLDER/a.png,cat\nFOLDER/b.png,dog\nFOLDER/c.png,cat\nFOLDER/below/d.png,dog\n"),
        ("labels.csv", "file,label\n./a.png,cat\n./b.png,dog\n./c.png,cat\nbelow/../below/d.png,dog\n"),
    ],
    ids=["semicolons", "spaces", "tabs", "no suffixes", "upper case", "whole paths", "dots"],
)
def test_images_are_named_as_people_do(name: str, content: str, tmp_path: Path) -> None:
    (write(tmp_path, FOUR) / name).write_text(content.replace("FOLDER", str(tmp_path)))
    assert read(tmp_path, labels=name) == EVERY_ONE


@pytest.mark.parametrize("prefix", ["", "images/"])
def test_a_table_elsewhere_means_the_same_from_any_folder(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names relative to the table, or to the images; absolute, or relative to the images."""
    write(tmp_path / "images", FOUR)
    table = tmp_path / "labels.csv"
    table.write_text("file,label\n" + "".join(f"{prefix}{name},{EVERY_ONE[level]}\n" for name, level in FOUR.items()))
    for place in (tmp_path, tmp_path / "images", Path("/")):
        monkeypatch.chdir(place)
        assert read(tmp_path / "images", labels=str(table)) == EVERY_ONE
        assert read(tmp_path / "images", labels="../labels.csv") == EVERY_ONE


def test_an_empty_label_is_none_and_leading_zeros_make_a_word(tmp_path: Path) -> None:
    (write(tmp_path, FOUR) / "labels.csv").write_text("file,label\na.png,001\nb.png,1\nc.png,\nbelow/d.png,1\n")
    assert read(tmp_path) == {1: "001", 2: "1", 4: "1"}
    assert "Warning: left out, because labels.csv has no label for them: c.png." in notes_of(tmp_path)


def test_labels_that_are_nearly_all_different_are_said(tmp_path: Path) -> None:
    (write(tmp_path, FOUR) / "labels.csv").write_text("file,label\na.png,0.1\nb.png,0.2\nc.png,0.3\nbelow/d.png,0.4\n")
    assert "Warning: labels.csv has 4 different labels for 4 images." in notes_of(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.csv", "file,label\na.png,c\u00e9\n".encode("latin-1"), "is not UTF-8. Save it as UTF-8."),
        ("metadata.jsonl", b'{"file_name": "a.png", "label": 1}\n{oops\n', "line 2 is not JSON"),
        ("dataset.json", b'{"labels": [[["a.png"], 1]]}', "a list of pairs of an image's name and its label"),
        ("dataset.json", b"[" * 100_000, "cannot be read as a file of labels"),
    ],
    ids=["another encoding", "a broken line", "names in lists", "nested"],
)
def test_a_broken_table_is_a_data_error(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (write(tmp_path, FOUR) / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_a_huge_number_is_no_class(tmp_path: Path) -> None:
    rows = [[name, 10**400] for name in FOUR]
    (write(tmp_path, FOUR) / "dataset.json").write_text(json.dumps({"labels": rows}))
    with pytest.raises(DataError, match="must be a whole number or a word"):
        read(tmp_path)


def test_many_that_are_left_out_are_counted(tmp_path: Path) -> None:
    strays = {f"{number}.png": 100 + number for number in range(8)}
    write(tmp_path, {"cats/a.png": 1, "dogs/a.png": 2, **strays})
    assert any(note.endswith("0.png, 1.png, 2.png, 3.png, 4.png and 3 more.") for note in notes_of(tmp_path))


def test_a_folder_without_pictures_is_no_part_of_a_split(tmp_path: Path) -> None:
    write(tmp_path, {"train/cats/a.png": 1, "train/dogs/a.png": 2, "val/cats/a.png": 3})
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "x.json").write_text("{}")
    assert read(tmp_path) == {1: "cats", 2: "dogs"}


def test_a_training_folder_alone_is_looked_into(tmp_path: Path) -> None:
    assert read(write(tmp_path, {"train/cats/a.png": 1, "train/dogs/a.png": 2})) == {1: "cats", 2: "dogs"}


def test_the_table_of_a_split_tree_may_lie_beside_its_parts(tmp_path: Path) -> None:
    write(tmp_path, {"train/a.png": 1, "train/b.png": 2, "test/c.png": 3})
    (tmp_path / "labels.csv").write_text("file,label\ntrain/a.png,cat\ntrain/b.png,dog\ntest/c.png,cat\n")
    assert read(tmp_path) == {1: "cat", 2: "dog"}
    assert read(tmp_path, labels="labels.csv") == {1: "cat", 2: "dog"}


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        ([1, 0, 2, 1], ["zebra", "ape", "cat"], ("zebra", "ape", "cat")),
        (["1", "0", "0", "1"], ["zebra", "ape", "cat"], ("zebra", "ape")),
        ([2, 0, 2, 0], ["zebra", "ape", "cat"], ("zebra", "cat")),
        ([1, 0, 3, 1], ["zebra", "ape", "cat"], ("0", "1", "3")),
        (["b", "a", "b", "a"], ["zebra", "ape"], ("a", "b")),
    ],
)
def test_a_json_file_names_its_classes(
    labels: list[Any], names: list[str], expected: tuple[str, ...], tmp_path: Path
) -> None:
    pairs = list(zip(["a.png", "b.png", "c.png", "below/d.png"], labels, strict=True))
    (write(tmp_path, FOUR) / "dataset.json").write_text(json.dumps({"labels": pairs, "class_names": names}))
    found = load("image_folder", path=tmp_path, image_size=4)
    assert found.class_names == expected
    assert any("`class_names` has no effect" in note for note in found.notes) == (expected[-1] in "3b")


@pytest.mark.parametrize("names", ["ape", [1, 2], ["ape", ""], {"ape": 0}])
def test_names_that_are_no_list_of_words_are_refused(names: Any, tmp_path: Path) -> None:
    content = {"labels": [["a.png", 0]], "class_names": names}
    (write(tmp_path, FOUR) / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="`class_names` should be a list of words"):
        load("image_folder", path=tmp_path, image_size=4)
