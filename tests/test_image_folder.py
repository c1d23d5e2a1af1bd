"""Folders of pictures, and the cache of what was read from them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import at_most
from image_files import (
    BLUE,
    RED,
    encoded,
    exif,
    noise,
    palette,
    png_bomb,
    red_left_blue_right,
    with_right_half_transparent,
    write_images,
)
from loaded_images import load

from ganctl.datasets import registry
from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.images import image_cache

pytestmark = pytest.mark.usefixtures("own_data_folders")


# ---- image_folder


def test_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name, value in (("b.png", 20), ("a.png", 10), ("c.png", 30)):
        (tmp_path / name).write_bytes(encoded(noise(0).point(lambda _, value=value: value), "PNG"))
    loaded = load("image_folder", path=tmp_path, image_size=32)
    assert loaded.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert (loaded.labels, loaded.num_classes) == (None, 0)


def test_defaults_are_64_pixels_and_rgb(tmp_path: Path) -> None:
    write_images(tmp_path / "i", 2)
    assert load("image_folder", path=tmp_path / "i").shape == (64, 64, 3)
    assert load("image_folder", path=tmp_path / "i", channels=1, image_size=8).shape == (8, 8, 1)


def test_colours_and_sides_are_right(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(encoded(red_left_blue_right(20, 20), "PNG"))
    loaded = load("image_folder", path=tmp_path, image_size=20)
    assert (loaded.images[:, :, :10] == RED).all()
    assert (loaded.images[:, :, 10:] == BLUE).all()
    assert "Warning: all images are identical." in loaded.notes


def test_sub_folders_are_classes_and_nested_ones_belong_to_them(tmp_path: Path) -> None:
    write_images(tmp_path / "dogs", 2)
    write_images(tmp_path / "cats/young", 3)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents/readme.txt").write_text("hello")
    loaded = load("image_folder", path=tmp_path)
    assert loaded.class_names == ("cats", "dogs")
    assert loaded.labels.tolist() == [0, 0, 0, 1, 1]
    assert "1 .txt file without an image" in loaded.notes[-1]
    dogs = load("image_folder", path=tmp_path, classes=[1])
    assert load("image_folder", path=tmp_path, classes=["Dogs"]).class_names == dogs.class_names
    assert (len(dogs), dogs.class_names, dogs.labels.tolist()) == (2, ("dogs",), [0, 0])
    with pytest.raises(ConfigurationError, match="no image has the class 2"):
        load("image_folder", path=tmp_path, classes=[2])


def test_images_beside_sub_folders_have_no_labels(tmp_path: Path) -> None:
    write_images(tmp_path, 2)
    write_images(tmp_path / "more", 2)
    assert load("image_folder", path=tmp_path).labels is None


def test_content_decides_what_is_an_image(tmp_path: Path) -> None:
    (tmp_path / "PHOTO.JPG").write_bytes(encoded(noise(0), "JPEG"))
    (tmp_path / "really_png.jpg").write_bytes(encoded(noise(1), "PNG"))
    (tmp_path / "without").write_bytes(encoded(noise(2), "WebP"))
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/a.png").write_bytes(encoded(noise(3), "PNG"))
    loaded = load("image_folder", path=tmp_path)
    assert len(loaded) == 3
    skipped = loaded.notes[-1]
    for part in ("1 .jpg file", "1 .png file", "1 .txt file", "1 hidden file"):
        assert part in skipped


def test_conversions_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(with_right_half_transparent(red_left_blue_right()), "PNG"))
    (tmp_path / "b.png").write_bytes(encoded(palette(), "PNG", transparency=1))
    (tmp_path / "c.jpg").write_bytes(encoded(red_left_blue_right(), "JPEG", exif=exif(6)))
    (tmp_path / "d.png").write_bytes(encoded(noise(0).convert("L"), "PNG"))
    notes = load("image_folder", path=tmp_path, image_size=20).notes
    assert notes == ("converted: 2 alpha over white, 1 rotated by EXIF, 1 grey",)
    assert "grey" not in load("image_folder", path=tmp_path, image_size=20, channels=1).notes[0]
    assert "4 enlarged" in load("image_folder", path=tmp_path, image_size=64).notes[0]


def test_a_few_corrupt_images_are_left_out_and_named(tmp_path: Path) -> None:
    paths = write_images(tmp_path, 20, "jpeg")
    paths[3].write_bytes(paths[3].read_bytes()[:-100])
    paths[7].write_bytes(png_bomb(30_000, 30_000))
    loaded = load("image_folder", path=tmp_path)
    assert len(loaded) == 18
    (warning,) = (note for note in loaded.notes if "Warning" in note)
    assert "2 images cannot be read" in warning
    assert f"{paths[3]}: the JPEG is cut off" in warning
    assert f"{paths[7]}: it declares 30000 x 30000 pixels" in warning


def test_labels_stay_with_their_images_when_some_are_left_out(tmp_path: Path) -> None:
    first = write_images(tmp_path / "a", 3)
    write_images(tmp_path / "b", 3)
    first[1].write_bytes(first[1].read_bytes()[:50])
    loaded = load("image_folder", path=tmp_path)
    assert loaded.labels.tolist() == [0, 0, 1, 1, 1]


def test_too_many_corrupt_images_are_refused(tmp_path: Path) -> None:
    paths = write_images(tmp_path, 30)
    for path in paths[:11]:
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="11 of 30 images") as error:
        load("image_folder", path=tmp_path)
    assert str(error.value).count(".png") == 5
    assert "and 6 more" in str(error.value)
    assert not list(image_cache.cache_folder().iterdir())


def test_only_corrupt_images_are_refused(tmp_path: Path) -> None:
    for path in write_images(tmp_path, 2):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="2 of 2 images"):
        load("image_folder", path=tmp_path)


def test_limit_reads_only_the_first_images(tmp_path: Path) -> None:
    paths = write_images(tmp_path, 8)
    (tmp_path / "000.txt").write_text("hello")
    for path in paths[3:]:
        path.write_bytes(path.read_bytes()[:50])
    loaded = load("image_folder", path=tmp_path, limit=3)
    assert len(loaded) == 3
    assert not any("Warning" in note for note in loaded.notes)


@pytest.mark.parametrize("content", ["nothing", "text", "one image"])
def test_folder_without_enough_images_is_refused(tmp_path: Path, content: Any) -> None:
    if content == "text":
        (tmp_path / "a.txt").write_text("hello")
    if content == "one image":
        write_images(tmp_path, 1)
    with pytest.raises(DataError, match=str(tmp_path)) as error:
        load("image_folder", path=tmp_path)
    assert error.value.exit_code == 3


def test_file_instead_of_a_folder_is_refused(tmp_path: Path) -> None:
    (path,) = write_images(tmp_path, 1)
    with pytest.raises(DataError, match="is not a folder"):
        load("image_folder", path=path)


def test_pictures_of_a_run_are_not_learned(tmp_path: Path) -> None:
    """Who trains in the folder of the pictures has the run's grids and plots below it, and more of them every time."""
    write_images(tmp_path, 2)
    run = tmp_path / "outputs" / "one"
    (run / "samples").mkdir(parents=True)
    (run / "samples" / "real.png").write_bytes(encoded(noise(9), "PNG"))
    for name in ("config.yaml", "run.json"):
        (run / name).touch()
    loaded = load("image_folder", path=tmp_path)
    assert len(loaded) == 2
    assert "1 run folder" in loaded.notes[-1]


