"""`ganctl sweep`: the file, the space, the study that several processes share, what becomes of trials, the budget."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import RunCli, WriteYaml, untracked

from ganctl import plugins
from ganctl.build import resolving
from ganctl.errors import ConfigurationError, GanctlError, StoppedError, UsageError
from ganctl.host.file_lock import file_lock
from ganctl.planning.sweep import running
from ganctl.planning.sweep.extremes import check_networks
from ganctl.planning.sweep.running import MOST_FAILURES, MOST_KILLS, SweepRunner
from ganctl.planning.sweep.space import Choice, Numbers, read_range
from ganctl.planning.sweep.study import Study
from ganctl.planning.sweep.sweep_file import Sweep, read_sweep
from ganctl.run_folder.sweep_folder import SweepFolder, TrialState

RATE = "optimizer.generator.learning_rate"
SPACE: dict[str, Any] = {RATE: {"log": [1e-5, 1e-1]}}

WriteSweep = Callable[..., Path]


@pytest.fixture(scope="module")
def write_sweep(tiny_yaml: WriteYaml) -> WriteSweep:
    """Return what writes the file of a sweep beside its experiment, with top-level keys changed; None removes one."""

    def write(changes: Mapping[str, Any] = {}, experiment: Mapping[str, Any] = {}) -> Path:
        base = tiny_yaml({"evaluation": {"every": 4, "num": 50}, **experiment})
        content = {"experiment": base.name, "space": SPACE, "budget": {"trials": 5}, **changes}
        path = base.with_name("night.yaml")
        path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}, sort_keys=False))
        return path

    return write


# --- ranges


@pytest.mark.parametrize(
    ("given", "words", "probes", "inside", "outside"),
    [
        ({"uniform": [0, 1]}, "0 to 1", [0.0, 1.0], [0, 0.25, 1.0], [-0.1, 1.1, "0", None, True]),
        ({"log": [1e-5, 1]}, "1e-05 to 1, logarithmic", [1e-5, 1.0], [1e-5, 0.1], [0.0, 2]),
        ({"int": [2, 5]}, "2 to 5", [2, 3, 4, 5], [2, 5], [1, 2.5, 6, False]),
        ({"int": [8, 128], "step": 8}, "8 to 128 in steps of 8", [*range(8, 129, 8)], [16], [20]),
        ({"int": [1, 1000]}, "1 to 1000", [1, 1000], [500], [0]),
        ({"choice": ["a", "b"]}, "one of a, b", ["a", "b"], ["a"], ["c", 0]),
        ({"choice": [1, True, None, [2]]}, "one of 1, true, null, [2]", [1, True, None, [2]], [True, [2]], [0, [3]]),
    ],
)
def test_a_range(given: Any, words: str, probes: list[Any], inside: list[Any], outside: list[Any]) -> None:
    found = read_range("key", given)
    assert (str(found), found.probes) == (words, probes)
    for value in inside:
        stored = found.encoded(value)
        assert found.decoded(stored) == value
        assert type(found.decoded(stored)) in (type(value), float)
    assert [found.encoded(value) for value in outside] == [None] * len(outside)


def test_numbers_are_rounded_within_their_ends() -> None:
    found = Numbers("key", 0.00012345678, 0.5)
    assert found.decoded(0.00098765432) == 0.0009877
    assert found.decoded(0.00012345678) == 0.0001235
    assert found.decoded(0.00012344001) == 0.00012345678
    assert Choice("key", (1, 1.5)).encoded(1.0) == "1"


NO_RANGES = {
    "a number": (0.1, "expected one of uniform:"),
    "an unknown kind": ({"normal": [0, 1]}, "expected one of uniform:"),
    "two kinds": ({"log": [1, 2], "uniform": [1, 2]}, "expected one of uniform:"),
    "a step of numbers that are not whole": ({"uniform": [0, 1], "step": 2}, "expected one of uniform:"),
    "one end": ({"log": [1]}, "log takes two numbers"),
    "ends the wrong way round": ({"log": [1, 0.1]}, "log takes two numbers"),
    "equal ends": ({"uniform": [1, 1]}, "uniform takes two numbers"),
    "an infinite end": ({"uniform": [0, float("inf")]}, "uniform takes two numbers"),
    "words": ({"uniform": ["a", "b"]}, "uniform takes two numbers"),
    "a logarithm of zero": ({"log": [0, 1]}, "the lower end of log must be above 0"),
    "halves": ({"int": [0.5, 2]}, "int takes whole numbers"),
    "no step": ({"int": [0, 4], "step": 0}, "int takes whole numbers"),
    "a step that misses the end": ({"int": [0, 5], "step": 2}, "5 cannot be reached from 0 in steps of 2"),
    "one choice": ({"choice": ["a"]}, "choice takes a list of two or more"),
    "a choice given twice": ({"choice": ["a", "b", "a"]}, "choice takes a list of two or more"),
    "a choice that is a word": ({"choice": "ab"}, "choice takes a list of two or more"),
}


@pytest.mark.parametrize("case", NO_RANGES)
def test_what_is_no_range(case: str) -> None:
    given, message = NO_RANGES[case]
    with pytest.raises(ConfigurationError) as raised:
        read_range("key", given)
    assert str(raised.value).startswith(message)
    assert "Received: " in str(raised.value)


# --- the file


def test_a_file_is_read(write_sweep: WriteSweep) -> None:
    nested = {"optimizer": {"discriminator": {"learning_rate": {"uniform": [0.1, 0.2]}}}}
    tutorial = {"NET_CAPACITY": {"int": [2, 4]}, "loss.penalties.0.weight": {"log": [1, 10]}}
    path = write_sweep(
        {
            "space": {**SPACE, **nested, **tutorial},
            "set": {"training": {"iterations": 4}},
            "pruning": "none",
        },
        {"model": {"name": "dcgan"}, "dataset.image_size": 28, "loss": {"penalties": [{"name": "r1", "weight": 5}]}},
    )
    sweep = read_sweep(path)
    assert (sweep.name, sweep.objective.name, sweep.pruning, sweep.budget.trials) == ("night", "kid", False, 5)
    assert list(sweep.space) == [
        *(RATE, "optimizer.discriminator.learning_rate", "model.capacity", "loss.penalties.0.weight")
    ]
    assert sweep.base_values == dict(zip(sweep.space, [0.0002, 0.0002, 32, 5.0], strict=True))
    assert (sweep.experiment.training.iterations, sweep.experiment.training.batch_size) == (4, 4)
    tried = sweep.parts({"loss.penalties.0.weight": 2.5, "model.capacity": 3}).experiment
    assert (tried.loss.penalties[0].weight, tried.model.arguments["capacity"]) == (2.5, 3)
    assert sweep.experiment.loss.penalties[0].weight == 5


def test_trials_read_the_same_images_wherever_they_run(tiny_yaml: WriteYaml, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tiny_yaml({"evaluation": {"every": 4, "num": 50}, "dataset.path": "pictures.npz"})
    path = base.with_name("night.yaml")
    path.write_text(yaml.safe_dump({"experiment": base.name, "space": SPACE, "budget": {"trials": 1}}))
    monkeypatch.chdir(base.parent)
    assert yaml.safe_load(read_sweep(path).base_text)["dataset"]["path"] == str(base.parent / "pictures.npz")


WRONG_FILES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"budgett": 3}, "{file}:9:1: unknown key 'budgett'. Did you mean 'budget'?"),
    "no experiment": ({"experiment": None}, "{file}: 'experiment' is missing."),
    "no space": ({"space": None}, "{file}: 'space' is missing."),
    "empty space": ({"space": {}}, "{file}:2:1: space: dictionary should have at least 1 item after validation"),
    "no budget": ({"budget": {}}, "{file}:7:1: budget: give trials, minutes, or both."),
    "no trials": ({"budget": {"trials": 0}}, "{file}:8:3: budget.trials: input should be greater than or equal to 1."),
    "no time": ({"budget": {"minutes": 0}}, "{file}:8:3: budget.minutes: input should be greater than 0."),
    "objective": (
        {"objective": "fid"},
        "{file}:9:1: objective: must be a figure of metrics.csv: kid, ",
    ),
    "pruning": ({"pruning": "all"}, "{file}:9:1: pruning: input should be 'median' or 'none'. Received: 'all'"),
    "name": ({"name": "a/b"}, "{file}:9:1: name: 'a/b' is not a valid name for a run folder"),
    "unknown key of the space": (
        {"space": {"optimizer.generator.learning_rat": {"log": [1e-5, 1]}}},
        "{file}:3:3: space, optimizer.generator.learning_rat: 1e-05 is not possible: unknown key 'learning_rat' in "
        "optimizer.generator. Did you mean 'learning_rate'?",
    ),
    "unknown section": (
        {"space": {"optimiser.rate": {"log": [1e-5, 1]}}},
        "{file}:3:3: space, optimiser.rate: 1e-05 is not possible: unknown key 'optimiser'. Did you mean 'optimizer'?",
    ),
    "bad ends": ({"space": {RATE: {"log": [0, 1]}}}, "{file}:3:3: space, " + RATE + ": the lower end of log must be"),
    "an end that the key refuses": (
        {"space": {"training.batch_size": {"int": [0, 8]}}},
        "{file}:3:3: space, training.batch_size: 0 is not possible: training.batch_size: input should be greater than",
    ),
    "a type that the key refuses": (
        {"space": {"training.batch_size": {"uniform": [2, 8]}}},
        "{file}:3:3: space, training.batch_size: 2.0 is not possible: training.batch_size: input should be a valid int",
    ),
    "a name that does not exist": (
        {"space": {"loss.name": {"choice": ["minimax", "hing"]}}},
        "{file}:3:3: space, loss.name: \"hing\" is not possible: loss.name: There is no loss 'hing'. Did you mean",
    ),
    "a size that the model refuses": (
        {"space": {"model.name": {"choice": ["dense_gan", "dcgan"]}}},
        '{file}:3:3: space, model.name: "dcgan" is not possible: dataset.image_size: dcgan needs ',
    ),
    "nested": (
        {"space": {"optimizer": {"generator": {"rate": {"log": [1e-5, 1]}}}}},
        "{file}:5:7: space, optimizer.generator.rate: 1e-05 is not possible: unknown key 'rate' in optimizer.g",
    ),
    "twice": (
        {"space": {"BATCH_SIZE": {"int": [2, 4]}, "training.batch_size": {"int": [2, 4]}}},
        "{file}:7:3: space: training.batch_size is given twice.",
    ),
    "outputs": (
        {"space": {"outputs.keep": {"int": [2, 4]}}},
        "{file}:3:3: space: outputs.keep does not affect what is learned.",
    ),
    "other measures": (
        {"space": {"evaluation.num": {"int": [50, 60]}}},
        "{file}:3:3: space: trials with different evaluation.num would be measured in different ways",
    ),
    "other images": (
        {"space": {"dataset.limit": {"int": [50, 60]}}},
        "{file}:3:3: space: trials with different dataset.limit would be measured in different ways",
    ),
    "unknown key that is set": (
        {"set": {"training.iteration": 8}},
        "{file}:10:3: set: unknown key 'iteration' in training. Did you mean 'iterations'?",
    ),
    "no scores": ({"set": {"evaluation.every": 0}}, "{file}:1:1: evaluation.every is 0, and a sweep compares scores."),
    "no score at the end": (
        {"set": {"evaluation.every": 3}},
        "{file}:1:1: evaluation.every: 3 does not divide training.iterations: 8, so that the end of a trial",
    ),
    "no score at one end": (
        {"space": {"training.iterations": {"choice": [8, 10]}}},
        "{file}:3:3: evaluation.every: 4 does not divide training.iterations: 10",
    ),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_wrong_file_is_refused_before_the_first_trial(case: str, write_sweep: WriteSweep) -> None:
    changes, message = WRONG_FILES[case]
    path = write_sweep(changes)
    with pytest.raises(ConfigurationError) as raised:
        read_sweep(path)
    assert str(raised.value).startswith(message.format(file=path))
    assert raised.value.exit_code == 2


def test_an_experiment_that_does_not_exist(write_sweep: WriteSweep) -> None:
    with pytest.raises(UsageError, match="nowhere does not exist"):
        read_sweep(write_sweep({"experiment": "nowhere"}))
    assert read_sweep(write_sweep({"experiment": "quickstart", "set": {"evaluation.every": 100}})).experiment.name == (
        "quickstart"
    )


def test_what_only_the_networks_refuse_is_found_too(write_sweep: WriteSweep) -> None:
    """Of a value that the file's schema takes, but no game can be built with."""
    sweep = read_sweep(write_sweep({"space": {"training.batch_size": {"int": [4, 60_000]}}}))
    with pytest.raises(ConfigurationError, match=r":3:3: space, training\.batch_size: 60000 is not possible: .*images"):
        check_networks(sweep, untracked)


