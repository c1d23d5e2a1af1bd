"""Files that somebody sent: nothing in them runs, reaches outside its folder, or takes memory that it does not hold."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from ganctl.build import resolving
from ganctl.errors import ConfigurationError, DataError, GanctlError
from ganctl.experiment.experiment import Experiment
from ganctl.generation.loading import TrainedGenerator
from ganctl.images import archives
from ganctl.lazy import keras
from ganctl.run_folder import checkpoint

FUZZ = Path(__file__).with_name("fuzz.py")


@pytest.mark.slow
def test_one_minute_of_mutated_files_shows_no_fault() -> None:
    done = subprocess.run([sys.executable, FUZZ, "--minutes", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    counts = re.findall(r"^(\S.*?) +([\d,]+) cases, of which ([\d,]+)", done.stdout, re.MULTILINE)
    assert len(counts) == 13
    assert all(int(cases.replace(",", "")) > 0 for _, cases, _ in counts), done.stdout


@pytest.fixture
def sent(small_experiment: Callable[..., Experiment], tmp_path: Path) -> Callable[..., Path]:
    """Return what writes a generator file that says these things of itself."""

    def write(**facts: object) -> Path:
        experiment = small_experiment("dense_gan").model_dump(mode="json")
        path = tmp_path / "sent.safetensors"
        facts = {"step": 0, "experiment": experiment, "image_shape": [8, 8, 1], **facts}
        checkpoint.save_generators(path, {"generator": {"000.Dense.kernel": np.zeros((100, 256), np.float32)}}, facts)
        return path

    return write


def test_a_small_file_cannot_describe_a_huge_network(sent: Callable[..., Path]) -> None:
    """Its networks would have 51 billion weights."""
    assert keras.layers.Dense(1)(np.zeros((1, 1))) == 0  # TensorFlow takes hundreds of megabytes at its first use
    before = psutil.Process().memory_info().rss
    with pytest.raises(GanctlError, match=r"belongs to another network: 001\.Dense\.bias .* is not in the file"):
        TrainedGenerator.load(sent(image_shape=[4096, 4096, 3]))
    keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])  # Keras makes here what was left without a value
    assert psutil.Process().memory_info().rss - before < 2**28


@pytest.mark.parametrize("shape", [None, [], [8, 8], [8, 8, "1"], [8, 8, 0], [8, 8, 10**9], [True, 8, 1], "888"])
def test_an_image_shape_that_is_none_is_refused(shape: object, sent: Callable[..., Path]) -> None:
    with pytest.raises(GanctlError, match="does not state the shape of its images"):
        checkpoint.load_generator(sent(image_shape=shape))


def test_facts_without_bottom_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.safetensors"
    metadata = json.dumps({"__metadata__": {"ganctl": "[" * 100_000}}).encode()
    path.write_bytes(len(metadata).to_bytes(8, "little") + metadata)
    with pytest.raises(GanctlError, match="was not written by ganctl"):
        checkpoint.load_generator(path)


def test_half_a_character_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text('name: "\\udcff"\n')
    with pytest.raises(ConfigurationError, match=r"x\.yaml:1:7: contains a lone surrogate"):
        resolving.load_experiment(path)
    path.write_text('"na\\udcffme": 1\n')
    with pytest.raises(ConfigurationError, match=r"x\.yaml:1:1: contains a lone surrogate"):
        resolving.load_experiment(path)


def test_half_a_character_in_a_generator_file_is_refused(
    sent: Callable[..., Path], small_experiment: Callable[..., Experiment]
) -> None:
    experiment = {**small_experiment("dense_gan").model_dump(mode="json"), "name": "\udcff"}
    with pytest.raises(GanctlError, match=r"name: .*Received: '\\udcff'"):
        TrainedGenerator.load(sent(experiment=experiment))


def test_idx_that_declares_more_than_it_holds_takes_no_memory_for_it(tmp_path: Path) -> None:
    path = tmp_path / "x-ubyte"
    path.write_bytes(bytes([0, 0, 8, 3]) + b"\0\0\x08\x03" * 3 + bytes(1000))
    with pytest.raises(DataError, match="declares 8627738651 bytes of data, more than it can hold"):
        archives.read_idx(path)


def test_npz_with_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, imäges=np.zeros(3))
    path.write_bytes(path.read_bytes().replace("ä".encode(), b"\x9e\x9e"))
    with pytest.raises(DataError, match="is not a readable npz file"):
        archives.npz_names(path)


def test_a_pickle_that_asks_for_room_takes_no_memory() -> None:
    """Python would make a table of so many objects: 64 gigabytes for ten bytes."""
    with pytest.raises(DataError, match="asks for room for 4294967295 objects"):
        archives.unpickle(b"\x80\x02Nr\xff\xff\xff\xff.", "batch")
    with pytest.raises(DataError, match="is damaged"):
        archives.unpickle(b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"x.", "batch")
