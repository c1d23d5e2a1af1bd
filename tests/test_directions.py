"""Directions in latent space: right in what they compute, named, measured, written, and walked along."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunCli, WriteYaml, drawn_from_noise, slow_but
from small_runs import train

from ganctl import load
from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.errors import DataError, UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.game import takes_classes
from ganctl.generation.directions import direction_between, directions_of, principal_directions_of
from ganctl.generation.drawing import generate
from ganctl.generation.found_directions import FoundDirections, Measured, check_strips, read_directions, write_strips
from ganctl.generation.latents import latent_size
from ganctl.generation.loading import TrainedGenerator
from ganctl.images import draw
from ganctl.images.decode import decode
from ganctl.lazy import keras
from ganctl.run_folder.paths import RunFolder
from ganctl.runs import run as run_module

RANDOM = np.random.default_rng(0)
MODELS = [entry.name for entry in drawn_from_noise()]


def dense(kernel: np.ndarray, *after: Any, activation: str | None = None) -> Any:
    """A generator whose first layer has this kernel [latent_dim, features]."""
    layer = keras.layers.Dense(kernel.shape[1], activation=activation)
    network = keras.Sequential([keras.Input([kernel.shape[0]]), layer, *after, keras.layers.Reshape([1, -1, 1])])
    layer.set_weights([kernel, RANDOM.normal(size=kernel.shape[1])])
    return network


def along(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How parallel the rows of both are, 0 .. 1, each to its own."""
    return np.abs((vectors * others).sum(axis=1))


@pytest.mark.parametrize("activation", [None, "tanh", "relu"])
def test_sefa_is_the_eigenvectors_of_the_first_kernel(activation: str | None) -> None:
    kernel = RANDOM.normal(size=(6, 40)) * np.array([[5, 1, 3, 2, 4, 6]]).T
    found = directions_of(dense(kernel, keras.layers.Dense(9), activation=activation), 4)
    values, vectors = np.linalg.eigh(kernel @ kernel.T)
    assert found.vectors.shape == (4, 6)
    np.testing.assert_allclose(found.eigenvalues, values[::-1][:4], rtol=1e-4)
    np.testing.assert_allclose(along(found.vectors, vectors.T[::-1][:4]), 1.0, atol=1e-4)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(4), atol=1e-5)
    assert (found.vectors[np.arange(4), np.abs(found.vectors).argmax(axis=1)] > 0).all(), "the sign is always the same"


