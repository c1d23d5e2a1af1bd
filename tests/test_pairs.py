"""Models that learn from pairs see both images of a pair together, mirrored together, whatever the order."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from ganctl import datasets, models
from ganctl.build import games, resolving
from ganctl.build.parts import Parts
from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import ForwardPass, Game, ImageSampler, Networks, Player, Setup, Term, Turn
from ganctl.game.noise import Key
from ganctl.images import draw
from ganctl.images.image_set import ImageSet
from ganctl.lazy import tf
from ganctl.training.hooks.samples import Samples

COUNT, SIDE = 12, 4


def apart(batch: Any) -> Any:
    """How far the two images of a pair are from each other, in levels: 0 only if both were drawn and mirrored alike."""
    return tf.reduce_max(tf.abs(batch.images["source"].pixels - batch.images["target"].pixels)) * 127.5


def players(networks: Networks, setup: Setup) -> list[Player]:
    def term(batch: Any) -> Any:
        made = batch.networks["generator"](batch.images["source"].pixels)
        # Of pairs of any two sizes.
        return tf.abs(tf.reduce_mean(made) - tf.reduce_mean(batch.images["target"].pixels))

    draws = dict.fromkeys(("source", "target"), setup.training.batch_size)
    turn = Turn("generate", ForwardPass, [Term("brightness", term)], measures={"apart": apart}, draws=draws)
    return [Player("generator", "g", ["generator"], setup.optimizer("generator"), [turn], updates=2)]


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """A model of pairs, and the same model of two feeds that have nothing to do with each other."""
    with models.registry.temporarily():
        register("of_pairs", players, paired=True)
        register("of_two", players, paired=False)
        yield


def register(name: str, players: Any, *, paired: bool) -> None:
    models.registry.register(
        name,
        source="this test",
        players=players,
        feeds=("source", "target"),
        samplers={"translated": ImageSampler(gives="target", source="source")},
        paired=paired,
    )(make)


def make(image_shape: tuple[int, int, int]) -> dict[str, Any]:
    return {
        "generator": keras.Sequential(
            [keras.Input(image_shape), keras.layers.Conv2D(image_shape[-1], 1, dtype="float32")]
        )
    }


def pairs(count: int = COUNT) -> dict[str, ImageSet]:
    """Each image is a ramp of its own, the same on both sides."""
    ramps = np.arange(count)[:, None, None, None] * 10 + np.arange(SIDE)[:, None]
    images = np.broadcast_to(ramps, (count, SIDE, SIDE, 1)).astype(np.uint8)
    return {role: ImageSet(images, None, (), role) for role in ("source", "target")}


def parts(name: str, model: str, **dataset: Any) -> Parts:
    data = {
        "name": "pairs",
        "dataset": {"name": name, "path": "unused", "image_size": SIDE, "channels": 1, **dataset},
        "model": {"name": model},
        "training": {"batch_size": 4, "precision": "float32"},
    }
    return resolving.resolve(Experiment.from_source(YamlSource("test", data)))


def track(sequence: Iterable[Any], description: str, total: int | None) -> Iterable[Any]:
    return sequence


def game(model: str, images: dict[str, ImageSet], **dataset: Any) -> Game:
    return games.make_game(parts("npz", model, **dataset), images)


def farthest(played: Game, rounds: int = 9) -> float:
    """The largest distance within a pair over several passes through the images."""
    rows = played.play(played.chunk(0, rounds)).numpy()
    return float(rows[:, played.columns.index("apart")].max())


@pytest.mark.parametrize("sampling", ["shuffle", "replacement", "window"])
@pytest.mark.parametrize("flip", [False, True])
def test_both_images_of_a_pair_are_seen_together(sampling: str, flip: bool) -> None:
    assert farthest(game("of_pairs", pairs(), sampling=sampling, flip=flip)) < 0.01
    assert farthest(game("of_two", pairs(), sampling=sampling, flip=flip)) > 5


def test_mirrored_pairs_are_really_mirrored() -> None:
    played = game("of_pairs", pairs(), flip=True)
    keys = {role: Key(0, 0, "generator", "generate", 0, role) for role in played.feeds}
    seen = [feed.prepare(*feed.look_up(tf.range(COUNT)), keys[role]) for role, feed in played.feeds.items()]
    np.testing.assert_array_equal(seen[0].pixels, seen[1].pixels)
    rising = np.diff(seen[0].pixels.numpy()[:, 0, :, 0], axis=1).mean(axis=1) > 0
    assert 0 < rising.sum() < COUNT, "some are mirrored, others are not"


def test_streamed_pairs_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCTL_RESIDENT_BYTES", "0")
    played = game("of_pairs", pairs(), flip=True)
    assert not played.feeds["source"].resident
    assert farthest(played) < 0.01


def test_sides_of_different_length_are_no_pairs() -> None:
    images = {"source": pairs()["source"], "target": pairs(COUNT - 1)["target"]}
    with pytest.raises(DataError, match="learns from pairs"):
        game("of_pairs", images)


def test_a_turn_that_draws_one_side_alone_is_the_authors_mistake() -> None:
    def lopsided(networks: Networks, setup: Setup) -> list[Player]:
        (player,) = players(networks, setup)
        turn = Turn("generate", ForwardPass, player.turns[0].terms, draws={"source": 4, "target": 2})
        return [Player(player.name, "g", ["generator"], player.optimizer, [turn])]

    register("lopsided", lopsided, paired=True)
    with pytest.raises(ConfigurationError, match="every turn must draw as many images of one feed as of the others"):
        game("lopsided", pairs())


def test_pairs_of_a_data_set_can_be_seen_apart() -> None:
    """A model of two unpaired feeds takes the two sides of pairs; a model of pairs does not take unpaired images."""
    clothes = pairs()
    with datasets.registry.temporarily():
        datasets.registry.register("the_pairs", source="this test")(lambda config, track: clothes)
        datasets.registry.register("the_kinds", source="this test")(
            lambda config, track: {"a": clothes["source"], "b": clothes["target"]}
        )
        models.registry.register(
            "of_kinds",
            source="this test",
            players=players,
            feeds=("a", "b"),
            samplers={"a_to_b": ImageSampler(gives="b", source="a")},
        )(make)
        assert resolving.read_feeds(parts("the_pairs", "of_kinds"), track) == {
            "a": clothes["source"],
            "b": clothes["target"],
        }
        with pytest.raises(ConfigurationError, match="learns from `source` and `target`"):
            resolving.read_feeds(parts("the_kinds", "of_pairs"), track)


def test_images_kept_apart_are_the_held_out_ones() -> None:
    sides, tests = pairs(), pairs(3)
    with datasets.registry.temporarily():
        datasets.registry.register("with_tests", source="this test")(
            lambda config, track: {role: replace(sides[role], apart=tests[role]) for role in sides}
        )
        feeds, held_out = resolving.read_split(parts("with_tests", "of_pairs", holdout=0.5), track)
    assert {role: len(images) for role, images in feeds.items()} == {"source": COUNT, "target": COUNT}
    assert held_out == tests


def test_a_grid_shows_input_output_and_truth_in_rows() -> None:
    given = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    truth = np.repeat(np.repeat(given, 2, axis=1), 2, axis=2).repeat(3, axis=3) + 200
    drawn = np.full((4, 4, 4, 3), 100, np.uint8)
    images = {"source": given, "target": truth}
    shown = ImageSampler(gives="target", source="source", truth=True).cells(drawn, 2, images)
    assert shown.shape == (12, 4, 4, 3), "the small grey inputs are shown in the size and the colours of the outputs"
    assert shown[:, 0, 0, 0].tolist() == [0, 1, 100, 100, 200, 201, 2, 3, 100, 100, 202, 203]
    plain = ImageSampler(gives="target", source="source").cells(drawn, 2, images)
    assert plain[:, 0, 0, 0].tolist() == [0, 1, 100, 100, 2, 3, 100, 100]


# ---- translation


def ramps(height: int, width: int, factor: int = 1) -> np.ndarray:
    """Images in which every pixel of the smallest size is told apart, enlarged by repeating pixels."""
    small = np.random.default_rng(0).integers(0, 256, (COUNT, height, width, 1), np.uint8)
    return small.repeat(factor, axis=1).repeat(factor, axis=2)


def prepared(played: Game, role: str, step: int = 0, count: int = COUNT) -> np.ndarray:
    """Images of a feed as a turn sees them, in levels."""
    feed = played.feeds[role]
    images = tf.constant(np.tile(feed._images, (count // COUNT, 1, 1, 1)))
    key = Key(0, step, "generator", "generate", 0, role)
    seen = feed.prepare(images, tf.zeros([count], tf.int32), key).pixels
    return np.asarray((seen.numpy() * 127.5 + 127.5).round().astype(np.uint8))


def translated(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """The same by NumPy: mirrored at the outer edges."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((height, height), (width, width), (0, 0)), "symmetric")
    return padded[height - down : 2 * height - down, width - right : 2 * width - right]


