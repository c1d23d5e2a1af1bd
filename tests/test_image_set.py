"""Images in memory: what arrays become, how they are split, and what is refused or warned about."""

import re
from typing import Any

import numpy as np
import pytest
from image_files import (
    RED,
)
from loaded_images import load, numbered, section

from ganctl.errors import ConfigurationError, DataError
from ganctl.images import image_set
from ganctl.images.image_set import ImageSet, from_arrays

pytestmark = pytest.mark.usefixtures("own_data_folders")


# ---- ImageSet


def test_split_is_disjoint_complete_and_repeatable() -> None:
    whole = from_arrays(numbered(100), np.arange(100) % 7, (), section(), "test")
    learned, held_out = whole.split(0.2)
    assert (len(learned), len(held_out)) == (80, 20)
    values = np.concatenate([learned.images[:, 0, 0, 0], held_out.images[:, 0, 0, 0]])
    assert sorted(values) == list(range(100))
    np.testing.assert_array_equal(learned.labels, learned.images[:, 0, 0, 0] % 7)
    again, _ = whole.split(0.2)
    assert again.fingerprint() == learned.fingerprint()
    assert np.ptp(held_out.images[:, 0, 0, 0]) > 50


def test_no_holdout_is_the_set_itself() -> None:
    whole = from_arrays(numbered(3), None, (), section(), "test")
    assert whole.split(0.0) == (whole, None)
    learned, held_out = whole.split(0.01)
    assert (len(learned), len(held_out)) == (2, 1)


def test_fingerprint_sees_pixels_labels_and_shape() -> None:
    images, labels = numbered(10), np.arange(10)
    base = from_arrays(images, labels, (), section(), "here")
    assert base.fingerprint() == from_arrays(images.copy(), labels.copy(), (), section(), "there").fingerprint()
    others = [
        from_arrays(images, labels[::-1], (), section(), "here"),
        from_arrays(images, None, (), section(), "here"),
        from_arrays(images[::-1], labels, (), section(), "here"),
        ImageSet(images.reshape(10, 16, 4, 1), labels, base.class_names, "here"),
    ]
    assert len({base.fingerprint(), *(other.fingerprint() for other in others)}) == 5


def test_description() -> None:
    described = from_arrays(numbered(5), np.array([0, 1, 2, 0, 1]), (), section(), "test").describe()
    assert described == "5 images of 8x8x1, 3 classes, minimum 0 .. maximum 4"
    assert from_arrays(numbered(5), None, (), section(), "test").describe().startswith("5 images of 8x8x1, minimum 0")


def test_large_arrays_are_mapped_from_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_set, "_IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(image_set, "_BLOCK_BYTES", 500)
    whole = from_arrays(numbered(100), None, (), section(image_size=16, channels=3), "test")
    learned, held_out = whole.split(0.1)
    assert isinstance(whole.images, np.memmap)
    assert isinstance(learned.images, np.memmap)
    assert whole.describe() == "100 images of 16x16x3, minimum 0 .. maximum 99"
    assert len(learned) + len(held_out) == 100
    assert (whole.images[42] == 42).all()


# ---- from_arrays


def test_arrays_that_fit_are_taken_as_they_are() -> None:
    images = numbered(4) * 80
    taken = from_arrays(images, None, (), section(), "test")
    assert taken.images is images or taken.images.base is images
    assert (taken.shape, taken.num_classes, taken.notes) == ((8, 8, 1), 0, ())


@pytest.mark.parametrize(
    ("images", "brightest", "said"),
    [
        (np.linspace(0, 1, 32, dtype=np.float32), 255, "0 .black. to 1"),
        (np.linspace(-1, 1, 32), 255, "-1 .black. to 1"),
        (np.linspace(0, 200, 32), 200, "0 .black. to 255"),
        (np.linspace(0, 65535, 32).astype(np.uint16), 255, "to 65535"),
        (np.arange(32), 31, "int64 values were read as 0 .black. to 255"),
        (np.arange(32) % 2 == 0, 255, "bool"),
    ],
)
def test_numbers_of_other_kinds_are_scaled_and_said(images: Any, brightest: int, said: str) -> None:
    taken = from_arrays(images.reshape(2, 4, 4), None, (), section(), "test")
    assert taken.images.dtype == np.uint8
    assert taken.images.max() == brightest
    assert taken.images.min() == 0
    assert re.search(said, taken.notes[0])


