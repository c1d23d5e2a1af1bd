"""`evaluation.patience`: a run whose KID no longer falls ends, says why, and goes on when it is asked to."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import RunCli, WriteYaml

from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.run_folder import checkpoint
from ganctl.run_folder.course import EarlyEnd, Restart, add_early_end, early_ends, restarts, write_restart
from ganctl.run_folder.losses_csv import last_iteration
from ganctl.run_folder.metrics_csv import COLUMNS, line
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks.patience import Patience, evaluations_since_better

Small = Callable[..., Experiment]


def rows(*kids: float | None, deviation: float = 0.1) -> list[dict[str, Any]]:
    return [
        {"iteration": 10 * number, "features": "lite0", **({} if kid is None else {"kid": kid, "kid_std": deviation})}
        for number, kid in enumerate(kids, start=1)
    ]


@pytest.mark.parametrize(
    ("kids", "expected"),
    [
        ((), 0),
        ((1.0,), 0),
        ((1.0, 0.5, 0.2), 0),
        ((1.0, 1.0, 1.0), 2),
        ((1.0, 0.91, 0.95), 2),  # within the deviation
        ((1.0, 0.95, 0.89), 0),  # a slow fall adds up
        ((1.0, 0.2, 0.5, 0.4, 0.3), 3),  # better than the last, not than the best
        ((1.0, None, 0.5, None), 1),
        ((None, None), 2),
        ((1.0, math.nan), 1),
    ],
)
def test_evaluations_without_a_better_kid_are_counted(kids: tuple[float | None, ...], expected: int) -> None:
    assert evaluations_since_better(rows(*kids)) == expected


class Course:
    """A run folder whose evaluations are made up, and the hook at work in it."""

    def __init__(self, path: Path, iterations: int = 100) -> None:
        self.folder = RunFolder(path)
        self.iterations = iterations

    def ends(self, found: Sequence[dict[str, Any]], patience: int, begun: int = 0) -> bool:
        """Whether a run that begins after `begun` iterations, or is resumed there, ends at the last evaluation."""
        run: Any = SimpleNamespace(folder=self.folder, iterations=self.iterations, ending=None)
        hook, step = Patience(10, patience), found[-1]["iteration"]
        self._write(row for row in found if row["iteration"] <= begun)
        hook.start(run, begun)
        if begun < step:
            assert run.ending is None
            self._write(found)
            hook.act(run, step)
        return run.ending is not None

    def _write(self, found: Iterable[dict[str, Any]]) -> None:
        lines = [line(row.get(name) for name in COLUMNS) for row in found]
        self.folder.metrics.write_text("".join([line(COLUMNS), *lines]))


def test_a_run_ends_at_the_evaluation_that_exhausts_its_patience(tmp_path: Path) -> None:
    course = Course(tmp_path)
    assert not course.ends(rows(1.0, 0.5, 0.6), 2)
    assert course.ends(rows(1.0, 0.5, 0.6, 0.45), 2, begun=30)
    why = "the KID has not fallen by more than its deviation in 2 evaluations; the best is 0.45 after iteration 40"
    assert early_ends(course.folder) == [EarlyEnd(40, 100, "evaluation.patience", "2", 20, why)]


def test_the_last_iteration_is_no_early_end(tmp_path: Path) -> None:
    assert not Course(tmp_path, iterations=30).ends(rows(1.0, 1.0, 1.0), 2)


def test_a_run_that_has_ended_goes_on_only_if_it_is_to_be_longer_or_more_patient(tmp_path: Path) -> None:
    course, three = Course(tmp_path), rows(1.0, 1.0, 1.0)
    assert course.ends(three, 2)
    assert course.ends(three, 2, begun=30)
    assert len(early_ends(course.folder)) == 1
    assert not course.ends(three, 3, begun=30)
    course.iterations = 200
    assert not course.ends(three, 2, begun=30)
    four = rows(1.0, 1.0, 1.0, 1.0)
    assert not course.ends(four, 2, begun=30), "evaluations are counted anew"
    assert not course.ends(four, 2, begun=40), "also after another interruption"
    assert course.ends(rows(1.0, 1.0, 1.0, 1.0, 1.0), 2, begun=40)
    assert [(end.iteration, end.planned) for end in early_ends(course.folder)] == [(30, 100), (50, 200)]


def test_a_kill_between_the_decision_and_the_checkpoint_changes_nothing(tmp_path: Path) -> None:
    """The run is resumed from an earlier checkpoint, and comes to the same end."""
    course, three = Course(tmp_path), rows(1.0, 1.0, 1.0)
    assert course.ends(three, 2)
    assert course.ends(three, 2, begun=20)
    assert len(early_ends(course.folder)) == 1


def test_scores_of_another_protocol_do_not_count(tmp_path: Path) -> None:
    found = [{**row, "num": 50 if row["iteration"] < 30 else 60} for row in rows(1.0, 1.0, 1.0, 1.0)]
    assert not Course(tmp_path).ends(found, 2)


def test_patience_without_evaluations_is_a_mistake(small_experiment: Small) -> None:
    with pytest.raises(ConfigurationError, match="patience counts evaluations, and there are none; set every"):
        small_experiment("dense_gan", {"evaluation": {"patience": 3}})


@pytest.mark.slow
def test_a_real_run_ends_resumes_and_says_so(tiny_yaml: WriteYaml, run_cli: RunCli, tmp_path: Path) -> None:
    still = {"learning_rate": 1e-12}
    path = tiny_yaml(
        {
            "evaluation": {"every": 2, "num": 50, "patience": 2},
            "optimizer": {"generator": still, "discriminator": still},
            "training.iterations": 40,
            "outputs.sample_every": 40,
        }
    )
    done = run_cli("train", path, "--output-dir", tmp_path)
    run = RunFolder(tmp_path / "tiny")
    assert done.returncode == 0
    assert "ended early after iteration 6 of 40: the KID has not fallen" in done.stdout
    assert f"To train on: ganctl resume {run.path} --set evaluation.patience=0" in done.stdout
    assert last_iteration(run.losses) == 6
    assert checkpoint.newest_first(run.checkpoints)[0].name == "000000006"
    assert run.sample_grid(6).exists(), "the end is drawn"
    assert run.log.read_text().splitlines()[-1].startswith("ended early after iteration 6: ")
    page = run.report.read_text("utf-8")
    assert "Ended early after iteration 6 of 40: the KID has not fallen by more than its deviation" in page
    assert "6 of 40 iterations" in page
    before = {path: path.read_bytes() for path in (run.losses, run.metrics, run.info)}
    assert run_cli("resume", run.path).returncode == 0
    assert {path: path.read_bytes() for path in before} == before, "it has no patience left"
    assert run_cli("sample", "--checkpoint", run.path, "--best", cwd=tmp_path).returncode == 0
    assert run_cli("resume", run.path, "--set", "training.iterations=50").returncode == 0
    assert last_iteration(run.losses) == 10
    assert [end.iteration for end in early_ends(run)] == [6, 10]
    assert run_cli("resume", run.path, "--set", "evaluation.patience=0").returncode == 0
    assert last_iteration(run.losses) == 50
    assert run.log.read_text().splitlines()[-1] == "finished 50 iterations"


# --- what run.json keeps of it


END = EarlyEnd(6, 40, "evaluation.patience", "2", 2, "the KID has not fallen")
RESTART = Restart(1, 500, 200, "Collapse, since iteration 400", "training.batch_size=8", "Why.", "restarts/1", True)


def test_a_course_is_kept_beside_what_run_json_says_already(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_info({"ganctl": "1"})
    add_early_end(folder, END)
    write_restart(folder, RESTART)
    assert json.loads(folder.info.read_text()) == {
        "ganctl": "1",
        "early_ends": [asdict(END)],
        "restarts": [asdict(RESTART)],
    }
    assert (early_ends(folder), restarts(folder)) == ([END], [RESTART])


@pytest.mark.parametrize(
    "content",
    ["", "[1]", '{"early_ends": 3, "restarts": {}}', '{"early_ends": [{}, 1, {"iteration": "x"}], "restarts": [null]}'],
)
def test_what_cannot_be_read_is_no_course(content: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.info.write_text(content)
    assert (early_ends(folder), restarts(folder)) == ([], [])
