"""CycleGAN: two generators, two discriminators and their pools, and the losses of the paper."""

from typing import Any

import numpy as np
import pytest
from conftest import operation_by_operation
from translation_games import batch_of, check_exact_resume, joined_sums, make_game, rows_of, shapes_on_grey

from ganctl import models
from ganctl.errors import ConfigurationError
from ganctl.game import Game, Key
from ganctl.game import state as game_state
from ganctl.layers import ImagePool, InstanceNormalization, ReflectionPadding2D
from ganctl.lazy import keras, tf

SIDE = (16, 16, 1)
RANDOM = np.random.default_rng(0)
Shape = tuple[int, int, int]


def networks(shape: Shape, other: Shape | None = None, **keys: Any) -> dict[str, Any]:
    shapes = {"a": other or shape, "b": shape}
    made: dict[str, Any] = models.registry.get("cyclegan").make(shape, shapes, **{"capacity": 2, **keys})
    return made


def kinds(count: int = 16, shape: Shape = SIDE) -> dict[str, np.ndarray]:
    """Bright shapes as `a`, other shapes, dark, as `b`."""
    return {"a": shapes_on_grey(count, shape), "b": 255 - shapes_on_grey(count, shape, seed=1)}


def game(**sections: Any) -> Game:
    sections["model"] = {"capacity": 2, "blocks": 1, "pool": 3, **sections.get("model", {})}
    return make_game("cyclegan", kinds(), **sections)


