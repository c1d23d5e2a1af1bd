"""A BatchNorm that would see a single value per channel is refused: what stands before it could not learn."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import Overrides, play_every_stage, shipped, slow_but

from ganctl import models
from ganctl.build import catalog, games
from ganctl.build.network_checks import normalised_to_zero
from ganctl.errors import ConfigurationError
from ganctl.game import Game
from ganctl.layers import ConditionalBatchNormalization
from ganctl.lazy import keras

Small = Callable[..., Game]
MODELS = [entry.name for entry in shipped(models.registry)]
AFFECTED = {"dense_gan", "celeba_gan", "sgan"}

pytestmark = pytest.mark.usefixtures("uncompiled")


def moved(game: Game) -> dict[str, bool]:
    """Whether each trainable kernel changes at all in one round of each stage."""
    kernels = {
        f"{role} {index} {variable.name}": variable
        for role, network in game.networks.items()
        for index, variable in enumerate(network.trainable_variables)
        if len(variable.shape) > 1
    }
    before = {name: kernel.numpy() for name, kernel in kernels.items()}
    play_every_stage(game, 1)
    return {name: bool(np.any(kernel.numpy() != before[name])) for name, kernel in kernels.items()}


def why_refused(small_game: Small, model: str, changes: Overrides) -> str:
    try:
        small_game(model, changes)
    except ConfigurationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("model", slow_but(["dense_gan", "dcgan"], MODELS))
def test_a_batch_of_one_is_refused_exactly_where_kernels_would_not_move(
    model: str, small_game: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = ({"training.batch_size": size, "training.discriminator_batches": "summed"} for size in (1, 2))
    refusal = why_refused(small_game, model, one)
    monkeypatch.setattr(games, "normalised_to_zero", lambda *_: [])
    of_one, of_two = moved(small_game(model, one)), moved(small_game(model, two))
    still = [name for name in of_one if of_two[name] and not of_one[name]]
    assert bool(still) == bool(refusal), still
    assert bool(refusal) == (model in AFFECTED)


def test_the_refusal_names_the_layer_and_what_to_set(small_game: Small) -> None:
    refusal = why_refused(small_game, "dense_gan", {"training.batch_size": 1})
    assert "training.batch_size: one image is not enough for the generator's layer 'batch_normalization" in refusal
    assert refusal.endswith("Use 2 or more.")


def networks(*layers: Any, shape: tuple[int, ...] = (4,)) -> Any:
    return keras.Sequential([keras.Input(shape), *layers])


def test_which_layers_see_one_value() -> None:
    norm = keras.layers.BatchNormalization
    dense, reshape = keras.layers.Dense(4), keras.layers.Reshape
    assert normalised_to_zero(networks(dense, norm(name="a")), 1) == ["a"]
    assert normalised_to_zero(networks(dense, norm(name="a")), 2) == []
    assert normalised_to_zero(networks(dense, reshape([1, 1, 4]), norm(name="b")), 1) == ["b"]
    assert normalised_to_zero(networks(dense, reshape([2, 1, 2]), norm()), 1) == []
    assert normalised_to_zero(networks(norm(axis=1, name="c"), shape=(4, 1, 1)), 1) == ["c"]
    assert normalised_to_zero(networks(norm(), shape=(None, None, 3)), 1) == []
    assert normalised_to_zero(networks(norm(trainable=False)), 1) == [], "it uses the moving statistics"
    assert normalised_to_zero(networks(networks(dense, norm(name="d"))), 1) == ["d"], "nested"
    latent, classes = keras.Input([4]), keras.Input([1], dtype="int32")
    conditional = ConditionalBatchNormalization(3)
    flat = keras.Model([latent, classes], conditional(latent, classes))
    assert normalised_to_zero(flat, 1) == [conditional.norm.name]
    maps = keras.Input([2, 2, 4])
    assert normalised_to_zero(keras.Model([maps, classes], ConditionalBatchNormalization(3)(maps, classes)), 1) == []


def judge_with_norm(image_shape: tuple[int, int, int]) -> dict[str, Any]:
    """A discriminator with a BatchNorm over the batch alone, and a generator without one."""
    layers = keras.layers
    generator = networks(layers.Dense(int(np.prod(image_shape)), activation="tanh"), layers.Reshape(image_shape))
    judge = networks(layers.Flatten(), layers.Dense(8), layers.BatchNormalization(), layers.Dense(1), shape=image_shape)
    return {"generator": generator, "discriminator": judge}


def test_real_and_generated_images_in_one_batch_are_two(small_game: Small) -> None:
    entry = replace(catalog.models.get("dense_gan"), name="judge_with_norm", make=judge_with_norm)
    with catalog.models.temporarily(entry):
        for form, refused in (("separate", True), ("summed", True), ("concatenated", False)):
            changes = {"training.batch_size": 1, "training.discriminator_batches": form}
            assert ("the discriminator's layer" in why_refused(small_game, "judge_with_norm", changes)) == refused
