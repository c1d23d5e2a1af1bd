"""What happens to a run when the process, the disk or the terminal goes: with real signals, locks and full disks."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunCli, WriteYaml
from small_runs import KilledAfter, files_of, resume, train

from ganctl import cli
from ganctl.build import resolving
from ganctl.errors import DataError, GanctlError, UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.host.file_lock import holder_of
from ganctl.run_folder import checkpoint
from ganctl.run_folder.lock import run_lock
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks import Hook, Later, RunInPlay

LONG = 100_000
NOBODY = 65534
FACTS: dict[str, Any] = {"experiment": {}, "image_shape": [1, 1, 1]}

Small = Callable[..., Experiment]


# --- kill -9 at every step of a save

SAVES = """
import os, signal, sys
import numpy as np
from pathlib import Path
from ganctl.host.file_lock import holder_of
from ganctl.run_folder import checkpoint

folder, last = Path(sys.argv[1]), int(sys.argv[2])
left = [last]

def die(event, arguments):
    if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "shutil.rmtree"):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

tensors = {group: {"w": np.full(1000, 30.0, np.float32)} for group in ("generator", "discriminator")}
sys.addaudithook(die)
checkpoint.save(folder, tensors, {"step": 30, "experiment": {}, "image_shape": [1, 1, 1]})
checkpoint.prune(folder, 2, newest=30)
"""


def test_a_kill_at_any_step_of_saving_and_pruning_loses_nothing(tmp_path: Path) -> None:
    """A real SIGKILL before the first, the second ... operation on the file system, until none is left to kill at."""
    tensors = {group: {"w": np.zeros(1000, np.float32)} for group in ("generator", "discriminator")}
    for step in (10, 20):
        checkpoint.save(tmp_path / "before", tensors, {**FACTS, "step": step})
    newest = []
    for operation in range(1, 100):
        folder = tmp_path / str(operation)
        shutil.copytree(tmp_path / "before", folder)
        done = subprocess.run([sys.executable, "-c", SAVES, folder, str(operation)], capture_output=True, check=False)
        found, problems = checkpoint.load_newest(folder)
        assert problems == []
        newest.append(found.step)
        checkpoint.save(folder, tensors, {**FACTS, "step": 40})
        checkpoint.prune(folder, 2, newest=40)
        assert sorted(path.name for path in folder.iterdir())[-1] == "000000040"
        assert len(list(folder.iterdir())) == 2, "leftovers are cleaned"
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert newest[0] == 20
    assert newest == sorted(newest)
    assert newest.count(30) >= 4, "among them kills between rename and prune"
    assert newest.count(20) >= 5, "among them kills between two files"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_twenty_kills_at_random_moments_of_real_training_lose_nothing() -> None:
    soak = Path(__file__).with_name("soak.py")
    done = subprocess.run([sys.executable, soak, "--kills", "20"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.match(r"20 kills .* [1-9]\d* runs came to their end and equal the undisturbed one", done.stdout)


# --- one process at a time

HOLDS = """
import sys, time
from pathlib import Path
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.lock import run_lock