def test_possible_values_are_built_without_a_word(write_sweep: WriteSweep) -> None:
    check_networks(read_sweep(write_sweep({"space": {"model.latent_dim": {"int": [2, 3]}, **SPACE}})), untracked)


# --- the study


@pytest.fixture
def sweep(write_sweep: WriteSweep) -> Sweep:
    return read_sweep(write_sweep())


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return SweepFolder(tmp_path / "night")


def test_processes_share_one_study(sweep: Sweep, folder: SweepFolder) -> None:
    """Two that work at the same time: each trial is one's, the budget is that of both, the first is the base."""
    one, two = Study.open(folder, sweep), Study.open(folder, sweep)
    seen = []
    with ExitStack() as held:
        for study in (one, two, one, two, two):
            claimed = held.enter_context(study.claim())
            assert claimed is not None
            seen.append((claimed.number, claimed.taken_up, claimed.is_base, claimed.values[RATE]))
        assert [each[:3] for each in seen] == [(number, False, number == 0) for number in range(5)]
        assert seen[0][3] == 0.0002
        assert len({each[3] for each in seen}) == 5, "no process tries what another does"
        assert all(1e-5 <= each[3] <= 1e-1 for each in seen)
        assert held.enter_context(one.claim()) is None, "the budget is used up"
        assert [trial.state for trial in two.record().trials] == [TrialState.RUNNING] * 5
    assert [trial.state for trial in two.record().trials] == [TrialState.WAITING] * 5
    again = read_back(folder, sweep)
    assert [trial.values[RATE] for trial in again.record().trials] == [each[3] for each in seen]


