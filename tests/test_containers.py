"""Folders with links, and zip archives, which are read as the same files in a folder are."""

import gc
import json
import os
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import untracked
from image_files import encoded, noise, write_images
from loaded_images import load
from test_image_folder import cached_files

from ganctl.errors import DataError
from ganctl.generation.image_sources import read_samples
from ganctl.images import containers
from ganctl.images.image_set import ImageSet
from ganctl.planning.survey.folder_survey import survey

pytestmark = pytest.mark.usefixtures("own_data_folders")


def zipped(folder: Path, compression: int = zipfile.ZIP_STORED, wrapper: str = "") -> Path:
    """Pack a folder into an archive beside it."""
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in folder.rglob("*"):
            archive.write(file, os.path.join(wrapper, file.relative_to(folder)))
    return path


def same(found: ImageSet, expected: ImageSet) -> None:
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.class_names == expected.class_names


# ---- archives as folders


def plain(folder: Path) -> None:
    write_images(folder, 5)


def class_folders(folder: Path) -> None:
    for name in ("10", "2", "dögs & 犬"):
        write_images(folder / name, 3, "jpeg")
    (folder / "10" / "notes.txt").write_text("hello")


def stylegan(folder: Path) -> None:
    write_images(folder / "00000", 4)
    write_images(folder / "00001", 4)
    names = [f"{part}/{number:03d}.png" for part in ("00000", "00001") for number in range(4)]
    labels = [[name, number % 3] for number, name in enumerate(names)]
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}))


def table(folder: Path) -> None:
    write_images(folder, 3)
    (folder / "metadata.csv").write_text("file_name,label\n000.png,cat\n001.png,dog\n002.png,cat\n")


def lines(folder: Path) -> None:
    write_images(folder, 2)
    rows = [{"file_name": "000.png", "label": 1}, {"file_name": "001.png", "label": 0}]
    (folder / "metadata.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def split(folder: Path) -> None:
    for part in ("train", "val"):
        write_images(folder / part / "cats", 3)
        write_images(folder / part / "dogs", 3)
    rows = [f"{name}/{number:03d}.png,{number}\n" for name in ("cats", "dogs") for number in range(3)]
    (folder / "train" / "labels.csv").write_text("".join(["file,label\n", *rows]))


def messy(folder: Path) -> None:
    write_images(folder, 12)
    (folder / "003.png").write_bytes(encoded(noise(3), "PNG")[:60])
    (folder / ".hidden.png").write_bytes(encoded(noise(4), "PNG"))
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "._000.png").write_bytes(b"\0\5\x16\7")
    (folder / "readme.md").write_text("hello")
    run = folder / "outputs" / "one"
    write_images(run / "samples", 1)
    for name in ("config.yaml", "run.json"):
        (run / name).touch()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("write", [plain, class_folders, stylegan, table, lines, split, messy])
