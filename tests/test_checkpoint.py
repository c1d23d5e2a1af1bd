"""Checkpoints: written whole or not at all, verified when read, and put back completely or not at all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import WriteYaml

from ganctl import datasets
from ganctl.build import games, resolving
from ganctl.errors import DivergedError, GanctlError, UsageError
from ganctl.game import Game
from ganctl.game import state as game_state
from ganctl.generation.loading import TrainedGenerator
from ganctl.run_folder import checkpoint

FACTS: dict[str, Any] = {"experiment": {"name": "test"}, "image_shape": [8, 8, 1]}


def tensors(value: float) -> dict[str, dict[str, np.ndarray]]:
    return {
        "generator": {
            "000.Dense.kernel": np.full((2, 3), value, np.float32),
            "001.Dense.bias": np.arange(3, dtype=np.float32),
        },
        "optimizer_generator": {"000": np.array(7, np.int64), "001": np.full((2, 3), -value, np.float32)},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the checkpoints 10 and 20."""
    path = tmp_path / "checkpoints"
    for step in (10, 20):
        checkpoint.save(path, tensors(step), {**FACTS, "step": step})
    return path


def names(path: Path) -> list[str]:
    return sorted(inner.name for inner in path.iterdir())


def test_what_was_saved_comes_back_to_the_bit(folder: Path) -> None:
    found, problems = checkpoint.load_newest(folder)
    assert (found.step, problems) == (20, [])
    assert found.facts["experiment"] == FACTS["experiment"]
    expected = tensors(20)
    assert found.groups.keys() == expected.keys()
    for group, arrays in expected.items():
        assert found.groups[group].keys() == arrays.keys()
        for name, array in arrays.items():
            assert found.groups[group][name].dtype == array.dtype
            np.testing.assert_array_equal(found.groups[group][name], array)


def test_the_manifest_lists_every_file_with_its_hash(folder: Path) -> None:
    manifest = json.loads((folder / "000000020" / "manifest.json").read_text())
    assert names(folder / "000000020") == sorted([*manifest["files"], "manifest.json"])
    assert all(len(entry["sha256"]) == 64 for entry in manifest["files"].values())


def test_a_save_that_fails_leaves_the_older_ones_and_no_temporary(folder: Path) -> None:
    """A file where the new checkpoint's folder must go makes the rename fail, after everything was written."""
    (folder / "000000030").write_text("in the way")
    with pytest.raises(GanctlError, match=r"000000030 could not be written: .*It needs \d+ bytes"):
        checkpoint.save(folder, tensors(30), {**FACTS, "step": 30})
    assert names(folder) == ["000000010", "000000020", "000000030"]
    assert checkpoint.load_newest(folder)[0].step == 20


def test_what_an_interrupted_save_left_is_ignored_then_cleaned(folder: Path) -> None:
    shutil.copytree(folder / "000000020", folder / ".000000030.999.tmp")
    assert checkpoint.load_newest(folder)[0].step == 20
    checkpoint.prune(folder, keep=2)
    assert names(folder) == ["000000010", "000000020"]


def test_the_same_step_can_be_saved_again(folder: Path) -> None:
    checkpoint.save(folder, tensors(-1), {**FACTS, "step": 20})
    assert checkpoint.load_newest(folder)[0].groups["generator"]["000.Dense.kernel"][0, 0] == -1


def test_prune_keeps_the_newest(folder: Path) -> None:
    checkpoint.save(folder, tensors(100), {**FACTS, "step": 1_000_000_000})
    (folder / "notes").mkdir()
    checkpoint.prune(folder, keep=2)
    assert names(folder) == ["000000020", "1000000000", "notes"]


