"""`ganctl init` tells pairs, two kinds of pictures and classes apart, and writes a recipe for what it found."""

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import RunCli, untracked
from image_files import encoded
from PIL import Image, ImageOps
from test_init import picture

from ganctl.build import resolving
from ganctl.cli import commands
from ganctl.errors import DataError, GanctlError
from ganctl.experiment.packaged_configs import packaged_configs
from ganctl.experiment.sections import DatasetSection
from ganctl.experiment.yaml_editing import with_values, without_keys_of
from ganctl.experiment.yaml_source import parse_yaml
from ganctl.planning.recipe.material import Choice
from ganctl.planning.recipe.recipe import Start, written_out
from ganctl.planning.recipe.rules import Cost, Measured, choices, possible_sizes
from ganctl.planning.recipe.subject import Subject, look_at
from ganctl.planning.recipe.two_sides import RECIPES
from ganctl.planning.survey.likeness import ALIKE, excess
from ganctl.planning.survey.two_sides import Kind

pytestmark = pytest.mark.usefixtures("own_data_folders")

COUNT = 16
Make = Callable[[int], Image.Image]


def colour(seed: int) -> Image.Image:
    return picture(seed, 48, 48)


def grey(seed: int) -> Image.Image:
    """What belongs to `colour` of the same seed."""
    return colour(seed).convert("L")


def another(seed: int) -> Image.Image:
    return colour(1000 + seed)


def side_by_side(seed: int) -> Image.Image:
    both = Image.new("RGB", (96, 48))
    both.paste(grey(seed).convert("RGB"), (0, 0))
    both.paste(colour(seed), (48, 0))
    return both


