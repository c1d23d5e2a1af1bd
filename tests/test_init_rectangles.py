"""`ganctl init` proposes a rectangle where most pictures have nearly one shape of which squares lose too much."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import RunCli, untracked
from image_files import encoded, noise
from loaded_images import load
from PIL import Image

from ganctl import models
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.packaged_configs import packaged_configs
from ganctl.experiment.sections import DatasetSection
from ganctl.experiment.yaml_source import parse_yaml
from ganctl.planning.recipe.material import Choice
from ganctl.planning.recipe.one_folder import RECIPE, one_folder
from ganctl.planning.recipe.rectangles import common_ratio, rectangles
from ganctl.planning.recipe.rules import Cost, Measured, choices, model_sizes, possible_sizes
from ganctl.planning.survey.contact_sheet import contact_sheet
from ganctl.planning.survey.folder_survey import Survey, survey

why_unfit = models.registry.get("dcgan").why_unfit
SIZES = [16, 32, 64, 128]
PORTRAIT = (320, 448)  # width x height, as in a file manager


def folder_of(folder: Path, *sizes: tuple[int, int]) -> Path:
    """Write a picture of each width and height."""
    folder.mkdir(exist_ok=True)
    for number, (width, height) in enumerate(sizes):
        image = noise(number, 6, 5).resize((width, height), Image.Resampling.BICUBIC)
        (folder / f"{number:03}.png").write_bytes(encoded(image, "PNG"))
    return folder


def look(folder: Path, *sizes: tuple[int, int]) -> Survey:
    return survey(folder_of(folder, *sizes), 0.0, untracked)


def proposed(pictures: Survey) -> dict[int, tuple[int, int]]:
    assert model_sizes(why_unfit) == SIZES
    return rectangles(pictures, SIZES, why_unfit)


def chosen(pictures: Survey, size: int) -> dict[str, Choice]:
    """The choices at a size, by the last part of their keys."""
    shapes = proposed(pictures)
    sizes = possible_sizes(pictures, why_unfit, shapes)
    measured = Measured(Cost.of(size, 16, shapes), 10, "CPU")
    recipe = Experiment.load(packaged_configs()[RECIPE])
    return {str(choice.key[-1]): choice for choice in choices(one_folder(pictures), recipe, sizes, measured, 60)}


def test_portraits_become_portraits(tmp_path: Path) -> None:
    pictures = look(tmp_path, *[PORTRAIT] * 20)
    assert common_ratio(pictures) == pytest.approx(320 / 448)
    # At 128, the model's longest side is 128.
    assert proposed(pictures) == {16: (24, 16), 32: (32, 24), 64: (80, 56), 128: (128, 96)}
    assert possible_sizes(pictures, why_unfit, proposed(pictures)) == SIZES
    found = chosen(pictures, 64)
    assert (found["image_size"].value, found["resize"].value) == ("80x56", "crop")
    assert "A centred square would lose 29% of the median picture" in found["image_size"].reason
    assert "a crop to this height x width loses 2%" in found["image_size"].reason
    assert found["resize"].reason.startswith("crop keeps the centre in this shape: 98% of the median picture")


def test_strips_become_strips(tmp_path: Path) -> None:
    pictures = look(tmp_path, *[(240, 60)] * 20)
    # At 128, the model's longest side would leave half of the strip, 64x128.
    assert {size: proposed(pictures).get(size) for size in SIZES[1:]} == {32: (16, 64), 64: (32, 128), 128: None}
    assert possible_sizes(pictures, why_unfit, proposed(pictures))[-1] == 64
    found = chosen(pictures, 64)
    assert (found["image_size"].value, found["resize"].value) == ("32x128", "crop")
    assert "would lose 75% of the median picture, a crop to this height x width loses 0%" in found["image_size"].reason


def test_strips_longer_than_the_model_makes_come_as_near_as_it_can(tmp_path: Path) -> None:
    """Of the 16 rows, 5 are picture; of a square's 64, it would be 2."""
    pictures = look(tmp_path, *[(1800, 64)] * 4)
    assert possible_sizes(pictures, why_unfit, proposed(pictures))[-1] == 64
    found = chosen(pictures, 64)
    assert (found["image_size"].value, found["resize"].value) == ("16x128", "pad")
    images = load("image_folder", path=tmp_path, image_size="16x128", resize="pad").images
    assert (images.max((0, 2, 3)) > 0).sum() == 5


