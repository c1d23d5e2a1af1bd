"""Augmentations against NumPy, image by image; what both players see of them; what ADA remembers."""

import importlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import WriteYaml, shipped, slow_but

from ganctl import augmentations, losses, models
from ganctl.augmentations import ada
from ganctl.build import resolving
from ganctl.errors import ConfigurationError
from ganctl.game import (
    ForwardPass,
    Game,
    GanPass,
    Key,
    Networks,
    Player,
    Setup,
    Turn,
    generator_and_discriminator,
    on_passes,
)
from ganctl.game.passes import augments
from ganctl.layers.resampling import reflected, with_columns, with_rows
from ganctl.lazy import tf

pytestmark = pytest.mark.usefixtures("uncompiled")

RANDOM = np.random.default_rng(0)
COLOUR, GREY = RANDOM.uniform(-1, 1, (40, 8, 8, 3)), RANDOM.uniform(-1, 1, (40, 8, 8, 1))
NAMES = [entry.name for entry in shipped(augmentations.registry)]
KEY = Key(0, 3, "somewhere")


def made(name: str, probability: float = 1.0, **arguments: Any) -> tuple[Any, Any]:
    """An augmentation and its memory, in which chance allows so much."""
    augmentation = augmentations.registry.get(name).make(**arguments)
    memory = augmentation.memory()
    if memory is not None:
        memory.probability.assign(probability)
    return augmentation, memory


def applied(name: str, images: np.ndarray, probability: float = 1.0, key: Key = KEY, **arguments: Any) -> np.ndarray:
    augmentation, memory = made(name, probability, **arguments)
    return np.asarray(augmentation.apply(tf.constant(images, tf.float32), key, memory).numpy())


