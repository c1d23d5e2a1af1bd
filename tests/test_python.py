"""ganctl from Python: the page's examples run, arrays are what users expect, and nothing is loaded before its time."""

import inspect
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Annotated, get_args, get_origin

import cv2
import keras
import numpy as np
import pytest
import yaml
from conftest import RunCli, WriteYaml
from pydantic import TypeAdapter

import ganctl
import ganctl.runs.arguments
from ganctl import Run
from ganctl.errors import StoppedError, UsageError
from ganctl.images.draw import grid
from ganctl.images.notebook import Images
from ganctl.run_folder.paths import RunFolder

PAGE = Path(__file__).parent.parent / "docs" / "python.md"
README = Path(__file__).parent.parent / "README.md"
SMALL = {
    "training.iterations": 6,
    "training.batch_size": 4,
    "model.capacity": 4,
    "evaluation.every": 0,
    "training.precision": "float32",
}


@pytest.fixture
def run(reported_run: RunFolder, tmp_path: Path) -> Run:
    """A copy of a small finished run."""
    return ganctl.load(shutil.copytree(reported_run.path, tmp_path / "run"))


def test_importing_ganctl_loads_next_to_nothing() -> None:
    heavy = "{'tensorflow', 'keras', 'pydantic', 'cv2', 'ganctl.runs'} & set(sys.modules)"
    script = f"import sys, ganctl; assert not {heavy}; dir(ganctl); ganctl.load; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = ganctl.trian


