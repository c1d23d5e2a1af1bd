"""vitals.csv: the figures are right, nothing of a run changes because they are measured, and old files go on."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from conftest import operation_by_operation, untracked
from small_runs import CPU, files_of, remembering_pair, train

from ganctl import models
from ganctl.build import resolving
from ganctl.errors import GanctlError
from ganctl.evaluation import pixel_figures
from ganctl.experiment.experiment import Experiment
from ganctl.game import state as game_state
from ganctl.game.game import Game
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.vitals_csv import SIGNS, columns_of, continued, read_vitals, row_line
from ganctl.training.prepared import Prepared

Small = Callable[..., Experiment]
PAIR = "remembering_pair_of_the_vitals"
COLUMNS = columns_of(["generator"])
HEADER = (",".join(COLUMNS) + "\n").encode()


@pytest.fixture(scope="module", autouse=True)
def _pair() -> Iterator[None]:
    with models.registry.temporarily(), operation_by_operation():
        models.registry.register(PAIR, source="this test")(remembering_pair)
        yield


def prepared(experiment: Experiment) -> Prepared:
    return Prepared.make(resolving.resolve(experiment), CPU, untracked)


def everything_of(game: Game) -> dict[str, np.ndarray]:
    return {
        f"{group}/{name}": array for group, found in game_state.collect(game).items() for name, array in found.items()
    }


def test_the_spread_is_the_mean_distance_of_all_pairs() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1), np.uint8)
    pairs = [np.square(images[i].astype(float) - images[j]).mean() for i in range(5) for j in range(5) if i != j]
    assert pixel_figures.spread(images) == pytest.approx(np.sqrt(np.mean(pairs)))
    assert pixel_figures.spread(images[:1]) == 0
    assert pixel_figures.distance(images, images + 3.0) == pytest.approx(3)


def test_the_nearest_other_image_is_near_among_twins() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6, 8, 8, 3), np.uint8)
    between = np.sqrt(np.square(images[:, None].astype(float) - images).mean(axis=(2, 3, 4)))
    np.fill_diagonal(between, np.inf)
    assert pixel_figures.nearest(images) == pytest.approx(between.min(axis=1).mean())
    assert pixel_figures.nearest(np.repeat(images, 2, axis=0)) == 0.0, "each has a twin"
    assert pixel_figures.spread(np.repeat(images, 2, axis=0)) > 50
    assert pixel_figures.nearest(images[:1]) == 0.0


def test_saturated_pixels_and_extremes() -> None:
    images = np.full((1, 10, 10, 1), 100, np.uint8)
    images[0, :2], images[0, 9] = (0, 255)
    assert pixel_figures.saturated(images) == pytest.approx(0.3)
    assert pixel_figures.extremes(images) == (0, 255)
    assert pixel_figures.extremes(np.full((2, 4, 4, 1), 7, np.uint8)) == (7, 7)


def test_a_checkerboard_stands_out_from_noise() -> None:
    noise = np.random.default_rng(0).normal(128, 20, (16, 32, 32, 1))
    board = 10.0 * (np.indices((32, 32)).sum(axis=0) % 2)[None, :, :, None]
    stripes = 10.0 * (np.arange(32) % 2)[None, None, :, None]
    assert pixel_figures.checkerboard(noise) == pytest.approx(1, abs=0.5)
    assert pixel_figures.checkerboard(noise + board) > 5
    assert pixel_figures.checkerboard(noise + stripes) > 5
    assert pixel_figures.checkerboard(noise[:, :8]) is None


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "vitals.csv"
    values = {
        "iteration": 5,
        "lite0_diversity": 0.25,
        "low": None,
        "lite0_change": float("nan"),
        "update_generator": 1e-9,
    }
    path.write_bytes(HEADER + row_line(COLUMNS, values) + b"10,0.5")
    found = read_vitals(path)
    assert found.columns == tuple(COLUMNS)
    assert found.column("iteration").tolist() == [5]
    assert found.column("lite0_diversity").tolist() == [0.25]
    assert found.column("update_generator").tolist() == [1e-9]
    assert np.isnan([found.column(name)[0] for name in ("low", "lite0_change", "no_such_column")]).all()
    assert len(read_vitals(tmp_path / "none.csv").rows) == 0


@pytest.mark.parametrize("content", [b"", b"\xff\n1\n", b"nonsense", b"iteration,x\nmuch,1\n1\n,2\n"])
def test_a_damaged_file_has_no_rows(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "vitals.csv").write_bytes(content)
    assert len(read_vitals(tmp_path / "vitals.csv").rows) == 0


def test_rows_after_the_checkpoint_are_dropped_and_new_columns_are_empty() -> None:
    rows = [row_line(COLUMNS, {"iteration": step, "low": 1}) for step in (0, 2, 4)]
    assert continued(HEADER + b"".join(rows) + b"6,", COLUMNS, 3) == HEADER + rows[0] + rows[1]
    assert continued(b"", COLUMNS, 3) == HEADER
    assert continued(b"iteration,low\n0,1\n2,1\n4,1\n", COLUMNS, 3) == HEADER + rows[0] + rows[1]
    with pytest.raises(GanctlError, match="other columns"):
        continued(b"iteration,of_tomorrow\n0,1\n", COLUMNS, 3)


def test_measuring_changes_nothing(small_experiment: Small) -> None:
    made = prepared(small_experiment(PAIR, {"training.ema": 0.9, "dataset.holdout": 0.1}))
    signs, before = made._vital_signs(made.game), everything_of(made.game)
    drawn = signs.draw()
    figures = signs.figures(drawn, None, None)
    after = everything_of(made.game)
    assert all(np.array_equal(after[name], array) for name, array in before.items())
    assert figures["training_gap"] > 0, "BatchNorm"
    assert not {"latent_effect", "class_effect"} & figures.keys(), "the generator takes no classes"
    assert {"score_real", "score_held_out", "score_fake"} <= figures.keys()
    assert figures.keys() <= SIGNS.keys()
    assert np.array_equal(signs.draw().images, drawn.images)
    kept = game_state.collect_network(made.game, signs.role)
    assert np.array_equal(signs.draw_with(kept, "the test"), drawn.images)
    changed = {name: array + 1 for name, array in kept.items()}
    assert not np.array_equal(signs.draw_with(changed, "the test"), drawn.images)
    assert all(np.array_equal(everything_of(made.game)[name], array) for name, array in before.items())


def test_latent_vector_and_class_are_changed_one_at_a_time(small_experiment: Small) -> None:
    made = prepared(small_experiment("sngan", {"dataset.image_size": 32}))
    signs = made._vital_signs(made.game)
    network, random = made.game.networks[signs.role], np.random.default_rng(0)
    figures = signs.figures(signs.draw(), None, None)
    assert figures["latent_effect"] > 0
    assert figures["class_effect"] == 0, "before the first iteration, all classes have the same BatchNorm"
    kept = game_state.collect_network(made.game, signs.role)
    noisy = {name: array + 0.1 * random.normal(size=array.shape) for name, array in kept.items()}
    game_state.restore_network(network, noisy, "the test")
    assert signs.figures(signs.draw(), None, None)["class_effect"] > 0


@pytest.fixture(scope="module")
def whole(small_experiment: Small, tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, RunFolder]:
    outputs = {"checkpoint_every": 1, "keep": 9, "sample_every": 2, "sample_grid": "2x2"}
    experiment = small_experiment(PAIR, {"training.iterations": 5, "outputs": outputs})
    folder = RunFolder.create(tmp_path_factory.mktemp("vitals"), "whole", explicit=True)
    train(experiment, folder)
    return experiment, folder


def test_a_row_stands_at_every_grid(whole: tuple[Experiment, RunFolder]) -> None:
    _, folder = whole
    found = read_vitals(folder.vitals)
    assert found.column("iteration").tolist() == [0, 2, 4, 5] == sorted(folder.sample_grids)
    assert np.isnan(found.column("lite0_diversity")).all(), "without an evaluation no features are computed"
    assert np.isnan(found.column("pixel_change")).tolist() == [True, False, False, False]
    assert np.isnan(found.column("update_generator")).tolist() == [True, False, False, True]


@pytest.mark.parametrize("role", ["generator", "discriminator"])
def test_the_update_is_what_one_iteration_changed(role: str, whole: tuple[Experiment, RunFolder]) -> None:
    _, folder = whole
    before, after = (safetensors.numpy.load_file(folder.checkpoint(step) / f"{role}.safetensors") for step in (3, 4))
    trained = [name for name in after if name.split(".")[-1] in ("kernel", "bias", "gamma", "beta")]
    norm = np.sqrt(sum(np.square(after[name].astype(float)).sum() for name in trained))
    change = np.sqrt(sum(np.square(after[name].astype(float) - before[name]).sum() for name in trained))
    found = read_vitals(folder.vitals)
    row = found.column("iteration").tolist().index(4)
    assert found.column(f"weight_norm_{role}")[row] == pytest.approx(norm, rel=1e-4)
    assert found.column(f"update_{role}")[row] == pytest.approx(change / norm, rel=1e-3)


def test_nothing_else_of_a_run_depends_on_it(
    whole: tuple[Experiment, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, folder = whole
    without = RunFolder.create(tmp_path, "without", explicit=True)

    def fails(*_: Any) -> None:
        raise OSError("no signs today")

    monkeypatch.setattr("ganctl.training.hooks.vitals.VitalsCsv.start", fails)
    train(experiment, without)
    expected, found = files_of(folder), files_of(without)
    assert expected.keys() - found.keys() == {"vitals.csv"}
    assert all(expected[name] == content for name, content in found.items())
    assert "Warning: VitalsCsv failed after iteration 0; training continues: no signs today" in without.log.read_text()


def test_a_generator_file_that_is_gone_leaves_a_cell_empty(whole: tuple[Experiment, RunFolder], tmp_path: Path) -> None:
    import shutil

    from small_runs import resume

    experiment, folder = whole
    copy = RunFolder(tmp_path / "copy")
    shutil.copytree(folder.path, copy.path)
    for step in (4, 5):
        shutil.rmtree(copy.checkpoint(step))
    expected = copy.vitals.read_bytes()
    resume(experiment, copy)
    assert copy.vitals.read_bytes() == expected
    for step in (4, 5):
        shutil.rmtree(copy.checkpoint(step))
    copy.generator(2).unlink()
    resume(experiment, copy)
    changes = read_vitals(copy.vitals).column("pixel_change")
    assert np.isnan(changes).tolist() == [True, False, True, False]
    assert json.loads((copy.checkpoint(5) / "manifest.json").read_text())["step"] == 5
