"""Held-out images are never trained on: whatever is drawn, mirrored, streamed or fingerprinted is a training image.

Training images are darker than MIDDLE everywhere, held-out ones brighter, so a value tells which is which.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import operation_by_operation, untracked
from small_runs import CPU

from ganctl import datasets, models
from ganctl.build import resolving
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import REAL, Feed, ForwardPass, ImageSampler, Networks, NoiseSampler, Player, Setup, Term, Turn
from ganctl.images.image_set import ImageSet, fingerprint_of
from ganctl.lazy import tf
from ganctl.run_folder import checkpoint
from ganctl.run_folder.metrics_csv import read_metrics
from ganctl.run_folder.paths import RunFolder
from ganctl.training.prepared import Prepared

SIDE, MIDDLE = 4, 128
TRAINING, TESTS = 30, 15
FEEDS = {"of_one": (REAL,), "of_pairs": ("source", "target"), "of_kinds": ("a", "b")}


def images(count: int, first: int) -> ImageSet:
    """Image k has the value `first` + k everywhere but at its left edge, which is black or white like the others'."""
    pixels = np.broadcast_to(np.arange(first, first + count)[:, None, None, None], (count, SIDE, SIDE, 1)).copy()
    pixels[:, :, 0] = 0 if first < MIDDLE else 255
    return ImageSet(pixels.astype(np.uint8), None, (), "this test")


def players_of(feeds: tuple[str, ...]) -> Any:
    """One player with two turns, which see every feed."""

    def players(networks: Networks, setup: Setup) -> list[Player]:
        def term(batch: Any) -> Any:
            seen = [batch.images[role].pixels for role in feeds]
            return sum(tf.reduce_mean(tf.abs(batch.networks["generator"](each) - each)) for each in seen)

        draws = dict.fromkeys(feeds, setup.training.batch_size)
        turns = [Turn(name, ForwardPass, [Term(f"{name}_l1", term)], draws=draws) for name in ("first", "second")]
        return [Player("generator", "g", ["generator"], setup.optimizer("generator"), turns, updates=2)]

    return players


def make(image_shape: tuple[int, int, int]) -> dict[str, Any]:
    layers = [keras.Input(image_shape), keras.layers.Conv2D(image_shape[-1], 1, dtype="float32")]
    return {"generator": keras.Sequential(layers)}


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    with models.registry.temporarily(), datasets.registry.temporarily():
        for name, feeds in FEEDS.items():
            two = len(feeds) == 2
            sampler = ImageSampler(gives=feeds[1], source=feeds[0], truth=True) if two else NoiseSampler()
            models.registry.register(
                name,
                source="this test",
                players=players_of(feeds),
                feeds=feeds,
                samplers={"samples": sampler},
                paired=name == "of_pairs",
            )(make)
            kept, mixed = images(TRAINING, 10), images(TESTS, MIDDLE)
            everything = replace(kept, images=np.concatenate([kept.images, mixed.images]))
            register_dataset(f"{name}_apart", {role: replace(kept, apart=mixed) for role in feeds})
            register_dataset(f"{name}_whole", dict.fromkeys(feeds, everything))
        yield


def register_dataset(name: str, sets: dict[str, ImageSet]) -> None:
    datasets.registry.register(name, source="this test")(
        lambda config, track: sets if len(sets) > 1 else next(iter(sets.values()))
    )


def prepared(model: str, kept: str, **changes: Any) -> Prepared:
    data = {
        "name": "held_out",
        "dataset": {"name": f"{model}_{kept}", "path": "unused", "image_size": SIDE, "channels": 1, "flip": True}
        | changes.pop("dataset", {}),
        "model": {"name": model},
        "training": {"batch_size": 4, "iterations": 10, "precision": "float32", "xla": False},
        "outputs": {"sample_every": 10, "sample_grid": "2x2", "checkpoint_every": 10},
        **changes,
    }
    return Prepared.make(resolving.resolve(Experiment.from_source(YamlSource("test", data))), CPU, untracked)


