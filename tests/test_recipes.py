"""Scores and gallery runs in the head comments of the shipped configurations, and what measures them again."""

import math
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import CONFIGS, WriteYaml

from benchmarks import gallery, recipes
from benchmarks.gallery import Exhibit
from benchmarks.recipes import Score, overrides_of
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
    resolving.load_experiment(find_config(words[2]), overrides_of(words))


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


SHOWN = Exhibit(
    "ganctl train configs/quickstart.yaml --set training.iterations=2",
    "Shirts and shoes, some of which could be worn. " * 5 + "The rest is not recognizable.",
    kid=0.1,
    floor=-0.0003,
    minutes=2.5,
    commit="abc1234",
)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_file_has_a_run_in_the_gallery(path: Path) -> None:
    exhibit = Exhibit.read(path.read_text("utf-8"), path.name)
    assert shlex.split(exhibit.command)[:3] == ["ganctl", "train", f"configs/{path.name}"]
    assert exhibit.experiment().training.iterations > 0
    assert exhibit.seen.endswith(".")
    assert exhibit.commit
    assert exhibit.kid is not None
    assert exhibit.floor < exhibit.kid < 5
    assert exhibit.minutes > 0
    picture = cv2.imread(str(gallery.PICTURES / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
    assert min(picture.shape) > 200
    assert picture.std() > 20, "samples, not an empty sheet"


def test_the_pictures_of_the_gallery_are_small_and_all_are_shown() -> None:
    pictures = list(gallery.PICTURES.iterdir())
    assert {path.stem for path in pictures} == {path.stem for path in CONFIGS.glob("*.yaml")}
    assert sum(path.stat().st_size for path in pictures) < 3 * 2**20


def test_the_gallery_page_says_what_the_head_comments_say() -> None:
    for path, text in gallery.pages().items():
        assert path.read_text("utf-8") == text, "run: python -m benchmarks.gallery --page"


def test_a_gallery_run_is_found_again_where_it_was_written() -> None:
    before = f"# A recipe.\n# Gallery: not measured yet\n#   {SHOWN.command}\n#   Nothing yet.\nname: x\n"
    assert Exhibit.read(before, "") == Exhibit(SHOWN.command, "Nothing yet.")
    after = SHOWN.written_into(before)
    assert Exhibit.read(after, "") == SHOWN
    assert after.startswith("# A recipe.\n# Gallery: KID-Lite0 0.1000; floor -0.0003; N = 2000; seed 0; 2.5 processor")
    assert after.endswith("recognizable.\nname: x\n")
    with pytest.raises(GanctlError, match=r"no\.yaml has no line '# Gallery:"):
        Exhibit.read("name: x\n", "no.yaml")


OF_PAIRS = {"kid": 0.3252, "kid_floor": -0.0003, "num": 1000, "psnr": 20.5556, "psnr_baseline": 20.194, "cycle_l1": 9.0}
BOTH_WAYS = {"kid": 0.5, "kid_floor": 0.0, "num": 1000, "cycle_l1": 0.03, "cycle_l1_baseline": 0.2785}


@pytest.mark.parametrize(
    ("scores", "figures"),
    [
        (OF_PAIRS, "floor -0.0003; PSNR 20.56 dB, baseline 20.19 dB; N = 1000; seed 0"),
        (BOTH_WAYS, "floor 0.0000; cycle L1 0.0300, baseline 0.2785; N = 1000; seed 0"),
        ({"kid": 0.5, "kid_floor": 0.0, "num": 1000}, "floor 0.0000; N = 1000; seed 0"),
        ({"kid": 0.5, "kid_floor": 0.0, "num": 50, "psnr": 9.0, "psnr_baseline": None}, "floor 0.0000; N = 50; seed 0"),
    ],
    ids=["pairs", "both ways", "one way", "no baseline"],
)
def test_outputs_are_shown_beside_the_baseline_that_evaluate_gives(scores: dict[str, float], figures: str) -> None:
    text = f"# Gallery: not measured yet\n#   {SHOWN.command}\n#   Nothing yet.\nname: x\n"
    found = Exhibit.read(text, "").measured(scores, 1.0)
    written = found.written_into(text)
    assert figures in written
    read = Exhibit.read(written, "")
    assert (read.num, str(read.beside)) == (scores["num"], str(found.beside))
    assert read.written_into(written) == written


def test_the_rows_of_a_model_of_pictures_are_known_from_its_command() -> None:
    rows = {}
    for name in ("pix2pix", "cyclegan", "quickstart"):
        rows[name] = Exhibit(f"ganctl train configs/{name}.yaml", "").sampler().rows
    assert rows == {"pix2pix": ("input", "output", "truth"), "cyclegan": ("input", "output"), "quickstart": ()}


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_head_comment_is_written_as_it_is_read(path: Path) -> None:
    text = path.read_text("utf-8")
    assert Exhibit.read(text, path.name).written_into(text) == text


def test_images_that_the_gallery_needs_are_asked_for(tmp_path: Path) -> None:
    exhibit = Exhibit(f"ganctl train configs/photos.yaml --set dataset.path={tmp_path / 'none'}", "Nothing.")
    with pytest.raises(
        GanctlError, match=r"There are no images in .*none\..* npm pack emoji-datasource-google@16\.0\.0 "
    ):
        gallery.train(exhibit, tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


@pytest.mark.slow
def test_a_gallery_run_is_trained_scored_and_drawn(tiny_yaml: WriteYaml, tmp_path: Path) -> None:
    picture = tmp_path / "deep" / "a.png"
    exhibit = Exhibit(f"ganctl train {tiny_yaml()} --set training.iterations=2", "Noise.", num=50)
    found = gallery.train(exhibit, picture)
    assert found.kid is not None
    assert found.kid > 0.3  # two iterations: nothing was learned
    assert 0.01 < found.minutes < 2
    drawn = cv2.imread(str(picture), cv2.IMREAD_UNCHANGED)
    assert drawn.shape == (12 * (6 * 10 + 2), 12 * (8 * 10 + 2)), "six rows of eight images of 8x8, enlarged, grey"
    assert len(np.unique(drawn)) > 10
