"""The scores in the head comments of the shipped configurations, and what measures them again."""

import itertools
import math
import shlex
from pathlib import Path

import pytest
from conftest import CONFIGS, WriteYaml

from benchmarks import recipes
from benchmarks.recipes import Score
from ganctl.build import resolving
from ganctl.errors import GanctlError
from ganctl.experiment.packaged_configs import find_config

RECORDED = Score(0.1, 0.006, (0, 1, 2), 0.001, 2000, 2.0, "abc1234", "ganctl train configs/quickstart.yaml")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_file_says_its_score_and_a_command_that_is_valid(path: Path) -> None:
    score = Score.read(path.read_text("utf-8"), path.name)
    assert len(score.seeds) >= 3
    assert score.commit
    assert score.floor < score.kid < 5
    assert score.minutes > 0
    words = shlex.split(score.command)
    assert words[:3] == ["ganctl", "train", f"configs/{path.name}"]
    overrides = tuple(after for before, after in itertools.pairwise(words) if before == "--set")
    resolving.load_experiment(find_config(words[2]), overrides)


def test_a_score_is_found_again_where_it_was_written() -> None:
    text = "# A recipe.\n" + RECORDED.written_into((CONFIGS / "quickstart.yaml").read_text("utf-8"))
    assert Score.read(text, "") == RECORDED
    with pytest.raises(GanctlError, match=r"no\.yaml has no line '# Score:"):
        Score.read("name: x\n", "no.yaml")


@pytest.mark.parametrize(
    ("kid", "deviation", "worse"),
    [(0.1, 0.006, False), (0.05, 0.0, False), (0.111, 0.006, False), (0.104, 0.0, False), (0.12, 0.006, True)],
)
def test_only_what_is_clearly_worse_is_called_so(kid: float, deviation: float, worse: bool) -> None:
    found = Score(kid, deviation, (0, 1, 2), 0.001, 2000, 2.0, "def5678", RECORDED.command)
    assert found.is_worse_than(RECORDED) == worse


def test_what_was_not_measured_yet_is_filled_in() -> None:
    text = f"# A recipe.\n# Score: not measured yet\n#   {RECORDED.command}\nname: x\n"
    empty = Score.read(text, "")
    assert (empty.kid, empty.commit, empty.command) == (math.inf, "", RECORDED.command)
    assert not RECORDED.is_worse_than(empty)
    assert Score.read(RECORDED.written_into(text), "") == RECORDED


@pytest.mark.slow
def test_a_recipe_is_trained_and_scored_for_each_seed(tiny_yaml: WriteYaml) -> None:
    recorded = Score(0.0, 0.0, (0, 3), 0.0, 50, 0.0, "", f"ganctl train {tiny_yaml()} --set training.iterations=2")
    found = recipes.measure(recorded)
    assert found.kid > 0.3  # two iterations: nothing was learned
    assert found.deviation > 0
    assert found.minutes > 0