def adas_draws(count: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What ADA draws for so many images, by name: from N(0, 1) and from U[0, 1)."""
    normal = KEY.normal("normal", [len(ada.NORMAL), count]).numpy()
    uniform = KEY.uniform("uniform", [len(ada.UNIFORM), count]).numpy()
    return dict(zip(ada.NORMAL, normal, strict=True)), dict(zip(ada.UNIFORM, uniform, strict=True))


# --- each against NumPy


def test_flip_mirrors_about_half_of_the_images() -> None:
    mirrored = applied("flip", COLOUR)
    kinds = [
        (bool(np.allclose(m, x[:, ::-1], atol=1e-6)), bool(np.allclose(m, x, atol=1e-6)))
        for m, x in zip(mirrored, COLOUR, strict=True)
    ]
    assert all(a != b for a, b in kinds)
    assert 0.25 < np.mean([a for a, _ in kinds]) < 0.75


@pytest.mark.parametrize("images", [COLOUR, GREY], ids=["colour", "grey"])
def test_diffaugments_colour_is_the_papers(images: np.ndarray) -> None:
    """Its three functions one after the other, as https://github.com/mit-han-lab/data-efficient-gans has them."""
    each = [len(images), 1, 1, 1]
    brightness, saturation, contrast = (
        KEY.uniform(name, each, low, high).numpy()
        for name, low, high in (("brightness", -0.5, 0.5), ("saturation", 0.0, 2.0), ("contrast", 0.5, 1.5))
    )
    x = images + brightness
    x = (x - x.mean(3, keepdims=True)) * saturation + x.mean(3, keepdims=True)
    x = (x - x.mean((1, 2, 3), keepdims=True)) * contrast + x.mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(applied("diffaugment", images, policy=("colour",)), x, atol=1e-5)


def test_diffaugments_translation_moves_by_up_to_an_eighth_and_brings_grey_in() -> None:
    images = RANDOM.uniform(-1, 1, (200, 16, 24, 3))
    found = applied("diffaugment", images, policy=("translation",))
    shifts = [
        KEY.integers(axis, [200, 1], 2 * most + 1).numpy()[:, 0] - most for axis, most in (("rows", 2), ("columns", 3))
    ]
    for x, y, down, right in zip(images, found, *shifts, strict=True):
        padded = np.pad(x, ((8, 8), (8, 8), (0, 0)))
        np.testing.assert_allclose(y, padded[8 - down : 24 - down, 8 - right : 32 - right], atol=1e-6)
    assert set(shifts[0]) == {-2, -1, 0, 1, 2}
    assert set(shifts[1]) == {-3, -2, -1, 0, 1, 2, 3}


@pytest.mark.parametrize("size", [8, 9])
def test_diffaugments_cutout_is_a_square_of_half_the_side_that_may_hang_over_the_border(size: int) -> None:
    holes = applied("diffaugment", np.ones((400, size, size, 1)), policy=("cutout",))[..., 0] == 0
    half = int(size / 2 + 0.5)
    heights, widths = holes.any(2).sum(1), holes.any(1).sum(1)
    assert (holes.sum((1, 2)) == heights * widths).all(), "rectangles"
    assert heights.max() == widths.max() == half
    assert 1 <= heights.min() <= half // 2 + 1
    assert holes.mean(0).min() > 0, "every pixel is cut out at times"


def test_images_are_taken_from_anywhere() -> None:
    images = RANDOM.uniform(-1, 1, (2, 5, 4, 3)).astype(np.float32)
    rows = np.array([[0, 0.5, 1, 3.25, 9], [-1, 4, 3, 2, 1]], np.float32)
    found = with_rows(tf.constant(images), tf.constant(rows)).numpy()
    expected = [images[0, 0], images[0, :2].mean(0), images[0, 1], 0.75 * images[0, 3] + 0.25 * images[0, 4]]
    np.testing.assert_allclose(found[0], [*expected, np.zeros((4, 3))], atol=1e-6)
    np.testing.assert_allclose(found[1], [np.zeros((4, 3)), *images[1, :0:-1]], atol=1e-6)
    turned = with_columns(tf.constant(images.transpose(0, 2, 1, 3)), tf.constant(rows)).numpy()
    np.testing.assert_allclose(turned, found.transpose(0, 2, 1, 3), atol=1e-6)
    mirrored = reflected(tf.constant([-2.0, -0.5, 0.0, 3.0, 4.5, 9.0]), 5).numpy()
    np.testing.assert_allclose(mirrored, [2.0, 0.5, 0.0, 3.0, 3.5, 1.0])


def symmetries(image: np.ndarray) -> dict[tuple[int, bool, int, int], np.ndarray]:
    """An image turned, mirrored and moved by up to a pixel, with mirrors at its borders."""
    size, found = len(image), {}
    for turns, mirrored in itertools.product(range(4), (False, True)):
        padded = np.pad(np.rot90(image[:, ::-1] if mirrored else image, turns), ((1, 1), (1, 1), (0, 0)), "reflect")
        for down, right in itertools.product((-1, 0, 1), repeat=2):
            moved = padded[1 - down : 1 - down + size, 1 - right : 1 - right + size]
            found[turns, mirrored, down, right] = moved
    return found


def test_adas_pixels_are_the_eight_symmetries_of_the_square_and_whole_pixels() -> None:
    images = RANDOM.uniform(-1, 1, (300, 8, 8, 3))
    seen = set()
    for before, after in zip(images, applied("ada", images, policy=("pixels",)), strict=True):
        matching = [kind for kind, image in symmetries(before).items() if np.allclose(image, after, atol=1e-5)]
        assert len(matching) == 1
        seen.update(matching)
    assert len({(turns, mirrored) for turns, mirrored, *_ in seen}) == 8
    assert len({(down, right) for *_, down, right in seen}) == 9


@pytest.mark.parametrize("images", [COLOUR, GREY], ids=["colour", "grey"])
def test_adas_colour_is_the_product_of_the_papers_matrices(images: np.ndarray) -> None:
    count, channels = len(images), images.shape[3]
    normal, uniform = adas_draws(count)
    hue, inverted = np.pi * (2 * uniform["hue"] - 1), uniform["inverted"] < 0.5
    found = applied("ada", images, policy=("colour",))
    axis = np.ones(3) / np.sqrt(3)
    cross = np.cross(np.eye(3), axis)  # rows e_i x v
    for i in range(count):
        x = (images[i] + 0.2 * normal["brightness"][i]) * 2.0 ** (0.5 * normal["contrast"][i])
        if channels == 1:
            expected = -x if inverted[i] else x
        else:
            luma = np.eye(3) - 2.0 * np.outer(axis, axis) * inverted[i]
            turn = np.outer(axis, axis) + np.cos(hue[i]) * (np.eye(3) - np.outer(axis, axis)) - np.sin(hue[i]) * cross
            strength = 2.0 ** normal["saturation"][i]
            stretch = np.outer(axis, axis) + strength * (np.eye(3) - np.outer(axis, axis))
            expected = x @ luma @ turn @ stretch
        np.testing.assert_allclose(found[i], expected, atol=2e-4)


def test_adas_geometry_keeps_a_constant_image_and_moves_others() -> None:
    np.testing.assert_allclose(applied("ada", np.full((40, 8, 8, 1), 0.3), policy=("geometry",)), 0.3, atol=1e-5)
    changed = np.abs(applied("ada", COLOUR, policy=("geometry",)) - COLOUR).max((1, 2, 3))
    assert (changed > 0.05).all()


def test_adas_geometry_stretches_and_moves_as_much_as_the_paper_says() -> None:
    """Every pixel is taken from where the inverse of scaling, stretching and moving puts it; borders are mirrors."""
    size, count = 9, 60
    images = RANDOM.uniform(-1, 1, (count, size, size, 1))
    normal, _ = adas_draws(count)
    scale, slim = (2.0 ** (0.2 * normal[name]) for name in ("scale", "slim"))
    moves = [0.125 * size * normal[f"move {axis}"] for axis in ("rows", "columns")]
    middle = (size - 1) / 2

    def sources(factor: float, move: float) -> np.ndarray:
        places = np.abs((np.arange(size) - middle - move) / factor + middle) % (2 * (size - 1))
        return np.minimum(places, 2 * (size - 1) - places)

    def taken(image: np.ndarray, places: np.ndarray) -> np.ndarray:
        below = np.minimum(places.astype(int), size - 2)
        part = (places - below)[:, np.newaxis, np.newaxis]
        return (1 - part) * image[below] + part * image[below + 1]

    found = applied("ada", images, policy=("geometry",))
    for i in range(count):
        rows = taken(images[i], sources(scale[i] / slim[i], moves[0][i]))
        columns = taken(rows.transpose(1, 0, 2), sources(scale[i] * slim[i], moves[1][i])).transpose(1, 0, 2)
        np.testing.assert_allclose(found[i], columns, atol=1e-4)


@pytest.mark.parametrize("p", [0.05, 0.3])
@pytest.mark.parametrize(
    ("policy", "channels", "unchanged"),
    [
        # Half of the inversions and of the mirrorings do nothing, and a quarter of the turns.
        ("colour", 1, lambda p: (1 - p) ** 2 * (1 - p / 2)),
        ("colour", 3, lambda p: (1 - p) ** 4 * (1 - p / 2)),
        ("geometry", 1, lambda p: (1 - p) ** 3),
        # A shift is -1, 0 or 1 pixels with 1/4, 1/2, 1/4 along either axis: a quarter of all are none.
        ("pixels", 1, lambda p: (1 - p * 3 / 4) ** 2 * (1 - p / 2)),
    ],
)
def test_ada_changes_as_many_images_as_its_probability_says(
    policy: str, channels: int, unchanged: Callable[[float], float], p: float
) -> None:
    images = RANDOM.uniform(-1, 1, (2000, 8, 8, channels))
    np.testing.assert_allclose(applied("ada", images, 0.0, policy=(policy,)), images, atol=1e-5)
    changed = (np.abs(applied("ada", images, p, policy=(policy,)) - images).max((1, 2, 3)) > 1e-3).mean()
    share = unchanged(p)
    assert changed == pytest.approx(1 - share, abs=4 * np.sqrt(share * (1 - share) / 2000))


# --- what every one must be


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 8, 1), (6, 10, 3)])
def test_an_augmentation_is_decided_by_its_key_and_differs_from_image_to_image(name: str, shape: Any) -> None:
    images = np.broadcast_to(RANDOM.uniform(-1, 1, shape), (16, *shape))
    once, again = applied(name, images), applied(name, images)
    assert once.shape == images.shape
    assert once.tobytes() == again.tobytes()
    assert applied(name, images, key=KEY.narrow("elsewhere")).tobytes() != once.tobytes()
    assert len({image.round(4).tobytes() for image in once}) > 1


