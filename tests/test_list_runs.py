"""`ganctl list-runs`: many run folders in any state, one line each."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import RunCli, at_most
from report_runs import write_metrics

from ganctl.diagnosis.doctor import examine
from ganctl.errors import ConfigurationError
from ganctl.experiment.packaged_configs import packaged_configs
from ganctl.experiment.yaml_source import read_yaml, skim_yaml
from ganctl.host.file_lock import file_lock, holder_of
from ganctl.report import known_findings
from ganctl.report.known_findings import Found, KnownFindings
from ganctl.report.run_list import ORDERS, RunList
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.progress import Progress, State

Make = Callable[..., RunFolder]
MANY, MAX_SECONDS = 500, 1.0


@pytest.fixture
def make(reported_run: RunFolder, tmp_path: Path) -> Make:
    """Return what copies a finished run of 8 iterations; its last line of the log, iterations and checkpoints change.

    Files are hard links where nothing changes: copies of 500 runs would fill a disk.
    """

    def copy(name: str, end: str | None = None, *, rows: int = 8, wanted: int = 8, saved: int | None = 8) -> RunFolder:
        folder = RunFolder(tmp_path / "runs" / name)
        shutil.copytree(reported_run.path, folder.path, copy_function=os.link)
        lines = reported_run.losses.read_text().splitlines(keepends=True)
        config = reported_run.config.read_text().replace("iterations: 8", f"iterations: {wanted}")
        texts = {folder.losses: "".join(lines[: rows + 1]), folder.config: config}
        texts[folder.log] = "started: ganctl train\n" + (f"{end}\n" if end else "")
        for path, text in texts.items():
            path.unlink(missing_ok=True)
            path.write_text(text)
        for path in folder.checkpoints.iterdir():
            if saved is None or int(path.name) != saved:
                shutil.rmtree(path)
        return folder

    return copy


ENDED = "ended: Iteration 6: d_loss is nan. The training has diverged. Checkpoints saved before are untouched."
STATES = [
    ("finished", "finished 8 iterations", {}, State.FINISHED),
    ("killed after its last checkpoint", None, {}, State.FINISHED),
    ("checkpoints removed", "finished 8 iterations", {"saved": None}, State.FINISHED),
    ("wants more", "finished 8 iterations", {"wanted": 20}, State.STOPPED),
    ("interrupted", "ended: Stopped after iteration 4; everything is saved.", {"saved": 4, "rows": 4}, State.STOPPED),
    ("killed", None, {"saved": 4, "rows": 7}, State.STOPPED),
    ("killed before a checkpoint", None, {"saved": None, "rows": 2}, State.STOPPED),
    ("out of memory", "ended: out of memory", {"saved": None, "rows": 0}, State.STOPPED),
    ("diverged", ENDED, {"saved": 4, "rows": 6}, State.DIVERGED),
    ("resumed after it diverged", f"{ENDED}\nresumed after iteration 4: ganctl resume", {"saved": 4}, State.STOPPED),
]


@pytest.mark.parametrize(("end", "changes", "state"), [case[1:] for case in STATES], ids=[case[0] for case in STATES])
def test_the_state_of_a_run(make: Make, end: str | None, changes: dict[str, int], state: State) -> None:
    folder = make("run", end, **changes)
    progress = Progress.read(folder)
    assert progress.state(changes.get("wanted", 8)) is state
    assert progress.saved == changes.get("saved", 8)
    assert progress.done == max(changes.get("rows", 8), progress.saved or 0, 8 if end == "finished 8 iterations" else 0)
    with file_lock(folder.lock):
        held = Progress.read(folder)
        assert held.state(changes.get("wanted", 8)) is State.RUNNING
        assert held.holder == str(os.getpid())
    assert Progress.read(folder) == progress, "whoever asks leaves nothing"


def test_a_lock_left_by_a_killed_process_is_not_a_running_one(make: Make) -> None:
    folder = make("run", saved=4)
    folder.lock.write_text("1")  # alive, but not holding it
    assert Progress.read(folder).state(8) is State.STOPPED
    assert folder.lock.read_text() == "1"


ASKS = """
import sys, time
from pathlib import Path
from ganctl.host.file_lock import holder_of

print("asks", flush=True)
while True:
    holder_of(Path(sys.argv[1]))
    time.sleep(0.001)