def put(folder: Path, make: Make, numbers: Iterable[int] = range(COUNT), name: str = "{:03d}.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / name.format(number)).write_bytes(encoded(make(number), "PNG"))
    return folder


def look(*paths: Path, kind: Kind | None = None) -> Subject:
    return look_at(paths, kind, None, 60.0, untracked)


def notes(subject: Subject) -> str:
    return " ".join(line for title, line in subject.lines if title == "note")


def chosen(subject: Subject, size: int = 16) -> dict[str, Choice]:
    """What is chosen at a size, by key."""
    material = subject.material()
    recipe = resolving.load_experiment(packaged_configs()["photos"])
    found = choices(material, recipe, [size], Measured(Cost(size, 16), 10, "CPU"), 60)
    return {".".join(map(str, choice.key)): choice for choice in found}


def values(subject: Subject, *keys: str) -> list[object]:
    found = chosen(subject)
    return [found[f"dataset.{key}"].value for key in keys]


def test_two_folders_of_equal_names_are_pairs(tmp_path: Path) -> None:
    a, b = put(tmp_path / "a", grey), put(tmp_path / "b", colour, name="{:03d}.bmp")
    subject = look(a, b)
    assert subject.facts["kind"] == "pairs"
    assert values(subject, "name", "path", "path_b", "direction") == ["image_pairs", str(a), str(b), "a_to_b"]
    assert values(subject, "channels", "flip", "resize") == [3, True, "crop"]
    material = subject.material()
    assert (material.recipe, set(material.feeds), material.counts) == ("pix2pix", {"source", "target"}, (COUNT,))
    assert f"{COUNT} pictures" in notes(subject)
    assert "--kind unpaired" in notes(subject)
    assert dict(subject.lines)["pairs"] == f"{COUNT}, every picture has a partner"


def test_pictures_without_a_partner_are_named(tmp_path: Path) -> None:
    a, b = put(tmp_path / "a", grey, range(1, 20)), put(tmp_path / "b", colour, range(20))
    (a / "stray.png").write_bytes(encoded(grey(99), "PNG"))
    subject = look(a, b)
    assert subject.material().counts == (19,)
    assert dict(subject.lines)["pairs"] == "19; without a partner: stray.png (a), 000.png (b)"
    assert subject.facts["without_partner"] == {"a": ["stray.png"], "b": ["000.png"]}
    assert subject.warnings("list.txt")[0].startswith("2 pictures have no partner, and training refuses such pairs.")
    assert {"stray.png", "000.png"} <= set(subject.listed)


def test_two_folders_of_other_names_are_two_kinds(tmp_path: Path) -> None:
    a = put(tmp_path / "horses", colour)
    b = put(tmp_path / "zebras", another, range(COUNT + 4), name="zebra {}.png")
    (b / "003.png").write_bytes(encoded(another(50), "PNG"))
    subject = look(a, b)
    material = subject.material()
    assert (material.recipe, set(material.feeds), material.counts) == ("cyclegan", {"a", "b"}, (COUNT, COUNT + 5))
    assert (material.learned, material.fewest) == (COUNT + 5, COUNT)
    assert values(subject, "name", "path", "path_b", "flip") == ["unpaired", str(a), str(b), True]
    assert "dataset.direction" not in chosen(subject)
    assert f"Only 1 of {COUNT} and {COUNT + 5} pictures have equal names" in notes(subject)
    with pytest.raises(DataError, match="1 pair is too few"):
        look(a, b, kind="pairs").material()


def test_letters_of_two_kinds_are_not_mirrored(tmp_path: Path) -> None:
    a, b = put(tmp_path / "a", grey), put(tmp_path / "b", grey, range(50, 70))
    assert values(look(a, b), "flip", "channels") == [False, 1]
    assert values(look(a, put(tmp_path / "c", grey)), "flip") == [True]


@pytest.mark.parametrize("factor", [2, 4])
def test_larger_pictures_of_the_same_name_are_for_super_resolution(factor: int, tmp_path: Path) -> None:
    a = put(tmp_path / "small", lambda seed: colour(seed).resize((24, 16)))
    b = put(tmp_path / "large", lambda seed: colour(seed).resize((24 * factor, 16 * factor)))
    subject = look(a, b)
    assert subject.facts["kind"] == "super-resolution"
    material = subject.material()
    assert (material.recipe, material.times) == ("srgan", factor)
    assert chosen(subject, 32)["dataset.source_size"].value == 32 // factor
    assert "dataset.direction" not in chosen(subject)
    assert material.pictures.heights.tolist() == [16 * factor] * COUNT, "only the large ones decide on the size"
    assert look(a, b, kind="pairs").material().recipe == "pix2pix"
    with pytest.raises(DataError, match="Name the folder of the small pictures first"):
        look(b, a, kind="super-resolution").material()


def test_rectangles_stay_rectangles_on_both_sides(tmp_path: Path) -> None:
    a = put(tmp_path / "a", lambda seed: grey(seed).resize((24, 48)))
    b = put(tmp_path / "b", lambda seed: colour(seed).resize((96, 192)))
    material = look(a, b).material()
    assert material.times == 4
    cost = Cost(64, 16, (96, 48))
    found = choices(
        material, resolving.load_experiment(packaged_configs()["photos"]), [64], Measured(cost, 1, "CPU"), 9
    )
    sizes = {choice.key[1]: choice.value for choice in found if "size" in str(choice.key[1])}
    assert (sizes["image_size"], sizes["source_size"]) == ("96x48", "24x12")
    assert possible_sizes(look(a, b, kind="pairs").material().pictures, lambda height, width: "") == [16]


def test_a_split_tree_of_pairs_keeps_its_tests(tmp_path: Path) -> None:
    for part, numbers in (("train", range(COUNT)), ("test", range(20, 25)), ("val", range(30, 33))):
        put(tmp_path / "set" / part / "A", grey, numbers)
        put(tmp_path / "set" / part / "B", colour, numbers)
    subject = look(tmp_path / "set")
    assert (subject.facts["kind"], subject.facts["apart"]) == ("pairs", {"a": 5, "b": 5})
    found = chosen(subject)
    assert (found["dataset.path"].value, "dataset.path_b" in found) == (str(tmp_path / "set"), False)
    assert found["dataset.holdout"].value == 0.0
    assert "5 pairs for tests" in found["dataset.holdout"].reason
    assert "val" in notes(subject)


def test_sides_with_parts_and_archives_are_recognised(tmp_path: Path) -> None:
    for part, numbers in (("train", range(COUNT)), ("test", range(20, 25))):
        put(tmp_path / "set" / "A" / part, grey, numbers)
        put(tmp_path / "set" / "B" / part, another, numbers)
    assert look(tmp_path / "set").facts["kind"] == "unpaired", "called A and B, but not alike"
    put(tmp_path / "set" / "B" / "train", colour)
    for path in (tmp_path / "set", Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "set"))):
        subject = look(path)
        assert (subject.facts["kind"], subject.facts["apart"]) == ("pairs", {"a": 5, "b": 5})
        assert "pictures of `A` and `B` have equal names" in notes(subject)
        assert values(subject, "path") == [str(path)]
    sides = [shutil.make_archive(str(tmp_path / name), "zip", tmp_path / "set" / name) for name in "AB"]
    assert look(*map(Path, sides)).material().counts == (COUNT,)


