import gzip
import io
import json
import os
import pickle
import re
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

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

from ganctl.datasets import registry
from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.images import image_cache, image_set
from ganctl.images.image_set import ImageSet, from_arrays


@pytest.fixture(autouse=True)
def folders(tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def track(sequence, description, total):
    return sequence


def load(name: str, **keys) -> ImageSet:
    if "path" in keys:
        keys["path"] = str(keys["path"])
    config = DatasetSection(name=name, **keys)
    return registry.get(name).make(config=config, track=track)


def section(**keys) -> DatasetSection:
    return DatasetSection(name="npz", **keys)


def numbered(count: int, height: int = 8, width: int = 8, channels: int = 1) -> np.ndarray:
    """Image k holds nothing but k."""
    values = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return np.broadcast_to(values, (count, height, width, channels)).copy()


# ---- every registered data set


@pytest.mark.parametrize("entry", list(registry), ids=lambda entry: entry.name)
def test_registered_data_set_says_what_it_is(entry):
    assert entry.summary
    assert entry.source
    assert entry.shape is None or len(entry.shape) == 3
    assert not entry.arguments().model_fields


@pytest.mark.parametrize("name", ["npz", "image_folder"])
def test_missing_path_is_a_mistake_in_the_configuration(name):
    with pytest.raises(ConfigurationError, match="needs") as error:
        load(name)
    assert error.value.key == "dataset.path"


@pytest.mark.parametrize("name", ["npz", "image_folder", "mnist", "fashion_mnist", "cifar10"])
def test_path_to_nothing_names_the_absolute_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=str(tmp_path / "nowhere")) as error:
        load(name, path="nowhere")
    assert error.value.exit_code == 3


# ---- ImageSet


def test_split_is_disjoint_complete_and_repeatable():
    whole = from_arrays(numbered(100), np.arange(100) % 7, (), section(), "test")
    learned, held_out = whole.split(0.2)
    assert (len(learned), len(held_out)) == (80, 20)
    values = np.concatenate([learned.images[:, 0, 0, 0], held_out.images[:, 0, 0, 0]])
    assert sorted(values) == list(range(100))
    np.testing.assert_array_equal(learned.labels, learned.images[:, 0, 0, 0] % 7)
    again, _ = whole.split(0.2)
    assert again.fingerprint() == learned.fingerprint()
    assert np.ptp(held_out.images[:, 0, 0, 0]) > 50


def test_no_holdout_is_the_set_itself():
    whole = from_arrays(numbered(3), None, (), section(), "test")
    assert whole.split(0.0) == (whole, None)
    learned, held_out = whole.split(0.01)
    assert (len(learned), len(held_out)) == (2, 1)


def test_fingerprint_sees_pixels_labels_and_shape():
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


def test_description():
    described = from_arrays(numbered(5), np.array([0, 1, 2, 0, 1]), (), section(), "test").describe()
    assert described == "5 images of 8x8x1, 3 classes, minimum 0 .. maximum 4"
    assert from_arrays(numbered(5), None, (), section(), "test").describe().startswith("5 images of 8x8x1, minimum 0")


def test_large_arrays_are_mapped_from_disk(monkeypatch):
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


def test_arrays_that_fit_are_taken_as_they_are():
    images = numbered(4)
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
def test_numbers_of_other_kinds_are_scaled_and_said(images, brightest, said):
    taken = from_arrays(images.reshape(2, 4, 4), None, (), section(), "test")
    assert taken.images.dtype == np.uint8
    assert taken.images.max() == brightest
    assert taken.images.min() == 0
    assert re.search(said, taken.notes[0])