def test_prune_follows_no_link(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years")
    (folder / "000000005").symlink_to(precious, target_is_directory=True)
    (folder / ".x.tmp").symlink_to(precious, target_is_directory=True)
    checkpoint.prune(folder, keep=1)
    assert names(precious) == ["thesis.tex"]


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "truncated": lambda path: _truncate(path / "generator.safetensors"),
    "bit flipped": lambda path: _flip_a_bit(path / "generator.safetensors"),
    "empty file": lambda path: (path / "generator.safetensors").write_bytes(b""),
    "missing file": lambda path: (path / "optimizer_generator.safetensors").unlink(),
    "missing manifest": lambda path: (path / "manifest.json").unlink(),
    "empty manifest": lambda path: (path / "manifest.json").write_bytes(b""),
    "manifest no JSON": lambda path: (path / "manifest.json").write_bytes(b"\xff{"),
    "manifest a list": lambda path: (path / "manifest.json").write_text("[]"),
    "manifest deep": lambda path: (path / "manifest.json").write_text("[" * 100_000),
    "manifest without files": lambda path: _edit(path, lambda manifest: manifest.pop("files")),
    "manifest without step": lambda path: _edit(path, lambda manifest: manifest.pop("step")),
    "manifest of a later format": lambda path: _edit(path, lambda manifest: manifest.update(format=99)),
    "another step": lambda path: _edit(path, lambda manifest: manifest.update(step=21)),
    "no files": lambda path: [inner.unlink() for inner in path.iterdir()],
}


def _edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    change(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_is_named(damage: str, folder: Path) -> None:
    DAMAGES[damage](folder / "000000020")
    found, problems = checkpoint.load_newest(folder)
    assert found.path == folder / "000000010"
    assert len(problems) == 1
    assert "000000020" in problems[0]


@pytest.mark.parametrize("damage", DAMAGES)
def test_where_every_checkpoint_is_damaged_all_are_named(damage: str, folder: Path) -> None:
    for step in ("000000010", "000000020"):
        DAMAGES[damage](folder / step)
    with pytest.raises(GanctlError, match=r"No checkpoint in .* is intact") as caught:
        checkpoint.load_newest(folder)
    assert "000000010" in str(caught.value)
    assert "000000020" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["../outside.safetensors", "/etc/passwd", "inner/x.safetensors", "generator.pickle", "..", ""]
)
def test_a_manifest_cannot_lead_out_of_its_folder(name: str, folder: Path) -> None:
    shutil.copy(folder / "000000010" / "generator.safetensors", folder / "outside.safetensors")
    _edit(
        folder / "000000020",
        lambda manifest: manifest["files"].update({name: manifest["files"]["generator.safetensors"]}),
    )
    with pytest.raises(GanctlError, match="which does not belong to a checkpoint"):
        checkpoint.load(folder / "000000020")


