"""The command line, through its real entry point: what a user types, sees, and finds afterwards."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pytest
import safetensors.numpy
from conftest import RunCli, WriteYaml
from PIL import Image, ImageSequence

from ganctl import cli
from ganctl.host import device

LONG = 100_000


@dataclass(frozen=True)
class Trained:
    """One finished run of eight iterations, shared by the tests that only read it."""

    place: Path
    path: Path
    output: subprocess.CompletedProcess[str]


def clean(done: "subprocess.CompletedProcess[str]", exit_code: int = 0) -> str:
    """The standard error of a command that ended as it should, without a traceback or chatter."""
    assert done.returncode == exit_code, f"{done.args} gave {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    for chatter in (
        "oneDNN",
        "WARNING",
        "absl",
        "computation_placer",
        "cuda",
        "tensorflow/core",
        "This should not happen",
    ):
        assert chatter not in done.stderr
    return done.stderr


def one_line(done: "subprocess.CompletedProcess[str]", exit_code: int) -> str:
    """The only line that a refused command says."""
    error = clean(done, exit_code)
    assert error.startswith("Error: ")
    assert error.count("\n") == 1, error
    return error.removeprefix("Error: ").rstrip()


@pytest.fixture(scope="module")
def trained(run_cli: RunCli, tiny_yaml: WriteYaml, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    place = tmp_path_factory.mktemp("trained")
    changes = ["--set", "training.iterations_per_epoch=4"]
    output = run_cli("train", tiny_yaml({"outputs.keep": 3}), *changes, cwd=place, start="typed")
    clean(output)
    return Trained(place, place / "outputs" / "tiny", output)


@pytest.fixture(scope="module")
def longer(trained: Trained, run_cli: RunCli, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same run, never interrupted, over twelve iterations."""
    place = tmp_path_factory.mktemp("longer")
    output = run_cli("train", trained.path / "config.yaml", "--set", "training.iterations=12", cwd=place)
    clean(output)
    return Trained(place, place / "outputs" / "tiny", output)


def files_of(run: Path) -> list[str]:
    return sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())


def tensors_of(checkpoint: Path) -> dict[str, np.ndarray]:
    return {
        f"{path.stem}/{name}": array
        for path in checkpoint.glob("*.safetensors")
        for name, array in safetensors.numpy.load_file(path).items()
    }


def test_a_run_folder_holds_what_the_design_says(trained: Trained) -> None:
    groups = ["discriminator", "generator", "optimizer_discriminator", "optimizer_generator"]
    checkpoints = [f"checkpoints/{step:09d}/{group}.safetensors" for step in (4, 8) for group in groups]
    assert files_of(trained.path) == sorted(
        [
            "config.yaml",
            "run.json",
            "losses.csv",
            "losses.png",
            "vitals.csv",
            "log.txt",
            "report.html",
            "samples/real.png",
            "samples/evolution.gif",
            *(f"samples/{step:09d}.png" for step in (0, 4, 8)),
            *(f"generators/{step:09d}.safetensors" for step in (0, 4, 8)),
            *checkpoints,
            *(f"checkpoints/{step:09d}/manifest.json" for step in (4, 8)),
        ]
    )


