"""Codes set one by one, swept across and down, and categories by number; in Python and from files to files."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import RunCli
from small_runs import train

from ganctl import load
from ganctl.cli import commands
from ganctl.errors import UsageError
from ganctl.game.inputs import CLASSES, CODE
from ganctl.generation.codes import STEPS, SetCodes
from ganctl.generation.drawing import sample_latent
from ganctl.generation.latents import as_vectors
from ganctl.images.decode import decode
from ganctl.lazy import keras
from ganctl.run_folder.paths import RunFolder
from ganctl.runs import Run

NOISE, CODES, CATEGORIES = 3, 4, 5


@pytest.fixture(scope="module")
def infogan(small_experiment: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    keys = {"name": "infogan", "latent_dim": NOISE, "codes": CODES, "categories": CATEGORIES, "capacity": 2}
    return _trained(small_experiment("infogan", {"model": keys}), tmp_path_factory)


@pytest.fixture(scope="module")
def labelled(small_experiment: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return _trained(small_experiment("acgan_mnist", {"model.latent_input": "given"}), tmp_path_factory)


@pytest.fixture(scope="module")
def plain(small_experiment: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return _trained(small_experiment("dense_gan"), tmp_path_factory)


def _trained(experiment: Any, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = RunFolder.create(tmp_path_factory.mktemp("codes"), "run", explicit=True)
    train(experiment, folder)
    return load(folder.path)


def stub(order: tuple[str, ...]) -> Any:
    """A generator that only has inputs: noise of 2 x 3, codes of 4, classes, in an order."""
    shapes = {"latent": (2, 3), CODE: (4,), CLASSES: (1,)}
    inputs = [keras.Input(shapes[name], name=name) for name in order]
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(tensor) for tensor in inputs])
    network = keras.Model(inputs, joined)
    return SimpleNamespace(network=network, distribution="normal", check_draws_from_noise=lambda: None)


@pytest.mark.parametrize("order", [("latent", CODE, CLASSES), (CLASSES, CODE, "latent"), (CODE, "latent")])
def test_a_code_is_set_and_nothing_else(order: tuple[str, ...]) -> None:
    trained = stub(order)
    drawn = as_vectors(sample_latent(trained.network, 5, 7, "normal"))
    samples = SetCodes({1: 1.5, 3: -0.25}).samples(trained, 5, [2, 4], seed=7)
    first = 6 if order[0] == "latent" else 0
    assert samples.classes == [2, 4, 2, 4, 2]
    expected = drawn.copy()
    expected[:, first + 1], expected[:, first + 3] = 1.5, -0.25
    np.testing.assert_array_equal(samples.vectors, expected)
    np.testing.assert_array_equal(samples.values, expected[:, first : first + 4])


def test_a_sweep_has_a_row_for_each_vector() -> None:
    trained = stub(("latent", CODE, CLASSES))
    drawn = as_vectors(sample_latent(trained.network, 3, 0, "normal"))
    samples = SetCodes({2: (-2.0, 2.0), 0: 9.0}).samples(trained, 21, [8, 6])
    assert STEPS == 9
    assert samples.classes == [8] * 9 + [6] * 9 + [8] * 3
    for number in range(21):
        row, column = divmod(number, 9)
        expected = drawn[row].copy()
        expected[6 + 2], expected[6 + 0] = -2.0 + 0.5 * column, 9.0
        np.testing.assert_allclose(samples.vectors[number], expected, rtol=1e-6)
    table = samples.table(["a", "b"])
    assert table.headings == ["-2", "-1.5", "-1", "-0.5", "0", "0.5", "1", "1.5", "2"]
    assert (table.columns, table.row_names, table.given) == (9, ["8", "6", "8"], (2, 0))


def test_two_sweeps_go_across_and_down() -> None:
    trained = stub(("latent", CODE))
    drawn = as_vectors(sample_latent(trained.network, 2, 0, "normal"))
    settings = SetCodes({1: (0.0, 1.0), 0: (2.0, -2.0)})
    samples = settings.samples(trained, 90, [])
    assert samples.classes == []
    for number in range(90):
        row, column = divmod(number % 81, 9)
        expected = drawn[number // 81].copy()
        expected[6 + 1], expected[6 + 0] = column / 8, 2 - row / 2
        np.testing.assert_allclose(samples.vectors[number], expected, rtol=1e-6)
    table = samples.table([])
    assert table.headings[:3] == ["0", "0.125", "0.25"]
    assert list(table.row_names) == ["2", "1.5", "1", "0.5", "0", "-0.5", "-1", "-1.5", "-2", "2"]
    assert settings.in_file_names == "-code1=0..1-code0=2..-2"
    assert settings.in_words == "1=0..1, 0=2..-2"


def test_the_usual_number_of_images() -> None:
    none, one, two = (SetCodes(given) for given in ({0: 1.0}, {0: (0.0, 1.0)}, {0: (0.0, 1.0), 1: (0.0, 1.0)}))
    assert [each.usual_count(None) for each in (none, one, two)] == [64, 90, 81]
    assert [each.usual_count(2) for each in (none, one, two)] == [2, 18, 162]


def test_python_draws_what_the_vectors_say(infogan: Run) -> None:
    vectors = infogan.latents(6, seed=3)
    plain_samples = np.asarray(infogan.sample(6, seed=3))
    own = np.asarray(infogan.sample(6, seed=3, codes={}))
    np.testing.assert_array_equal(own, plain_samples)
    vectors[:, NOISE + 1] = 1.5
    fixed = np.asarray(infogan.sample(6, seed=3, codes={1: 1.5}))
    np.testing.assert_array_equal(fixed, np.asarray(infogan.sample(latents=vectors)))

    swept = np.asarray(infogan.sample(codes={np.int64(0): np.array([-1, 1])}, category=3, seed=3))
    assert swept.shape == (90, *plain_samples.shape[1:])
    begun = infogan.latents(10, seed=3)
    begun[:, NOISE] = 0.25
    expected = np.asarray(infogan.sample(latents=begun, classes=[3]))
    np.testing.assert_array_equal(swept[5::9], expected)
    given = np.asarray(infogan.sample(codes={0: (-1, 1)}, category=[3], latents=infogan.latents(10, seed=3)))
    np.testing.assert_array_equal(given, swept)
    rotated = np.asarray(infogan.sample(3, category=[4, 1], seed=3))
    np.testing.assert_array_equal(rotated, np.asarray(infogan.sample(3, classes=[4, 1], seed=3)))


@pytest.mark.parametrize(
    ("wishes", "answer"),
    [
        ({"codes": {4: 1.0}}, r"numbers from 0 to 3\. Received: 4"),
        ({"codes": {0: (1, 1)}}, r"a sweep needs two different ends\. Received: 1\.\.1"),
        ({"codes": {0: (1, 1 + 1e-12)}}, "a sweep needs two different ends"),
        ({"codes": {0: -1e39}}, r"code 0: a latent vector cannot hold this number\. Received: -1e\+39"),
        ({"codes": {0: (0, 1e39)}}, r"cannot hold this number\. Received: 0\.\.1e\+39"),
        ({"codes": {0: 10**400}}, "codes must be a dictionary"),
        ({"codes": {0: (0, 1), 1: (0, 1), 2: (0, 1)}}, r"at most two codes can be swept.*Received: 3"),
        ({"codes": {0: (0, 1, 2)}}, "codes must be a dictionary of codes by number"),
        ({"codes": {0: float("nan")}}, "codes must be a dictionary"),
        ({"codes": {"0": 1.0}}, "codes must be a dictionary"),
        ({"codes": [1.0]}, "codes must be a dictionary"),
        ({"category": "3"}, "category must be a number, or a list of numbers"),
        ({"category": []}, "category must be a number"),
        ({"category": True}, "category must be a number"),
        ({"category": 7}, r"classes must be numbers from 0 to 4\. Received: 7"),
        ({"category": 1, "classes": [1]}, "classes and category exclude each other"),
        (
            {"latents": np.zeros((2, NOISE + CODES)), "codes": {0: (0, 1)}, "num": 19},
            r"num: latents has only 2 latent vectors of 9 images each\. Received: 19",
        ),
        ({"codes": {0: (0, 1)}, "truncation": 0.5, "latents": np.zeros((2, NOISE + CODES))}, "truncation is for"),
    ],
)
def test_wishes_that_cannot_be_granted(infogan: Run, wishes: dict[str, Any], answer: str) -> None:
    with pytest.raises(UsageError, match=answer):
        infogan.sample(**wishes)


def test_models_without_codes_or_with_labels(plain: Run, labelled: Run) -> None:
    with pytest.raises(UsageError, match="the model 'dense_gan' has no codes"):
        plain.sample(codes={0: 1.0})
    with pytest.raises(UsageError, match="this generator has no categories"):
        plain.sample(category=1)
    with pytest.raises(UsageError, match=r"'acgan_mnist' are those of its labels.*ganctl sample --classes"):
        labelled.sample(category=1)


# --- the command


def test_a_sheet_of_a_sweep(infogan: Run, run_cli: RunCli, tmp_path: Path) -> None:
    options = ["--code", "0=-2..2", "--code", "3=0.5", "--category", 2, "--num", 18]
    done = run_cli("sample", "--checkpoint", infogan.path, *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (written,) = tmp_path.iterdir()
    assert written.name == "samples-0-category2-code0=-2..2-code3=0.5.png"
    assert done.stdout.splitlines() == [
        f"18 images of tiny after 8 iterations: {written.name}",
        "codes: 0=-2..2, 3=0.5",
        "classes: 2",
    ]
    images = np.asarray(infogan.sample(18, codes={0: (-2, 2), 3: 0.5}, category=2))
    side = images.shape[1]
    sheet = decode(written.read_bytes(), name=written.name).pixels
    factor = 1024 // (9 * (side + 2) + 2)
    own = sheet[-(2 * (side + 2) + 2) * factor :: factor, -(9 * (side + 2) + 2) * factor :: factor]
    for number, image in enumerate(images):
        row, column = divmod(number, 9)
        top, left = 2 + row * (side + 2), 2 + column * (side + 2)
        np.testing.assert_array_equal(own[top : top + side, left : left + side], image)


def test_files_carry_what_was_set(infogan: Run, run_cli: RunCli, tmp_path: Path) -> None:
    sample = ["sample", "--checkpoint", infogan.path, "--code", "1=-1..1", "--num", 10, "--output"]
    done = run_cli(*sample, "a.npz", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    written = np.load(tmp_path / "a.npz")
    assert written["codes"].shape == (10, CODES)
    np.testing.assert_allclose(written["codes"][:, 1], [*np.linspace(-1, 1, 9), -1])
    assert written["labels"].tolist() == [0] * 9 + [1]
    vectors = infogan.latents(2)[:, NOISE:]
    np.testing.assert_allclose(written["codes"][::9, [0, 2, 3]], vectors[:, [0, 2, 3]])
    np.testing.assert_array_equal(written["images"], infogan.sample(10, codes={1: (-1, 1)}))
    run_cli(*sample, "new", cwd=tmp_path)
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names[:2] == ["0-0-code1=-1.png", "1-0-code1=-0.75.png"]
    assert names[9] == "9-1-code1=-1.png"
    fixed = ["sample", "--checkpoint", infogan.path, "--code", "1=0.5", "--num", 2, "--output", "two"]
    run_cli(*fixed, cwd=tmp_path)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["0-0-code1=0.5.png", "1-1-code1=0.5.png"]


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (["--code", "0"], "'0' is neither N=VALUE nor N=LOW..HIGH, such as 0=1.5 or 0=-2..2."),
        (["--code", "a=1"], "'a=1' is neither N=VALUE nor N=LOW..HIGH"),
        (["--code", "0=1..2..3"], "'0=1..2..3' is neither"),
        (["--code", "-1=1"], "'-1=1' is neither"),
        (["--code", "0=inf"], "'0=inf' contains a number that is not finite."),
    ],
)
def test_options_that_are_no_codes(options: list[str], answer: str) -> None:
    done = CliRunner().invoke(commands, ["sample", "--checkpoint", "nowhere", *options])
    assert done.exit_code == 2
    assert answer in " ".join(done.stderr.split())


def test_mistakes_on_the_command_line(infogan: Run, labelled: Run, run_cli: RunCli, tmp_path: Path) -> None:
    for run, options, answer in (
        (infogan, ["--code", "0=1", "--code", "0=2"], "--code sets a code twice. Received: 0, 0"),
        (infogan, ["--code", "9=1"], "this generator's codes have numbers from 0 to 3. Received: 9"),
        (infogan, ["--category", "bag"], "'infogan' finds its categories itself, so they have no names"),
        (infogan, ["--category", "1", "--classes", "1"], "--classes and --category exclude each other"),
        (labelled, ["--category", "1"], "Name them as classes: ganctl sample --classes, or classes= in Python."),
        (labelled, ["--code", "0=1"], "the model 'acgan_mnist' has no codes"),
    ):
        done = run_cli("sample", "--checkpoint", run.path, *options, cwd=tmp_path)
        assert done.returncode == 2
        assert answer in done.stderr
        assert not list(tmp_path.iterdir())
