"""`ganctl train --resume-if-there`: one command for a job script, whatever was left by the time before."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import RunCli, WriteYaml
from small_runs import files_of

import ganctl
from ganctl.build import resolving
from ganctl.errors import DivergedError, UsageError
from ganctl.host.file_lock import file_lock
from ganctl.run_folder import checkpoint
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.progress import Progress, State
from ganctl.training.begin_or_resume import begin_or_resume
from ganctl.training.console import TrainingConsole
from ganctl.training.run import train

QUIET = TrainingConsole(quiet=True)
ALIKE = {"log.txt", "run.json", "losses.png", "report.html"}
"""What tells of the commands and the moment."""


def learned(folder: RunFolder) -> dict[str, bytes]:
    """The files that do not tell which commands made them."""
    return {name: content for name, content in files_of(folder).items() if name not in ALIKE}


def job(config: Path, outputs: Path, *overrides: str, **where: Any) -> RunFolder:
    """Run the command of a job script in this process."""
    return begin_or_resume(resolving.load_parts(config, overrides), QUIET, ["job"], outputs=outputs, **where)


@pytest.fixture(scope="module")
def config(tiny_yaml: WriteYaml) -> Path:
    return tiny_yaml({"evaluation": {"every": 4, "num": 50}})


@pytest.fixture(scope="module")
def whole(config: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that the command began and finished; tests copy it, and never change it."""
    return job(config, tmp_path_factory.mktemp("outputs"))


@pytest.fixture
def finished(whole: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(whole.path, tmp_path / "tiny")))


def stopped_after(folder: RunFolder, step: int) -> RunFolder:
    """Make a finished run one that was killed after a checkpoint."""
    for path in checkpoint.newest_first(folder.checkpoints):
        if int(path.name) > step:
            shutil.rmtree(path)
    folder.log.write_text("started: ganctl train tiny.yaml\n")
    return folder


def test_it_begins_and_goes_on_and_ends_as_one_run(config: Path, whole: RunFolder, finished: RunFolder) -> None:
    assert Progress.read(whole) == Progress(8, 8, "finished 8 iterations", None)
    stopped_after(finished, 4)
    assert Progress.read(finished).state(8) is State.STOPPED
    assert job(config, finished.path.parent).path == finished.path
    assert finished.log.read_text().splitlines()[1:] == ["resumed after iteration 4: job", "finished 8 iterations"]
    assert learned(finished) == learned(whole)


def test_a_finished_run_is_left_as_it_is(config: Path, finished: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.path.rglob("*")}
    console = TrainingConsole(quiet=False)
    parts = resolving.load_parts(config)
    assert begin_or_resume(parts, console, ["job"], outputs=finished.path.parent).path == finished.path
    assert capsys.readouterr().out == f"{finished.path} is finished: it has 8 iterations.\n"
    assert {path: path.stat().st_mtime_ns for path in finished.path.rglob("*")} == before


def test_more_iterations_and_other_outputs_are_the_same_run(config: Path, finished: RunFolder) -> None:
    job(config, finished.path.parent, "training.iterations=10", "outputs.keep=7", "evaluation.every=5")
    assert Progress.read(finished) == Progress(10, 10, "finished 10 iterations", None)
    assert resolving.load_experiment(finished.config).outputs.keep == 7
    job(config, finished.path.parent)  # fewer: nothing is taken away
    assert Progress.read(finished).saved == 10


def test_a_run_that_ended_early_goes_on_if_it_is_to_be_longer_or_more_patient(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = [f"optimizer.{player}.learning_rate=1e-12" for player in ("generator", "discriminator")]
    asked = ["evaluation.every=2", "evaluation.patience=1", "training.iterations=20", *still]
    run = job(config, tmp_path, *asked)
    assert Progress.read(run).saved == 4
    parts = resolving.load_parts(config, asked)
    begin_or_resume(parts, TrainingConsole(quiet=False), ["job"], outputs=tmp_path)
    assert Progress.read(run).saved == 4, "the same again"
    said = capsys.readouterr().out
    assert "in 1 evaluation; the best is" in said
    assert f"To continue it nevertheless: ganctl resume {run.path} --set evaluation.patience=0" in said
    job(config, tmp_path, *asked, "training.iterations=24")
    assert Progress.read(run).saved == 6, "counted anew"
    job(config, tmp_path, *asked, "training.iterations=24", "evaluation.patience=0")
    assert Progress.read(run) == Progress(24, 24, "finished 24 iterations", None)


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("seed=7", "seed: 0 in {config}, 7 now"),
        ("model.latent_dim=5", "model.latent_dim: 4 in {config}, 5 now"),
        ("optimizer.generator.learning_rate=0.1", "optimizer.generator.learning_rate: 0.0002 in {config}, 0.1 now"),
        ("training.precision=bfloat16", "training.precision: 'float32' in {config}, 'bfloat16' now"),
    ],
)
def test_another_run_is_refused_with_its_keys(config: Path, finished: RunFolder, override: str, line: str) -> None:
    before = files_of(finished)
    with pytest.raises(UsageError, match="holds a different run") as raised:
        job(config, finished.path.parent, override)
    assert str(raised.value).splitlines()[1:] == [line.format(config=finished.config)]
    assert files_of(finished) == before


def test_what_was_measured_when_the_run_began_is_no_change(config: Path, finished: RunFolder) -> None:
    job(config, finished.path.parent, "training.precision=auto", "training.xla=auto")