with run_lock(RunFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(99)
"""


def test_a_stale_lock_is_recovered_and_a_held_one_names_its_holder(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, tmp_path], stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    folder = RunFolder(tmp_path)
    with pytest.raises(UsageError, match=f"is in use: process {holder.pid} is training it"), run_lock(folder):
        pass
    assert holder_of(folder.lock) == str(holder.pid)
    holder.kill()
    holder.communicate()
    assert folder.lock.read_text() == str(holder.pid)
    assert holder_of(folder.lock) is None
    with run_lock(folder):
        assert folder.lock.read_text() == str(os.getpid())
    assert not folder.lock.exists()
    assert holder_of(folder.lock) is None


# --- signals and terminals


def start(*arguments: object, cwd: Path, **options: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "ganctl", *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def wait_for(process: "subprocess.Popen[str]", there: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"it never came: {process.communicate()}")
        time.sleep(0.05)


def rows_in(losses: Path) -> int:
    return losses.read_text().count("\n") - 1 if losses.exists() else 0


@pytest.mark.slow
def test_two_processes_on_one_run_and_two_ctrl_c(tiny_yaml: WriteYaml, run_cli: RunCli, tmp_path: Path) -> None:
    """The second process is refused before it loads TensorFlow; the second Ctrl-C leaves with what was saved before."""
    config = tiny_yaml({"training.iterations": LONG, "outputs": {"checkpoint_every": 1, "sample_every": LONG}})
    process, run = start("train", config, cwd=tmp_path), tmp_path / "outputs" / "tiny"
    wait_for(process, lambda: rows_in(run / "losses.csv") > 3)
    refused = run_cli("resume", run)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"Error: {run} is in use: process {process.pid} is training it.")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in error
    saved, problems = checkpoint.load_newest(run / "checkpoints")
    assert problems == []
    assert rows_in(run / "losses.csv") - saved.step <= 1


@pytest.mark.slow
def test_a_closed_output_does_not_stop_training_and_a_lost_terminal_saves(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    config = tiny_yaml({"training.iterations": LONG, "outputs": {"checkpoint_every": LONG, "sample_every": LONG}})
    process, run = start("train", config, cwd=tmp_path), tmp_path / "outputs" / "tiny"
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    wait_for(process, lambda: rows_in(run / "losses.csv") > 3)
    assert process.stderr
    process.stderr.close()
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 128 + signal.SIGHUP
    assert checkpoint.load_newest(run / "checkpoints")[0].step == rows_in(run / "losses.csv")
    assert "Stopped after iteration" in (run / "log.txt").read_text()


def test_a_run_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    script = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from ganctl.host.interruption import Interruption\n"
        "with Interruption() as asked: os.kill(os.getpid(), signal.SIGHUP); print(asked.requested)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("then", ["pass", "raise ImportError('half a module')", "Interruption().__enter__()"])
def test_a_signal_that_a_library_swallows_is_not_lost(number: int, then: str) -> None:
    """As pybind11 and Keras do together: one makes an ImportError of it, and the other goes on without the module."""
    script = (
        "import os, sys; from ganctl.host.interruption import Interruption, terminable\n"
        "try:\n"
        "    with terminable():\n"
        f"        try: os.kill(os.getpid(), {number}); os.getpid()\n"
        "        except BaseException: print('swallowed')\n"
        f"        {then}\n"
        "except BaseException as error: print(type(error).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    raised = {signal.SIGINT: "KeyboardInterrupt", signal.SIGTERM: "Terminated"}
    assert done.stdout.split() == ["swallowed", raised[number]], done.stderr


@pytest.mark.slow
def test_a_signal_at_any_moment_before_the_first_iterations_ends_cleanly(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    """While Python starts, TensorFlow loads, networks are built, and the game is traced."""
    moments = [(0.4, signal.SIGINT), (1.0, signal.SIGTERM), (2.0, signal.SIGINT), (3.5, signal.SIGTERM),
               (5.0, signal.SIGINT), (6.5, signal.SIGHUP), (8.0, signal.SIGTERM)]  # fmt: skip
    config = tiny_yaml({"training.iterations": LONG})
    for first, second in zip(moments[::2], [*moments[1::2], None], strict=True):
        pairs = [(moment, start("train", config, "--run-name", str(moment[0]), cwd=tmp_path))
                 for moment in (first, second) if moment]  # fmt: skip
        began = time.monotonic()
        for (delay, number), process in pairs:
            time.sleep(max(0.0, began + delay - time.monotonic()))
            process.send_signal(number)
            output, error = process.communicate(timeout=120)
            # Before the program's own first line Python itself answers; on a busy machine that takes a while.
            early = delay <= 2.0 and not output and process.returncode == -number
            assert process.returncode == 128 + number or early, (delay, error)
            assert "Traceback" not in error or early or delay < 0.5, (delay, error)
            run = tmp_path / "outputs" / str(delay)
            if "everything is saved" in error:
                assert checkpoint.load_newest(run / "checkpoints")[1] == []


# --- disks


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return what mounts a small disk at a path of its own or a given one; skips where mounting is not allowed."""
    mounted = []

    def mount(size: str, path: Path = tmp_path / "disk") -> Path:
        path.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small disk needs root")
        mounted.append(path)
        return path

    yield mount
    for path in reversed(mounted):
        subprocess.run(["umount", "-l", str(path)], check=True)


class FillsTheDisk(Hook):
    """Leaves so many bytes of a disk free, from some iteration on."""

    vital = True

    def __init__(self, disk: Path, step: int, free: int) -> None:
        self.every, self._disk, self._free = step, disk, free

    def act(self, run: RunInPlay, step: int) -> None:
        ballast = self._disk / "ballast"
        if not ballast.exists():
            room = shutil.disk_usage(self._disk).free - self._free
            ballast.write_bytes(bytes(max(0, room)))


@pytest.fixture(scope="module")
def small(small_experiment: Small) -> Experiment:
    outputs = {"checkpoint_every": 4, "sample_every": 4, "sample_grid": "2x2"}
    return small_experiment("dense_gan", {"training.iterations": 12, "outputs": outputs})


@pytest.fixture(scope="module")
def whole(small: Experiment, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same run, undisturbed."""
    folder = RunFolder.create(tmp_path_factory.mktemp("whole"), "run", explicit=True)
    train(small, folder)
    return folder


@pytest.mark.slow
def test_a_disk_that_fills_up_costs_one_checkpoint_and_nothing_older(
    small: Experiment, whole: RunFolder, disk: Callable[..., Path]
) -> None:
    place = disk("400m")
    folder = RunFolder.create(place, "run", explicit=True)
    with pytest.raises(
        GanctlError, match=r"000000008 could not be written: No space left on device\. It needs [\d,]{9,} bytes"
    ):
        train(small, folder, FillsTheDisk(place, 4, free=2**20))
    assert [path.name for path in folder.checkpoints.iterdir()] == ["000000004"], "no half checkpoint is left"
    (place / "ballast").unlink()
    assert resume(small, folder) == []
    assert files_of(folder) == files_of(whole)


@pytest.mark.slow
def test_a_disk_that_is_full_for_the_rows_ends_the_run_without_a_gap(
    small: Experiment, whole: RunFolder, disk: Callable[..., Path]
) -> None:
    place = disk("400m")
    folder = RunFolder.create(place, "run", explicit=True)
    rest = FillsTheDisk(place, 4, free=0)
    long_names = small.with_keys("training", iterations=400)
    with pytest.raises(GanctlError, match=r"(losses\.csv|000000008) could not be written: No space left on device"):
        train(long_names, folder, rest)
    (place / "ballast").unlink()
    resume(small, folder)
    assert files_of(folder)["losses.csv"] == files_of(whole)["losses.csv"]


@pytest.mark.slow
def test_a_disk_that_is_full_for_pictures_is_said_and_training_goes_on(
    small: Experiment, whole: RunFolder, disk: Callable[..., Path], tmp_path: Path
) -> None:
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    place = disk("1m", folder.samples)
    heard = Listener()
    train(small, folder, FillsTheDisk(place, 4, free=0), heard)
    assert "Samples failed after iteration 8; training continues" in heard.messages[0]
    assert "No space left on device" in folder.log.read_text()
    left, expected = files_of(folder), files_of(whole)
    assert left["losses.csv"] == expected["losses.csv"]
    assert left["checkpoints/000000012/manifest.json"] == expected["checkpoints/000000012/manifest.json"]


def test_a_file_that_must_not_grow_is_a_clear_error_too(tmp_path: Path) -> None:
    """Without root: a limit on the size of files, as batch systems set it."""
    script = (
        "import resource, sys, numpy, pathlib; from ganctl import errors; from ganctl.run_folder import checkpoint\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: checkpoint.save(pathlib.Path(sys.argv[1]), {'g': {'w': numpy.zeros(5000)}}, {'step': 1})\n"
        "except errors.GanctlError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert "could not be written: File too large. It needs 40,0" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="gives root's rights up, and needs them first")
def test_a_folder_of_somebody_else_is_refused_before_training(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    script = (
        "import os; from pathlib import Path; from ganctl.errors import UsageError\n"
        "from ganctl.run_folder.paths import RunFolder\n"
        f"os.setuid({NOBODY})\n"
        "try: RunFolder.check_free(Path('/root/x'), 'run', explicit=True)\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Cannot write a run folder below /root/x" in done.stdout


@pytest.mark.slow
def test_a_read_only_disk_is_refused_before_training(
    tiny_yaml: WriteYaml, run_cli: RunCli, disk: Callable[..., Path]
) -> None:
    place = disk("1m")
    run = RunFolder.create(place, "run", explicit=True)
    shutil.copy(tiny_yaml(), run.config)
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    trained = run_cli("train", tiny_yaml(), "--output-dir", place)
    assert (trained.returncode, trained.stderr.count("\n")) == (2, 1)
    assert "Cannot write a run folder below" in trained.stderr
    resumed = run_cli("resume", run.path)
    assert (resumed.returncode, resumed.stderr.count("\n")) == (2, 1)
    assert "cannot be written: Read-only file system" in resumed.stderr


# --- data that goes away, and hooks that fail


class Listener(Hook):
    """Remembers what was warned about."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def warned(self, run: RunInPlay, message: str) -> None:
        self.messages.append(message)


class Removes(Hook):
    """Removes files after some iterations."""

    vital = True

    def __init__(self, step: int, *paths: Path) -> None:
        self.every, self._paths = step, paths

    def act(self, run: RunInPlay, step: int) -> None:
        for path in self._paths:
            shutil.rmtree(path, ignore_errors=True)


@pytest.mark.slow
def test_pictures_that_vanish_meanwhile_do_not_matter_and_are_missed_on_resume(
    small_experiment: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamed from the cache, which is mapped: removing the files removes their names only."""
    from image_files import write_images

    monkeypatch.setenv("GANCTL_RESIDENT_BYTES", "0")
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path / "cache"))
    write_images(tmp_path / "pictures", 6)
    data = {"name": "image_folder", "path": str(tmp_path / "pictures"), "image_size": 8, "channels": 1}
    experiment = small_experiment("dense_gan", {"training.iterations": 6, "dataset": data})
    kept, lost = (RunFolder.create(tmp_path, name, explicit=True) for name in ("kept", "lost"))
    train(experiment, kept)
    train(experiment, lost, Removes(2, tmp_path / "pictures", tmp_path / "cache"))
    assert files_of(lost) == files_of(kept)
    with pytest.raises(DataError, match="There is nothing at"):
        resume(experiment, lost)


class OnABrokenDrive(np.ndarray):
    """Images on a drive that fails after some readings."""

    readings = 0

    def __getitem__(self, rows: Any) -> Any:
        OnABrokenDrive.readings += isinstance(rows, np.ndarray)
        if OnABrokenDrive.readings > 12:
            raise OSError(5, "Input/output error")
        return np.asarray(self)[rows]


@pytest.mark.slow
def test_images_that_cannot_be_read_any_more_end_the_run_after_saving(
    small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from conftest import untracked
    from small_runs import CPU

    from ganctl.training.prepared import Prepared

    monkeypatch.setenv("GANCTL_RESIDENT_BYTES", "0")
    long = small.with_keys("training", iterations=LONG)
    prepared = Prepared.make(resolving.resolve(long), CPU, untracked)
    feed = prepared.game.feeds["real"]
    feed._images = feed._images.view(OnABrokenDrive)
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    with pytest.raises(
        DataError, match=r"could not be read after iteration (\d+): .*Input/output error.*ganctl resume"
    ):
        prepared.trainer(folder, []).train()
    played = rows_in(folder.losses)
    assert played > 0
    assert checkpoint.load_newest(folder.checkpoints)[0].step == played


class Fails(Hook):
    """Fails whatever it is asked for."""

    every = 2

    def __init__(self, event: str) -> None:
        self._event = event
        self.calls = 0

    def _fail(self, event: str) -> None:
        self.calls += event == self._event
        if event == self._event:
            raise RuntimeError(f"no {event} today")

    def start(self, run: RunInPlay, step: int) -> None:
        self._fail("start")

    def rows(self, run: RunInPlay, step: int, rows: np.ndarray) -> None:
        self._fail("rows")

    def act(self, run: RunInPlay, step: int) -> None:
        self._fail("act")

    def stop(self, run: RunInPlay, step: int) -> None:
        self._fail("stop")


@pytest.mark.slow
def test_a_hook_that_fails_is_said_and_training_goes_on(small: Experiment, whole: RunFolder, tmp_path: Path) -> None:
    """Metrics are such hooks: what cannot follow the run drops out, what only failed once is asked again."""
    folder, heard = RunFolder.create(tmp_path, "run", explicit=True), Listener()
    hooks = [Fails(event) for event in ("start", "rows", "act", "stop")]
    train(small, folder, *hooks, heard)
    assert [hook.calls for hook in hooks] == [1, 1, 6, 1]
    assert len(heard.messages) == 9
    assert heard.messages[0] == "Fails failed after iteration 0; training continues: no start today"
    assert files_of(folder) == files_of(whole)
    assert folder.log.read_text().count("Warning: Fails failed") == 9


class FailsLater(Hook):
    """Fails in what it leaves to do for later."""

    def __init__(self, event: str, *, vital: bool = False) -> None:
        self.every, self.vital, self._event = 4, vital, event

    def _fail(self) -> None:
        raise RuntimeError(f"no {self._event} today")

    def rows(self, run: RunInPlay, step: int, rows: np.ndarray) -> Later:
        return self._fail if self._event == "rows" else None

    def act(self, run: RunInPlay, step: int) -> Later:
        return self._fail if self._event == "act" else None

    def stop(self, run: RunInPlay, step: int) -> Later:
        return self._fail if self._event == "stop" else None


@pytest.mark.slow
def test_what_fails_in_the_background_is_said_or_ends_the_run(
    small: Experiment, whole: RunFolder, tmp_path: Path
) -> None:
    folder, heard, threads = RunFolder.create(tmp_path, "run", explicit=True), Listener(), threading.active_count()
    train(small, folder, *(FailsLater(event) for event in ("rows", "act", "stop")), heard)
    said = "FailsLater failed after iteration {}; training continues: no {} today"
    assert heard.messages[0] == said.format(0, "rows")
    rest = [message for message in heard.messages if "rows" not in message]
    assert rest == [said.format(*what) for what in ((4, "act"), (8, "act"), (12, "act"), (12, "stop"))]
    assert files_of(folder) == files_of(whole)
    for event, saved in (("rows", []), ("act", ["000000004"]), ("stop", ["000000008", "000000012"])):
        folder = RunFolder.create(tmp_path, f"vital {event}", explicit=True)
        with pytest.raises(RuntimeError, match=f"no {event} today"):
            train(small, folder, FailsLater(event, vital=True))
        assert sorted(path.name for path in folder.checkpoints.iterdir()) == saved, "none beyond what failed"
    assert threading.active_count() == threads


@pytest.mark.slow
def test_sample_grids_that_cannot_be_drawn_do_not_stop_training(
    small: Experiment, whole: RunFolder, tmp_path: Path
) -> None:
    folder, heard = RunFolder.create(tmp_path, "run", explicit=True), Listener()
    train(small, folder, Removes(2, folder.samples), heard)
    assert all(message.startswith("Samples failed after iteration") for message in heard.messages)
    assert [int(message.split()[4].rstrip(";")) for message in heard.messages] == [4, 8, 12, 12], "at the end once more"
    assert files_of(folder)["losses.csv"] == files_of(whole)["losses.csv"]


@pytest.mark.slow
def test_a_kill_hook_keeps_what_a_kill_would_leave(small: Experiment, whole: RunFolder, tmp_path: Path) -> None:
    folder, left = RunFolder.create(tmp_path, "run", explicit=True), RunFolder(tmp_path / "left")
    train(small, folder, KilledAfter(6, left.path))
    assert rows_in(left.losses) == 6
    left.path.rename(tmp_path / "moved")
    assert resume(small, RunFolder(tmp_path / "moved")) == []
    assert files_of(RunFolder(tmp_path / "moved")) == files_of(whole)


@pytest.mark.slow
def test_a_batch_that_does_not_fit_in_memory_is_said_with_a_size_to_try(
    tiny_yaml: WriteYaml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from plugins import hungry  # noqa: F401 (importing registers it)

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        cli.main(["train", str(tiny_yaml({"loss": {"name": "plugin_hungry"}, "training.batch_size": 6})), "--quiet"])
    assert left.value.code == 1
    error = capfd.readouterr().err
    assert error.startswith("Error: Out of memory: a batch of 6 images is too large here. ")
    assert "Try --set training.batch_size=3" in error