def test_float_round_trip_is_exact():
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    for floats in (pixels / 255, pixels / 127.5 - 1, pixels.astype(np.float32)):
        np.testing.assert_array_equal(from_arrays(floats, None, (), section(), "test").images[..., 0], pixels)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((3, 4, 4), np.nan), "image 0 .* not finite"),
        (np.where(np.arange(3) == 2, np.inf, 0).reshape(3, 1, 1), "image 2 .* not finite"),
        (np.full((3, 4, 4), 300.0), "300.0"),
        (np.full((3, 4, 4), -3), "-3"),
        (np.full((3, 4, 4), "x"), "numbers"),
        (np.full((3, 4, 4), None), "object"),
        (np.zeros((3, 16), np.uint8), r"\[3, 16\]"),
        (np.zeros((3, 5, 4, 7), np.uint8), r"\[3, 5, 4, 7\]"),
        (np.zeros((0, 4, 4), np.uint8), "no images"),
        (np.zeros((1, 4, 4), np.uint8), "1 images are too few"),
    ],
)
def test_unusable_images_are_refused(images, message):
    with pytest.raises(DataError, match=message):
        from_arrays(images, None, (), section(), "test")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"3 images need 3 labels.*\[2\]"),
        ([[1, 0], [0, 1], [1, 0]], r"\[3, 2\]"),
        ([0, 1, -1], "whole numbers"),
        ([0.0, 0.5, 1.0], "whole numbers"),
        ([0, 1, 10**9], "whole numbers"),
        (["a", "b", "c"], "whole numbers"),
        ([0.0, np.nan, 1.0], "whole numbers"),
    ],
)
def test_unusable_labels_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        from_arrays(numbered(3), np.array(labels), (), section(), "test")


def test_channels_first_are_turned():
    images = np.zeros((3, 3, 8, 8), np.uint8)
    images[:, 0] = 255
    images[0, 1] = 7
    taken = from_arrays(images, None, (), section(), "test")
    assert taken.images[1, 0, 0].tolist() == list(RED)
    assert "channels stood first" in taken.notes[0]


def test_rgba_arrays_lie_over_white():
    images = np.zeros((2, 8, 8, 4), np.uint8)
    images[1, ..., 3] = 255
    taken = from_arrays(images, None, (), section(), "test")
    assert taken.shape == (8, 8, 3)
    assert (taken.images[0] == 255).all()
    assert (taken.images[1] == 0).all()


def test_size_and_channels_are_as_asked():
    taken = from_arrays(numbered(4, 28, 28), None, (), section(image_size=32, resize="pad", channels=3), "test")
    assert taken.shape == (32, 32, 3)
    assert (taken.images[3, 2:30, 2:30] == 3).all()
    assert (taken.images[3, :2] == 0).all()
    assert from_arrays(numbered(4, 8, 8, 3), None, (), section(channels=1), "test").shape == (8, 8, 1)


def test_images_that_are_not_square_need_a_size():
    with pytest.raises(ConfigurationError, match="8 x 6") as error:
        from_arrays(numbered(4, 8, 6), None, (), section(), "test")
    assert error.value.key == "dataset.image_size"
    assert from_arrays(numbered(4, 8, 6), None, (), section(image_size=8), "test").shape == (8, 8, 1)


def test_classes_are_picked_and_renumbered_in_their_order():
    labels = np.arange(30) % 10
    taken = from_arrays(numbered(30), labels, tuple("abcdefghij"), section(classes=[6, 2]), "test")
    assert taken.class_names == ("g", "c")
    assert taken.images[:, 0, 0, 0].tolist() == [2, 6, 12, 16, 22, 26]
    assert taken.labels.tolist() == [1, 0, 1, 0, 1, 0]
    assert taken.num_classes == 2


def test_limit_comes_after_classes():
    taken = from_arrays(numbered(30), np.arange(30) % 10, (), section(classes=[6], limit=2), "test")
    assert taken.images[:, 0, 0, 0].tolist() == [6, 16]
    assert taken.class_names == ("6",)
    assert len(from_arrays(numbered(30), None, (), section(limit=100), "test")) == 30


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [([0, 1, 1], [2], "no image of class 2"), ([0, 1, 1], [0, 0], "named twice")],
)
def test_wrong_classes_are_mistakes_in_the_configuration(labels, classes, message):
    with pytest.raises(ConfigurationError, match=message) as error:
        from_arrays(numbered(3), np.array(labels), (), section(classes=classes), "test")
    assert error.value.key == "dataset.classes"


def test_whole_numbers_that_leave_the_images_black_are_warned_about():
    black = from_arrays(np.eye(8, dtype=np.uint8)[None].repeat(4, 0), None, (), section(), "test")
    assert any("the images are black" in note for note in black.notes)


def test_images_without_pixels_are_refused():
    with pytest.raises(DataError, match="no pixels"):
        from_arrays(np.zeros((5, 0, 8, 3), np.uint8), None, (), section(image_size=8), "test")


def test_a_device_is_no_data_set():
    with pytest.raises(DataError, match="neither a file nor a folder"):
        load("npz", path="/dev/zero")