def test_an_archive_is_read_as_the_folder_that_was_packed(
    write: Callable[[Path], None], compression: int, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    write(folder)
    path = zipped(folder, compression)
    before = set(tmp_path.rglob("*"))
    found, expected = load("image_folder", path=path, image_size=16), load("image_folder", path=folder, image_size=16)
    same(found, expected)
    assert [note.replace(str(path), str(folder)) for note in found.notes] == list(expected.notes)
    if write in (stylegan, table, lines):
        assert not any("skipped" in note for note in found.notes), "the file of labels was used"
    assert found.source == str(path if write is not split else path / "train")
    assert {name for name in set(tmp_path.rglob("*")) - before if "cache" not in str(name)} == set()


@pytest.mark.parametrize("keys", [{"limit": 4}, {"classes": [2, 0]}, {"resize": "pad", "channels": 1}], ids=str)
def test_keys_mean_the_same(keys: dict[str, object], tmp_path: Path) -> None:
    class_folders(tmp_path / "set")
    path = zipped(tmp_path / "set")
    same(load("image_folder", path=path, **keys), load("image_folder", path=tmp_path / "set", **keys))


def test_the_only_folder_of_an_archive_is_what_was_packed(tmp_path: Path) -> None:
    """As file managers pack: the name of the folder is no class."""
    class_folders(tmp_path / "set")
    path = zipped(tmp_path / "set", wrapper="my set")
    found = load("image_folder", path=path)
    same(found, load("image_folder", path=tmp_path / "set"))
    assert found.class_names == ("2", "10", "dögs & 犬")


def test_labels_beside_an_archive_are_named_by_their_path(tmp_path: Path) -> None:
    plain(tmp_path / "set")
    path = zipped(tmp_path / "set")
    (tmp_path / "mine.csv").write_text("file,label\n" + "".join(f"00{n}.png,{n // 2}\n" for n in range(5)))
    found = load("image_folder", path=path, labels=str(tmp_path / "mine.csv"))
    assert found.labels is not None
    assert found.labels.tolist() == [0, 0, 1, 1, 2]
    with pytest.raises(DataError, match=r"mine\.csv does not exist\. Correct `dataset\.labels`"):
        load("image_folder", path=path, labels="mine.csv")


def test_a_changed_archive_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    plain(tmp_path / "set")
    path = zipped(tmp_path / "set")
    first = load("image_folder", path=path, image_size=8)
    assert load("image_folder", path=path, image_size=8).fingerprint() == first.fingerprint()
    assert len(cached_files()) == 1
    (tmp_path / "set" / "000.png").write_bytes(encoded(noise(99), "PNG"))
    os.utime(zipped(tmp_path / "set"), ns=(1, 1))
    assert load("image_folder", path=path, image_size=8).fingerprint() != first.fingerprint()


def test_names_of_windows_and_members_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")  # Python's own, about the second one
        archive.writestr("a\\x.png", encoded(noise(0), "PNG"))
        archive.writestr("/b/../b/y.png", encoded(noise(1), "PNG"))
        archive.writestr("b/y.png", encoded(noise(2), "PNG"))
    found = load("image_folder", path=path, image_size=32)
    assert found.class_names == ("a", "b")
    np.testing.assert_array_equal(found.images, [np.asarray(noise(0)), np.asarray(noise(2))])


# ---- damage


def damaged(path: Path, member: str, how: str) -> None:
    """Change one member of an archive of deflated members."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(member)
        place = archive.start_dir
    content = bytearray(path.read_bytes())
    start = info.header_offset + 30 + len(member)
    directory = content.index(member.encode(), place) - 46
    if how == "bytes":
        content[start + 20 : start + 40] = bytes(20)
    elif how == "encrypted":
        content[directory + 8] |= 1
        content[info.header_offset + 6] |= 1
    elif how == "compression":
        content[directory + 10] = content[info.header_offset + 8] = 99
    elif how == "declared":
        content[directory + 24 : directory + 28] = (2**31).to_bytes(4, "little")
    elif how == "header":
        content[info.header_offset : info.header_offset + 4] = bytes(4)
    path.write_bytes(content)


REASONS = {
    "bytes": "it is damaged in the archive",
    "encrypted": "it is encrypted; unpack the archive and name the folder",
    "compression": "it is damaged in the archive, or cannot be read",
    "declared": "it declares 2147483648 bytes, more than it can hold",
    "header": "it is damaged in the archive",
}


@pytest.mark.parametrize("how", REASONS)
def test_a_damaged_member_is_a_damaged_file(how: str, tmp_path: Path) -> None:
    plain(tmp_path / "set")
    expected = load("image_folder", path=tmp_path / "set", image_size=8)
    path = zipped(tmp_path / "set", zipfile.ZIP_DEFLATED)
    damaged(path, "002.png", how)
    found = load("image_folder", path=path, image_size=8)
    np.testing.assert_array_equal(found.images, expected.images[[0, 1, 3, 4]])
    (warning,) = (note for note in found.notes if "Warning" in note)
    assert warning.startswith(f"Warning: 1 images cannot be read and are left out: {path / '002.png'}: {REASONS[how]}")


def test_a_member_beyond_the_limit_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bitmap of nothing but one colour: a thousandth of its size in the archive."""
    plain(tmp_path / "set")
    (tmp_path / "set" / "large.bmp").write_bytes(encoded(noise(0).resize((400, 400)).point(lambda _: 7), "BMP"))
    path = zipped(tmp_path / "set", zipfile.ZIP_DEFLATED)
    monkeypatch.setattr("ganctl.images.folder_listing.MAX_FILE_BYTES", 100_000)
    found = load("image_folder", path=path, image_size=8)
    assert len(found) == 5
    assert any("large.bmp: it is larger than" in note for note in found.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\3\4" + bytes(100), "is a damaged zip archive, perhaps cut off"),
        (b"hello", "is not a folder or a zip archive"),
        (b"", "is not a folder or a zip archive"),
    ],
    ids=["cut off", "text", "empty"],
)
def test_what_is_no_archive_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        load("image_folder", path=path)
    assert error.value.exit_code == 3


def test_links_in_an_archive_are_counted(tmp_path: Path) -> None:
    plain(tmp_path / "set")
    path = zipped(tmp_path / "set")
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "000.png")
    found = load("image_folder", path=path)
    assert len(found) == 5
    assert "skipped: 1 link, pipe or device in the archive" in found.notes


def test_an_archive_is_closed_with_the_last_reference(tmp_path: Path) -> None:
    """Also one that an error's traceback refers to in a circle."""
    plain(tmp_path / "set")
    path = zipped(tmp_path / "set")
    circle: list[object] = [containers.Archive(path)]
    circle.append(circle)
    assert str(path) in {file.path for file in psutil.Process().open_files()}
    del circle
    gc.collect()
    assert str(path) not in {file.path for file in psutil.Process().open_files()}


# ---- archives elsewhere


def test_init_and_evaluate_read_an_archive(tmp_path: Path) -> None:
    class_folders(tmp_path / "set")
    path = zipped(tmp_path / "set", wrapper="set")
    found, expected = (survey(place, seconds, untracked) for place, seconds in ((path, 60.0), (tmp_path / "set", 0.0)))
    assert found.classes == expected.classes == {"2": 3, "10": 3, "dögs & 犬": 3}
    assert found.path == path
    assert [picture.digest for picture in found.pictures] == [picture.digest for picture in expected.pictures]
    assert found.read("2/000.jpeg") == (tmp_path / "set" / "2" / "000.jpeg").read_bytes()
    samples, others = (read_samples(place, 9, 0, untracked) for place in (path, tmp_path / "set"))
    np.testing.assert_array_equal(samples.images, others.images)


# ---- linked folders


def test_a_linked_folder_is_read_once(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write_images(outside / "deep", 3)
    folder = tmp_path / "set"
    write_images(folder / "a", 2)
    for link in ("b", "c"):
        (folder / link).symlink_to(outside)
    (outside / "back").symlink_to(folder)
    (folder / "again").symlink_to(folder / "a")
    (folder / "up").symlink_to(tmp_path)
    files, skipped = containers.Folder(folder).files()
    assert sorted(file.name for file in files) == ["a/000.png", "a/001.png", *(f"b/deep/00{n}.png" for n in range(3))]
    assert skipped == {"linked folder that is listed already": 3}
    found = load("image_folder", path=folder, image_size=32)
    assert found.class_names == ("a", "b")
    np.testing.assert_array_equal(found.images, [np.asarray(noise(seed)) for seed in (0, 1, 0, 1, 2)])