def test_images_are_translated_by_whole_pixels_with_mirrored_borders() -> None:
    images = ramps(8, 6)
    played = game("of_pairs", {role: ImageSet(images, None, (), role) for role in ("source", "target")}, shift=0.34)
    seen = prepared(played, "source", count=COUNT * 20)
    steps = {(down, right) for down in range(-3, 4) for right in range(-3, 4)}
    found = [
        [step for step in steps if np.array_equal(image, translated(images[place % COUNT], *step))]
        for place, image in enumerate(seen)
    ]
    assert all(found)
    moves = {step for (step,) in found}
    assert {down for down, _ in moves} == {-2, -1, 0, 1, 2}, "0.34 of 8 rows is 2"
    assert {right for _, right in moves} == {-2, -1, 0, 1, 2}, "0.34 of 6 columns is 2"
    assert len(moves) > 20, "both directions are drawn apart"


@pytest.mark.parametrize("flip", [False, True])
def test_pairs_of_two_sizes_are_translated_together(flip: bool) -> None:
    small, large = ramps(4, 6), ramps(4, 6, 4)
    images = {"source": ImageSet(small, None, (), "source"), "target": ImageSet(large, None, (), "target")}
    played = game("of_pairs", images, shift=0.5, flip=flip)
    source, target = (prepared(played, role, count=COUNT * 5) for role in images)
    np.testing.assert_array_equal(source.repeat(4, axis=1).repeat(4, axis=2), target)
    assert (source != np.tile(small, (5, 1, 1, 1))).any()
    apart_too = game("of_two", images, shift=0.5, flip=flip)
    source, target = (prepared(apart_too, role) for role in images)
    assert (source.repeat(4, axis=1).repeat(4, axis=2) != target).any()