def test_classes_of_unlabelled_images_are_all_of_them_and_it_is_said():
    loaded = from_arrays(numbered(3), None, (), section(classes=[6]), "test")
    assert len(loaded) == 3
    assert loaded.notes == ("Warning: these images have no labels, so dataset.classes picks none of them out.",)


def test_doubtful_data_is_warned_about():
    same = from_arrays(np.full((5, 8, 8), 9, np.uint8), None, (), section(), "test")
    assert same.notes == ("Warning: all images are the same.",)
    partial = from_arrays(numbered(5), np.array([0, 0, 0, 2, 2]), (), section(), "test")
    assert partial.notes == ("Warning: only 2 of 3 classes have an image.",)


# ---- shipped


def test_fashion_mnist_mini_needs_nothing():
    loaded = load("fashion_mnist_mini")
    assert (len(loaded), loaded.shape, loaded.num_classes) == (10_000, (28, 28, 1), 10)
    assert np.bincount(loaded.labels).tolist() == [1000] * 10
    assert loaded.class_names[9] == "Ankle boot"
    assert loaded.describe().endswith("minimum 0 .. maximum 255")


def test_fashion_mnist_mini_takes_no_path(tmp_path):
    with pytest.raises(ConfigurationError, match="no path") as error:
        load("fashion_mnist_mini", path=tmp_path)
    assert error.value.key == "dataset.path"


# ---- npz


@pytest.mark.parametrize(
    ("images", "labels"), [("images", "labels"), ("x_train", "y_train"), ("x", "y"), ("arr_0", None)]
)
def test_npz_names(tmp_path, images, labels):
    arrays = {images: numbered(6), "other": np.zeros(3)}
    if labels:
        arrays[labels] = np.arange(6).reshape(6, 1) % 2
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    loaded = load("npz", path=tmp_path / "a.npz")
    assert (loaded.images[..., 0] == numbered(6)[..., 0]).all()
    assert loaded.num_classes == (2 if labels else 0)
    assert f"'{images}'" in loaded.notes[0]


def test_npz_without_images_says_what_it_holds(tmp_path):
    np.savez(tmp_path / "a.npz", faces=numbered(3))
    with pytest.raises(DataError, match="holds faces"):
        load("npz", path=tmp_path / "a.npz")


