"""`ganctl compare`: several runs beside each other, in words, as a table and on a page."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import RunCli
from report_runs import write_metrics

from ganctl.report.comparison import Comparison
from ganctl.run_folder.paths import RunFolder

TWO = [(4, 0.3), (8, 0.1)]


@pytest.fixture
def runs(reported_run: RunFolder, tmp_path: Path) -> list[RunFolder]:
    """Two runs that differ in a seed and in how far they came."""
    first, second = (
        RunFolder(Path(shutil.copytree(reported_run.path, tmp_path / name))) for name in ("first", "second")
    )
    second.write_config(second.config.read_text().replace("seed: 0", "seed: 7"))
    second.losses.write_text("".join(second.losses.read_text().splitlines(keepends=True)[:6]))
    write_metrics(first, TWO)
    write_metrics(second, [(4, 0.2), (8, 0.4)])
    return [first, second]


@pytest.mark.slow
def test_the_command_prints_what_differs_and_writes_a_page(
    runs: list[RunFolder], run_cli: RunCli, tmp_path: Path
) -> None:
    done = run_cli("compare", *(run.path for run in runs), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = {" ".join(line.split()) for line in done.stdout.splitlines()}
    assert lines >= {
        "first second",
        "iterations 8 5",
        "seed 0 7",
        "KID-Lite0, best 0.1 at 8 * 0.2 at 4",
        "newest 0.1 at 8 0.4 at 8",
        "floor 0.01 0.01",
        "* the best of the runs.",
    }
    assert any(line.startswith("d_loss ") for line in lines)
    assert (tmp_path / "compare.html").read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.slow
def test_json_has_the_same(runs: list[RunFolder], run_cli: RunCli, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "both.html"
    done = run_cli("compare", *(run.path for run in runs), "--json", "--output", page)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [run["iterations"] for run in found["runs"]] == [8, 5]
    assert found["configuration"] == {"seed": [0, 7]}
    assert found["scores"]["kid"][1]["best"] == {"value": 0.2, "iteration": 4, "floor": 0.01}
    assert found["scores"]["kid"][1]["title"] == "KID-Lite0"
    assert found["notes"] == []
    assert found["losses"]["d_loss"][0] == pytest.approx(
        sum(float(row.split(",")[2]) for row in runs[0].losses.read_text().splitlines()[1:]) / 8
    )
    assert page.is_file()
    assert found["page"] == str(page)


@pytest.mark.parametrize(("key", "value"), [("features", "inception"), ("weights", "ffff"), ("num", 10)])
def test_scores_of_different_protocols_do_not_compare(runs: list[RunFolder], key: str, value: object) -> None:
    write_metrics(runs[1], TWO, **{key: value})
    comparison = Comparison.read(runs)
    assert len(comparison.protocol_notes) == 1
    assert f"The scores are not comparable: {key} is " in comparison.protocol_notes[0]
    assert f"{value} in second" in comparison.protocol_notes[0]
    assert all(row.winner is None for row in comparison.scores)


def test_a_tie_and_a_run_without_scores_win_nothing(runs: list[RunFolder]) -> None:
    assert Comparison.read(runs).scores[0].winner == 0
    write_metrics(runs[1], TWO)
    assert Comparison.read(runs).scores[0].winner is None
    runs[1].metrics.unlink()
    comparison = Comparison.read(runs)
    assert comparison.scores[0].winner is None
    assert comparison.as_json()["scores"]["kid"][1] is None
    assert comparison.protocol_notes == []


def test_runs_of_one_name_are_told_apart_by_their_paths(runs: list[RunFolder], tmp_path: Path) -> None:
    twin = RunFolder(Path(shutil.copytree(runs[0].path, tmp_path / "elsewhere" / "first")))
    assert Comparison.read([runs[0], twin]).names == [str(runs[0].path), str(twin.path)]


def test_runs_that_hold_nothing_compare_too(tmp_path: Path) -> None:
    folders = [RunFolder(tmp_path / name) for name in ("a", "b", "c")]
    for folder in folders:
        folder.path.mkdir()
        folder.write_config("name: [broken\n")
    comparison = Comparison.read(folders)
    comparison.write_page(tmp_path / "page.html")
    assert (comparison.scores, comparison.losses, comparison.configuration) == ([], {}, {})
    assert json.dumps(comparison.as_json(), allow_nan=False)


def test_ten_long_runs_fit_on_a_page(tmp_path: Path) -> None:
    columns = [f"term_{i}" for i in range(20)]
    text = ",".join(["iteration", "epoch", *columns]) + "\n"
    text += "".join(f"{i},0" + f",{i % 97 / 7:.9g}" * 20 + "\n" for i in range(1, 5001))
    folders = [RunFolder(tmp_path / f"run{i}") for i in range(10)]
    for folder in folders:
        folder.path.mkdir()
        folder.write_config("name: long\n")
        folder.losses.write_text(text)
    page = tmp_path / "page.html"
    Comparison.read(folders).write_page(page)
    assert page.stat().st_size < 10 * 2**20


@pytest.mark.slow
def test_what_cannot_be_compared_is_refused(runs: list[RunFolder], run_cli: RunCli, tmp_path: Path) -> None:
    alone = run_cli("compare", runs[0].path)
    assert alone.returncode == 2
    assert alone.stderr == "Error: ganctl compare needs at least two run folders. Received: 1\n"
    no_run = run_cli("compare", runs[0].path, tmp_path)
    assert no_run.returncode == 2
    assert no_run.stderr == f"Error: {tmp_path} is not a run folder: config.yaml is missing.\n"
    (tmp_path / "file").touch()
    unwritable = run_cli("compare", *(run.path for run in runs), "--output", tmp_path / "file" / "page.html")
    assert unwritable.returncode == 2
    assert "cannot be written" in unwritable.stderr
