"""What the tests share: tiny data, a tiny experiment, the real command line, and shipped experiments made small."""

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pytest
import yaml
from forked_program import ForkedProgram

from ganctl import datasets, models
from ganctl.build import games, resolving
from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import PACES
from ganctl.experiment.yaml_source import parse_yaml
from ganctl.game import REAL, Game, traced_gradients
from ganctl.game.sampler import PAIRED, UNPAIRED
from ganctl.game.stages import StageInPlay
from ganctl.images.image_set import ImageSet
from ganctl.lazy import take_the_process, tf
from ganctl.models import ModelEntry
from ganctl.registry import Entry, Registry, accepted
from ganctl.run_folder.paths import RunFolder
from ganctl.training.prepared import Prepared

# Each of several workers has a core, not all of them: TensorFlow's threads would wait for each other's.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

# Before any test module imports TensorFlow: loaded this way it keeps its chatter off the terminal, as in the program,
# and what it consists of, 400,000 objects, out of garbage collections.
take_the_process()
tf.config.threading.get_inter_op_parallelism_threads()

CONFIGS = Path(__file__).parent.parent / "configs"
SUBPROCESS_SECONDS = 180
SMALLEST = {"capacity": 2, "blocks": 1, "enhancer_blocks": 1}
"""Keys that make networks small, of the models that have them."""

Shape = tuple[int, int, int]
Overrides = Mapping[str, Any]
NOTHING: Overrides = MappingProxyType({})
WriteYaml = Callable[[Overrides], Path]
RunCli = Callable[..., "subprocess.CompletedProcess[str]"]


def slow_but(quick: Collection[Any], values: Iterable[Any]) -> list[Any]:
    """Parameters, all of them marked as slow but a few: those show what the others show of further cases."""
    quick, values = set(quick), list(values)
    assert quick <= set(values), "a case that is not there"
    return [pytest.param(value, marks=[] if value in quick else [pytest.mark.slow]) for value in values]


