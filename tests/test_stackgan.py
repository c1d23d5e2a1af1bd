"""StackGAN++: its sizes, what each discriminator is shown, its losses in closed form, and who moves what."""

from collections.abc import Callable
from itertools import pairwise
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
SMALL = {"name": "stackgan", "capacity": 2, "blocks": 1, "latent_dim": 5}
CLASSES = tf.constant([1, 7])


def made(shape: tuple[int, int, int], num_classes: int = 0, **keys: Any) -> dict[str, Any]:
    networks: dict[str, Any] = models.registry.get("stackgan").make(shape, num_classes, capacity=1, blocks=1, **keys)
    return networks


def vectors(networks: Any) -> np.ndarray:
    width = networks["generator"].inputs[0].shape[1]
    return np.random.default_rng(1).normal(size=(2, width)).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "sides"),
    [((16, 16, 1), [(4, 4), (8, 8)]), ((28, 28, 3), [(7, 7), (14, 14)]), ((31, 50, 1), [(8, 13), (16, 25)])],
)
def test_images_come_in_a_quarter_half_and_all_of_the_size(
    shape: tuple[int, int, int], sides: list[tuple[int, int]]
) -> None:
    networks = made(shape)
    images = networks["all_sizes"](vectors(networks))
    assert [tuple(image.shape[1:]) for image in images] == [*((*side, shape[2]) for side in sides), shape]
    for role, image in zip(("discriminator_1", "discriminator_2", "discriminator"), images, strict=True):
        assert networks[role](image).shape == (2, 1)


def test_the_generator_is_the_part_of_all_sizes_that_leads_to_the_largest() -> None:
    networks = made((28, 28, 1), 3)
    given = [vectors(networks), np.array([[0], [2]])]
    np.testing.assert_array_equal(networks["generator"](given), networks["all_sizes"](given)[-1])
    of_all = {id(variable) for variable in networks["all_sizes"].variables}
    of_last = {id(variable) for variable in networks["generator"].variables}
    assert of_last < of_all
    assert len(of_all - of_last) == 4, "kernels and biases of the two small images"


def test_later_stages_take_the_noise_again_but_with_classes_the_class() -> None:
    """Section 4.2: the conditioning variable replaces the noise in F_i."""
    for told, repeated in ((0, "latent"), (3, "class")):
        layers = made((28, 28, 1), told, latent_dim=6)["generator"].layers
        found = [layer.input for layer in layers if type(layer).__name__ == "RepeatVector"]
        assert [tensor.shape[-1] for tensor in found] == [6, 6]
        assert all(("latent" in tensor.name) == (repeated == "latent") for tensor in found)


def test_one_size_has_one_discriminator_and_the_same_generator() -> None:
    one, three = made((28, 28, 1), sizes=1), made((28, 28, 1))
    assert set(one) == {"generator", "all_sizes", "discriminator"}
    for role in ("generator", "discriminator"):
        assert [v.shape for v in one[role].variables] == [v.shape for v in three[role].variables]
    assert set(made((28, 28, 1), sizes=2)) == {"generator", "all_sizes", "discriminator_1", "discriminator"}


