"""Pairs and two kinds of the user's own pictures: every layout, and what is refused."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_files import encoded, exif, noise, write_images
from loaded_images import track
from PIL import Image

from ganctl import models
from ganctl.build import resolving
from ganctl.datasets import registry
from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import DatasetSection
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import ImageSampler
from ganctl.game.sampler import PAIRED, UNPAIRED
from ganctl.images import listed_images
from ganctl.images.image_set import ImageSet

pytestmark = pytest.mark.usefixtures("own_data_folders")

SIZE = 8
Feeds = dict[str, ImageSet]


def read(name: str, path: Path, **keys: Any) -> Feeds:
    given = {"image_size": SIZE, "channels": 1} | keys
    if "path_b" in given:
        given["path_b"] = str(given["path_b"])
    feeds: Feeds = registry.get(name).make(DatasetSection(name=name, path=str(path), **given), track)
    return feeds


def levels(images: ImageSet | None) -> list[int]:
    """The level of each image, all of whose pixels have it."""
    assert images is not None
    assert (images.images == images.images[:, :1, :1]).all()
    return images.images[:, 0, 0, 0].tolist()


def write(folder: Path, **level: int) -> None:
    """Write pictures of one level each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in level.items():
        Image.new("L", (SIZE, SIZE), value).save(folder / f"{name}.png")


