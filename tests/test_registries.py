"""Registered means tested: every model, loss, penalty, data set and shipped configuration."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import CONFIGS, WriteYaml, operation_by_operation, play_stage, shipped, slow_but, untracked

from ganctl import augmentations, datasets, losses, models
from ganctl.build import resolving
from ganctl.build.networks import discriminators, drawing_roles
from ganctl.errors import ConfigurationError
from ganctl.experiment.experiment import Experiment
from ganctl.game import Game
from ganctl.host.device import Device
from ganctl.keras_internals import layers_of
from ganctl.registry import Entry, Registry
from ganctl.run_folder.paths import RunFolder
from ganctl.training.prepared import Prepared

REGISTRIES = {
    "models": models.registry,
    "losses": losses.registry,
    "penalties": losses.penalties,
    "generator terms": losses.generator_terms,
    "augmentations": augmentations.registry,
    "datasets": datasets.registry,
}
ENTRIES = [
    pytest.param(registry, entry, id=f"{kind}-{entry.name}")
    for kind, registry in REGISTRIES.items()
    for entry in shipped(registry)
]
MODELS = [entry.name for entry in shipped(models.registry)]


@pytest.mark.parametrize(("registry", "entry"), ENTRIES)
def test_every_entry_says_what_it_is_and_where_it_comes_from(registry: Registry, entry: Entry) -> None:
    assert registry.get(entry.name) is entry
    assert len(entry.summary) > 10
    assert len(entry.source) > 5
    for argument in entry.arguments().model_fields:
        assert f"{argument}: " in entry.documentation, f"{entry.name} does not say what {argument} is"


def unbiased(game: Game) -> list[Any]:
    """The layers that have a bias and do not add it where the game plays them."""
    layers = [layer for network in game.played.values() for layer in layers_of(network)]
    return [layer.layer for layer in layers if getattr(layer, "biased", True) is False]


@pytest.mark.parametrize("model", slow_but(["dcgan", "infogan", "decoupled_gan"], MODELS))
def test_every_model_plays_two_rounds_in_which_its_own_networks_move(
    model: str, small_game: Callable[..., Game]
) -> None:
    game = small_game(model)
    assert set(drawing_roles(models.registry.get(model))) <= set(game.networks)
    assert discriminators(game.networks)
    # BatchNorm takes away what these add (`ganctl/build/rewrites/fused_batch_normalization.py`).
    without_effect = {layer.bias.path for layer in unbiased(game)}
    played: set[str] = set()
    for stage in game.stages:
        for player in stage.players:
            assert game.moved[player.name], f"{player.name} moves nothing"
        playing = {player.name: game.moved[player.name] for player in stage.players}
        before = {name: [v.numpy() for v in moved] for name, moved in playing.items()}
        assert np.isfinite(play_stage(game, stage, 2)).all()
        for name, moved in playing.items():
            weights = [v.numpy() for v in moved]
            assert all(np.isfinite(array).all() for array in weights)
            still = [
                v.path
                for v, old, new in zip(moved, before[name], weights, strict=True)
                if (old == new).all() and v.path not in without_effect
            ]
            assert not still, f"{name} never moves {still}"
        played |= playing.keys()
    assert played == {player.name for player in game.players}, "some never play"


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_models_round_compiles_under_xla(model: str, small_game: Callable[..., Game]) -> None:
    game = small_game(model, {"training.xla": True})
    for stage in game.stages:
        assert np.isfinite(play_stage(game, stage, 2)).all()
        assert int(game.step.numpy()) == stage.start + 2


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", slow_but([16, 29, 128], [16, 17, 28, 29, 31, 32, 48, 57, 64, 96, 112, 113, 128]))
@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
def test_dcgan_makes_every_size(size: int, channels: int, upsampling: str) -> None:
    networks = models.registry.get("dcgan").make(
        (size, size, channels), latent_dim=2, capacity=1, upsampling=upsampling
    )
    assert networks["generator"].output_shape == (None, size, size, channels)
    assert networks["discriminator"].input_shape == (None, size, size, channels)
    assert networks["discriminator"].output_shape == (None, 1)


def test_dcgan_that_upsamples_by_nearest_pixels_begins_without_a_grid() -> None:
    """The share of the variance that is finer than 2x2 pixels, before any training: 0.5 to 0.9, or 0.01 to 0.1."""

    def grid(upsampling: str) -> float:
        keras.utils.set_random_seed(0)
        networks = models.registry.get("dcgan").make((64, 64, 3), latent_dim=8, capacity=4, upsampling=upsampling)
        latent = np.random.default_rng(0).standard_normal((32, 8), dtype=np.float32)
        blocks = np.asarray(networks["generator"](latent))[:, 16:48, 16:48].reshape(32, 16, 2, 16, 2, 3)
        return float((blocks - blocks.mean(axis=(2, 4), keepdims=True)).var() / blocks.var())

    assert grid("transposed") > 0.4
    assert grid("nearest") < 0.2


@pytest.mark.parametrize("size", [15, 129])
def test_dcgan_says_which_sizes_it_makes(size: int, tiny_yaml: WriteYaml) -> None:
    with pytest.raises(ConfigurationError, match="images from 16x16 to 128x128"):
        resolving.load_experiment(tiny_yaml({"model": {"name": "dcgan"}, "dataset.image_size": size}))


def test_dcgan_cifar_has_the_layers_that_tutorial_3_prints() -> None:
    networks = models.registry.get("dcgan_cifar").make((32, 32, 3))
    shown = {
        role: [(layer.output.shape[1:], layer.count_params()) for layer in networks[role].layers] for role in networks
    }
    assert shown["generator"][:6] == [
        ((32768,), 1_081_344),
        ((32768,), 0),
        ((16, 16, 128), 0),
        ((16, 16, 256), 819_456),
        ((16, 16, 256), 0),
        ((32, 32, 256), 1_048_832),
    ]
    assert shown["generator"][-1][0] == (32, 32, 3)
    assert shown["discriminator"][:7] == [
        ((30, 30, 128), 3_584),
        ((30, 30, 128), 0),
        ((14, 14, 128), 262_272),
        ((14, 14, 128), 0),
        ((6, 6, 128), 262_272),
        ((6, 6, 128), 0),
        ((2, 2, 128), 262_272),
    ]
    assert networks["generator"].count_params() == 6_264_579
    assert networks["discriminator"].count_params() == 790_913


def test_dense_gan_has_the_layers_of_tutorial_2() -> None:
    networks = models.registry.get("dense_gan").make((28, 28, 1))
    dense = {role: [layer.units for layer in networks[role].layers if hasattr(layer, "units")] for role in networks}
    assert dense == {"generator": [256, 512, 1024, 784], "discriminator": [784, 392, 1]}
    assert (
        networks["generator"].count_params()
        == sum(i * o + o for i, o in ((100, 256), (256, 512), (512, 1024), (1024, 784))) + 4 * 1792
    )
    assert networks["discriminator"].count_params() == 784 * 784 + 784 + 784 * 392 + 392 + 393


@pytest.mark.parametrize("name", slow_but(["quickstart"], sorted(path.stem for path in CONFIGS.glob("*.yaml"))))
def test_every_shipped_configuration_trains(
    name: str, shrunk: Callable[[Experiment], Experiment], tmp_path: Path
) -> None:
    experiment = shrunk(resolving.load_experiment(CONFIGS / f"{name}.yaml"))
    prepared = Prepared.make(resolving.resolve(experiment), Device("CPU", "for the test"), untracked)
    assert math.prod(prepared.images.shape) > 0
    folder = RunFolder.create(tmp_path, name, explicit=True)
    with nullcontext() if name == "quickstart" else operation_by_operation():  # every model is compiled above
        prepared.trainer(folder, []).train()
    header, *rows = folder.losses.read_text().splitlines()
    iterations = experiment.training.iterations
    assert (len(rows), len(prepared.game.stages)) == (iterations, iterations / 2)
    for row in rows:
        named = dict(zip(header.split(","), row.split(","), strict=True))
        assert all(np.isfinite(float(value)) for value in named.values() if value), named
    assert folder.sample_grid(iterations).is_file()
    saved = sorted(int(path.name) for path in folder.checkpoints.iterdir())
    assert saved == [*range(2, iterations + 1, 2)][-experiment.outputs.keep :]


def test_a_name_that_is_taken_raises() -> None:
    registry = Registry("toy", "toy.name", Entry)
    registry.register("ball", source="a shop")(lambda: None)
    with pytest.raises(ValueError, match="toy 'ball' is registered twice"):
        registry.register("ball", source="another shop")(lambda: None)


def test_what_is_registered_temporarily_goes_and_what_was_there_comes_back() -> None:
    registry = Registry("toy", "toy.name", Entry)
    registry.register("ball", source="a shop")(lambda: "round")
    other = replace(registry.get("ball"), make=lambda: "oval")
    with registry.temporarily(other):
        registry.register("kite", source="a shop")(lambda: None)
        assert [(entry.name, entry.make()) for entry in registry] == [("ball", "oval"), ("kite", None)]
    assert [(entry.name, entry.make()) for entry in registry] == [("ball", "round")]


@dataclass(frozen=True)
class Toy(Entry):
    colour: str = ""


def test_a_misspelt_fact_raises() -> None:
    registry = Registry("toy", "toy.name", Toy)
    registry.register("ball", source="a shop", colour="red")(lambda: None)
    with pytest.raises(
        ValueError, match=r"toy 'kite': unknown argument 'color='. Did you mean 'colour'\? Known: source, colour"
    ):
        registry.register("kite", source="a shop", color="red")


@pytest.mark.parametrize("kind", REGISTRIES)
def test_an_unknown_name_is_answered_with_the_nearest(kind: str) -> None:
    registry = REGISTRIES[kind]
    known = next(iter(registry)).name
    with pytest.raises(ConfigurationError) as caught:
        registry.get(f"{known}s")
    assert f"Did you mean '{known}'?" in str(caught.value)
    assert caught.value.key == registry.key
