"""Games of models that turn images into images, on images that a test makes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ganctl.build import games, resolving
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import Game, Key
from ganctl.game import state as game_state
from ganctl.images.image_set import ImageSet
from ganctl.lazy import tf

Shape = tuple[int, int, int]


def shapes_on_grey(count: int, shape: Shape, seed: int = 0) -> np.ndarray:
    """Images [N, H, W, C] of a bright rectangle on grey, with a little noise."""
    random, (height, width, channels) = np.random.default_rng(seed), shape
    images = random.integers(60, 90, (count, height, width, channels))
    for image in images:
        top, left = random.integers(0, height // 2), random.integers(0, width // 2)
        image[top : top + height // 3, left : left + width // 3] = random.integers(120, 255, channels)
    return images.astype(np.uint8)


def make_game(model: str, images: Mapping[str, np.ndarray], /, **sections: Mapping[str, Any]) -> Game:
    """The game of a model with few filters; `sections` change those of the experiment."""
    height, width = next(iter(images.values())).shape[1:3]
    data = {
        "name": "translation",
        "dataset": {"name": "npz", "path": "unused", "image_size": f"{height}x{width}"},
        "model": {"name": model, "capacity": 4, **sections.get("model", {})},
        "loss": {"name": "least_squares", **sections.get("loss", {})},
        "training": {
            "batch_size": 2,
            "precision": "float32",
            "xla": False,
            "discriminator_batches": "summed",
            "fakes": "training",
            **sections.get("training", {}),
        },
        "optimizer": sections.get("optimizer", {}),
    }
    parts = resolving.resolve(Experiment.from_source(YamlSource("a test", data)))
    return games.make_game(parts, {role: ImageSet(found, None, (), role) for role, found in images.items()})


def rows_of(game: Game, step: int, rounds: int) -> dict[str, np.ndarray]:
    """Play rounds after a step, and return the measurements by column."""
    return dict(zip(game.columns, game.play(game.chunk(step, rounds)).numpy().T, strict=True))


def batch_of(game: Game, player: str, step: int = 0) -> tuple[Any, Any]:
    """The only turn of a player, and the forward pass of its first update after a step."""
    (turn,) = next(each for each in game.players if each.name == player).turns
    key = Key(game.seed, step, player, turn.name, 0)
    images = {}
    for role, count in turn.draws.items():
        feed = game.feeds[role]
        images[role] = feed.prepare(*feed.look_up(tf.range(count)), key.narrow(role))
    return turn, turn.forward(game.networks, images, key)


def check_exact_resume(make: Callable[[], Game]) -> None:
    """Four rounds in one go, and two, a restored checkpoint and two: the same weights, memories and measurements."""
    whole, first, second = make(), make(), make()
    rows = whole.play(whole.chunk(0, 4)).numpy()
    begun = first.play(first.chunk(0, 2)).numpy()
    second.play(second.chunk(0, 1))  # so that all it holds is different
    game_state.restore(second, game_state.collect(first), 2, "the test")
    np.testing.assert_array_equal(np.concatenate([begun, second.play(second.chunk(2, 2)).numpy()]), rows)
    expected, found = game_state.collect(whole), game_state.collect(second)
    assert found.keys() == expected.keys()
    for group, tensors in expected.items():
        for name, array in tensors.items():
            np.testing.assert_array_equal(found[group][name], array, err_msg=f"{group} {name}")


def joined_sums(game: Game) -> list[str]:
    """Sums of three or more tensors in a round: the order in which they are added depends on timing."""
    chunk = tf.nest.map_structure(lambda tensor: tensor[0], game.chunk(0, 1))
    pieces = {name: feed.look_up(chunk[name]) for name, feed in game.feeds.items()}
    played = tf.function(lambda: game._play_round(game.stages.at(0), pieces), autograph=False)
    graph = played.get_concrete_function().graph
    assert any(operation.type == "Conv2DBackpropFilter" for operation in graph.get_operations())
    return [op.name for op in graph.get_operations() if op.type == "AddN" and len(op.inputs) > 2]
