"""Weights of another run as a start: what fits is taken over exactly, the rest stays, and all of it is said."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunCli, WriteYaml, shipped, slow_but

from ganctl import models
from ganctl.errors import UsageError
from ganctl.game import Game
from ganctl.game import state as game_state
from ganctl.run_folder.checkpoint import Checkpoint
from ganctl.training.transfer import Fit, transfer

MODELS = [entry.name for entry in shipped(models.registry)]
DCGAN = {"dataset.image_size": 16, "model.capacity": 2}


def marked(game: Game, *, only: tuple[str, ...] = ()) -> Checkpoint:
    """What a checkpoint of the game would hold, every number of it told apart from what a network starts with."""
    groups = game_state.collect(game)
    networks = {role: tensors for role, tensors in groups.items() if role in (only or game.networks)}
    changed = {
        role: {name: array if "seed" in name else array + 7 for name, array in tensors.items()}
        for role, tensors in networks.items()
    }
    return Checkpoint(Path("a run"), {"step": 9}, changed)


def moved(before: dict[str, dict[str, np.ndarray]], game: Game) -> dict[str, set[str]]:
    """The variables of each network that are not what they were."""
    after = game_state.collect(game)
    return {
        role: {name for name, array in after[role].items() if not np.array_equal(array, tensors[name])}
        for role, tensors in before.items()
    }


@pytest.mark.parametrize("model", slow_but(["dcgan", "infogan"], MODELS))
def test_the_same_networks_fit_whole_and_nothing_else_changes(model: str, small_game: Callable[..., Game]) -> None:
    game = small_game(model, {"training.ema": 0.5})
    found, before = marked(game), game_state.collect(game)
    fits = transfer(game, found)
    assert {fit.role for fit in fits} == {role for role, network in game.networks.items() if network.variables}
    assert all(fit.fitted == fit.total > 0 and not fit.misfits for fit in fits)
    for role, names in moved(before, game).items():
        expected = {name for name in before[role] if "seed" not in name} if role in game.networks else set()
        assert names == expected, role
    for fit in fits:
        for name, array in game_state.collect_network(game, fit.role).items():
            np.testing.assert_array_equal(array, found.groups[fit.role][name])


def test_from_32_to_64_pixels_all_but_the_new_layers_fit(small_game: Callable[..., Game]) -> None:
    found = marked(small_game("dcgan", {**DCGAN, "dataset.image_size": 32}))
    game = small_game("dcgan", {**DCGAN, "dataset.image_size": 64})
    before = game_state.collect(game)
    generator, discriminator = transfer(game, found)
    assert 0.6 < generator.fitted / generator.total < 1
    assert 0.3 < discriminator.fitted / discriminator.total < 1
    changed = moved(before, game)
    for fit in (generator, discriminator):
        assert len(changed[fit.role]) == fit.fitted
        assert not {misfit.split(" ")[0] for misfit in fit.misfits} & changed[fit.role]
    lines = generator.lines()
    assert lines[0] == f"generator: {generator.fitted} of {generator.total} variables fitted"
    assert lines[1].startswith("  anew: ")
    assert " [" in lines[1]


def test_a_layer_fits_whole_or_not_at_all(small_game: Callable[..., Game]) -> None:
    """Of a first layer for another number of channels, not even the bias."""
    found = marked(small_game("dcgan", {**DCGAN, "dataset.channels": 3}))
    game = small_game("dcgan", {**DCGAN, "dataset.channels": 1})
    discriminator = transfer(game, found)[1]
    assert discriminator.misfits == ["000.Conv2D.kernel [4, 4, 1, 4]", "001.Conv2D.bias [4]"]


def test_generator_and_running_average_stand_for_each_other(small_game: Callable[..., Game]) -> None:
    averaged, plain = small_game("dense_gan", {"training.ema": 0.5}), small_game("dense_gan")
    fits = transfer(plain, marked(averaged, only=("generator_ema",)))
    assert [(fit.role, fit.source, fit.fitted > 0) for fit in fits] == [
        ("generator", "generator_ema", True),
        ("discriminator", "", False),
    ]
    assert "not in the file" in fits[1].lines()[0]
    fits = transfer(averaged, marked(plain))
    assert {fit.role: fit.source for fit in fits}["generator_ema"] == "generator"
    state = game_state.collect(averaged)
    np.testing.assert_array_equal(state["generator"]["000.Dense.kernel"], state["generator_ema"]["000.Dense.kernel"])


@pytest.mark.parametrize("augment", [[], ["ada"]])
def test_where_nothing_fits_nothing_changes(augment: list[str], small_game: Callable[..., Game]) -> None:
    """What ADA remembers always fits, and is never taken over."""
    game = small_game("dense_gan", {"training.augment": augment})
    before = game_state.collect(game)
    memory = {role: {name: array + 1 for name, array in before[role].items()} for role in before if "augment" in role}
    assert bool(memory) == bool(augment)
    groups = {"generator": {"000.Conv2D.kernel": np.zeros([3, 3, 1, 1], "f")}, **memory}
    other = Checkpoint(Path("a run"), {"step": 1}, groups)
    with pytest.raises(UsageError, match="Nothing in a run fits"):
        transfer(game, other)
    assert not any(moved(before, game).values())


def test_of_many_misfits_the_first_are_named() -> None:
    lines = Fit("generator", "generator", 0, 5, [f"{i:03d}.Dense.kernel [1]" for i in range(5)]).lines()
    assert lines[1:] == [*(f"  anew: {i:03d}.Dense.kernel [1]" for i in range(3)), "  anew: 2 more"]


@pytest.mark.slow
def test_a_run_starts_from_another_and_says_so(tiny_yaml: WriteYaml, run_cli: RunCli, tmp_path: Path) -> None:
    first, other = tiny_yaml(), tiny_yaml({"model": {"name": "dcgan", "capacity": 2}, "dataset.image_size": 16})
    assert run_cli("train", first, "--quiet", cwd=tmp_path).returncode == 0
    start = tmp_path / "outputs" / "tiny"
    done = run_cli("train", first, "--run-name", "second", "--init-from", start, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("init ")]
    assert lines[0] == f"init        weights of {start}/checkpoints/000000008, after 8 iterations"
    facts: dict[str, Any] = json.loads((tmp_path / "outputs" / "second" / "run.json").read_text())["init_from"]
    assert facts["step"] == 8
    fit = facts["networks"]["generator"]
    assert fit["fitted"] == fit["of"] > 0
    log = (tmp_path / "outputs" / "second" / "log.txt").read_text()
    assert f"init: generator: {fit['of']} of {fit['of']} variables fitted" in log
    refused = run_cli("train", other, "--init-from", start, cwd=tmp_path)
    assert (refused.returncode, refused.stdout.count("Traceback")) == (2, 0)
    assert "fits: its networks have no layer in common" in refused.stderr
    assert "No such option" in run_cli("resume", start, "--init-from", start, cwd=tmp_path).stderr


@pytest.mark.slow
def test_a_run_that_is_killed_at_once_still_starts_from_there(
    tiny_yaml: WriteYaml, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The weights lie in a checkpoint of no iterations, so that nothing of the first run is needed any more."""
    import shutil

    import ganctl

    path = tiny_yaml()
    first = ganctl.train(path, output_dir=tmp_path, quiet=True)
    whole = ganctl.train(path, {"outputs.keep": 9}, output_dir=tmp_path, run_name="b", init_from=first.path, quiet=True)
    assert sorted(found.name for found in (whole.path / "checkpoints").iterdir()) == [
        "000000000",
        "000000004",
        "000000008",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(game_state, "collect", lambda: None)  # whatever ends it before the weights are saved
        with pytest.raises(TypeError):
            ganctl.train(path, output_dir=tmp_path, run_name="c", init_from=first.path, quiet=True)
    with pytest.raises(UsageError, match="is not a run folder"):  # and so does not begin without them
        ganctl.Run(tmp_path / "c").resume(quiet=True)
    shutil.rmtree(first.path)
    killed = shutil.copytree(whole.path, tmp_path / "killed")
    for later in ("000000004", "000000008"):
        shutil.rmtree(killed / "checkpoints" / later)
    ganctl.load(killed).resume(quiet=True)
    assert (killed / "losses.csv").read_bytes() == (whole.path / "losses.csv").read_bytes()
