"""The house: a file imports what its room's door plate allows, and what needs no TensorFlow never loads it."""

import os
import resource
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import house
import pytest

from ganctl.experiment.packaged_configs import packaged_configs

MAX_LINES_OF_THE_HEART = 260
MAX_SECONDS = 0.5
PAGES, MAX_SECONDS_OF_A_PAGE = ("report", "compare"), 1.0  # files are read and pages written


def words(text: str) -> set[str]:
    return set(text.split())


MODULES = house.modules()
ROOMS = house.rooms()
SHELVES = {name for name, room in ROOMS.items() if room.shelf}


@pytest.mark.parametrize("path", MODULES, ids=house.dotted)
def test_a_file_imports_what_its_door_plate_allows(path: Path) -> None:
    module = house.dotted(path)
    room = ROOMS[house.room_of(module)]
    for imported in house.imports_of(path):
        other = ROOMS[house.room_of(imported)]
        if other.name == room.name:
            # Files of a shelf stand side by side: each imports only the registry that it stands in.
            assert not room.shelf or imported == room.name, f"{module} must not import {imported}: a shelf has no order"
        else:
            assert other.floor == 1 or other.name in room.may_import, (
                f"{module} imports {imported}, and the door plate of {room.name} does not name {other.name}"
            )


@pytest.mark.parametrize("room", ROOMS.values(), ids=lambda room: room.name)
def test_a_door_plate_names_lower_rooms_that_are_used(room: house.Room) -> None:
    for name in room.may_import:
        assert ROOMS[name].floor < room.floor, f"{name} is not below {room.name}"
        assert name not in SHELVES or room.name == "build", f"{room.name} must not take from the shelf {name}"
    used = house.between_rooms()[room.name]
    assert room.may_import <= used, f"{room.name} never imports {sorted(room.may_import - used)}"
    assert room.floor > 1 or all(ROOMS[name].floor == 1 for name in used)


def test_no_import_goes_round_in_a_circle() -> None:
    paths = {house.dotted(path): path for path in MODULES}
    graph = {
        # A package's own file stands for what it offers, not for those who import the package to get past it.
        module: {other for other in house.imports_of(path) if other in paths and other != module}
        for module, path in paths.items()
        if path.name != "__init__.py"
    }
    TopologicalSorter({module: others & graph.keys() for module, others in graph.items()}).prepare()


def test_a_stranger_sees_few_names() -> None:
    assert len([name for name in ROOMS if not name.startswith("__")]) <= 25


def test_nothing_is_called_utils() -> None:
    names = {path.stem for path in MODULES} | {path.stem for path in Path(__file__).parent.rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc"}


def test_the_heart_fits_on_few_screens() -> None:
    assert len((house.PACKAGE / "game" / "game.py").read_text("utf-8").splitlines()) <= MAX_LINES_OF_THE_HEART


WITHOUT_TENSORFLOW = [
    ["--help"],
    ["--version"],
    ["train", "--help"],
    ["list-models"],
    ["list-models", "--json"],
    ["list-datasets", "--json"],
    ["list-losses", "--json"],
    ["list-augmentations", "--json"],
    ["schema"],
    ["validate", "quickstart"],
    ["report", "run"],
    ["compare", "run", "run"],
    ["list-runs", "."],
    ["sweep", "--help"],
]
BLOCKED = """
import sys

sys.modules.update(dict.fromkeys(["tensorflow", "keras", "optuna"]))
from ganctl.cli import main

main()
"""


@pytest.mark.parametrize("arguments", WITHOUT_TENSORFLOW, ids=" ".join)
def test_answers_without_tensorflow_at_once(
    arguments: list[str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "run").mkdir()
    shutil.copy(packaged_configs()["quickstart"], tmp_path / "run" / "config.yaml")
    limit = MAX_SECONDS_OF_A_PAGE if arguments[0] in PAGES else MAX_SECONDS
    # As installed: pip compiles the modules, so no try after the first reads their source.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path_factory.getbasetemp() / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    times = []
    for _ in range(4):
        # Its own processor time: what the clock on the wall says depends on what else this machine does meanwhile.
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", BLOCKED, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        assert done.returncode == 0, done.stderr
        assert done.stdout
        assert done.stderr == ""
        if times[-1] < limit:
            break  # another try is for a machine that was slow meanwhile
    assert min(times) < limit, times


def test_a_wrong_builder_argument_is_found_without_tensorflow(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BLOCKED, "train", "quickstart", "--set", "model.latentdim=3"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert (
        done.stderr == "Error: --set model.latentdim=3: unknown key 'latentdim' in model. Did you mean 'latent_dim'?\n"
    )
