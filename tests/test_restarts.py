"""`training.on_collapse`: a sick run is stopped, or restarted from a checkpoint with the doctor's advice."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import RunCli, WriteYaml, operation_by_operation, untracked
from small_runs import CPU, files_of, resume, train

from ganctl.build import resolving
from ganctl.diagnosis.doctor import all_rules, examine
from ganctl.diagnosis.findings import Advice, Finding, Found, Severity
from ganctl.errors import DivergedError, GanctlError, SickRunError
from ganctl.experiment.experiment import Experiment
from ganctl.report.run_report import write_report
from ganctl.run_folder import checkpoint
from ganctl.run_folder.course import EarlyEnd, Restart, early_ends, restarts, write_restart
from ganctl.run_folder.losses_csv import last_iteration, read_losses
from ganctl.run_folder.metrics_csv import COLUMNS, line
from ganctl.run_folder.paths import RunFolder
from ganctl.training import restarting
from ganctl.training.console import TrainingConsole
from ganctl.training.divergence import MAX_LOSS
from ganctl.training.hooks import collapse_guard
from ganctl.training.hooks.collapse_guard import CollapseGuard, is_due
from ganctl.training.prepared import Prepared
from ganctl.training.restarting import carry_out_last, play_and_restart
from ganctl.training.resuming import restore_newest

Small = Callable[..., Experiment]
Doctor = Callable[[RunFolder], Finding | None]

ITERATIONS, EVERY, SICK_AT = 12, 2, 6
RATE = "optimizer.generator.learning_rate"
OUTPUTS = {"sample_every": EVERY, "checkpoint_every": EVERY, "sample_grid": "2x2"}
SETTINGS = {"training.iterations": ITERATIONS, "outputs": OUTPUTS, "dataset.holdout": 0.25}
REFUSED = Advice("loss.label_smoothing=0.1", "A resumed run keeps its loss.")
SLOWER = Advice(f"{RATE}=1e-4", "Slower.")
TITLE = "Collapse: all samples are nearly the same picture"


def collapse(since: int, *advice: Advice) -> Finding:
    return Finding("collapse", TITLE, Found(Severity.SERIOUS, since, "All are alike."), advice)


def rate_of(folder: RunFolder) -> float:
    return resolving.load_experiment(folder.config).optimizer.generator.learning_rate


def sick_at_first(folder: RunFolder) -> Finding | None:
    """A doctor that finds a collapse from a certain iteration on, until the learning rate is another."""
    sick = rate_of(folder) == 2e-4 and last_iteration(folder.losses) >= SICK_AT
    return collapse(SICK_AT - 1, REFUSED, SLOWER) if sick else None


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Callable[[Doctor], None]:
    """Return what puts another doctor in the place of the real one."""

    def put(one: Doctor) -> None:
        for module in (collapse_guard, restarting):
            monkeypatch.setattr(module, "collapse_of", one)

    return put


@pytest.fixture(autouse=True)
def _uncompiled(request: pytest.FixtureRequest) -> Iterator[None]:
    with operation_by_operation():
        yield


@pytest.fixture(scope="module")
def experiment(small_experiment: Small) -> Experiment:
    return small_experiment("dense_gan", {**SETTINGS, "training.on_collapse": "restart"})


def begun(experiment: Experiment, path: Path) -> tuple[Prepared, RunFolder]:
    folder = RunFolder.create(path.parent, path.name, explicit=True)
    prepared = Prepared.make(resolving.resolve(experiment), CPU, untracked)
    folder.write_info(prepared.describe(["ganctl", "train"]))
    folder.write_config(prepared.experiment.to_yaml())
    return prepared, folder


def played(experiment: Experiment, path: Path) -> RunFolder:
    prepared, folder = begun(experiment, path)
    play_and_restart(prepared, folder, TrainingConsole(quiet=True))
    return folder


def resumed(folder: RunFolder, *changes: str) -> list[str]:
    """Resume as the command does, without allowing changes; the notes."""
    carry_out_last(folder)
    prepared = Prepared.make(resolving.load_parts(folder.config, changes), CPU, untracked)
    folder.tidy()
    notes = restore_newest(prepared, folder)
    folder.write_config(prepared.experiment.to_yaml())
    play_and_restart(prepared, folder, TrainingConsole(quiet=True))
    return notes


def rows_of(folder: RunFolder) -> list[str]:
    return folder.losses.read_text().splitlines()[1:]


# --- when the doctor is asked, and what is excused


def test_the_rules_that_end_a_run_exist() -> None:
    assert set(collapse_guard.RULES) <= all_rules().keys()


def test_examinations_are_rarer_the_longer_a_run_is() -> None:
    assert all(is_due(step, 10) for step in range(10, 1280, 10))
    assert [is_due(step, 10) for step in (1280, 1290, 1300)] == [True, False, True]
    assert [is_due(step, 10) for step in (2560, 2580, 2600)] == [True, False, True]
    asked = sum(is_due(step, 10) for step in range(10, 1_000_000, 10))
    assert asked < 2000


class Guarded:
    """A run folder without files, and the guard in it."""

    def __init__(self, path: Path, answer: str, doctor: Callable[[Doctor], None]) -> None:
        self.folder, self._answer, self._doctor = RunFolder(path), answer, doctor

    def ends(self, step: int, since: int, begun: int = 0) -> bool:
        """Whether a run that is resumed after `begun` iterations ends after `step` of a collapse."""
        self._doctor(lambda _: collapse(since))
        run: Any = SimpleNamespace(folder=self.folder, iterations=1000, ending=None)
        guard = CollapseGuard(10, self._answer)
        guard.start(run, begun)
        if step > begun:
            guard.act(run, step)
        return run.ending is not None


def test_after_a_restart_the_same_finding_counts_once_the_run_is_as_far_as_before(
    tmp_path: Path, doctor: Callable[[Doctor], None]
) -> None:
    guarded = Guarded(tmp_path, "restart", doctor)
    write_restart(guarded.folder, Restart(1, 100, 40, "", "", "", "restarts/1", True))
    assert not guarded.ends(90, since=40)
    assert guarded.ends(100, since=40)
    assert guarded.ends(90, since=50), "it began anew"


def test_a_stopped_run_that_goes_on_is_given_as_long_as_it_was_sick(
    tmp_path: Path, doctor: Callable[[Doctor], None]
) -> None:
    guarded = Guarded(tmp_path, "stop", doctor)
    assert guarded.ends(100, since=70)
    assert [(end.iteration, end.since) for end in early_ends(guarded.folder)] == [(100, 70)]
    assert not guarded.ends(100, since=70, begun=100)
    assert not guarded.ends(120, since=70, begun=100)
    assert guarded.ends(130, since=70, begun=100)


def test_a_stopped_run_that_goes_on_is_stopped_again_if_it_falls_sick_again(
    tmp_path: Path, doctor: Callable[[Doctor], None]
) -> None:
    guarded = Guarded(tmp_path, "stop", doctor)
    assert guarded.ends(100, since=70)
    assert guarded.ends(120, since=110, begun=95)


def test_a_stopped_run_can_be_restarted_at_once(tmp_path: Path, doctor: Callable[[Doctor], None]) -> None:
    assert Guarded(tmp_path, "stop", doctor).ends(100, since=70)
    assert Guarded(tmp_path, "restart", doctor).ends(100, since=70, begun=100)


# --- where it goes back to

STEPS = (10, 20, 30, 40)


@pytest.fixture
def scored(tmp_path: Path) -> Callable[..., RunFolder]:
    """Return what makes a run folder of 40 iterations with checkpoints and KIDs."""

    def make(*kids: float, steps: tuple[int, ...] = STEPS) -> RunFolder:
        folder = RunFolder(tmp_path)
        folder.write_info({})
        for step in steps:
            facts = {"experiment": {}, "image_shape": [1, 1, 1], "step": step}
            checkpoint.save(folder.checkpoints, {"generator": {"w": np.zeros(1, np.float32)}}, facts)
        rows = [{"iteration": step, "kid": kid} for step, kid in zip(STEPS, kids, strict=False)]
        lines = [line(row.get(name) for name in COLUMNS) for row in rows]
        folder.metrics.write_text("".join([line(COLUMNS), *lines]))
        return folder

    return make


def back_to(folder: RunFolder, since: int, after: int = 40) -> int:
    found = restarting._origin(folder, since, after)
    return found.step if found else 0


def test_it_goes_back_to_the_best_checkpoint_from_before_the_finding(scored: Callable[..., RunFolder]) -> None:
    folder = scored(0.5, 0.2, 0.3, 0.1)
    assert back_to(folder, since=35) == 20
    assert back_to(folder, since=20) == 10
    (folder.checkpoint(20) / "generator.safetensors").write_bytes(b"")
    assert back_to(folder, since=35) == 30, "damaged ones are skipped"


def test_without_scores_it_goes_back_to_the_newest_from_before(scored: Callable[..., RunFolder]) -> None:
    assert back_to(scored(), since=35) == 30


def test_without_a_checkpoint_from_before_it_begins_again_or_keeps_what_was_well_for_long(
    scored: Callable[..., RunFolder],
) -> None:
    folder = scored(steps=(30, 40))
    assert [back_to(folder, since=since) for since in (0, 15, 25)] == [0, 0, 0]
    folder = scored(0.9, 0.8, 0.3, 0.2, steps=(30, 40))
    assert [back_to(folder, since=since) for since in (0, 15, 25)] == [0, 0, 40]


def test_an_early_checkpoint_that_did_not_help_is_not_tried_again(scored: Callable[..., RunFolder]) -> None:
    folder = scored(steps=(10, 30))
    assert back_to(folder, since=25) == 10
    write_restart(folder, Restart(1, 40, 10, "", "", "", "restarts/1", True))
    assert back_to(folder, since=25) == 0
    assert back_to(folder, since=15) == 10, "it was not early then"


def test_a_run_that_began_with_other_weights_never_begins_again_without_them(scored: Callable[..., RunFolder]) -> None:
    folder = scored(steps=(30, 40))
    folder.write_info({"init_from": {"path": "/elsewhere"}})
    with pytest.raises(restarting._Impossible, match="the checkpoint that holds them is gone"):
        back_to(folder, since=15)
    shutil.copytree(folder.checkpoint(30), folder.checkpoint(0))
    manifest = folder.checkpoint(0) / checkpoint.MANIFEST
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "step": 0}))
    found = restarting._origin(folder, 15, 40)
    assert found is not None
    assert found.step == 0


# --- whole runs


@pytest.fixture(scope="module")
def restarted(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    """A run that was restarted once, and what a kill between its restart and its end would have left of it."""
    path = tmp_path_factory.mktemp("restarted")
    killed = path / "killed"

    def one(folder: RunFolder) -> Finding | None:
        if rate_of(folder) == 1e-4 and last_iteration(folder.losses) == 10:
            shutil.copytree(folder.path, killed)
        return sick_at_first(folder)

    with pytest.MonkeyPatch.context() as patch, operation_by_operation():
        for module in (collapse_guard, restarting):
            patch.setattr(module, "collapse_of", one)
        return played(experiment, path / "run"), RunFolder(killed)


def test_a_restarted_run_is_that_of_the_checkpoint_with_the_change(
    restarted: tuple[RunFolder, RunFolder], experiment: Experiment, tmp_path: Path
) -> None:
    """To the last bit what a run is that was stopped at the checkpoint and resumed with that change."""
    folder, _ = restarted
    by_hand = RunFolder.create(tmp_path, "by hand", explicit=True)
    calm = experiment.with_keys("training", on_collapse="go_on")
    train(calm.with_keys("training", iterations=4), by_hand)
    changed = calm.with_keys("optimizer", generator={**dict(calm.optimizer.generator), "learning_rate": 1e-4})
    resume(changed, by_hand, allow_changes=True)
    assert folder.losses.read_bytes() == by_hand.losses.read_bytes()
    assert folder.vitals.read_bytes() == by_hand.vitals.read_bytes()
    for name in ("000000004.png", "000000006.png", "000000012.png"):
        assert (folder.samples / name).read_bytes() == (by_hand.samples / name).read_bytes()
    newest, _ = checkpoint.load_newest(folder.checkpoints)
    expected, _ = checkpoint.load_newest(by_hand.checkpoints)
    assert newest.step == expected.step == ITERATIONS
    for group, tensors in expected.groups.items():
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(newest.groups[group][name], tensor, err_msg=f"{group}/{name}")


def test_a_restart_is_written_down_and_what_was_abandoned_is_kept(restarted: tuple[RunFolder, RunFolder]) -> None:
    folder, _ = restarted
    restart = Restart(1, SICK_AT, 4, f"{TITLE}, since iteration 5", SLOWER.set, "Slower.", "restarts/1", True)
    assert restarts(folder) == [restart]
    assert rate_of(folder) == 1e-4
    log = folder.log.read_text().splitlines()
    assert [entry for entry in log if entry.startswith("Restart")] == [
        f"Restart 1 after iteration 6: {TITLE}, since iteration 5. Back to the checkpoint after iteration 4, with "
        f"{RATE}=1e-4: Slower. What was abandoned is in restarts/1."
    ]
    assert log[-1] == f"finished {ITERATIONS} iterations"
    kept = RunFolder(folder.path / "restarts" / "1")
    assert rate_of(kept) == 2e-4
    assert [read_losses(each.losses).column("iteration").tolist() for each in (kept, folder)] == [
        [*range(1, SICK_AT + 1)],
        [*range(1, ITERATIONS + 1)],
    ]
    assert rows_of(kept)[:4] == rows_of(folder)[:4]
    assert rows_of(kept)[5] != rows_of(folder)[5]
    assert [path.name for path in kept.samples.iterdir()] == ["000000006.png"]
    assert [path.name for path in kept.generators.iterdir()] == ["000000006.safetensors"]
    assert [*folder.sample_grids] == [*range(0, ITERATIONS + 1, EVERY)]
    assert (kept.samples / "000000006.png").read_bytes() != folder.sample_grid(6).read_bytes()
    assert examine(kept.path).findings == (), "the doctor can read it"
    assert "Restart 1 after iteration 6: " in write_report(folder).read_text("utf-8")


def test_a_restarted_run_that_is_killed_ends_like_one_that_was_not(
    restarted: tuple[RunFolder, RunFolder], doctor: Callable[[Doctor], None], tmp_path: Path
) -> None:
    whole, killed = restarted
    doctor(sick_at_first)
    folder = RunFolder(Path(shutil.copytree(killed.path, tmp_path / "killed")))
    assert checkpoint.newest_first(folder.checkpoints)[0].name == "000000008"
    assert resumed(folder) == [], "no change is asked about"
    assert files_of(folder) == files_of(whole)


def test_a_run_that_is_killed_before_its_restart_restarts_when_it_is_resumed(
    restarted: tuple[RunFolder, RunFolder], experiment: Experiment, doctor: Callable[[Doctor], None], tmp_path: Path
) -> None:
    whole, _ = restarted
    doctor(sick_at_first)
    prepared, folder = begun(experiment, tmp_path / "run")
    with pytest.raises(SickRunError, match=r"^Iteration 6: Collapse: .*, since iteration 5\. All are alike\.$"):
        prepared.trainer(folder, []).train()
    assert resumed(folder) == []
    assert files_of(folder) == files_of(whole)


def test_stop_saves_everything_and_the_doctor_objects(
    experiment: Experiment, doctor: Callable[[Doctor], None], tmp_path: Path
) -> None:
    doctor(sick_at_first)
    with pytest.raises(SickRunError) as caught:
        played(experiment.with_keys("training", on_collapse="stop"), tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    again = f"ganctl resume {folder.path} --set training.on_collapse="
    assert caught.value.exit_code == 5
    assert str(caught.value) == (
        f"Iteration 6: {TITLE}, since iteration 5. All are alike. The run was stopped (training.on_collapse=stop), and "
        f"everything is saved. To go back to the best checkpoint with the doctor's advice: {again}restart. To "
        f"continue as it is: {again}go_on"
    )
    why = f"{TITLE}, since iteration 5. All are alike"
    assert early_ends(folder) == [EarlyEnd(6, ITERATIONS, "training.on_collapse", "stop", 5, why)]
    assert checkpoint.load_newest(folder.checkpoints)[0].step == last_iteration(folder.losses) == 6
    assert folder.log.read_text().splitlines()[-1] == f"ended: {caught.value}"
    assert f"Ended early after iteration 6 of {ITERATIONS}: {TITLE}" in folder.report.read_text("utf-8")
    resumed(folder, "training.on_collapse=restart")
    assert [(restart.after, restart.back_to) for restart in restarts(folder)] == [(6, 4)]
    assert last_iteration(folder.losses) == ITERATIONS


def test_a_run_is_restarted_three_times(
    experiment: Experiment, doctor: Callable[[Doctor], None], tmp_path: Path
) -> None:
    def never_well(folder: RunFolder) -> Finding | None:
        slower = Advice(f"{RATE}={rate_of(folder) / 2:g}", "Slower.")
        return collapse(5, slower) if last_iteration(folder.losses) >= SICK_AT else None

    doctor(never_well)
    with pytest.raises(SickRunError, match=r"cannot be restarted .*, because it was restarted 3 times before"):
        played(experiment, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    assert [(restart.number, restart.back_to, restart.set) for restart in restarts(folder)] == [
        (1, 4, f"{RATE}=0.0001"),
        (2, 4, f"{RATE}=5e-05"),
        (3, 4, f"{RATE}=2.5e-05"),
    ]
    assert [end.value for end in early_ends(folder)] == ["restart"]
    assert rate_of(folder) == 2.5e-05
    before = files_of(folder)
    with pytest.raises(SickRunError, match="restarted 3 times before"):
        resumed(folder)
    assert files_of(folder) == before
    assert resumed(folder, "training.on_collapse=go_on") == []
    assert last_iteration(folder.losses) == ITERATIONS


def test_without_advice_that_fits_a_run_ends_and_says_why_not(
    experiment: Experiment, doctor: Callable[[Doctor], None], tmp_path: Path
) -> None:
    wrong, same = Advice("training.batch_size=0", "Wrong."), Advice(f"{RATE}=2e-4", "As before.")
    doctor(lambda folder: collapse(5, REFUSED, wrong, same) if last_iteration(folder.losses) >= SICK_AT else None)
    with pytest.raises(SickRunError) as caught:
        played(experiment, tmp_path / "run")
    said = str(caught.value)
    assert "because there is no advice that it can follow (" in said
    assert "loss.label_smoothing=0.1: after its first iteration, a run keeps its loss.label_smoothing;" in said
    assert "training.batch_size=0: --set training.batch_size=0" in said
    assert f"{RATE}=2e-4: it is set already)" in said
    folder = RunFolder(tmp_path / "run")
    assert (restarts(folder), folder.restarts.exists()) == ([], False)
    assert checkpoint.load_newest(folder.checkpoints)[0].step == SICK_AT


def test_from_the_start_every_advice_fits(
    experiment: Experiment, doctor: Callable[[Doctor], None], tmp_path: Path
) -> None:
    penalty = Advice('loss.penalties=[{"name": "r1", "weight": 1.0}]', "Another column.")
    doctor(lambda folder: None if "r1" in folder.config.read_text() else collapse(2, penalty))
    folder = played(experiment, tmp_path / "run")
    assert [restart.back_to for restart in restarts(folder)] == [0]
    assert read_losses(folder.losses).column("r1").shape == (ITERATIONS,)
    alone = played(resolving.load_experiment(folder.config), tmp_path / "alone")
    assert folder.losses.read_bytes() == alone.losses.read_bytes()
    assert folder.vitals.read_bytes() == alone.vitals.read_bytes()
    assert {path.name for path in folder.checkpoints.iterdir()} == {path.name for path in alone.checkpoints.iterdir()}


def test_a_diverged_run_is_restarted_too(small_experiment: Small, tmp_path: Path) -> None:
    """With the real doctor, whose advice divides the discriminator's learning rate by ten."""
    rate = {"learning_rate": 30.0}
    changes = {"loss": {"name": "wasserstein"}, "optimizer": {"generator": rate, "discriminator": rate}}
    experiment = small_experiment("dense_gan", {**SETTINGS, **changes, "training.on_collapse": "restart"})
    folder = played(experiment, tmp_path / "run")
    assert [restart.set for restart in restarts(folder)] == [
        f"optimizer.discriminator.learning_rate={value}" for value in (3, 0.3)
    ]
    assert [restart.back_to for restart in restarts(folder)] == [0, 4], "there was no checkpoint yet, then there was"
    assert np.abs(read_losses(folder.losses).column("d_loss")).max() < MAX_LOSS
    assert np.abs(read_losses(folder.path / "restarts" / "1" / "losses.csv").column("d_loss")).max() > MAX_LOSS


