"""Lists run folders, one line each. Little of each is read, so that hundreds take a second, without TensorFlow."""

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, get_args

from ganctl.errors import GanctlError
from ganctl.experiment.yaml_source import skim_yaml
from ganctl.host.files import shown
from ganctl.report.known_findings import Found, KnownFindings
from ganctl.run_folder.metrics_csv import PROTOCOL, comparable_kids, read_metrics
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.progress import Progress, State

DEPTH = 2
"""Levels below the listed folder: the trials of a sweep are at the second."""

Order = Literal["name", "kid", "iterations", "state", "time"]
ORDERS: tuple[Order, ...] = get_args(Order)

_Row = dict[str, Any]


@dataclass(frozen=True)
class ListedRun:
    """A line of the list.

    Attributes:
        name: its folder, relative to the folder that is listed.
        path: its folder.
        model: the name of the model.
        dataset: the section `dataset` of its config.yaml.
        iterations: number of iterations so far.
        wanted: `training.iterations`.
        state: running, finished, stopped or diverged.
        end: the line of its log about its end; empty without one.
        newest: the newest row of metrics.csv with a KID; None without one.
        best: the row with the lowest KID among those with the protocol of the newest.
        findings: name and severity of the doctor's findings, the worst first; None if it was not asked, or there is
            nothing to examine yet.
        changed: time of the last change of losses, log or configuration, in seconds since 1970.
    """

    name: str
    path: Path
    model: str
    dataset: dict[str, Any]
    iterations: int
    wanted: int
    state: State
    end: str
    newest: _Row | None
    best: _Row | None
    findings: Found | None
    changed: float

    @classmethod
    def read(cls, name: str, folder: RunFolder, doctor: KnownFindings | None = None) -> Self:
        """Read a run folder; raises GanctlError or OSError if it cannot be read."""
        config = skim_yaml(folder.config)
        model, dataset = (_section(config, key, folder) for key in ("model", "dataset"))
        wanted = config.get("training", {}).get("iterations") if isinstance(config.get("training", {}), dict) else None
        if type(wanted) is not int:
            raise GanctlError(f"{shown(folder.config)} does not say how many iterations the run is to have.")
        progress, rows = Progress.read(folder), comparable_kids(read_metrics(folder.metrics))
        written = [path.stat().st_mtime for path in (folder.losses, folder.log, folder.config) if path.exists()]
        return cls(
            name,
            folder.path,
            str(model["name"]),
            dataset,
            progress.done,
            wanted,
            progress.state(wanted),
            progress.end,
            rows[-1] if rows else None,
            min(rows, key=lambda row: float(row["kid"])) if rows else None,
            doctor.of(folder) if doctor else None,
            max(written),
        )

    @property
    def data(self) -> str:
        """The data set in words: its name, and of a folder or file that of the path."""
        path = self.dataset.get("path")
        return f"{self.dataset['name']}{f' ({Path(path).name})' if isinstance(path, str) and path else ''}"

    @property
    def measured(self) -> tuple[Any, ...]:
        """The protocol of the KID, with the hash of the real images: only runs with the same one compare."""
        return tuple((self.newest or {}).get(key) for key in PROTOCOL)

    def as_json(self) -> _Row:
        """Return the run as JSON data."""
        return {
            "name": self.name,
            "path": str(self.path),
            "model": self.model,
            "dataset": {"name": self.dataset["name"], "path": self.dataset.get("path")},
            "iterations": self.iterations,
            "wanted": self.wanted,
            "state": self.state.value,
            "end": self.end or None,
            "kid": None
            if self.newest is None or self.best is None
            else {
                "newest": self.newest["kid"],
                "newest_iteration": self.newest["iteration"],
                "best": self.best["kid"],
                "best_iteration": self.best["iteration"],
                "protocol": {key: self.newest[key] for key in PROTOCOL if key in self.newest},
            },
            "findings": self.findings,
            "changed": datetime.fromtimestamp(self.changed).astimezone().isoformat(timespec="seconds"),
        }


@dataclass(frozen=True)
class BrokenRun:
    """A folder that has files of a run, but cannot be read as one.

    Attributes:
        name: the folder, relative to the folder that is listed.
        path: the folder.
        problem: what is wrong, in one line.
    """

    name: str
    path: Path
    problem: str

    def as_json(self) -> _Row:
        """Return the folder as JSON data."""
        return {"name": self.name, "path": str(self.path), "state": "broken", "problem": self.problem}


@dataclass(frozen=True)
class RunList:
    """The runs of a folder, in order, and the folders that are broken."""

    runs: list[ListedRun]
    broken: list[BrokenRun]

    @classmethod
    def read(cls, folder: Path, order: Order = "name", doctor: KnownFindings | None = None) -> Self:
        """Read all runs in a folder, with their findings if `doctor` is given.

        Raises:
            OSError: the folder itself cannot be read.
        """
        runs, broken = [], []
        for path in _run_folders(folder, DEPTH):
            name = path.relative_to(folder).as_posix() if path != folder else path.absolute().name
            try:
                run = RunFolder(path)
                if not run.exists:
                    raise GanctlError(_why_no_config(run))
                runs.append(ListedRun.read(name, run, doctor))
            except GanctlError as error:
                broken.append(BrokenRun(name, path, " ".join(str(error).split())))
            except OSError as error:
                place = shown(Path(error.filename)) if isinstance(error.filename, str) else shown(path)
                broken.append(BrokenRun(name, path, f"{place}: {error.strerror or error}."))
        if doctor:
            doctor.save()
        return cls(_in_order(runs, order), sorted(broken, key=lambda run: _natural(run.name)))

    @property
    def incomparable(self) -> bool:
        """Whether the KIDs were measured in different ways, or against different images."""
        return len({run.measured for run in self.runs if run.newest}) > 1

    def as_json(self) -> list[_Row]:
        """Return the runs in order, then the broken folders, as JSON data."""
        return [*(run.as_json() for run in self.runs), *(broken.as_json() for broken in self.broken)]


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the folders with files of a run: this one, or those within."""
    found, deeper = False, []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in (RunFolder(folder).config.name, RunFolder(folder).info.name):
                found = True
            elif not entry.name.startswith(".") and _is_folder(entry):
                deeper.append(Path(entry.path))
    if found:
        yield folder
    elif depth:
        for path in deeper:
            try:
                yield from _run_folders(path, depth - 1)
            except OSError:  # a private folder is not an error of the list
                continue


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _why_no_config(run: RunFolder) -> str:
    holder = Progress.read(run).holder
    if holder:
        return f"{run.config.name} is missing: process {holder} is just beginning the run."
    return f"{run.config.name} is missing: the run was killed before it began."


def _section(config: dict[str, Any], key: str, folder: RunFolder) -> dict[str, Any]:
    section = config.get(key)
    if not isinstance(section, dict) or not isinstance(section.get("name"), str):
        raise GanctlError(f"{shown(folder.config)} does not name a {'model' if key == 'model' else 'data set'}.")
    return section


def _in_order(runs: Sequence[ListedRun], order: Order) -> list[ListedRun]:
    by_name = sorted(runs, key=lambda run: _natural(run.name))
    match order:
        case "kid":
            return sorted(by_name, key=lambda run: math.inf if run.best is None else float(run.best["kid"]))
        case "iterations":
            return sorted(by_name, key=lambda run: -run.iterations)
        case "state":
            return sorted(by_name, key=lambda run: list(State).index(run.state))
        case "time":
            return sorted(by_name, key=lambda run: -run.changed)
        case _:
            return by_name


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in names by their value."""
    return [(int(part[:18]), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", name)]