"""


def test_asking_never_keeps_a_run_from_its_folder(tmp_path: Path) -> None:
    """Several ask all the time, and the lock is still there for the one that wants it."""
    lock = tmp_path / ".lock"
    command = [sys.executable, "-c", ASKS, lock]
    askers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for asker in askers:
            assert asker.stdout
            assert asker.stdout.readline() == b"asks\n"
        for _ in range(100):
            lock.write_text("a killed one")
            with file_lock(lock):
                assert holder_of(lock) == str(os.getpid())
        assert all(asker.poll() is None for asker in askers)
    finally:
        for asker in askers:
            asker.kill()
            asker.communicate()


@pytest.fixture
def listed(make: Make, tmp_path: Path) -> Path:
    """Five runs, two of them in a folder of their own, and what is none."""
    for name, end, changes in (
        ("run-10", "finished 8 iterations", {}),
        ("run-9", ENDED, {"saved": 4, "rows": 6}),
        ("night/trial-000", None, {"wanted": 12_000}),
        ("night/trial-001", None, {"saved": 4, "rows": 5}),
        ("plain", "finished 8 iterations", {}),
    ):
        make(name, end, **changes)
    runs = tmp_path / "runs"
    write_metrics(RunFolder(runs / "run-10"), [(4, 0.2), (8, 0.4)])
    write_metrics(RunFolder(runs / "run-9"), [(4, 0.3)])
    write_metrics(RunFolder(runs / "night" / "trial-000"), [(4, 0.01)], num=10)
    write_metrics(RunFolder(runs / "night" / "trial-000"), [(8, 0.25)], append=True)
    for place, path in enumerate(sorted(runs.rglob("log.txt"))):
        for file in (path, path.with_name("losses.csv"), path.with_name("config.yaml")):
            os.utime(file, (1000 + place, 1000 + place))
    (runs / "pictures").mkdir()
    (runs / "notes.txt").write_text("mine")
    (runs / ".hidden").mkdir()
    shutil.copy(runs / "plain" / "config.yaml", runs / ".hidden")
    return runs


ORDERED = {
    "name": ["night/trial-000", "night/trial-001", "plain", "run-9", "run-10"],
    "kid": ["run-10", "night/trial-000", "run-9", "night/trial-001", "plain"],
    "iterations": ["night/trial-000", "plain", "run-10", "run-9", "night/trial-001"],
    "state": ["plain", "run-10", "night/trial-000", "night/trial-001", "run-9"],
    "time": ["run-9", "run-10", "plain", "night/trial-001", "night/trial-000"],
}


@pytest.mark.parametrize("order", ORDERS)
def test_runs_can_be_sorted(listed: Path, order: str) -> None:
    assert [run.name for run in RunList.read(listed, order).runs] == ORDERED[order]  # type: ignore[arg-type]


def test_the_table_has_a_line_per_run(listed: Path, run_cli: RunCli) -> None:
    done = run_cli("list-runs", listed, "--sort", "kid")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split("  ") for line in done.stdout.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells[0] == ["run", "model", "data", "iterations", "state", "KID", "best", "at", "changed", "findings"]
    assert cells[1][:-2] == ["run-10", "dense_gan", "npz (shapes.npz)", "8 of 8", "finished", "0.4", "0.2", "4"]
    assert cells[2][3:-2] == ["8 of 12,000", "stopped", "0.25", "0.25", "8"], "a KID of ten samples does not count"
    assert cells[3][3:-2] == ["6 of 8", "diverged", "0.3", "0.3", "4"]
    assert cells[4][4:-2] == ["stopped", "-", "-", "-"]
    assert len(cells) == 6


def test_kids_that_do_not_compare_are_told(listed: Path, run_cli: RunCli) -> None:
    write_metrics(RunFolder(listed / "plain"), [(8, 0.1)], features="inception")
    assert run_cli("list-runs", listed, "--sort", "kid").stdout.endswith("compare only those that were.\n")
    assert "compare" not in run_cli("list-runs", listed).stdout


def test_json_has_the_figures(listed: Path, run_cli: RunCli) -> None:
    runs = {run["name"]: run for run in json.loads(run_cli("list-runs", listed, "--json").stdout)}
    found = runs["run-10"]
    assert found["path"] == str(listed / "run-10")
    assert (found["model"], found["dataset"]["name"]) == ("dense_gan", "npz")
    assert (found["iterations"], found["wanted"], found["state"], found["end"]) == (
        *(8, 8, "finished"),
        "finished 8 iterations",
    )
    assert {key: value for key, value in found["kid"].items() if key != "protocol"} == {
        **{"newest": 0.4, "newest_iteration": 8},
        **{"best": 0.2, "best_iteration": 4},
    }
    assert found["kid"]["protocol"]["num"] == 64
    assert (runs["run-9"]["state"], runs["run-9"]["end"]) == ("diverged", ENDED)
    assert (runs["night/trial-001"]["kid"], runs["night/trial-001"]["end"]) == (None, None)
    place = ORDERED["time"].index("run-10")
    assert found["changed"] == time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(1004 - place)) + "+00:00"


def test_a_folder_that_is_a_run_is_listed_itself(listed: Path, run_cli: RunCli) -> None:
    assert [run["name"] for run in json.loads(run_cli("list-runs", listed / "plain", "--json").stdout)] == ["plain"]
    assert [run["name"] for run in json.loads(run_cli("list-runs", ".", "--json", cwd=listed / "plain").stdout)] == [
        "plain"
    ]


def test_broken_folders_are_named_and_the_others_listed(listed: Path, make: Make, run_cli: RunCli) -> None:
    make("bad-1").config.write_text("model: [")
    make("bad-2").config.write_text("name: other\n")
    make("bad-3").config.write_text("model: {name: dcgan}\ndataset: {name: npz}\n")
    make("bad-4").config.unlink()
    broken = make("bad-5")
    broken.metrics.unlink(missing_ok=True)
    broken.metrics.mkdir()
    beginning = make("bad-6")
    beginning.config.unlink()
    with file_lock(beginning.lock):
        done = run_cli("list-runs", listed)
        found = json.loads(run_cli("list-runs", listed, "--json").stdout)
    assert (done.returncode, done.stderr) == (0, "")
    bad = [line for line in done.stdout.splitlines() if line.startswith("broken: ")]
    assert bad == [
        f"broken: bad-1: {listed}/bad-1/config.yaml:1:9: expected the node content, but found '<stream end>'.",
        f"broken: bad-2: {listed}/bad-2/config.yaml does not name a model.",
        f"broken: bad-3: {listed}/bad-3/config.yaml does not say how many iterations the run is to have.",
        "broken: bad-4: config.yaml is missing: the run was killed before it began.",
        f"broken: bad-6: config.yaml is missing: process {os.getpid()} is just beginning the run.",
    ]
    assert len(done.stdout.splitlines()) == 1 + 5 + 1 + 5
    assert [run["name"] for run in found if run["state"] == "broken"] == ["bad-1", "bad-2", "bad-3", "bad-4", "bad-6"]
    assert next(run["kid"] for run in found if run["name"] == "bad-5") is None


@pytest.mark.parametrize("name", ["losses", "log", "metrics", "lock"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(name: str, make: Make) -> None:
    run = make("piped", "finished 8 iterations")
    getattr(run, name).unlink(missing_ok=True)
    os.mkfifo(getattr(run, name))
    assert Progress.read(run).saved == 8


@pytest.mark.parametrize(("place", "code", "output"), [("nowhere", 2, ""), (".", 0, "There are no runs in .\n")])
def test_a_folder_without_runs(place: str, code: int, output: str, run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("list-runs", place, cwd=tmp_path)
    assert (done.returncode, done.stdout.replace("..", ".")) == (code, output)
    assert done.stderr == ("" if not code else "Error: nowhere cannot be listed: No such file or directory. "
                           "Name the folder that holds the runs.\n")  # fmt: skip


def sick(folder: RunFolder) -> RunFolder:
    """Make the last row of a run's losses not a number."""
    *rows, last = folder.losses.read_text().splitlines()
    cells = last.split(",")
    folder.losses.write_text("\n".join([*rows, ",".join([*cells[:2], "nan", *cells[3:]])]) + "\n")
    return folder