def test_the_layout_of_cyclegan_is_two_kinds(tmp_path: Path) -> None:
    for name, make in (("trainA", colour), ("trainB", another), ("testA", colour), ("testB", another)):
        put(tmp_path / "set" / name, make, range(4) if "test" in name else range(COUNT), name=name[-1] + "{}.png")
    subject = look(tmp_path / "set")
    assert (subject.facts["kind"], subject.facts["apart"]) == ("unpaired", {"a": 4, "b": 4})
    assert values(subject, "name", "holdout") == ["unpaired", 0.0]
    assert look(tmp_path / "set", kind="pictures").facts["folder"]["classes"] == {  # type: ignore[index]
        "testA": 4, "testB": 4, "trainA": COUNT, "trainB": COUNT
    }  # fmt: skip


def test_equal_numbers_in_that_layout_do_not_make_pairs(tmp_path: Path) -> None:
    put(tmp_path / "trainA", colour)
    put(tmp_path / "trainB", another)
    assert look(tmp_path).facts["kind"] == "unpaired"
    assert "--kind pairs" in notes(look(tmp_path))


@pytest.mark.parametrize(
    ("other", "count", "kind", "note"),
    [
        (grey, COUNT, "pairs", "--kind pictures for two classes"),
        (
            another,
            COUNT,
            "pictures",
            "look no more alike than others: taken for two classes. If they are pairs, use --kind pairs",
        ),
        (grey, 4, "pictures", "too few to tell"),
    ],
    ids=["belong together", "numbered alike", "few"],
)
def test_two_sub_folders_are_pairs_only_if_names_and_pictures_say_so(
    other: Make, count: int, kind: str, note: str, tmp_path: Path
) -> None:
    put(tmp_path / "photo", colour, range(count))
    put(tmp_path / "sketch", other, range(count))
    subject = look(tmp_path)
    assert subject.facts["kind"] == kind
    assert note in notes(subject)
    classes = look(tmp_path, kind="pictures").facts["folder"]
    assert classes["classes"] == {"photo": count, "sketch": count}  # type: ignore[index]
    assert look(tmp_path, kind="unpaired").material().recipe == "cyclegan"


def test_classes_of_other_names_stay_classes_without_a_word(tmp_path: Path) -> None:
    put(tmp_path / "cats", colour)
    put(tmp_path / "dogs", another, name="dog {}.png")
    subject = look(tmp_path)
    assert (subject.facts["kind"], notes(subject)) == ("pictures", "")


def test_panoramas_stay_panoramas_until_they_are_called_pairs(tmp_path: Path) -> None:
    put(tmp_path, side_by_side)
    subject = look(tmp_path)
    assert subject.facts["kind"] == "pictures"
    assert f"{COUNT} of {COUNT} pictures are exactly twice as wide as high." in notes(subject)
    pairs = look(tmp_path, kind="pairs")
    material = pairs.material()
    assert (material.recipe, material.counts) == ("pix2pix", (COUNT,))
    assert [set(feed.widths.tolist()) for feed in material.feeds.values()] == [{48}, {48}]
    source, target = material.feeds["source"].pictures[0], material.feeds["target"].pictures[0]
    assert (source.coloured, target.coloured) == (False, True), "the left half is grey"
    assert pairs.facts["halves"] is True


def test_pictures_of_an_odd_width_have_no_halves(tmp_path: Path) -> None:
    put(tmp_path, side_by_side)
    (tmp_path / "odd.png").write_bytes(encoded(picture(1, 95, 48), "PNG"))
    subject = look(tmp_path, kind="pairs")
    assert subject.material().counts == (COUNT,)
    assert "odd.png" in dict(subject.lines)["a damaged"]
    assert any("odd number" in line for line in subject.listed)


