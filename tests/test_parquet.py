"""Tables of the Hugging Face hub are read as the same pictures in a folder are."""

import importlib.util
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import encoded, noise, write_images
from loaded_images import load
from test_containers import same
from test_image_folder import cached_files

from ganctl.errors import ConfigurationError, DataError
from ganctl.images import parquet_tables
from ganctl.images.image_set import ImageSet

pytestmark = pytest.mark.usefixtures("own_data_folders")

FOUND = importlib.util.find_spec("pyarrow") is not None
pa: Any = pytest.importorskip("pyarrow", reason="the extra `parquet`") if FOUND else None
pq: Any = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet`") if FOUND else None
needs_pyarrow = pytest.mark.skipif(not FOUND, reason="the extra `parquet` is not installed")

BROKEN = encoded(noise(0), "PNG")[:60]
CATS = ("cat 10", "cat 2", "dog")


def picture(seed: int) -> bytes:
    return encoded(noise(seed), "PNG")


def table(
    path: Path,
    images: Sequence[Any],
    labels: Sequence[Any] | None = None,
    names: Sequence[str] | None = None,
    group: int = 3,
    image: str = "image",
    **columns: Sequence[Any],
) -> Path:
    """Write a table as the library `datasets` does: structs of bytes and path, names in the schema's metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": value, "path": None} if isinstance(value, bytes) else value for value in images]
    arrays: dict[str, Any] = {image: pa.array(rows, kind), **{name: pa.array(value) for name, value in columns.items()}}
    features: dict[str, Any] = {image: {"_type": "Image"}}
    if labels is not None:
        arrays["label"] = pa.array(labels)
        features["label"] = {"dtype": "int64", "_type": "Value"}
    if names is not None:
        features["label"] = {"names": list(names), "_type": "ClassLabel"}
    written = pa.table(arrays)
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(written.replace_schema_metadata(metadata), path, row_group_size=group)
    return path


def folder_of(path: Path, count: int) -> ImageSet:
    """Pictures 0, 1 ... with labels 0, 1, 2, 0 ..., as a folder."""
    write_images(path, count)
    rows = [f"{number:03d}.png,{number % 3}\n" for number in range(count)]
    (path / "labels.csv").write_text("".join(["file,label\n", *rows]))
    return load("image_folder", path=path, image_size=16)


def classes(count: int, start: int = 0) -> list[int]:
    return [number % 3 for number in range(start, start + count)]


def pictures(count: int, start: int = 0) -> list[bytes]:
    return [picture(number) for number in range(start, start + count)]


def labels(found: ImageSet) -> list[int]:
    assert found.labels is not None
    return found.labels.tolist()


@needs_pyarrow
@pytest.mark.parametrize("group", [1, 3, 100])
def test_a_table_is_read_as_a_folder(group: int, tmp_path: Path) -> None:
    path = table(tmp_path / "set.parquet", pictures(8), classes(8), CATS, group)
    before = set(tmp_path.rglob("*"))
    found = load("parquet", path=path, image_size=16)
    assert {name for name in set(tmp_path.rglob("*")) - before if "cache" not in str(name)} == set()
    expected = folder_of(tmp_path / "set", 8)
    np.testing.assert_array_equal(found.images, expected.images)
    assert labels(found) == labels(expected)
    assert found.class_names == CATS, "in the order of the file"
    assert found.source == str(path)


@needs_pyarrow
@pytest.mark.parametrize("given", ["set", "set/data/train-{0,1,10}.parquet"])
def test_files_are_read_in_natural_order_and_only_those_for_training(given: str, tmp_path: Path) -> None:
    for number, name in enumerate((0, 1, 10)):
        table(tmp_path / "set" / "data" / f"train-{name}.parquet", pictures(3, 3 * number), classes(3), CATS)
    table(tmp_path / "set" / "data" / "test-0.parquet", pictures(3, 50), classes(3), CATS)
    found = load("parquet", path=tmp_path / given, image_size=16)
    expected = folder_of(tmp_path / "folder", 9)
    np.testing.assert_array_equal(found.images, expected.images)
    assert labels(found) == labels(expected)
    said = any("1 table that is not of the training part" in note for note in found.notes)
    assert said == (given == "set")


@needs_pyarrow
def test_files_of_other_classes_do_not_belong_together(tmp_path: Path) -> None:
    table(tmp_path / "0.parquet", pictures(3), classes(3), CATS)
    table(tmp_path / "1.parquet", pictures(3), classes(3), CATS[::-1])
    with pytest.raises(DataError, match="other columns or classes"):
        load("parquet", path=tmp_path)


@needs_pyarrow
def test_plain_bytes_and_other_words_for_the_image(tmp_path: Path) -> None:
    expected = folder_of(tmp_path / "folder", 4)
    pq.write_table(pa.table({"image": pa.array(pictures(4), pa.binary())}), tmp_path / "plain.parquet")
    plain = load("parquet", path=tmp_path / "plain.parquet", image_size=16)
    np.testing.assert_array_equal(plain.images, expected.images)
    assert plain.labels is None
    found = load("parquet", path=table(tmp_path / "img.parquet", pictures(4), classes(4), image="img"), image_size=16)
    same(found, expected)
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "text.parquet")
    with pytest.raises(DataError, match=r"no column `image`.*text"):
        load("parquet", path=tmp_path / "text.parquet")


# ---- labels


@needs_pyarrow
@pytest.mark.parametrize(
    ("given", "expected", "names"),
    [
        (["cat 10", "cat 2", "cat 10", "cat 2"], [1, 0, 1, 0], ("cat 2", "cat 10")),
        ([7, 3, 60000, 3], [1, 0, 2, 0], ("3", "7", "60000")),
        ([[0, 1], [1, 0], [0, 1], [1, 0]], [1, 0, 1, 0], ("0", "1")),
    ],
)
def test_labels_without_names_are_understood_as_in_a_file(
    given: list[Any], expected: list[int], names: tuple[str, ...], tmp_path: Path
) -> None:
    found = load("parquet", path=table(tmp_path / "set.parquet", pictures(4), given), image_size=8)
    assert (labels(found), found.class_names) == (expected, names)


@needs_pyarrow
def test_classes_of_which_no_image_is_there_are_left_out(tmp_path: Path) -> None:
    path = table(tmp_path / "set.parquet", pictures(4), [2, 0, 2, 0], CATS)
    found = load("parquet", path=path, image_size=8)
    assert (labels(found), found.class_names) == ([1, 0, 1, 0], ("cat 10", "dog"))
    assert any("numbered without gaps: 0 = 0, 1 = 2" in note for note in found.notes)
    with pytest.raises(DataError, match="labels from 0 to 3, but names for 3 classes"):
        load("parquet", path=table(tmp_path / "more.parquet", pictures(4), [0, 1, 2, 3], CATS))


@needs_pyarrow
def test_minus_one_means_no_label(tmp_path: Path) -> None:
    none = load("parquet", path=table(tmp_path / "none.parquet", pictures(3), [-1, -1, -1], CATS), image_size=16)
    assert none.labels is None
    assert len(none) == 3
    some = load("parquet", path=table(tmp_path / "some.parquet", pictures(4), [2, -1, None, 1], CATS), image_size=16)
    assert (labels(some), some.class_names) == ([1, 0], ("cat 2", "dog"))
    np.testing.assert_array_equal(some.images, folder_of(tmp_path / "folder", 4).images[[0, 3]])


@needs_pyarrow
def test_a_column_is_chosen_by_name(tmp_path: Path) -> None:
    path = table(tmp_path / "set.parquet", pictures(4), classes(4), CATS, artist=["b", "a", "b", "a"])
    found = load("parquet", path=path, image_size=8, label_column="artist")
    assert (labels(found), found.class_names) == ([1, 0, 1, 0], ("a", "b"))
    assert labels(load("parquet", path=path, image_size=8)) == classes(4)
    with pytest.raises(ConfigurationError, match="artist") as error:
        load("parquet", path=path, label_column="artists")
    assert (error.value.key, error.value.exit_code) == ("dataset.label_column", 2)


@needs_pyarrow
def test_of_several_columns_of_classes_one_must_be_named(tmp_path: Path) -> None:
    """As CIFAR-100 is on the hub."""
    path = tmp_path / "set.parquet"
    written = pa.table({"img": pa.array(pictures(3), pa.binary()), "fine": [2, 0, 1], "coarse": [1, 0, 0]})
    classes = {"fine": ["apple", "oak", "pear"], "coarse": ["fruit", "tree"]}
    features = {name: {"names": names, "_type": "ClassLabel"} for name, names in classes.items()}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(written.replace_schema_metadata(metadata), path)
    with pytest.raises(ConfigurationError, match="fine, coarse") as error:
        load("parquet", path=path)
    assert error.value.key == "dataset.label_column"
    found = load("parquet", path=path, image_size=8, label_column="coarse")
    assert (labels(found), found.class_names) == ([1, 0, 0], ("fruit", "tree"))


# ---- images that are missing or damaged


@needs_pyarrow
def test_a_few_damaged_images_are_left_out(tmp_path: Path) -> None:
    images = pictures(8)
    images[2], images[6] = BROKEN, None  # type: ignore[call-overload]
    path = table(tmp_path / "set.parquet", images, classes(8))
    found = load("parquet", path=path, image_size=16)
    kept = [0, 1, 3, 4, 5, 7]
    np.testing.assert_array_equal(found.images, folder_of(tmp_path / "folder", 8).images[kept])
    assert labels(found) == [number % 3 for number in kept]
    assert any("set.parquet/row 2:" in note and "set.parquet/row 6:" in note for note in found.notes)
    with pytest.raises(DataError, match="11 of 30 images"):
        load("parquet", path=table(tmp_path / "many.parquet", pictures(19) + [BROKEN] * 11))


@needs_pyarrow
@pytest.mark.parametrize("statistics", [True, False])
def test_paths_without_bytes_are_refused_with_the_way_out(statistics: bool, tmp_path: Path) -> None:
    path = table(tmp_path / "set.parquet", [*pictures(5), {"bytes": None, "path": "cats/5.jpg"}])
    pq.write_table(pq.read_table(path), path, row_group_size=3, write_statistics=statistics)
    with pytest.raises(DataError, match=r"row 5 .*'cats/5\.jpg'.*`dataset\.name: image_folder`") as error:
        load("parquet", path=path)
    assert error.value.exit_code == 3


@needs_pyarrow
@pytest.mark.parametrize("cut", [0, 100, -4])
def test_a_damaged_file_is_refused(cut: int, tmp_path: Path) -> None:
    path = table(tmp_path / "set.parquet", pictures(3))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"set\.parquet is not a Parquet file, or a damaged one") as error:
        load("parquet", path=path)
    assert error.value.exit_code == 3


# ---- keys and the cache


@needs_pyarrow
@pytest.mark.parametrize("keys", [{"limit": 4}, {"classes": [2, 0]}, {"resize": "pad", "channels": 1}], ids=str)
def test_keys_mean_the_same(keys: dict[str, object], tmp_path: Path) -> None:
    path = table(tmp_path / "set.parquet", pictures(7), classes(7))
    folder_of(tmp_path / "set", 7)
    same(load("parquet", path=path, **keys), load("image_folder", path=tmp_path / "set", **keys))


@needs_pyarrow
def test_pixels_of_16_bits_are_read_as_in_a_folder(tmp_path: Path) -> None:
    """The range of all values is known only when all were read: the table is read twice."""
    from PIL import Image

    images = []
    (tmp_path / "folder").mkdir()
    for number in range(5):
        pixels = np.random.default_rng(number).integers(0, 4096, (16, 16)).astype(np.uint16)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        images.append(buffer.getvalue())
        (tmp_path / "folder" / f"{number}.png").write_bytes(buffer.getvalue())
    found = load("parquet", path=table(tmp_path / "set.parquet", images), image_size=16, channels=1)
    expected = load("image_folder", path=tmp_path / "folder", image_size=16, channels=1)
    np.testing.assert_array_equal(found.images, expected.images)
    assert found.value_range == expected.value_range
    assert found.images.max() > 250


@needs_pyarrow
def test_a_changed_table_is_read_again_and_an_unchanged_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(tmp_path / "set.parquet", pictures(4), classes(4), CATS)
    first = load("parquet", path=path, image_size=8)
    with monkeypatch.context() as patch:
        patch.setattr(parquet_tables.ParquetTables, "open", None)
        same(load("parquet", path=path, image_size=8), first)
    assert len(cached_files()) == 1
    table(path, pictures(4), [2, *classes(4)[1:]], CATS)
    assert labels(load("parquet", path=path, image_size=8)) == [2, 1, 2, 0]


def test_a_missing_pyarrow_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"] + ["pyarrow"]:
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "set.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigurationError, match=r"pip install 'ganctl\[parquet\]'") as error:
        load("parquet", path=tmp_path)
    assert (error.value.key, error.value.exit_code) == ("dataset.name", 2)


def test_image_folder_names_the_data_set_that_reads_a_table(tmp_path: Path) -> None:
    (tmp_path / "set.parquet").write_bytes(b"PAR1" + bytes(400))
    with pytest.raises(DataError, match=r"a Parquet file: .*`dataset\.name: parquet`"):
        load("image_folder", path=tmp_path / "set.parquet")