def test_npz_with_objects_is_refused_without_running_them(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    np.savez(tmp_path / "a.npz", images=np.array([Trap()], object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        load("npz", path=tmp_path / "a.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("shape", [(10**12, 8, 8), (10**6, 8, 8), (-1, 8, 8)])
def test_npz_that_declares_too_much_is_refused_at_once(tmp_path, shape):
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", content.getvalue() + bytes(64))
    with pytest.raises(DataError, match=r"declares|damaged"):
        load("npz", path=tmp_path / "a.npz")


HEADERS = [
    "{'descr': '|u1', 'fortran_order': False, 'shape': (12, 'sh",  # NumPy's tokenizer comes to the end too early
    "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 8, 8)}\n  1\n 2",  # and does not like the indentation
    "(" * 5000,
    "{'descr': ('|u1',), 'fortran_order': False, 'shape': (1, 8, 8)}",
    "{[]: 1}",
    "[1]",
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_whatever_a_header_of_npz_says_is_an_error_of_the_data(tmp_path, header):
    length = len(header).to_bytes(2, "little")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00" + length + header.encode())
    with pytest.raises(DataError, match=r"'images' is damaged"):
        load("npz", path=tmp_path / "a.npz")


@pytest.mark.parametrize("damage", ["not a zip", "cut", "flipped", "no array", "folder"])
def test_damaged_npz_is_refused(tmp_path, damage):
    path = tmp_path / "a.npz"
    np.savez(path, images=numbered(100))
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage == "no array":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", b"hello")
    else:
        content[3000] ^= 255
        path.write_bytes({"not a zip": b"hello", "cut": content[:2000], "flipped": content}[damage])
    with pytest.raises(DataError, match=r"a\.npz"):
        load("npz", path=path)


# ---- MNIST and Fashion-MNIST


def write_idx(path: Path, array: np.ndarray, compressed: bool = True) -> None:
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if compressed else content)


def write_idx_pair(folder: Path, count: int = 20, compressed: bool = True) -> None:
    ending = ".gz" if compressed else ""
    write_idx(folder / f"train-images-idx3-ubyte{ending}", numbered(count, 28, 28)[..., 0], compressed)
    write_idx(folder / f"train-labels-idx1-ubyte{ending}", np.arange(count) % 10, compressed)


def write_mnist(path: Path, count: int = 20) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    images, labels = numbered(count, 28, 28)[..., 0], np.arange(count) % 10
    np.savez(path, x_train=images, y_train=labels, x_test=images[:3], y_test=labels[:3])


def test_mnist_is_found_in_the_keras_cache(tmp_path):
    write_mnist(tmp_path / "keras/datasets/mnist.npz")
    loaded = load("mnist")
    assert (len(loaded), loaded.shape, loaded.num_classes) == (20, (28, 28, 1), 10)
    assert (loaded.images[13] == 13).all()
    assert loaded.labels[13] == 3


def test_keras_cache_is_in_the_home_folder_by_default(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    write_mnist(tmp_path / ".keras/datasets/mnist.npz")
    assert len(load("mnist")) == 20


@pytest.mark.parametrize("given", ["mnist.npz", "."])
def test_mnist_at_a_path(tmp_path, given):
    write_mnist(tmp_path / "mine/mnist.npz", 12)
    assert len(load("mnist", path=tmp_path / "mine" / given, classes=[1, 0])) == 4


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("given", [".", "train-images-idx3-ubyte"])
def test_idx_files_at_a_path(tmp_path, name, compressed, given):
    write_idx_pair(tmp_path / "idx", 20, compressed)
    given = given + ".gz" if compressed and given != "." else given
    loaded = load(name, path=tmp_path / "idx" / given)
    assert (loaded.images[13] == 13).all()
    assert loaded.labels[13] == 3


def test_fashion_mnist_is_found_in_the_keras_cache(tmp_path):
    write_idx_pair(tmp_path / "keras/datasets/fashion-mnist")
    loaded = load("fashion_mnist", image_size=32, resize="pad")
    assert loaded.shape == (32, 32, 1)
    assert loaded.class_names[0] == "T-shirt/top"


@pytest.mark.parametrize("damage", ["cut", "short", "huge", "no idx", "missing"])
def test_damaged_idx_is_refused(tmp_path, damage):
    write_idx_pair(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    plain = gzip.decompress(content)
    path.unlink()
    if damage != "missing":
        path.write_bytes(
            {
                "cut": content[: len(content) // 2],
                "short": gzip.compress(plain[:-1]),
                "huge": gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2**31, 28, 28)),
                "no idx": gzip.compress(b"hello world"),
            }[damage]
        )
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        load("fashion_mnist", path=tmp_path)


# ---- CIFAR-10


def write_batches(folder: Path, rows: int = 4, batches: int = 5, protocol: int = 2) -> None:
    """Image k of batch b is all red 10 b + k, green 100, blue 200."""
    folder.mkdir(parents=True, exist_ok=True)
    for batch in range(1, batches + 1):
        data = np.zeros((rows, 3, 1024), np.uint8)
        data[:, 0] = (10 * batch + np.arange(rows))[:, np.newaxis]
        data[:, 1], data[:, 2] = 100, 200
        content = {b"data": data.reshape(rows, 3072), b"labels": [k % 10 for k in range(rows)], b"batch_label": b"x"}
        (folder / f"data_batch_{batch}").write_bytes(pickle.dumps(content, protocol))
    (folder / "readme.html").write_text("hello")


def assert_is_small_cifar(loaded: ImageSet) -> None:
    assert (len(loaded), loaded.shape) == (20, (32, 32, 3))
    assert loaded.images[5, 31, 31].tolist() == [21, 100, 200]
    assert loaded.labels.tolist() == [0, 1, 2, 3] * 5


@pytest.mark.parametrize("place", ["cifar-10-batches-py-target/cifar-10-batches-py", "cifar-10-batches-py"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_cifar10_is_found_in_the_keras_cache(tmp_path, place, protocol):
    write_batches(tmp_path / "keras/datasets" / place, protocol=protocol)
    assert_is_small_cifar(load("cifar10"))


def test_cifar10_batches_of_python_2_and_numpy_1_are_read(tmp_path):
    """The published files name numpy.core and __builtin__ in protocol 2, with strings as raw bytes."""
    write_batches(tmp_path / "c")
    for path in (tmp_path / "c").glob("data_batch_*"):
        content = path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        assert b"numpy.core.multiarray" in content
        path.write_bytes(content)
    assert_is_small_cifar(load("cifar10", path=tmp_path / "c"))


@pytest.mark.parametrize("given", ["here/cifar-10-batches-py", "here", "c.tar.gz"])
def test_cifar10_at_a_path(tmp_path, given):
    folder = tmp_path / "here/cifar-10-batches-py"
    write_batches(folder)
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as archive:
        archive.add(folder, "cifar-10-batches-py")
    if given == "c.tar.gz":
        shutil.rmtree(folder)
    assert_is_small_cifar(load("cifar10", path=tmp_path / given))
    assert folder.exists() == (given != "c.tar.gz")


def test_missing_batches_are_said(tmp_path):
    write_batches(tmp_path / "c", batches=2)
    assert "Warning: only 2 of 5 batches are there." in load("cifar10", path=tmp_path / "c").notes


def test_malicious_batch_is_refused_and_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    write_batches(tmp_path / "c")
    (tmp_path / "c/data_batch_3").write_bytes(pickle.dumps({b"data": Trap(), b"labels": []}))
    with pytest.raises(DataError, match=r"data_batch_3.*system"):
        load("cifar10", path=tmp_path / "c")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"cnumpy\nndarray\n(I1000000000000\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"c_codecs\nencode\n(Vx\nVzip\ntR.",
        pickle.dumps([1, 2]),
        pickle.dumps({b"data": np.zeros((2, 3072)), b"labels": [0, 1]}, 2),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}, 2),
        pickle.dumps({b"data": np.zeros((2, 100), np.uint8), b"labels": [0, 1]}, 2),
        pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": ["a"]}, 2),
    ],
)
def test_what_is_no_batch_is_refused(tmp_path, content):
    write_batches(tmp_path / "c")
    (tmp_path / "c/data_batch_3").write_bytes(content)
    with pytest.raises(DataError, match="data_batch_3"):
        load("cifar10", path=tmp_path / "c")


@pytest.mark.parametrize(
    "content",
    [b"hello", gzip.compress(b"hello"), gzip.compress(bytes(10_240))[:20]],
    ids=["text", "compressed text", "torn"],  # compressed bytes hold the time: no name that two processes agree on
)
def test_what_is_no_tar_archive_is_refused(tmp_path, content):
    (tmp_path / "c.tar.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"c\.tar\.gz"):
        load("cifar10", path=tmp_path / "c.tar.gz")


def test_tar_with_outside_names_writes_nothing(tmp_path):
    with tarfile.open(tmp_path / "c.tar", "w") as archive:
        member = tarfile.TarInfo("../../data_batch_1")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"hello"))
    before = set(tmp_path.parent.iterdir())
    with pytest.raises(DataError, match="data_batch_1"):
        load("cifar10", path=tmp_path / "c.tar")
    assert set(tmp_path.parent.iterdir()) == before


def test_folder_without_batches_is_refused(tmp_path):
    with pytest.raises(DataError, match="data_batch_1 to data_batch_5"):
        load("cifar10", path=tmp_path)


# ---- offline


def test_offline_is_a_quick_and_quiet_error(tmp_path):
    program = """
import sys, time
from ganctl.datasets import registry
from ganctl.errors import DataError
from ganctl.experiment import DatasetSection
from ganctl.lazy import keras
keras.utils
for name in ("mnist", "fashion_mnist", "cifar10"):
    started = time.perf_counter()
    try:
        registry.get(name).make(config=DatasetSection(name=name), track=lambda sequence, description, total: sequence)
    except DataError as error:
        assert "dataset.path" in str(error) and "failed" in str(error), error
        assert sys.argv[1] in str(error), error
    else:
        raise AssertionError("downloaded")
    assert time.perf_counter() - started < 20
"""
    # A proxy where nobody listens: refused at once, whether or not this machine has a network.
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{unused.getsockname()[1]}"
        finished = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "keras/datasets")],
            env=os.environ | {"https_proxy": proxy, "http_proxy": proxy, "no_proxy": ""},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


# ---- image_folder


def test_folder_is_read_in_the_order_of_names(tmp_path):
    for name, value in (("b.png", 20), ("a.png", 10), ("c.png", 30)):
        (tmp_path / name).write_bytes(encoded(noise(0).point(lambda _, value=value: value), "PNG"))
    loaded = load("image_folder", path=tmp_path, image_size=32)
    assert loaded.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert (loaded.labels, loaded.num_classes) == (None, 0)


def test_defaults_are_64_pixels_and_rgb(tmp_path):
    write_images(tmp_path / "i", 2)
    assert load("image_folder", path=tmp_path / "i").shape == (64, 64, 3)
    assert load("image_folder", path=tmp_path / "i", channels=1, image_size=8).shape == (8, 8, 1)


def test_colours_and_sides_are_right(tmp_path):
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(encoded(red_left_blue_right(20, 20), "PNG"))
    loaded = load("image_folder", path=tmp_path, image_size=20)
    assert (loaded.images[:, :, :10] == RED).all()
    assert (loaded.images[:, :, 10:] == BLUE).all()
    assert "Warning: all images are the same." in loaded.notes


def test_sub_folders_are_classes_and_nested_ones_belong_to_them(tmp_path):
    write_images(tmp_path / "dogs", 2)
    write_images(tmp_path / "cats/young", 3)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents/readme.txt").write_text("hello")
    loaded = load("image_folder", path=tmp_path)
    assert loaded.class_names == ("cats", "dogs")
    assert loaded.labels.tolist() == [0, 0, 0, 1, 1]
    assert "1 .txt file without an image" in loaded.notes[-1]
    dogs = load("image_folder", path=tmp_path, classes=[1])
    assert (len(dogs), dogs.class_names, dogs.labels.tolist()) == (2, ("dogs",), [0, 0])
    with pytest.raises(ConfigurationError, match="no image of class 2"):
        load("image_folder", path=tmp_path, classes=[2])


def test_images_beside_sub_folders_have_no_labels(tmp_path):
    write_images(tmp_path, 2)
    write_images(tmp_path / "more", 2)
    assert load("image_folder", path=tmp_path).labels is None


def test_content_decides_what_is_an_image(tmp_path):
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


def test_conversions_are_counted(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(with_right_half_transparent(red_left_blue_right()), "PNG"))
    (tmp_path / "b.png").write_bytes(encoded(palette(), "PNG", transparency=1))
    (tmp_path / "c.jpg").write_bytes(encoded(red_left_blue_right(), "JPEG", exif=exif(6)))
    (tmp_path / "d.png").write_bytes(encoded(noise(0).convert("L"), "PNG"))
    notes = load("image_folder", path=tmp_path, image_size=20).notes
    assert notes == ("converted: 2 alpha over white, 1 rotated by EXIF, 1 grey",)
    assert "grey" not in load("image_folder", path=tmp_path, image_size=20, channels=1).notes[0]
    assert "4 enlarged" in load("image_folder", path=tmp_path, image_size=64).notes[0]


def test_a_few_corrupt_images_are_left_out_and_named(tmp_path):
    paths = write_images(tmp_path, 20, "jpeg")
    paths[3].write_bytes(paths[3].read_bytes()[:-100])
    paths[7].write_bytes(png_bomb(30_000, 30_000))
    loaded = load("image_folder", path=tmp_path)
    assert len(loaded) == 18
    (warning,) = (note for note in loaded.notes if "Warning" in note)
    assert "2 images cannot be read" in warning
    assert f"{paths[3]}: the JPEG is cut off" in warning
    assert f"{paths[7]}: it declares 30000 x 30000 pixels" in warning


def test_labels_stay_with_their_images_when_some_are_left_out(tmp_path):
    first = write_images(tmp_path / "a", 3)
    write_images(tmp_path / "b", 3)
    first[1].write_bytes(first[1].read_bytes()[:50])
    loaded = load("image_folder", path=tmp_path)
    assert loaded.labels.tolist() == [0, 0, 1, 1, 1]


def test_too_many_corrupt_images_are_refused(tmp_path):
    paths = write_images(tmp_path, 30)
    for path in paths[:11]:
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="11 of 30 images") as error:
        load("image_folder", path=tmp_path)
    assert str(error.value).count(".png") == 5
    assert "and 6 more" in str(error.value)
    assert not list(image_cache.cache_folder().iterdir())