@pytest.fixture
def handed_out(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """What the feeds hand to the turns of a game, batch by batch, in levels."""
    seen: list[np.ndarray] = []
    whole = Feed.prepare

    def recording(feed: Feed, pixels: Any, labels: Any, key: Any) -> Any:
        batch = whole(feed, pixels, labels, key)
        if tf.executing_eagerly():  # not while `make_game` traces the players' terms
            seen.append(((batch.pixels.numpy() + 1) * 127.5).round())
        return batch

    monkeypatch.setattr(Feed, "prepare", recording)
    return seen


def numbers(batches: list[np.ndarray]) -> set[int]:
    """Which images they are: all values but those of the edges, which a mirrored image has on the right."""
    return {int(value) for value in np.concatenate(batches)[:, :, 1:3].ravel()}


@pytest.mark.parametrize("sampling", ["shuffle", "replacement", "window"])
@pytest.mark.parametrize("resident", [True, False], ids=["resident", "streamed"])
@pytest.mark.parametrize("model", list(FEEDS))
def test_turns_see_training_images_alone(
    model: str, resident: bool, sampling: str, handed_out: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several epochs of images that the data set keeps apart: every pixel, of every feed, turn and update."""
    if not resident:
        monkeypatch.setenv("GANCTL_RESIDENT_BYTES", "0")
    ready = prepared(model, "apart", dataset={"sampling": sampling})
    game, rounds = ready.game, 8
    assert all(feed.resident == resident for feed in game.feeds.values())
    with operation_by_operation():
        for start in range(0, rounds, 4):
            game.play(game.chunk(start, 4))
    for feed in game.feeds.values():
        feed.close()
    assert len(handed_out) == rounds * 4 * len(FEEDS[model]), "two turns in each of two updates"
    assert max(batch.max() for batch in handed_out) < MIDDLE
    if sampling == "shuffle":
        assert rounds * 16 >= 3 * TRAINING, "epochs"
        assert numbers(handed_out) == set(range(10, 10 + TRAINING)), "and all of them"


@pytest.mark.parametrize("model", list(FEEDS))
def test_a_share_that_is_held_out_is_not_seen(model: str, handed_out: list[np.ndarray]) -> None:
    """`dataset.holdout` mixes: which images it takes is known from what it holds out."""
    ready = prepared(model, "whole", dataset={"holdout": 0.3})
    with operation_by_operation():
        ready.game.play(ready.game.chunk(0, 8))
    held_out = {role: set(found.images[:, 0, 1, 0].tolist()) for role, found in ready.held_out.items()}
    everything = {*range(10, 10 + TRAINING), *range(MIDDLE, MIDDLE + TESTS)}
    (unseen,) = {frozenset(values) for values in held_out.values()}
    assert len(unseen) == round(0.3 * (TRAINING + TESTS))
    assert numbers(handed_out) == everything - unseen


@pytest.mark.parametrize("model", list(FEEDS))
def test_the_fingerprint_is_of_the_training_images_alone(model: str) -> None:
    ready = prepared(model, "apart")
    alone = dict.fromkeys(FEEDS[model], images(TRAINING, 10))
    assert ready.fingerprint == ready.checkpoint_facts["dataset_fingerprint"] == fingerprint_of(alone)
    assert fingerprint_of(ready.held_out) != ready.fingerprint
    whole = prepared(model, "whole", dataset={"holdout": 0.3})
    assert whole.fingerprint == fingerprint_of(whole.feeds)
    assert whole.fingerprint != prepared(model, "whole").fingerprint


@pytest.mark.slow
def test_other_held_out_images_leave_the_same_run(tmp_path: Path) -> None:
    """Not one bit of the training depends on them, also when they are measured: other figures, the same weights."""
    weights, figures = [], []
    for name, first in (("dark", MIDDLE), ("bright", 200)):
        sets = {role: replace(images(60, 10), apart=images(TESTS, first)) for role in FEEDS["of_pairs"]}
        register_dataset(f"of_pairs_{name}", sets)
        folder = RunFolder.create(tmp_path, name, explicit=True)
        prepared("of_pairs", name, evaluation={"every": 10, "num": 60}).trainer(folder, []).train()
        weights.append(checkpoint.load_newest(folder.checkpoints)[0].groups)
        figures.append(read_metrics(folder.metrics)[-1]["l1"])
    first, second = weights
    assert first.keys() == second.keys()
    for group in first:
        for key, tensor in first[group].items():
            np.testing.assert_array_equal(tensor, second[group][key], err_msg=f"{group} {key}")
    assert figures[0] != figures[1]
