"""Data sets in files of their own: shipped, npz, and the formats of MNIST and CIFAR-10."""

import gzip
import io
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loaded_images import load, numbered

from ganctl.datasets import registry
from ganctl.errors import ConfigurationError, DataError
from ganctl.images.image_set import ImageSet
from ganctl.registry import Entry

pytestmark = pytest.mark.usefixtures("own_data_folders")


# ---- every registered data set


@pytest.mark.parametrize("entry", list(registry), ids=lambda entry: entry.name)
def test_registered_data_set_says_what_it_is(entry: Entry) -> None:
    assert entry.summary
    assert entry.source
    assert entry.shape is None or len(entry.shape) == 3
    assert not entry.arguments().model_fields


@pytest.mark.parametrize("name", ["npz", "image_folder", "webdataset", "celeba", "parquet"])
def test_missing_path_is_a_mistake_in_the_configuration(name: str) -> None:
    with pytest.raises(ConfigurationError, match="needs") as error:
        load(name)
    assert error.value.key == "dataset.path"


@pytest.mark.parametrize(
    "name", ["npz", "image_folder", "webdataset", "celeba", "parquet", "mnist", "fashion_mnist", "cifar10"]
)
def test_path_to_nothing_names_the_absolute_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=str(tmp_path / "nowhere")) as error:
        load(name, path="nowhere")
    assert error.value.exit_code == 3


# ---- shipped


def test_fashion_mnist_mini_needs_nothing() -> None:
    loaded = load("fashion_mnist_mini")
    assert (len(loaded), loaded.shape, loaded.num_classes) == (10_000, (28, 28, 1), 10)
    assert np.bincount(loaded.labels).tolist() == [1000] * 10
    assert loaded.class_names[9] == "Ankle boot"
    assert loaded.describe().endswith("minimum 0 .. maximum 255")


def test_fashion_mnist_mini_takes_no_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no path") as error:
        load("fashion_mnist_mini", path=tmp_path)
    assert error.value.key == "dataset.path"


# ---- npz


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images", "labels"),
        ("x_train", "y_train"),
        ("train_images", "train_labels"),
        ("x", "y"),
        ("data", "targets"),
        ("arr_0", None),
    ],
)
def test_npz_names(tmp_path: Path, images: str, labels: str | None) -> None:
    arrays = {images: numbered(6), "other": np.zeros(3)}
    if labels:
        arrays[labels] = np.arange(6).reshape(6, 1) % 2
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    loaded = load("npz", path=tmp_path / "a.npz")
    assert (loaded.images[..., 0] == numbered(6)[..., 0]).all()
    assert loaded.num_classes == (2 if labels else 0)
    assert f"'{images}'" in loaded.notes[-1]


def test_the_only_array_of_an_npz_is_the_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", faces=numbered(6) * 40)
    found = load("npz", path=tmp_path / "a.npz")
    assert (found.images == numbered(6) * 40).all()
    assert "the images are 'faces', without labels" in found.notes


def test_an_npy_is_images_without_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", numbered(6) * 40)
    found = load("npz", path=tmp_path / "a.npy")
    assert (found.images == numbered(6) * 40).all()
    assert found.labels is None
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"objects\.npy cannot be read as an array"):
        load("npz", path=tmp_path / "objects.npy")


def test_a_folder_is_no_npz(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"is a folder\. For a folder of pictures, set `dataset.name` to `image_folder`"
    ):
        load("npz", path=tmp_path)


def test_npz_without_images_says_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", faces=numbered(3), names=np.zeros(3))
    with pytest.raises(DataError, match="contains faces"):
        load("npz", path=tmp_path / "a.npz")