def test_weights_to_start_from_are_part_of_a_run(config: Path, whole: RunFolder, tmp_path: Path) -> None:
    first = job(config, tmp_path, init_from=whole.path)
    started = json.loads(first.info.read_text())["init_from"]
    assert Path(started["path"]) == whole.checkpoint(8)
    for same in (whole.path, whole.checkpoint(8)):
        assert job(config, tmp_path, init_from=same).path == first.path
    with pytest.raises(UsageError, match=f"it began with the weights of {whole.path}.*now there is no --init-from"):
        job(config, tmp_path)
    other = RunFolder(Path(shutil.copytree(whole.path, tmp_path / "other")))
    with pytest.raises(UsageError, match=r"it began with .*, not with those of"):
        job(config, tmp_path, init_from=other.path)
    with pytest.raises(UsageError, match="it began with new weights, not with those of"):
        job(config, whole.path.parent, init_from=other.path)


def test_a_run_that_was_killed_before_it_began_begins(config: Path, whole: RunFolder, tmp_path: Path) -> None:
    left = RunFolder.create(tmp_path, "tiny", explicit=True)
    left.write_info({"init_from": "weights that config.yaml would not have named"})
    shutil.copytree(whole.checkpoint(8), left.checkpoint(0))
    left.append_log("started: the first time")
    left.lock.write_text("12345")  # nobody holds it
    job(config, tmp_path)
    assert learned(left) == learned(whole)
    assert not left.checkpoint(0).exists()
    assert "init_from" not in json.loads(left.info.read_text())


def test_an_empty_folder_is_taken_and_a_full_one_refused(config: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "letter.txt").write_text("mine")
    with pytest.raises(UsageError, match="already exists"):
        job(config, tmp_path)
    assert [path.name for path in (tmp_path / "tiny").iterdir()] == ["letter.txt"]
    (tmp_path / "tiny" / "letter.txt").unlink()
    assert job(config, tmp_path, "training.iterations=1").exists


def test_of_two_that_begin_at_once_one_is_refused(config: Path, tmp_path: Path) -> None:
    """The other has begun while this one was still building its networks."""
    parts = resolving.load_parts(config, ("training.iterations=1",))
    (tmp_path / "tiny").mkdir()
    with file_lock(RunFolder(tmp_path / "tiny").lock), pytest.raises(UsageError, match="is in use: process"):
        job(config, tmp_path)
    taken = RunFolder.create(tmp_path, "tiny", explicit=True, reuse=True)
    assert taken.path == tmp_path / "tiny"
    train(parts, QUIET, ["the other"], outputs=tmp_path, run_name="tiny", reuse=True)
    with pytest.raises(UsageError, match="already exists"):
        train(parts, QUIET, ["late"], outputs=tmp_path, run_name="tiny", reuse=True)


def test_a_run_that_diverged_is_not_played_again(config: Path, tmp_path: Path) -> None:
    wild = ("optimizer.generator.learning_rate=1e9", "optimizer.discriminator.learning_rate=1e9")
    with pytest.raises(DivergedError):
        job(config, tmp_path, *wild)
    folder = RunFolder(tmp_path / "tiny")
    assert Progress.read(folder).state(8) is State.DIVERGED
    before = files_of(folder)
    with pytest.raises(DivergedError, match=r"cannot be continued\. Iteration \d: .* it would diverge again") as raised:
        job(config, tmp_path, *wild)
    assert raised.value.exit_code == 4
    assert files_of(folder) == before


def test_a_cell_can_be_run_again(config: Path, whole: RunFolder, tmp_path: Path) -> None:
    def cell(iterations: int) -> ganctl.Run:
        return ganctl.train(
            config, {"training.iterations": iterations}, output_dir=tmp_path, resume_if_there=True, quiet=True
        )

    assert [cell(4).step, cell(8).step, cell(8).step] == [4, 8, 8]
    folder = RunFolder(tmp_path / "tiny")
    assert folder.losses.read_bytes() == whole.losses.read_bytes()
    weights = "000000008/generator.safetensors"
    assert (folder.checkpoints / weights).read_bytes() == (whole.checkpoints / weights).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


@pytest.mark.slow
def test_a_job_script_whose_process_is_killed(tiny_yaml: WriteYaml, run_cli: RunCli, tmp_path: Path) -> None:
    """The command three times: killed with SIGKILL, to its end, once more; then a second one beside a running one."""
    config = tiny_yaml({"training.iterations": 900, "outputs.checkpoint_every": 50, "outputs.sample_every": 450})
    command = [sys.executable, "-m", "ganctl", "train", config, "--resume-if-there", "--quiet"]
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ)
    folder = RunFolder(tmp_path / "outputs" / "tiny")
    deadline = time.monotonic() + 120
    while not checkpoint.newest_first(folder.checkpoints) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGSTOP)
    assert Progress.read(folder).state(900) is State.RUNNING
    assert Progress.read(folder).holder == str(process.pid)
    second = run_cli("train", config, "--resume-if-there", cwd=tmp_path)
    process.kill()
    process.wait()
    assert second.returncode == 2
    assert f"is in use: process {process.pid} is training it" in second.stderr
    assert Progress.read(folder).state(900) is State.STOPPED
    done = run_cli("train", config, "--resume-if-there", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "resuming    after iteration" in done.stdout
    again = run_cli("train", config, "--resume-if-there", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == "outputs/tiny is finished: it has 900 iterations.\n"
    undisturbed = run_cli("train", config, "--resume-if-there", "--output-dir", tmp_path / "others", cwd=tmp_path)
    assert undisturbed.returncode == 0, undisturbed.stderr
    whole = RunFolder(tmp_path / "others" / "tiny")
    assert whole.losses.read_bytes() == folder.losses.read_bytes()
    last = f"{folder.checkpoint(900).name}/generator.safetensors"
    assert (whole.checkpoints / last).read_bytes() == (folder.checkpoints / last).read_bytes()