def test_sefa_of_several_inputs_and_first_layers() -> None:
    """Two inputs, one of which two layers take: every first layer counts, and nothing behind it."""
    one, two = keras.Input([2]), keras.Input([3])
    layers = [keras.layers.Dense(width, use_bias=False) for width in (4, 5, 6)]
    first = [layers[0](one), layers[1](keras.layers.LeakyReLU()(two)), layers[2](keras.layers.Rescaling(2.0)(two))]
    behind = [keras.layers.Dense(7)(keras.layers.ReLU()(tensor)) for tensor in first]
    network = keras.Model([one, two], keras.layers.Reshape([1, 7, 1])(keras.layers.Add()(behind)))
    found = directions_of(network, 9)
    kernels = [np.asarray(layer.kernel, np.float64) for layer in layers]
    product = np.zeros((5, 5))
    product[:2, :2] = kernels[0] @ kernels[0].T
    product[2:, 2:] = kernels[1] @ kernels[1].T + 4 * kernels[2] @ kernels[2].T
    assert found.vectors.shape == (5, 5)
    np.testing.assert_allclose(found.eigenvalues, np.linalg.eigvalsh(product)[::-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.vectors @ product @ found.vectors.T, np.diag(found.eigenvalues), atol=1e-4)


def test_sefa_within_one_of_several_inputs() -> None:
    latent, code = keras.Input([6], name="latent"), keras.Input([3], name="code")
    layer = keras.layers.Conv2DTranspose(5, 4)
    made = layer(keras.layers.Reshape([1, 1, 9])(keras.layers.Concatenate()([code, latent])))
    network = keras.Model({"code": code, "latent": latent}, made)
    kernel = np.moveaxis(np.asarray(layer.kernel, np.float64), -1, 0).reshape(9, -1)
    for name, rows in (("latent", kernel[3:]), ("code", kernel[:3])):
        found = directions_of(network, 9, within=name)
        assert found.vectors.shape == (len(rows), len(rows))
        np.testing.assert_allclose(found.eigenvalues, np.linalg.eigvalsh(rows @ rows.T)[::-1], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(
            found.vectors @ rows @ rows.T @ found.vectors.T, np.diag(found.eigenvalues), atol=1e-4
        )


def test_sefa_within_a_network_within_a_network() -> None:
    kernel = RANDOM.normal(size=(4, 8))
    inner = dense(kernel, keras.layers.LeakyReLU())
    latent, classes = keras.Input([4]), keras.Input([1], name="classes", dtype="int32")
    table = keras.layers.Embedding(3, 4)
    network = keras.Model([latent, classes], inner(latent * keras.layers.Flatten()(table(classes))))
    scales = RANDOM.normal(size=(3, 4))
    table.set_weights([scales])
    found = directions_of(network, 4, num_classes=3)
    product = sum((scale[:, None] * kernel) @ (scale[:, None] * kernel).T / 3 for scale in scales)
    np.testing.assert_allclose(found.eigenvalues, np.linalg.eigvalsh(product)[::-1], rtol=1e-4)
    np.testing.assert_allclose(found.vectors @ product @ found.vectors.T, np.diag(found.eigenvalues), atol=1e-3)


def test_ganspace_of_a_linear_layer_is_sefa() -> None:
    """If nothing bends the features, their principal components are what SeFa finds."""
    kernel = np.linalg.qr(RANDOM.normal(size=(30, 5)))[0].T * np.array([[9.0, 5.0, 3.0, 1.0, 0.1]]).T
    network = dense(kernel, keras.layers.Rescaling(2.0), keras.layers.Dense(9))
    found = principal_directions_of(network, "normal", 3, samples=4000)
    assert found.vectors.shape == (3, 5)
    np.testing.assert_allclose(along(found.vectors, directions_of(network, 3).vectors), 1.0, atol=2e-2)
    np.testing.assert_allclose(found.eigenvalues, [4 * 81, 4 * 25, 4 * 9], rtol=0.1)


def test_ganspace_sees_what_the_activation_leaves() -> None:
    """The strongest direction of the kernel goes into features that the activation always sets to zero."""
    kernel = np.zeros((3, 4))
    kernel[0, 0], kernel[1, 1], kernel[2, 2] = 9.0, 2.0, 1.0
    layer = keras.layers.Dense(4)
    network = keras.Sequential(
        [keras.Input([3]), layer, keras.layers.ReLU(), keras.layers.Dense(4), keras.layers.Reshape([2, 2, 1])]
    )
    layer.set_weights([kernel, np.array([-100.0, 50.0, 50.0, 0.0])])
    assert directions_of(network, 1).vectors[0].round(3).tolist() == [1, 0, 0]
    found = principal_directions_of(network, "normal", 1, samples=2000)
    np.testing.assert_allclose(found.vectors[0], [0, 1, 0], atol=0.1)


def test_ganspace_of_many_features_takes_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganctl.generation import directions

    kernel = RANDOM.normal(size=(4, 300)) * np.array([[9, 3, 1, 0.3]]).T
    network = dense(kernel, keras.layers.ReLU(), keras.layers.Dense(4))
    whole = principal_directions_of(network, "normal", 2, samples=1000)
    monkeypatch.setattr(directions, "MOST_FEATURES", 100)
    some = principal_directions_of(network, "normal", 2, samples=1000)
    again = principal_directions_of(network, "normal", 2, samples=1000)
    np.testing.assert_array_equal(some.vectors, again.vectors)
    assert (some.vectors != whole.vectors).any()
    np.testing.assert_allclose(along(some.vectors, whole.vectors)[0], 1.0, atol=0.1)


def test_the_direction_from_class_to_class() -> None:
    latent = np.array([[0, 0], [0, 2], [3, 1], [5, 1], [9, 9]], np.float32)
    np.testing.assert_allclose(direction_between(latent, np.array([0, 0, 2, 2, 1]), 0, 2), [1, 0])
    np.testing.assert_allclose(direction_between(latent, np.array([0, 0, 2, 2, 1]), 2, 0), [-1, 0])


def test_what_no_direction_is_known_of() -> None:
    class Own(keras.Model):
        pass

    assert directions_of(Own()) is None
    assert directions_of(keras.Sequential([keras.Input([4]), keras.layers.Rescaling(1.0)])) is None
    inside = keras.Sequential([keras.Input([1], name="classes", dtype="int32"), keras.layers.Embedding(3, 4)])
    assert directions_of(inside) is None
    single = dense(RANDOM.normal(size=(4, 8)))
    assert directions_of(single) is not None
    assert principal_directions_of(single, "normal") is None, "it has no second layer"


@pytest.mark.parametrize("model", slow_but(["dense_gan", "infogan"], MODELS))
def test_every_model_has_directions(model: str, small_experiment: Callable[..., Experiment]) -> None:
    given = {"model.latent_input": "given"} if model == "acgan_mnist" else {}
    experiment = small_experiment(model, given)
    size, channels = experiment.dataset.image_size, experiment.dataset.channels
    generator = make_networks(resolving.resolve(experiment), (size, size, channels), 10)["generator"]
    classes = 10 if takes_classes(generator) else 0
    before = next(generate(generator, 2, 0, "normal", [0, 1] if classes else []))
    latent = latent_size(generator)
    for found in (
        directions_of(generator, 3, num_classes=classes),
        principal_directions_of(generator, "normal", 3, num_classes=classes, samples=300),
    ):
        assert found.vectors.shape == (3, latent)
        np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1.0, rtol=1e-4)
        assert (np.diff(found.eigenvalues) <= 0).all()
        assert (found.eigenvalues > 0).all()
    np.testing.assert_array_equal(next(generate(generator, 2, 0, "normal", [0, 1] if classes else [])), before)


# --- the file


FOUND = FoundDirections(
    np.eye(3, 4, dtype=np.float32),
    np.array([3, 2, np.nan], np.float32),
    ("0", "1", "Sandal to Sneaker"),
    "sefa",
    70,
    3.0,
    (Measured(10.0, 0.5), Measured(8.0, 0.4, "Bag", 0.3), Measured(5.0, 0.2, "Sneaker", 0.0, "Sneaker", 0.25)),
)


def test_directions_are_written_and_read(tmp_path: Path) -> None:
    FOUND.write(tmp_path / "a.npz")
    read = read_directions(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.vectors, FOUND.vectors)
    np.testing.assert_array_equal(read.eigenvalues, FOUND.eigenvalues)
    assert (read.names, read.method, read.step) == (FOUND.names, "sefa", 70)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    np.savez(tmp_path / "own.npz", directions=np.ones((2, 5)))
    assert read_directions(tmp_path / "own.npz").names == ("0", "1")


@pytest.mark.parametrize(("wanted", "number"), [("2", 2), (1, 1), ("sandal TO sneaker", 2), (" 0 ", 0)])
def test_a_direction_by_number_or_name(wanted: int | str, number: int) -> None:
    assert FOUND.number(wanted) == number


@pytest.mark.parametrize("wanted", ["3", -1, "sandal to sneakers", "", "²"])
def test_no_such_direction(wanted: int | str) -> None:
    with pytest.raises(UsageError, match=r"There is no direction '.*Known: 0, 1, Sandal to Sneaker\.") as raised:
        FOUND.number(wanted)
    assert ("Did you mean 'Sandal to Sneaker'?" in str(raised.value)) == (wanted == "sandal to sneakers")


def test_the_table_and_the_json_say_what_was_measured() -> None:
    lines = str(FOUND).splitlines()
    assert lines[0].split() == ["direction", "change", "of", "random", "one", "class"]
    assert lines[1].split() == ["0", "10.0", "50%"]
    assert lines[2].split() == ["1", "8.0", "40%", "30%", "on", "Bag"]
    assert lines[3].endswith("0% Sneaker, leads to Sneaker (+25%)")
    first, second, third = json.loads(json.dumps(FOUND.as_json()))
    assert (first["class_name"], first["explained"], first["eigenvalue"]) == (None, None, 3.0)
    assert (second["class_name"], second["explained"]) == ("Bag", 0.3)
    assert (third["eigenvalue"], third["explained"], third["gain"]) == (None, 0.0, 0.25)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ({"other": np.zeros(2)}, "should contain an array 'directions'. It contains other"),
        ({"directions": np.zeros(4)}, r"Received: float64 \[4\]"),
        ({"directions": np.zeros((2, 4), int)}, r"Received: int64 \[2, 4\]"),
        ({"directions": np.full((2, 4), np.nan)}, "should be finite floats"),
        ({"directions": np.ones((2, 4)), "names": np.array(["a"])}, "should have 2 entries, texts and floats"),
        ({"directions": np.ones((2, 4)), "eigenvalues": np.ones(3)}, "should have 2 entries, texts and floats"),
        (
            {"directions": np.ones((2, 4)), "eigenvalues": np.array(["a", "b"])},
            "should have 2 entries, texts and floats",
        ),
    ],
)
def test_files_that_hold_no_directions(content: Mapping[str, np.ndarray], answer: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(DataError, match=answer) as raised:
        read_directions(tmp_path / "a.npz")
    assert raised.value.exit_code == 3
    assert "\n" not in str(raised.value)


# --- the command, and Python


@pytest.fixture(scope="module")
def labelled_run(small_experiment: Callable[..., Experiment], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a generator without classes on labelled images."""
    folder = RunFolder.create(tmp_path_factory.mktemp("labelled"), "run", explicit=True)
    experiment = small_experiment("dense_gan")
    folder.write_config(experiment.to_yaml())
    train(experiment, folder)
    return folder.path


def one_line(done: Any, code: int) -> str:
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1
    return str(done.stderr)


def test_the_command_writes_strips_that_interpolate_follows(
    labelled_run: Path, run_cli: RunCli, tmp_path: Path
) -> None:
    done = run_cli("directions", labelled_run, "--count", 3, "--no-classifier", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    folder = labelled_run / "directions"
    names = ["direction-0.png", "direction-1.png", "direction-2.png", "directions.npz", "directions.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert said["file"] == str(folder / "directions.npz")
    assert [each["name"] for each in said["directions"]] == ["0", "1", "2"]
    assert all(each["change"] > 0 and each["explained"] is None for each in said["directions"])

    run = load(labelled_run)
    strip = decode((folder / "direction-1.png").read_bytes()).pixels
    samples = np.asarray(run.sample(4))
    direction = read_directions(folder / "directions.npz").vectors[1]
    ends = [np.asarray(run.sample(latents=run.latents(4) + side * 3 * direction)) for side in (-1, 1)]
    bare = draw.grid(np.zeros((28, 8, 8, 1), np.uint8), 4, 7)
    heading, factor = len(strip) - len(bare), len(bare) // (4 * 10 + 2)
    cells = strip[heading::factor, ::factor][: 4 * 10 + 2]
    for row in range(4):
        for column, expected in ((0, ends[0]), (3, samples), (6, ends[1])):
            cell = cells[2 + 10 * row :, 2 + 10 * column :][:8, :8, :1]
            np.testing.assert_allclose(cell.astype(int), expected[row].astype(int), atol=1)
    change = np.abs(ends[1].astype(int) - ends[0]).mean()
    assert change == pytest.approx(said["directions"][1]["change"], rel=0.5), "of other samples"

    walked = run_cli(
        "interpolate", "--checkpoint", labelled_run, "--direction", 1, "--frames", 2, "--output", "a.png", cwd=tmp_path
    )
    assert walked.returncode == 0, walked.stderr
    assert "4 walks along direction 1 of" in walked.stdout
    picture = decode((tmp_path / "a.png").read_bytes()).pixels
    factor = len(picture) // (4 * 10 + 2)
    for row in range(4):
        for column, expected in ((0, samples), (2, ends[1]), (4, samples), (6, ends[0])):
            cell = picture[::factor, ::factor][2 + 10 * row :, 2 + 10 * column :][:8, :8, :1]
            np.testing.assert_allclose(cell.astype(int), expected[row].astype(int), atol=1)
    by_vector = run.interpolate(direction=direction, frames=2)
    np.testing.assert_array_equal(by_vector, run.interpolate(direction=1, frames=2))

    fewer = run_cli("directions", labelled_run, "--count", 1, "--no-classifier", "--method", "ganspace", cwd=tmp_path)
    assert fewer.returncode == 0, fewer.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["direction-0.png", "directions.npz", "directions.png"]
    assert f"1 direction of tiny after 8 iterations: {folder / 'directions.npz'}" in fewer.stdout.splitlines()[-1]

    for options, code, answer in (
        (["--direction", "7"], 2, "There is no direction '7'. Known: 0"),
        (["--direction", "0", "--seeds", "1,2"], 2, "seeds and direction exclude each other"),
        (["--strength", "2"], 2, "strength is how far the walks go along a direction"),
        (["--fps", "20", "--output", "b.png"], 2, "--fps is for FILE.gif and FILE.mp4, and b.png is one picture"),
        (["--directions", "x.npz"], 2, "Give --direction as well"),
        (["--direction", "0", "--directions", "x.npz"], 3, "x.npz does not exist. Find directions first"),
    ):
        assert answer in one_line(run_cli("interpolate", "--checkpoint", labelled_run, *options, cwd=tmp_path), code)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    refused = run_cli("directions", labelled_run, "--no-classifier", "--output", "full", cwd=tmp_path)
    assert "already contains files, and directions would overwrite some of them" in one_line(refused, 2)
    assert os.listdir(tmp_path / "full") == ["mine.txt"]


@pytest.mark.parametrize("earlier", [True, False])
def test_interrupted_strips_leave_the_folder_as_it_was(earlier: bool, labelled_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "found"
    run = load(labelled_run)
    before = {}
    if earlier:
        run.directions(3, classifier=False, output=folder)
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert len(before) == 5
    trained = TrainedGenerator.load(labelled_run)

    def interrupted(parts: Iterable[Any], what: str, total: int) -> Iterator[Any]:
        for number, part in enumerate(parts):
            if number == 1:
                raise KeyboardInterrupt
            yield part

    with pytest.raises(KeyboardInterrupt):
        write_strips(trained, run.directions(2, classifier=False, seed=1), folder, interrupted)
    assert folder.exists() == earlier
    assert {path.name: path.read_bytes() for path in folder.glob("*")} == before


def test_what_cannot_be_written_is_known_before_anything_is_found(
    labelled_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "find_directions", lambda *_, **__: pytest.fail("found"))
    (tmp_path / "file").write_text("keep")
    for output, answer in ((tmp_path / "file", "Not a directory"), (tmp_path, "already contains files")):
        with pytest.raises(UsageError, match=answer):
            load(labelled_run).directions(output=output)
    with pytest.raises(UsageError, match="not class-conditional"):
        check_strips(TrainedGenerator.load(labelled_run), tmp_path / "new", ["0"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
def test_directions_between_classes_lead_from_one_to_the_other(
    tiny_yaml: WriteYaml, small_experiment: Callable[..., Experiment], tmp_path: Path
) -> None:
    """A generator that shows one bright square or another by the sign of its first latent number."""
    from ganctl.generation import found_directions
    from ganctl.generation.loading import TrainedGenerator

    random = np.random.default_rng(0)
    labels = np.arange(300) % 2
    images = random.integers(0, 30, (300, 8, 8, 1), np.uint8)
    images[labels == 0, :4] = 250
    images[labels == 1, 4:] = 250
    np.savez(tmp_path / "a.npz", images=images, labels=labels, class_names=["top", "bottom"])
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    train(small_experiment("dense_gan", {"dataset.path": str(tmp_path / "a.npz")}), folder)
    trained = TrainedGenerator.load(folder.path)
    latent = keras.Input([4])
    sides = keras.layers.Dense(2, use_bias=False)
    shown = keras.layers.Activation("tanh")(sides(latent))
    rows = keras.layers.UpSampling2D((4, 8))(keras.layers.Reshape([2, 1, 1])(shown))
    network = keras.Model(latent, rows)
    sides.set_weights([np.array([[-9.0, 9.0], [0, 0], [0, 0], [0, 0]])])
    object.__setattr__(trained, "network", network)
    trained.__dict__["played"] = network
    found = found_directions.find_directions(
        trained, lambda sequence, *_, **__: sequence, count=1, between=[("top", "Bottom")]
    )
    assert found.names == ("0", "top to bottom")
    assert found.vectors[1][0] > 0.97
    assert found.measured[1].toward == "bottom"
    assert found.measured[1].gain > 0.9
    assert found.measured[1].explained > 0.8
    assert (found.examples[1][:, 0] < 0).all(), "strips begin with what is at the top"
    with pytest.raises(UsageError, match=r"no class is called 'botom'\. Did you mean 'bottom'"):
        found_directions.find_directions(trained, lambda sequence, *_, **__: sequence, between=[("top", "botom")])


def test_a_run_whose_images_are_gone_has_directions_without_classes(
    labelled_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganctl.generation import found_directions

    def gone(*_: Any) -> Any:
        raise DataError("shapes.npz does not exist.")

    monkeypatch.setattr(found_directions, "read_split", gone)
    with pytest.warns(UserWarning, match=r"Without classes: shapes\.npz does not exist"):
        found = load(labelled_run).directions(2, quiet=True, output=tmp_path / "new")
    assert [each.explained for each in found.measured] == [None, None]
    assert (tmp_path / "new" / "directions.npz").is_file()
    with pytest.raises(DataError, match="does not exist"):
        load(labelled_run).directions(2, between=[(0, 1)], quiet=True)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ({"method": "pca"}, "method must be one of sefa, ganspace. Received: 'pca'"),
        ({"count": 0}, "count must be an integer >= 1"),
        ({"between": ["a"]}, r"between must be a list of pairs of classes, such as \[\('sandal', 'sneaker'\)\]"),
        ({"between": "ab"}, "between must be a list of pairs"),
        ({"between": [("a", "b", "c")]}, "between must be a list of pairs"),
        ({"strength": float("nan")}, "strength must be a number > 0"),
    ],
)
def test_mistakes_in_python(arguments: dict[str, Any], answer: str, labelled_run: Path) -> None:
    with pytest.raises(UsageError, match=answer):
        load(labelled_run).directions(**arguments)
