"""Tar shards are read as the same pictures in a folder are."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from image_files import encoded, noise, write_images
from loaded_images import load
from test_containers import same
from test_image_folder import cached_files

from ganctl.errors import ConfigurationError, DataError
from ganctl.images.image_set import ImageSet

pytestmark = pytest.mark.usefixtures("own_data_folders")

BROKEN = encoded(noise(0), "PNG")[:60]


def shard(path: Path, members: Mapping[str, bytes | str | int], form: int = tarfile.PAX_FORMAT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            raw = content if isinstance(content, bytes) else str(content).encode()
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return path


def picture(seed: int, kind: str = "PNG") -> bytes:
    return encoded(noise(seed), kind)


def samples(numbers: range, classes: int = 3) -> dict[str, bytes | str | int]:
    found: dict[str, bytes | str | int] = {}
    for number in numbers:
        found[f"{number:03d}.png"] = picture(number)
        found[f"{number:03d}.cls"] = number % classes
    return found


def folder_of(path: Path, count: int, classes: int = 3) -> ImageSet:
    """The same pictures with the same labels, as a folder."""
    write_images(path, count)
    rows = [f"{number:03d}.png,{number % classes}\n" for number in range(count)]
    (path / "labels.csv").write_text("".join(["file,label\n", *rows]))
    return load("image_folder", path=path, image_size=16)


def labels(found: ImageSet) -> list[int]:
    assert found.labels is not None
    return found.labels.tolist()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_one_archive_is_read_as_a_folder(form: int, tmp_path: Path) -> None:
    path = shard(tmp_path / "set.tar", samples(range(7)), form)
    before = set(tmp_path.rglob("*"))
    found = load("webdataset", path=path, image_size=16)
    assert {name for name in set(tmp_path.rglob("*")) - before if "cache" not in str(name)} == set()
    same(found, folder_of(tmp_path / "set", 7))
    assert found.class_names == ("0", "1", "2")
    assert found.source == str(path)


@pytest.mark.parametrize("given", ["shards", "shards/{8..11}.tar", "shards/{8,9,10,11}.tar", "shards/{8..9}{,.0}.tar"])
def test_shards_are_read_in_natural_order(given: str, tmp_path: Path) -> None:
    """The same keys in several shards are different samples."""
    names = ("8.tar", "8.0.tar", "9.tar", "9.0.tar") if "{," in given else ("8.tar", "9.tar", "10.tar", "11.tar")
    for number, name in enumerate(names):
        shard(tmp_path / "shards" / name, {"a.png": picture(2 * number), "a.cls": 2 * number % 3})
        with tarfile.open(tmp_path / "shards" / name, "a") as archive:
            for end, content in (("png", picture(2 * number + 1)), ("cls", str((2 * number + 1) % 3).encode())):
                member = tarfile.TarInfo(f"b.{end}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    same(load("webdataset", path=tmp_path / given, image_size=16), folder_of(tmp_path / "set", 8))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{08..11}", ["08", "09", "10", "11"]),
        ("{8..10}", ["8", "9", "10"]),
        ("a{1,}b{x,y}", ["a1bx", "a1by", "abx", "aby"]),
    ],
)
def test_braces_mean_what_they_mean_in_a_shell(pattern: str, expected: list[str], tmp_path: Path) -> None:
    for number, name in enumerate(expected):
        shard(tmp_path / f"{name}.tar", {"0.png": picture(number)})
    found = load("webdataset", path=tmp_path / f"{pattern}.tar", image_size=32)
    np.testing.assert_array_equal(found.images, [np.asarray(noise(number)) for number in range(len(expected))])


def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    shard(tmp_path / "0.tar", samples(range(2)))
    with pytest.raises(DataError, match=str(tmp_path / "1.tar")):
        load("webdataset", path=tmp_path / "{0..1}.tar")
    for wrong in ("{0}.tar", "{1..0}.tar", "{0..x}.tar"):
        with pytest.raises(ConfigurationError, match="braces") as error:
            load("webdataset", path=tmp_path / wrong)
        assert error.value.key == "dataset.path"


def test_only_training_shards_are_learned(tmp_path: Path) -> None:
    shard(tmp_path / "set-train-0.tar", samples(range(3)))
    shard(tmp_path / "set-train-1.tar", samples(range(3, 5)))
    shard(tmp_path / "set-val-0.tar", {"0.png": picture(50), "0.cls": 7})
    found = load("webdataset", path=tmp_path, image_size=16)
    assert labels(found) == [0, 1, 2, 0, 1]
    assert found.class_names == ("0", "1", "2")
    assert any("1 archive that is not of the training part" in note for note in found.notes)
    shard(tmp_path / "more.tar", samples(range(1)))
    with pytest.raises(DataError, match="folder of their own"):
        load("webdataset", path=tmp_path)


def test_image_folder_names_the_data_set_that_reads_a_tar(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a tar file: .*`dataset\.name: webdataset`"):
        load("image_folder", path=shard(tmp_path / "set.tar", samples(range(2))))


# ---- keys and labels


def test_a_key_ends_at_the_first_dot_and_begins_with_its_folders(tmp_path: Path) -> None:
    members = {
        "./x.y/1.jpg": picture(0, "JPEG"),
        "./x.y/1.cls": "1\n",
        "x.y/2.seg.png": picture(9),
        "x.y/2.png": picture(1),
        "x.y/2.cls": 0,
        "z/1.cls": 4,
        "z/1.txt": "a caption",
        "z/1.PNG": picture(2),
        "z/._1.PNG": b"\0\5\x16\7",
    }
    found = load("webdataset", path=shard(tmp_path / "set.tar", members), image_size=32)
    assert labels(found) == [1, 0, 2], "1, 0 and 4 without gaps"
    assert found.class_names == ("0", "1", "4")
    np.testing.assert_array_equal(found.images[1], noise(1))
    np.testing.assert_array_equal(found.images[2], noise(2))
    skipped = next(note for note in found.notes if note.startswith("skipped"))
    for what in ("further image of a sample (.seg.png)", ".txt file without an image", "hidden file"):
        assert f"1 {what}" in skipped


@pytest.mark.parametrize("key", ["label", "class"])
def test_labels_from_json(key: str, tmp_path: Path) -> None:
    words = ["cat 10", "cat 2", "cat 10"]
    members: dict[str, bytes | str | int] = {}
    for number, word in enumerate(words):
        members[f"{number}.png"] = picture(number)
        members[f"{number}.json"] = json.dumps({"caption": "x", key: word, "year": 2000 + number})
    path = shard(tmp_path / "set.tar", members)
    found = load("webdataset", path=path, image_size=16)
    assert labels(found) == [1, 0, 1]
    assert found.class_names == ("cat 2", "cat 10")
    chosen = load("webdataset", path=path, image_size=16, label_column="year")
    assert labels(chosen) == [0, 1, 2]
    assert chosen.class_names == ("2000", "2001", "2002")
    with pytest.raises(ConfigurationError, match="month") as error:
        load("webdataset", path=path, label_column="month")
    assert error.value.key == "dataset.label_column"


def test_samples_without_labels(tmp_path: Path) -> None:
    members = {"0.png": picture(0), "0.json": '{"caption": "x"}', "1.png": picture(1), "1.txt": "y"}
    found = load("webdataset", path=shard(tmp_path / "set.tar", members), image_size=32)
    assert found.labels is None
    np.testing.assert_array_equal(found.images, [noise(0), noise(1)])


def test_a_few_samples_without_a_label_or_with_a_damaged_image_are_left_out(tmp_path: Path) -> None:
    members = samples(range(12))
    members["003.png"] = BROKEN
    members["005.cls"] = b"\xff\xfe"
    del members["007.cls"]
    path = shard(tmp_path / "set.tar", members)
    found = load("webdataset", path=path, image_size=16)
    whole = folder_of(tmp_path / "set", 12)
    kept = [number for number in range(12) if number not in (3, 5, 7)]
    np.testing.assert_array_equal(found.images, whole.images[kept])
    assert labels(found) == [number % 3 for number in kept]
    for name in ("set.tar/003.png", "005.png, 007.png"):
        assert any(name in note for note in found.notes)
    many = samples(range(30)) | {f"{number:03d}.png": BROKEN for number in range(11)}
    with pytest.raises(DataError, match="11 of 30 images"):
        load("webdataset", path=shard(tmp_path / "many.tar", many))


@pytest.mark.parametrize("keys", [{"limit": 4}, {"classes": [2, 0]}, {"resize": "pad", "channels": 1}], ids=str)
def test_keys_mean_the_same(keys: dict[str, object], tmp_path: Path) -> None:
    path = shard(tmp_path / "set.tar", samples(range(7)))
    folder_of(tmp_path / "set", 7)
    same(load("webdataset", path=path, **keys), load("image_folder", path=tmp_path / "set", **keys))


def test_a_file_of_labels_is_refused(tmp_path: Path) -> None:
    path = shard(tmp_path / "set.tar", samples(range(2)))
    with pytest.raises(ConfigurationError, match="does not use this key") as error:
        load("webdataset", path=path, labels="labels.csv")
    assert error.value.key == "dataset.labels"


# ---- cache and damage


def test_a_changed_label_is_read_again_and_an_unchanged_archive_is_not(tmp_path: Path) -> None:
    path = shard(tmp_path / "set.tar", samples(range(4)))
    first = load("webdataset", path=path, image_size=8)
    same(load("webdataset", path=path, image_size=8), first)
    assert len(cached_files()) == 1
    shard(path, samples(range(4)) | {"000.cls": 9})
    changed = load("webdataset", path=path, image_size=8)
    assert (labels(changed), changed.class_names) == ([3, 1, 2, 0], ("0", "1", "2", "9"))


@pytest.mark.parametrize("cut", [700, 4000, -11_000])
def test_an_archive_that_is_cut_off_is_refused(cut: int, tmp_path: Path) -> None:
    path = shard(tmp_path / "set.tar", samples(range(4)))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"cut off.*Get it again") as error:
        load("webdataset", path=path)
    assert error.value.exit_code == 3


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    path = shard(tmp_path / "set.tar", samples(range(4)))
    content = bytearray(path.read_bytes())
    content[content.index(b"002.png")] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="a header is damaged"):
        load("webdataset", path=path)


@pytest.mark.parametrize(("mode", "way_out"), [("w:gz", "gunzip"), ("w:bz2", "bunzip2"), ("w:xz", "unxz")])
def test_compressed_archives_are_refused_with_the_way_out(mode: str, way_out: str, tmp_path: Path) -> None:
    path = tmp_path / "set.tar.gz"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        archive.add(write_images(tmp_path / "x", 1)[0], "0.png")
    for given in (path, tmp_path):
        with pytest.raises(DataError, match=f"`{way_out} {path}`"):
            load("webdataset", path=given)


def test_links_and_folders_are_no_images(tmp_path: Path) -> None:
    path = shard(tmp_path / "set.tar", samples(range(2)))
    with tarfile.open(path, "a") as archive:
        for name, kind in (("d", tarfile.DIRTYPE), ("9.png", tarfile.SYMTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "000.png"
            archive.addfile(member)
    found = load("webdataset", path=path)
    assert len(found) == 2
    assert any("1 link, pipe or device" in note for note in found.notes)