@pytest.mark.slow
@pytest.mark.parametrize(("page", "examples"), [(PAGE, 7), (README, 1)], ids=["python", "readme"])
def test_the_examples_of_the_page_run(
    page: Path, examples: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All of them, one after the other, on a run of six iterations."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert len(blocks) >= examples
    text = "\n".join(blocks)
    assert '{"training.iterations": 5100}' in text
    exec(text.replace('{"training.iterations": 5100}', repr(SMALL)), {})
    assert (tmp_path / "outputs" / "quickstart" / "report.html").is_file()


def test_a_run_says_what_it_is(run: Run) -> None:
    assert run.step == 8
    assert run.config["model"]["name"] == "dense_gan"
    assert run.class_names == [str(n) for n in range(10)]
    assert run.losses["iteration"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert run.losses["d_loss"].dtype == np.float64
    assert run.metrics == {}
    assert run.generator.output_shape == (None, 8, 8, 1)


def test_a_damaged_checkpoint_is_a_warning_where_an_older_one_is_whole(run: Run) -> None:
    path = run.path / "checkpoints" / "000000008" / "generator.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=r"skipped: .*000000008/generator.safetensors is damaged"):
        assert ganctl.load(run.path).step == 4


@pytest.mark.slow
def test_samples_are_those_of_the_command(run: Run, run_cli: RunCli) -> None:
    done = run_cli("sample", "--checkpoint", run.path, "--num", 5, "--seed", 3, "--output", run.path / "a.npz")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(run.sample(5, seed=3), np.load(run.path / "a.npz")["images"])
    np.testing.assert_array_equal(run.sample(5, seed=np.int64(3)), run.sample(5, seed=3))


def test_a_notebook_keeps_its_own_settings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's and NumPy's random numbers go on as they were, layers keep their policy; ~ is the home folder."""
    monkeypatch.setenv("HOME", str(run.path.parent))
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert ganctl.load(f"~/{run.path.name}").sample(2).shape == (2, 8, 8, 1)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert (random.random(), np.random.random()) == expected


def test_a_torn_row_of_losses_is_left_out(run: Run) -> None:
    with (run.path / "losses.csv").open("a") as file:
        file.write("9,1,0.5")
    assert len(run.losses["d_loss"]) == 8


def test_images_are_arrays_that_a_notebook_shows(run: Run) -> None:
    images, walk = run.sample(5), run.interpolate(rows=2, points=2, frames=3)
    assert isinstance(images, np.ndarray)
    assert (images.dtype, images.shape, walk.shape) == (np.uint8, (5, 8, 8, 1), (2, 6, 8, 8, 1))

    def shown(array: Images) -> np.ndarray:
        return cv2.imdecode(np.frombuffer(array._repr_png_(), np.uint8), cv2.IMREAD_GRAYSCALE)

    np.testing.assert_array_equal(shown(images), grid(np.asarray(images), 2, 3)[..., 0])
    np.testing.assert_array_equal(shown(walk), grid(np.asarray(walk).reshape(-1, 8, 8, 1), 2, 6)[..., 0])
    np.testing.assert_array_equal(shown(images[1]), np.asarray(images)[1, ..., 0])
    assert images[:0]._repr_png_() is None
    for numbers in (images / 255, images.mean(axis=0), images[..., 0]):
        assert getattr(numbers, "_repr_png_", lambda: None)() is None
    with pytest.raises(ValueError, match=r"Only uint8 images .* float64 \(5, 8, 8, 1\)"):
        (images / 255.0).sheet()
    with pytest.raises(ValueError, match=r"no image to show\. Received: \(0, 8, 8, 1\)"):
        images[:0].sheet()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: run.sample(0), "num must be an integer >= 1. Received: "),
        (lambda run: run.sample(1.5), "num must be an integer >= 1. Received: "),
        (lambda run: run.sample(seed=-1), "seed must be an integer >= 0"),
        (lambda run: run.sample(True), "num must be an integer >= 1. Received: True"),
        (lambda run: run.sample(np.float64(2)), "num must be an integer"),
        (lambda run: run.sample(sed=1), "sample: got an unexpected keyword argument 'sed'. Did you mean 'seed'"),
        (lambda run: run.sample(1, 2), "sample: too many positional arguments"),
        (lambda run: ganctl.load(), "load: missing a required argument: 'path'"),
        (lambda run: ganctl.load(""), "path must be a path, as a string or a Path. Received: ''"),
        (lambda run: ganctl.load(run), "path must be .*; pass its path, '/"),
        (lambda run: ganctl.load(run.path, best="yes"), "best must be True or False. Received: 'yes'"),
        (lambda run: ganctl.train(5), "config must be a YAML file, the name of a packaged one, or a dictionary"),
        (lambda run: ganctl.train("quickstart", seed="5"), "seed must be an integer >= 0. Received: '5'"),
        (lambda run: ganctl.evaluate(run), "what must be a path, .*; pass its path, '/"),
        (lambda run: ganctl.evaluate(run.path / "nowhere"), "nowhere does not exist"),
        (lambda run: run.evaluate(num=49), "num must be an integer from 50 to 50,000. Received: 49"),
        (lambda run: run.evaluate(features="fid"), "features must be 'auto', 'lite0', .* Received: 'fid'"),
        (lambda run: run.evaluate(against="mnits"), "mnits is not a data set.* Did you mean 'mnist'"),
        (lambda run: run.evaluate(pairs="pairs.jpg"), "pairs takes FILE.png"),
        (lambda run: run.export("onxx"), "format must be one of .* Received: 'onxx'. Did you mean 'onnx'"),
        (lambda run: run.export("keras", "a.onnx"), "keras writes FILE.keras. Received: a.onnx"),
        (lambda run: run.interpolate(rows=0), "rows must be an integer >= 1"),
        (lambda run: run.interpolate(rows=1.5), "rows must be an integer >= 1"),
        (lambda run: run.interpolate(seed=-1), "seed must be an integer >= 0"),
        (lambda run: run.sample(classes=5), "classes must be a list of class numbers or names"),
        (lambda run: run.sample(classes="12"), "classes must be a list of class numbers or names"),
        (lambda run: run.sample(classes=[True, False]), "classes must be a list of class numbers or names"),
        (lambda run: run.sample(classes=np.array([0.0])), "classes must be a list of class numbers or names"),
        (lambda run: run.sample(classes=np.array([0, 1])), "this generator is not class-conditional"),
        (lambda run: ganctl.load(5), "path must be a path, as a string or a Path. Received: 5"),
        (lambda run: run.sample(classes=[1]), "this generator is not class-conditional"),
        (lambda run: run.sample(truncation=-1.0), "truncation must be a number > 0"),
        (lambda run: run.sample(truncation=math.inf), "truncation must be a number > 0"),
        (lambda run: run.interpolate(points=1), "points must be an integer >= 2"),
        (lambda run: run.resume({"training.batch_size": 2}), "a different run.*, or add --allow-changes"),
        (lambda run: run.resume({"loss": {"name": "hinge"}}), "a different run.*, with --init-from to"),
        (lambda run: ganctl.load(run.path / "nowhere"), "does not exist"),
        (lambda run: ganctl.load(run.path, best=True), "no best checkpoint"),
        (lambda run: ganctl.load(run.path / "checkpoints" / "000000008").losses, "is not a run folder"),
        (
            lambda run: ganctl.train("quickstart", "seed=1"),
            "overrides must be a dictionary, or a list such as .* Received: 'seed=1'",
        ),
        (
            lambda run: ganctl.train({"BATCH_SIZE": 4, "training": {"batch_size": 8}}),
            "'BATCH_SIZE' and 'training.batch_size' .* set the same key",
        ),
        (
            lambda run: ganctl.train({"dataset": {"name": "npz"}, "model": {"nmae": "dcgan"}}),
            "config: .*'name' is missing",
        ),
        (lambda run: ganctl.train({"seed": {1}}), r"strings, numbers, lists and dictionaries: \{1\} is of type set"),
        (lambda run: ganctl.train({"name": "a", "Name": "b"}), "'Name' is given twice"),
        (lambda run: ganctl.train("nonesuch"), "nonesuch does not exist"),
        (lambda run: ganctl.train("quickstart", 5), "a dictionary, or a list such as .* Received: 5"),
        (lambda run: ganctl.train("quickstart", [("seed", 1)]), "a dictionary, or a list such as"),
        (lambda run: ganctl.train("quickstart", device=5), "device must be a string. Received: 5"),
        (lambda run: ganctl.train("quickstart", run_name=5), "run_name must be a string. Received: 5"),
        (lambda run: ganctl.train("quickstart", output_dir=5), "output_dir must be a path, .* Received: 5"),
        (lambda run: ganctl.train("quickstart", init_from=run), "init_from must be a path, .*; pass its path, '/"),
        (
            lambda run: ganctl.train("quickstart", plugins="a.py"),
            r"plugins must be a list of files, such as \['my_gan.py'\]",
        ),
        (
            lambda run: ganctl.train("quickstart", plugins=[None]),
            r"plugins must be a list of files, .* Received: \[None\]",
        ),
        (lambda run: ganctl.train("quickstart", device=None), "device must be a string. Received: None"),
        (lambda run: run.resume(device=5), "device must be a string"),
        (lambda run: run.sample(truncation="1"), "truncation must be a number > 0, .* Received: '1'"),
        (lambda run: run.sample(10**12), "num can be at most 10,000,000 images. Received: 1,000,000,000,000"),
        (lambda run: run.interpolate(10**9), "rows x points x frames can be at most 10,000,000 images"),
        (
            lambda run: run.resume({"model.latent_dim": 2}),
            "Use ganctl train, with --init-from to start from its weights",
        ),
    ],
)
def test_mistakes_are_ganctl_errors(call: object, said: str, run: Run) -> None:
    with pytest.raises(ganctl.GanctlError, match=said) as caught:
        call(run)  # type: ignore[operator]
    assert "pydantic" not in str(caught.value)


def test_a_long_mistake_is_cut(run: Run) -> None:
    with pytest.raises(UsageError, match=r"num must be an integer >= 1\. Received: \[0, 1, .* \.\.\.$") as caught:
        run.sample(list(range(10_000)))  # type: ignore[arg-type]
    assert len(str(caught.value)) < 200


def test_what_may_be_left_out_may_also_be_none() -> None:
    kinds = {name: kind for name, kind in vars(ganctl.runs.arguments).items() if get_origin(kind) is Annotated}
    optional = {name: kind for name, kind in kinds.items() if type(None) in get_args(get_args(kind)[0])}
    assert {"OptionalCount", "OptionalSeed", "OptionalText", "Truncation"} <= set(optional)
    for name, kind in optional.items():
        assert TypeAdapter(kind).validate_python(None) is None, name


def test_python_shows_the_arguments_and_their_meaning() -> None:
    """As they are written, without the conditions that pydantic reads."""
    assert str(inspect.signature(Run.sample)).startswith("(self, num: int | None = None, *, classes: ")
    for function in (ganctl.train, ganctl.load, ganctl.evaluate, ganctl.export, Run.sample, Run.interpolate):
        arguments = inspect.signature(function).parameters
        assert "Annotated" not in str(inspect.signature(function))
        listed = re.findall(r"^ {8,12}(\w+): ", str(function.__doc__).partition("Args:")[2], re.MULTILINE)
        assert [name for name in arguments if name != "self"] == [name for name in listed if name in arguments]
        assert {"Raises:", "Example:"} <= set(str(function.__doc__).split())


@pytest.mark.slow
def test_scores_are_those_of_the_command(run: Run, run_cli: RunCli) -> None:
    done = run_cli("evaluate", run.path, "--num", 60, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    scores = run.evaluate(num=np.int64(60), quiet=True)
    further = {"left_out": [], "sample_formats": None, "reference_formats": None, "copies": scores.copies}
    assert {"what": str(run.path), **scores.values, **further, "protocol": scores.protocol} == said
    assert {"what": str(run.path), **scores.as_json()} == said
    assert scores.nearest_pairs == run.path / "samples" / "nearest.png"
    assert ganctl.evaluate(str(run.path), num=60, quiet=True) == scores
    shown = run_cli("evaluate", run.path, "--num", 60)
    assert repr(scores) == str(scores) == shown.stdout.rstrip("\n")
    (run.path / "folder.png").mkdir()
    with pytest.warns(UserWarning, match=r"^[^:]*folder.png cannot be written: "):
        without = run.evaluate(num=60, pairs=run.path / "folder.png", quiet=True)
    assert (without.values, without.nearest_pairs) == (scores.values, None)


@pytest.mark.slow
def test_an_export_is_that_of_the_command(run: Run, run_cli: RunCli) -> None:
    done = run_cli("export", run.path, "--format", "keras", "--output", run.path / "a.keras", "--json")
    assert done.returncode == 0, done.stderr
    exported = run.export("keras", run.path / "a.keras")
    assert exported.facts() == json.loads(done.stdout)
    other = ganctl.export(run.path, "keras", run.path / "b.keras")
    assert other.path.is_file()
    assert repr(other) == str(other) == repr(exported).replace("a.keras", "b.keras")
    assert "tiny after 8 iterations: " in str(other)


@pytest.mark.slow
def test_a_dictionary_trains_and_is_resumed(
    tiny_yaml: WriteYaml, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = yaml.safe_load(tiny_yaml().read_text())
    before = repr(config)
    monkeypatch.setenv("HOME", str(tmp_path))
    run = ganctl.train(config, ["training.iterations=4"], output_dir="~", run_name="mine", seed=5, quiet=True)
    assert repr(config) == before
    assert (run.path, run.step, run.config["seed"]) == (tmp_path / "mine", 4, 5)
    assert run.resume({"training.iterations": 6, "outputs.keep": 5}, quiet=True).step == 6
    assert ganctl.load(run.path).config["outputs"]["keep"] == 5
    assert capfd.readouterr() == ("", "")
    with pytest.raises(UsageError, match="mine already exists"):
        ganctl.train(config, output_dir=tmp_path, run_name="mine", quiet=True)


@pytest.mark.slow
def test_a_dictionary_says_what_a_file_says(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    """Also in capitals and with NumPy's numbers, paths and characters beyond ASCII."""
    tiny, config = (yaml.safe_load(tiny_yaml().read_text()) for _ in range(2))
    images = tmp_path / "a\N{DOG FACE}b.npz"
    config["dataset"]["path"] = images
    shutil.copy(tiny["dataset"]["path"], images)
    config["model"]["LATENT_DIM"] = np.int64(config["model"].pop("latent_dim"))
    config["Training"] = {**config.pop("training"), "ema": np.float32(0.5)}
    said = {"BATCH_SIZE": 8, "LATENT_DIM": np.int64(3)}
    without = {key: value for key, value in config["Training"].items() if key != "batch_size"}
    for dictionary, overrides in (
        ({**config, **said, "Training": without, "model": {"name": "dense_gan"}}, {}),
        (config, {**said, "dataset.path": images, "training.xla": np.bool_(False)}),
    ):
        iterations = {"training.iterations": np.int64(2)}
        run = ganctl.train(dictionary, {**overrides, **iterations}, output_dir=tmp_path / "a", quiet=True)
        resolved = run.config
        assert (resolved["training"]["batch_size"], resolved["model"]["latent_dim"]) == (8, 3)
        assert (run.step, resolved["training"]["ema"]) == (2, 0.5)
        assert resolved["dataset"]["path"] == str(images)


def test_ctrl_c_saves_and_says_how_to_go_on(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    """The signal that a notebook's kernel gets, from a thread while the game is played."""

    def interrupt() -> None:
        path = tmp_path / "tiny" / "losses.csv"
        while not path.exists() or len(path.read_text().splitlines()) < 3:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(StoppedError, match=r"everything is saved. Continue: ganctl resume"):
        ganctl.train(tiny_yaml(), {"training.iterations": 10**9}, output_dir=tmp_path, quiet=True)
    thread.join()
    run = ganctl.load(tmp_path / "tiny")
    assert run.step >= 2
    assert len(run.losses["iteration"]) == run.step


def test_a_plugins_mistake_is_a_ganctl_error(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    plugin = tmp_path / "broken_model.py"
    plugin.write_text(
        textwrap.dedent('''
        from ganctl.models import registry
        @registry.register("broken_model", source="a test")
        def broken_model(image_shape):
            """A model that cannot be built."""
            return {"generator": 1 / 0}
        ''')
    )
    with pytest.raises(ganctl.GanctlError, match=r"broken_model.py:6: ZeroDivisionError: division by zero"):
        ganctl.train(tiny_yaml({"model": {"name": "broken_model"}}), plugins=[plugin], output_dir=tmp_path, quiet=True)
    from ganctl import models
    from ganctl.registry import forget

    forget(models.registry.get("broken_model").make.__module__)
