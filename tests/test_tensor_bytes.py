"""Arrays in safetensors files: whatever their memory looks like, the file holds their values."""

import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from ganctl.host.tensor_bytes import tensor_bytes
from ganctl.run_folder import checkpoint

ROWS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
ARRAYS = {
    "transposed": ROWS.T,
    "permuted": ROWS.transpose(1, 2, 0),
    "every second": ROWS[:, :, ::2],
    "backwards": ROWS[::-1],
    "Fortran": np.asfortranarray(ROWS),
    "repeated": np.broadcast_to(ROWS[:1], (5, 3, 4)),
    "scalar": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
    "float16": ROWS.T.astype(np.float16),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_a_file_holds_the_values_of_an_array_however_they_lie_in_memory(name: str) -> None:
    written = safetensors.numpy.load(tensor_bytes({name: ARRAYS[name]}, {"a": "b"}))[name]
    assert written.dtype == ARRAYS[name].dtype
    np.testing.assert_array_equal(written, ARRAYS[name])
    assert written.shape == ARRAYS[name].shape


def test_a_checkpoint_and_a_generator_file_hold_them_too(tmp_path: Path) -> None:
    facts = {"step": 3, "experiment": {}, "image_shape": [8, 8, 1]}
    saved = checkpoint.load(checkpoint.save(tmp_path, {"generator": ARRAYS}, facts))
    checkpoint.save_generators(tmp_path / "g.safetensors", {"generator": ARRAYS}, facts)
    for found in (saved, checkpoint.load_generator(tmp_path / "g.safetensors")):
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found.generator[name], array, name)


def test_nothing_else_writes_such_a_file() -> None:
    root = Path(__file__).parent.parent
    # `safetensors.torch` stands in messages only, for users: ganctl does not import PyTorch.
    writers = re.compile(
        r"(?<!torch\.)\bsave_file\b|safetensors(?:\.\w+)*\.save\b|from safetensors\S* import [^\n]*\bsave\b"
    )
    found = {
        path.relative_to(root).as_posix()
        for folder in ("ganctl", "benchmarks", "docs")
        for path in (root / folder).rglob("*.py")
        if writers.search(path.read_text())
    }
    assert found == {"ganctl/host/tensor_bytes.py"}