def test_only_corrupt_images_are_refused(tmp_path):
    for path in write_images(tmp_path, 2):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="2 of 2 images"):
        load("image_folder", path=tmp_path)


def test_limit_reads_only_the_first_images(tmp_path):
    paths = write_images(tmp_path, 8)
    (tmp_path / "000.txt").write_text("hello")
    for path in paths[3:]:
        path.write_bytes(path.read_bytes()[:50])
    loaded = load("image_folder", path=tmp_path, limit=3)
    assert len(loaded) == 3
    assert not any("Warning" in note for note in loaded.notes)


@pytest.mark.parametrize("content", ["nothing", "text", "one image"])
def test_folder_without_enough_images_is_refused(tmp_path, content):
    if content == "text":
        (tmp_path / "a.txt").write_text("hello")
    if content == "one image":
        write_images(tmp_path, 1)
    with pytest.raises(DataError, match=str(tmp_path)) as error:
        load("image_folder", path=tmp_path)
    assert error.value.exit_code == 3


def test_file_instead_of_a_folder_is_refused(tmp_path):
    (path,) = write_images(tmp_path, 1)
    with pytest.raises(DataError, match="is no folder"):
        load("image_folder", path=path)


def test_pictures_of_a_run_are_not_learned(tmp_path):
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
def test_pipes_and_loops_do_not_hang(tmp_path):
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