def test_losses_csv_has_the_columns_of_the_design_in_their_order(trained: Trained) -> None:
    header, *rows = (trained.path / "losses.csv").read_text().splitlines()
    names = header.split(",")
    assert names[:13] == [
        *("iteration", "epoch", "d_loss", "g_loss", "d_real", "d_fake", "d_accuracy_real", "d_accuracy_fake"),
        *("d_precision", "d_mae", "g_mae", "d_grad_norm", "g_grad_norm"),
    ]
    assert names[13:] == ["d_loss_real", "d_loss_fake", "g_adversarial"]
    assert [row.split(",")[:2] for row in rows] == [[str(i), str((i - 1) // 4)] for i in range(1, 9)]
    assert all(np.isfinite(float(value)) for row in rows for value in row.split(","))


def test_run_json_says_how_it_came_about(trained: Trained) -> None:
    facts = json.loads((trained.path / "run.json").read_text())
    assert facts["command"][:2] == ["ganctl", "train"]
    assert facts["overrides"] == ["training.iterations_per_epoch=4"]
    assert facts["versions"].keys() >= {"python", "tensorflow", "keras", "numpy"}
    assert facts["device"]["reason"]
    assert facts["precision"]["name"] == "float32"
    assert facts["xla"] == {"name": "off", "reason": "as configured"}
    assert facts["parameters"].keys() == {"generator", "discriminator"}
    assert facts["dataset"]["images"] == 64
    assert re.fullmatch("[0-9a-f]{64}", facts["dataset"]["fingerprint"])


def test_the_first_lines_say_what_is_trained_and_the_last_what_to_type_next(trained: Trained) -> None:
    lines = trained.output.stdout.splitlines()
    for word in ("device ", "precision ", "parameters ", "images "):
        assert any(line.startswith(word) for line in lines[:6]), word
    assert "outputs/tiny" in lines[-2]
    assert lines[-1].strip() == "ganctl sample --checkpoint outputs/tiny"


def test_the_sample_grids_show_two_by_two_images(trained: Trained) -> None:
    sizes = {path.name: cv2.imread(str(path)).shape[:2] for path in (trained.path / "samples").glob("*.png")}
    assert len(set(sizes.values())) == 1
    assert sizes["real.png"] == (16 * (2 * 10 + 2), 16 * (2 * 10 + 2)), "8x8 pixels become 128x128"


@pytest.mark.slow
def test_training_the_config_of_a_run_repeats_it_to_the_byte_in_silence(trained: Trained, run_cli: RunCli) -> None:
    again = run_cli("train", trained.path / "config.yaml", "--quiet", cwd=trained.place)
    assert clean(again) == ""
    assert again.stdout == ""
    repeated = trained.place / "outputs" / "tiny-2"
    assert files_of(repeated) == files_of(trained.path)
    for name in files_of(trained.path):
        if not name.endswith(("log.txt", "run.json", "report.html")):
            assert (repeated / name).read_bytes() == (trained.path / name).read_bytes(), name


def test_an_explicit_run_name_that_is_taken_is_refused(trained: Trained, run_cli: RunCli) -> None:
    done = run_cli("train", trained.path / "config.yaml", "--run-name", "tiny", cwd=trained.place)
    assert one_line(done, 2).startswith("outputs/tiny already exists. Choose another --run-name")


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one_wherever_its_folder_lies(
    trained: Trained, longer: Trained, run_cli: RunCli, tmp_path: Path
) -> None:
    """And a torn last row and rows beyond the checkpoint are trimmed."""
    moved = tmp_path / "moved here"
    shutil.copytree(trained.path, moved)
    with (moved / "losses.csv").open("a") as file:
        file.write("9" + ",1" * 15 + "\n10,2,0.3")
    clean(run_cli("resume", moved, "--set", "training.iterations=12", cwd=tmp_path))
    assert (moved / "losses.csv").read_bytes() == (longer.path / "losses.csv").read_bytes()
    assert (moved / "config.yaml").read_bytes() == (longer.path / "config.yaml").read_bytes()
    for step in ("000000008", "000000012"):
        expected, found = tensors_of(longer.path / "checkpoints" / step), tensors_of(moved / "checkpoints" / step)
        assert expected.keys() == found.keys()
        assert any("optimizer_generator" in name for name in expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(array, found[name], err_msg=name)
    for name in ("000000012.png", "real.png"):
        assert (moved / "samples" / name).read_bytes() == (longer.path / "samples" / name).read_bytes()


@pytest.mark.parametrize(
    ("override", "answer"),
    [
        ("training.batch_size=8", "'training.batch_size' would make this a different run"),
        pytest.param("SEED=3", "'seed' would make this a different run", marks=pytest.mark.slow),
        pytest.param("training.iterations", "--set takes KEY=VALUE", marks=pytest.mark.slow),
        ("training.iterations=0", "--set training.iterations=0: training.iterations: input should be greater than"),
    ],
)
def test_resume_refuses_another_experiment(override: str, answer: str, trained: Trained, run_cli: RunCli) -> None:
    assert one_line(run_cli("resume", trained.path, "--set", override), 2).startswith(answer)


def test_resume_refuses_what_is_no_run(run_cli: RunCli, tmp_path: Path) -> None:
    assert "is not a run folder" in one_line(run_cli("resume", tmp_path), 2)


# --- interrupting


def start(*arguments: object, cwd: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "ganctl", *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_iteration(process: "subprocess.Popen[str]", losses: Path, iteration: int) -> None:
    for _ in range(1200):
        if losses.exists() and last_iteration(losses) >= iteration:
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    pytest.fail(f"no iteration {iteration} in {losses}: {process.communicate()}")


def last_iteration(losses: Path) -> int:
    rows = losses.read_text().rpartition("\n")[0].splitlines()[1:]
    return int(rows[-1].split(",")[0]) if rows else 0


def ended(process: "subprocess.Popen[str]") -> "subprocess.CompletedProcess[str]":
    try:
        output, error = process.communicate(timeout=120)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, output, error)


@pytest.mark.slow
def test_an_interrupted_run_is_saved_and_the_printed_command_continues_it(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    """Ctrl-C ends with 130, SIGTERM with 143; the rows go on without a gap."""
    path = tiny_yaml({"training.iterations": LONG, "outputs.checkpoint_every": LONG, "outputs.sample_every": LONG})
    run = tmp_path / "two words"
    process = start("train", path, "--output-dir", run.parent, "--run-name", run.name, cwd=tmp_path)
    wait_for_iteration(process, run / "losses.csv", 2)
    process.send_signal(signal.SIGINT)
    message = clean(ended(process), 130).splitlines()[-1]
    stopped = last_iteration(run / "losses.csv")
    assert f"Stopped after iteration {stopped}; everything is saved." in message
    assert [path.name for path in (run / "checkpoints").iterdir()] == [f"{stopped:09d}"]
    assert (run / "samples" / "evolution.gif").is_file()

    program, *arguments = shlex.split(message.partition("Continue: ")[2])
    assert program == "ganctl"
    process = start(*arguments, cwd=tmp_path)
    wait_for_iteration(process, run / "losses.csv", stopped + 2)
    process.send_signal(signal.SIGTERM)
    clean(ended(process), 143)
    iterations = [int(line.split(",")[0]) for line in (run / "losses.csv").read_text().splitlines()[1:]]
    assert iterations == list(range(1, len(iterations) + 1))
    assert (run / "checkpoints" / f"{len(iterations):09d}" / "manifest.json").is_file()
    assert "Stopped after iteration" in (run / "log.txt").read_text()


def test_a_signal_during_the_start_ends_cleanly(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    process = start("train", tiny_yaml({"training.iterations": LONG}), cwd=tmp_path)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    done = ended(process)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_a_signal_within_evaluated_text_ends_with_its_exit_code(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    """Python marks such a KeyboardInterrupt as unhandled, and `python -m` would die of it although it was handled."""
    plugin = tmp_path / "interrupted.py"
    plugin.write_text("import signal\neval('signal.raise_signal(signal.SIGINT)')\n")
    done = ended(start("train", tiny_yaml(), "--plugin", plugin, cwd=tmp_path))
    assert (done.returncode, done.stderr.strip()) == (130, "Error: Interrupted.")


# --- sampling


@pytest.mark.slow
def test_samples_of_a_run_a_checkpoint_and_a_generator_file_are_the_same(
    trained: Trained, run_cli: RunCli, tmp_path: Path
) -> None:
    """As a grid, an npz and a folder; and the first images of a seed are the same whatever their number."""
    checkpoint, generator = trained.path / "checkpoints" / "000000008", tmp_path / "moved.safetensors"
    shutil.copy(trained.path / "generators" / "000000008.safetensors", generator)

    said = run_cli("sample", "--checkpoint", trained.path, "--num", 6, "--output", "grid.png", cwd=tmp_path)
    assert clean(said) == ""
    assert "6 images of tiny after 8 iterations: grid.png" in said.stdout
    clean(run_cli("sample", "--checkpoint", checkpoint, "--num", 130, "--output", "deep/er/all.npz", cwd=tmp_path))
    clean(run_cli("sample", "--checkpoint", generator, "--num", 6, "--output", "folder", cwd=tmp_path))
    again = run_cli("sample", "--checkpoint", generator, "--num", 3, "--output", "folder", cwd=tmp_path)
    assert "folder already contains files, and samples would overwrite some of them" in clean(again, 2)

    with np.load(tmp_path / "deep" / "er" / "all.npz") as file:
        assert file.files == ["images"]
        images = file["images"]
    assert images.dtype == np.uint8
    assert images.shape == (130, 8, 8, 1)
    assert len(np.unique(images, axis=0)) == 130
    names = sorted(path.name for path in (tmp_path / "folder").iterdir())
    assert names == [f"{i}.png" for i in range(6)]
    single = np.stack([cv2.imread(str(tmp_path / "folder" / name), cv2.IMREAD_UNCHANGED) for name in names])
    np.testing.assert_array_equal(single, images[:6, :, :, 0])
    grid = cv2.imread(str(tmp_path / "grid.png"), cv2.IMREAD_UNCHANGED)
    assert grid.shape == (16 * (2 * 10 + 2), 16 * (3 * 10 + 2)), "8x8 pixels become 128x128"
    np.testing.assert_array_equal(grid[::16, ::16][2:10, 2:10], images[0, :, :, 0])


@pytest.mark.slow
def test_a_walk_goes_through_the_samples_and_back_to_its_start(
    trained: Trained, run_cli: RunCli, tmp_path: Path
) -> None:
    """As a picture with a row for each walk, and as an animation, both where nothing is said."""
    options = ["--seed", 3, "--points", 3, "--frames", 2, "--rows", 2]
    said = run_cli("interpolate", "--checkpoint", trained.path, *options, cwd=tmp_path)
    assert clean(said) == ""
    assert "2 walks through 3 images of tiny after 8 iterations: walk-3.png and walk-3.gif" in said.stdout
    sample = ["--seed", 3, "--num", 6, "--output", "samples.npz"]
    clean(run_cli("sample", "--checkpoint", trained.path, *sample, cwd=tmp_path))
    with np.load(tmp_path / "samples.npz") as file:
        samples = file["images"][..., 0].reshape(3, 2, 8, 8).astype(int)
    strip = cv2.imread(str(tmp_path / "walk-3.png"), cv2.IMREAD_UNCHANGED).astype(int)
    assert strip.shape == (16 * (2 * 10 + 2), 16 * (6 * 10 + 2))
    strip = strip[::16, ::16]
    with Image.open(tmp_path / "walk-3.gif") as file:
        shown = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(file)]
    assert len(shown) == 6
    factor = shown[0].shape[0] // 12
    for point in range(3):
        for row in range(2):
            image = strip[2 + 10 * row :, 2 + 20 * point :][:8, :8]
            np.testing.assert_allclose(image, samples[point, row], atol=1)
            cell = shown[2 * point][::factor, ::factor][2:10, 2 + 10 * row :][:8, :8]
            np.testing.assert_array_equal(cell, image)
    clean(run_cli("interpolate", "--checkpoint", trained.path, *options, "--output", "new/again.gif", cwd=tmp_path))
    assert (tmp_path / "new" / "again.gif").read_bytes() == (tmp_path / "walk-3.gif").read_bytes()


# --- refusals that need TensorFlow: one process, the real function


@pytest.fixture
def ganctl(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Run a command in this process: for what is refused after TensorFlow has been loaded."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        output, error = capfd.readouterr()
        return subprocess.CompletedProcess(list(arguments), int(left.value.code or 0), output, error)

    return run


def test_a_dry_run_shows_layers_and_memory_and_leaves_nothing(
    ganctl: Callable[..., Any], tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    done = ganctl("train", tiny_yaml(), "--dry-run")
    assert clean(done) == ""
    sections = re.findall(r"^(generator|discriminator|stack)$", done.stdout, re.MULTILINE)
    assert sections == ["generator", "discriminator", "stack"]
    for layer, shape, count in (
        ("Dense", "(None, 256)", "1,280"),
        ("Reshape", "(None, 8, 8, 1)", "0"),
        ("total", "", "6,273"),
    ):
        assert re.search(rf"{layer}\b.*{re.escape(shape)}\s+{count}$", done.stdout, re.MULTILINE), layer
    assert re.search(r"^memory +about \d+ MiB", done.stdout, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(bool(list(Path("/dev").glob(device.GPU_FILES.rpartition("/")[2]))), reason="this machine has a GPU")
@pytest.mark.parametrize("wish", ["gpu", "gpu:1"])
def test_a_gpu_that_is_not_there_is_refused_in_one_line(
    wish: str, ganctl: Callable[..., Any], tiny_yaml: WriteYaml
) -> None:
    assert one_line(ganctl("train", tiny_yaml(), "--device", wish), 2).startswith(f"--device {wish}: ")


def test_an_unknown_device_is_refused(ganctl: Callable[..., Any], tiny_yaml: WriteYaml) -> None:
    assert (
        one_line(ganctl("train", tiny_yaml(), "--device", "tpu"), 2)
        == "--device takes auto, cpu, gpu or gpu:N. Received: 'tpu'"
    )


def test_missing_data_is_exit_code_3(ganctl: Callable[..., Any], tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    assert f"{tmp_path / 'nothing.npz'}" in one_line(
        ganctl("train", tiny_yaml({"dataset.path": str(tmp_path / "nothing.npz")})), 3
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., Path]:
    """Return what writes a folder of so many small PNGs."""

    def write(count: int) -> Path:
        folder = tmp_path / "pictures"
        folder.mkdir()
        random = np.random.default_rng(0)
        for number in range(count):
            cv2.imwrite(str(folder / f"{number}.png"), random.integers(0, 256, (12, 10, 3), np.uint8))
        return folder

    return write


@pytest.mark.parametrize("count", [0, 1])
def test_a_folder_with_too_few_images_is_exit_code_3(
    count: int, ganctl: Callable[..., Any], pictures: Callable[..., Path], tiny_yaml: WriteYaml
) -> None:
    folder = pictures(count)
    path = tiny_yaml({"dataset": {"name": "image_folder", "path": str(folder), "image_size": 8}})
    assert str(folder) in one_line(ganctl("train", path), 3)


def test_fewer_images_than_a_batch_are_exit_code_3(
    ganctl: Callable[..., Any], pictures: Callable[..., Path], tiny_yaml: WriteYaml
) -> None:
    path = tiny_yaml({"dataset": {"name": "image_folder", "path": str(pictures(3)), "image_size": 8}})
    error = one_line(ganctl("train", path), 3)
    assert "3" in error
    assert "batch" in error


def test_what_is_an_image_is_decided_by_content(
    ganctl: Callable[..., Any], pictures: Callable[..., Path], tiny_yaml: WriteYaml
) -> None:
    folder = pictures(4)
    (folder / "0.png").rename(folder / "actually a png.jpg")
    (folder / "1.png").rename(folder / "LOUD.PNG")
    (folder / "2.png").rename(folder / "without ending")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "readme.txt").write_text("pictures\n")
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    path = tiny_yaml({"dataset": {"name": "image_folder", "path": str(folder), "image_size": 8}})
    done = ganctl("train", path, "--dry-run")
    clean(done)
    assert "4 images of 8x8x3" in done.stdout


def test_a_diverged_run_ends_with_4_and_keeps_its_checkpoints(
    ganctl: Callable[..., Any], tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    """The rate grows with every update, so that a few iterations are good and no later one is."""
    changes = {"training.iterations": 200, "outputs.checkpoint_every": 1, "outputs.keep": 100}
    path = tiny_yaml({**changes, "optimizer": {"generator": {"name": "sgd", "learning_rate": 1e30}}})
    done = ganctl("train", path)
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    failed = re.search(r"Error: Iteration (\d+): ([dg]_\w+) is (nan|-?inf)\.", done.stderr)
    assert failed, done.stderr
    run = tmp_path / "outputs" / "tiny"
    *good, bad = (run / "losses.csv").read_text().splitlines()
    assert bad.split(",")[0] == failed[1]
    assert dict(zip(good[0].split(","), bad.split(","), strict=True))[failed[2]] == failed[3]
    saved = sorted(int(path.name) for path in (run / "checkpoints").iterdir())
    assert saved == list(range(1, int(failed[1])))
    assert f"Iteration {failed[1]}" in (run / "log.txt").read_text()


CHANGES = {
    "latent_dim: 4": "latent_dim: 5",
    "disc_updates: 1": "disc_updates: 2",
    "learning_rate: 0.0002": "learning_rate: 1.0",
}


@pytest.mark.parametrize("line", CHANGES)
def test_a_changed_experiment_is_refused_on_resume_with_the_difference(
    line: str, trained: Trained, ganctl: Callable[..., Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained.path, run)
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace(line, CHANGES[line]))
    losses = (run / "losses.csv").read_bytes()
    error = clean(ganctl("resume", run, "--set", "training.iterations=12"), 2)
    key, _, then = line.partition(": ")
    now = CHANGES[line].partition(": ")[2]
    assert re.search(rf"{key}: {then} in .*000000008, {now} now$", error, re.MULTILINE), error
    assert (run / "losses.csv").read_bytes() == losses


def test_a_checkpoint_of_another_architecture_is_refused_at_its_first_layer(
    trained: Trained, ganctl: Callable[..., Any], tmp_path: Path
) -> None:
    """A manifest that pretends gets past the comparison of the experiments, and no further."""
    run = tmp_path / "run"
    shutil.copytree(trained.path, run)
    for path in (run / "config.yaml", *run.glob("checkpoints/*/manifest.json")):
        path.write_text(re.sub(r'(latent_dim"?: )4', r"\g<1>5", path.read_text()))
    losses = (run / "losses.csv").read_bytes()
    error = one_line(ganctl("resume", run, "--set", "training.iterations=12"), 1)
    assert "000.Dense.kernel of shape [5, 256] has shape [4, 256] in the file" in error
    assert error.endswith(f"ganctl train {run}/config.yaml --init-from {run}")
    assert (run / "losses.csv").read_bytes() == losses


def test_other_images_are_refused_on_resume(
    trained: Trained, ganctl: Callable[..., Any], shapes_npz: Path, tmp_path: Path
) -> None:
    run, other = tmp_path / "run", tmp_path / "other.npz"
    shutil.copytree(trained.path, run)
    with np.load(shapes_npz) as data:
        np.savez(other, images=data["images"][::-1], labels=data["labels"])
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace(str(shapes_npz), str(other)))
    assert "was trained on different images" in one_line(ganctl("resume", run, "--set", "training.iterations=12"), 1)


@pytest.mark.slow
def test_resume_falls_back_to_the_older_checkpoint_and_says_so(
    trained: Trained, longer: Trained, ganctl: Callable[..., Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained.path, run)
    (run / "checkpoints" / "000000008" / "generator.safetensors").write_bytes(b"")
    done = ganctl("resume", run, "--set", "training.iterations=12")
    clean(done)
    assert "000000008" in done.stdout
    assert "resuming    after iteration 4" in done.stdout
    assert (run / "losses.csv").read_bytes() == (longer.path / "losses.csv").read_bytes()


# --- usage


USAGE = [
    (["trian", "x"], "No such command 'trian'"),
    (["train"], "Missing argument 'CONFIG'"),
    (["train", "quickstart", "--iterations", "3"], "No such option"),
    (["train", "quickstrat"], "quickstrat does not exist. Did you mean 'quickstart'?"),
    (["train", "quickstart", "--run-name", "../../x"], "'../../x' is not a valid name for a run folder"),
    (["train", "quickstart", "--seed", "-1"], "seed: input should be greater than or equal to 0"),
    (["sample", "--checkpoint", "nowhere"], "nowhere does not exist"),
    (["sample", "--checkpoint", "nowhere", "--best"], "nowhere does not exist"),
    (["sample", "--checkpoint", "nowhere", "--num", "0"], "Invalid value for '--num'"),
    (["sample", "--checkpoint", "nowhere", "--num", "10000001"], "--num can be at most 10,000,000 images"),
    (
        ["sample", "--checkpoint", "nowhere", "--output", "x.gif"],
        "--output takes FILE.png, FILE.npz or a folder. Received: x.gif",
    ),
    (["sample", "--checkpoint", "nowhere", "--output", "x" * 300], "cannot be written: File name too long."),
    (
        ["sample", "--checkpoint", "nowhere", "--classes", "1,,2"],
        "'1,,2' is not a comma-separated list of classes",
    ),
    (["interpolate", "--checkpoint", "nowhere"], "nowhere does not exist"),
    (["interpolate", "--checkpoint", "nowhere", "--points", "1"], "Invalid value for '--points'"),
    (
        ["interpolate", "--checkpoint", "nowhere", "--points", "100", "--frames", "10"],
        "--points times --frames make 1,000 frames. A walk has at most 500.",
    ),
    (
        ["interpolate", "--checkpoint", "nowhere", "--output", "x.npz"],
        "--output takes FILE.png, FILE.gif or FILE.mp4. Received: x.npz",
    ),
    (["validate", "."], ". is a folder. Give a YAML file"),
]


@pytest.mark.parametrize(
    ("arguments", "answer"), USAGE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_wrong_usage_is_exit_code_2(
    arguments: list[str], answer: str, ganctl: Callable[..., Any], tmp_path: Path
) -> None:
    done = ganctl(*arguments)
    assert answer in clean(done, 2)
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_an_option_of_several_commands_says_the_same_in_all_of_them() -> None:
    """But for numbers and files that are of another kind."""
    context = click.Context(cli.commands)
    said: dict[str, set[str]] = {}
    for name in cli.commands.list_commands(context):
        command = cli.commands.get_command(context, name)
        assert command is not None, "what begins with _ is not a command"
        for option in command.params:
            if isinstance(option, click.Option):
                said.setdefault(option.opts[-1], set()).add(str(option.help))
    differing = {option for option, helps in said.items() if len(helps) > 1}
    sweep = {"--best", "--dry-run"}  # the best trial, not a checkpoint; a sweep's file, not a run's
    assert differing == {"--output", "--num", "--classes", "--set", "--seed", "--direction", *sweep}
    assert all(len(said[option]) == 2 for option in sweep)
    assert len(said["--direction"]) == 2, "from one kind of pictures to another; in latent space"
    assert len(said["--set"]) == len(said["--seed"]) == 2, "a run that is resumed; a whole run's seed"
    assert said["--json"] == {"Print JSON."}


@pytest.mark.parametrize("kind", ["models", "datasets", "losses"])
def test_listings_name_every_entry_and_where_it_comes_from(kind: str, ganctl: Callable[..., Any]) -> None:
    entries = json.loads(ganctl(f"list-{kind}", "--json").stdout)
    assert isinstance(entries, list)
    assert all(entry["name"] and entry["source"] and entry["summary"] for entry in entries)
    lines = ganctl(f"list-{kind}").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [entry["name"] for entry in entries]
    for line, entry in zip(lines, entries, strict=True):
        assert entry["source"] in line


def test_validate_shows_the_whole_experiment(ganctl: Callable[..., Any], tiny_yaml: WriteYaml) -> None:
    done = ganctl("validate", tiny_yaml(), "--show", "--set", "training.batch_size=6")
    assert clean(done) == ""
    assert "batch_size: 6" in done.stdout
    assert "frozen_batchnorm: moving" in done.stdout


def test_an_output_folder_that_cannot_be_is_refused_before_training(
    ganctl: Callable[..., Any], tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    for place in ("file", "file/below", "dangling"):
        assert "Cannot write a run folder" in one_line(ganctl("train", tiny_yaml(), "--output-dir", place), 2)
    assert not os.path.exists(tmp_path / "gone")