def test_pairs_of_unlike_shapes_are_squashed_if_they_are_many(tmp_path: Path) -> None:
    a = put(tmp_path / "a", grey, range(20))
    few, many = (
        put(tmp_path / name, lambda seed, most=most: colour(seed).resize((48 if seed >= most else 60, 48)), range(20))
        for name, most in (("few", 1), ("many", 5))
    )
    assert values(look(a, few), "resize") == ["crop"]
    assert "The two pictures of 1 pairs have different shapes" in look(a, few).warnings("x.txt")[0]
    assert "000.png  # 48x48 and 60x48" in look(a, few).listed
    found = chosen(look(a, many))["dataset.resize"]
    assert found.value == "squash"
    assert "5 of 20 pairs" in found.reason


def test_a_pair_of_one_file_is_named(tmp_path: Path) -> None:
    a, b = put(tmp_path / "a", colour), put(tmp_path / "b", lambda seed: grey(seed) if seed else colour(seed))
    assert "Both pictures of 1 pairs are the same file" in " ".join(look(a, b).warnings("x.txt"))


def test_only_pairs_that_are_copies_on_both_sides_are_to_be_removed(tmp_path: Path) -> None:
    a = put(tmp_path / "a", lambda seed: grey(0 if seed in (1, 2, 3) else seed))
    b = put(tmp_path / "b", lambda seed: colour(0 if seed == 1 else seed))
    subject = look(a, b)
    assert dict(subject.lines)["a copies"].startswith("3 have the same content")
    assert any(line.startswith("a: 1 copies are learned as often as they occur") for line in subject.warnings("x.txt"))
    assert [line for line in subject.listed if line.endswith("png")] == ["000.png", "001.png"] * 2


def test_equal_names_of_unlike_pictures_get_a_warning(tmp_path: Path) -> None:
    subject = look(put(tmp_path / "cats", colour), put(tmp_path / "dogs", another))
    assert subject.facts["kind"] == "pairs"
    assert any("look hardly more alike than others" in line for line in subject.warnings("x.txt"))


def test_enough_pairs_are_held_out_to_be_compared(tmp_path: Path) -> None:
    a, b = put(tmp_path / "a", grey, range(60)), put(tmp_path / "b", colour, range(60))
    material = look(a, b).material()
    assert round(60 * material.holdout) == 10
    assert (material.learned, material.fewest) == (50, 50)


@pytest.mark.parametrize(
    "relation",
    [ImageOps.invert, ImageOps.grayscale, lambda image: ImageOps.posterize(image, 2)],
    ids=["negative", "grey", "posterised"],
)
def test_namesakes_are_alike_whatever_was_done_to_them(relation: Callable[[Image.Image], Image.Image]) -> None:
    def copies(images: Sequence[Image.Image]) -> np.ndarray:
        return np.stack([np.asarray(image.convert("RGB").resize((16, 16))) for image in images])

    first = [colour(seed) for seed in range(32)]
    assert excess(copies(first), copies([relation(image) for image in first])) > ALIKE
    chance = [
        excess(copies(first), copies([relation(colour(seed)) for seed in range(start, start + 32)]))
        for start in range(1000, 2000, 100)
    ]
    assert max(chance) < ALIKE, chance
    assert excess(copies(first[:1] * 8), copies(first[1:2] * 8)) == 0.0, "nothing tells the pictures apart"


def middle(sheet: np.ndarray, row: int, right: bool) -> np.ndarray:
    """The colour in the middle of the original, or of the result, of the first tile of a row."""
    top = 12 + row * 204 + (24 if row >= 2 else 0) + 96
    return sheet[top, 12 + (192 + 12 + 64 if right else 96)].astype(int)


def plain(levels: tuple[int, int, int]) -> Make:
    """Pictures of nearly one colour."""
    return lambda seed: Image.new("RGB", (40, 40), tuple(level + seed % 2 for level in levels))  # type: ignore[arg-type]


def test_the_sheet_shows_sources_above_targets_and_kinds_in_halves(tmp_path: Path) -> None:
    red, blue = put(tmp_path / "a", plain((200, 0, 0)), range(2)), put(tmp_path / "b", plain((0, 0, 200)), range(2))
    dataset = DatasetSection(name="image_pairs", image_size=32, channels=3)
    pairs = look(red, blue).sheet(dataset)
    for right in (False, True):
        assert np.abs(middle(pairs, 0, right) - (200, 0, 0)).max() <= 1
        assert np.abs(middle(pairs, 1, right) - (0, 0, 200)).max() <= 1
    assert (middle(pairs, 2, False) == 215).all(), "two pairs are in the upper rows"
    kinds = look(red, blue, kind="unpaired").sheet(dataset)
    assert np.abs(middle(kinds, 0, True) - (200, 0, 0)).max() <= 1
    assert (middle(kinds, 1, True) == 215).all()
    assert np.abs(middle(kinds, 2, True) - (0, 0, 200)).max() <= 1