def test_file_that_vanishes_meanwhile_is_left_out(tmp_path):
    paths = write_images(tmp_path, 3)

    def removing(sequence, description, total):
        paths[1].unlink()
        return sequence

    loaded = registry.get("image_folder").make(
        config=DatasetSection(name="image_folder", path=str(tmp_path)), track=removing
    )
    assert len(loaded) == 2
    assert any(f"{paths[1]}: it cannot be read: No such file" in note for note in loaded.notes)


def test_odd_names_are_read_and_shown_escaped(tmp_path):
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


def test_second_reading_comes_from_the_cache(tmp_path):
    for name in ("a", "b"):
        write_images(tmp_path / "i" / name, 50)
    read: list[int] = []

    def counting(sequence, description, total):
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


def test_restart_on_many_files_only_lists_them(tmp_path):
    image = encoded(noise(0, 8, 8), "PNG")
    (tmp_path / "i").mkdir()
    for number in range(5000):
        (tmp_path / "i" / str(number)).write_bytes(image)
    load("image_folder", path=tmp_path / "i", image_size=8)
    with at_most(1):
        assert len(load("image_folder", path=tmp_path / "i", image_size=8)) == 5000


@pytest.mark.parametrize("change", ["modified", "new", "removed", "image_size", "channels", "resize", "limit"])
def test_any_change_is_seen(tmp_path, change):
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
def test_broken_entry_is_rebuilt(tmp_path, damage):
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