def read_back(folder: SweepFolder, sweep: Sweep) -> Study:
    return Study.open(folder, sweep, new=False)


def test_a_sweep_repeats(sweep: Sweep, tmp_path: Path) -> None:
    """The same seed and the same scores: the same values, also if the command is typed again for each trial."""

    def values(name: str, *, again: bool) -> list[float]:
        folder, tried = SweepFolder(tmp_path / name), []
        study = Study.open(folder, sweep)
        for _ in range(5):
            study = read_back(folder, sweep) if again else study
            with study.claim() as claimed:
                assert claimed is not None
                tried.append(claimed.values[RATE])
                claimed.finish(claimed.values[RATE])
        return tried

    assert values("one", again=False) == values("two", again=True)


def test_an_interrupted_trial_is_taken_up_first(sweep: Sweep, folder: SweepFolder) -> None:
    study = Study.open(folder, sweep)
    with study.claim() as claimed:
        assert claimed is not None
        claimed.report({4: 0.5})
        first = claimed.values
    with study.claim() as other, study.claim() as new:
        assert other is not None
        assert new is not None
        assert (other.number, other.taken_up, other.is_base, other.values) == (0, True, True, first)
        assert (new.number, new.taken_up) == (1, False)
        other.report({4: 0.7, 8: 0.25})  # what is recorded already stays
        assert study.record().trials[0].curve == {4: 0.5, 8: 0.25}
        other.finish(0.25)
    assert [trial.state for trial in study.record().trials] == [TrialState.FINISHED, TrialState.WAITING]
    assert study.record().trials[0].score == 0.25