def test_a_link_to_a_file_elsewhere_is_no_part_of_a_checkpoint_unless_it_has_the_hash(
    folder: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password")
    (folder / "000000020" / "generator.safetensors").unlink()
    (folder / "000000020" / "generator.safetensors").symlink_to(secret)
    with pytest.raises(GanctlError, match="is damaged: its hash differs from the one"):
        checkpoint.load(folder / "000000020")


def test_a_pointer_is_understood(folder: Path, tmp_path: Path) -> None:
    assert checkpoint.find(tmp_path)[0].step == 20
    assert checkpoint.find(folder)[0].step == 20
    assert checkpoint.find(folder / "000000010")[0].step == 10
    with pytest.raises(UsageError, match="does not exist"):
        checkpoint.find(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="is not a run folder, checkpoint or generator file"):
        checkpoint.find(tmp_path / "empty")


# --- with networks


@pytest.fixture(scope="module")
def dense_game(tiny_yaml: WriteYaml) -> Callable[..., Game]:
    def make(**changes: Any) -> Game:
        experiment = resolving.load_experiment(
            tiny_yaml({key.replace("__", "."): value for key, value in changes.items()})
        )
        images = datasets.registry.get("npz").make(experiment.dataset, lambda sequence, *_, **__: sequence)
        return games.make_game(resolving.resolve(experiment), images)

    return make


def state_of(game: Game) -> dict[str, np.ndarray]:
    return {
        f"{group}/{name}": array for group, arrays in game_state.collect(game).items() for name, array in arrays.items()
    }


def test_a_game_continues_to_the_bit_from_its_state(dense_game: Callable[..., Game], tmp_path: Path) -> None:
    """With dropout's seeds, moving statistics, the running average and both optimizers' slots."""
    first = dense_game(training__ema=0.9)
    first.play(first.chunk(0, 2))
    path = checkpoint.save(tmp_path, game_state.collect(first), {**FACTS, "step": 2})
    second = dense_game(training__ema=0.9, seed=5)
    found = checkpoint.load(path)
    game_state.restore(second, found.groups, found.step, str(path))
    assert int(second.step.numpy()) == 2
    assert state_of(second).keys() == state_of(first).keys()
    for name, array in state_of(first).items():
        np.testing.assert_array_equal(array, state_of(second)[name], err_msg=name)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"model__latent_dim": 5},
            r"generator belongs to another network: 000.Dense.kernel of shape \[5, 256\] has shape \[4, 256\]",
        ),
        ({"dataset__channels": 3}, r"017.Dense.kernel|018.Dense.kernel"),
        ({"training__ema": 0.5}, "generator_ema is missing"),
        ({"optimizer": {"generator": {"name": "sgd"}}}, "optimizer_generator"),
        (
            {"model": {"name": "dcgan", "latent_dim": 4, "capacity": 1}, "dataset__image_size": 16},
            "generator belongs to another network: 000.Dense.kernel",
        ),
    ],
)
def test_another_architecture_is_refused_at_its_first_layer_with_nothing_loaded(
    changes: dict[str, Any], named: str, dense_game: Callable[..., Game]
) -> None:
    groups = game_state.collect(dense_game(seed=1))
    other = dense_game(**changes)
    before = state_of(other)
    with pytest.raises(GanctlError, match=named):
        game_state.restore(other, groups, 3, "the file")
    assert int(other.step.numpy()) == 0
    for name, array in state_of(other).items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_a_surplus_tensor_is_refused(dense_game: Callable[..., Game]) -> None:
    game = dense_game()
    groups = game_state.collect(game)
    groups["generator"]["999.Dense.kernel"] = np.zeros(1, np.float32)
    with pytest.raises(GanctlError, match=r"999.Dense.kernel is unexpected"):
        game_state.restore(game, groups, 1, "the file")


def test_a_weight_that_is_not_finite_is_never_saved(dense_game: Callable[..., Game]) -> None:
    game = dense_game()
    kernel = game.networks["discriminator"].trainable_variables[0]
    kernel.assign(kernel * np.nan)
    with pytest.raises(DivergedError, match=r"Iteration 0: the weight 000.Dense.kernel of discriminator is not"):
        game_state.collect(game)


def test_a_generator_file_needs_nothing_beside_it(
    dense_game: Callable[..., Game], tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    game = dense_game()
    experiment = resolving.load_experiment(tiny_yaml())
    facts = {
        "experiment": experiment.model_dump(mode="json"),
        "image_shape": [8, 8, 1],
        "generator": "generator",
        "step": 0,
    }
    written, moved = tmp_path / "a.safetensors", tmp_path / "elsewhere" / "b.safetensors"
    checkpoint.save_generators(written, {"generator": game_state.collect_network(game, "generator")}, facts)
    moved.parent.mkdir()
    written.rename(moved)
    trained = TrainedGenerator.load(moved)
    loaded, generator = trained.parts.experiment, trained.network
    assert (loaded.model_dump(), trained.step, trained.problems) == (experiment.model_dump(), 0, ())
    latent = np.random.default_rng(0).standard_normal((3, 4), np.float32)
    np.testing.assert_array_equal(generator(latent, training=False), game.networks["generator"](latent, training=False))


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"\xff" * 100, b'{"a": 1}', (2).to_bytes(8, "little") + b"{}"])
def test_a_generator_file_of_another_kind_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(GanctlError, match=r"x\.safetensors (is damaged|was not written by ganctl)"):
        TrainedGenerator.load(path)