def shipped(registry: Registry) -> list[Entry]:
    """What ganctl itself registers: other tests register plugins in this process."""
    return [entry for entry in registry if entry.make.__module__.startswith("ganctl.")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The one long training first, so that no worker begins with it when the others have ended."""
    items.sort(key=lambda item: item.path.stem != "test_quickstart")


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Assert that what follows takes no more than so many seconds of the processor.

    What other processes do does not count, nor waiting for anything, nor the millions of objects of the tests before,
    which a garbage collection would go through.
    """
    gc.disable()
    began = time.process_time()
    try:
        yield
        taken = time.process_time() - began
    finally:
        gc.enable()
    assert taken < seconds


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Processes that tests interrupt must not inherit what a shell's background jobs, or `nohup`, ignore."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(scope="module", autouse=True)
def _graphs_freed() -> Iterator[None]:
    """What a module of tests traces goes with it, also what Keras' own loops trace; else gigabytes pile up."""
    before = traced_gradients.registered()
    yield
    traced_gradients.forget(traced_gradients.registered() - before)
    gc.collect()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is read from or left in the user's cache. All workers share one: features of real images take long."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANCTL_CACHE", str(folder / "cache"))
        patch.delenv("GANCTL_DEBUG", raising=False)
        yield


@pytest.fixture
def own_data_folders(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caches of images and of Keras' data sets begin empty."""
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture(scope="session")
def shapes_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 coloured 16x16 images with labels 0 .. 9: a bright square whose place and colour depend on the label."""
    random = np.random.default_rng(0)
    labels = np.arange(64) % 10
    images = random.integers(0, 60, (64, 16, 16, 3), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[label : label + 6, 2:9, label % 3] = 255
    path = tmp_path_factory.mktemp("data") / "shapes.npz"
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture(scope="session")
def tiny_yaml(shapes_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> WriteYaml:
    """Return what writes a tiny experiment, with dotted keys changed, into a folder of its own."""

    def write(overrides: Overrides = NOTHING) -> Path:
        content: dict[str, Any] = {
            "name": "tiny",
            "dataset": {"name": "npz", "path": str(shapes_npz), "image_size": 8, "channels": 1},
            "model": {"name": "dense_gan", "latent_dim": 4},
            "training": {"iterations": 8, "batch_size": 4, "precision": "float32", "xla": False},
            "outputs": {"sample_every": 4, "sample_grid": "2x2", "checkpoint_every": 4},
        }
        for key, value in overrides.items():
            section, _, last = key.rpartition(".")
            (content.setdefault(section, {}) if section else content)[last] = value
        path = tmp_path_factory.mktemp("experiment") / "tiny.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    return write


@pytest.fixture(scope="session")
def forked_program() -> Iterator[ForkedProgram]:
    program = ForkedProgram(SUBPROCESS_SECONDS)
    yield program
    program.close()


@pytest.fixture(scope="session")
def run_cli(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunCli:
    """Return what runs `ganctl` in a process of its own, and gives its exit code and both outputs.

    `start` is how the process comes about: a `fork` of one that has imported TensorFlow, or `typed`, as a user does it.
    """

    def run(
        *arguments: object, cwd: Path | None = None, start: Literal["fork", "typed"] = "fork"
    ) -> "subprocess.CompletedProcess[str]":
        words, folder = [*map(str, arguments)], cwd or tmp_path_factory.mktemp("empty")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_CPP_")}
        if start == "fork":
            # Decided, so that `plan` does not advise on it.
            environment.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=0")
            program: ForkedProgram = request.getfixturevalue("forked_program")
            return program.run(words, folder, environment)
        return subprocess.run(
            [sys.executable, "-m", "ganctl", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding=environment.get("PYTHONIOENCODING", "utf-8").partition(":")[0],
            timeout=SUBPROCESS_SECONDS,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def shrunk(shapes_npz: Path) -> Callable[[Experiment], Experiment]:
    """Return what makes a shipped experiment small: two rounds of each stage, on the tiny data, in its own shape."""

    def shrink(experiment: Experiment) -> Experiment:
        dataset = experiment.dataset
        # Pairs that a file derives from other images are derived from these.
        base = getattr(dataset, "base", None)
        shape = datasets.registry.get(base or dataset.name).shape or (64, 64, 3)
        made_of = {"base": "npz"} if base else {"name": data_of(experiment.model.name)}
        small_data = {
            **made_of,
            "path": str(shapes_npz),
            "image_size": dataset.image_size or shape[0],
            "channels": dataset.channels or shape[2],
            "classes": None,
            "limit": None,
        }
        stages = short([stage.model_dump(mode="json") for stage in experiment.training.stages])
        last = stages and stages[-1]["until"] is not None  # after it, all players play
        outputs = {"sample_every": 2, "checkpoint_every": 2}
        # Five updates are traced five times.
        updates = {key: min(getattr(experiment.training, key), 2) for key in ("disc_updates", "gen_updates")}
        changed = (
            experiment.with_keys("dataset", **small_data)
            .with_keys("model", **smallest(experiment.model.name))
            .with_keys("training", iterations=2 * max(1, len(stages) + bool(last)), stages=stages, batch_size=2)
            .with_keys("training", precision="float32", xla=False, **updates)
            .with_keys("outputs", **outputs)
        )
        return resolving.resolve(Experiment.from_source(parse_yaml(changed.to_yaml(), experiment.name))).experiment

    return shrink


@contextmanager
def operation_by_operation() -> Iterator[None]:
    """Play games without tracing them: the same functions on the same numbers, in a quarter of the time.

    For tests of what is computed. How it is compiled is what other tests show.
    """
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture
def uncompiled(request: pytest.FixtureRequest) -> Iterator[None]:
    """For a whole module of tests: play operation by operation, but in tests that are marked `compiled`."""
    if request.node.get_closest_marker("compiled"):
        yield
    else:
        with operation_by_operation():
            yield


@datasets.registry.register("npz_pairs", source="the tests")
def npz_pairs(config: Any, track: Any) -> dict[str, ImageSet]:
    """The images of an npz as the first feed, and the same inverted as the second."""
    images = datasets.registry.get("npz").make(config, track)
    return {"source": images, "target": replace(images, images=255 - images.images)}


@datasets.registry.register("npz_enlargements", source="the tests")
def npz_enlargements(config: Any, track: Any) -> dict[str, ImageSet]:
    """The images of an npz at half the size, and as they are."""
    images = datasets.registry.get("npz").make(config, track)
    return {"source": replace(images, images=images.images[:, ::2, ::2].copy()), "target": images}


def data_of(model: str) -> str:
    """The data set of the tests that has the feeds of a model, in shapes that it takes."""
    entry = models.registry.get(model)
    if entry.feeds == (REAL,):
        return "npz"
    return "npz_pairs" if len(set(shapes_of(entry, home_shape(model)).values())) == 1 else "npz_enlargements"


def shapes_of(entry: ModelEntry, shape: Shape) -> dict[str, Shape]:
    """The shapes of a model's feeds for images of a shape; inputs are half as large if it refuses equal ones."""
    alike = dict.fromkeys(entry.feeds, shape)
    if not entry.sampler.takes or _takes_equal_shapes(entry.make):
        return alike
    height, width, channels = shape
    return {**alike, entry.sampler.takes: (height // 2, width // 2, channels)}


@cache
def _takes_equal_shapes(make: Callable[..., Any]) -> bool:
    shape = (64, 64, 1)
    # Every role that a model of images may ask for.
    shapes = dict.fromkeys((*PAIRED, *UNPAIRED), shape)
    try:
        make(**accepted(make, {**SMALLEST, "image_shape": shape, "image_shapes": shapes}))
    except ConfigurationError:
        return False
    return True


def smallest(model: str) -> dict[str, Any]:
    """The keys of a model that make its networks small."""
    known = models.registry.get(model).arguments().model_fields
    return {key: value for key, value in SMALLEST.items() if key in known}


def stages_of(model: str, last: int | None = None) -> list[dict[str, Any]]:
    """The stages that a model's shipped file states, as `short` returns them; none if all its players always play."""
    return short(_shipped_stages().get(model, []), last)


@cache
def _shipped_stages() -> dict[str, list[dict[str, Any]]]:
    return {
        each["name"]: each["training"]["stages"]
        for each in _shipped_files()
        if "stages" in each["training"] and each["name"] == each["model"]["name"]
    }


@cache
def _shipped_files() -> list[dict[str, Any]]:
    return [yaml.safe_load(path.read_text()) for path in sorted(CONFIGS.glob("*.yaml"))]


def recipe_of(model: str) -> Overrides:
    """What a model's shipped file says of losses, penalties, optimizers and forward passes, as changes of another."""
    content = next((each for each in _shipped_files() if each["model"]["name"] == model), {})
    training = {
        f"training.{key}": value
        for key, value in content.get("training", {}).items()
        if key in ("augment", "discriminator_batches", "ema", "fakes")
    }
    return {**{section: content[section] for section in ("loss", "optimizer") if section in content}, **training}


def short(stages: list[dict[str, Any]], last: int | None = None) -> list[dict[str, Any]]:
    """The same stages, each but the last of two rounds; with `last`, the last border lies there.

    An iteration has two updates of a player at most.
    """
    stages = [{**stage, **{key: min(stage[key], 2) for key in PACES if stage.get(key)}} for stage in stages]
    borders = sum(stage.get("until") is not None for stage in stages)
    first = 2 if last is None else last - 2 * (borders - 1)
    return [
        stage if stage.get("until") is None else {**stage, "until": first + 2 * place}
        for place, stage in enumerate(stages)
    ]


def play_stage(game: Game, stage: StageInPlay, rounds: int) -> np.ndarray:
    """Play the first rounds of a stage: the rows [rounds, columns] of what its players measure."""
    game.step.assign(stage.start)
    rows = game.play(game.chunk(stage.start, rounds)).numpy()
    measured = np.isin(game.columns, stage.columns)
    assert rows.shape == (rounds, len(game.columns))
    assert np.isnan(rows[:, ~measured]).all()
    assert measured.any()
    found: np.ndarray = rows[:, measured]
    return found


def play_every_stage(game: Game, rounds: int) -> list[np.ndarray]:
    """Play the first rounds of each stage: the rows of each."""
    return [play_stage(game, stage, rounds) for stage in game.stages]


def drawn_from_noise() -> list[ModelEntry]:
    """The models that ganctl registers and that draw without an input image."""
    return [entry for entry in shipped(models.registry) if not entry.sampler.takes]


def home_shape(model: str) -> Shape:
    """A small image shape that the model can make."""
    why_unfit = models.registry.get(model).why_unfit
    return next((size, size, 1) for size in (8, 16, 28, 32, 64, 128) if not why_unfit(size, size))


def untracked(sequence: Iterable[Any], *_: object, **__: object) -> Iterable[Any]:
    """Show no progress."""
    return sequence


@pytest.fixture(scope="session")
def small_experiment(tiny_yaml: WriteYaml) -> Callable[..., Experiment]:
    """Return what gives an experiment of a model on images as small as it can make, with dotted keys changed."""

    def make(model: str, changes: Overrides = NOTHING) -> Experiment:
        size, _, channels = home_shape(model)
        small = {
            "model": {"name": model, **smallest(model)},
            "dataset.name": data_of(model),
            "dataset.image_size": size,
            "dataset.channels": channels,
            "training.batch_size": 2,
            "training.stages": stages_of(model),
        }
        return resolving.load_experiment(tiny_yaml({**small, **changes}))

    return make


@pytest.fixture(scope="session")
def small_game(small_experiment: Callable[..., Experiment]) -> Callable[..., Game]:
    """Return what makes the game of a small experiment."""

    def make(model: str, changes: Overrides = NOTHING) -> Game:
        experiment = small_experiment(model, changes)
        parts = resolving.resolve(experiment)
        return games.make_game(parts, resolving.read_feeds(parts, untracked))

    return make


@pytest.fixture(scope="session")
def reported_run(small_experiment: Callable[..., Experiment], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A small finished run that tests read, copy, and never change."""
    from small_runs import CPU

    experiment = small_experiment("dense_gan")
    folder = RunFolder.create(tmp_path_factory.mktemp("reported"), "run", explicit=True)
    folder.write_config(experiment.to_yaml())
    prepared = Prepared.make(resolving.resolve(experiment), CPU, untracked)
    folder.write_info(prepared.describe(["ganctl", "train", "tiny.yaml"]))
    folder.append_log("started: ganctl train tiny.yaml")
    prepared.trainer(folder, []).train()
    return folder