def test_a_training_that_outlives_its_sweep_is_left_alone(sweep: Sweep, folder: SweepFolder) -> None:
    study = Study.open(folder, sweep)
    with study.claim() as claimed:
        assert claimed is not None
    run = folder.trial(0)
    run.path.mkdir()
    with file_lock(run.lock):
        assert study.record().trials[0].state is TrialState.RUNNING
        with study.claim() as claimed:
            assert claimed is not None
            assert claimed.number == 1
    with study.claim() as claimed:
        assert claimed is not None
        assert (claimed.number, claimed.taken_up) == (0, True)


def test_another_sweep_is_refused_and_another_budget_is_not(write_sweep: WriteSweep, folder: SweepFolder) -> None:
    Study.open(folder, read_sweep(write_sweep()))
    Study.open(folder, read_sweep(write_sweep({"budget": {"minutes": 3}})))
    other = read_sweep(write_sweep({"space": {RATE: {"log": [1e-6, 1e-1]}}, "seed": 1}, {"seed": 5}))
    with pytest.raises(UsageError, match="holds a different sweep") as raised:
        Study.open(folder, other)
    changed = [line.partition(":")[0] for line in str(raised.value).splitlines()[1:]]
    assert {"seed", f"space.{RATE}", "experiment.seed"} <= set(changed)