def test_a_run_that_diverges_at_once_leaves_nothing_to_judge_by(small_experiment: Small, tmp_path: Path) -> None:
    rate = {"learning_rate": 1e6}
    changes = {"optimizer": {"generator": rate, "discriminator": rate}, "training.on_collapse": "restart"}
    with pytest.raises(DivergedError, match=r"^Iteration 1: .* because the doctor has too little to examine\."):
        played(small_experiment("dense_gan", {**SETTINGS, **changes}), tmp_path / "run")
    assert restarts(RunFolder(tmp_path / "run")) == []


# --- killed while it is restarted

TAKES_BACK = """
import os, signal, shutil, sys
from pathlib import Path
from ganctl.build import resolving
from ganctl.run_folder.course import Restart
from ganctl.run_folder.paths import RunFolder
from ganctl.training.restarting import take_back

before, folders = Path(sys.argv[1]), Path(sys.argv[2])
restart = Restart(1, 6, 4, "Collapse", sys.argv[3], "Slower.", "restarts/1", False)
changed = resolving.load_parts(before / "config.yaml", (restart.set,)).experiment
steps = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "shutil.rmtree")
for last in range(1, 1000):
    folder = Path(shutil.copytree(before, folders / str(last)))
    child = os.fork()
    if child == 0:
        left = [last]

        def die(event, arguments):
            if event in steps:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(die)
        take_back(RunFolder(folder), restart, changed)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        print(last)
        break
"""


