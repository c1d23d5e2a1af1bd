"""The event files: losses, metrics and sample grids, each once, also of a run that was resumed."""

import csv
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import untracked
from small_runs import CPU, KilledAfter, train

from ganctl.build import resolving
from ganctl.experiment.experiment import Experiment
from ganctl.lazy import tf
from ganctl.run_folder.metrics_csv import COLUMNS, line
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks import Hook, RunInPlay
from ganctl.training.prepared import Prepared
from ganctl.training.resuming import restore_newest

Small = Callable[..., Experiment]


class Evaluations(Hook):
    """Leaves rows in metrics.csv as an evaluation does, and takes those beyond the checkpoint away when resumed."""

    every = 3

    def start(self, run: RunInPlay, step: int) -> None:
        rows = run.folder.metrics.read_text().splitlines(keepends=True)[1:] if run.folder.metrics.exists() else []
        kept = [row for row in rows if int(row.split(",")[0]) <= step]
        run.folder.metrics.write_text("".join([line(COLUMNS), *kept]))

    def act(self, run: RunInPlay, step: int) -> None:
        row = {"iteration": step, "kid": step / 8, "recall": 0.5, "features": "lite0", "num": 64}
        with run.folder.metrics.open("a") as file:
            file.write(line(row.get(name) for name in COLUMNS))


def events(folder: RunFolder) -> dict[str, list[tuple[int, Any, Any]]]:
    """What the event files hold, by tag, in the order of writing: step, plugin and value."""
    found = defaultdict(list)
    for path in sorted(folder.tensorboard.iterdir(), key=lambda path: path.stat().st_mtime):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                # The plugin stands with the first value of a tag only.
                found[value.tag].append(
                    (event.step, value.metadata.plugin_data.plugin_name, tf.make_ndarray(value.tensor))
                )
    return found


def test_losses_metrics_and_grids_are_written(small_experiment: Small, tmp_path: Path) -> None:
    changes = {"training.iterations": 6, "outputs": {"tensorboard": True, "sample_every": 2, "sample_grid": "2x3"}}
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    train(small_experiment("dense_gan", changes), folder, Evaluations())
    found = events(folder)

    with folder.losses.open() as file:
        rows = list(csv.DictReader(file))
    for name in ("d_loss", "g_loss"):
        assert [step for step, _, _ in found[name]] == [1, 2, 3, 4, 5, 6]
        np.testing.assert_allclose([value for *_, value in found[name]], [float(row[name]) for row in rows], rtol=1e-6)
    assert [(step, float(value)) for step, _, value in found["metrics/kid"]] == [(3, 0.375), (6, 0.75)]
    assert [(step, float(value)) for step, _, value in found["metrics/recall"]] == [(3, 0.5), (6, 0.5)]
    assert {tag for tag in found if tag.startswith("metrics/")} == {"metrics/kid", "metrics/recall"}
    assert {found[tag][0][1] for tag in ("d_loss", "metrics/kid")} == {"scalars"}
    assert found["samples"][0][1] == "images"
    for step, (where, _, (width, height, content)) in zip((0, 2, 4, 6), found["samples"], strict=True):
        assert where == step
        assert content == folder.sample_grid(step).read_bytes()
        assert tf.io.decode_png(content).shape[:2] == (int(height), int(width))


@pytest.mark.slow
def test_a_resumed_run_repeats_only_what_came_after_its_checkpoint(small_experiment: Small, tmp_path: Path) -> None:
    outputs = {"tensorboard": True, "sample_every": 2, "checkpoint_every": 4}
    experiment = small_experiment("dense_gan", {"training.iterations": 8, "outputs": outputs})
    whole, killed = RunFolder.create(tmp_path, "whole", explicit=True), RunFolder(tmp_path / "killed")
    train(experiment, whole, Evaluations(), KilledAfter(7, killed.path))
    before = events(killed)
    prepared = Prepared.make(resolving.resolve(experiment), CPU, untracked)
    assert restore_newest(prepared, killed) == []
    prepared.trainer(killed, [Evaluations()]).train()
    expected, found = events(whole), events(killed)
    assert found.keys() == expected.keys()
    for tag, values in expected.items():
        again = [(step, value.tolist()) for step, _, value in found[tag][len(before[tag]) :]]
        assert again == [(step, value.tolist()) for step, _, value in values if step > 4], tag
    assert 6 in [step for step, *_ in before["metrics/kid"]], "so that it comes again"
