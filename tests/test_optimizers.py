"""Learning rates as functions of the round, against their formulas, in whatever game."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ganctl.build.optimizers import make_optimizer, set_steps_per_iteration
from ganctl.experiment.sections import OptimizerSection
from ganctl.game import Game
from ganctl.lazy import keras

pytestmark = pytest.mark.usefixtures("uncompiled")

ROUNDS, RATE = 20, 0.5
FALLING: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": lambda x: np.ones_like(x),
    "linear": lambda x: 1 - x,
    "cosine": lambda x: (1 + np.cos(np.pi * x)) / 2,
}


def rates(optimizer: Any, steps: int) -> np.ndarray:
    found = []
    for step in range(steps):
        optimizer.iterations.assign(step)
        found.append(float(optimizer.learning_rate))
    return np.array(found)


@pytest.mark.parametrize("steps_each_round", [1, 2, 5])
@pytest.mark.parametrize("warmup", [0, 1, 7])
@pytest.mark.parametrize("schedule", FALLING)
def test_a_rate_is_its_formula_and_the_same_in_all_steps_of_a_round(
    schedule: str, warmup: int, steps_each_round: int
) -> None:
    section = OptimizerSection(name="sgd", learning_rate=RATE, schedule=schedule, warmup=warmup)
    optimizer = make_optimizer(section, rounds=ROUNDS)
    set_steps_per_iteration(optimizer, steps_each_round)
    number = np.repeat(np.arange(ROUNDS + 3), steps_each_round)
    rising = np.minimum(1.0, (number + 1) / warmup) if warmup else 1.0
    expected = RATE * rising * FALLING[schedule](np.minimum(number / ROUNDS, 1.0))
    np.testing.assert_allclose(rates(optimizer, len(number)), expected, atol=1e-6)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_a_schedule_that_is_held_falls_from_there_to_zero(schedule: str) -> None:
    section = OptimizerSection(name="sgd", learning_rate=RATE, schedule=schedule, hold=0.6)
    found = rates(make_optimizer(section, rounds=ROUNDS), ROUNDS + 3)
    np.testing.assert_array_equal(found[:13], np.full(13, RATE, np.float32))
    np.testing.assert_allclose(found[12 : ROUNDS + 1], RATE * FALLING[schedule](np.arange(9) / 8), atol=1e-6)
    np.testing.assert_allclose(found[ROUNDS:], 0.0, atol=1e-6)


def test_only_a_schedule_is_held() -> None:
    with pytest.raises(ValidationError, match="hold applies only with a schedule"):
        OptimizerSection(hold=0.5)


def test_decay_counts_steps_with_a_schedule_and_without() -> None:
    for schedule in ("constant", "linear"):
        section = OptimizerSection(name="sgd", learning_rate=RATE, schedule=schedule, decay=0.1)
        optimizer = make_optimizer(section, rounds=ROUNDS)
        set_steps_per_iteration(optimizer, 2)
        step = np.arange(12)
        np.testing.assert_allclose(
            rates(optimizer, 12), RATE * FALLING[schedule](step // 2 / ROUNDS) / (1 + 0.1 * step), rtol=1e-6
        )


@pytest.mark.parametrize("rewrites", [False, True])
@pytest.mark.parametrize("name", ["adam", "rmsprop", "sgd"])
def test_every_optimizer_moves_at_the_rate_of_its_schedule(
    name: str, rewrites: bool, small_game: Callable[..., Game]
) -> None:
    """Of a rate that is at zero nothing moves any more; before that everything does."""
    sections = {player: {"name": name, "schedule": "linear"} for player in ("generator", "discriminator")}
    game = small_game("dense_gan", {"optimizer": sections, "training.iterations": 2, "training.rewrites": rewrites})

    def weights() -> list[np.ndarray]:
        return [v.numpy() for player in game.players for v in game.moved[player.name] if v.name == "kernel"]

    start = weights()
    game.play(game.chunk(0, 2))
    end = weights()
    game.play(game.chunk(2, 1))
    assert all((a != b).any() for a, b in zip(start, end, strict=True))
    assert all((a == b).all() for a, b in zip(end, weights(), strict=True))


def test_a_round_is_a_round_whatever_it_is_made_of(small_game: Callable[..., Game]) -> None:
    """Three updates on real and three on fake images are six steps of the discriminator, two of the generator."""
    sections = {player: {"schedule": "linear"} for player in ("generator", "discriminator")}
    game = small_game(
        "dense_gan",
        {
            "optimizer": sections,
            "training.iterations": 10,
            "training.disc_updates": 3,
            "training.gen_updates": 2,
            "training.discriminator_batches": "separate",
        },
    )
    game.play(game.chunk(0, 4))
    for player, steps in zip(game.players, (24, 8), strict=True):
        assert int(player.optimizer.iterations.numpy()) == steps
        assert float(player.optimizer.learning_rate) == pytest.approx(2e-4 * 0.6, rel=1e-5)


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_a_fused_optimizer_is_the_one_of_keras_with_the_same_variables(name: str) -> None:
    """In the same order and of the same names, so that a checkpoint fits either."""

    def built(fused: bool) -> Any:
        variables = [keras.Variable(np.ones((2, 3)), name="kernel"), keras.Variable(1.0, name="scale")]
        optimizer = make_optimizer(OptimizerSection(name=name), fused=fused)
        optimizer.build(variables)
        return optimizer

    plain, fused = built(False), built(True)
    start, _, number = built(False).name.rpartition("_")
    assert fused.name == f"{start}_{int(number) - 1}", "counted with the plain ones"
    assert issubclass(type(fused), type(plain))
    assert type(fused) is not type(plain)
    assert vars(fused).keys() >= vars(plain).keys()
    assert "update_step" not in vars(fused), "overridden by the class, not patched"
    assert [(v.name, v.shape, v.dtype) for v in fused.variables] == [
        (v.name, v.shape, v.dtype) for v in plain.variables
    ]


@pytest.mark.parametrize("name", ["adam", "rmsprop", "sgd"])
def test_an_optimizer_with_a_schedule_comes_back_from_its_config(name: str) -> None:
    section = OptimizerSection(name=name, learning_rate=RATE, schedule="cosine", warmup=3, decay=0.1)
    optimizer = make_optimizer(section, fused=True, rounds=ROUNDS)
    set_steps_per_iteration(optimizer, 2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert type(again) is type(optimizer)
    np.testing.assert_array_equal(rates(again, 12), rates(optimizer, 12))


def test_an_optimizer_of_a_plugin_s_own_is_left_alone() -> None:
    optimizer = keras.optimizers.SGD(RATE)
    set_steps_per_iteration(optimizer, 5)
    np.testing.assert_array_equal(rates(optimizer, 3), [RATE] * 3)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_momentum_adds_a_share_of_the_last_step(momentum: float) -> None:
    """v = m v - rate * gradient, w = w + v (Polyak 1964)."""
    variable = keras.Variable([1.0, -2.0])
    optimizer = make_optimizer(OptimizerSection(name="sgd", learning_rate=0.1, momentum=momentum))
    optimizer.build([variable])
    weights, speed = np.array([1.0, -2.0]), np.zeros(2)
    for gradient in ([1.0, 2.0], [0.5, -1.0], [-3.0, 0.0]):
        optimizer.apply([np.array(gradient, np.float32)], [variable])
        speed = momentum * speed - 0.1 * np.array(gradient)
        weights = weights + speed
        np.testing.assert_allclose(variable.numpy(), weights, rtol=1e-6)


def test_only_sgd_has_momentum_and_no_other_betas() -> None:
    assert OptimizerSection(name="sgd").momentum == 0.0
    assert OptimizerSection().momentum is None
    for name, keys in (("adam", {"momentum": 0.5}), ("rmsprop", {"momentum": 0.5}), ("sgd", {"beta_1": 0.5})):
        with pytest.raises(ValidationError, match=f"applies only to {'sgd' if name != 'sgd' else 'adam'}, not to"):
            OptimizerSection(name=name, **keys)