def test_the_sheet_cuts_pictures_of_two_halves(tmp_path: Path) -> None:
    both = Image.new("RGB", (80, 40), (200, 0, 0))
    both.paste((0, 0, 200), (40, 0, 80, 40))
    for number in range(2):
        both.putpixel((0, 0), (number, 0, 0))
        (tmp_path / f"{number}.png").write_bytes(encoded(both, "PNG"))
    sheet = look(tmp_path, kind="pairs").sheet(DatasetSection(name="image_pairs", image_size=32, channels=3))
    assert np.abs(middle(sheet, 0, True) - (200, 0, 0)).max() <= 1
    assert np.abs(middle(sheet, 1, True) - (0, 0, 200)).max() <= 1


def test_the_keys_of_a_recipes_data_set_give_way_and_new_ones_keep_their_order() -> None:
    text = "name: x\ndataset:\n  name: derived\n  # a hole\n  transform: mask\n\nmodel:\n  name: pix2pix\n"
    bare = without_keys_of(text, "dataset")
    assert bare == "name: x\ndataset:\nmodel:\n  name: pix2pix\n"
    added = {("dataset", "name"): ("image_pairs", ""), ("dataset", "path"): ("p", "Why."), ("outputs", "keep"): (2, "")}
    written = with_values(bare, added)
    assert written == (
        "name: x\ndataset:\n  name: image_pairs\n  # Why.\n  path: p\nmodel:\n  name: pix2pix\noutputs:\n  keep: 2\n"
    )


def test_a_value_of_several_lines_is_replaced_as_a_whole() -> None:
    text = "a:\n  stages:\n  - until: 5\n    players: [x]\n  # of b\n  b: 1\n  c:\n    d: 2\n\ne: 3\n"
    written = with_values(text, {("a", "stages"): ([{"until": 7, "players": ["x"]}], ""), ("a", "c"): (None, "")})
    assert written == "a:\n  stages: [{until: 7, players: [x]}]\n  # of b\n  b: 1\n  c: null\n\ne: 3\n"


