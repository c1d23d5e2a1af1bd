"""LAPGAN: its pyramid, what each level is shown, its losses in closed form, and that levels do not touch each other."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import operation_by_operation

from ganctl import models
from ganctl.errors import ConfigurationError
from ganctl.game import Game, ImageBatch, Key
from ganctl.game import state as game_state
from ganctl.lazy import tf

SmallGame = Callable[..., Game]
SMALL = {"name": "lapgan", "capacity": 2, "latent_dim": 5}
LABELS = tf.constant([1, 7])
SUMMED = {"training.discriminator_batches": "summed"}


def made(shape: tuple[int, int, int], num_classes: int = 0, **keys: Any) -> dict[str, Any]:
    networks: dict[str, Any] = models.registry.get("lapgan").make(shape, num_classes, capacity=2, **keys)
    return networks


def noise(network: Any, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.normal(size=(2, *t.shape[1:])).astype(np.float32) for t in network.inputs if t.name != "classes"]


def halved(images: np.ndarray) -> np.ndarray:
    found = [cv2.resize(i, (i.shape[1] // 2, i.shape[0] // 2), interpolation=cv2.INTER_AREA) for i in images]
    return np.stack(found).reshape(len(images), images.shape[1] // 2, images.shape[2] // 2, -1)


def doubled(images: np.ndarray) -> np.ndarray:
    found = [cv2.resize(i, (i.shape[1] * 2, i.shape[0] * 2), interpolation=cv2.INTER_LINEAR) for i in images]
    return np.stack(found).reshape(len(images), images.shape[1] * 2, images.shape[2] * 2, -1)


@pytest.mark.parametrize(
    ("shape", "levels", "widths"),
    [
        ((16, 16, 1), 2, [100, 256]),
        ((28, 28, 3), 3, [100, 14 * 14, 28 * 28]),
        ((31, 50, 1), 4, [100, 8 * 13, 16 * 25, 31 * 50]),
    ],
)
def test_each_level_has_a_latent_input_from_coarse_to_fine(
    shape: tuple[int, int, int], levels: int, widths: list[int]
) -> None:
    networks = made(shape, levels=levels)
    inputs = networks["generator"].inputs
    assert [tensor.name for tensor in inputs] == [f"latent_{level}" for level in range(1, levels + 1)]
    assert [tensor.shape[1] for tensor in inputs] == widths
    assert networks["generator"](noise(networks["generator"])).shape == (2, *shape)
    assert set(networks) == {
        "generator", *(f"{role}_{n}" for role in ("generator", "discriminator") for n in range(1, levels + 1)),
    }  # fmt: skip


@pytest.mark.parametrize("num_classes", [0, 3])
def test_the_generator_is_the_whole_chain_of_the_levels(num_classes: int) -> None:
    networks = made((28, 28, 1), num_classes)
    chain = networks["generator"]
    latent, classes = noise(chain), [tf.constant([[0], [2]])] if num_classes else []
    first = [*map(tf.constant, latent[:1]), *classes]
    image = networks["generator_1"](first if classes else first[0]).numpy()
    assert image.shape == (2, 7, 7, 1)
    for level, vectors in enumerate(latent[1:], 2):
        low = doubled(image)
        residual = networks[f"generator_{level}"]([tf.constant(low), tf.constant(vectors), *classes]).numpy()
        image = low + residual
    np.testing.assert_allclose(chain([*map(tf.constant, latent), *classes]), image, atol=1e-5)
    levels = {id(v) for n in (1, 2, 3) for v in networks[f"generator_{n}"].variables}
    assert {id(v) for v in chain.variables} == levels


def test_a_coarsest_image_of_less_than_four_pixels_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the coarsest of 4 levels would have 2x2 pixels"):
        made((16, 16, 1), levels=4)
    unfit = models.registry.get("lapgan").why_unfit
    assert [bool(unfit(*size)) for size in ((16, 16), (256, 20), (15, 16), (16, 257))] == [False, False, True, True]


def passes_of(game: Game) -> tuple[dict[str, Any], list[np.ndarray]]:
    real = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 1)).astype(np.float32)
    images = {"real": ImageBatch(tf.constant(real), LABELS)}
    found = {p.name: p.turns[0].forward(game.networks, images, Key(0, 0, p.name, 0)) for p in game.players}
    return found, [halved(halved(real)), halved(real), real]


def softplus(values: Any) -> float:
    return float(np.log1p(np.exp(np.asarray(values, np.float64))).mean())


@pytest.mark.parametrize("conditional", [False, True])
def test_every_level_has_the_losses_of_a_conditional_gan_on_true_coarser_images(
    conditional: bool, small_game: SmallGame
) -> None:
    game = small_game("lapgan", {"model": {**SMALL, "conditional": conditional}, **SUMMED})
    terms = {p.name: {term.name: term for term in p.turns[0].terms} for p in game.players}
    with operation_by_operation():
        batches, reals = passes_of(game)
        for level, real in enumerate(reals, 1):
            network = game.networks[f"discriminator_{level}"]
            for layer in network.layers:
                if type(layer).__name__ == "Dropout":
                    layer.rate = 0.0
            judge, maker = batches[f"discriminator_{level}"], batches[f"generator_{level}"]
            names = [f"g_adversarial_{level}"], [f"d_loss_real_{level}", f"d_loss_fake_{level}"]
            assert [list(terms[f"{role}_{level}"]) for role in ("generator", "discriminator")] == [*names]
            low = doubled(reals[level - 2]) if level > 1 else None

            def score(images: Any, classes: Any, low: Any = low, network: Any = network) -> Any:
                given = [tf.constant(images), *([] if low is None else [tf.constant(low)])]
                given += [classes[:, None]] if conditional else []
                return network(given if len(given) > 1 else given[0])

            np.testing.assert_allclose(judge.real, real, atol=1e-6)
            if low is not None:
                np.testing.assert_allclose(judge.condition, low, atol=1e-6)
                np.testing.assert_array_equal(maker.fake_classes, LABELS)
            found = {
                name: float(term.function(batch))
                for batch, role in ((judge, "discriminator"), (maker, "generator"))
                for name, term in terms[f"{role}_{level}"].items()
            }
            expected = {
                f"d_loss_real_{level}": softplus(-score(real, LABELS)),
                f"d_loss_fake_{level}": softplus(score(judge.fake, judge.fake_classes)),
                f"g_adversarial_{level}": softplus(-score(maker.fake, maker.fake_classes)),
            }
            assert found == pytest.approx(expected, rel=1e-4)


def test_a_residual_is_added_to_the_true_images_low_frequencies_and_varies_with_the_noise(
    small_game: SmallGame,
) -> None:
    game = small_game("lapgan", {"model": {**SMALL, "conditional": False}, **SUMMED})
    with operation_by_operation():
        batch = passes_of(game)[0]["generator_3"]
        low, latent = batch.generator_inputs
        residual = game.networks["generator_3"]([low, latent])
        np.testing.assert_allclose(batch.fake, low + residual, atol=1e-6)
        assert latent.shape == (2, 16 * 16)
        other = game.networks["generator_3"]([low, -latent])
    assert float(tf.reduce_max(tf.abs(other - residual))) > 1e-4


@pytest.mark.parametrize("conditional", [False, True])
def test_real_and_generated_images_may_form_one_batch(conditional: bool, small_game: SmallGame) -> None:
    """The same scores as in two batches: the levels that have no dropout."""
    losses = []
    for form in ("summed", "concatenated"):
        changes = {"model": {**SMALL, "conditional": conditional}, "training.discriminator_batches": form}
        game = small_game("lapgan", changes)
        with operation_by_operation():
            batches = passes_of(game)[0]
            for player in game.players[2::2]:
                found = [float(term.function(batches[player.name])) for term in player.turns[0].terms]
                losses.append(sum(found) / len(found))
    assert losses[:2] == pytest.approx(losses[2:], rel=1e-5)


def test_no_level_moves_another(small_game: SmallGame) -> None:
    """A level that rests keeps its networks, and the whole chain and its average follow the level that plays."""
    stages = [{"until": 1, "players": ["discriminator_2", "generator_2"]}]
    game = small_game("lapgan", {"model": SMALL, "training.stages": stages, "training.ema": 0.5, **SUMMED})
    assert len({id(v) for moved in game.moved.values() for v in moved}) == sum(map(len, game.moved.values()))
    states = [game_state.collect(game)]
    with operation_by_operation():
        for step in (0, 1):
            game.play(game.chunk(step, 1))
            states.append(game_state.collect(game))

    def changed(before: Any, after: Any) -> set[str]:
        names = {group: [name for name in tensors if "seed" not in name] for group, tensors in before.items()}
        return {g for g in before if any((before[g][name] != after[g][name]).any() for name in names[g])}

    chain = {"generator", "generator_ema"}
    second = {f"{kind}{role}_2" for kind in ("", "optimizer_") for role in ("discriminator", "generator")}
    assert changed(*states[:2]) == chain | second
    assert changed(*states[1:]) == set(states[0])


def test_losses_of_the_log_are_means_over_the_levels(small_game: SmallGame) -> None:
    game = small_game("lapgan", {"model": SMALL, **SUMMED})
    with operation_by_operation():
        row = dict(zip(game.columns, game.play(game.chunk(0, 1)).numpy()[0], strict=True))
    each = [row[f"g_adversarial_{level}"] for level in (1, 2, 3)]
    assert row["g_loss"] == pytest.approx(np.mean(each), rel=1e-5)
