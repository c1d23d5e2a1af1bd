"""Runs of earlier versions: they draw the same images, to one grey level, and can be gone on with."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from conftest import RunCli, operation_by_operation, shipped, slow_but, untracked
from make_archived_runs import ARCHIVES, LEAST_SPREAD, MOST_BYTES, SAMPLES, SEED, STEPS
from small_runs import CPU

import ganctl
from ganctl import models
from ganctl.build import resolving
from ganctl.run_folder.paths import RunFolder
from ganctl.training.prepared import Prepared
from ganctl.training.resuming import restore_newest

MODELS = [entry.name for entry in shipped(models.registry)]


@pytest.fixture
def run(model: str, tmp_path: Path) -> Path:
    path = ARCHIVES / f"{model}.tar.xz"
    assert path.is_file(), f"the model {model} has no archived run: python tests/make_archived_runs.py {model}"
    assert path.stat().st_size < MOST_BYTES
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path / model, filter="data")
    return tmp_path / model


def differences(run: Path, images: np.ndarray) -> np.ndarray:
    """By how many grey levels images are not those that the archived version drew."""
    expected = np.load(run / "expected.npz")["images"].astype(int)
    assert expected.std(axis=0).mean() > LEAST_SPREAD
    return np.abs(expected - images)


@pytest.mark.parametrize("model", slow_but(["dcgan", "infogan", "acgan_mnist"], MODELS))
def test_an_archived_run_draws_what_it_drew(model: str, run: Path) -> None:
    loaded, content = ganctl.load(run), np.load(run / "expected.npz")
    drawn = loaded.translate(content["given"]) if "given" in content else loaded.sample(SAMPLES, seed=SEED)
    assert differences(run, np.asarray(drawn)).max() <= 1


@pytest.mark.parametrize("model", slow_but(["dcgan", "infogan"], MODELS))
def test_an_archived_run_goes_on(model: str, run: Path) -> None:
    folder = RunFolder.open(run)
    prepared = Prepared.make(resolving.load_parts(folder.config), CPU, untracked)
    assert restore_newest(prepared, folder) == []
    assert int(prepared.game.step.numpy()) == STEPS
    with operation_by_operation():
        (row,) = prepared.game.play(prepared.game.chunk(STEPS, 1)).numpy()
    measured = dict(zip(prepared.game.columns, row, strict=True))
    assert all(np.isfinite(measured[name]) for name in prepared.game.stages.at(STEPS).columns)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["dcgan", "acgan_mnist"])
def test_the_command_draws_what_it_drew(model: str, run: Path, run_cli: RunCli, tmp_path: Path) -> None:
    arguments = ("--num", SAMPLES, "--seed", SEED, "--output", tmp_path / "a.npz")
    done = run_cli("sample", "--checkpoint", run, *arguments)
    assert done.returncode == 0, done.stderr
    assert differences(run, np.load(tmp_path / "a.npz")["images"]).max() <= 1


def test_every_archive_is_of_a_model() -> None:
    assert {path.name.partition(".")[0] for path in ARCHIVES.iterdir()} == set(MODELS)