def test_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    write_images(tmp_path / "i", 5)
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path / "file"))
    first = load("image_folder", path=tmp_path / "i")
    assert first.fingerprint() == load("image_folder", path=tmp_path / "i").fingerprint()


def test_cache_folder_follows_the_environment(monkeypatch):
    monkeypatch.delenv("GANCTL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert image_cache.cache_folder() == Path("/xdg/ganctl/images")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/somebody")
    assert image_cache.cache_folder() == Path("/somebody/.cache/ganctl/images")


def test_oldest_entries_make_room(tmp_path, monkeypatch):
    write_images(tmp_path / "i", 5)
    entry_bytes = 5 * 64 * 64 * 3
    monkeypatch.setattr(image_cache, "_MAX_BYTES", 2.5 * entry_bytes)
    for limit in (5, 6, 7):
        load("image_folder", path=tmp_path / "i", limit=limit)
        for age, path in enumerate(sorted(cached_files(), key=lambda path: path.stat().st_mtime, reverse=True)):
            os.utime(path, (1000 - age, 1000 - age))
    assert len(cached_files()) == 2
    assert len(cached_files(".json")) == 2


def test_what_an_interrupted_run_left_is_removed_after_a_day(tmp_path):
    write_images(tmp_path / "i", 5)
    folder = image_cache.cache_folder()
    folder.mkdir()
    (folder / "old.tmp").touch()
    os.utime(folder / "old.tmp", (1000, 1000))
    (folder / "new.tmp").touch()
    load("image_folder", path=tmp_path / "i")
    assert [path.name for path in cached_files(".tmp")] == ["new.tmp"]


def test_full_disk_is_said(tmp_path):
    """A limit on file sizes stands in for a full disk: both fail when the file grows."""
    write_images(tmp_path / "i", 50)
    program = """
import resource, signal, sys
from ganctl.datasets import registry
from ganctl.errors import DataError
from ganctl.experiment import DatasetSection
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