@pytest.mark.slow
def test_a_kill_at_any_step_of_a_restart_loses_nothing(experiment: Experiment, tmp_path: Path) -> None:
    """A real SIGKILL before the first, the second ... operation on the file system, until none is left to kill at."""
    prepared, before = begun(experiment.with_keys("training", iterations=6, on_collapse="go_on"), tmp_path / "before")
    prepared.trainer(before, []).train()
    arguments = [sys.executable, "-c", TAKES_BACK, before.path, tmp_path / "killed", SLOWER.set]
    (tmp_path / "killed").mkdir()
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    last = int(done.stdout)
    assert last > 30
    expected = state_of(RunFolder(tmp_path / "killed" / str(last)))
    assert {name for name in expected if name.startswith("checkpoints")} != set()
    untouched, carried_out = state_of(before), 0
    for number in range(1, last):
        folder = RunFolder(tmp_path / "killed" / str(number))
        carry_out_last(folder)
        folder.tidy()
        found = state_of(folder)
        if restarts(folder):
            carried_out += 1
            assert found == expected, number
        else:
            assert {name: found[name] for name in found if not name.startswith("restarts/")} == untouched, number
    assert 10 < carried_out < last - 10
    assert checkpoint.load_newest(RunFolder(tmp_path / "killed" / str(last)).checkpoints)[0].step == 4


