"""Classes by name: above the columns of a grid, beside the rows of walks, in file names, in an npz and back."""

from pathlib import Path

import click
import numpy as np
import pytest
from conftest import drawn_from_noise, untracked

from ganctl import datasets
from ganctl.cli._options import ClassList
from ganctl.errors import DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.generation.sample_files import writer_for
from ganctl.images import draw
from ganctl.images.class_names import class_name, in_file_names, listed
from ganctl.images.decode import decode
from ganctl.images.headings import above, beside

RANDOM = np.random.default_rng(0)


def ink(strip: np.ndarray, axis: int) -> list[tuple[int, int]]:
    """Where something is written along an axis: the first and last place of each stretch; short gaps are letters'."""
    places = np.flatnonzero((strip[..., 0] < 128).any(axis=1 - axis))
    cuts = np.flatnonzero(np.diff(places) > 12)
    return [(int(part[0]), int(part[-1])) for part in np.split(places, cuts + 1) if len(part)]


def test_each_name_stands_in_the_middle_above_its_column() -> None:
    edges = [(4, 104), (108, 208), (212, 312)]
    strip = above(["Bag", "Coat", "Ankle boot"], edges, 320)
    assert strip.shape[1:] == (320, 1)
    assert strip.shape[0] < 30
    for (left, right), (first, last) in zip(edges, ink(strip, 1), strict=True):
        assert left <= first <= last < right
        assert abs((first + last) / 2 - (left + right) / 2) < 3


def test_names_that_do_not_fit_side_by_side_are_all_written_upright() -> None:
    edges = [(4 + 30 * number, 32 + 30 * number) for number in range(3)]
    flat, upright = above(["a", "b", "c"], edges, 100), above(["a", "b", "Ankle boot"], edges, 100)
    assert flat.shape[0] < 30 < 60 < upright.shape[0]
    for (left, right), (first, last) in zip(edges, ink(upright, 1), strict=True):
        assert left <= first <= last < right, "and stay in their columns"
    (low,) = ink(upright[:, : edges[0][1]], 0)
    assert upright.shape[0] - low[1] < 20, "each begins at its column"


def test_a_long_name_is_cut() -> None:
    strip = beside(["x" * 500, "short"], [(0, 20), (22, 42)], 44)
    assert strip.shape[0] == 44
    assert 100 < strip.shape[1] < 170


def test_names_are_one_line_of_any_alphabet() -> None:
    strips = [above([name], [(0, 200)], 200) for name in ("naïve café", "Ботинок", "two\nlines", "")]
    assert len({strip.shape for strip in strips}) == 1
    assert [len(ink(strip, 1)) > 0 for strip in strips] == [True, True, True, False]


def test_a_grid_with_headings_is_the_grid_below_them() -> None:
    images = RANDOM.integers(0, 256, (6, 8, 8, 3), np.uint8)
    bare = draw.grid(images, 2, 3)
    named = draw.grid(images, 2, 3, headings=[["Bag", "Coat", "Boot"]])
    height = len(named) - len(bare)
    assert named.shape[1:] == bare.shape[1:]
    np.testing.assert_array_equal(named[height:], bare)
    assert len(ink(named[:height], 1)) == 3


def test_headings_and_names_of_rows_go_together() -> None:
    images = RANDOM.integers(0, 256, (6, 8, 8, 1), np.uint8)
    bare = draw.grid(images, 3, 2)
    named = draw.grid(images, 3, 2, headings=[["left", "right"]], row_names=["one", "two", "three"])
    high, wide = np.subtract(named.shape[:2], bare.shape[:2])
    np.testing.assert_array_equal(named[high:, wide:], bare)
    factor = len(bare) // (3 * 10 + 2)
    for number, (first, last) in enumerate(ink(named[high:, :wide], 0)):
        assert abs((first + last) / 2 - factor * (10 * number + 6)) < 4, "in the middle of its row"


