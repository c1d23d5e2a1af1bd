"""A run that diverges ends with exit code 4: iteration and term named, the last good checkpoint untouched."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_runs import files_of, train

from ganctl import cli
from ganctl.errors import DivergedError
from ganctl.experiment.experiment import Experiment
from ganctl.game import Player, Term, Turn
from ganctl.lazy import keras
from ganctl.run_folder import checkpoint
from ganctl.run_folder.paths import RunFolder
from ganctl.training.divergence import MAX_LOSS, find_divergence
from ganctl.training.hooks import Hook, RunInPlay

EVERY = 2
OUTPUTS = {"checkpoint_every": EVERY, "sample_every": EVERY, "sample_grid": "2x2"}

Small = Callable[..., Experiment]


def diverged(experiment: Experiment, folder: RunFolder, *hooks: Hook) -> str:
    with pytest.raises(DivergedError) as caught:
        train(experiment, folder, *hooks)
    assert caught.value.exit_code == 4
    return str(caught.value)


@pytest.mark.parametrize(
    ("loss", "term"),
    [
        ("poison_discriminator", "d_loss_fake"),
        pytest.param("poison_generator", "g_adversarial", marks=pytest.mark.slow),
        pytest.param("poison_gradient", "d_grad_norm", marks=pytest.mark.slow),
    ],
)
def test_nan_in_one_loss_or_gradient_is_named_and_nothing_is_saved_after_it(
    loss: str, term: str, small_experiment: Small, tmp_path: Path
) -> None:
    from plugins import poison  # registered here, and not while tests are collected: others walk the registries

    experiment = small_experiment("dense_gan", {"training.iterations": 20, "loss": {"name": loss}, "outputs": OUTPUTS})
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    message = diverged(experiment, folder)
    assert message.startswith(f"Iteration {poison.HEALTHY + 1}: {term} is nan.")
    assert "untouched" in message
    saved, problems = checkpoint.load_newest(folder.checkpoints)
    assert (saved.step, problems) == (poison.HEALTHY // EVERY * EVERY, [])
    assert all(np.isfinite(array).all() for group in saved.groups.values() for array in group.values())


class Poisons(Hook):
    """Makes a weight NaN after some iterations."""

    every = 5
    vital = True

    def __init__(self, role: str, kind: type, name: str) -> None:
        self._where = role, kind, name

    def act(self, run: RunInPlay, step: int) -> None:
        role, kind, name = self._where
        layer = next(layer for layer in run.game.networks[role].layers if isinstance(layer, kind))
        variable = getattr(layer, name)
        variable.assign(variable * np.nan)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weight", "named"),
    [
        (("discriminator", keras.layers.Dense, "kernel"), r"Iteration 6: d_loss_\w+ is nan"),
        (("generator", keras.layers.Dense, "kernel"), r"Iteration 6: d_loss_fake is nan"),
        (("generator", keras.layers.BatchNormalization, "moving_mean"), r"Iteration 6: d_loss_fake is nan"),
        (("generator_ema", keras.layers.Dense, "bias"), r"Iteration 6: the weight \d+\.Dense\.bias of generator_ema"),
    ],
    ids=lambda value: "-".join(map(str, (value[0], value[2]))) if isinstance(value, tuple) else "",
)
def test_nan_in_a_weight_is_found_by_what_it_spoils_or_before_it_is_saved(
    weight: tuple[str, type, str], named: str, small_experiment: Small, tmp_path: Path
) -> None:
    changes = {"training.iterations": 20, "training.ema": 0.9, "outputs": OUTPUTS}
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    message = diverged(small_experiment("dense_gan", changes), folder, Poisons(*weight))
    assert re.match(named, message), message
    before = files_of(folder)
    assert checkpoint.load_newest(folder.checkpoints)[0].step == 4
    assert not any("000000006" in name for name in before), "no picture, generator or checkpoint of it is written"


def test_a_learning_rate_of_100_is_divergence(
    small_experiment: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    rate = {"learning_rate": 100.0}
    optimizers = {"generator": rate, "discriminator": rate}
    experiment = small_experiment("dense_gan", {"training.iterations": 50, "optimizer": optimizers})
    (tmp_path / "wild.yaml").write_text(experiment.to_yaml())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        cli.main(["train", "wild.yaml", "--quiet"])
    assert left.value.code == 4
    error = capfd.readouterr().err
    assert re.match(r"Error: Iteration \d+: [dg]_\w+ is \S+\. The training has diverged", error), error
    assert "Try lower learning rates." in error


def test_a_penalty_with_a_huge_weight_is_named_and_not_the_total(small_experiment: Small, tmp_path: Path) -> None:
    loss = {"name": "minimax", "penalties": [{"name": "r1", "weight": 1e14}]}
    experiment = small_experiment("dense_gan", {"training.iterations": 4, "loss": loss})
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    message = diverged(experiment, folder)
    assert re.match(r"Iteration \d: r1 is \S+, times its weight of 1e\+14 \S+, and d_loss is ", message), message
    assert message.endswith("Try a smaller weight of r1, or lower learning rates.")


def player(name: str, *terms: str, **weighted: float) -> Player:
    weights = {**dict.fromkeys(terms, 1.0), **weighted}
    turn = Turn(name, None, [Term(term, None, weight) for term, weight in weights.items()])  # type: ignore[arg-type]
    return Player(name, name[0], [], None, [turn])


PLAYERS = [player("discriminator", "d_real", "d_fake", r1=1e6), player("generator", "g_adversarial")]
COLUMNS = ["d_loss", "d_grad_norm", "d_real", "d_fake", "r1", "g_loss", "g_grad_norm", "g_adversarial"]


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({}, None),
        ({"d_grad_norm": 1e30}, None),
        ({"g_loss": MAX_LOSS / 2}, None),
        ({"g_loss": -2 * MAX_LOSS}, "g_loss"),
        ({"d_loss": 3e8, "r1": 300.0, "d_real": 9e5}, "r1"),
        ({"d_loss": 1.1e8, "r1": 10.0, "d_real": 9.9e7}, "d_real"),
        ({"d_loss": np.inf, "r1": 5e7}, "d_loss"),
        ({"d_loss": np.nan, "r1": 300.0}, "d_loss"),
        ({"d_grad_norm": np.inf, "g_loss": np.nan}, "d_grad_norm"),
        ({"d_loss": np.nan, "d_fake": np.nan, "d_grad_norm": np.nan, "g_adversarial": np.nan}, "d_fake"),
        ({"g_loss": np.nan, "g_adversarial": np.inf}, "g_adversarial"),
    ],
)
def test_the_cause_is_named_and_not_what_it_led_to(bad: dict[str, float], named: str | None) -> None:
    rows = np.ones((3, len(COLUMNS)), np.float32)
    rows[1] = [bad.get(name, 1.0) for name in COLUMNS]
    found = find_divergence(rows, COLUMNS, PLAYERS)
    assert (found and (found.row, found.name)) == (named and (1, named))