def state_of(folder: RunFolder) -> dict[str, bytes]:
    """All files of a run but those that a killed run leaves half written and that nobody reads."""
    return {name: content for name, content in files_of(folder).items() if not name.endswith(".tmp")}


def test_a_full_disk_is_said_with_a_way_on(
    experiment: Experiment, doctor: Callable[[Doctor], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor(sick_at_first)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "restate", full)
    with pytest.raises(GanctlError, match=r"could not be taken back to iteration 4: No space left on device\. Fix"):
        played(experiment, tmp_path / "run")
    monkeypatch.undo()
    folder = RunFolder(tmp_path / "run")
    assert [restart.carried_out for restart in restarts(folder)] == [False]
    doctor(sick_at_first)
    assert resumed(folder) == []
    assert last_iteration(folder.losses) == ITERATIONS
    assert [restart.carried_out for restart in restarts(folder)] == [True]


# --- a truly sick run


@pytest.mark.slow
def test_a_truly_collapsed_run_is_stopped_and_cured(tiny_yaml: WriteYaml, run_cli: RunCli, tmp_path: Path) -> None:
    """A generator that learns far too fast; after its restarts, the run ends with samples that differ."""
    path = tiny_yaml(
        {
            "dataset": {"name": "fashion_mnist_mini", "image_size": 8, "limit": 500},
            "model.latent_dim": 8,
            "optimizer": {"generator": {"learning_rate": 0.02}},
            "training": {"iterations": 1000, "batch_size": 16, "precision": "float32", "xla": False},
            "evaluation": {"every": 200, "num": 100},
            "outputs": {"sample_every": 100, "sample_grid": "8x8", "checkpoint_every": 200},
        }
    )
    stopped = run_cli("train", path, "--output-dir", tmp_path, "--set", "training.on_collapse=stop")
    run = RunFolder(tmp_path / "tiny")
    assert stopped.returncode == 5
    assert "Collapse: all samples are nearly the same picture, since iteration" in stopped.stderr
    assert last_iteration(run.losses) < 1000
    assert [found.name for found in examine(run.path).findings if found.name == "collapse"] == ["collapse"]
    done = run_cli("resume", run.path, "--set", "training.on_collapse=restart")
    assert done.returncode == 0, done.stderr
    assert restarts(run)
    assert "Restart 1 after iteration" in done.stdout
    assert last_iteration(run.losses) == 1000
    assert "collapse" not in [found.name for found in examine(run.path).findings]