def test_npz_with_objects_is_refused_without_running_them(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
            return Path.touch, (tmp_path / "ran",)

    np.savez(tmp_path / "a.npz", images=np.array([Trap()], object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        load("npz", path=tmp_path / "a.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("shape", [(10**12, 8, 8), (10**6, 8, 8), (-1, 8, 8)])
def test_npz_that_declares_too_much_is_refused_at_once(tmp_path: Path, shape: tuple[int, ...]) -> None:
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
def test_whatever_a_header_of_npz_says_is_an_error_of_the_data(tmp_path: Path, header: str) -> None:
    length = len(header).to_bytes(2, "little")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00" + length + header.encode())
    with pytest.raises(DataError, match=r"'images' is damaged"):
        load("npz", path=tmp_path / "a.npz")


@pytest.mark.parametrize("damage", ["not a zip", "cut", "flipped", "no array", "folder"])
def test_damaged_npz_is_refused(tmp_path: Path, damage: str) -> None:
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


def test_mnist_is_found_in_the_keras_cache(tmp_path: Path) -> None:
    write_mnist(tmp_path / "keras/datasets/mnist.npz")
    loaded = load("mnist")
    assert (len(loaded), loaded.shape, loaded.num_classes) == (20, (28, 28, 1), 10)
    assert (loaded.images[13] == 13).all()
    assert loaded.labels[13] == 3


def test_keras_cache_is_in_the_home_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    write_mnist(tmp_path / ".keras/datasets/mnist.npz")
    assert len(load("mnist")) == 20


@pytest.mark.parametrize("given", ["mnist.npz", "."])
def test_mnist_at_a_path(tmp_path: Path, given: str) -> None:
    write_mnist(tmp_path / "mine/mnist.npz", 12)
    assert len(load("mnist", path=tmp_path / "mine" / given, classes=[1, 0])) == 4


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("given", [".", "train-images-idx3-ubyte"])
def test_idx_files_at_a_path(tmp_path: Path, name: str, compressed: bool, given: str) -> None:
    write_idx_pair(tmp_path / "idx", 20, compressed)
    given = given + ".gz" if compressed and given != "." else given
    loaded = load(name, path=tmp_path / "idx" / given)
    assert (loaded.images[13] == 13).all()
    assert loaded.labels[13] == 3


def test_fashion_mnist_is_found_in_the_keras_cache(tmp_path: Path) -> None:
    write_idx_pair(tmp_path / "keras/datasets/fashion-mnist")
    loaded = load("fashion_mnist", image_size=32, resize="pad")
    assert loaded.shape == (32, 32, 1)
    assert loaded.class_names[0] == "T-shirt/top"


@pytest.mark.parametrize("damage", ["cut", "short", "huge", "no idx", "missing"])
def test_damaged_idx_is_refused(tmp_path: Path, damage: str) -> None:
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
def test_cifar10_is_found_in_the_keras_cache(tmp_path: Path, place: str, protocol: int) -> None:
    write_batches(tmp_path / "keras/datasets" / place, protocol=protocol)
    assert_is_small_cifar(load("cifar10"))


def test_cifar10_batches_of_python_2_and_numpy_1_are_read(tmp_path: Path) -> None:
    """The published files name numpy.core and __builtin__ in protocol 2, with strings as raw bytes."""
    write_batches(tmp_path / "c")
    for path in (tmp_path / "c").glob("data_batch_*"):
        content = path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        assert b"numpy.core.multiarray" in content
        path.write_bytes(content)
    assert_is_small_cifar(load("cifar10", path=tmp_path / "c"))


@pytest.mark.parametrize("given", ["here/cifar-10-batches-py", "here", "c.tar.gz"])
def test_cifar10_at_a_path(tmp_path: Path, given: str) -> None:
    folder = tmp_path / "here/cifar-10-batches-py"
    write_batches(folder)
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as archive:
        archive.add(folder, "cifar-10-batches-py")
    if given == "c.tar.gz":
        shutil.rmtree(folder)
    assert_is_small_cifar(load("cifar10", path=tmp_path / given))
    assert folder.exists() == (given != "c.tar.gz")


def test_missing_batches_are_said(tmp_path: Path) -> None:
    write_batches(tmp_path / "c", batches=2)
    assert "Warning: only 2 of 5 batches were found." in load("cifar10", path=tmp_path / "c").notes


def test_malicious_batch_is_refused_and_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
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
def test_what_is_no_batch_is_refused(tmp_path: Path, content: Any) -> None:
    write_batches(tmp_path / "c")
    (tmp_path / "c/data_batch_3").write_bytes(content)
    with pytest.raises(DataError, match="data_batch_3"):
        load("cifar10", path=tmp_path / "c")


@pytest.mark.parametrize(
    "content",
    [b"hello", gzip.compress(b"hello"), gzip.compress(bytes(10_240))[:20]],
    ids=["text", "compressed text", "torn"],  # compressed bytes hold the time: no name that two processes agree on
)
def test_what_is_no_tar_archive_is_refused(tmp_path: Path, content: Any) -> None:
    (tmp_path / "c.tar.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"c\.tar\.gz"):
        load("cifar10", path=tmp_path / "c.tar.gz")


def test_tar_with_outside_names_writes_nothing(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "c.tar", "w") as archive:
        member = tarfile.TarInfo("../../data_batch_1")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"hello"))
    before = set(tmp_path.parent.iterdir())
    with pytest.raises(DataError, match="data_batch_1"):
        load("cifar10", path=tmp_path / "c.tar")
    assert set(tmp_path.parent.iterdir()) == before


def test_folder_without_batches_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data_batch_1 to data_batch_5"):
        load("cifar10", path=tmp_path)


# ---- offline


@pytest.mark.slow
def test_offline_is_a_quick_and_quiet_error(tmp_path: Path) -> None:
    program = """
import sys, time
from ganctl.datasets import registry
from ganctl.errors import DataError
from ganctl.experiment.sections import DatasetSection
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
