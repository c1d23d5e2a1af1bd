"""Whether XLA compiles the rounds: measured where it may win, off where it loses or fails, and the same training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import NOTHING, Overrides, untracked
from small_runs import KilledAfter, files_of, resume, train

from ganctl.build import resolving
from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.game import Game
from ganctl.host.cache_root import cache_root
from ganctl.host.device import Device
from ganctl.planning import xla
from ganctl.planning.probe import CLEARLY_FASTER
from ganctl.run_folder.paths import RunFolder
from ganctl.training.prepared import Prepared

Small = Callable[..., Experiment]
GPU = Device("GPU:0 of a test", "for the test")  # what it stands for is computed on the CPU, which has XLA, too


@pytest.fixture(autouse=True)
def _nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCTL_CACHE", str(tmp_path / "cache"))


def makers(
    small_game: Callable[..., Game], model: str, made: list[bool], changes: Overrides = NOTHING
) -> Callable[[bool], Game]:
    """What makes the game of a model, and notes that it did."""

    def make(on: bool) -> Game:
        made.append(on)
        return small_game(model, {**changes, "training.xla": on})

    return make


def test_convolutions_on_a_cpu_are_never_tried_and_not_looked_for_again(small_game: Callable[..., Game]) -> None:
    made: list[bool] = []
    for _ in range(2):
        assert xla.worth_xla(makers(small_game, "dcgan", made), "CPU", "x") == (False, xla.CONVOLUTIONS)
    assert made == [False]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "device", "ratio"),
    [
        ("dense_gan", "CPU", CLEARLY_FASTER - 0.05),
        ("dense_gan", "CPU", CLEARLY_FASTER + 0.05),
        ("dense_gan", GPU.name, CLEARLY_FASTER + 0.05),
        ("dcgan", GPU.name, CLEARLY_FASTER - 0.05),
    ],
)
def test_it_is_measured_once_and_taken_where_it_is_clearly_faster(
    model: str, device: str, ratio: float, small_game: Callable[..., Game], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bool] = []
    times = iter([ratio, 1.0])
    monkeypatch.setattr(xla, "seconds_per_round", lambda game: next(times))
    for _ in range(2):
        on, reason = xla.worth_xla(makers(small_game, model, made), device, "x")
        assert on == (ratio > CLEARLY_FASTER)
        assert reason.startswith(f"measured: {ratio:.2f} times as fast with it, after ")
    assert made == [False, True]


def prepared(experiment: Experiment, device: Device) -> Prepared:
    return Prepared.make(resolving.resolve(experiment), device, untracked)


@pytest.mark.slow
def test_a_real_measurement_says_what_it_found_and_is_written_out(small_experiment: Small) -> None:
    for model in ("dense_gan", "dcgan"):
        made = prepared(small_experiment(model, {"training.xla": "auto"}), GPU)
        assert made.experiment.training.xla in (True, False)
        assert "times as fast with it" in made.xla_reason
        assert made.describe([])["xla"] == {
            "name": "on" if made.experiment.training.xla else "off",
            "reason": made.xla_reason,
        }


@pytest.mark.slow
def test_what_xla_cannot_compile_is_played_without_it_and_one_line_says_why(small_experiment: Small) -> None:
    from plugins import uncompilable  # noqa: F401 (importing registers it)

    changes = {"loss": {"name": "plugin_uncompilable"}, "training.xla": "auto"}
    made = prepared(small_experiment("dense_gan", changes), GPU)
    assert made.experiment.training.xla is False
    assert made.xla_reason.startswith("it fails here: ")
    assert "\n" not in made.xla_reason
    assert np.isfinite(made.game.play(made.game.chunk(0, 2)).numpy()).all()
    assert not list((cache_root() / "xla").glob("*")), "what XLA misses may be installed"


@pytest.mark.slow
@pytest.mark.parametrize("model", ["dense_gan", "dcgan"])
def test_a_compiled_game_plays_the_same(model: str, small_game: Callable[..., Game]) -> None:
    """Up to rounding; Adam's first steps would follow the sign of gradients that are rounding and nothing else."""
    changes = {f"optimizer.{player}": {"name": "sgd"} for player in ("generator", "discriminator")}
    games = map(makers(small_game, model, [], changes), (False, True))
    rows = [game.play(game.chunk(0, 3)).numpy() for game in games]
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_killed_run_under_xla_ends_like_one_that_was_not(small_experiment: Small, tmp_path: Path) -> None:
    outputs = {"checkpoint_every": 8, "sample_every": 10, "sample_grid": "2x2"}
    experiment = small_experiment("dense_gan", {"training.xla": True, "training.iterations": 20, "outputs": outputs})
    whole, killed = RunFolder.create(tmp_path, "whole", explicit=True), RunFolder(tmp_path / "killed")
    train(experiment, whole, KilledAfter(11, killed.path))
    assert resume(experiment, killed) == []
    assert files_of(killed) == files_of(whole)


@pytest.mark.parametrize("wrong", ["yes", 1, None])
def test_only_auto_true_and_false_are_taken(wrong: Any, small_experiment: Small) -> None:
    with pytest.raises(ConfigurationError, match=r"training\.xla"):
        small_experiment("dense_gan", {"training.xla": wrong})
