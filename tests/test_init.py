"""`ganctl init`: from a folder of real files to a YAML that is valid, explained, and trains."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import RunCli, untracked
from image_files import encoded, exif, noise, palette, red_left_blue_right, with_right_half_transparent
from PIL import Image

from ganctl import datasets
from ganctl.build import resolving
from ganctl.cli import commands
from ganctl.errors import DataError, GanctlError, UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.packaged_configs import packaged_configs
from ganctl.experiment.sections import DatasetSection
from ganctl.experiment.yaml_editing import with_values
from ganctl.experiment.yaml_source import parse_yaml
from ganctl.images.containers import ListedFile
from ganctl.images.decode import decode
from ganctl.images.folder_listing import Listing, list_images
from ganctl.images.headers import Header, read_header
from ganctl.planning.recipe.files import StartingFiles, plain_name
from ganctl.planning.recipe.one_folder import RECIPE, one_folder
from ganctl.planning.recipe.rules import (
    Cost,
    Measured,
    batch_size,
    best_cost,
    channels_of,
    choices,
    evaluations_in,
    held_out,
    playing_seconds,
    possible_sizes,
    resize_of,
)
from ganctl.planning.survey import folder_survey, near_duplicates
from ganctl.planning.survey.contact_sheet import contact_sheet
from ganctl.planning.survey.folder_survey import Survey, survey
from ganctl.planning.survey.image_glance import HEAD_BYTES, Ends, glance, mode_of, read_ends
from ganctl.planning.survey.in_words import described, listed_files, warnings
from ganctl.planning.survey.near_duplicates import MAX_DISTANCE, Sketch, groups_of_near_duplicates

READ = "JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF, JPEG 2000, PPM, TGA or .npy"
LONG, NEVER = 60.0, 0.0


def picture(seed: int, width: int = 40, height: int = 30) -> Image.Image:
    """A picture like a photo: different for every seed, without detail at the scale of pixels."""
    return noise(seed, 6, 5).resize((width, height), Image.Resampling.BICUBIC)


def look(folder: Path, seconds: float = LONG) -> Survey:
    return survey(folder, seconds, untracked)


def ends_of(path: Path) -> tuple[Listing, ListedFile, Ends]:
    """The ends of the only file of a folder."""
    listing = list_images(path.parent)
    (file,) = listing.files
    ends = read_ends(listing, file)
    assert ends is not None
    return listing, file, ends


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """What people really have: 60 pictures of many kinds in two sub-folders, and what is none."""
    folder = tmp_path / "my phötos 犬"
    cats, dogs = folder / "cats", folder / "dögs & more"
    cats.mkdir(parents=True)
    dogs.mkdir()
    for seed in range(40):
        (cats / f"photo {seed:02d}.jpg").write_bytes(encoded(picture(seed), "JPEG", quality=95))
    kinds = {
        "alpha.png": encoded(with_right_half_transparent(picture(50)), "PNG"),
        "grey alpha.png": encoded(with_right_half_transparent(picture(51), "LA"), "PNG"),
        "grey.jpg": encoded(picture(52).convert("L"), "JPEG"),
        "cmyk.jpg": encoded(picture(53).convert("CMYK"), "JPEG"),
        "palette.png": encoded(palette(), "PNG"),
        "palette.gif": encoded(picture(54).convert("P"), "GIF"),
        "sixteen.png": encoded(Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50), "PNG"),
        "picture.webp": encoded(picture(55), "WEBP"),
        "picture.tif": encoded(picture(56), "TIFF"),
        "picture.bmp": encoded(picture(57), "BMP"),
        "turned.jpg": encoded(picture(58), "JPEG", exif=exif(6)),
        "dot.png": encoded(picture(59, 1, 1), "PNG"),
        "saved again.jpg": encoded(picture(3).resize((64, 48), Image.Resampling.BICUBIC), "JPEG", quality=85),
        "broken start.jpg": b"\xff\xd8\xff\xe0" + bytes(50),
        "cut off.jpg": encoded(picture(60), "JPEG")[:-200],
        "cut off.png": encoded(picture(61), "PNG")[:-20],
        "notes.txt": b"no picture",
    }
    for name, data in kinds.items():
        (dogs / name).write_bytes(data)
    for number in range(4):
        shutil.copy(cats / f"photo {number:02d}.jpg", dogs / f"copy {number}.jpg")
    return folder


def test_a_survey_says_what_is_there(mixed: Path) -> None:
    found = look(mixed)
    facts = found.as_json()
    assert (facts["pictures"], facts["distinct"], facts["decoded"]) == (57, 53, 57)
    modes = {"palette": 2, "RGBA": 1, "grey with alpha": 1, "grey": 1, "CMYK": 1, "grey, 16 bits": 1}
    assert facts["modes"] == {"RGB": 50, **modes}
    assert facts["rotated_by_exif"] == 1
    assert facts["classes"] == {"cats": 40, "dögs & more": 17}
    assert facts["skipped"] == {".txt file without an image": 1}
    assert set(found.damaged) == {f"dögs & more/{name}" for name in ("broken start.jpg", "cut off.jpg", "cut off.png")}
    assert found.copies == tuple((f"cats/photo {n:02d}.jpg", f"dögs & more/copy {n}.jpg") for n in range(4))
    assert found.near == (("cats/photo 03.jpg", "dögs & more/saved again.jpg"),)
    turned = next(p for p in found.pictures if p.name.endswith("turned.jpg"))
    assert (turned.height, turned.width) == (40, 30)


def test_a_survey_in_words_names_what_is_wrong(mixed: Path) -> None:
    found = look(mixed)
    lines = dict(described(found))
    assert lines["damaged"].startswith("3: dögs & more/broken start.jpg: its JPEG header is damaged or cut off")
    assert lines["copies"].startswith("4 have the same content as another: cats/photo 00.jpg = dögs & more/copy 0.jpg")
    assert lines["classes"] == "2 sub-folders: cats 40, dögs & more 17"
    assert lines["skipped"] == "1 .txt file without an image"
    listed = listed_files(found)
    assert {"cats/photo 03.jpg", "dögs & more/copy 3.jpg", "dögs & more/saved again.jpg"} <= set(listed)
    assert "dögs & more/dot.png  # 1x1" in listed
    double, tiny = warnings(found, "x-files.txt")
    assert double.startswith("4 copies and 1 near copies")
    assert "x-files.txt" in tiny


def test_more_damage_than_a_training_leaves_out_is_a_warning(tmp_path: Path) -> None:
    for seed in range(13):
        data = encoded(picture(seed), "JPEG")
        (tmp_path / f"{seed}.jpg").write_bytes(data if seed < 2 else data[:-200])
    found = look(tmp_path)
    assert warnings(found, "list.txt")[0].startswith("11 pictures cannot be read, and training leaves out at most 10.")
    with pytest.raises(DataError, match="11 of 13 images"):
        datasets.registry.get("image_folder").make(DatasetSection(name="image_folder", path=str(tmp_path)), untracked)


def test_without_time_to_decode_only_what_needs_it_is_missing(mixed: Path) -> None:
    decoded, glanced = look(mixed), look(mixed, NEVER)
    assert (decoded.decoded, glanced.decoded) == (57, 0)
    assert glanced.near == ()
    assert "decoded 0 of 57 pictures" in dict(described(glanced))["near copies"]
    less = {"decoded", "near_duplicates", "values", "transparent"}
    first, second = ({k: v for k, v in found.as_json().items() if k not in less} for found in (decoded, glanced))
    assert first == second


LARGE = {
    "jpg": encoded(noise(1, 400, 300), "JPEG", quality=95, exif=exif(8)),
    "grey.jpg": encoded(noise(1, 500, 400).convert("L"), "JPEG", quality=95),
    "cmyk.jpg": encoded(noise(1, 400, 300).convert("CMYK"), "JPEG", quality=95),
    "png": encoded(noise(2, 200, 150), "PNG"),
    "turned.png": encoded(noise(2, 200, 150), "PNG", exif=exif(6)),
    "alpha.png": encoded(with_right_half_transparent(noise(2, 250, 200)), "PNG"),
    "webp": encoded(noise(3, 400, 300), "WEBP", quality=95),
    "lossless.webp": encoded(with_right_half_transparent(noise(3, 250, 200)), "WEBP", lossless=True),
    "gif": encoded(noise(4, 400, 300).convert("P"), "GIF"),
    "tif": encoded(noise(5, 200, 150), "TIFF"),
    "bmp": encoded(noise(6, 200, 150), "BMP"),
}


@pytest.mark.parametrize("kind", LARGE)
def test_the_ends_of_a_large_file_tell_what_all_of_it_tells(kind: str, tmp_path: Path) -> None:
    path, data = tmp_path / f"x.{kind}", LARGE[kind]
    assert len(data) > HEAD_BYTES
    path.write_bytes(data)
    listing, file, ends = ends_of(path)
    assert not ends.whole
    header = glance(listing, file, ends)
    assert header == read_header(data)
    expected = {"jpg": "RGB", "png": "RGB", "webp": "RGB", "gif": "palette", "tif": "RGB", "bmp": "RGB"} | {
        "grey.jpg": "grey", "cmyk.jpg": "CMYK", "turned.png": "RGB", "alpha.png": "RGBA", "lossless.webp": "RGBA"
    }  # fmt: skip
    assert mode_of(ends.head, header) == expected[kind]


CUT_WEBP = b"RIFF" + (12).to_bytes(4, "little") + b"WEBPVP8X" + bytes(4)
CORE_BMP = b"BM" + bytes(12) + bytes([12, 0, 0, 0, 3, 0, 2, 0, 1, 0])


@pytest.mark.parametrize("data", [CUT_WEBP, CORE_BMP, CORE_BMP[:20]], ids=["webp", "bmp", "shorter bmp"])
def test_headers_that_are_too_short_are_damage(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    listing, file, ends = ends_of(path)
    with pytest.raises(DataError, match="damaged or cut off"):
        glance(listing, file, ends)


@pytest.mark.parametrize(("bits", "mode"), [(8, "palette"), (24, "RGB")])
def test_an_old_bitmap_tells_its_mode(bits: int, mode: str) -> None:
    data = CORE_BMP + bytes([bits, 0]) + bytes(40)
    assert mode_of(data, read_header(data)) == mode


@pytest.mark.parametrize("kind", [kind for kind in LARGE if kind not in ("tif", "bmp")])
def test_the_ends_of_a_large_file_show_that_it_is_cut_off(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    path.write_bytes(LARGE[kind][:-5000])
    listing, file, ends = ends_of(path)
    with pytest.raises(DataError):
        glance(listing, file, ends)


def test_a_photo_with_something_behind_it_is_whole(tmp_path: Path) -> None:
    """Phones append videos and previews."""
    path = tmp_path / "x.jpg"
    path.write_bytes(LARGE["jpg"] + bytes(100_000))
    listing, file, ends = ends_of(path)
    assert glance(listing, file, ends) == Header("JPEG", 400, 300, 8, 3)


@pytest.mark.parametrize("seconds", [LONG, NEVER])
def test_large_files_that_differ_only_in_the_middle_are_no_copies(seconds: float, tmp_path: Path) -> None:
    data = bytearray(encoded(noise(6, 300, 200), "BMP"))
    (tmp_path / "a.bmp").write_bytes(data)
    (tmp_path / "b.bmp").write_bytes(data)
    data[100_000] ^= 255
    (tmp_path / "c.bmp").write_bytes(data)
    assert look(tmp_path, seconds).copies == (("a.bmp", "b.bmp"),)


def test_without_time_to_compare_large_files_their_ends_count_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_survey, "_COMPARING_SECONDS", -1.0)
    for name in "ab":
        (tmp_path / f"{name}.bmp").write_bytes(LARGE["bmp"])
    found = look(tmp_path)
    assert (found.copies, found.trusted) == ((("a.bmp", "b.bmp"),), 2)
    assert dict(described(found))["copies"].endswith("(2 large files were compared at both ends only)")


def test_a_large_file_that_vanishes_during_the_survey_does_not_stop_it(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.bmp").write_bytes(LARGE["bmp"])

    def track(sequence: Iterable[Any], *_: object, **__: object) -> Iterator[Any]:
        yield from sequence
        (tmp_path / "b.bmp").unlink()

    assert survey(tmp_path, LONG, track).copies == (("a.bmp", "c.bmp"),)


def saved_again(image: Image.Image, kind: str, **options: object) -> np.ndarray:
    return decode(encoded(image, kind, **options)).pixels


def test_a_picture_saved_again_is_found_among_others() -> None:
    pictures = [np.asarray(picture(seed, 200, 150)) for seed in range(60)]
    again = [
        saved_again(picture(4, 200, 150), "JPEG", quality=70),
        saved_again(picture(9, 200, 150).resize((100, 75), Image.Resampling.LANCZOS), "WEBP", quality=80),
        saved_again(picture(4, 200, 150), "PNG"),
    ]
    assert groups_of_near_duplicates([Sketch.of(pixels) for pixels in [*pictures, *again]]) == [[4, 60, 62], [9, 61]]


def test_pictures_with_an_empty_background_are_not_all_the_same() -> None:
    blank = np.full((64, 64, 3), 255, np.uint8)
    pictures = []
    for level in range(0, 256, 32):
        pictures.append(blank.copy())
        pictures[-1][16:48, 16:48] = (level, 255 - level, 0)
    flat = [np.full((8, 8, 3), level, np.uint8) for level in (0, 80, 160, 240)]
    assert groups_of_near_duplicates([Sketch.of(pixels) for pixels in [*pictures, *flat]]) == []
    same = [Sketch.of(pixels) for pixels in (flat[1], flat[1] + 1, flat[2])]
    assert groups_of_near_duplicates(same) == [[0, 1]]


def test_all_pairs_of_near_hashes_are_found() -> None:
    """Against a loop over all pairs."""
    random = np.random.default_rng(0)
    copy = np.zeros((16, 16, 3), np.uint8)
    hashes = [int(value) for value in random.integers(0, 2**63, 200)]
    for value in hashes[:100]:
        flips = random.permutation(64)[: random.integers(0, 7)]
        hashes.append(value ^ sum(1 << int(bit) for bit in flips))
    groups = groups_of_near_duplicates([Sketch(value, copy) for value in hashes])
    near = {
        (one, other)
        for other in range(300)
        for one in range(other)
        if (hashes[one] ^ hashes[other]).bit_count() <= MAX_DISTANCE
    }
    assert {tuple(group) for group in groups} == near
    assert len(near) > 30


def test_the_search_for_near_pictures_ends_where_all_have_one_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 400 pictures there are 79,800 pairs; those next to each other in colour are compared, and a copy is found."""
    copies = np.random.default_rng(0).integers(0, 256, (400, 16, 16, 3), np.uint8)
    compared: list[int] = []
    alike = near_duplicates._alike

    def counting(copies: np.ndarray, first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
        compared.append(len(first))
        return alike(copies, first, second)

    monkeypatch.setattr(near_duplicates, "_alike", counting)
    monkeypatch.setattr(near_duplicates, "MAX_MEAN_DIFFERENCE", 256.0)
    monkeypatch.setattr(near_duplicates, "_MOST_COPIES", 1000)
    assert groups_of_near_duplicates([Sketch(0, copy) for copy in [*copies, copies[0]]]) == [[0, 400]]
    assert 1000 < sum(compared) < 1500


def test_near_pictures_are_found_among_many_of_one_background() -> None:
    """A background makes part of all hashes the same."""
    random = np.random.default_rng(0)
    copy = np.zeros((16, 16, 3), np.uint8)
    for part in range(4):
        hashes = [int(value) & ~(0xFFFF << 16 * part) for value in random.integers(0, 2**63, 2000)]
        for value in hashes[:500]:
            places = [bit for bit in range(64) if bit // 16 != part]
            hashes.append(value ^ sum(1 << int(bit) for bit in random.choice(places, 3, replace=False)))
        groups = groups_of_near_duplicates([Sketch(value, copy) for value in hashes])
        assert groups == [[place, 2000 + place] for place in range(500)]


@pytest.mark.parametrize("turned", [False, True])
def test_a_sheet_shows_pictures_upright_and_in_their_colours(turned: bool, tmp_path: Path) -> None:
    """Red on the left and blue on the right, as it is, or stored lying and turned by EXIF."""
    image = red_left_blue_right(64, 32)
    if turned:
        image = image.transpose(Image.Transpose.ROTATE_90)
    data = encoded(image, "JPEG", quality=95, subsampling=0, exif=exif(6 if turned else 1))
    (tmp_path / "a.jpg").write_bytes(data)
    sheet = contact_sheet(look(tmp_path), DatasetSection(name="image_folder", image_size=32, channels=3)).astype(int)
    reds = np.argwhere((sheet[..., 0] > 220) & (sheet[..., 1:].max(axis=2) < 40))
    blues = np.argwhere((sheet[..., 2] > 220) & (sheet[..., :2].max(axis=2) < 40))
    # Half of the result, and of the original 64x32 times 3 what its frame leaves.
    assert len(reds) == pytest.approx(128 * 64 + 92 * 46, rel=0.05)
    assert len(blues) == pytest.approx(len(reds), rel=0.05)
    assert reds[:, 0].mean() == pytest.approx(blues[:, 0].mean(), abs=1)  # beside each other, not above
    assert reds[:, 1].max() < blues[:, 1].max()


def facts_of(tmp_path: Path, sizes: list[tuple[int, int]], *, grey: bool = False) -> Survey:
    for number, (width, height) in enumerate(sizes):
        image = picture(number, width, height)
        (tmp_path / f"{number}.png").write_bytes(encoded(image.convert("L").convert("RGB") if grey else image, "PNG"))
    return look(tmp_path)


def any_size(height: int, width: int) -> str:
    return ""


def test_the_longer_side_counts_where_pictures_are_padded(tmp_path: Path) -> None:
    pictures = facts_of(tmp_path, [(240, 60)] * 20)
    sizes = possible_sizes(pictures, any_size)
    assert sizes == [16, 32, 64, 128]
    recipe = Experiment.load(packaged_configs()[RECIPE])
    measured = Measured(Cost(128, 16), 10, "CPU")
    chosen = {choice.key[-1]: choice for choice in choices(one_folder(pictures), recipe, sizes, measured, 60)}
    assert chosen["resize"].value == "pad"
    assert chosen["image_size"].reason.startswith(
        "The longer sides have 240 pixels; 0 pictures have fewer than 128 and get"
    )
    assert "256 would be more than the longer side of over 10% of them" in chosen["image_size"].reason


def test_no_size_is_offered_to_which_many_pictures_would_be_enlarged(tmp_path: Path) -> None:
    pictures = facts_of(tmp_path, [(150, 130)] * 18 + [(40, 40), (50, 300)])
    assert possible_sizes(pictures, any_size) == [16, 32, 64, 128]
    assert possible_sizes(pictures, lambda height, _: "less" if height > 64 else "") == [16, 32, 64]
    tiny = facts_of(tmp_path, [(3, 3)] * 20)
    assert possible_sizes(tiny, any_size) == [16]


@pytest.mark.parametrize(
    ("rate", "minutes", "expected"),
    [
        (50, 60, Cost(128, 32)),  # 45,000 iterations of 128x128
        (10, 60, Cost(64, 32)),
        (2, 60, Cost(64, 32)),
        (1, 60, Cost(32, 32)),
        (1, 10, Cost(32, 16)),
        (0.01, 10, Cost(32, 8)),
        (1000, 600, Cost(128, 64)),
    ],
)
def test_the_time_decides_on_size_and_capacity(rate: float, minutes: float, expected: Cost) -> None:
    measured = Measured(Cost(64, 32), rate, "CPU")
    assert best_cost([16, 32, 64, 128], measured, 60 * minutes) == expected


def test_ten_minutes_at_the_recipes_own_cost_are_enough_for_64_pixels() -> None:
    recipe = Cost(64, 16)
    assert best_cost([16, 32, 64], Measured(recipe, 13.0, "CPU"), playing_seconds(10, 1)) == recipe
    assert best_cost([16, 32, 64], Measured(recipe, 13.0, "CPU"), 3600) == recipe
    assert best_cost([16, 32, 64], Measured(recipe, 13.0, "CPU"), 10 * 3600) == Cost(64, 32)
    assert best_cost([16, 32, 64], Measured(recipe, 0.01, "CPU"), 60) == Cost(32, 8)


def test_a_model_without_a_capacity_and_pictures_without_pixels_have_a_cost() -> None:
    assert best_cost([16, 32], Measured(Cost(32, None), 0.01, "CPU"), 60) == Cost(32, None)
    assert best_cost([16], Measured(Cost(16, 32), 10.0, "CPU"), 7200) == Cost(16, 64)


def test_rules_for_few_and_for_many() -> None:
    assert [batch_size(32, count) for count in (2, 10, 63, 64, 127, 128, 10**6)] == [2, 2, 8, 16, 16, 32, 32]
    assert [held_out(count) for count in (10, 999, 1000, 20_000, 50_000)] == [0.0, 0.0, 0.05, 0.05, 0.02]
    assert [evaluations_in(minutes, 500) for minutes in (1, 2, 60, 100_000)] == [0, 1, 5, 10]
    assert evaluations_in(60, 49) == 0
    for minutes in (1, 10, 60, 480):
        assert 0.25 <= playing_seconds(minutes, 1) / (60 * minutes) < 0.92


def test_grey_pictures_are_learned_grey_and_long_ones_padded(tmp_path: Path) -> None:
    grey = facts_of(tmp_path, [(30, 30)] * 3, grey=True)
    assert (channels_of(grey), resize_of(grey)) == (1, "crop")
    long = facts_of(tmp_path, [(30, 30), (90, 30), (90, 30)])
    assert (channels_of(long), resize_of(long)) == (3, "pad")


def test_values_and_reasons_go_into_a_text_that_stays_as_it_is() -> None:
    text = "# head\na: 1  # kept\nb:\n  c: 2  # goes\n  d: 3  # kept\n"
    values = {("b", "c"): ("x: y", "Because."), ("b", "new"): (None, ""), ("a",): (True, "")}
    written = with_values(text, values)
    assert written == "# head\na: true\nb:\n  new: null\n  # Because.\n  c: 'x: y'\n  d: 3  # kept\n"
    assert parse_yaml(written, "").data == {"a": True, "b": {"c": "x: y", "d": 3, "new": None}}


def test_what_is_chosen_stands_on_a_line_of_its_own_in_the_recipe() -> None:
    keys = ["dataset.path", "dataset.image_size", "dataset.channels", "dataset.resize", "dataset.flip"]
    keys += ["dataset.holdout", "model.capacity", "training.iterations", "training.batch_size"]
    keys += ["evaluation.every", "outputs.sample_every", "outputs.checkpoint_every"]
    text = packaged_configs()[RECIPE].read_text("utf-8")
    for key in keys:
        assert f"\n  {key.split('.')[1]}: " in text, key


@pytest.mark.parametrize(("name", "expected"), [("My photos!", "My_photos"), ("犬", "犬"), ("...", "pictures")])
def test_an_experiment_is_called_by_what_a_folder_can_be_called(name: str, expected: str) -> None:
    assert plain_name(name) == expected


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two pictures in `photos`, other folders, and files in the way."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "one", "same", "empty", "texts", "broken", "folder.yaml"):
        (tmp_path / name).mkdir()
    for seed in range(2):
        (tmp_path / "photos" / f"{seed}.png").write_bytes(encoded(picture(seed), "PNG"))
    for file in ("one/0.png", "same/0.png", "same/1.png"):
        (tmp_path / file).write_bytes(encoded(picture(0), "PNG"))
    (tmp_path / "texts" / "a.txt").write_text("a")
    (tmp_path / "broken" / "a.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "there.yaml").write_text("mine")
    (tmp_path / "other-crop.png").write_text("mine")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["nowhere"], 3, "There is nothing at nowhere. Name a folder of pictures."),
        (["there.yaml"], 3, "there.yaml is not a folder or a zip archive."),
        (["empty"], 3, f"empty contains no {READ} file. It is empty."),
        (["texts"], 3, f"contains no {READ} file. Skipped: 1 .txt file without an image."),
        (["broken"], 3, "None of the 1 pictures in broken can be read; the first: a.jpg: "),
        (["one"], 3, "one: one picture is too few to train on."),
        (["same"], 3, "same: one picture is too few to train on."),
        (["photos", "-o", "there.yaml"], 2, "there.yaml already exists. Choose another --output, or overwrite it"),
        (["photos", "-o", "other.yaml"], 2, "other-crop.png already exists."),
        (["photos", "-o", "folder.yaml"], 2, "folder.yaml is a folder."),
        (["photos", "-o", "a.txt"], 2, "--output takes FILE.yaml. Received: a.txt"),
        (["photos", "-o", "photos/in/a.yaml"], 2, "a-crop.png would be learned as one of them"),
        (["."], 2, "would be learned as one of them"),
        (["photos", "-o", "there.yaml/a.yaml"], 2, "there.yaml/a.yaml cannot be written: "),
        (["photos", "--minutes", "0.5"], 2, "0.5 is not in the range"),
        (["photos", "--minutes", "nan"], 2, "nan is not a finite number"),
        (["photos", "-o", "a" * 245 + ".yaml"], 2, ".yaml is too long. Choose another --output."),
        (["~of nobody"], 3, "There is nothing at ~of nobody."),
        (["photos", "--minutes", "99999"], 2, "99999.0 is not in the range"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_explained_and_nothing_is_written(
    arguments: list[str], exit_code: int, message: str, place: Path
) -> None:
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    result = CliRunner().invoke(commands, ["init", *arguments])
    code = result.exception.exit_code if isinstance(result.exception, GanctlError) else result.exit_code
    assert code == exit_code
    assert message in str(result.exception) + result.output
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "name",
    [
        "1e3",
        "0o17",
        "0x1F",
        "1_000",
        "null",
        "yes",
        "a: b",
        "\x1b[31m",
        "2026-11-22",
        "~",
        "a\u3000b",
        "a\u200db",
        "a\x85b",
    ],
)
def test_every_text_is_read_as_it_was_written(name: str) -> None:
    text = with_values("# head\nname: a\n", {("name",): (name, f"Because of {name}.")})
    assert parse_yaml(text, "").data == {"name": name}
    assert (f"# Because of {name}." in text) == (name not in ("\x1b[31m", "a\x85b"))


def test_names_become_short_enough_for_folders() -> None:
    assert plain_name("猫" * 90) == "猫" * 33
    assert plain_name("\x1b~") == "pictures"


def test_what_is_no_text_about_a_skipped_file_is_left_out(tmp_path: Path) -> None:
    for number, suffix in enumerate((b".\xff", b".\x1b[31m", b".txt")):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/%d" % number + suffix)).write_text("x")
    (tmp_path / "a.png").write_bytes(encoded(picture(1), "PNG"))
    assert look(tmp_path).skipped == {"other file without an image": 2, ".txt file without an image": 1}


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not valid UTF-8, which a YAML file requires"):
        StartingFiles.open(tmp_path / "a.yaml", Path(os.fsdecode(b"bytes\xff")), force=False)


@pytest.mark.slow
def test_from_a_mixed_folder_to_a_trained_gan(mixed: Path, run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("init", mixed, "-o", "my own.yaml", "--minutes", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "damaged     3: " in done.stdout
    assert "53 different pictures are very few" in done.stdout
    assert done.stdout.endswith("  ganctl train 'my own.yaml'\n"), "as a shell takes it"
    assert {path.name for path in tmp_path.iterdir()} >= {"my own.yaml", "my own-crop.png", "my own-files.txt"}
    text = (tmp_path / "my own.yaml").read_text("utf-8")
    assert "#   ganctl train 'my own.yaml'\n" in text
    experiment = resolving.load_experiment(tmp_path / "my own.yaml")
    assert (experiment.name, experiment.dataset.image_size, experiment.dataset.path) == ("my_own", 16, str(mixed))
    recipe = resolving.load_experiment(packaged_configs()[RECIPE])
    assert (experiment.loss, experiment.optimizer) == (recipe.loss, recipe.optimizer)
    briefly = ["--set", "training.iterations=2", "--quiet"]
    for arguments in (["validate", "my own.yaml"], ["train", "my own.yaml", *briefly]):
        done = run_cli(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs" / "my_own" / "samples" / "real.png").is_file()
    again = run_cli("init", mixed, "-o", "my own.yaml", "--minutes", 1, "--force", "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    facts = json.loads(again.stdout)
    assert (facts["folder"]["pictures"], facts["yaml"], facts["files"]) == (57, "my own.yaml", "my own-files.txt")
    assert facts["choices"]["dataset.image_size"]["value"] == 16
    assert facts["measured"][0]["iterations_per_second"] > 0