@pytest.mark.timeout(20)
def test_pipes_and_loops_do_not_hang(tmp_path: Path) -> None:
    write_images(tmp_path, 2)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self.png").symlink_to("self.png")
    (tmp_path / "broken.png").symlink_to("nowhere")
    outside = tmp_path.parent / f"{tmp_path.name}_outside.png"
    outside.write_bytes(encoded(noise(9), "PNG"))
    (tmp_path / "linked.png").symlink_to(outside)
    loaded = load("image_folder", path=tmp_path)
    assert len(loaded) == 3
    for part in ("1 linked folder", "2 broken links", "1 pipe, socket or device"):
        assert part in loaded.notes[-1]


def test_file_that_vanishes_meanwhile_is_left_out(tmp_path: Path) -> None:
    paths = write_images(tmp_path, 3)

    def removing(sequence: Any, description: str, total: int) -> Any:
        paths[1].unlink()
        return sequence

    loaded = registry.get("image_folder").make(
        config=DatasetSection(name="image_folder", path=str(tmp_path)), track=removing
    )
    assert len(loaded) == 2
    assert any(f"{paths[1]}: it cannot be read: No such file" in note for note in loaded.notes)


def test_odd_names_are_read_and_shown_escaped(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    for name in (b"umlaut_\xc3\xa4.png", b"new\nline.png", b"latin_\xe4.png"):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(encoded(noise(len(name)), "PNG"))
    with open(os.path.join(folder, b"broken\n\xe4.png"), "wb") as file:
        file.write(encoded(noise(0), "PNG")[:50])
    loaded = load("image_folder", path=tmp_path)
    assert len(loaded) == 3
    (warning,) = (note for note in loaded.notes if "Warning" in note)
    assert r"broken\n\udce4.png" in warning
    assert warning.isprintable()
    assert load("image_folder", path=tmp_path).notes == loaded.notes


# ---- the cache of image_folder


def cached_files(suffix: str = ".npy") -> list[Path]:
    return sorted(image_cache.cache_folder().glob(f"*{suffix}"))


def test_second_reading_comes_from_the_cache(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_images(tmp_path / "i" / name, 50)
    read: list[int] = []

    def counting(sequence: Any, description: str, total: int) -> Any:
        for item in sequence:
            read.append(1)
            yield item

    config = DatasetSection(name="image_folder", path=str(tmp_path / "i"))
    first, second = (registry.get("image_folder").make(config=config, track=counting) for _ in range(2))
    assert len(read) == 100
    assert isinstance(second.images, np.memmap)
    np.testing.assert_array_equal(first.images, second.images)
    assert first.fingerprint() == second.fingerprint()
    assert (first.class_names, first.source, first.notes) == (second.class_names, second.source, second.notes)
    assert {path.suffix for path in cached_files("")} == {".npy", ".json"}


def test_restart_on_many_files_only_lists_them(tmp_path: Path) -> None:
    image = encoded(noise(0, 8, 8), "PNG")
    (tmp_path / "i").mkdir()
    for number in range(5000):
        (tmp_path / "i" / str(number)).write_bytes(image)
    load("image_folder", path=tmp_path / "i", image_size=8)
    with at_most(1):
        assert len(load("image_folder", path=tmp_path / "i", image_size=8)) == 5000


@pytest.mark.parametrize("change", ["modified", "new", "removed", "image_size", "channels", "resize", "limit"])
def test_any_change_is_seen(tmp_path: Path, change: str) -> None:
    paths = write_images(tmp_path / "i", 5)
    load("image_folder", path=tmp_path / "i", image_size=16)
    keys = {"image_size": 16}
    if change == "modified":
        paths[0].write_bytes(encoded(noise(99), "PNG"))
        os.utime(paths[0], ns=(1, 1))
    elif change == "new":
        (tmp_path / "i/z.png").write_bytes(encoded(noise(99), "PNG"))
    elif change == "removed":
        paths[0].unlink()
    else:
        keys |= {"image_size": {"image_size": 8}, "channels": {"channels": 1}, "resize": {"resize": "pad"}}.get(
            change, {"limit": 4}
        )
    load("image_folder", path=tmp_path / "i", **keys)
    assert len(cached_files()) == 2


@pytest.mark.parametrize("damage", ["cut", "no array", "other shape", "no json", "torn json", "other json"])
def test_broken_entry_is_rebuilt(tmp_path: Path, damage: str) -> None:
    write_images(tmp_path / "i", 5)
    before = load("image_folder", path=tmp_path / "i").images.copy()
    (entry,) = cached_files()
    facts = entry.with_suffix(".json")
    if damage == "cut":
        os.truncate(entry, entry.stat().st_size // 2)
    elif damage == "no array":
        entry.write_bytes(b"hello")
    elif damage == "other shape":
        np.save(entry, np.zeros((2, 2), np.uint8))
    elif damage == "no json":
        facts.unlink()
    else:
        facts.write_text({"torn json": facts.read_text()[:20], "other json": json.dumps([1])}[damage])
    np.testing.assert_array_equal(load("image_folder", path=tmp_path / "i").images, before)
    assert image_cache.load(entry.stem) is not None


def test_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "i", 5)
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path / "file"))
    first = load("image_folder", path=tmp_path / "i")
    assert first.fingerprint() == load("image_folder", path=tmp_path / "i").fingerprint()


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANCTL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert image_cache.cache_folder() == Path("/xdg/ganctl/images")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/somebody")
    assert image_cache.cache_folder() == Path("/somebody/.cache/ganctl/images")


