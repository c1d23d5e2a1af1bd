"""ganctl from Python: `ganctl.train` and `ganctl.load`, as in a notebook.

Errors are `ganctl.errors.GanctlError`, never SystemExit. Ctrl-C (a notebook's "interrupt") ends training as on the
command line: everything is saved, and `StoppedError` says how to go on.

Floor 8. May import: training, generation, build, run_folder, experiment, images, plugins, host.
"""

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.build import resolving
from ganctl.errors import GanctlError, UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.packaged_configs import find_config
from ganctl.experiment.yaml_source import YamlSource, parse_yaml
from ganctl.generation import drawing
from ganctl.generation.loading import TrainedGenerator, parts_of
from ganctl.generation.walks import walk
from ganctl.host.device import select_device
from ganctl.images.notebook import Images
from ganctl.plugins import blame, permitted
from ganctl.run_folder import checkpoint
from ganctl.run_folder.losses_csv import read_losses
from ganctl.run_folder.metrics_csv import read_metrics
from ganctl.run_folder.paths import RunFolder
from ganctl.training import run as training
from ganctl.training.session import Session

Overrides = Mapping[str, Any] | Sequence[str]
Plugins = Sequence[str | Path]


def train(
    config: str | Path | Mapping[str, Any],
    overrides: Overrides = (),
    *,
    output_dir: str | Path | None = None,
    run_name: str | None = None,
    seed: int | None = None,
    device: str = "auto",
    init_from: str | Path | None = None,
    plugins: Plugins = (),
    allow_plugins: bool = False,
    quiet: bool = False,
) -> "Run":
    """Train an experiment, as `ganctl train` does.

    Args:
        config: a YAML file, the name of a packaged one, or what such a file says as a dictionary.
        overrides: changed keys, `{"training.iterations": 500}` or `["training.iterations=500"]`.
        output_dir: folder of all runs; by default what the file says, or `outputs`.
        run_name: name of the run folder, refused where it exists.
        seed: the same as the override `seed`.
        device: `auto`, `cpu`, `gpu` or `gpu:N`; a process stays on its first one.
        init_from: a run folder, checkpoint or generator file whose weights are the start, wherever they fit.
        plugins: Python files that register models, losses, penalties, augmentations or data sets.
        allow_plugins: also run those that the experiment names.
        quiet: say nothing.

    Returns:
        The run.

    Raises:
        GanctlError: in many kinds, whose messages say what is wrong. StoppedError after Ctrl-C, with everything saved.

    Example:
        >>> run = ganctl.train("quickstart", {"training.iterations": 500})
        >>> run.sample(16)
    """
    _check_texts(device=device, **({} if run_name is None else {"run_name": run_name}))
    _check_paths(output_dir=output_dir, init_from=init_from)
    with _permitted(plugins, allow_plugins):
        settings = _settings(overrides) + ([] if seed is None else [f"seed={seed}"])
        if isinstance(config, Mapping):
            parts = resolving.resolve(
                Experiment.from_source(YamlSource("config", parse_yaml(_json(config), "config").data), settings)
            )
        else:
            parts = resolving.load_parts(find_config(str(config)), tuple(settings))
        experiment = parts.experiment
        folder = training.train(
            parts,
            Session(quiet=quiet),
            ["ganctl.train", experiment.name if isinstance(config, Mapping) else str(config), *settings],
            outputs=Path(os.path.expanduser(output_dir or experiment.root_dir)),
            run_name=run_name,
            device=device,
            init_from=Path(os.path.expanduser(init_from)) if init_from else None,
        )
    assert folder is not None
    return Run(folder.path, plugins=plugins, allow_plugins=allow_plugins)


def load(path: str | Path, *, best: bool = False, plugins: Plugins = (), allow_plugins: bool = False) -> "Run":
    """Open a run folder, a checkpoint or a generator file, as `ganctl sample` does.

    Args:
        path: which.
        best: of a run folder, the checkpoint of least KID, not the newest.
        plugins: Python files that the run needs.
        allow_plugins: run those that it names.

    Raises:
        GanctlError: there is nothing of the kind, or it cannot be read. A damaged checkpoint is a warning, where an
            older one is whole.

    Example:
        >>> ganctl.load("outputs/quickstart").sample(64, truncation=0.7)
    """
    if not isinstance(path, (str, Path)):
        raise UsageError(f"path names a run folder, a checkpoint or a generator file. Received: {path!r}")
    run = Run(Path(os.path.expanduser(path)), best=best, plugins=plugins, allow_plugins=allow_plugins)
    _ = run.generator
    return run


