"""`training.stages`: who plays until which iteration, and what stays as it is meanwhile."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from conftest import RunCli, WriteYaml
from small_runs import KilledAfter, files_of, remembering_pair, resume, train

from ganctl import cli, models
from ganctl.errors import ConfigurationError, DivergedError
from ganctl.experiment.changes import changes_between
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import PACES, StageSection, TrainingSection
from ganctl.game import Game, state
from ganctl.game.image_order import ImageOrder
from ganctl.planning.pace import measure, shares
from ganctl.planning.probe import seconds_per_round
from ganctl.report.curves import read_curves
from ganctl.run_folder import checkpoint
from ganctl.run_folder.losses_csv import read_losses
from ganctl.run_folder.paths import RunFolder

TINY = "remembering_pair"
BOTH = ["discriminator", "generator"]
ALONE = [{"until": 3, "players": ["generator"]}]
TWO = [*ALONE, {"until": 5, "players": ["discriminator"]}, {"players": BOTH}]
OUTPUTS = {"checkpoint_every": 1, "keep": 9, "sample_every": 2, "sample_grid": "2x2"}

Small = Callable[..., Experiment]
MakeGame = Callable[..., Game]


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    with models.registry.temporarily():
        models.registry.register(TINY, source="this test")(remembering_pair)
        yield


def in_stages(small_game: MakeGame, stages: list[dict[str, Any]], changes: dict[str, Any] | None = None) -> Game:
    return small_game(TINY, {"training.stages": stages, **(changes or {})})


def played(game: Game, rounds: int, most: int = 2048) -> np.ndarray:
    """The rows of so many rounds, in calls of at most `most`."""
    rows, step = [], 0
    while step < rounds:
        count = min(most, rounds - step, game.stages.at(step).most_rounds(game.feeds, step))
        rows.append(game.play(game.chunk(step, count)).numpy())
        step += count
    return np.concatenate(rows)


def lasting(game: Game) -> dict[str, dict[str, np.ndarray]]:
    """All that a checkpoint has, but the seeds of Dropout, which every turn sets anew."""
    return {
        group: {name: array for name, array in tensors.items() if "seed" not in name}
        for group, tensors in state.collect(game).items()
    }


def same(before: Any, after: Any, group: str) -> bool:
    return all((before[group][name] == after[group][name]).all() for name in before[group])


# --- the key


@pytest.mark.parametrize(
    ("stages", "spans"),
    [
        ([], [(0, None, None)]),
        ([(3, ["a"])], [(0, 3, ["a"]), (3, None, None)]),
        ([(None, ["a"])], [(0, None, ["a"])]),
        ([(3, ["a"]), (5, ["b"]), (None, ["c"])], [(0, 3, ["a"]), (3, 5, ["b"]), (5, None, ["c"])]),
    ],
)
def test_after_the_last_until_all_play(stages: Any, spans: Any) -> None:
    sections = [StageSection(until=until, players=players) for until, players in stages]
    assert TrainingSection(stages=sections).who_plays() == spans


def test_a_player_counts_the_iterations_in_which_it_plays() -> None:
    sections = [StageSection(until=3, players=["a"]), StageSection(until=5, players=["b"])]
    for iterations, of_a, of_b in ((2, 2, 0), (4, 3, 1), (9, 7, 6)):
        training = TrainingSection(iterations=iterations, stages=sections)
        assert (training.iterations_of("a"), training.iterations_of("b")) == (of_a, of_b)


@pytest.mark.parametrize(
    ("stages", "line", "says"),
    [
        ("[{until: 3, players: [generatr]}]", 0, "no player 'generatr'. Did you mean 'generator'?"),
        ("[{until: 3, players: [generator, discriminator, judge]}]", 0, "no player 'judge'"),
        ("\n  - {until: 3, players: [generator]}\n  - {until: 3, players: [discriminator]}", 2, "must be above 3"),
        (
            "\n  - {players: [generator]}\n  - {players: [discriminator]}",
            1,
            "only the last stage may leave out `until`",
        ),
        ("[{until: 3, players: [generator, generator]}]", 0, "names a player twice"),
        ("[{until: 0, players: [generator]}]", 0, "greater than or equal to 1"),
        ("[{until: 3, players: []}]", 0, "at least 1 item"),
        ("[{until: 3}]", 0, "'players' is missing"),
        ("[{untill: 3, players: [generator]}]", 0, "unknown key 'untill'"),
        ("generator", 0, "valid list"),
    ],
)
def test_stages_that_make_no_sense_are_refused_with_their_line(
    stages: str, line: int, says: str, tiny_yaml: WriteYaml
) -> None:
    path = tiny_yaml({})
    path.write_text(path.read_text().replace("training:\n", f"training:\n  stages: {stages}\n"))
    at = 1 + path.read_text().splitlines().index(next(x for x in path.read_text().splitlines() if "stages:" in x))
    done = CliRunner().invoke(cli.commands, ["validate", str(path)])
    assert isinstance(done.exception, ConfigurationError)
    assert done.exception.exit_code == 2
    assert says in str(done.exception)
    assert f"tiny.yaml:{at + line}:" in str(done.exception)


def test_names_of_a_models_own_players_are_checked_before_training(small_game: MakeGame) -> None:
    with pytest.raises(ConfigurationError, match=r"stages.0.players.0: this game has no player 'genrator'"):
        small_game("bigan", {"training.stages": [{"until": 3, "players": ["genrator"]}]})


# --- who rests


@pytest.mark.parametrize(("player", "other"), [("generator", "discriminator"), ("discriminator", "generator")])
def test_nothing_of_a_resting_player_changes(small_game: MakeGame, player: str, other: str) -> None:
    game = in_stages(small_game, [{"until": 2, "players": [player]}], {"training.ema": 0.9})
    before = lasting(game)
    played(game, 2)
    during = lasting(game)
    for group in (other, f"optimizer_{other}"):
        assert same(before, during, group), group
    for group in (player, f"optimizer_{player}"):
        assert not same(before, during, group), group
    assert same(before, during, "generator_ema") == (player == "discriminator"), "an average follows who moves"
    game.play(game.chunk(2, 1))
    assert not any(same(during, lasting(game), group) for group in during), "now all move"


def test_columns_of_resting_players_are_not_a_number_and_all_others_are_finite(small_game: MakeGame) -> None:
    game = in_stages(small_game, TWO)
    rows = dict(zip(game.columns, played(game, 6).T, strict=True))
    assert np.isfinite(rows["g_loss"]).tolist() == [True, True, True, False, False, True]
    assert np.isfinite(rows["d_loss"]).tolist() == [False, False, False, True, True, True]
    assert np.isfinite(rows["d_accuracy_real"]).tolist() == [False, False, False, True, True, True]


@pytest.mark.parametrize("stages", [[{"players": BOTH}], [{"until": 2, "players": BOTH}]])
def test_stages_in_which_all_play_change_no_bit(small_game: MakeGame, stages: Any) -> None:
    plain, staged = small_game(TINY), in_stages(small_game, stages)
    assert (played(plain, 5) == played(staged, 5)).all()
    a, b = state.collect(plain), state.collect(staged)
    assert all((a[group][name] == b[group][name]).all() for group in a for name in a[group])


def test_each_stage_is_compiled_once_and_no_chunk_crosses_a_border(small_game: MakeGame) -> None:
    game = in_stages(small_game, TWO)
    rows = played(game, 7, most=2)
    assert [stage.play.experimental_get_tracing_count() for stage in game.stages] == [1, 1, 1]
    assert np.array_equal(rows, played(in_stages(small_game, TWO), 7), equal_nan=True), "however long the calls are"
    with pytest.raises(ValueError, match="ends after 3 rounds"):
        game.chunk(2, 2)


# --- which images are seen


@pytest.mark.parametrize("sampling", ["shuffle", "replacement", "window"])
def test_images_follow_each_other_across_a_border(small_game: MakeGame, sampling: str) -> None:
    """With `shuffle`, no image comes again before all were seen, although the discriminator draws and the other not."""
    game = in_stages(small_game, TWO, {"dataset.sampling": sampling, "training.batch_size": 4})
    seen = np.concatenate([game.chunk(step, 1)["real"].numpy().ravel() for step in range(21)])
    assert game.chunk(0, 3)["real"].shape == (3, 0), "the generator draws none"
    if sampling == "shuffle":
        assert len(seen) == 18 * 4
        expected = ImageOrder(64, "shuffle", 0).rounds([4], 0, 18).ravel()
        assert (seen == expected).all(), "as if the rounds without images had not been"
        assert len(set(seen[:64])) == 64


def test_streamed_images_are_the_same_across_a_border(small_game: MakeGame, monkeypatch: pytest.MonkeyPatch) -> None:
    resident = in_stages(small_game, TWO)
    monkeypatch.setenv("GANCTL_RESIDENT_BYTES", "0")
    streamed = in_stages(small_game, TWO)
    assert not streamed.feeds["real"].resident
    rows = [played(game, 8, most=2) for game in (resident, streamed)]
    assert np.array_equal(rows[0], rows[1], equal_nan=True)
    streamed.feeds["real"].close()


# --- a run


def staged(small_experiment: Small, stages: Any = TWO, **changes: Any) -> Experiment:
    return small_experiment(TINY, {"training.iterations": 7, "training.stages": stages, "outputs": OUTPUTS, **changes})


@pytest.fixture(scope="module")
def whole(small_experiment: Small, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder.create(tmp_path_factory.mktemp("whole"), "whole", explicit=True)
    train(staged(small_experiment), folder, *(KilledAfter(at, folder.path.parent / str(at)) for at in (2, 3, 4, 5)))
    return folder


@pytest.mark.parametrize("at", [2, 3, 4, 5])
def test_a_run_killed_at_a_border_or_beside_it_ends_like_one_that_was_not(
    at: int, small_experiment: Small, whole: RunFolder, tmp_path: Path
) -> None:
    killed = RunFolder(shutil.copytree(whole.path.parent / str(at), tmp_path / "killed"))
    newest = int(checkpoint.newest_first(killed.checkpoints)[0].name)
    assert newest == at
    assert resume(staged(small_experiment), killed) == []
    expected, found = files_of(whole), files_of(killed)
    assert found.keys() == expected.keys()
    for name, content in expected.items():
        assert found[name] == content, name


def test_a_checkpoint_knows_its_stage(whole: RunFolder) -> None:
    stages = {int(p.name): checkpoint.find(p)[0].facts["stage"] for p in checkpoint.newest_first(whole.checkpoints)}
    assert [stages[step]["number"] for step in range(1, 8)] == [1, 1, 2, 2, 3, 3, 3]
    assert stages[3] == {"number": 2, "of": 3, "players": ["discriminator"]}


def test_a_run_without_stages_says_nothing_of_them(small_experiment: Small, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "plain", explicit=True)
    train(staged(small_experiment, []), folder)
    assert "stage" not in checkpoint.find(folder.path)[0].facts


def test_what_a_resting_player_measures_is_an_empty_cell_that_every_reader_understands(whole: RunFolder) -> None:
    header, *rows = [line.split(",") for line in whole.losses.read_text().splitlines()]
    cells = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["g_loss"] != "" for row in cells] == [True, True, True, False, False, True, True]
    assert [row["d_loss"] != "" for row in cells] == [False, False, False, True, True, True, True]
    assert [row["d_precision"] != "" for row in cells] == [False, False, False, True, True, True, True]
    assert "nan" not in whole.losses.read_text()
    losses = read_losses(whole.losses)
    assert np.isnan(losses.column("d_loss")).tolist() == [True] * 3 + [False] * 4
    assert losses.empty[:, losses.columns.index("d_loss")].tolist() == [True] * 3 + [False] * 4
    curves = read_curves(whole.losses)
    assert not [note for note in curves.notes if "not a number" in note]
    assert all(np.isfinite(curve.final) for curve in curves.curves)
    assert "not a number" not in whole.report.read_text()


def test_an_empty_cell_is_told_from_a_value_that_is_not_a_number(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    path.write_text("iteration,epoch,d_loss,g_loss\n1,0,,0.5\n2,0,nan,0.5\n3,0,1,0.5\n")
    assert read_losses(path).empty[:, 2].tolist() == [True, False, False]
    assert [note for note in read_curves(path).notes if "d_loss" in note] == ["d_loss is not a number in iteration 2."]


def test_the_loss_plot_shows_means_over_what_was_measured(small_experiment: Small, tmp_path: Path) -> None:
    from ganctl.training.hooks.loss_plot import COLUMNS, LossPlot

    plot = LossPlot(100)
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    train(staged(small_experiment, **{"training.iterations_per_epoch": 4}), folder, plot)
    d_loss, epochs = read_losses(folder.losses).column("d_loss"), plot.means
    assert epochs[0][COLUMNS.index("d_loss")] == pytest.approx(d_loss[3], rel=1e-6)
    assert epochs[1][COLUMNS.index("d_loss")] == pytest.approx(d_loss[4:].mean(), rel=1e-6)
    assert np.isnan(epochs[0][COLUMNS.index("d_mae")]) == np.isnan(read_losses(folder.losses).column("d_mae")).all()


def test_a_divergence_is_found_in_any_stage(small_experiment: Small, tmp_path: Path) -> None:
    """What does not play is not a number; what plays and is not ends the run."""
    experiment = staged(small_experiment, **{"optimizer": {"discriminator": {"learning_rate": 1e30}}})
    folder = RunFolder.create(tmp_path, "run", explicit=True)
    with pytest.raises(DivergedError, match=r"Iteration [456]: "):
        train(experiment, folder)
    assert read_losses(folder.losses).column("iteration")[-1] > 3


def test_tensorboard_gets_what_was_measured(small_experiment: Small, tmp_path: Path) -> None:
    from test_tensorboard import events

    folder = RunFolder.create(tmp_path, "run", explicit=True)
    train(staged(small_experiment, outputs={**OUTPUTS, "tensorboard": True}), folder)
    found = events(folder)
    assert [step for step, *_ in found["g_loss"]] == [1, 2, 3, 6, 7]
    assert [step for step, *_ in found["d_loss"]] == [4, 5, 6, 7]


def test_another_stage_is_another_training(small_experiment: Small, whole: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(shutil.copytree(whole.path.parent / "4", tmp_path / "run"))
    later = staged(small_experiment, [*ALONE, {"until": 6, "players": ["discriminator"]}, {"players": BOTH}])
    with pytest.raises(ConfigurationError, match=r"training\.stages"):
        resume(later, copy)
    assert resume(later, copy, allow_changes=True)
    measured = read_losses(copy.losses).column("g_loss")
    assert np.isfinite(measured).tolist() == [True, True, True, False, False, False, True]


def test_a_learning_rate_falls_over_the_iterations_in_which_its_player_plays(small_game: MakeGame) -> None:
    """The discriminator plays in iterations 4 to 7: half of its rate is left after two of them."""
    optimizer = {"discriminator": {"learning_rate": 0.4, "schedule": "linear"}}
    game = in_stages(small_game, ALONE, {"training.iterations": 7, "optimizer": optimizer})
    judge = game.players[0].optimizer
    rates = [float(judge.schedule(step)) for step in range(0, 8, 2)]  # two steps in each iteration
    assert rates == pytest.approx([0.4, 0.3, 0.2, 0.1])
    played(game, 7)
    assert int(judge.iterations.numpy()) == 8


# --- before a run


def test_each_stage_counts_by_its_share_of_the_iterations(small_game: MakeGame) -> None:
    game = in_stages(small_game, TWO)
    assert [share for _, share in shares(game, 0, 10)] == [0.3, 0.2, 0.5]
    assert [share for _, share in shares(game, 4, 8)] == [0.25, 0.75]
    assert [share for _, share in shares(game, 10, 10)] == [0.3, 0.2, 0.5]
    assert [share for _, share in shares(game, 0, 2)] == [1.0]
    pace = measure(game, 0.3, 0, 10)
    assert 0 < pace.slowest <= pace.iterations_per_second <= pace.fastest
    assert [stage.play.experimental_get_tracing_count() for stage in game.stages] == [1, 1, 1]
    assert seconds_per_round(in_stages(small_game, TWO)) > 0


@pytest.mark.slow
def test_plan_validate_and_a_dry_run_know_stages(run_cli: RunCli, tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    config = tiny_yaml({"training.stages": TWO})
    assert "images/s" in run_cli("plan", config, "--seconds", 0.3, cwd=tmp_path).stdout
    assert yaml.safe_load(run_cli("validate", config, "--show").stdout)["training"]["stages"] == [
        {"until": stage.get("until"), "players": stage["players"], **dict.fromkeys(PACES)} for stage in TWO
    ]
    told = run_cli("train", config, "--dry-run", cwd=tmp_path).stdout
    assert "stage       until 3: generator\nstage       until 5: discriminator\nstage       from 6 on: disc" in told
    assert run_cli("train", config, cwd=tmp_path).returncode == 0


# --- another pace


LONGER = [{"until": 2, "players": BOTH, "disc_updates": 3}, {"until": 3, "players": BOTH, "gen_updates": 2}]


def test_a_stage_has_its_own_numbers_of_updates_and_images_are_counted_by_them(small_game: MakeGame) -> None:
    game = in_stages(small_game, LONGER, {"training.batch_size": 4})
    paces = [{player.name: player.updates for player in stage.players} for stage in game.stages]
    assert paces == [
        {"discriminator": 3, "generator": 1},
        {"discriminator": 1, "generator": 2},
        {"discriminator": 1, "generator": 1},
    ]
    seen = np.concatenate([game.chunk(step, 1)["real"].numpy().ravel() for step in range(6)])
    assert (seen == ImageOrder(64, "shuffle", 0).rounds([4], 0, 10).ravel()).all(), "3 + 3 + 1 + 1 + 1 + 1 batches"
    played(game, 4)
    steps = {player.name: int(player.optimizer.iterations.numpy()) for player in game.players}
    assert steps == {"discriminator": 2 * (3 + 3 + 1 + 1), "generator": 1 + 1 + 2 + 1}, "two turns of a discriminator"


def test_the_pace_of_a_whole_run_may_stand_in_a_stage(small_game: MakeGame) -> None:
    plain = small_game(TINY, {"training.disc_updates": 2})
    staged = in_stages(small_game, [{"players": BOTH, "disc_updates": 2}])
    assert (played(plain, 4) == played(staged, 4)).all()


def test_a_learning_rate_follows_iterations_across_a_change_of_pace(small_game: MakeGame) -> None:
    """Three updates of two turns in each of two iterations, then one of two turns."""
    optimizer = {player: {"learning_rate": 0.4, "schedule": "linear"} for player in BOTH}
    game = in_stages(small_game, LONGER, {"training.iterations": 8, "optimizer": optimizer})
    judge, maker = (player.optimizer.schedule for player in game.players)
    of_judge = [float(judge(step)) for step in range(16)]
    assert of_judge == pytest.approx([0.4] * 6 + [0.35] * 6 + [0.3, 0.3, 0.25, 0.25])
    assert [float(maker(step)) for step in range(5)] == pytest.approx([0.4, 0.35, 0.3, 0.3, 0.25])
    again = type(judge).from_config(judge.get_config())
    assert [float(again(step)) for step in range(16)] == of_judge


def test_a_rested_stage_does_not_count_for_a_rate_with_two_paces(small_game: MakeGame) -> None:
    stages = [LONGER[0], {"until": 5, "players": ["generator"]}, {"players": BOTH}]
    optimizer = {"discriminator": {"learning_rate": 0.4, "schedule": "linear"}}
    game = in_stages(small_game, stages, {"training.iterations": 7, "optimizer": optimizer})
    rates = [float(game.players[0].optimizer.schedule(step)) for step in range(17)]
    assert rates == pytest.approx([0.4] * 6 + [0.3] * 6 + [0.2] * 2 + [0.1] * 2 + [0.0])


def test_a_lazy_penalty_counts_the_updates_of_its_stage(small_game: MakeGame) -> None:
    penalty = {"loss": {"penalties": [{"name": "r1", "every": 3}]}}
    game = in_stages(small_game, [{"until": 3, "players": BOTH, "disc_updates": 2}], penalty)
    rows = played(game, 3)[:, game.columns.index("r1")]
    assert (rows > 0).tolist() == [True, True, False], "of six updates the first and the fourth"
    alone = in_stages(small_game, [{"until": 7, "players": BOTH, "disc_updates": 1}], penalty)
    assert (played(alone, 7)[:, alone.columns.index("r1")] > 0).tolist() == [True, False, False] * 2 + [True]


def test_a_pace_that_no_player_of_the_stage_follows_is_refused(small_game: MakeGame) -> None:
    with pytest.raises(ConfigurationError, match=r"stages\.0\.disc_updates: no player of this stage follows it: gen"):
        in_stages(small_game, [{"until": 2, "players": ["generator"], "disc_updates": 3}])


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_run_of_two_paces_resumes_bit_for_bit(at: int, small_experiment: Small, tmp_path: Path) -> None:
    optimizer = {player: {"schedule": "linear"} for player in BOTH}
    experiment = staged(small_experiment, LONGER, **{"training.iterations": 5, "optimizer": optimizer})
    whole = RunFolder.create(tmp_path, "whole", explicit=True)
    train(experiment, whole, KilledAfter(at, tmp_path / "killed"))
    killed = RunFolder(tmp_path / "killed")
    assert resume(experiment, killed) == []
    assert files_of(killed) == files_of(whole)


def test_another_pace_does_not_fit_a_rate_that_follows_iterations(small_experiment: Small) -> None:
    one = staged(small_experiment, LONGER).model_dump(mode="json")
    two = staged(small_experiment, [{**LONGER[0], "disc_updates": 4}, LONGER[1]]).model_dump(mode="json")
    assert [(c.key, c.refused) for c in changes_between(one, two)] == [("training.stages", False)]
    for experiment in (one, two):
        experiment["optimizer"]["discriminator"]["warmup"] = 2
    assert [(c.key, c.refused) for c in changes_between(one, two)] == [("training.stages", True)]