def test_a_folder_that_is_no_sweep_is_refused(sweep: Sweep, folder: SweepFolder) -> None:
    with pytest.raises(UsageError, match="There is no sweep in"):
        Study.open(folder, sweep, new=False)
    folder.path.mkdir()
    folder.base.write_text("left by a process that was killed at once")
    folder.choosing.write_text("123")
    Study.open(folder, sweep)
    assert folder.base.read_text() == sweep.base_text
    folder.definition.unlink()
    (folder.path / "config.yaml").write_text("name: a run\n")
    with pytest.raises(UsageError, match="exists, and is not the folder of a sweep"):
        Study.open(folder, sweep)


def test_a_base_outside_the_space_is_not_tried(write_sweep: WriteSweep, folder: SweepFolder) -> None:
    study = Study.open(folder, read_sweep(write_sweep({"space": {RATE: {"log": [1e-3, 1e-1]}}})))
    with study.claim() as claimed:
        assert claimed is not None
        assert not claimed.is_base
        assert claimed.values[RATE] >= 1e-3
    assert study.record().base is None


def test_what_matters_is_told_when_enough_trials_have_finished(write_sweep: WriteSweep, folder: SweepFolder) -> None:
    space = {**SPACE, "seed": {"int": [0, 9]}, "loss.name": {"choice": ["minimax", "hinge"]}}
    study = Study.open(folder, read_sweep(write_sweep({"space": space, "budget": {"trials": 20}})))
    for number in range(20):
        with study.claim() as claimed:
            assert claimed is not None
            claimed.finish(100 * claimed.values[RATE])
        importance = study.record().importance
        assert bool(importance) == (number >= 3)
    assert set(importance) == {RATE, "seed", "loss.name"}
    assert sum(importance.values()) == pytest.approx(1)
    assert max(importance, key=lambda key: importance[key]) == RATE
    best = study.record().best
    assert best is not None
    assert best.values[RATE] == min(trial.values[RATE] for trial in study.record().trials)


# --- what becomes of trials

TRAINING = """
import os, signal, sys, time
from pathlib import Path

sys.path.insert(0, {tests!r})
from report_runs import write_metrics
from ganctl.run_folder.paths import RunFolder

words = sys.argv[1:]
folder = RunFolder(Path(words[words.index("--output-dir") + 1], words[words.index("--run-name") + 1]))
folder.path.mkdir(exist_ok=True)
tries = folder.path / "tries"
tries.write_text(tries.read_text() + "." if tries.exists() else ".")

def score(*rows):
    write_metrics(folder, [])
    for iteration, kid in rows:
        write_metrics(folder, [(iteration, kid)], append=True, precision=4 * kid)

def wait():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    (folder.path / "waits").touch()
    time.sleep(60)

what = {plan!r}[int(folder.path.name[-3:])]
exec(what)
"""

RunTrials = Callable[..., tuple[Study, list[str], int]]