class Run:
    """A run, or what is left of one: a checkpoint, a generator file.

    Args:
        path: the run folder, checkpoint or generator file.
        best: draw from a run's checkpoint of least KID, not its newest.
        plugins: Python files that it needs.
        allow_plugins: run those that it names.
    """

    def __init__(self, path: Path, *, best: bool = False, plugins: Plugins = (), allow_plugins: bool = False) -> None:
        self.path = path
        self._best, self._plugins, self._allow_plugins = best, plugins, allow_plugins

    def __repr__(self) -> str:
        return f"<ganctl run {str(self.path)!r}>"

    @property
    def generator(self) -> Any:
        """The Keras model that samples are drawn from (the running average, where there is one), in float32."""
        return self._trained.network

    @property
    def config(self) -> dict[str, Any]:
        """The resolved experiment, every default written out."""
        return self._trained.parts.experiment.model_dump(mode="json")

    @property
    def step(self) -> int:
        """How many iterations the generator was trained."""
        return self._trained.step

    @property
    def class_names(self) -> list[str]:
        """The names of the classes of the training images; empty without labels."""
        return list(self._trained.class_names)

    @property
    def losses(self) -> dict[str, np.ndarray]:
        """The columns of losses.csv, one value an iteration; what was not measured is NaN."""
        path = RunFolder.open(self.path).losses
        return read_losses(path).measured() if path.is_file() else {}

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """The columns of metrics.csv, one value an evaluation; what was not measured is NaN, or an empty text."""
        return _columns(read_metrics(RunFolder.open(self.path).metrics))

    def sample(
        self,
        num: int = 64,
        *,
        classes: Sequence[int] | None = None,
        seed: int = 0,
        truncation: float | None = None,
    ) -> Images:
        """Draw images, the same as `ganctl sample` draws.

        Args:
            num: how many, 10,000,000 at most.
            classes: which to draw, over and over again, of a generator that takes classes; by default all.
            seed: of the latent vectors.
            truncation: draw every number of a normal latent vector again that is beyond plus or minus this.

        Returns:
            uint8 [num, H, W, C]; a notebook shows them.
        """
        _check_whole("num", num, 1)
        drawing.check_count("num", num)
        _check_whole("seed", seed, 0)
        wanted = None if classes is None else _whole_numbers(classes)
        return Images.of(np.concatenate(list(self._trained.draw(num, seed, wanted, truncation))))

    def interpolate(
        self,
        rows: int | None = None,
        *,
        points: int = 4,
        frames: int = 8,
        classes: Sequence[int] | None = None,
        seed: int = 0,
    ) -> Images:
        """Walk through latent space, as `ganctl interpolate` does.

        Args:
            rows: how many walks; by default 4, or one for each of the classes.
            points: images that a walk visits.
            frames: from one of them to the next.
            classes: the class of each walk, of a generator that takes classes; by default all.
            seed: of the latent vectors.

        Returns:
            uint8 [rows, points * frames, H, W, C]; a notebook shows a row for each walk.
        """
        self._trained.check_draws_from_noise()
        wanted = self._classes(classes)
        rows = len(wanted) or 4 if rows is None else rows
        for name, value, least in (("rows", rows, 1), ("points", points, 2), ("frames", frames, 1), ("seed", seed, 0)):
            _check_whole(name, value, least)
        drawing.check_count("rows x points x frames", rows * points * frames)
        steps = list(walk(self.generator, rows, points, frames, seed, self._trained.distribution, wanted))
        return Images.of(np.stack(steps, axis=1))

    def resume(
        self, overrides: Overrides = (), *, allow_changes: bool = False, device: str = "auto", quiet: bool = False
    ) -> "Run":
        """Go on with the run from its newest checkpoint, as `ganctl resume` does; returns the run with what it learned.

        Args:
            overrides: `{"training.iterations": 20_000}`; what changes what is learned needs `allow_changes`.
            allow_changes: go on with other settings.
            device: as for `train`.
            quiet: say nothing.
        """
        _check_texts(device=device)
        folder = RunFolder.open(self.path)
        settings = _settings(overrides)
        with _permitted(self._plugins, self._allow_plugins):
            parts = resolving.load_parts(folder.config, tuple(settings))
            training.refuse_changes(settings, allow_changes=allow_changes)
            command = ["ganctl.resume", str(self.path), *settings]
            training.resume(folder, parts, Session(quiet=quiet), command, allow_changes=allow_changes, device=device)
        return Run(self.path, best=self._best, plugins=self._plugins, allow_plugins=self._allow_plugins)

    @cached_property
    def _trained(self) -> TrainedGenerator:
        with _permitted(self._plugins, self._allow_plugins):
            found, problems = checkpoint.find(self.path, best=self._best)
            select_device("auto")  # before the first tensor: a process stays where that is
            for problem in problems:
                warnings.warn(f"skipped: {problem}", stacklevel=2)
            return TrainedGenerator.of(found, parts_of(found), problems)

    def _classes(self, classes: Sequence[int] | None) -> list[int]:
        wanted = None if classes is None else _whole_numbers(classes)
        return self._trained.classes(wanted)