@pytest.mark.compiled
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("jit", [False, True])
def test_an_augmentation_has_derivatives_of_second_order_also_under_xla(name: str, jit: bool) -> None:
    """All are linear in the images, or affine: the gradient of |grad f(T x)|^2 is that of a quadratic form."""
    augmentation, memory = made(name)
    images = tf.constant(COLOUR[:4], tf.float32)

    @tf.function(jit_compile=jit)
    def penalised(x: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                total = tf.reduce_sum(augmentation.apply(x, KEY, memory) ** 3)
            squared = tf.reduce_sum(tf.square(inner.gradient(total, x)))
        return squared, outer.gradient(squared, x)

    squared, gradient = penalised(images)
    assert gradient is not None
    direction = np.asarray(RANDOM.normal(size=images.shape), np.float32)
    step = 1e-2
    ahead, behind = (float(penalised(images + sign * step * direction)[0]) for sign in (1, -1))
    assert float(tf.reduce_sum(gradient * direction)) == pytest.approx((ahead - behind) / (2 * step), rel=2e-2)
    assert np.isfinite(float(squared))


def by_policy() -> list[Any]:
    """Every augmentation as it is, and each of its changes alone."""
    found = [(name, {}) for name in NAMES]
    for name in NAMES:
        policy = augmentations.registry.get(name).arguments().model_fields.get("policy")
        found += [(name, {"policy": (kind,)}) for kind in (policy.default if policy else ())]
    return [pytest.param(*case, id=" ".join((case[0], *case[1].get("policy", ())))) for case in found]


@pytest.mark.parametrize(("name", "arguments"), by_policy())
@pytest.mark.parametrize("shape", [(3, 4, 3, 3), (8, 4, 3, 1)])
def test_the_gradient_of_an_augmentation_is_the_transpose_of_its_matrix(name: str, arguments: Any, shape: Any) -> None:
    """Pixel by pixel; and the gradient's own gradient, which a penalty needs, is the matrix again, and nothing else."""
    augmentation, memory = made(name, **arguments)

    def derivatives(x: Any, above: Any, along: Any) -> Any:
        with tf.GradientTape(persistent=True) as outer:
            outer.watch([x, above])
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = augmentation.apply(x, KEY, memory)
            back = inner.gradient(y, x, output_gradients=above)
            product = tf.reduce_sum(back * along)
        return y, back, outer.gradient(product, above), outer.gradient(product, x, unconnected_gradients="zero")

    size = int(np.prod(shape))
    units = tf.reshape(tf.eye(size), [size, *shape])
    nothing, images = tf.zeros(shape), RANDOM.uniform(-1, 1, shape).astype(np.float32)
    offset = derivatives(nothing, nothing, nothing)[0].numpy()
    # Three tensors, because a tape knows tensors by their identity.
    found = [derivatives(tf.identity(unit), tf.identity(unit), unit) for unit in tf.unstack(units)]
    matrix = np.stack([y.numpy() - offset for y, *_ in found]).reshape(size, size)  # [inputs, outputs]
    np.testing.assert_allclose(
        (images.ravel() @ matrix).reshape(shape) + offset, applied(name, images, **arguments), atol=1e-4
    )
    changed = np.abs(matrix - np.eye(size)).max() > 1e-3
    assert changed or len(images) < 8, "by chance, few images may stay as they are"
    transposed = np.stack([back.numpy() for _, back, *_ in found]).reshape(size, size)  # [outputs, inputs]
    np.testing.assert_allclose(transposed, matrix.T, atol=1e-5)
    again = np.stack([forth.numpy() for *_, forth, _ in found]).reshape(size, size)
    np.testing.assert_allclose(again, matrix, atol=1e-5)
    assert all((bend.numpy() == 0).all() for *_, bend in found), "it is linear"


# --- in a game


def passes(game: Game) -> dict[str, GanPass]:
    """A pass of each player's turn."""
    feed = game.feeds["real"]
    pixels, labels = feed.look_up(feed.chunk([2], 0, 1)[0])
    images = {"real": feed.prepare(pixels, labels, KEY)}
    return {p.name: p.turns[0].forward(game.networks, images, Key(0, 0, p.name, 0)) for p in game.players}  # type: ignore[misc]


def test_both_players_see_both_kinds_of_images_augmented_each_by_draws_of_its_own(
    small_game: Callable[..., Game],
) -> None:
    game = small_game("dense_gan", {"training.augment": ["diffaugment"], "training.discriminator_batches": "summed"})
    judge, maker = (passes(game)[name] for name in ("discriminator", "generator"))
    same = judge.real
    seen = [judge.augmented(same, "real"), judge.augmented(same, "fake"), maker.augmented(same, "fake")]
    assert len({images.numpy().tobytes() for images in (same, *seen)}) == 4
    again = judge.augmented(same, "real")
    assert again.numpy().tobytes() == seen[0].numpy().tobytes(), "penalties see what the scores are of"
    plain = small_game("dense_gan", {"training.discriminator_batches": "summed"})
    direct = plain.networks["discriminator"]
    direct.set_weights(game.networks["discriminator"].get_weights())
    np.testing.assert_allclose(judge.real_score, direct(seen[0], training=True), atol=1e-5)
    np.testing.assert_allclose(judge.fake_score, direct(judge.augmented(judge.fake, "fake"), training=True), atol=1e-5)


def test_r1_is_the_slope_at_the_image_before_it_is_augmented(small_game: Callable[..., Game]) -> None:
    cuts = [{"name": "diffaugment", "policy": ["translation", "cutout"]}]
    game = small_game("dense_gan", {"training.augment": cuts, "training.discriminator_batches": "summed"})
    batch = passes(game)["discriminator"]
    slope = batch.slope(batch.real, kind="real")
    assert slope.shape == batch.real.shape
    # What is cut out or moved beyond the border has no slope; of a dense discriminator, all else has.
    cut_out = (slope.numpy() == 0).mean()
    assert 0.05 < cut_out < 0.7


def test_adas_probability_follows_the_signs_of_real_images() -> None:
    augmentation, memory = made("ada", probability=0.0, target=0.6, speed=1000)
    sure, unsure = tf.ones([10, 1], tf.bool), tf.constant([[True]] * 7 + [[False]] * 3)  # r = 1 and r = .4
    found = [float(augmentation.learn(memory, sure)) for _ in range(8)]
    np.testing.assert_allclose(found, [0, 0, 0, 0.04, 0.04, 0.04, 0.04, 0.08], atol=1e-6)
    found = [float(augmentation.learn(memory, unsure)) for _ in range(12)]
    np.testing.assert_allclose(found[3::4], [0.04, 0.0, 0.0], atol=1e-6)
    assert found[0] == pytest.approx(0.08)


@pytest.mark.slow
@pytest.mark.parametrize("form", slow_but(["summed"], ["separate", "summed"]))
def test_adas_probability_is_a_column_and_moves_only_with_the_discriminator(
    form: str, small_game: Callable[..., Game]
) -> None:
    augment = [{"name": "ada", "target": -1.0, "speed": 100}]
    changes = {
        "training.augment": augment,
        "training.disc_updates": 4,
        "training.gen_updates": 3,
        "training.discriminator_batches": form,
        "optimizer": {"discriminator": {"learning_rate": 0.01}},  # it soon takes some real image for real
    }
    game = small_game("dense_gan", changes)
    rows = game.play(game.chunk(0, 8)).numpy()
    column = rows[:, game.columns.index("augment_ada")]
    # Each fourth update adds 4 * 2 / 100 where r is above -1; the column is the mean over the round's updates.
    now = float(game.networks["augment_ada"].probability.numpy())
    assert np.abs(now - 0.08 * np.arange(9)).min() < 1e-6
    assert (np.diff(column) >= 0).all()
    assert 0 < column[-1] <= now


# --- in the file


def test_a_name_alone_and_a_mapping_are_the_same(tiny_yaml: WriteYaml) -> None:
    short, long = (resolving.load_experiment(tiny_yaml({"training.augment": [e]})) for e in ("flip", {"name": "flip"}))
    assert short.to_yaml() == long.to_yaml()
    whole = resolving.load_experiment(tiny_yaml({"training.augment": ["diffaugment", {"name": "ada", "target": 0.5}]}))
    assert "policy:\n    - colour\n    - translation\n    - cutout" in whole.to_yaml()
    assert whole.training.augment[1].arguments["target"] == 0.5


WRONG: list[tuple[Any, str]] = [
    (["diffaugmnt"], r"training.augment.0: There is no augmentation 'diffaugmnt'. Did you mean 'diffaugment'\?"),
    (["flip", "flip"], "training.augment.1: 'flip' is given twice"),
    ([{"name": "diffaugment", "policy": ["color"]}], r"policy.*'colour', 'translation' or 'cutout'.*'color'"),
    ([{"name": "diffaugment", "polcy": ["colour"]}], r"unknown key 'polcy'.*Did you mean 'policy'"),
    ([{"name": "ada", "target": 2}], r"target.*less than or equal to 1"),
    ([7], r"training.augment.0"),
]


@pytest.mark.parametrize(("augment", "message"), WRONG)
def test_mistakes_are_said_with_their_place(augment: Any, message: str, tiny_yaml: WriteYaml) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        resolving.load_experiment(tiny_yaml({"training.augment": augment}))
    assert "tiny.yaml:" in str(caught.value)


@pytest.mark.parametrize("loss", [entry.name for entry in shipped(losses.registry)])
def test_ada_is_refused_where_a_scores_sign_means_nothing(loss: str, tiny_yaml: WriteYaml) -> None:
    """A loss to which all scores may be moved by a constant has no zero that parts real from fake."""
    scores = tf.constant([[2.0], [-1.0], [0.5]])
    judge, here, there = losses.registry.get(loss).make(), (scores, -scores), (scores + 3.0, -scores + 3.0)

    def paid(real: Any, fake: Any) -> float:
        batch: Any = SimpleNamespace(real_score=real, fake_score=fake, key=KEY)
        return float(tf.reduce_sum(judge.real(batch) + judge.fake(batch)))

    moves_nothing = paid(*here) == pytest.approx(paid(*there))
    content = {"loss": {"name": loss}, "training.discriminator_batches": "summed", "training.augment": ["flip", "ada"]}
    if moves_nothing:
        with pytest.raises(ConfigurationError, match=rf"tiny.yaml:\d+:\d+: training.augment.1: 'ada' .* '{loss}'"):
            resolving.load_experiment(tiny_yaml(content))
    else:
        resolving.load_experiment(tiny_yaml(content))
    resolving.load_experiment(tiny_yaml({**content, "training.augment": ["diffaugment"]}))


def test_a_model_whose_players_augment_nothing_refuses(small_game: Callable[..., Game]) -> None:
    importlib.import_module("plugins.bigan")
    with pytest.raises(ConfigurationError, match="the model 'plugin_bigan' does not apply augmentations"):
        small_game("plugin_bigan", {"training.augment": ["flip"]})


def of_another_kind(networks: Networks, setup: Setup) -> list[Player]:
    """The usual two, whose passes somebody else's function makes."""
    players = generator_and_discriminator(networks, setup)
    return [
        replace(
            player,
            turns=[
                replace(turn, forward=lambda *given, forward=turn.forward: forward(*given)) for turn in player.turns
            ],
        )
        for player in players
    ]


@pytest.fixture
def foreign_passes() -> Iterator[str]:
    """A model of that name."""
    entry = models.registry.get("dense_gan")
    models.registry.register("foreign_passes", source="this test", players=of_another_kind)(entry.make)
    yield "foreign_passes"
    del models.registry._entries["foreign_passes"]


def test_players_that_make_their_passes_themselves_play_and_say_that_they_augment_nothing(
    foreign_passes: str, small_game: Callable[..., Game]
) -> None:
    game = small_game(foreign_passes)
    assert np.isfinite(game.play(game.chunk(0, 1)).numpy()).all()
    with pytest.raises(ConfigurationError, match="the model 'foreign_passes' does not apply augmentations"):
        small_game(foreign_passes, {"training.augment": ["flip"]})


def test_passes_that_leave_an_augmentation_out_are_told_from_those_that_have_it(
    small_game: Callable[..., Game],
) -> None:
    game = small_game("dense_gan", {"training.augment": ["flip", "diffaugment"]})
    forward = game.players[0].turns[0].forward
    assert augments(forward, ["flip", "diffaugment"])
    assert not augments(replace(forward, augmentations={}), ["flip"])
    assert not augments(lambda *given: forward(*given), [])


def test_a_turn_with_passes_of_somebody_elses_cannot_be_put_on_another_class() -> None:
    turn = Turn("tell", lambda networks, images, key: ForwardPass(networks, images, key), [])
    with pytest.raises(TypeError, match=r"turn 'tell' cannot use GanPass: its forward must come from Setup\."):
        on_passes(turn, GanPass)
