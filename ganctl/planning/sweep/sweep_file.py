"""The file of a sweep, checked before the first trial: every key, and both ends of every range."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ganctl.build.parts import Parts
from ganctl.build.resolving import resolve
from ganctl.errors import ConfigurationError, GanctlError
from ganctl.experiment.changes import by_dotted_key
from ganctl.experiment.experiment import TUTORIAL_CONSTANTS, Experiment, check_run_name, validated
from ganctl.experiment.packaged_configs import find_config
from ganctl.experiment.sections import Section
from ganctl.experiment.yaml_source import YamlSource, dump_yaml, read_yaml
from ganctl.planning.sweep.space import KINDS, Range, read_range
from ganctl.run_folder.metrics_csv import METRICS, Metric

OBJECTIVES = {metric.name: metric for metric in METRICS if metric.in_training}
_SAME_FOR_ALL = ("name", "run_name", "root_dir", "plugins", "outputs")
_SAME_MEASURE = ("evaluation", "dataset")
_THE_EXPERIMENT = "the experiment"
_MAY_DIFFER = ("dataset.flip", "dataset.shift", "dataset.sampling")


class BudgetSection(Section):
    """When to stop."""

    trials: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """How many trials the sweep has, over all processes and calls; null: as many as there is time for."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """How long each process works in a call of `ganctl sweep`; null: until there are enough trials."""


class SweepSection(Section):
    """The whole file."""

    name: str = ""
    """Name of the sweep's folder; by default the file's name without its extension."""
    experiment: str
    """The experiment: a YAML file, relative to this file or to the current folder, or the name of a packaged one."""
    set: dict[str, Any] = {}
    """Keys of the experiment to change for all trials."""
    space: Annotated[dict[str, Any], Field(min_length=1)]
    """The keys to try, each with a range: uniform, log, int or choice."""
    objective: str = "kid"
    """The column of metrics.csv whose value at the end of a trial counts."""
    budget: BudgetSection
    """When to stop."""
    pruning: Literal["median", "none"] = "median"
    """median: stop trials that are worse than the median of the others after as many iterations; none: stop none."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the choice of values. The seed of the trainings is that of the experiment."""