def _whole_numbers(classes: Any) -> list[int]:
    # A mask of truth values would be taken for the classes 0 and 1.
    if (
        isinstance(classes, str)
        or not isinstance(classes, (Sequence, np.ndarray))
        or not all(isinstance(number, Integral) and not isinstance(number, bool) for number in classes)
    ):
        raise UsageError(f"classes is a list of whole numbers, such as [0, 1, 2]. Received: {classes!r}")
    return [int(number) for number in classes]


@contextmanager
def _permitted(plugins: Plugins, allow_plugins: bool) -> Iterator[None]:
    """Permit plugins while the body runs; what fails in one of them is a GanctlError that names the line."""
    paths = not isinstance(plugins, str) and isinstance(plugins, Sequence)
    if not paths or not all(isinstance(plugin, str | os.PathLike) for plugin in plugins):
        raise UsageError(f"plugins is a list of files, such as ['my_gan.py']. Received: {plugins!r}")
    with permitted(plugins, everything=allow_plugins):
        try:
            yield
        except GanctlError:
            raise
        except Exception as error:
            place = blame(error)
            if place is None:
                raise
            raise GanctlError(place) from error


def _check_whole(name: str, value: Any, least: int) -> None:
    if not isinstance(value, Integral) or value < least:
        raise UsageError(f"{name} is a whole number, from {least} on. Received: {value!r}")


def _check_texts(**values: Any) -> None:
    for name, value in values.items():
        if not isinstance(value, str):
            raise UsageError(f"{name} is a text. Received: {value!r}")


def _check_paths(**values: Any) -> None:
    for name, value in values.items():
        if not isinstance(value, str | os.PathLike | None):
            hint = f"; take its path, {str(value.path)!r}" if isinstance(value, Run) else ""
            raise UsageError(f"{name} is a path, as a text or a Path{hint}. Received: {value!r}")


def _settings(overrides: Overrides) -> list[str]:
    """Overrides as `--set` takes them; JSON is YAML."""
    if isinstance(overrides, str):
        raise UsageError(f"overrides is a dictionary or a list, such as [{overrides!r}].")
    if isinstance(overrides, Mapping):
        return [f"{key}={_json(value)}" for key, value in overrides.items()]
    if not isinstance(overrides, Sequence) or not all(isinstance(text, str) for text in overrides):
        raise UsageError(
            f"overrides is a dictionary, or a list such as ['training.iterations=500']. Received: {overrides!r}"
        )
    return list(overrides)


def _json(value: Any) -> str:
    """What YAML could say, as text; raises UsageError for anything else."""
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"A configuration holds texts, numbers, lists and dictionaries only: {error}") from None


def _plain(value: object) -> Any:
    """A path as text, NumPy's numbers and arrays as Python's own."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"{value!r} is of type {type(value).__name__}.")


def _columns(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    texts = {name for name, values in columns.items() if any(isinstance(value, str) for value in values)}
    return {
        name: np.array([("" if name in texts else np.nan) if value is None else value for value in values])
        for name, values in columns.items()
    }