@pytest.mark.parametrize(
    "sizes",
    [
        [(320, 320)] * 20,
        [(400, 300)] * 20,
        [PORTRAIT] * 10 + [PORTRAIT[::-1]] * 10,
        [PORTRAIT] * 15 + [(320, 320)] * 5,
        [(320, 400 + 20 * number) for number in range(20)],
    ],
    ids=["squares", "photos that lose a quarter", "upright and lying", "three in four", "of all lengths"],
)
def test_otherwise_squares_stay(sizes: list[tuple[int, int]], tmp_path: Path) -> None:
    pictures = look(tmp_path, *sizes)
    assert proposed(pictures) == {}
    found = chosen(pictures, 64)
    assert (found["image_size"].value, found["resize"].value) == (64, "crop")
    assert found["image_size"].reason.startswith("The shorter sides have ")
    assert found["resize"].reason.startswith("crop keeps the centred square: ")


def test_a_few_others_among_nearly_equal_shapes_do_not_matter(tmp_path: Path) -> None:
    nearly = [(320, 440 + number) for number in range(17)]
    assert proposed(look(tmp_path, *nearly, (320, 320), (500, 300)))[64] == (80, 56)


def test_small_pictures_are_not_enlarged_to_a_rectangle(tmp_path: Path) -> None:
    """60 pixels are fewer than the 80 rows of the rectangle for 64."""
    pictures = look(tmp_path, *[(43, 60)] * 20)
    assert possible_sizes(pictures, why_unfit, proposed(pictures)) == [16, 32]
    assert chosen(pictures, 32)["image_size"].reason.endswith("Over 10% of them are smaller than 64x48.")


def test_the_sheet_frames_what_is_kept_and_shows_it_in_its_shape(tmp_path: Path) -> None:
    image = np.full((96, 192, 3), 60, np.uint8)
    image[:, 36:156] = (0, 200, 0)  # the middle in the shape 4:5
    for number in range(2):
        image[0, 0] = number
        (tmp_path / f"{number}.png").write_bytes(encoded(Image.fromarray(image), "PNG"))
    dataset = DatasetSection(name="image_folder", image_size="32x40", channels=3)
    sheet = contact_sheet(survey(tmp_path, 60.0, untracked), dataset)[: 192 + 24, : 192 + 128 + 48].astype(int)
    frame = np.argwhere((sheet == (230, 0, 120)).all(axis=-1))
    assert (np.ptp(frame, axis=0) + 1).tolist() == [96, 120]
    right = sheet[:, 12 + 192 + 12 :]
    green = np.argwhere((np.abs(right - (0, 200, 0)) <= 2).all(axis=-1))
    assert (np.ptp(green, axis=0) + 1).tolist() == [96, 120], "32x40, each pixel threefold"
    assert len(green) == 96 * 120, "nothing of what is cut off"


def test_a_result_longer_than_its_place_keeps_its_shape(tmp_path: Path) -> None:
    for number in range(2):
        picture = np.full((64, 256, 3), (0, 200 + number, 0), np.uint8)
        (tmp_path / f"{number}.png").write_bytes(encoded(Image.fromarray(picture), "PNG"))
    dataset = DatasetSection(name="image_folder", image_size="64x256", channels=3)
    sheet = contact_sheet(survey(tmp_path, 60.0, untracked), dataset)[: 192 + 24, : 192 + 128 + 48].astype(int)
    green = np.argwhere((np.abs(sheet[:, 12 + 192 + 12 :] - (0, 200, 0)) <= 2).all(axis=-1))
    assert (np.ptp(green, axis=0) + 1).tolist() == [32, 128]


@pytest.mark.slow
def test_from_portraits_to_portraits(run_cli: RunCli, tmp_path: Path) -> None:
    folder_of(tmp_path / "portraits", *[PORTRAIT] * 40)
    done = run_cli("init", "portraits", "--minutes", 10, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    size = facts["choices"]["dataset.image_size"]["value"]
    height, width = map(int, size.split("x"))
    assert width / height == pytest.approx(320 / 448, rel=0.15)
    assert facts["measured"][-1]["image_size"] == size
    written = parse_yaml((tmp_path / "portraits.yaml").read_text("utf-8"), "")
    assert written.data["dataset"]["image_size"] == size
    briefly = ["--set", "training.iterations=2", "--set", "evaluation.every=0", "--quiet"]
    done = run_cli("train", "portraits.yaml", *briefly, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run_cli("sample", "--checkpoint", "outputs/portraits", "--num", 2, "--output", "drawn", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "drawn" / "0.png")).shape == (height, width, 3)