def test_findings_are_those_of_the_doctor(
    make: Make, tmp_path: Path, run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path / "cache"))
    folder, runs = sick(make("sick", ENDED)), tmp_path / "runs"
    make("fine", "finished 8 iterations")
    make("new", rows=1)
    found = {run["name"]: run["findings"] for run in json.loads(run_cli("list-runs", runs, "--json").stdout)}
    expected = {
        path.name: [{"name": each.name, "severity": each.severity.value} for each in examine(path).findings]
        for path in (folder.path, runs / "fine")
    }
    assert found == {**expected, "new": None}
    assert {"name": "divergence", "severity": "serious"} in found["sick"]
    lines = {line.split()[0]: line for line in run_cli("list-runs", runs).stdout.splitlines()}
    assert "divergence" in lines["sick"].split("  ")[-1]
    assert "divergence" not in lines["fine"]
    assert lines["new"].endswith("  -")
    plain = run_cli("list-runs", runs, "--no-findings", "--json")
    assert [run["findings"] for run in json.loads(plain.stdout)] == [None] * 3


def test_a_run_is_examined_again_only_when_it_has_changed(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path / "cache"))
    asked: list[str] = []

    def examined(path: Path) -> Found:
        asked.append(path.name)
        return [{"name": f"asked {len(asked)} times", "severity": "note"}]

    monkeypatch.setattr(known_findings, "_examined", examined)
    one, other = make("one"), make("other")

    def listed() -> list[str]:
        return [run.findings[0]["name"] for run in RunList.read(one.path.parent, doctor=KnownFindings()).runs]  # type: ignore[index]

    assert listed() == listed() == ["asked 1 times", "asked 2 times"]
    assert asked == ["one", "other"]
    other.append_log("resumed")
    assert listed() == ["asked 1 times", "asked 3 times"]
    one.metrics.unlink(missing_ok=True)
    write_metrics(one, [(4, 0.5)])
    assert listed() == ["asked 4 times", "asked 3 times"]
    monkeypatch.setattr(known_findings, "__version__", "another")
    assert listed() == ["asked 5 times", "asked 6 times"]
    shutil.rmtree(other.path)
    one.append_log("resumed")
    assert listed() == ["asked 7 times"]
    cache = tmp_path / "cache" / "findings.json"
    assert list(json.loads(cache.read_text())) == [str(one.path)], "what is gone is forgotten"
    for damaged in ("", "[1]", "{" + f'"{one.path}": 3' + "}"):
        cache.write_text(damaged)
        assert len(listed()) == 1
    cache.unlink()
    cache.mkdir()
    assert len(listed()) == 1