def test_stages_keep_their_share_of_the_run(tmp_path: Path) -> None:
    material = look(put(tmp_path / "a", grey), put(tmp_path / "b", colour)).material()
    recipe = resolving.load_experiment(packaged_configs()["photos"])
    players = ["generator"]
    staged = recipe.with_keys("training", iterations=1000, stages=[{"until": 250, "players": players}])
    found = {
        choice.key[1]: choice.value for choice in choices(material, staged, [16], Measured(Cost(16, 16), 10, ""), 9)
    }
    assert found["iterations"] > 1000
    assert found["stages"] == [{"until": found["iterations"] // 4, "players": players}]


@pytest.mark.parametrize(("shift", "expected"), [(0.1, 0.1), (0.05, None), (0.0, None)])
def test_a_recipes_translation_is_kept_if_it_is_a_pixel(shift: float, expected: float | None, tmp_path: Path) -> None:
    pairs = look(put(tmp_path / "a", grey), put(tmp_path / "b", colour)).material()
    recipe = resolving.load_experiment(packaged_configs()["photos"]).with_keys("dataset", shift=shift)
    found = choices(pairs, recipe, [16], Measured(Cost(16, 16), 10, ""), 9)
    assert {c.key[1]: c.value for c in found}.get("shift") == expected
    assert sum(choice.key[1] == "shift" for choice in found) == bool(expected)


@pytest.mark.parametrize("kind", RECIPES)
def test_every_recipe_takes_what_is_chosen(kind: Kind, tmp_path: Path) -> None:
    a = put(tmp_path / "a", lambda seed: colour(seed).resize((20, 20)))
    b = put(tmp_path / "b", lambda seed: colour(seed).resize((80, 80)))
    material = look(a, b, kind=kind).material()
    recipe = resolving.load_experiment(packaged_configs()[material.recipe])
    measured = Measured(Cost(64, 8), 10, "CPU")
    found = tuple(choices(material, recipe, [64], measured, 60))
    (tmp_path / "x.yaml").write_text(written_out("x", [], Start(material, (measured,), found), ["ganctl"]))
    written = parse_yaml((tmp_path / "x.yaml").read_text(), "").data
    assert isinstance(written, dict)
    for choice in found:
        section, key = choice.key
        assert written[section][key] == choice.value, choice
    assert set(written["dataset"]) == {key for section, key in (c.key for c in found) if section == "dataset"}
    experiment = resolving.load_experiment(tmp_path / "x.yaml")
    assert (experiment.model.name, experiment.optimizer) == (material.recipe, recipe.optimizer)


@pytest.mark.slow
@pytest.mark.parametrize("kind", RECIPES)
def test_from_two_folders_to_a_trained_model(kind: Kind, run_cli: RunCli, tmp_path: Path) -> None:
    put(tmp_path / "small", lambda seed: grey(seed).resize((8, 8)), range(12))
    put(tmp_path / "large", lambda seed: colour(seed).resize((32, 32)), range(12))
    done = run_cli("init", "small", "large", "--kind", kind, "--minutes", 1, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["kind"], facts["recipe"], facts["yaml"]) == (kind, RECIPES[kind], "small_to_large.yaml")
    assert (facts["folder"]["pictures"], facts["folder_b"]["pictures"]) == (12, 12)
    assert facts["measured"][0]["iterations_per_second"] > 0
    assert (tmp_path / facts["crop"]).is_file()
    for arguments in (["validate"], ["train", "--set", "training.iterations=2", "--quiet"]):
        done = run_cli(arguments[0], facts["yaml"], *arguments[1:], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs" / "small_to_large" / "samples" / "real.png").is_file()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with good and bad folders of pictures."""
    monkeypatch.chdir(tmp_path)
    for name, make in (("a", grey), ("b", colour), ("a/in", grey)):
        put(tmp_path / name, make, range(4))
    put(tmp_path / "one", colour, range(1))
    put(tmp_path / "other", another, range(4), name="x{}.png")
    put(tmp_path / "three" / "x", colour, range(2))
    for name in ("y", "z"):
        put(tmp_path / "three" / name, another, range(2))
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    for number in range(4):
        (tmp_path / "broken" / f"{number:03d}.png").write_bytes(encoded(colour(number), "PNG")[:40])
    (tmp_path / "linked").symlink_to(tmp_path / "a")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["a", "a"], 2, "a and a are the same. Name two folders, or one that holds both."),
        (["a", "linked"], 2, "a and linked are the same."),
        (["a", "a/in"], 2, "a/in lies in a, so its pictures would be on both sides."),
        (["a/in", "a"], 2, "a/in lies in a, so its pictures would be on both sides."),
        (["a", "nowhere"], 3, "There is nothing at nowhere. Name a folder of pictures."),
        (["a", "empty"], 3, "It is empty."),
        (["empty", "a"], 3, "It is empty."),
        (["b", "broken"], 3, "None of the 4 pictures in "),
        (["b", "one"], 3, "one: one picture is too few to train on."),
        (["one", "one/000.png"], 2, "one/000.png lies in one"),
        (["b", "one/000.png"], 3, "one/000.png is not a folder or a zip archive."),
        (["b", "other", "--kind", "pairs"], 3, "0 pairs are too few to train on."),
        (["b", "other", "--kind", "pictures"], 2, "--kind pictures takes one folder."),
        (["b", "other", "--kind", "super-resolution"], 3, "0 pairs are too few"),
        (["b", "other", "--label-column", "x"], 2, "--label-column is for pictures of one kind"),
        (["three", "--kind", "unpaired"], 3, "3 folders with pictures (x, y, z)"),
        (["b", "other", "-o", "other/x.yaml"], 2, "x-crop.png would be learned as one of them"),
        (["b", "other", "--kind", "photos"], 2, "'photos' is not one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_explained_and_nothing_is_written(
    arguments: list[str], exit_code: int, message: str, place: Path
) -> None:
    before = sorted(place.rglob("*"))
    result = CliRunner().invoke(commands, ["init", *arguments])
    code = result.exception.exit_code if isinstance(result.exception, GanctlError) else result.exit_code
    said = str(result.exception) + result.output
    assert (code, message in said) == (exit_code, True), said
    assert sorted(place.rglob("*")) == before