def write_halves(folder: Path, **level: tuple[int, int]) -> None:
    """Write pictures whose halves have one level each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (left, right) in level.items():
        pixels = np.full((SIZE, 2 * SIZE), left, np.uint8)
        pixels[:, SIZE:] = right
        Image.fromarray(pixels).save(folder / f"{name}.png")


def two_folders(root: Path) -> None:
    write(root / "A", one=10, two=20)
    write(root / "B", one=110, two=120)


def any_two_folders(root: Path) -> None:
    write(root / "maps", one=10, two=20)
    write(root / "photos", one=110, two=120)
    (root / "notes").mkdir()
    (root / "notes" / "readme.txt").write_text("hello")


def side_by_side(root: Path) -> None:
    write_halves(root, one=(10, 110), two=(20, 120))


def split_halves(root: Path) -> None:
    write_halves(root / "train", one=(10, 110), two=(20, 120))
    write_halves(root / "val", one=(3, 103))
    write_halves(root / "test", one=(5, 105))


def split_folders(root: Path) -> None:
    for part, (a, b) in {"train": (10, 110), "test": (5, 105)}.items():
        two = {} if part == "test" else {"two": a + 10}
        write(root / part / "A", one=a, **two)
        write(root / part / "B", one=b, **({} if part == "test" else {"two": b + 10}))


def folders_of_splits(root: Path) -> None:
    for side, level in {"A": 10, "B": 110}.items():
        write(root / side / "train", one=level, two=level + 10)
        write(root / side / "test", one=level - 5)


def cyclegan_folders(root: Path) -> None:
    for side, level in {"A": 10, "B": 110}.items():
        write(root / f"train{side}", one=level, two=level + 10)
        write(root / f"test{side}", one=level - 5)


LAYOUTS = [
    two_folders,
    any_two_folders,
    side_by_side,
    split_halves,
    split_folders,
    folders_of_splits,
    cyclegan_folders,
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_pairs(layout: Callable[[Path], None], packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "data"
    layout(path)
    if packed:
        with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
            for file in sorted(path.rglob("*")):
                archive.write(file, file.relative_to(tmp_path))
        path = tmp_path / "data.zip"
    for _ in range(2):  # the second time from the cache
        feeds = read("image_pairs", path)
        assert {role: levels(images) for role, images in feeds.items()} == {"source": [10, 20], "target": [110, 120]}
        apart = {role: images.apart for role, images in feeds.items()}
        if layout in (two_folders, any_two_folders, side_by_side):
            assert set(apart.values()) == {None}
        else:
            assert {role: levels(images) for role, images in apart.items()} == {"source": [5], "target": [105]}
        assert all(images.file_numbers is None for images in feeds.values())
    turned = read("image_pairs", path, direction="b_to_a")
    assert {role: levels(images) for role, images in turned.items()} == {"source": [110, 120], "target": [10, 20]}


def test_which_folder_became_which_side_is_said(tmp_path: Path) -> None:
    any_two_folders(tmp_path)
    feeds = read("image_pairs", tmp_path)
    assert f"a is {tmp_path / 'maps'}" in feeds["source"].notes
    assert f"b is {tmp_path / 'photos'}" in feeds["target"].notes
    (tmp_path / "wide").mkdir()
    side_by_side(tmp_path / "wide")
    feeds = read("image_pairs", tmp_path / "wide")
    assert f"b is {tmp_path / 'wide'}, right half" in feeds["target"].notes


def test_two_paths_may_have_any_names_and_other_suffixes(tmp_path: Path) -> None:
    write(tmp_path / "sketches" / "deep", one=10, two=20)
    (tmp_path / "shoes" / "deep").mkdir(parents=True)
    for name, level in (("one", 110), ("two", 120)):
        Image.new("L", (SIZE, SIZE), level).save(tmp_path / "shoes" / "deep" / f"{name}.bmp")
    feeds = read("image_pairs", tmp_path / "sketches", path_b=tmp_path / "shoes")
    assert (levels(feeds["source"]), levels(feeds["target"])) == ([10, 20], [110, 120])
    feeds = read("unpaired", tmp_path / "sketches", path_b=tmp_path / "shoes")
    assert (levels(feeds["a"]), levels(feeds["b"])) == ([10, 20], [110, 120])


def test_tests_are_those_of_val_without_test(tmp_path: Path) -> None:
    write_halves(tmp_path / "train", one=(10, 110), two=(20, 120))
    write_halves(tmp_path / "val", one=(3, 103))
    assert levels(read("image_pairs", tmp_path)["source"].apart) == [3]
    write_halves(tmp_path / "test", one=(5, 105))
    feeds = read("image_pairs", tmp_path)
    assert levels(feeds["source"].apart) == [5]
    assert "left out: val" in feeds["source"].notes


def test_a_damaged_file_drops_its_pair_on_both_sides(tmp_path: Path) -> None:
    write(tmp_path / "A", a=10, b=20, c=30, d=40)
    write(tmp_path / "B", a=110, b=120, c=130, d=140)
    for path in (tmp_path / "A" / "b.png", tmp_path / "B" / "c.png"):
        path.write_bytes(path.read_bytes()[:40])
    for _ in range(2):
        feeds = read("image_pairs", tmp_path)
        assert (levels(feeds["source"]), levels(feeds["target"])) == ([10, 40], [110, 140])
    notes = [" ".join(images.notes) for images in feeds.values()]
    assert "b.png" in notes[0]
    assert "1 image is left out, because its partner cannot be read" in notes[0]
    assert "c.png" in notes[1]
    limited = read("image_pairs", tmp_path, limit=2)
    assert (levels(limited["source"]), levels(limited["target"])) == ([10, 40], [110, 140])


def test_sides_of_two_sizes_are_for_models_that_enlarge(tmp_path: Path) -> None:
    for side, factor in (("A", 1), ("B", 4)):
        (tmp_path / side).mkdir()
        for number in range(3):
            noise(number, 4 * factor, 8 * factor).save(tmp_path / side / f"{number}.png")
    feeds = read("image_pairs", tmp_path, image_size="32x16", source_size="8x4", channels=3)
    assert (feeds["source"].shape, feeds["target"].shape) == ((8, 4, 3), (32, 16, 3))
    turned = read("image_pairs", tmp_path, image_size="8x4", source_size="32x16", channels=3, direction="b_to_a")
    np.testing.assert_array_equal(turned["source"].images, feeds["target"].images)
    with pytest.raises(ConfigurationError, match=r"one ratio of height to width\. Received: 8x8 and 32x16") as caught:
        read("image_pairs", tmp_path, image_size="32x16", source_size=8)
    assert caught.value.key == "dataset.source_size"


def test_the_sides_of_pairs_are_prepared_as_image_folder_prepares_them(tmp_path: Path) -> None:
    """Grey among colour, palettes, transparency, rotation: the same pixels as from image_folder."""
    for side, seed in (("A", 0), ("B", 9)):
        folder = tmp_path / side
        write_images(folder, 3)
        noise(seed).convert("L").save(folder / "grey.png")
        noise(seed + 1).convert("P").save(folder / "palette.png")
        transparent = noise(seed + 2)
        transparent.putalpha(noise(seed + 3).convert("L"))
        transparent.save(folder / "transparent.png")
        (folder / "turned.jpg").write_bytes(encoded(noise(seed, 64, 64), "JPEG", exif=exif(6)))
    feeds = read("image_pairs", tmp_path, image_size=16, channels=3, background="black")
    for role, side in (("source", "A"), ("target", "B")):
        alone = read("image_folder", tmp_path / side, image_size=16, channels=3, background="black")
        np.testing.assert_array_equal(feeds[role].images, alone.images)  # type: ignore[attr-defined]
        converted = [note for note in feeds[role].notes if note.startswith("converted")]
        assert "1 grey" in converted[0]
    with_alpha = read("image_pairs", tmp_path, image_size=16, channels=4)
    assert with_alpha["source"].alpha
    assert with_alpha["target"].shape == (16, 16, 4)


def test_halves_of_a_jpeg_are_cut_where_its_middle_is(tmp_path: Path) -> None:
    """Decoded at a quarter of its size, this one would have 9 columns."""
    pixels = np.zeros((18, 36, 3), np.uint8)
    pixels[:, 18:] = 255
    for number in range(2):
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg", quality=100)
    feeds = read("image_pairs", tmp_path, image_size=4)
    assert feeds["source"].images.max() < 20
    assert feeds["target"].images.min() > 235


def test_halves_are_cut_after_the_rotation_of_exif(tmp_path: Path) -> None:
    for number in range(2):
        pixels = np.zeros((32, 16, 3), np.uint8)
        pixels[16:] = 255
        (tmp_path / f"{number}.jpg").write_bytes(encoded(Image.fromarray(pixels), "JPEG", exif=exif(6), quality=100))
    feeds = read("image_pairs", tmp_path)
    assert {feeds["source"].images.mean() < 20, feeds["target"].images.mean() < 20} == {True, False}


def test_pages_of_pairs_stay_pairs(tmp_path: Path) -> None:
    for side, level in (("A", 10), ("B", 110)):
        (tmp_path / side).mkdir()
        for name, start in (("x", level), ("y", level + 10)):
            pages = [Image.new("L", (SIZE, SIZE), start + page) for page in range(3)]
            pages[0].save(tmp_path / side / f"{name}.tiff", save_all=True, append_images=pages[1:])
    feeds = read("image_pairs", tmp_path, pages="each")
    assert levels(feeds["source"]) == [10, 11, 12, 20, 21, 22]
    assert [level + 100 for level in levels(feeds["source"])] == levels(feeds["target"])
    (kept, held_out), (kept_b, held_out_b) = (images.split(0.5) for images in feeds.values())
    assert [level + 100 for level in levels(kept)] == levels(kept_b)
    assert [level + 100 for level in levels(held_out)] == levels(held_out_b)
    pages = [Image.new("L", (SIZE, SIZE), 110 + page) for page in range(2)]
    pages[0].save(tmp_path / "B" / "x.tiff", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match="must have the same number of pages"):
        read("image_pairs", tmp_path, pages="each")


def test_of_the_cache_the_partner_is_part(tmp_path: Path) -> None:
    """A side that was read with one partner is checked again with another."""
    write(tmp_path / "A", one=10, two=20)
    write(tmp_path / "B", one=110, two=120)
    write(tmp_path / "C", one=210, three=220)
    read("image_pairs", tmp_path / "A", path_b=tmp_path / "B")
    read("image_folder", tmp_path / "C")
    with pytest.raises(DataError, match="have no partner"):
        read("image_pairs", tmp_path / "A", path_b=tmp_path / "C")


# ---- unpaired


@pytest.mark.parametrize("layout", [cyclegan_folders, split_folders, folders_of_splits, any_two_folders])
def test_two_kinds_of_images(layout: Callable[[Path], None], tmp_path: Path) -> None:
    layout(tmp_path)
    second = sorted(tmp_path.rglob("two.png"))[-1]  # names and numbers may differ
    write(second.parent, three=130, four=140)
    second.unlink()
    for _ in range(2):
        feeds = read("unpaired", tmp_path)
        assert (levels(feeds["a"]), levels(feeds["b"])) == ([10, 20], [140, 110, 130])
        if layout is not any_two_folders:
            assert (levels(feeds["a"].apart), levels(feeds["b"].apart)) == ([5], [105])


def test_a_folder_of_pictures_is_no_two_kinds(tmp_path: Path) -> None:
    write(tmp_path, one=1, two=2)
    with pytest.raises(DataError, match=r"holds pictures, so it is unclear .* `trainA` and `trainB`"):
        read("unpaired", tmp_path)
    for name in "xyz":
        write(tmp_path / "three" / name, one=1, two=2)
    for kind in ("unpaired", "image_pairs"):
        with pytest.raises(DataError, match=r"holds 3 folders with pictures \(x, y, z\), so it is unclear"):
            read(kind, tmp_path / "three")
    write(tmp_path / "half" / "trainA", one=1, two=2)
    with pytest.raises(DataError, match="holds `trainA` but no folder with pictures for the other side"):
        read("unpaired", tmp_path / "half")


# ---- bad input


def test_orphans_are_named_before_any_picture_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*arguments: Any, **keys: Any) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(listed_images, "decode", decode)
    write(tmp_path / "A", **{f"p{number}": number for number in range(9)})
    write(tmp_path / "B", p0=1, p1=2, q=3)
    with pytest.raises(DataError) as caught:
        read("image_pairs", tmp_path)
    text = str(caught.value)
    assert f"7 of 9 pictures in {tmp_path / 'A'} have no partner in {tmp_path / 'B'}: p2.png, p3.png" in text
    assert "and 2 more" in text
    assert f"1 of 3 pictures in {tmp_path / 'B'} have no partner in {tmp_path / 'A'}: q.png" in text
    assert caught.value.exit_code == 3


def test_two_files_of_one_name_are_named(tmp_path: Path) -> None:
    two_folders(tmp_path)
    Image.new("L", (8, 8)).save(tmp_path / "A" / "one.bmp")
    with pytest.raises(DataError, match=r"holds both one\.bmp and one\.png"):
        read("image_pairs", tmp_path)


def test_a_picture_of_odd_width_has_no_halves(tmp_path: Path) -> None:
    side_by_side(tmp_path)
    Image.new("L", (17, 8)).save(tmp_path / "odd.png")
    with pytest.raises(DataError, match=r"have an even width. 1 of 3 .*: odd\.png \(8x17\)") as caught:
        read("image_pairs", tmp_path)
    assert caught.value.exit_code == 3


def test_pictures_that_hardly_show_two_sides_are_a_warning(tmp_path: Path) -> None:
    """Someone who forgets `path_b` would learn to turn left halves into right ones."""
    write(tmp_path / "one_side", one=1, two=2)
    notes = read("image_pairs", tmp_path / "one_side")["source"].notes
    assert any(note.startswith("Warning: 2 of 2 pictures are narrow or square") for note in notes)
    side_by_side(tmp_path / "two_sides")
    assert not any("narrow or square" in note for note in read("image_pairs", tmp_path / "two_sides")["source"].notes)


@pytest.mark.parametrize(("resize", "refused"), [("crop", True), ("pad", True), ("squash", False)])
def test_sides_of_different_shapes_would_not_lie_over_each_other(resize: str, refused: bool, tmp_path: Path) -> None:
    two_folders(tmp_path)
    Image.new("L", (16, 8)).save(tmp_path / "B" / "two.png")
    if not refused:
        assert len(read("image_pairs", tmp_path, resize=resize)["source"]) == 2
        return
    with pytest.raises(DataError, match=r"1 of 2 pairs .*: two\.png \(8x8 and 8x16\).*`dataset.resize` to `squash`"):
        read("image_pairs", tmp_path, resize=resize)


def test_sides_of_one_shape_and_two_sizes_lie_over_each_other(tmp_path: Path) -> None:
    two_folders(tmp_path)
    for name, level in (("one", 110), ("two", 120)):
        Image.new("L", (32, 32), level).save(tmp_path / "B" / f"{name}.png")
    assert levels(read("image_pairs", tmp_path)["target"]) == [110, 120]
    with pytest.raises(DataError, match="they would not lie over each other"):
        read("image_pairs", tmp_path, resize="pad", image_size=16)


@pytest.mark.parametrize("layout", [two_folders, side_by_side])
def test_a_single_pair_is_too_few(layout: Callable[[Path], None], tmp_path: Path) -> None:
    layout(tmp_path)
    for path in tmp_path.rglob("two.png"):
        path.unlink()
    with pytest.raises(DataError, match="1 pair is too few to train on"):
        read("image_pairs", tmp_path)


def test_a_single_picture_is_no_data_set(tmp_path: Path) -> None:
    side_by_side(tmp_path)
    for name in ("image_pairs", "unpaired"):
        with pytest.raises(DataError, match=r"one\.png is not a folder or a zip archive"):
            read(name, tmp_path / "one.png")


def test_an_empty_folder_and_the_same_folder_twice(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("image_pairs", "unpaired"):
        with pytest.raises(DataError, match="contains no pictures"):
            read(name, tmp_path / "empty")
        with pytest.raises(DataError, match="is given as both sides"):
            read(name, tmp_path / "empty", path_b=tmp_path / "empty")
        with pytest.raises(DataError, match=r"There is nothing at .*missing.* or correct `dataset.path_b`"):
            read(name, tmp_path / "empty", path_b=tmp_path / "missing")
        with pytest.raises(ConfigurationError, match="needs the path of two folders"):
            registry.get(name).make(DatasetSection(name=name), track)


def test_keys_that_pairs_would_ignore_are_refused(tmp_path: Path) -> None:
    two_folders(tmp_path)
    for name in ("image_pairs", "unpaired"):
        with pytest.raises(ConfigurationError, match="does not use this key"):
            read(name, tmp_path, classes=[1])


def resolved(dataset: dict[str, Any], model: str = "dcgan") -> Any:
    data = {"name": "pairs", "dataset": dataset, "model": {"name": model}}
    return resolving.resolve(Experiment.from_source(YamlSource("test", data)))


def test_models_and_data_sets_that_fit_are_named(shapes_npz: Path) -> None:
    with models.registry.temporarily():
        for name, feeds in (("of_pairs", PAIRED), ("of_kinds", UNPAIRED)):
            sampler = ImageSampler(gives=feeds[1], source=feeds[0])
            models.registry.register(name, source="this test", feeds=feeds, samplers={"s": sampler})(
                lambda image_shape: {}
            )
        with pytest.raises(ConfigurationError, match=r"another model \(.*of_kinds, of_pairs.*\) or another"):
            resolved({"name": "image_pairs", "path": "."})
        with pytest.raises(ConfigurationError, match=r"another model \((?!.*of_pairs).*of_kinds.*\) or another"):
            resolved({"name": "unpaired", "path": "."})
        parts = resolved({"name": "npz", "path": str(shapes_npz)}, "of_pairs")
        with pytest.raises(ConfigurationError, match=r"or another data set \(derived, image_pairs\)\.$"):
            resolving.read_feeds(parts, track)
        parts = resolved({"name": "npz", "path": str(shapes_npz)}, "of_kinds")
        with pytest.raises(ConfigurationError, match=r"or another data set \(derived, image_pairs, unpaired\)\.$"):
            resolving.read_feeds(parts, track)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"name": "image_pairs", "path": ".", "direction": "a_to_c"}, "direction"),
        ({"name": "image_folder", "path": ".", "path_b": "."}, "image_pairs and unpaired have it"),
        ({"name": "unpaired", "path": ".", "direction": "b_to_a"}, "derived and image_pairs have it"),
        ({"name": "npz", "path": ".", "transform": "grey"}, "derived has it"),
        (
            {"name": "image_pairs", "path": ".", "image_size": 32},
            "provides images called `source` and `target`; the model 'dcgan' learns from `real`",
        ),
        ({"name": "unpaired", "path": ".", "image_size": 32}, "provides images called `a` and `b`"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_read(dataset: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolved(dataset)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2