def test_float_round_trip_is_exact() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    for floats in (pixels / 255, pixels / 127.5 - 1, pixels.astype(np.float32)):
        np.testing.assert_array_equal(from_arrays(floats, None, (), section(), "test").images[..., 0], pixels)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((3, 4, 4), np.nan), "image 0 .* not finite"),
        (np.where(np.arange(3) == 2, np.inf, 0).reshape(3, 1, 1), "image 2 .* not finite"),
        (np.full((3, 4, 4), 300.0), "Received: 300 to 300"),
        (np.full((3, 4, 4), -3), "-3"),
        (np.full((3, 4, 4), "x"), "numbers"),
        (np.full((3, 4, 4), None), "object"),
        (np.zeros((3, 16), np.uint8), r"\[3, 16\]"),
        (np.zeros((3, 17, 4, 18), np.uint8), r"\[3, 17, 4, 18\]"),
        (np.zeros((0, 4, 4), np.uint8), "no images"),
        (np.zeros((1, 4, 4), np.uint8), "1 image is too few"),
    ],
)
def test_unusable_images_are_refused(images: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_arrays(images, None, (), section(), "test")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"3 images need 3 labels.*\[2\]"),
        ([[1, 0], [1, 1], [1, 0]], r"\[3, 2\]"),
        ([0, 1, -1], "must be integers"),
        ([0.0, 0.5, 1.0], "must be integers"),
        ([0, 1, 10**9], "must be integers"),
        (["a", "b", "c"], "must be integers"),
        ([0.0, np.nan, 1.0], "must be integers"),
    ],
)
def test_unusable_labels_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_arrays(numbered(3), np.array(labels), (), section(), "test")


def test_channels_first_are_turned() -> None:
    images = np.zeros((3, 3, 8, 8), np.uint8)
    images[:, 0] = 255
    images[0, 1] = 7
    taken = from_arrays(images, None, (), section(), "test")
    assert taken.images[1, 0, 0].tolist() == list(RED)
    assert "channels-first images were made channels-last" in taken.notes[0]


def test_rgba_arrays_lie_over_white() -> None:
    images = np.zeros((2, 8, 8, 4), np.uint8)
    images[1, ..., 3] = 255
    taken = from_arrays(images, None, (), section(alpha=True), "test")
    assert taken.shape == (8, 8, 3)
    assert (taken.images[0] == 255).all()
    assert (taken.images[1] == 0).all()


def test_size_and_channels_are_as_asked() -> None:
    taken = from_arrays(numbered(4, 28, 28), None, (), section(image_size=32, resize="pad", channels=3), "test")
    assert taken.shape == (32, 32, 3)
    assert (taken.images[3, 2:30, 2:30] == 3).all()
    assert (taken.images[3, :2] == 0).all()
    assert from_arrays(numbered(4, 8, 8, 3), None, (), section(channels=1), "test").shape == (8, 8, 1)


def test_images_that_are_not_square_stay_so_without_a_size() -> None:
    assert from_arrays(numbered(4, 8, 6), None, (), section(), "test").shape == (8, 6, 1)
    assert from_arrays(numbered(4, 8, 6), None, (), section(image_size=8), "test").shape == (8, 8, 1)


def test_classes_are_picked_and_renumbered_in_their_order() -> None:
    labels = np.arange(30) % 10
    taken = from_arrays(numbered(30), labels, tuple("abcdefghij"), section(classes=[6, 2]), "test")
    assert taken.class_names == ("g", "c")
    assert taken.images[:, 0, 0, 0].tolist() == [2, 6, 12, 16, 22, 26]
    assert taken.labels.tolist() == [1, 0, 1, 0, 1, 0]
    assert taken.num_classes == 2


