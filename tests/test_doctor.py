"""The doctor: it finds each sickness with its beginning, says nothing of healthy runs, and advises what --set takes."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunCli, at_most
from made_up_runs import ITERATIONS, make_up

from ganctl.build import resolving
from ganctl.diagnosis.doctor import Examination, all_rules, examine, examined
from ganctl.diagnosis.findings import Advice, Severity
from ganctl.diagnosis.history import RunHistory
from ganctl.diagnosis.series import Series, binned
from ganctl.experiment.packaged_configs import find_config, packaged_configs
from ganctl.experiment.typed_words import Typed
from ganctl.run_folder.lock import run_lock
from ganctl.run_folder.paths import RunFolder

HALF = ITERATIONS / 2


def from_half(sick: float, healthy: float) -> Any:
    """Healthy in the first half of the run, sick in the second."""
    return lambda at: np.where(at > HALF, sick, healthy)


NO_PENALTY = ("loss.penalties=[]",)
HEAVY = ('loss.penalties=[{"name": "r1", "weight": 100}]',)

# By the name of the rule: severity, since when, and what is not healthy.
SICK: dict[str, tuple[str, int, Mapping[str, Any]]] = {
    "discriminator_wins": (
        "serious",
        2500,
        {"losses": {"d_accuracy_real": from_half(1, 0.7), "d_accuracy_fake": from_half(1, 0.7), "d_loss": 0.001}},
    ),
    "discriminator_learns_nothing": (
        "serious",
        0,
        {"losses": {"d_accuracy_real": 0.5, "d_accuracy_fake": 0.5, "d_real": 0.45, "d_fake": 0.45}},
    ),
    "collapse": (
        "serious",
        2500,
        {"vitals": {"lite0_diversity": from_half(0.05, 0.6), "pixel_diversity": from_half(0.03, 0.9)}},
    ),
    "partial_collapse": ("warning", 2500, {"vitals": {"pixel_nearest": from_half(0.1, 0.85)}}),
    "cycling": (
        "warning",
        2500,
        {
            "vitals": {"lite0_change": from_half(1.1, 0.3), "pixel_change": from_half(1.1, 0.3)},
            "losses": {"d_loss": lambda at: 1.2 + 0.4 * np.sin(at / 300)},
        },
    ),
    "divergence": ("serious", 4000, {"losses": {"g_grad_norm": lambda at: np.where(at > 4000, 300.0, 1.5)}}),
    "discriminator_overfits": (
        "warning",
        2500,
        {"vitals": {"score_real": from_half(2, 0.8), "score_held_out": from_half(-0.5, 0.75), "score_fake": -1.0}},
    ),
    "copies": ("warning", 3000, {"metrics": {"memorization": from_half(0.4, 0.05)}}),
    "latent_ignored": ("serious", 2500, {"vitals": {"latent_effect": from_half(0.01, 0.6), "class_effect": 0.7}}),
    "class_ignored": ("serious", 2500, {"vitals": {"class_effect": from_half(0.01, 0.6), "latent_effect": 0.7}}),
    "saturated_pixels": ("serious", 2500, {"vitals": {"saturated": from_half(0.99, 0.5)}}),
    "checkerboards": ("warning", 1750, {"vitals": {"checkerboard": 20.0}}),
    "learning_rate_too_small": (
        "serious",
        0,
        {"vitals": {"update_generator": 1e-7, "update_discriminator": 2e-7}},
    ),
    "learning_rates_apart": ("warning", 250, {"vitals": {"update_generator": 5e-2, "update_discriminator": 1e-4}}),
    "inference_unlike_training": ("warning", 2500, {"vitals": {"training_gap": from_half(0.9, 0.1)}}),
    "data_dark": ("serious", 0, {"survey": {"level": 2.0, "high": 20.0}}),
    "data_constant": ("serious", 0, {"survey": {"spread": 0.5}}),
    "data_copies": ("warning", 0, {"survey": {"copies": 0.6}}),
    "data_imbalance": ("warning", 0, {"survey": {"class_counts": {"a": 900, "b": 50, "c": 60}}}),
    "value_range": ("warning", 1750, {"vitals": {"low": 120.0}}),
    "critic_not_lipschitz": ("serious", 0, {"recipe": "wgan_gp", "overrides": NO_PENALTY}),
    "penalty_too_weak": ("warning", 2500, {"recipe": "wgan_gp", "losses": {"gradient_penalty": from_half(4, 0.1)}}),
    "penalty_too_strong": ("warning", 25, {"overrides": HEAVY, "losses": {"d_real": 0.45, "d_fake": 0.44}}),
    "precision": (
        "warning",
        250,
        {"vitals": {"score_real": 400.0, "score_fake": 399.0, "score_held_out": None},
         "info": {"precision": {"name": "bfloat16", "reason": "faster"}}, "noise": 0.0},
    ),
    "stopped_too_early": ("note", 5000, {"metrics": {"kid": lambda at: 20 * at**-0.8}}),
    "stopped_too_late": ("note", 2500, {"metrics": {"kid": lambda at: 0.05 + 0.1 * abs(at / 2500 - 1)}}),
}  # fmt: skip


def make(path: Path, case: Mapping[str, Any]) -> RunFolder:
    case = dict(case)
    return make_up(path, case.pop("recipe", "quickstart"), case.pop("overrides", ()), **case)


def accepted(advice: Advice, recipe: str) -> None:
    """Resolve a shipped experiment with the change, as `ganctl train --set` would."""
    assert advice.why.endswith(".")
    resolving.load_parts(find_config(recipe), (Typed(advice.set),))


def test_every_rule_has_a_case() -> None:
    assert SICK.keys() == all_rules().keys()


@pytest.mark.parametrize("name", SICK)
def test_a_sickness_is_found_with_its_beginning_and_advice_that_set_takes(name: str, tmp_path: Path) -> None:
    severity, since, case = SICK[name]
    found = examine(make(tmp_path / "run", case).path)
    assert [each.name for each in found.findings] == [name]
    (finding,) = found.findings
    assert finding.severity == severity
    assert abs(finding.since - since) <= 0.1 * ITERATIONS
    assert re.search(r"\d|wasserstein", finding.found.says)
    assert finding.found.says.endswith(".")
    for advice in finding.advice:
        accepted(advice, case.get("recipe", "quickstart"))


@pytest.mark.parametrize("recipe", sorted(packaged_configs()))
def test_nothing_is_wrong_with_a_healthy_run(recipe: str, tmp_path: Path) -> None:
    losses = {}
    if recipe == "wgan_gp":
        losses = {"gradient_penalty": 0.1}
    found = examine(make_up(tmp_path / "run", recipe, losses=losses).path)
    assert found.findings == ()


@pytest.mark.parametrize("recipe", sorted(packaged_configs()))
def test_set_takes_every_advice_of_every_rule(recipe: str, tmp_path: Path) -> None:
    history = RunHistory(make_up(tmp_path / "run", recipe, iterations=500))
    advised = [advice for rule in all_rules().values() for advice in rule.advice(history)]
    assert len(advised) > 20
    for advice in {each.set: each for each in advised}.values():
        accepted(advice, recipe)


@pytest.mark.parametrize("name", SICK)
def test_what_was_not_measured_is_said_and_never_an_error(name: str, tmp_path: Path) -> None:
    _, _, case = SICK[name]
    folder = make(tmp_path / "run", case)
    for path in (folder.vitals, folder.metrics, folder.info, folder.log):
        path.unlink()
    found = examine(folder.path)
    assert all(each.name == name for each in found.findings)
    assert "vitals.csv has no rows" in found.unseen["saturated_pixels"]
    assert "evaluation.every" in found.unseen["copies"]
    assert "saturated_pixels" in str(found)


def test_a_run_that_diverged_says_what_began_it(tmp_path: Path) -> None:
    log = "ended: Iteration 5000: d_loss is nan. The training has diverged. Checkpoints are untouched."
    rises = {"d_grad_norm": lambda at: np.where(at > 4500, 1e4, 2.5)}
    (finding,) = examine(make_up(tmp_path / "run", losses=rises, log=log).path).findings
    assert (finding.name, finding.severity, finding.found.curve) == ("divergence", "serious", "d_grad_norm")
    assert 4400 <= finding.since <= 4600
    assert finding.found.says.startswith("The run ended at iteration 5,000: d_loss is nan. d_grad_norm had grown since")
    (finding,) = examine(make_up(tmp_path / "sudden", log=log).path).findings
    assert (finding.name, finding.since) == ("divergence", 5000)


def test_a_generator_that_cannot_keep_up_is_sped_up_first(tmp_path: Path) -> None:
    slow = ("optimizer.generator.learning_rate=1e-6", "optimizer.discriminator.learning_rate=2e-3")
    found = examine(make(tmp_path / "run", {**SICK["discriminator_wins"][2], "overrides": slow}).path)
    (finding,) = [each for each in found.findings if each.name == "discriminator_wins"]
    assert finding.advice[0].set == "optimizer.generator.learning_rate=0.0005"


def test_growing_weights_are_a_warning(tmp_path: Path) -> None:
    grows = {"weight_norm_discriminator": lambda at: 8 * np.exp(at / 1500)}
    (finding,) = examine(make_up(tmp_path / "run", vitals=grows).path).findings
    assert (finding.name, finding.severity) == ("divergence", "warning")
    assert "discriminator" in finding.found.says


@pytest.mark.parametrize("name", ["discriminator_wins", "collapse", "saturated_pixels", "inference_unlike_training"])
def test_what_has_passed_is_not_found(name: str, tmp_path: Path) -> None:
    _, _, case = SICK[name]
    passed = {
        part: {column: (lambda at, f=f: f(ITERATIONS - at)) if callable(f) else f for column, f in columns.items()}
        for part, columns in case.items()
    }
    assert examine(make(tmp_path / "run", passed).path).findings == ()


def test_a_player_that_has_won_and_rests_has_no_small_learning_rate(tmp_path: Path) -> None:
    rests = {"update_discriminator": lambda at: np.where(at > 0.9 * ITERATIONS, 1e-9, 6e-3)}
    assert examine(make_up(tmp_path / "run", vitals=rests).path).findings == ()


def test_a_forecast_has_its_uncertainty(tmp_path: Path) -> None:
    falls = {"kid": lambda at: 20 * at**-0.8, "kid_floor": 0.0}
    (finding,) = examine(make_up(tmp_path / "run", metrics=falls).path).findings
    numbers = finding.found.numbers
    assert numbers["exponent"] == pytest.approx(0.8, abs=0.1)
    assert numbers["low"] < 20 * 10_000**-0.8 < numbers["high"]
    assert finding.advice[0].set == "training.iterations=10000"


def test_only_a_run_in_which_all_was_seen_is_called_healthy() -> None:
    assert str(Examination((), {})) == "healthy: nothing found"
    assert str(Examination((), {"copies": "no score"})).splitlines()[0] == "nothing found in what could be seen"


def test_what_is_set_already_is_not_advised(tmp_path: Path) -> None:
    """A penalty with the advised weight, whatever other keys it has."""
    penalties = 'loss.penalties=[{"name": "r1", "weight": 1, "every": 1}]'
    case = SICK["partial_collapse"][2]
    (before,), (after,) = (
        examine(make(tmp_path / name, {**case, "overrides": overrides}).path).findings
        for name, overrides in (("a", ()), ("b", (penalties,)))
    )
    assert any(each.set.startswith("loss.penalties=") for each in before.advice)
    assert after.advice == tuple(each for each in before.advice if not each.set.startswith("loss.penalties="))


@pytest.mark.parametrize("broken", ["collapse", "divergence"])
def test_a_broken_generator_copies_nothing_by_heart(broken: str, tmp_path: Path) -> None:
    """Its samples are near few training images by chance."""
    case = {**SICK[broken][2], **SICK["copies"][2]}
    assert [each.name for each in examine(make(tmp_path / "run", case).path).findings] == [broken]


def test_the_worst_comes_first(tmp_path: Path) -> None:
    case = {**SICK["data_copies"][2], **SICK["collapse"][2]}
    found = examine(make(tmp_path / "run", case).path)
    assert [each.name for each in found.findings] == ["collapse", "data_copies"]
    assert found.serious


# Files in any state -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (None, "does not exist, so there is nothing to examine yet"),
        ("", "is not a losses.csv of ganctl: its columns are none"),
        ("iteration,d_loss\n", "has no iteration: train for 2 or more"),
        ("iteration,d_loss\n1,0.5\n", "has 1 iteration: train for 2 or more"),
        ("epoch,loss\n1,0.5\n2,0.5\n", "is not a losses.csv of ganctl: its columns are epoch, loss"),
        ("iteration,accuracy\n1,0.5\n2,0.5\n", "is not a losses.csv of ganctl"),
        ("\x00\x01\n\x02", "is not a losses.csv of ganctl"),
        ("\x1b]0;loss\x07,b\n1,2\n", r"is not a losses.csv of ganctl: its columns are '\x1b]0;loss\x07', b."),
    ],
)
def test_a_run_without_iterations_ends_in_one_line_with_2(
    content: str | None, answer: str, run_cli: RunCli, tmp_path: Path
) -> None:
    folder = make_up(tmp_path / "run", iterations=500)
    folder.losses.unlink() if content is None else folder.losses.write_text(content)
    done = run_cli("doctor", folder.path)
    assert (done.returncode, done.stdout) == (2, "")
    assert answer in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("config", [None, "", "][", "a: [", "nothing"])
def test_what_is_no_run_ends_in_one_line_with_2(config: str | None, run_cli: RunCli, tmp_path: Path) -> None:
    where = tmp_path / "run"
    if config is not None:
        where.mkdir()
        if config != "nothing":
            (where / "config.yaml").write_text(config)
    done = run_cli("doctor", where)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(where) in done.stderr
    assert done.stderr.count("\n") == 1


GARBAGE = [b"", b"\xff\xfe\x00", b"a,b\n1,2\n", b"[]", b"{}", b"null", b"iteration,kid\n1,much\n", b'{"dataset": 5}']
GARBAGE += [b"x: y\n", b'{"dataset": {"survey": {"level": "dark", "spread": null}}}', b"iteration,low\n1,1\n2,nan\n"]


@pytest.mark.parametrize("content", GARBAGE)
@pytest.mark.parametrize("name", ["vitals", "metrics", "info", "log"])
def test_garbage_in_a_file_hides_only_what_it_held(name: str, content: bytes, tmp_path: Path) -> None:
    folder = make_up(tmp_path / "run", iterations=500)
    getattr(folder, name).write_bytes(content)
    found = examine(folder.path)
    assert isinstance(found, Examination)
    assert not found.serious
    assert str(found)


@pytest.mark.parametrize("config", ["x: y\n", "loss: 5\ntraining: []\n", "loss: {penalties: [5, {a: b}]}\n"])
def test_a_config_of_another_kind_is_read_as_far_as_it_goes(config: str, tmp_path: Path) -> None:
    folder = make_up(tmp_path / "run", iterations=500)
    folder.config.write_text(config)
    found = examine(folder.path)
    assert not found.serious


def test_holes_in_the_losses_are_no_values(tmp_path: Path) -> None:
    holes = {"d_accuracy_real": lambda at: np.where(at % 3, np.nan, 0.7), "g_loss": np.inf, "d_loss": None}
    assert examine(make_up(tmp_path / "run", losses=holes).path).findings == ()


# Series -----------------------------------------------------------------------------------------------------------


def test_a_stretch_reaches_to_the_end_and_survives_a_single_dip() -> None:
    at = np.arange(10) * 10
    series = Series("x", at, np.array([0, 9, 0, 0, 9, 9, 0, 9, 9, 9.0]))
    assert series.since(5) == 40
    assert series.since(5, fewest=7) is None
    assert series.since(5, share=0.7) is None
    assert Series("x", at, np.arange(10.0)[::-1]).since(5) is None
    assert Series("x", at, np.full(10, 9.0)).since(5) == 0
    assert Series("x", at[:0], np.empty(0)).since(5) is None


def test_bins_are_means_at_their_last_iterations() -> None:
    at, values = binned(np.arange(1, 8), np.array([1, 2, 3, np.nan, 5, 6, 7.0]), 2)
    assert at.tolist() == [3, 7]
    assert values.tolist() == [2, 6]
    assert [part.tolist() for part in binned(np.empty(0), np.empty(0), 3)] == [[], []]


def test_series_meet_where_both_have_values() -> None:
    first = Series.of("a", np.array([3, 1, 2]), np.array([30, 10, np.nan]))
    assert first.at.tolist() == [1, 3]
    both = first.with_others(lambda a, b: a - b, Series.of("b", np.array([3, 4]), np.array([1.0, 1.0])))
    assert (both.name, both.at.tolist(), both.values.tolist()) == ("a", [3], [29])


# The command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("doctor")
    sick = make(folder / "sick", SICK["collapse"][2])
    return {"sick": sick.path, "healthy": make_up(folder / "healthy").path}


def test_json_is_a_list_of_findings(runs: dict[str, Path], run_cli: RunCli) -> None:
    done = run_cli("doctor", runs["sick"], "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (finding,) = json.loads(done.stdout)
    assert {"name", "severity", "since", "evidence", "advice"} <= finding.keys()
    assert (finding["name"], finding["severity"]) == ("collapse", "serious")
    assert finding["evidence"]["curve"] == "lite0_diversity"
    assert finding["evidence"]["numbers"]["share_of_real"] == pytest.approx(0.05 / 0.78, rel=0.1)
    assert all(each.keys() == {"set", "why"} for each in finding["advice"])
    assert json.loads(run_cli("doctor", runs["healthy"], "--json").stdout) == []


def test_strict_ends_with_5_on_a_serious_finding_only(runs: dict[str, Path], run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("doctor", runs["sick"], "--strict")
    assert done.returncode == 5
    assert done.stdout.startswith("serious: Collapse: all samples are nearly the same picture, since iteration 2,")
    assert done.stderr == f"Error: {runs['sick']} has serious findings: collapse.\n"
    assert run_cli("doctor", runs["healthy"], "--strict").returncode == 0
    warned = make(tmp_path / "warned", SICK["data_copies"][2])
    assert run_cli("doctor", warned.path, "--strict").returncode == 0


def test_it_needs_no_tensorflow(runs: dict[str, Path]) -> None:
    blocked = "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None; from ganctl.cli import main; main()"
    command = [sys.executable, "-c", blocked, "doctor", str(runs["healthy"])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("healthy: nothing found\n")


def test_fifty_thousand_rows_take_less_than_two_seconds(tmp_path: Path) -> None:
    folder = make_up(tmp_path / "run", iterations=50_000)
    with at_most(2.0):
        examine(folder.path)


def test_watching_says_what_begins_and_what_is_over(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from click.testing import CliRunner

    from ganctl.cli import commands

    run = tmp_path / "run"
    shutil.copytree(runs["sick"], run)
    training = ExitStack()
    training.enter_context(run_lock(RunFolder(run)))
    slept: list[float] = []

    def goes_on(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            shutil.copy(runs["healthy"] / "vitals.csv", run / "vitals.csv")
        if len(slept) == 3:
            training.close()

    monkeypatch.setattr(time, "sleep", goes_on)
    done = CliRunner().invoke(commands, ["doctor", str(run), "--watch", "--interval", "7"])
    assert done.exit_code == 0
    assert slept == [7, 7, 7]
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        lines[0],
        "over: collapse",
        f"{run} is not being trained; findings: none",
    ]
    assert lines[0].startswith("serious: Collapse")


def test_watching_waits_for_the_first_iterations(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from ganctl.cli import commands

    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(runs["healthy"] / "config.yaml", run)
    training = ExitStack()
    training.enter_context(run_lock(RunFolder(run)))

    def ends(_: float) -> None:
        shutil.copytree(runs["healthy"], run, dirs_exist_ok=True)
        training.close()

    monkeypatch.setattr(time, "sleep", ends)
    done = CliRunner().invoke(commands, ["doctor", str(run), "--watch"])
    assert (done.exit_code, done.stdout) == (0, f"{run} is not being trained; findings: none\n")


@pytest.mark.slow
def test_a_real_run_is_watched_until_it_is_killed(tmp_path: Path) -> None:
    """Two processes: the doctor sees what the run writes meanwhile, and is not taken in by the lock file it leaves."""
    config = tmp_path / "still.yaml"
    config.write_text(STILL)

    def start(*words: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "ganctl", *map(str, words)]
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    run = RunFolder(tmp_path / "outputs" / "still")
    training = start("train", config, "--quiet")
    while not run.config.exists():
        assert training.poll() is None, training.communicate()
        time.sleep(0.05)
    with start("doctor", run.path, "--watch", "--interval", "0.2", "--strict") as watching:
        assert watching.stdout
        assert watching.stderr
        first = watching.stdout.readline()
        assert training.poll() is None, "it is seen while the run trains"
        training.kill()
        training.communicate()
        assert run.lock.exists()
        rest, error = watching.stdout.read(), watching.stderr.read()
    assert watching.returncode == 5
    assert first.startswith("serious: ")
    assert f"serious: {all_rules()['learning_rate_too_small'].title}, from the start" in first + rest
    assert rest.splitlines()[-1].startswith(f"{run.path} is not being trained; findings: ")
    assert re.match(f"Error: {re.escape(str(run.path))} has serious findings: .*learning_rate_too_small", error)


STILL = """
dataset: {name: fashion_mnist_mini, image_size: 8, limit: 200}
model: {name: dense_gan, latent_dim: 4}
optimizer: {generator: {learning_rate: 1.0e-9}, discriminator: {learning_rate: 1.0e-9}}
training: {iterations: 1000000, batch_size: 4, precision: float32, xla: false}
outputs: {sample_every: 100, sample_grid: 2x2, checkpoint_every: 100000}
"""


def test_only_some_rules_can_be_asked(runs: dict[str, Path]) -> None:
    history = RunHistory.open(runs["sick"])
    assert [each.name for each in examined(history, ["collapse"]).findings] == ["collapse"]
    assert examined(history, ["cycling"]) == Examination((), {})


def test_severities_are_ordered() -> None:
    assert list(Severity) == ["note", "warning", "serious"]