@pytest.fixture
def run_trials(
    write_sweep: WriteSweep, folder: SweepFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> RunTrials:
    """Return what works on a sweep whose trainings do as planned: study, lines, and how often the page was due."""

    def run(plan: list[str], seconds: float | None = None, **changes: Any) -> tuple[Study, list[str], int]:
        script = tmp_path / "training.py"
        script.write_text(TRAINING.format(plan=plan, tests=str(Path(__file__).parent)))
        command = SweepRunner._command
        monkeypatch.setattr(
            SweepRunner,
            "_command",
            lambda self, claimed: [sys.executable, str(script), *command(self, claimed)[3:]],
        )
        monkeypatch.setattr(running, "_SECONDS_BETWEEN_CHECKS", 0.02)
        study = Study.open(folder, read_sweep(write_sweep({"budget": {"trials": len(plan)}, **changes})))
        lines: list[str] = []
        pages: list[int] = []
        runner = SweepRunner(study, lines.append, ["--device", "cpu"], seconds, lambda: pages.append(1))
        try:
            runner.run("ganctl sweep night.yaml")
        finally:
            monkeypatch.setattr(SweepRunner, "_command", command)
        return study, lines, len(pages)

    return run


def test_a_trial_ends_with_its_last_score(run_trials: RunTrials) -> None:
    study, lines, pages = run_trials(["score((4, 0.2), (8, 0.5))", "score((4, 0.9), (8, 0.4))"])
    record = study.record()
    assert [trial.state for trial in record.trials] == [TrialState.FINISHED] * 2
    assert [trial.score for trial in record.trials] == [0.5, 0.4]
    assert [trial.number for trial in record.ranked] == [1, 0]
    assert record.trials[0].curve == {4: 0.2, 8: 0.5}
    assert (record.base, pages) == (0, 2)
    assert lines[0] == f"trial 0 (the base)  {RATE} 0.0002"
    assert lines[1] == "trial 0  finished: KID 0.5 (the best so far)"
    assert lines[-1] == "trial 1  finished: KID 0.4 (the best so far)"


def test_higher_is_better_for_other_figures(run_trials: RunTrials) -> None:
    study, *_ = run_trials(["score((8, 0.1))", "score((8, 0.2))"], objective="precision")
    best = study.record().best
    assert best is not None
    assert (best.number, best.score) == (1, 0.8)


def test_the_command_of_a_trial_is_an_ordinary_one(write_sweep: WriteSweep, folder: SweepFolder) -> None:
    study = Study.open(folder, read_sweep(write_sweep({"space": {"loss.name": {"choice": ["hinge", "minimax"]}}})))
    runner = SweepRunner(study, print, ["--device", "cpu"], None, lambda: None)
    with study.claim() as claimed:
        assert claimed is not None
        assert runner._command(claimed)[1:] == [
            *("-m", "ganctl", "train", str(folder.base), "--set", 'loss.name="minimax"'),
            *("--output-dir", str(folder.path), "--run-name", "trial-000"),
            *("--resume-if-there", "--quiet", "--device", "cpu"),
        ]
    assert resolving.load_experiment(folder.base, ('loss.name="minimax"',)).loss.name == "minimax"


def test_a_trial_may_use_the_plugins_that_the_sweep_may(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("")
    assert plugins.as_options() == []
    with plugins.permitted([plugin]):
        assert plugins.as_options() == ["--plugin", str(plugin)]
        with plugins.permitted([], everything=True):
            assert plugins.as_options() == ["--plugin", str(plugin), "--allow-plugins"]


def test_bad_trials_are_stopped_but_never_the_base(run_trials: RunTrials) -> None:
    """The base is the worst of all; then four that are good, and one that is not."""
    good = "score((4, 0.2)); time.sleep(0.2); score((4, 0.2), (8, 0.1))"
    slow = "score((4, 0.9)); time.sleep(0.3); score((4, 0.9), (8, 0.9))"
    study, lines, _ = run_trials([slow, good, good, good, "score((4, 0.3)); wait()", good])
    trials = study.record().trials
    assert [trial.state.value for trial in trials] == [*["finished"] * 4, "pruned", "finished"]
    assert (trials[4].score, trials[4].curve) == (None, {4: 0.3})
    assert "trial 4  pruned after iteration 4: KID 0.3" in lines


def test_pruning_can_be_off(run_trials: RunTrials) -> None:
    good, bad = "score((4, 0.2), (8, 0.1))", "score((4, 0.3)); time.sleep(0.3); score((4, 0.3), (8, 0.3))"
    study, *_ = run_trials([*[good] * 5, bad], pruning="none")
    assert [trial.state for trial in study.record().trials] == [TrialState.FINISHED] * 6


def test_trials_that_diverge_or_fail_are_told_apart(run_trials: RunTrials) -> None:
    study, lines, _ = run_trials(
        [
            "score((8, 0.5))",
            "score((4, 0.5)); sys.exit(4)",
            "sys.stderr.write('Error: base.yaml:3:4: no.'); sys.exit(2)",
            "pass",
            "os.abort()",
        ]
    )
    trials = study.record().trials
    assert [trial.state.value for trial in trials] == ["finished", "diverged", "failed", "failed", "failed"]
    assert [trial.note for trial in trials] == [
        *("", "", "base.yaml:3:4: no.", "its metrics.csv has no kid"),
        f"its process was killed by signal {signal.SIGABRT.value}, {MOST_KILLS} times",
    ]
    assert (study.folder.trial(4).path / "tries").read_text() == "." * MOST_KILLS
    assert "trial 1  diverged" in lines


def test_a_killed_training_is_continued(run_trials: RunTrials) -> None:
    once = "os.kill(os.getpid(), 9) if len(tries.read_text()) == 1 else score((8, 0.5))"
    study, lines, _ = run_trials([once])
    assert [trial.state for trial in study.record().trials] == [TrialState.FINISHED]
    assert lines[1] == "trial 0  was killed by signal 9; it will be continued"
    assert lines[2] == f"trial 0 (continued)  {RATE} 0.0002"


def test_a_sweep_of_which_every_trial_fails_ends(run_trials: RunTrials, folder: SweepFolder) -> None:
    fails = "sys.stderr.write('Error: no such thing.'); sys.exit(3)"
    with pytest.raises(GanctlError, match=r"The first 3 trials failed, .*\nThe last one: no such thing\."):
        run_trials([fails] * 9)
    assert len(list(folder.path.glob("trial-*"))) == MOST_FAILURES


def test_the_time_of_a_process_is_limited(run_trials: RunTrials) -> None:
    began = time.monotonic()
    study, lines, _ = run_trials(["score((4, 0.5)); wait()", "score((8, 0.5))"], seconds=1.0)
    assert time.monotonic() - began < 20
    assert [(trial.number, trial.state) for trial in study.record().trials] == [(0, TrialState.WAITING)]
    assert lines[-1] == "trial 0  interrupted; it will be continued"
    study, lines, _ = run_trials(["score((8, 0.25))", "score((8, 0.5))"], seconds=60)
    assert [trial.score for trial in study.record().trials] == [0.25, 0.5]
    assert lines[0] == f"trial 0 (continued)  {RATE} 0.0002"


def test_ctrl_c_saves_the_trial_and_ends_the_sweep(run_trials: RunTrials, folder: SweepFolder) -> None:
    script = "import os, sys, time; from pathlib import Path\n"
    script += "while not Path(sys.argv[1]).exists(): time.sleep(0.02)\n"
    script += "os.kill(int(sys.argv[2]), 2)"
    waits = folder.trial(0).path / "waits"
    sender = subprocess.Popen([sys.executable, "-c", script, waits, str(os.getpid())])
    with pytest.raises(StoppedError, match=r"Continue: ganctl sweep night\.yaml") as raised:
        run_trials(["score((4, 0.5)); wait()", "score((8, 0.5))"])
    sender.wait()
    assert raised.value.exit_code == 130
    study, _, _ = run_trials(["score((8, 0.25))", "score((8, 0.5))"])
    assert [trial.score for trial in study.record().trials] == [0.25, 0.5]


# --- the command


def test_optuna_is_needed_by_nothing_else_and_its_absence_is_told(tmp_path: Path, write_sweep: WriteSweep) -> None:
    blocked = "import sys; sys.modules['optuna'] = None; from ganctl.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", blocked, "sweep", write_sweep()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: ganctl sweep needs Optuna. Install it: pip install 'ganctl[sweep]'\n"
    assert not list(tmp_path.iterdir())


def test_a_wrong_file_ends_the_command(write_sweep: WriteSweep, run_cli: RunCli, tmp_path: Path) -> None:
    path = write_sweep({"space": {"training.batch_size": {"int": [0, 4]}}})
    done = run_cli("sweep", path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Error: {path}:3:3: space, training.batch_size: 0 is not possible: ")
    assert run_cli("sweep", tmp_path / "no.yaml", cwd=tmp_path).returncode == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("other", ["--dry-run", "--best"])
def test_json_is_refused_where_nothing_is_listed(other: str, write_sweep: WriteSweep, run_cli: RunCli) -> None:
    done = run_cli("sweep", write_sweep(), "--json", other)
    assert (done.returncode, done.stdout) == (2, "")
    assert "leave it out with --best and --dry-run" in done.stderr


@pytest.mark.slow
def test_what_only_the_networks_refuse_ends_the_command_before_the_first_trial(
    write_sweep: WriteSweep, run_cli: RunCli, tmp_path: Path
) -> None:
    path = write_sweep({"space": {"training.batch_size": {"int": [4, 60_000]}}})
    for arguments in ([], ["--dry-run"]):
        done = run_cli("sweep", path, *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith(f"Error: {path}:3:3: space, training.batch_size: 60000 is not possible: ")
    assert not list(tmp_path.iterdir())
    good = write_sweep()
    done = run_cli("sweep", good, "--dry-run", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{good} is valid.\n", "")
    assert not list(tmp_path.iterdir())


def test_the_best_is_printed_as_a_file(write_sweep: WriteSweep, run_cli: RunCli, tmp_path: Path) -> None:
    path = write_sweep()
    none = run_cli("sweep", path, "--best", cwd=tmp_path)
    assert (none.returncode, none.stdout) == (2, "")
    assert none.stderr == "Error: There is no sweep in outputs/night yet.\n"
    study = Study.open(SweepFolder(tmp_path / "outputs" / "night"), read_sweep(path))
    assert run_cli("sweep", path, "--best", cwd=tmp_path).stderr.endswith("has finished yet.\n")
    values = []
    for score in (0.5, 0.25, 0.75):
        with study.claim() as claimed:
            assert claimed is not None
            values.append(claimed.values[RATE])
            claimed.finish(score)
    done = run_cli("sweep", path, "--best", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "# Trial 1 of the sweep night, the best of 3 that finished: KID 0.25."
    (tmp_path / "best.yaml").write_text(done.stdout)
    found = resolving.load_experiment(tmp_path / "best.yaml")
    assert found.optimizer.generator.learning_rate == values[1]
    expected = resolving.load_experiment(path.with_name("tiny.yaml"), (f"{RATE}={values[1]}",))
    assert found.model_dump() == expected.model_dump()


@pytest.mark.slow
def test_two_processes_one_of_which_is_killed(write_sweep: WriteSweep, run_cli: RunCli, tmp_path: Path) -> None:
    """Real trainings: a process of two is killed with its training, the other takes its trial up, a third joins."""
    path = write_sweep(
        {"budget": {"trials": 3}, "set": {"training.iterations": 80, "evaluation.every": 40}},
        {"outputs.checkpoint_every": 20, "outputs.sample_every": 40},
    )
    command = [sys.executable, "-m", "ganctl", "sweep", path]
    first = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    folder = SweepFolder(tmp_path / "outputs" / "night")
    _wait_for(lambda: folder.trial(0).lock.exists())
    second = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    _wait_for(lambda: folder.trial(1).lock.exists() or second.poll() is not None)
    training = int(folder.trial(0).lock.read_text()) if folder.trial(0).lock.exists() else None
    first.kill()
    if training is not None:
        os.kill(training, signal.SIGKILL)
    first.communicate()
    told, _ = second.communicate(timeout=300)
    assert second.returncode == 0
    assert "Done. The trials are in outputs/night; open its sweep.html." in told
    done = run_cli("sweep", path, "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads(done.stdout)
    assert [trial["state"] for trial in record["trials"]] == ["finished"] * 3
    assert len({trial["values"][RATE] for trial in record["trials"]}) == 3
    assert record["best"] == min(record["trials"], key=lambda trial: trial["score"])["number"]
    assert folder.page.is_file()
    listed = json.loads(run_cli("list-runs", folder.path, "--json").stdout)
    assert [(run["name"], run["state"]) for run in listed] == [(f"trial-{n:03d}", "finished") for n in range(3)]
    scores = {run["name"]: run["kid"]["newest"] for run in listed}
    assert [scores[f"trial-{trial['number']:03d}"] for trial in record["trials"]] == [
        pytest.approx(trial["score"]) for trial in record["trials"]
    ]
    # The interrupted trial is what it would have been: the base, trained alone.
    alone = run_cli("train", folder.base, "--run-name", "alone", cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    assert (tmp_path / "outputs" / "alone" / "losses.csv").read_bytes() == folder.trial(0).losses.read_bytes()


def _wait_for(what: Callable[[], bool], seconds: float = 150) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)