def test_oldest_entries_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "i", 5)
    entry_bytes = 5 * 64 * 64 * 3
    monkeypatch.setattr(image_cache, "_MAX_BYTES", 2.5 * entry_bytes)
    for limit in (5, 6, 7):
        load("image_folder", path=tmp_path / "i", limit=limit)
        for age, path in enumerate(sorted(cached_files(), key=lambda path: path.stat().st_mtime, reverse=True)):
            os.utime(path, (1000 - age, 1000 - age))
    assert len(cached_files()) == 2
    assert len(cached_files(".json")) == 2


def test_what_an_interrupted_run_left_is_removed_after_a_day(tmp_path: Path) -> None:
    write_images(tmp_path / "i", 5)
    folder = image_cache.cache_folder()
    folder.mkdir()
    (folder / "old.tmp").touch()
    os.utime(folder / "old.tmp", (1000, 1000))
    (folder / "new.tmp").touch()
    load("image_folder", path=tmp_path / "i")
    assert [path.name for path in cached_files(".tmp")] == ["new.tmp"]


def test_full_disk_is_said(tmp_path: Path) -> None:
    """A limit on file sizes stands in for a full disk: both fail when the file grows."""
    write_images(tmp_path / "i", 50)
    program = """
import resource, signal, sys
from ganctl.datasets import registry
from ganctl.errors import DataError
from ganctl.experiment.sections import DatasetSection
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
config = DatasetSection(name="image_folder", path=sys.argv[1])
try:
    registry.get("image_folder").make(config=config, track=lambda sequence, description, total: sequence)
except DataError as error:
    print(error)
"""
    finished = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "i")], capture_output=True, text=True, timeout=60
    )
    assert finished.stderr == ""
    assert f"cannot be written to {image_cache.cache_folder()}" in finished.stdout
    assert "GANCTL_CACHE" in finished.stdout
    assert list(image_cache.cache_folder().iterdir()) == []
