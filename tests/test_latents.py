"""Latent vectors that a user gives: read, checked, arranged as a generator takes them, and drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganctl.errors import DataError, UsageError
from ganctl.generation.drawing import generate, generate_from, sample_latent
from ganctl.generation.latents import arranged, as_vectors, check_length, checked_latents, latent_size, read_latents
from ganctl.lazy import keras

RANDOM = np.random.default_rng(0)


def generator(*shapes: tuple[int, ...], classes: bool = False) -> Any:
    """A network whose image shows all that it takes."""
    inputs = [keras.Input(shape) for shape in shapes]
    flat = [keras.layers.Flatten()(tensor) for tensor in inputs]
    if classes:
        inputs.insert(1, keras.Input([1], name="classes", dtype="int32"))
        flat.append(keras.layers.Rescaling(0.1)(inputs[1]))
    together = keras.layers.Concatenate()(flat) if len(flat) > 1 else flat[0]
    image = keras.layers.Reshape([1, together.shape[-1], 1])(keras.layers.Activation("tanh")(together))
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], image)


def test_vectors_are_those_of_the_inputs_one_after_the_other() -> None:
    network = generator((3,), (2, 2))
    assert latent_size(network) == 7
    vectors = RANDOM.normal(size=(4, 5, 7)).astype(np.float32)
    first, second = arranged(network, vectors)
    np.testing.assert_array_equal(first, vectors[..., :3])
    np.testing.assert_array_equal(second, vectors[..., 3:].reshape(4, 5, 2, 2))
    np.testing.assert_array_equal(as_vectors([first, second], 2), vectors)


@pytest.mark.parametrize("classes", [[], [2, 0, 1]])
def test_the_latent_vectors_of_a_seed_draw_its_images(classes: list[int]) -> None:
    network = generator((3,), (2, 2), classes=bool(classes))
    latent = sample_latent(network, 130, 3, "normal", 0.8)
    assert np.abs(as_vectors(latent)).max() <= 0.8
    given = np.concatenate(list(generate_from(network, latent, 3, classes)))
    drawn = np.concatenate(list(generate(network, 130, 3, "normal", classes, 0.8)))
    assert given.shape == (130, 1, 8 if classes else 7, 1)
    np.testing.assert_array_equal(given, drawn)


@pytest.mark.parametrize("shape", [(2, 4), (3, 2, 4)])
@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.uint8])
def test_numbers_of_any_type_are_read(shape: tuple[int, ...], dtype: Any, tmp_path: Path) -> None:
    given = (RANDOM.normal(size=shape) * 9).astype(dtype)
    np.savez(tmp_path / "a.npz", latents=given, others=np.zeros(3))
    np.savez(tmp_path / "b.npz", given)
    np.save(tmp_path / "c.npy", given)
    for name in ("a.npz", "b.npz", "c.npy"):
        found = read_latents(tmp_path / name)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, given.astype(np.float32))


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (np.zeros(4), r"should be latent vectors \[N, size\].* Received: \[4\]"),
        (np.zeros((0, 4)), r"Received: \[0, 4\]"),
        (np.zeros((1, 1, 1, 4)), r"Received: \[1, 1, 1, 4\]"),
        (np.array([["a"]]), "should be numbers, floats or integers. Received: <U1"),
        (np.ones((2, 2), bool), "Received: bool"),
        (np.ones((2, 2), complex), "Received: complex128"),
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), r"not finite in float32, at \[1, 0\]"),
        (np.array([[1e300, 0.0]]), r"not finite in float32, at \[0, 0\]"),
    ],
)
def test_what_is_no_latent_vectors_is_refused_in_one_line(given: np.ndarray, answer: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", latents=given)
    with pytest.raises(DataError, match=answer) as raised:
        read_latents(tmp_path / "a.npz")
    assert raised.value.exit_code == 3
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "a.npz"))


def test_files_without_latent_vectors(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(2), y=np.zeros(2))
    with pytest.raises(DataError, match=r"should contain an array 'latents'. It contains x, y"):
        read_latents(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_text("no archive")
    with pytest.raises(DataError, match="is not a readable npz file"):
        read_latents(tmp_path / "b.npz")
    for path in (tmp_path / "nothing.npz", tmp_path):
        with pytest.raises(DataError, match="does not exist, or is not a file"):
            read_latents(path)
    np.savez(tmp_path / "c.npz", latents=np.array([{}], object))
    with pytest.raises(DataError, match="Python objects, which are never loaded"):
        read_latents(tmp_path / "c.npz")
    with pytest.raises(DataError, match="differ in length"):
        checked_latents([[1.0], [1.0, 2.0]], "latents")


def test_another_length_than_the_generators() -> None:
    network = generator((3,), (2, 2))
    check_length(np.zeros((2, 7)), network, "a.npz")
    with pytest.raises(DataError, match=r"a\.npz: the latent vectors of this generator have 7 numbers\. Received: 8"):
        check_length(np.zeros((2, 8)), network, "a.npz")
    inside = keras.Sequential([keras.Input([1], name="classes", dtype="int32"), keras.layers.Rescaling(1.0)])
    with pytest.raises(UsageError, match="draws its own noise"):
        check_length(np.zeros((2, 8)), inside, "a.npz")