def test_limit_comes_after_classes() -> None:
    taken = from_arrays(numbered(30), np.arange(30) % 10, (), section(classes=[6], limit=2), "test")
    assert taken.images[:, 0, 0, 0].tolist() == [6, 16]
    assert taken.class_names == ("6",)
    assert len(from_arrays(numbered(30), None, (), section(limit=100), "test")) == 30


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [([0, 1, 1], [2], "no image has the class 2"), ([0, 1, 1], [0, 0], "listed twice")],
)
def test_wrong_classes_are_mistakes_in_the_configuration(labels: Any, classes: list[Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as error:
        from_arrays(numbered(3), np.array(labels), (), section(classes=classes), "test")
    assert error.value.key == "dataset.classes"


NAMES = ("cat", "7", "dog", "Cow")


@pytest.mark.parametrize(
    ("classes", "kept", "names"),
    [
        (["dog", 0], [2, 0], ("dog", "cat")),
        (["7"], [1], ("7",)),  # the name comes before the number
        (["3", "cat"], [3, 0], ("Cow", "cat")),
        ([3], [3], ("Cow",)),
        (["cow"], [3], ("Cow",)),
    ],
)
def test_classes_are_given_by_name_or_number(classes: list[Any], kept: list[int], names: tuple[str, ...]) -> None:
    labels = np.arange(24) % 4
    taken = from_arrays(numbered(24), labels, NAMES, section(classes=classes), "test")
    assert taken.class_names == names
    assert [kept[label] for label in taken.labels] == [int(image[0, 0, 0]) % 4 for image in taken.images]
    assert len(taken) == 6 * len(kept)


@pytest.mark.parametrize(
    ("classes", "names", "message"),
    [
        (["dgo"], NAMES, r"no class is called 'dgo'. Did you mean 'dog'\? The names: cat, 7, dog, Cow"),
        (["dog", 2], NAMES, r"a class is listed twice. Received: \['dog', 2\]"),
        (["a"], ("a", "b", "a", "c"), "several classes are called 'a'. Give the number of one of them: 0, 2"),
        (["A"], ("a", "b", "c", "c"), ""),
        (["C"], ("a", "b", "c", "c"), "several classes are called 'C'"),
        (["9"], NAMES, "no image has the class 9"),
        (["-1"], NAMES, "no image has the class -1"),
    ],
)
def test_a_class_that_cannot_be_found_is_a_mistake(classes: list[Any], names: tuple[str, ...], message: str) -> None:
    def read() -> Any:
        return from_arrays(numbered(8), np.arange(8) % 4, names, section(classes=classes), "test")

    if not message:
        assert read().class_names == ("a",)
        return
    with pytest.raises(ConfigurationError, match=message) as error:
        read()
    assert error.value.key == "dataset.classes"


@pytest.mark.parametrize("wrong", [-1, True, 1.5, "", None, [1]])
def test_what_is_neither_a_name_nor_a_number_of_a_class(wrong: Any) -> None:
    with pytest.raises(ValueError, match="give the number of a class, from 0, or its name"):
        section(classes=[wrong])


def test_whole_numbers_that_leave_the_images_black_are_warned_about() -> None:
    black = from_arrays(np.eye(8, dtype=np.uint8)[None].repeat(4, 0), None, (), section(), "test")
    assert any("the images are black" in note for note in black.notes)


def test_images_without_pixels_are_refused() -> None:
    with pytest.raises(DataError, match="no pixels"):
        from_arrays(np.zeros((5, 0, 8, 3), np.uint8), None, (), section(image_size=8), "test")


def test_a_device_is_no_data_set() -> None:
    with pytest.raises(DataError, match="neither a file nor a folder"):
        load("npz", path="/dev/zero")


def test_classes_of_unlabelled_images_are_all_of_them_and_it_is_said() -> None:
    loaded = from_arrays(numbered(3), None, (), section(classes=[6]), "test")
    assert len(loaded) == 3
    assert "Warning: these images have no labels, so dataset.classes has no effect." in loaded.notes


def test_doubtful_data_is_warned_about() -> None:
    same = from_arrays(np.full((5, 8, 8), 9, np.uint8), None, (), section(), "test")
    assert same.notes == ("Warning: all images are identical.",)
    partial = from_arrays(numbered(5) * 60, np.array([0, 0, 0, 2, 2]), ("a", "b", "c"), section(), "test")
    assert partial.notes == ("Warning: only 2 of 3 classes have images.",)
