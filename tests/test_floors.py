"""The house: a file imports only from lower floors, and what needs no TensorFlow never loads it."""

import ast
import resource
import shutil
import statistics
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import ganctl
from ganctl.experiment.packaged_configs import packaged_configs

PACKAGE = Path(ganctl.__file__).parent
MAX_LINES_OF_THE_HEART = 260
MAX_SECONDS = 0.5
PAGES, MAX_SECONDS_OF_A_PAGE = ("report", "compare"), 1.0  # files are read and pages written


def words(text: str) -> set[str]:
    return set(text.split())


# A package stands for all of its modules. What is not listed fails the test: whoever adds a file says where it lives.
FLOORS: list[set[str]] = [
    words("errors lazy version run_marks terminal opencv cache_root huge_pages") | {""},
    words(
        "registry yaml_source noise resampling extractor  image_order resize device interruption footprint background"
    )
    | words("pyramid run_folder run_lock packaged_configs changes metrics_table"),
    words("plugins inputs images draw sections"),
    words("experiment"),
    words("augmentation checkpoint feed generation sample_files animation listing formats pictures layers")
    | words("folder_listing near_duplicates yaml_editing"),
    words("game image_set interpolation image_glance"),
    words("passes"),
    words("objectives"),
    words("players conditional divergence game_state loss_table data_paths probe rewrites optimizers")
    | words("network_checks discriminator_check report"),
    words("image_cache archives evaluation features folder_survey starting_files"),
    words("reference transfer contact_sheet survey_report"),
    words("scoring"),
    words("models losses augmentations datasets hooks"),
    words("trainer pace precision xla catalog"),
    words("resolving recipe_rules file_schema"),
    words("networks iterables"),
    words("build"),
    words("run_report measured_choices"),
    words("prepared"),
    words("session restoring loading starting_recipe"),
    words("image_sources export training"),
    words("runs"),
    words("cli"),
    words("__main__"),
]
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "configs" not in path.parts)


def dotted(path: Path) -> str:
    """The module's name below ganctl; a package's own file has the package's name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@cache
def imports_of(path: Path) -> frozenset[str]:
    """The modules of ganctl that a file imports anywhere, also within functions."""
    known = {dotted(module) for module in MODULES}
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "ganctl"}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written out, not relative"
            if (node.module or "").split(".")[0] == "ganctl":
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found.add(whole if whole.removeprefix("ganctl.") in known else str(node.module))
    return frozenset(name.removeprefix("ganctl").removeprefix(".") for name in found)


def floor_of(module: str) -> int:
    """The floor on which a module stands."""
    room = module.split(".")[0]
    floors = [number for number, rooms in enumerate(FLOORS) if room in rooms]
    assert floors, f"ganctl/{room} has no floor; give it one in {Path(__file__).name}"
    return floors[0]


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_file_imports_only_from_lower_floors(path: Path) -> None:
    module = dotted(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for imported in imports_of(path):
        own_package = (imported == package or imported.startswith(f"{package}.")) and package
        # ganctl itself offers what its rooms hold, and loads it when it is asked for.
        own_rooms = path.name == "__init__.py" and imported.startswith(f"{module}." if module else "")
        if not (own_package or own_rooms):
            assert floor_of(imported) < floor_of(module), f"{module} must not import {imported}: it is no lower floor"


def test_every_room_has_one_floor_and_exists() -> None:
    rooms = [room for floor in FLOORS for room in floor]
    assert len(rooms) == len(set(rooms))
    assert set(rooms) <= {dotted(path).split(".")[0] for path in MODULES}


def test_nothing_is_called_utils() -> None:
    names = {path.stem for path in MODULES} | {path.stem for path in Path(__file__).parent.rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc"}


def test_the_heart_fits_on_few_screens() -> None:
    assert len((PACKAGE / "game.py").read_text("utf-8").splitlines()) <= MAX_LINES_OF_THE_HEART


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
]
BLOCKED = "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; from ganctl.cli import main; main()"


@pytest.mark.parametrize("arguments", WITHOUT_TENSORFLOW, ids=" ".join)
def test_answers_without_tensorflow_at_once(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    shutil.copy(packaged_configs()["quickstart"], tmp_path / "run" / "config.yaml")
    times = []
    for _ in range(3):
        # Its own processor time: what the clock on the wall says depends on what else this machine does meanwhile.
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", BLOCKED, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
        assert done.returncode == 0, done.stderr
        assert done.stdout
        assert done.stderr == ""
    limit = MAX_SECONDS_OF_A_PAGE if arguments[0] in PAGES else MAX_SECONDS
    assert statistics.median(times) < limit, times


def test_a_wrong_builder_argument_is_found_without_tensorflow(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BLOCKED, "train", "quickstart", "--set", "model.latentdim=3"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert (
        done.stderr == "Error: --set model.latentdim=3: unknown key 'latentdim' in model. Did you mean 'latent_dim'?\n"
    )