def test_without_translation_images_are_as_before() -> None:
    images = {role: ImageSet(ramps(4, 4), None, (), role) for role in ("source", "target")}
    plain = [prepared(game("of_pairs", images, flip=True, **keys), "source") for keys in ({}, {"shift": 0.0})]
    np.testing.assert_array_equal(*plain)
    moved = prepared(game("of_pairs", images, flip=False, shift=0.25), "source", step=1)
    assert (moved != prepared(game("of_pairs", images, flip=False, shift=0.25), "source", step=2)).any()


def test_translations_that_make_no_sense_are_refused() -> None:
    images = {"source": ImageSet(ramps(4, 4), None, (), ""), "target": ImageSet(ramps(6, 8), None, (), "")}
    with pytest.raises(
        ConfigurationError, match=r"whole multiples of the other's\. Received: `source` of 4x4"
    ) as caught:
        game("of_pairs", images, shift=0.5)
    assert "dataset.shift" in str(caught.value)
    images["target"] = images["source"]
    with pytest.raises(ConfigurationError, match=r"0\.2 of the sides of images of 4x4 is less than a pixel"):
        game("of_pairs", images, shift=0.2)


# ---- samples/real.png


def test_real_pairs_are_shown_above_each_other() -> None:
    given = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    truth = np.repeat(np.repeat(given, 2, axis=1), 2, axis=2).repeat(3, axis=3) + 200
    images = {"source": given, "target": truth}
    cells = ImageSampler(gives="target", source="source", truth=True).true_cells(2, images)
    assert cells is not None
    assert cells.shape == (12, 4, 4, 3)
    assert cells[:, 0, 0, 0].tolist() == [0, 1, 200, 201, 2, 3, 202, 203, 4, 0, 204, 200], "rows are full"
    assert ImageSampler(gives="target", source="source").true_cells(2, images) is None


def test_the_picture_of_real_images_shows_pairs() -> None:
    given, true = pairs()["source"].images // 2, pairs()["source"].images // 2 + 100
    clothes = {role: ImageSet(images, None, (), role) for role, images in (("source", given), ("target", true))}

    def picture(truth: bool) -> np.ndarray:
        samplers = [ImageSampler(gives="target", source="source", truth=truth)]
        return Samples(1, "3x4", samplers, "normal", clothes, 0, lambda score: score)._real_picture()

    rows = [side[start : start + 4] for start in (0, 4, 8) for side in (given, true)]
    np.testing.assert_array_equal(picture(truth=True), draw.grid(np.concatenate(rows), 6, 4))
    one_above_the_other = draw.stacked([draw.grid(side, 3, 4) for side in (given, true)])
    np.testing.assert_array_equal(picture(truth=False), one_above_the_other)