@dataclass(frozen=True)
class Sweep:
    """A sweep's file, checked.

    Attributes:
        name: of the sweep.
        experiment: the base experiment, resolved.
        data: the base experiment as a file has it, with absolute paths.
        space: the ranges, by key.
        objective: the column of metrics.csv that counts.
        budget: when to stop.
        pruning: whether bad trials are stopped.
        seed: of the choice of values.
        places: the place of each key of the space in the file.
    """

    name: str
    experiment: Experiment
    data: dict[str, Any]
    space: Mapping[str, Range]
    objective: Metric
    budget: BudgetSection
    pruning: bool
    seed: int
    places: Mapping[str, str]

    @property
    def base_text(self) -> str:
        """The base experiment as a YAML file."""
        return dump_yaml(self.data)

    @property
    def definition(self) -> dict[str, Any]:
        """What identifies the sweep: everything but its budget."""
        return {
            "experiment": self.data,
            "space": {key: str(values) for key, values in self.space.items()},
            "objective": self.objective.name,
            "pruning": self.pruning,
            "seed": self.seed,
        }

    @property
    def base_values(self) -> dict[str, Any]:
        """The base experiment's own values of the keys of the space."""
        content = self.experiment.model_dump(mode="json")
        return {key: _value_at(content, key) for key in self.space}

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Return values as `--set` takes them."""
        return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]

    def parts(self, values: Mapping[str, Any]) -> Parts:
        """Return the experiment with values of the space, resolved; raises ConfigurationError if they do not fit."""
        # A copy, because reading moves and sets keys in it.
        source = YamlSource(_THE_EXPERIMENT, json.loads(json.dumps(self.data)))
        return resolve(Experiment.from_source(source, self.overrides(values)))

    def probes(self) -> Iterator[tuple[str, Any]]:
        """Yield each key with each value to check before the sweep."""
        for key, values in self.space.items():
            for value in values.probes:
                yield key, value

    def refused(self, key: str, value: Any, error: GanctlError) -> ConfigurationError:
        """Return the error for an impossible value of the space, with the place of its key in the file."""
        reason = str(error).replace(f"{_THE_EXPERIMENT}: ", "")
        for override in self.overrides({key: value}):
            reason = reason.replace(f"--set {override}: ", "")
        return ConfigurationError(f"{self.places[key]}: space, {key}: {json.dumps(value)} is not possible: {reason}")


def read_sweep(path: Path) -> Sweep:
    """Read and check the file of a sweep, without TensorFlow.

    Raises:
        ConfigurationError: a key is unknown, a range is invalid, or the experiment refuses one of its values. The
            message names file, line, column and key.
        UsageError: there is no such file or experiment.
    """
    source = read_yaml(path)
    section: SweepSection = validated(SweepSection, source.data, source)
    place = source.locate(("budget",))
    if section.budget.trials is None and section.budget.minutes is None:
        raise ConfigurationError(f"{place}: budget: give trials, minutes, or both.")
    if section.objective not in OBJECTIVES:
        known = ", ".join(OBJECTIVES)
        raise ConfigurationError(
            f"{source.locate(('objective',))}: objective: must be a figure of metrics.csv: {known}. "
            f"Received: {section.objective!r}"
        )
    try:
        name = check_run_name(section.name or path.stem)
    except ConfigurationError as error:
        raise ConfigurationError(f"{source.locate(('name',))}: name: {error}") from None
    space, places = _read_space(section.space, source)
    experiment, data = _read_base(section, path, source)
    sweep = Sweep(
        name,
        experiment,
        data,
        space,
        OBJECTIVES[section.objective],
        section.budget,
        section.pruning == "median",
        section.seed,
        places,
    )
    _check_evaluated(experiment, source.locate(("experiment",)))
    for key, value in sweep.probes():
        try:
            probed = sweep.parts({key: value}).experiment
        except GanctlError as error:
            raise sweep.refused(key, value, error) from None
        _check_evaluated(probed, places[key], f" with {key}: {json.dumps(value)}")
    return sweep


def _read_space(given: Mapping[str, Any], source: YamlSource) -> tuple[dict[str, Range], dict[str, str]]:
    """Return the range and the place of each key."""
    space: dict[str, Range] = {}
    places: dict[str, str] = {}
    for written, value, place in _flat(given, ("space",), source):
        key = ".".join(TUTORIAL_CONSTANTS.get(written, (written,)))
        if key in space:
            raise ConfigurationError(f"{place}: space: {key} is given twice.")
        if key.split(".")[0] in _SAME_FOR_ALL:
            raise ConfigurationError(f"{place}: space: {key} does not affect what is learned. Remove it.")
        if key.split(".")[0] in _SAME_MEASURE and key not in _MAY_DIFFER:
            raise ConfigurationError(
                f"{place}: space: trials with different {key} would be measured in different ways, and their scores "
                "would not compare. Remove it, or make a sweep for each value."
            )
        try:
            space[key], places[key] = read_range(key, value), place
        except ConfigurationError as error:
            raise ConfigurationError(f"{place}: space, {key}: {error}") from None
    return space, places


def _flat(
    given: Mapping[str, Any], path: tuple[str, ...], source: YamlSource, prefix: str = ""
) -> Iterator[tuple[str, Any, str]]:
    """Yield each dotted key with its value and its place. Keys may be nested; a range is not a section."""
    for key, value in given.items():
        section = isinstance(value, Mapping) and value and all(isinstance(each, Mapping) for each in value.values())
        if section and not set(value) & set(KINDS):
            yield from _flat(value, (*path, key), source, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value, source.locate((*path, key))


def _read_base(section: SweepSection, path: Path, source: YamlSource) -> tuple[Experiment, dict[str, Any]]:
    """Return the base experiment, both resolved and as a file has it."""
    beside = path.parent / section.experiment
    base = read_yaml(config := beside if beside.is_file() else find_config(section.experiment))
    base.data.setdefault("name", config.stem)
    settings = by_dotted_key(section.set)
    overrides = {f"{key}={json.dumps(value, ensure_ascii=False)}": key for key, value in settings.items()}
    try:
        read = Experiment.from_source(base, list(overrides))
        resolved = resolve(read).experiment
    except ConfigurationError as error:
        message = str(error)
        for override, key in overrides.items():
            message = message.replace(f"--set {override}", f"{_place_of(source, ('set', *key.split('.')))}: set")
        raise ConfigurationError(message) from None
    data = {"name": read.name, **base.data}
    _make_paths_absolute(data, by_dotted_key(resolved.model_dump(mode="json")))
    return resolved, data


def _make_paths_absolute(data: dict[str, Any], resolved: Mapping[str, Any], prefix: str = "") -> None:
    """Replace relative paths by those of the resolved experiment, so that trials can run anywhere."""
    for key, value in data.items():
        if isinstance(value, dict):
            _make_paths_absolute(value, resolved, f"{prefix}{key}.")
            continue
        found = resolved.get(f"{prefix}{key}")
        texts = isinstance(value, str) and isinstance(found, str) and os.path.isabs(found)
        if texts or f"{prefix}{key}" == "plugins":
            data[key] = found


def _check_evaluated(experiment: Experiment, place: str, when: str = "") -> None:
    """Refuse an experiment whose last iteration is not evaluated."""
    every, iterations = experiment.evaluation.every, experiment.training.iterations
    if every and not iterations % every:
        return
    advice = f"for example every {max(1, iterations // 5)} of {iterations} iterations, under `set`"
    if every:
        raise ConfigurationError(
            f"{place}: evaluation.every: {every} does not divide training.iterations: {iterations}{when}, so that the "
            f"end of a trial would have no score. Choose numbers that do."
        )
    raise ConfigurationError(
        f"{place}: evaluation.every is 0{when}, and a sweep compares scores. Set it, {advice}: evaluation.every: "
        f"{max(1, iterations // 5)}"
    )


def _value_at(content: Any, key: str) -> Any:
    for part in key.split("."):
        if isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        elif isinstance(content, dict):
            content = content.get(part)
        else:
            return None
    return content


def _place_of(source: YamlSource, path: tuple[str, ...]) -> str:
    """Return the place of a key that is written as a section, or with dots."""
    section, *rest = path
    dotted = (section, ".".join(rest))
    return source.places.get(dotted) or source.locate(path)