def halved(images: np.ndarray) -> np.ndarray:
    found = [cv2.resize(i, (i.shape[1] // 2, i.shape[0] // 2), interpolation=cv2.INTER_AREA) for i in images]
    return np.stack(found).reshape(len(images), images.shape[1] // 2, images.shape[2] // 2, -1)


def passes_of(game: Game) -> tuple[dict[str, Any], np.ndarray]:
    real = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 1)).astype(np.float32)
    images = {"real": ImageBatch(tf.constant(real), CLASSES)}
    found = {p.name: p.turns[0].forward(game.networks, images, Key(0, 0, p.name, 0)) for p in game.players}
    return found, real


def softplus(values: Any) -> float:
    return float(np.log1p(np.exp(np.asarray(values, np.float64))).mean())


@pytest.mark.parametrize("conditional", [False, True])
def test_the_losses_are_those_of_the_paper(conditional: bool, small_game: SmallGame) -> None:
    """Section 4.1 and, with classes, 4.2: the losses of both scores are summed, and those of all sizes."""
    changes = {"model": {**SMALL, "conditional": conditional}, "training.discriminator_batches": "summed"}
    game = small_game("stackgan", {**changes, "training.fakes": "training"})
    with operation_by_operation():
        batches, real = passes_of(game)
        told = {p.name: {term.name: term for term in p.turns[0].terms} for p in game.players}
        judged, made = batches["discriminator"], batches["generator"]
        names = ["1", "2", "3", *(["1_class", "2_class", "3_class"] if conditional else [])]
        assert set(told["generator"]) == {f"g_adversarial_{name}" for name in names}
        assert set(told["discriminator"]) == {f"d_loss_{kind}_{n}" for n in names for kind in ("real", "fake")}
        assert {term.weight for terms in told.values() for term in terms.values()} == {1.0}
        reals = [halved(halved(real)), halved(real), real]
        roles = ("discriminator_1", "discriminator_2", "discriminator")
        for number, (role, true) in enumerate(zip(roles, reals, strict=True), 1):
            network = game.networks[role]

            def scores(images: Any, classes: Any, network: Any = network) -> list[Any]:
                found = network([tf.constant(images), classes[:, None]] if conditional else images)
                return found if conditional else [found]

            of_true = scores(true, CLASSES)
            for head, suffix in zip(range(len(of_true)), ("", "_class"), strict=False):
                of_made = scores(made.fakes[number - 1], made.fake_classes)[head]
                of_judged = scores(judged.fakes[number - 1], judged.fake_classes)[head]
                expected = {
                    f"g_adversarial_{number}{suffix}": (made, softplus(-of_made)),
                    f"d_loss_real_{number}{suffix}": (judged, softplus(-of_true[head])),
                    f"d_loss_fake_{number}{suffix}": (judged, softplus(of_judged)),
                }
                for name, (batch, value) in expected.items():
                    term = {**told["generator"], **told["discriminator"]}[name]
                    assert float(term.function(batch)) == pytest.approx(value, rel=1e-4), name


def test_real_and_generated_images_may_form_one_batch(small_game: SmallGame) -> None:
    """The same scores as in two batches, and so the same mean: these discriminators have no BatchNorm."""
    losses = []
    for form in ("summed", "concatenated"):
        changes = {"model": {**SMALL, "conditional": True}, "training.discriminator_batches": form}
        game = small_game("stackgan", {**changes, "training.fakes": "training"})
        with operation_by_operation():
            batch = passes_of(game)[0]["discriminator"]
            terms = game.players[0].turns[0].terms
            losses.append(sum(float(term.function(batch)) for term in terms) / len(terms))
        assert len(terms) == (12 if form == "summed" else 6)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_round_moves_each_player_alone_and_all_of_the_sizes(small_game: SmallGame) -> None:
    game = small_game("stackgan", {"model": SMALL, "training.discriminator_batches": "summed"})
    moved = {player.name: {id(v) for v in game.moved[player.name]} for player in game.players}
    assert not moved["generator"] & moved["discriminator"]
    before = game_state.collect(game)
    with operation_by_operation():
        game.play(game.chunk(0, 1))
    after = game_state.collect(game)
    changed = {group for group in before if any((before[group][n] != after[group][n]).any() for n in before[group])}
    roles = {"generator", "all_sizes", "discriminator_1", "discriminator_2", "discriminator"}
    assert changed == {*roles, "optimizer_generator", "optimizer_discriminator"}


def test_generator_terms_are_of_each_discriminator_or_of_all_sizes(small_game: SmallGame) -> None:
    terms = [{"name": name, "weight": 2.0} for name in ("feature_matching", "colour_consistency", "orthogonal")]
    changes = {"model": {**SMALL, "conditional": True}, "training.discriminator_batches": "summed"}
    game = small_game("stackgan", {**changes, "loss": {"name": "minimax", "generator_terms": terms}})
    maker = game.players[1].turns[0]
    found = {term.name: term for term in maker.terms if not term.name.startswith("g_adversarial")}
    features = [f"g_feature_matching_{size}" for size in "123"]
    assert set(found) == {*features, "g_colour_consistency", "g_orthogonal"}
    assert {term.weight for term in found.values()} == {2.0}
    assert maker.draws == {"real": 2}, "their features are compared"
    with operation_by_operation():
        batch = passes_of(game)[0]["generator"]
        colours = [(image.numpy().mean((1, 2)), image.numpy().var((1, 2))) for image in batch.fakes]
        expected = sum(
            ((small[0] - large[0]) ** 2 + 5 * (small[1] - large[1]) ** 2).mean() for small, large in pairwise(colours)
        )
        assert float(found["g_colour_consistency"].function(batch)) == pytest.approx(expected, rel=1e-3)
        for name, part in zip(features, ("1", "2", "3"), strict=True):
            real, fake = (np.asarray(getattr(batch.parts[part], f"{kind}_verdict")[-1]) for kind in ("real", "fake"))
            matching = np.square(real.mean(0) - fake.mean(0)).mean()
            assert float(found[name].function(batch)) == pytest.approx(matching, rel=1e-3, abs=1e-9)
        of_class = batch.parts["1_class"].fake_verdict
        np.testing.assert_array_equal(of_class[0], batch.parts["1"].fake_verdict[1])
        np.testing.assert_array_equal(of_class[-1], batch.parts["1"].fake_verdict[-1])


def test_sizes_cannot_be_compared_where_there_is_one(small_game: SmallGame) -> None:
    terms = {"name": "minimax", "generator_terms": [{"name": "colour_consistency"}]}
    with pytest.raises(ConfigurationError, match=r"generator_terms.0.name: 'colour_consistency' compares images"):
        small_game("stackgan", {"model": {**SMALL, "sizes": 1}, "loss": terms})