def test_each_part_of_a_wrapped_grid_has_its_own_headings(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 128, (50, 28, 28, 1), np.uint8)
    classes, names = list(range(25)), [f"c{number}" for number in range(25)]
    found = decode(writer_for(tmp_path / "a.png", 50)([images], classes, names=names).read_bytes()).pixels
    rows, columns = draw.wrapped_shape(50, 25)
    assert (rows, columns) == (4, 13)
    bare = draw.grid(draw.wrapped(images, 25), rows, columns)
    part = 2 * (28 + 2) * (bare.shape[0] // (4 * 30 + 2))
    strip = (len(found) - len(bare)) // 2
    np.testing.assert_array_equal(found[strip : strip + part], bare[:part])
    np.testing.assert_array_equal(found[2 * strip + part :], bare[part:])
    assert len(ink(found[:strip], 1)) == 13
    assert len(ink(found[strip + part : 2 * strip + part], 1)) == 12


def test_a_grid_of_one_class_has_one_name(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (4, 28, 28, 1), np.uint8)
    names = ["a", "Ankle boot"]
    found = decode(writer_for(tmp_path / "a.png", 4)([images], [1], names=names).read_bytes()).pixels
    bare = draw.grid(images, 2, 2)
    strip = len(found) - len(bare)
    np.testing.assert_array_equal(found[strip:], bare)
    first, last = ink(found[:strip], 1)[0][0], ink(found[:strip], 1)[-1][1]
    assert abs((first + last) / 2 - bare.shape[1] / 2) < 4


def test_files_are_named_after_their_class(tmp_path: Path) -> None:
    images = np.zeros((3, 4, 4, 1), np.uint8)
    folder = writer_for(tmp_path / "new", 3)([images], [1, 0], names=["T-shirt/top", "Ankle boot"])
    assert sorted(path.name for path in folder.iterdir()) == [
        "0-Ankle-boot.png",
        "1-T-shirt-top.png",
        "2-Ankle-boot.png",
    ]
    folder = writer_for(tmp_path / "numbers", 2)([images[:2]], [3, 1], names=())
    assert sorted(path.name for path in folder.iterdir()) == ["0-3.png", "1-1.png"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a/b", "a b"], ["a-b-0", "a-b-1"]),
        (["Cat", "cat", "dog"], ["Cat-0", "cat-1", "dog"]),
        (["/", "..", "ok"], ["class-0", "class-1", "ok"]),
        (["naïve", "x" * 90], ["naïve", "x" * 40]),
        (["a\nb", "c:d*e"], ["a-b", "c-d-e"]),
    ],
)
def test_names_in_file_names(names: list[str], expected: list[str]) -> None:
    assert in_file_names(names) == expected


def test_classes_in_words() -> None:
    assert listed([2, 0, 2], ["cat", "dog", "cow"]) == "2 cow, 0 cat"
    assert listed(range(3), ()) == "0, 1, 2"
    assert listed(range(25), [f"c{n}" for n in range(25)]).endswith("19 c19 and 5 more")
    assert [class_name(number, ["cat"]) for number in (0, 1)] == ["cat", "1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('sneaker,"Ankle boot"', ["sneaker", "Ankle boot"]),
        ('"a, b", c', ["a, b", "c"]),
        ('"say ""hi"""', ['say "hi"']),
    ],
)
def test_a_name_with_a_comma_is_quoted(text: str, expected: list[str]) -> None:
    assert ClassList().convert(text, None, None) == expected


@pytest.mark.parametrize("text", ['"a', '"a"b', 'a,"', "a\nb,c", '""'])
def test_unbalanced_quotes_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a comma-separated list of classes"):
        ClassList().convert(text, None, None)


def test_an_npz_of_samples_is_a_data_set_with_its_names(tmp_path: Path) -> None:
    images = RANDOM.integers(0, 256, (6, 8, 8, 1), np.uint8)
    names = ["T-shirt", "Bag", "Ankle boot"]
    path = writer_for(tmp_path / "a.npz", 6)([images], [2, 0], names=names)
    saved = np.load(path)
    assert saved["labels"].tolist() == [2, 0] * 3
    assert saved["class_names"].tolist() == names
    read = datasets.registry.get("npz").make(DatasetSection(name="npz", path=str(path)), untracked)
    assert read.class_names == tuple(names)
    assert read.labels.tolist() == [2, 0] * 3
    assert "Warning: only 2 of 3 classes have images." in read.notes


@pytest.mark.parametrize("odd", [np.array([1, 2]), np.array([["a"], ["b"]]), np.array("ab")])
def test_names_that_are_no_list_of_words_are_refused(odd: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 8, 8, 1), np.uint8), labels=[0, 1], class_names=odd)
    config = DatasetSection(name="npz", path=str(tmp_path / "a.npz"))
    with pytest.raises(DataError, match=r"`class_names` should be a vector of text\. Received:"):
        datasets.registry.get("npz").make(config, untracked)


def test_which_models_draw_the_classes_of_the_images() -> None:
    """The categories of InfoGAN are its own: names of the images' classes would be wrong for them."""
    learned = {entry.name for entry in drawn_from_noise() if entry.learns_labels}
    assert {"acgan_mnist", "sngan", "sagan", "r3gan"} <= learned
    assert not learned & {"infogan", "dcgan", "dense_gan"}