@pytest.mark.parametrize(
    ("shape", "blocks", "scale"),
    [((16, 16, 1), 6, 2), ((28, 20, 3), 6, 2), ((17, 35, 2), 6, 2), ((64, 64, 3), 6, 4), ((256, 256, 3), 9, 8)],
)
def test_networks_fit_every_size(shape: Shape, blocks: int, scale: int) -> None:
    made = networks(shape)
    for kind in "ab":
        generator, discriminator = made[f"generator_{kind}"], made[f"discriminator_{kind}"]
        assert generator.input_shape == generator.output_shape == (None, *shape)
        assert sum(isinstance(layer, keras.layers.Add) for layer in generator.layers) == blocks
        assert discriminator.output_shape == (None, *(-(-side // scale) for side in shape[:2]), 1)
        assert made[f"pool_{kind}"].images.shape == (50, *shape)


def test_a_generator_has_the_layers_of_the_paper() -> None:
    """Section 7.2: c7s1-64, d128, d256, R256 six times, u128, u64, c7s1-3."""
    generator = networks((64, 64, 3), capacity=64)["generator_b"]
    filters = [(layer.filters, layer.strides[0]) for layer in generator.layers if hasattr(layer, "filters")]
    assert filters == [(64, 1), (128, 2), (256, 2), *[(256, 1)] * 12, (128, 2), (64, 2), (3, 1)]
    padded = [layer.padding for layer in generator.layers if isinstance(layer, ReflectionPadding2D)]
    assert padded == [3, *[1] * 12, 3]
    assert sum(isinstance(layer, InstanceNormalization) for layer in generator.layers) == 17


def test_a_trained_generator_takes_other_sizes() -> None:
    generator = networks((28, 20, 3), blocks=1)["generator_a"]
    free = keras.models.clone_model(generator, input_tensors=keras.Input((None, None, 3)))
    free.set_weights(generator.get_weights())
    images = RANDOM.normal(size=(2, 28, 20, 3)).astype(np.float32)
    np.testing.assert_array_equal(free(images), generator(images))
    for height, width in [(16, 16), (33, 47), (64, 31)]:
        assert free(images[:1, :1, :1] + np.zeros((1, height, width, 1), np.float32)).shape == (1, height, width, 3)


def test_losses_are_the_papers() -> None:
    """Equations 1 to 3, section 4's least squares and section 5.2's identity in NumPy, with the networks' outputs."""
    played = game()
    (judging, judged), (making, made) = (batch_of(played, name) for name in ("discriminator", "generator"))
    to, judge = ({kind: played.networks[f"{role}_{kind}"] for kind in "ab"} for role in ("generator", "discriminator"))

    def score(kind: str, images: Any) -> np.ndarray:
        return np.asarray(judge[kind](images), np.float64)

    def distance(made: Any, real: Any) -> float:
        return float(np.abs(np.asarray(made, np.float64) - np.asarray(real)).mean())

    expected = {}
    for kind, other in ("ab", "ba"):
        for_g, other_for_g = made.images[kind].pixels, made.images[other].pixels
        for_d, other_for_d = judged.images[kind].pixels, judged.images[other].pixels
        expected[f"g_adversarial_{kind}"] = 0.5 * np.square(score(kind, to[kind](other_for_g)) - 1).mean()
        expected[f"cycle_{kind}"] = distance(to[kind](to[other](for_g)), for_g)
        expected[f"identity_{kind}"] = distance(to[kind](for_g), for_g)
        expected[f"d_loss_real_{kind}"] = 0.5 * np.square(score(kind, for_d) - 1).mean()
        expected[f"d_loss_fake_{kind}"] = 0.5 * np.square(score(kind, to[kind](other_for_d))).mean()
    values = {term.name: float(term.function(judged)) for term in judging.terms}
    values |= {term.name: float(term.function(made)) for term in making.terms}
    assert values == pytest.approx(expected, rel=1e-4, abs=1e-6)
    weights = {term.name[:-2]: term.weight for term in making.terms}
    assert weights == {"g_adversarial": 1.0, "cycle": 10.0, "identity": 5.0}


def test_gradients_are_those_of_the_losses_added_up() -> None:
    """Of each generator, although it makes images for other terms in the same call."""
    played = game()
    turn, _ = batch_of(played, "generator")
    variables = [variable.value for variable in played.moved["generator"]]

    def gradient(function: Any) -> np.ndarray:
        with tf.GradientTape() as tape:
            tape.watch(variables)
            loss = function(batch_of(played, "generator")[1])
        slopes = tape.gradient(loss, variables, unconnected_gradients="zero")
        return np.concatenate([np.ravel(slope) for slope in slopes])

    whole = gradient(lambda batch: sum(term.weight * term.function(batch) for term in turn.terms))
    parts = [term.weight * gradient(term.function) for term in turn.terms]
    np.testing.assert_allclose(whole, sum(parts), rtol=1e-3, atol=1e-5)
    assert all(np.abs(part).max() > 0 for part in parts)


def test_only_the_discriminators_turns_pass_images_through_the_pools() -> None:
    played, pool = game(), "pool_a"
    turn, batch = batch_of(played, "generator")
    for term in turn.terms:
        term.function(batch)
    assert int(played.networks[pool].filled) == 0
    for step in range(4):
        _, batch = batch_of(played, "discriminator", step)
        before = list(played.networks[pool].images.numpy()) if step else []
        new, shown = np.asarray(batch.fake("a")), np.asarray(batch.kinds["a"].fake)
        for image, made in zip(shown, new, strict=True):
            assert np.array_equal(image, made) or any(np.array_equal(image, old) for old in before)
            before.append(made)
        assert int(played.networks[pool].filled) == min(3, 2 * (step + 1))
    assert {"pool_a", "pool_b"} <= game_state.collect(played).keys()


def test_without_a_pool_the_discriminators_see_what_is_new() -> None:
    played = game(model={"pool": 0})
    assert not [role for role in played.networks if role.startswith("pool")]
    _, batch = batch_of(played, "discriminator")
    np.testing.assert_array_equal(batch.kinds["b"].fake, batch.fake("b"))


@pytest.mark.parametrize(
    ("form", "loss"),
    [("separate", "minimax"), ("mixed", "hinge"), ("concatenated", "relativistic"), ("summed", "hinge")],
)
def test_other_losses_penalties_and_augmentations_play(form: str, loss: str) -> None:
    played = game(
        loss={"name": loss, "penalties": [{"name": "r1", "weight": 1.0, "every": 2}]},
        training={"discriminator_batches": form, "augment": ["diffaugment", "flip"]},
    )
    with operation_by_operation():
        rows = rows_of(played, 0, 2)
    assert all(np.isfinite(row).all() for row in rows.values())
    assert {"r1_a", "r1_b"} <= rows.keys()
    assert rows["r1_a"][1] == 0 < rows["r1_a"][0], "lazy: on every other update"


def test_ada_learns_from_both_discriminators() -> None:
    played = game(training={"augment": ["ada"]})
    with operation_by_operation():
        rows = rows_of(played, 0, 4)
    assert {"augment_ada_a", "augment_ada_b"} <= rows.keys()
    assert int(played.networks["augment_ada"].updates.numpy()) == 0, "eight updates, counted in fours"


def test_kinds_of_different_channels_have_no_identity() -> None:
    images = {"a": kinds()["a"], "b": shapes_on_grey(16, (16, 16, 3))}
    with pytest.raises(ConfigurationError, match=r"model\.identity_weight: images of 1 and of 3 channels"):
        make_game("cyclegan", images, model={"blocks": 1})
    played = make_game("cyclegan", images, model={"blocks": 1, "capacity": 2, "identity_weight": 0.0})
    assert played.networks["generator_a"].input_shape == (None, 16, 16, 3)
    assert played.networks["generator_a"].output_shape == (None, 16, 16, 1)
    with operation_by_operation():
        rows = rows_of(played, 0, 1)
    assert not [column for column in rows if column.startswith("identity")]
    assert all(np.isfinite(row).all() for row in rows.values())


def test_kinds_of_different_sizes_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"images of one size\. Received: 16x20 and 16x16"):
        networks((16, 16, 1), (16, 20, 1))


@pytest.mark.slow
def test_it_learns_to_come_back() -> None:
    played = game(
        model={"capacity": 8},
        training={"batch_size": 4},
        optimizer={"generator": {"name": "adam", "learning_rate": 2e-3}},
    )
    rows = rows_of(played, 0, 40)
    for kind in "ab":
        assert rows[f"cycle_{kind}"][-5:].mean() < 0.5 * rows[f"cycle_{kind}"][:2].mean()


@pytest.mark.slow
def test_a_checkpoint_continues_exactly() -> None:
    with operation_by_operation():
        check_exact_resume(game)


@pytest.mark.slow
def test_no_sum_of_a_round_depends_on_timing() -> None:
    assert joined_sums(game()) == []


def test_a_part_of_a_place_draws_its_own_numbers_at_the_same_count() -> None:
    key = Key(3, 7, "discriminator", "real", 2)
    assert int(key.part("a").number(5)) == int(key.number(5)) == 37
    drawn = {name: key.part(name).uniform("x", [4]).numpy().tolist() for name in ("a", "b")}
    assert drawn["a"] != drawn["b"] != key.uniform("x", [4]).numpy().tolist()


def test_a_pool_is_a_layer_of_its_own() -> None:
    made = networks(SIDE, pool=7)
    assert [type(made[f"pool_{kind}"]) for kind in "ab"] == [ImagePool, ImagePool]
    assert made["pool_a"].size == 7
