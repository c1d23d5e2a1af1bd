"""The first README command: real clothes come out of it, judged by something other than hope."""

import csv
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from sample_judge import SampleJudge

from benchmarks.recipes import Score
from ganctl.build import resolving
from ganctl.datasets import registry as datasets
from ganctl.experiment.packaged_configs import find_config
from ganctl.host.device import Device
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks import Hook, RunInPlay
from ganctl.training.prepared import Prepared


@pytest.fixture(scope="module")
def judge() -> SampleJudge:
    config = resolving.load_experiment(find_config("quickstart")).dataset
    images = datasets.get("fashion_mnist_mini").make(config, lambda sequence, description, total: sequence)
    trained = SampleJudge(images.images, images.labels)
    assert trained.accuracy > 0.82
    trained.images = images.images
    return trained


@pytest.mark.slow
def test_the_judge_fails_what_is_no_good(judge: SampleJudge) -> None:
    real, random = judge.images[:1000], np.random.default_rng(0)
    assert not judge.judge(np.zeros_like(real)).good, "blank"
    assert not judge.judge(np.repeat(real[:1], 1000, axis=0)).good, "constant"
    assert not judge.judge(random.integers(0, 256, real.shape).astype(np.uint8)).good, "noise"
    assert not judge.judge(real).good, "copies of training images"
    noisy = np.clip(real.astype(int) + random.integers(-4, 5, real.shape), 0, 255).astype(np.uint8)
    assert not judge.judge(noisy).good, "nearly copies"


@pytest.mark.slow
def test_the_quickstart_draws_all_ten_kinds_of_clothes(judge: SampleJudge, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ganctl", "train", "quickstart", "--quiet", "--output-dir", str(tmp_path)]
    began = time.monotonic()
    subprocess.run(command, check=True, cwd=tmp_path)
    print(f"quickstart: {time.monotonic() - began:.0f} s")
    with (tmp_path / "quickstart" / "metrics.csv").open(encoding="utf-8") as file:
        distances = [float(row["kid"]) for row in csv.DictReader(file)]
    print(f"KID-Lite0: {distances}")
    assert len(distances) == 3
    assert distances[0] > distances[-1]
    recorded = Score.read(find_config("quickstart").read_text("utf-8"), "quickstart.yaml")
    assert distances[-1] < recorded.kid + 3 * recorded.deviation
    samples = tmp_path / "samples.npz"
    command = [sys.executable, "-m", "ganctl", "sample", "--checkpoint", str(tmp_path / "quickstart")]
    subprocess.run([*command, "--num", "1000", "--output", str(samples)], check=True, cwd=tmp_path)
    verdict = judge.judge(np.load(samples)["images"])
    print(verdict)
    assert verdict.class_shares.min() >= 0.03
    assert verdict.confidence > 0.7
    assert verdict.good


SMALL = """
dataset: {name: fashion_mnist_mini, image_size: 8}
model: {name: dense_gan}
training: {iterations: 5000, batch_size: 8, precision: float32, xla: false}
outputs: {sample_grid: 2x2, sample_every: 100, checkpoint_every: 500}
"""


class Memory(Hook):
    """Notes the resident memory."""

    every = 1000

    def __init__(self) -> None:
        self.noted: list[int] = []

    def act(self, run: RunInPlay, step: int) -> None:
        self.noted.append(psutil.Process().memory_info().rss)


@pytest.mark.slow
def test_memory_is_flat_and_one_trace_serves_5000_iterations(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    experiment = resolving.load_experiment(tmp_path / "small.yaml")
    prepared = Prepared.make(
        resolving.resolve(experiment), Device("CPU", "as asked"), lambda sequence, description, total: sequence
    )
    memory = Memory()
    prepared.trainer(RunFolder.create(tmp_path, "run", explicit=True), [memory]).train()
    assert prepared.game.play.experimental_get_tracing_count() == 1
    growth = memory.noted[-1] - memory.noted[1]
    assert growth < 20e6, f"{[round(m / 1e6) for m in memory.noted]} MB"