def test_hundreds_of_runs_take_a_second(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with their findings, once these are known."""
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path / "cache"))
    original = make("0")
    write_metrics(original, [(iteration, 0.1 * iteration) for iteration in range(1, 9)])
    for number in range(1, MANY):
        shutil.copytree(original.path, original.path.with_name(str(number)), copy_function=os.link)
    RunList.read(original.path.parent, doctor=KnownFindings())
    with at_most(MAX_SECONDS):
        found = RunList.read(original.path.parent, "kid", KnownFindings())
    assert all(run.findings is not None for run in found.runs)
    assert (len(found.runs), found.broken, found.incomparable) == (MANY, [], False)
    assert [run.name for run in found.runs] == [str(number) for number in range(MANY)]


@pytest.mark.parametrize("name", packaged_configs())
def test_skimming_reads_what_reading_does(name: str) -> None:
    assert skim_yaml(packaged_configs()[name]) == read_yaml(packaged_configs()[name]).data


def outcome(read: Callable[[Path], Any], path: Path) -> tuple[Any, str]:
    """What a reader returns, or what it says is wrong."""
    try:
        return read(path), ""
    except ConfigurationError as error:
        return None, str(error)


@pytest.mark.parametrize(
    "text",
    [
        "a: 2e-4\nb: on\nc: 0o17\nd: .inf\ne: ~\nf: 'x'\nG: [1, {h: true}]\n",
        "a: &x [1, 2]\nb: *x\n",
        "- a\n",
        "",
        "a: 1\na: 2\n",
        "a: [",
        "a: !!python/object x\n",
        "a: &x [*x]\n",
        "a:\n" + "".join(f"{' ' * depth}- \n" for depth in range(1, 60)),
        "x0: &x0 [1, 2]\n" + "".join(f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]\n" for n in range(1, 40)),
    ],
)
def test_skimming_refuses_what_reading_does(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    expected, problem = outcome(read_yaml, path)
    found, told = outcome(skim_yaml, path)
    assert found == (expected and expected.data)
    assert bool(told) == bool(problem)
