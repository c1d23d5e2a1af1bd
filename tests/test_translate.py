"""Pictures of any size through trained networks: whole, padded, in tiles; from files to files, and in Python."""

import io
import json
import resource
import shutil
import tarfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import small_runs
from click.testing import CliRunner
from conftest import RunCli, slow_but, untracked

import ganctl
from ganctl import datasets, models
from ganctl.build import resolving
from ganctl.cli import commands
from ganctl.errors import DataError, GanctlError, UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource
from ganctl.game import ForwardPass, ImageSampler, Networks, Player, Setup, Term, Turn
from ganctl.game.inputs import as_networks_see, to_pixels
from ganctl.generation.export import LIMIT, Generator, export
from ganctl.generation.formats import formats
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.sample_inputs import SamplesOfInputs
from ganctl.generation.translator import Translator
from ganctl.images.decode import decode
from ganctl.images.draw import to_png
from ganctl.images.image_set import ImageSet
from ganctl.images.notebook import ImageList, Images
from ganctl.lazy import tf
from ganctl.report.run_report import write_report
from ganctl.run_folder.paths import RunFolder
from ganctl.training.prepared import Prepared

SIDE = 16


def players(networks: Networks, setup: Setup) -> list[Player]:
    def term(batch: Any) -> Any:
        made = batch.networks["generator"](batch.images["source"].pixels)
        return tf.reduce_mean(tf.abs(made - batch.images["target"].pixels))

    draws = dict.fromkeys(("source", "target"), setup.training.batch_size)
    turn = Turn("generate", ForwardPass, [Term("l1", term)], draws=draws)
    return [Player("generator", "g", ["generator"], setup.optimizer("generator"), [turn])]


def convolutional(image_shape: tuple[int, int, int], image_shapes: Any) -> dict[str, Any]:
    """Each pixel from those around it, as a function of two layers: a receptive field of 5 x 5."""
    layers = keras.layers
    given = keras.Input(image_shapes["source"])
    inner = keras.Sequential([keras.Input((None, None, 4)), layers.Conv2D(4, 3, padding="same"), layers.LeakyReLU()])
    made = inner(layers.Conv2D(4, 3, padding="same")(given))
    return {
        "generator": keras.Model(given, layers.Conv2D(image_shape[-1], 1, activation="tanh", dtype="float32")(made))
    }


def enlarging(image_shape: tuple[int, int, int], image_shapes: Any) -> dict[str, Any]:
    """Twice as large, by way of a quarter of the size and a skip: sides must be multiples of 4."""
    layers = keras.layers
    given = keras.Input(image_shapes["source"])
    small = layers.Conv2D(4, 4, 2, padding="same", activation="relu")(given)
    nested = keras.Sequential([keras.Input(small.shape[1:]), layers.Conv2D(4, 4, 2, padding="same"), layers.ReLU()])
    up = layers.Conv2DTranspose(4, 4, 2, padding="same")(nested(small))
    up = layers.UpSampling2D()(layers.Concatenate()([small, up]))
    up = layers.Conv2DTranspose(4, 4, 2, padding="same")(layers.Concatenate()([given, up]))
    return {"generator": keras.Model(given, layers.Conv2D(image_shape[-1], 3, padding="same", dtype="float32")(up))}


def of_one_size(image_shape: tuple[int, int, int], image_shapes: Any) -> dict[str, Any]:
    """Dense layers know how many pixels there are; they brighten every pixel alike."""
    layers = keras.layers
    size = int(np.prod(image_shapes["source"]))
    dense = layers.Dense(size, use_bias=False, kernel_initializer="identity")
    return {
        "generator": keras.Sequential(
            [keras.Input(image_shapes["source"]), layers.Flatten(), dense, layers.Reshape(image_shape, dtype="float32")]
        )
    }


MODELS: dict[str, tuple[Callable[..., Any], int, int, int]] = {
    # builder, channels of the input, channels of the output, how much larger the output is
    "convolutional": (convolutional, 1, 3, 1),
    "enlarging": (enlarging, 3, 3, 2),
    "of_one_size": (of_one_size, 1, 1, 1),
    "with_alpha": (convolutional, 4, 4, 1),
}


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    with models.registry.temporarily(), datasets.registry.temporarily():
        for name, (make, given, made, factor) in MODELS.items():
            sampler = ImageSampler(gives="target", source="source", truth=True)
            models.registry.register(
                name,
                source="this test",
                players=players,
                feeds=("source", "target"),
                samplers={"translated": sampler},
                paired=True,
            )(make)
            datasets.registry.register(f"for_{name}", source="this test")(pairs_of(given, made, factor))
        yield


def pairs_of(given: int, made: int, factor: int) -> Callable[..., Any]:
    def read(config: Any, track: Any) -> dict[str, ImageSet]:
        random = np.random.default_rng(0)
        source = random.integers(0, 256, (12, SIDE, SIDE, given), np.uint8)
        target = random.integers(0, 256, (12, SIDE * factor, SIDE * factor, made), np.uint8)
        alpha = made == 4
        return {
            "source": ImageSet(
                source, None, (), "test", alpha=alpha, apart=ImageSet(source[:5] // 2, None, (), "kept")
            ),
            "target": ImageSet(target, None, (), "test", alpha=alpha, apart=ImageSet(target[:5], None, (), "kept")),
        }

    return read


@dataclass
class Trained:
    experiment: Experiment
    folder: RunFolder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Return what trains a model of this file, once."""
    made: dict[str, Trained] = {}

    def run(model: str) -> Trained:
        if model not in made:
            data = {
                "name": model,
                "dataset": {"name": f"for_{model}", "image_size": SIDE},
                "model": {"name": model},
                "training": {"iterations": 2, "batch_size": 2, "precision": "float32", "xla": False},
                "outputs": {"sample_every": 2, "sample_grid": "6x4", "checkpoint_every": 2},
            }
            experiment = resolving.resolve(Experiment.from_source(YamlSource("test", data))).experiment
            folder = RunFolder.create(tmp_path_factory.mktemp("run"), model, explicit=True)
            folder.write_config(experiment.to_yaml())
            small_runs.train(experiment, folder)
            made[model] = Trained(experiment, folder)
        return made[model]

    return run


@pytest.fixture
def translator(runs: Callable[[str], Trained]) -> Callable[..., Translator]:
    return lambda model, tile=None: Translator(TrainedGenerator.load(runs(model).folder.path), tile)


def picture(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def by_hand(network: Any, image: np.ndarray) -> np.ndarray:
    """What a network of any size makes of an image."""
    made = network(as_networks_see(image[np.newaxis].astype(np.float32)), training=False)
    return to_pixels(made)[0].numpy()


@pytest.mark.parametrize(("height", "width"), [(16, 16), (20, 36), (7, 50), (3, 1), (40, 40)])
def test_a_convolution_takes_pictures_of_any_size(
    height: int, width: int, translator: Callable[..., Translator]
) -> None:
    translate = translator("convolutional")
    assert (translate.sides.step, translate.sides.least) == ((1, 1), (1, 1))
    image = picture(height, width, 1)
    made = translate(image)
    assert made.shape == (height, width, 3)
    np.testing.assert_allclose(made.astype(int), by_hand(translate.free_network, image), atol=1)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (24, 40), (9, 31), (2, 5)])
def test_a_picture_that_does_not_fit_is_padded_with_its_reflection_and_cropped(
    height: int, width: int, translator: Callable[..., Translator]
) -> None:
    translate = translator("enlarging")
    assert (translate.sides.step, translate.sides.least) == ((4, 4), (4, 4))
    image = picture(height, width, 3)
    padded = np.pad(image, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="reflect")
    expected = by_hand(translate.free_network, padded)[: 2 * height, : 2 * width]
    made = translate(image)
    assert made.shape == (2 * height, 2 * width, 3)
    np.testing.assert_allclose(made.astype(int), expected, atol=1)


@pytest.mark.parametrize(("model", "tile"), [("convolutional", 40), ("enlarging", 96)])
@pytest.mark.parametrize(("height", "width"), [(130, 90), (203, 41), (30, 300)])
def test_tiles_show_no_seam(
    model: str, tile: int, height: int, width: int, translator: Callable[..., Translator]
) -> None:
    """Their overlap, an eighth of a tile, is wider than what a pixel depends on: 5, and 11, pixels."""
    image = picture(height, width, MODELS[model][1])
    whole, tiled = translator(model), translator(model, tile)
    assert not tiled._whole(*image.shape[:2])
    assert whole._whole(*image.shape[:2])
    np.testing.assert_allclose(tiled(image).astype(int), whole(image), atol=1)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (50, 37), (16, 17), (5, 60)])
def test_a_network_of_one_size_goes_over_a_picture_in_tiles(
    height: int, width: int, translator: Callable[..., Translator]
) -> None:
    translate = translator("of_one_size")
    assert translate.sides is None
    assert translate.free_network is None
    image = picture(height, width, 1)
    made = translate(image)
    weights = translate.trained.network.layers[1].kernel.numpy()
    assert made.shape == image.shape
    # Two iterations have moved the identity a little, and each tile by as much.
    np.testing.assert_allclose(made.astype(int), image, atol=127.5 * abs(weights - np.eye(len(weights))).sum(0).max())


def test_too_large_a_picture_is_translated_in_tiles(
    translator: Callable[..., Translator], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = picture(150, 170, 3)
    whole = translator("enlarging")(image)
    monkeypatch.setattr("ganctl.generation.translator.MOST_BYTES", 4 * 4 * 16 * 100**2)
    small = translator("enlarging")
    # The most values of a layer are those of the output's size: 4 channels for each of its pixels, 3 in it.
    assert small._most_pixels == 100**2
    assert not small._whole(*image.shape[:2])
    np.testing.assert_allclose(small(image).astype(int), whole, atol=1)


@dataclass
class Said:
    exit_code: int
    output: str
    error: str


@pytest.fixture
def command(runs: Callable[[str], Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Return what runs `ganctl translate` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(model: str, *words: object, name: str = "translate") -> Said:
        arguments = [name, "--checkpoint", str(runs(model).folder.path), *map(str, words)]
        try:
            said = CliRunner().invoke(commands, arguments, catch_exceptions=False)
        except GanctlError as error:
            return Said(error.exit_code, "", str(error))
        return Said(said.exit_code, said.stdout, said.stderr)

    return run


def write(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_png(image))
    return path


def pixels(path: Path) -> np.ndarray:
    return decode(path.read_bytes(), keep_alpha=True).pixels


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_becomes_a_folder_of_the_same_names(
    command: Callable[..., Said], translator: Callable[..., Translator], tmp_path: Path
) -> None:
    given = {"a/b.png": picture(20, 30, 3, 1), "a/c.d.png": picture(9, 9, 3, 2), "b.png": picture(33, 12, 3, 3)}
    for name, image in given.items():
        write(tmp_path / "in" / name, image)
    (tmp_path / "in" / "notes.txt").write_text("not a picture")
    said = command("enlarging", "in", "--output", "out")
    assert said.exit_code == 0
    assert said.output == "3 pictures by enlarging after 2 iterations: out (1 file without a picture skipped)\n"
    assert files_in(tmp_path / "out") == sorted(given)
    for name, image in given.items():
        np.testing.assert_array_equal(pixels(tmp_path / "out" / name), translator("enlarging")(image))


def test_two_pictures_of_one_name_are_numbered(command: Callable[..., Said], tmp_path: Path) -> None:
    for name in ("one/x.png", "two/x.png", "two/X.png", "two/x-2.png"):
        write(tmp_path / name, picture(8, 8, 3))
    assert command("enlarging", "one/x.png", "two/*.png", "--output", "out").exit_code == 0
    # In the order of the names: X, x-2, x.
    assert files_in(tmp_path / "out") == ["X-2.png", "x-2-2.png", "x-3.png", "x.png"]


def test_a_picture_that_is_named_twice_is_translated_once(command: Callable[..., Said], tmp_path: Path) -> None:
    for name in ("in/x.png", "in/y.png"):
        write(tmp_path / name, picture(8, 8, 3))
    said = command("enlarging", "in/y.png", "in", "in/*.png", "--output", "out")
    assert said.exit_code == 0
    assert said.output == "2 pictures by enlarging after 2 iterations: out\n"
    assert files_in(tmp_path / "out") == ["x.png", "y.png"]


def test_a_single_picture_gets_a_name_beside_nothing_else(command: Callable[..., Said], tmp_path: Path) -> None:
    write(tmp_path / "in" / "boat.png", picture(8, 12, 3))
    said = command("enlarging", "in/boat.png")
    assert said.output == "1 picture by enlarging after 2 iterations: boat-translated.png\n"
    assert pixels(tmp_path / "boat-translated.png").shape == (16, 24, 3)
    assert command("enlarging", "in/boat.png", "--output", "new/big.png").exit_code == 0
    assert pixels(tmp_path / "new/big.png").shape == (16, 24, 3)


def test_several_pictures_go_to_a_folder_by_default(command: Callable[..., Said], tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / f"{name}.png", picture(8, 12, 3))
    assert command("enlarging", "*.png").output.endswith(": translated\n")
    assert files_in(tmp_path / "translated") == ["a.png", "b.png"]
    again = command("enlarging", "*.png")
    assert again.exit_code == 2
    assert "translated already contains files, and translations would overwrite some of them" in again.error


def test_two_stars_stand_for_files_in_all_folders_once(command: Callable[..., Said], tmp_path: Path) -> None:
    for name in ("in/a.png", "in/deep/b.png"):
        write(tmp_path / name, picture(8, 8, 3))
    assert command("enlarging", "in/**", "--output", "out").exit_code == 0
    assert files_in(tmp_path / "out") == ["a.png", "b.png"]


@pytest.mark.parametrize("kind", ["zip", "tar", "npz", "npy"])
def test_archives_and_arrays_are_read_where_they_are(
    kind: str, command: Callable[..., Said], translator: Callable[..., Translator], tmp_path: Path
) -> None:
    images = np.stack([picture(12, 12, 3, seed) for seed in range(3)])
    names = ["given-0.png", "given-1.png", "given-2.png"]
    if kind == "npz":
        np.savez(tmp_path / "given.npz", images=images)
    elif kind == "npy":
        np.save(tmp_path / "given.npy", images)
    else:
        names = ["deep/0.png", "deep/1.png", "deep/2.png"]
        for name, image in zip(names, images, strict=True):
            write(tmp_path / "packed" / name, image)
        shutil.make_archive("given", kind, "packed")
    assert command("enlarging", f"given.{kind}", "--output", "out").exit_code == 0
    assert files_in(tmp_path / "out") == names
    for name, image in zip(names, images, strict=True):
        np.testing.assert_array_equal(pixels(tmp_path / "out" / name), translator("enlarging")(image))


def test_a_member_of_an_archive_stays_below_the_folder(command: Callable[..., Said], tmp_path: Path) -> None:
    content = to_png(picture(8, 8, 3))
    with tarfile.open(tmp_path / "given.tar", "w") as archive:
        member = tarfile.TarInfo("../../up.png")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    assert command("enlarging", "given.tar", "--output", "in/out").exit_code == 0
    assert files_in(tmp_path) == ["given.tar", "in/out/up.png"]


def test_an_npz_holds_results_of_one_shape(
    command: Callable[..., Said], translator: Callable[..., Translator], tmp_path: Path
) -> None:
    images = np.stack([picture(12, 16, 3, seed) for seed in range(3)])
    np.savez(tmp_path / "given.npz", images=images)
    assert command("enlarging", "given.npz", "--output", "out.npz").exit_code == 0
    with np.load(tmp_path / "out.npz") as made:
        assert made["names"].tolist() == ["given-0", "given-1", "given-2"]
        np.testing.assert_array_equal(made["images"], [translator("enlarging")(image) for image in images])
    write(tmp_path / "other.png", picture(8, 8, 3))
    said = command("enlarging", "given.npz", "other.png", "--output", "out.npz")
    assert said.exit_code == 2
    assert "what becomes of other.png is 16 x 16 x 3 and of the pictures before it 24 x 32 x 3" in said.error
    with np.load(tmp_path / "out.npz") as made:
        assert len(made["images"]) == 3, "the file is as it was"
    assert files_in(tmp_path) == ["given.npz", "other.png", "out.npz"]


def test_transparency_is_kept_and_enlarged(
    command: Callable[..., Said], translator: Callable[..., Translator], tmp_path: Path
) -> None:
    image = picture(8, 12, 4)
    image[..., 3] = np.where(np.arange(12) < 6, 255, 0)
    write(tmp_path / "a.png", image)
    assert command("enlarging", "a.png").exit_code == 0
    made = pixels(tmp_path / "a-translated.png")
    on_white = np.where(image[..., 3:] == 255, image[..., :3], 255).astype(np.uint8)
    np.testing.assert_array_equal(made[..., :3], translator("enlarging")(on_white))
    assert made.shape == (16, 24, 4)
    assert (made[:, :10, 3] == 255).all()
    assert (made[:, 14:, 3] == 0).all()


def test_a_run_that_has_learned_transparency_takes_and_makes_it(
    command: Callable[..., Said], translator: Callable[..., Translator], tmp_path: Path
) -> None:
    image = picture(20, 12, 3)
    write(tmp_path / "a.png", image)
    assert command("with_alpha", "a.png").exit_code == 0
    opaque = np.concatenate([image, np.full((20, 12, 1), 255, np.uint8)], axis=-1)
    made, straight = translator("with_alpha")(opaque).astype(int), pixels(tmp_path / "a-translated.png")
    np.testing.assert_array_equal(straight[..., 3:], made[..., 3:])
    expected = np.minimum((made[..., :3] * 255 + made[..., 3:] // 2) // np.maximum(made[..., 3:], 1), 255)
    np.testing.assert_array_equal(straight[..., :3], expected)


def test_grey_and_colour_become_what_the_network_takes(
    command: Callable[..., Said], translator: Callable[..., Translator], tmp_path: Path
) -> None:
    grey, deep = picture(8, 12, 1), np.arange(96, dtype=np.uint16).reshape(8, 12) * 600
    write(tmp_path / "grey.png", grey)
    write(tmp_path / "colour.png", grey.repeat(3, axis=2))
    np.save(tmp_path / "deep.npy", deep)
    assert command("convolutional", "grey.png", "colour.png", "--output", "out").exit_code == 0
    assert command("enlarging", "grey.png", "--output", "large.png").exit_code == 0
    assert command("convolutional", "deep.npy", "--output", "deep.png").exit_code == 0
    expected = translator("convolutional")(grey)
    np.testing.assert_array_equal(pixels(tmp_path / "out/grey.png"), expected)
    np.testing.assert_array_equal(pixels(tmp_path / "out/colour.png"), expected)
    np.testing.assert_array_equal(pixels(tmp_path / "large.png"), translator("enlarging")(grey.repeat(3, axis=2)))
    levels = np.rint(deep[..., np.newaxis] * (255 / 65535)).astype(np.uint8)
    np.testing.assert_array_equal(pixels(tmp_path / "deep.png"), translator("convolutional")(levels))


def test_pictures_that_cannot_be_read_are_named_and_all_others_written(
    command: Callable[..., Said], tmp_path: Path
) -> None:
    for name in "abc":
        write(tmp_path / "in" / f"{name}.png", picture(8, 8, 3))
    whole = (tmp_path / "in/b.png").read_bytes()
    (tmp_path / "in/b.png").write_bytes(whole[: len(whole) // 2])
    said = command("enlarging", "in", "--output", "out")
    assert said.exit_code == 3
    assert "1 of 3 pictures cannot be read. The others are in out.\n  in/b.png: its PNG" in said.error
    assert files_in(tmp_path / "out") == ["a.png", "c.png"]
    said = command("enlarging", "in/b.png", "--output", "b.png")
    assert (said.exit_code, (tmp_path / "b.png").exists()) == (3, False)
    assert "1 of 1 pictures cannot be read. None was translated." in said.error


def test_json_says_what_became_of_each_picture(command: Callable[..., Said], tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.png", picture(8, 8, 3))
    said = command("enlarging", "in", "--json", "--output", "out")
    assert json.loads(said.output) == {
        "output": "out",
        "written": {"in/a.png": "out/a.png"},
        "failed": {},
        "skipped": 0,
    }


@pytest.mark.parametrize(
    ("model", "words", "exit_code", "message"),
    [
        ("enlarging", ["nothing.png"], 2, "There is nothing at nothing.png."),
        ("enlarging", ["no*.jpg"], 2, "There is no file that matches no*.jpg."),
        ("enlarging", ["a.png", "--output", "a.png"], 2, "--output a.png is one of the pictures to read."),
        ("enlarging", ["a.png", "--output", "a.gif"], 2, "--output takes FILE.png, FILE.npz or a folder."),
        ("enlarging", ["a.png", "b.png", "--output", "c.png"], 2, "--output c.png holds a single picture."),
        ("enlarging", ["a.png", "--direction", "a_to_b"], 2, "direction: the model 'enlarging' has only one."),
        ("enlarging", ["notes.txt"], 3, "notes.txt: it is not a picture"),
        ("enlarging", ["empty"], 3, "There is no file in what was named."),
        ("with_alpha", ["bands.npy"], 3, "its channels are 7, and the network takes 4"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    model: str, words: list[str], exit_code: int, message: str, command: Callable[..., Said], tmp_path: Path
) -> None:
    for name in "ab":
        write(tmp_path / f"{name}.png", picture(8, 8, 3))
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "bands.npy", picture(8, 8, 7))
    before = {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)}
    said = command(model, *words)
    assert said.exit_code == exit_code
    assert message in said.error
    assert {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)} == before


def test_an_interruption_leaves_only_whole_pictures(
    command: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        write(tmp_path / "in" / f"{name}.png", picture(8, 8, 3))
    plain = Translator.of_picture
    seen = []

    def interrupted(self: Translator, given: Any) -> np.ndarray:
        seen.append(given)
        if len(seen) % 2 == 0:
            raise KeyboardInterrupt
        return plain(self, given)

    monkeypatch.setattr(Translator, "of_picture", interrupted)
    for output in ("out", "out.npz"):
        command("enlarging", "in", "--output", output)
    assert files_in(tmp_path / "out") == ["a.png"]
    assert pixels(tmp_path / "out" / "a.png").shape == (16, 16, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"], "no half of an npz"


def test_a_thousand_pictures_of_many_sizes_need_no_more_memory_than_a_few(
    translator: Callable[..., Translator],
) -> None:
    translate = translator("convolutional")
    random = np.random.default_rng(0)

    def some(count: int) -> None:
        for height, width in random.integers(20, 60, (count, 2)):
            translate(picture(height, width, 1))

    some(1100)  # more sizes than oneDNN remembers
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    some(700)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000, "kilobytes"


def test_python_translates_arrays_and_paths(
    runs: Callable[[str], Trained], translator: Callable[..., Translator], tmp_path: Path
) -> None:
    run = ganctl.load(runs("enlarging").folder.path)
    translate = translator("enlarging")
    images = np.stack([picture(12, 16, 3, seed) for seed in range(3)])
    made = run.translate(images)
    assert isinstance(made, Images)
    np.testing.assert_array_equal(made, [translate(image) for image in images])
    assert made._repr_png_() is not None
    np.testing.assert_array_equal(run.translate(images[0]), made[0])
    np.testing.assert_array_equal(run.translate(images[0, ..., 0]), translate(images[0, ..., :1].repeat(3, axis=2)))
    np.testing.assert_array_equal(run.translate(list(images)), made)
    path = write(tmp_path / "a.png", images[1])
    np.testing.assert_array_equal(run.translate(path), made[1])
    np.testing.assert_array_equal(run.translate(str(tmp_path)), made[1:2])
    several = run.translate([path, picture(8, 8, 3)])
    assert [image.shape for image in several] == [(24, 32, 3), (16, 16, 3)]
    assert all(isinstance(image, Images) for image in several)
    assert several.sheet().shape[2] == 3
    assert several._repr_png_() is not None
    shown = ImageList([Images.of(np.full((2, 3, 1), 9, np.uint8)), Images.of(np.full((4, 2, 3), 7, np.uint8))]).sheet()
    small = shown[:: shown.shape[0] // 8, :: shown.shape[1] // 12]
    assert small[..., 1].tolist() == [
        [255] * 12, [255] * 12,
        *[[255, 255, 9, 9, 9, 255, 255, 7, 7, 255, 255, 255]] * 2,
        *[[255, 255, 255, 255, 255, 255, 255, 7, 7, 255, 255, 255]] * 2,
        [255] * 12, [255] * 12,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (np.zeros((8, 8, 3)), "pictures must be uint8, from 0 .* Received: float64"),
        (np.zeros((2, 2, 8, 8, 3), np.uint8), r"pictures must be \[N, H, W, C\]"),
        (7, "pictures must be uint8 images"),
        ("nothing.png", "There is nothing at nothing.png"),
    ],
)
def test_python_refuses_what_is_no_picture(pictures: Any, message: str, runs: Callable[[str], Trained]) -> None:
    with pytest.raises(UsageError, match=message):
        ganctl.load(runs("enlarging").folder.path).translate(pictures)


def test_python_names_a_picture_that_cannot_be_read(runs: Callable[[str], Trained], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(to_png(picture(8, 8, 3))[:60])
    with pytest.raises(DataError, match=r"a\.png: its PNG"):
        ganctl.load(runs("enlarging").folder.path).translate(tmp_path / "a.png")


def cell(grid: np.ndarray, row: int, column: int, side: int, rows: int) -> np.ndarray:
    """A cell of a grid of so many rows, in its own size, without the gap around it."""
    factor = grid.shape[0] // (rows * (side + 2) + 2)
    top, left = 2 + row * (side + 2), 2 + column * (side + 2)
    return grid[::factor, ::factor][top : top + side, left : left + side]


def test_grids_during_training_show_held_out_inputs_outputs_and_truth(runs: Callable[[str], Trained]) -> None:
    folder = runs("convolutional").folder
    sides = pairs_of(1, 3, 1)(None, None)
    grid = pixels(folder.sample_grid(2))
    made = Translator(TrainedGenerator.load(folder.path))
    for number, (row, column) in enumerate([(0, 0), (0, 1), (0, 2), (0, 3), (3, 0)]):
        source, target = (sides[role].apart.images[number] for role in ("source", "target"))
        np.testing.assert_array_equal(cell(grid, row, column, SIDE, 6), source.repeat(3, axis=2))
        np.testing.assert_allclose(cell(grid, row + 1, column, SIDE, 6).astype(int), made(source), atol=1)
        np.testing.assert_array_equal(cell(grid, row + 2, column, SIDE, 6), target)


def test_a_run_says_what_its_rows_are_and_its_report_shows_it(runs: Callable[[str], Trained], tmp_path: Path) -> None:
    trained = runs("convolutional")
    prepared = Prepared.make(resolving.resolve(trained.experiment), small_runs.CPU, untracked)
    facts = prepared.describe(["ganctl", "train", "test.yaml"])
    assert facts["grids"] == {"translated": {"rows": ["input", "output", "truth"], "inputs": "held-out images"}}
    folder = RunFolder(Path(shutil.copytree(trained.folder.path, tmp_path / "run")))
    folder.write_info(facts)
    page = write_report(folder).read_text()
    assert "Rows, repeating from the top: input (held-out images), output, truth." in page
    assert "Rows, repeating" not in write_report(trained.folder).read_text()


def test_sample_shows_what_becomes_of_held_out_images(
    command: Callable[..., Said], translator: Callable[..., Translator], tmp_path: Path
) -> None:
    said = command("enlarging", "--num", "9", name="sample")
    assert said.output == (
        "What enlarging after 2 iterations makes of 5 held-out images (source): samples-0.png, rows of input, output, "
        "truth\n"
    )
    grid, sides = pixels(tmp_path / "samples-0.png"), pairs_of(3, 3, 2)(None, None)
    for number in range(5):
        source, target = (sides[role].apart.images[number] for role in ("source", "target"))
        shown = source.repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(cell(grid, 0, number, 2 * SIDE, 3), shown)
        made = translator("enlarging")(source).astype(int)
        np.testing.assert_allclose(cell(grid, 1, number, 2 * SIDE, 3), made, atol=1)
        np.testing.assert_array_equal(cell(grid, 2, number, 2 * SIDE, 3), target)
    assert command("enlarging", "--num", "2", "--output", "s.npz", name="sample").exit_code == 0
    with np.load(tmp_path / "s.npz") as made:
        expected = [translator("enlarging")(sides["source"].apart.images[number]) for number in (0, 4)]
        np.testing.assert_allclose(made["images"].astype(int), expected, atol=1)


@pytest.mark.parametrize("columns", [1, 8, 11])
def test_a_grid_of_inputs_has_a_row_for_each(columns: int, runs: Callable[[str], Trained], tmp_path: Path) -> None:
    trained = TrainedGenerator.load(runs("convolutional").folder.path)
    ramp = np.arange(columns, dtype=np.uint8)[:, np.newaxis, np.newaxis, np.newaxis] * np.ones((1, 8, 8, 3), np.uint8)
    images = {"source": ramp[..., :1], "target": 200 + ramp}
    samples = SamplesOfInputs(trained, images, 100 + ramp, held_out=True)
    samples.write_grid(tmp_path / "grid.png")
    grid, rows = pixels(tmp_path / "grid.png"), 3 * -(-columns // 8)
    grid = np.broadcast_to(grid, (*grid.shape[:2], 3))  # a PNG of greys may be read as one channel
    for number in range(columns):
        values = [cell(grid, 3 * (number // 8) + row, number % 8, 8, rows)[0, 0, 0] for row in range(3)]
        assert values == [number, 100 + number, 200 + number]
    if columns == 11:
        assert (cell(grid, 3, 3, 8, rows) == 255).all(), "the last row is shorter"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--classes", "1"], "--classes is for models that draw from noise"),
        (["--truncation", "0.5"], "--truncation is for models that draw from noise"),
        (["--values", "--output", "a.npz"], "--values is for models that draw from noise"),
    ],
)
def test_sample_refuses_what_is_for_noise(words: list[str], message: str, command: Callable[..., Said]) -> None:
    said = command("enlarging", *words, name="sample")
    assert (said.exit_code, message in said.error) == (2, True)


def test_what_draws_from_noise_names_translate(command: Callable[..., Said], runs: Callable[[str], Trained]) -> None:
    said = command("enlarging", name="interpolate")
    assert said.exit_code == 2
    assert "not from noise, so a seed draws nothing. Give it pictures: ganctl translate" in said.error
    run = ganctl.load(runs("enlarging").folder.path)
    for draw in (run.sample, run.interpolate):
        with pytest.raises(UsageError, match=r"run\.translate in Python"):
            draw()


@pytest.mark.parametrize("words", [[], ["--direction", "a_to_b"]])
def test_a_run_that_draws_from_noise_names_sample(
    words: list[str], reported_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.png", picture(8, 8, 3))
    arguments = ["translate", "--checkpoint", str(reported_run.path), "a.png", *words]
    with pytest.raises(UsageError, match=r"draws .*from noise.* takes no .*ganctl sample"):
        CliRunner().invoke(commands, arguments, catch_exceptions=False)
    with pytest.raises(UsageError, match="ganctl sample"):
        ganctl.load(reported_run.path).translate("a.png")


@pytest.mark.parametrize("model", ["enlarging", "of_one_size"])
@pytest.mark.parametrize("name", slow_but(["keras", "litert"], formats()))
def test_a_translator_is_exported_for_any_size_where_it_can_be(
    model: str, name: str, runs: Callable[[str], Trained], translator: Callable[..., Translator], tmp_path: Path
) -> None:
    if name == "safetensors-torch":
        pytest.importorskip("torch", reason="the lines build PyTorch's modules")
    _, given, made, factor = MODELS[model]
    exported = export(Generator.load(runs(model).folder.path), name, tmp_path / f"a{formats()[name].suffix}")
    free = model == "enlarging" and formats()[name].any_size
    assert exported.difference <= LIMIT
    sides = [None, None] if free else [SIDE, SIDE]
    image = exported.facts()["inputs"]["image"]
    assert image["shape"] == [None, *sides, given]
    assert image["range"] == [-1, 1]
    assert image.get("multiple_of") == ([4, 4] if free else None)
    assert exported.facts()["output"]["shape"] == [None, *([None] * 2 if free else [SIDE * factor] * 2), made]
    names: dict[str, Any] = {}
    size = (24, 40) if free else (SIDE, SIDE)
    mine = picture(*size, given)
    lines = [line for line in exported.usage if not line.startswith("image = ")]
    where = next(number for number, line in enumerate(lines) if line.startswith("# Instead of noise, images"))
    assert ("any height and width that are multiples of 4" in lines[where]) == free
    names["mine"] = mine
    lines[where] = "image = (mine[None] / 127.5 - 1).astype(np.float32)"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow would rather have LiteRT's interpreter taken from another package
        exec("\n".join(lines), names)
    np.testing.assert_allclose(names["pixels"][0].astype(int), translator(model)(mine), atol=1)


CYCLEGAN = Path(__file__).parent / "plugins" / "cyclegan.yaml"
SMALL = ["dataset.limit=20", "dataset.image_size=16", "training.iterations=2", "training.batch_size=2",
         "training.precision=float32", "outputs.sample_every=2", "outputs.checkpoint_every=2"]  # fmt: skip


@pytest.mark.slow
def test_a_user_trains_translates_both_ways_compares_and_goes_on(run_cli: RunCli, tmp_path: Path) -> None:
    """As one types it, with a plugin; what each direction makes differs, and so does the size of the pictures."""
    plugin = ["--plugin", CYCLEGAN.with_suffix(".py")]
    changes = [word for setting in SMALL for word in ("--set", setting)]
    done = run_cli("train", CYCLEGAN, *changes, *plugin, "--run-name", "first", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("Your own pictures:\n  ganctl translate --checkpoint outputs/first PICTURES\n")
    run = tmp_path / "outputs" / "first"
    grids = json.loads((run / "run.json").read_text())["grids"]
    rows = {"rows": ["input", "output"], "inputs": "training images"}
    assert grids == {"a_to_b": rows, "b_to_a": rows}
    write(tmp_path / "in" / "a.png", picture(21, 30, 1))
    made = []
    for words in ([], ["--direction", "a_to_b"], ["--direction", "b_to_a"]):
        done = run_cli("translate", "--checkpoint", run, "in/a.png", *words, *plugin, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        way = words[-1] if words else "a_to_b"
        assert done.stdout == f"1 picture by cyclegan after 2 iterations, {way}: a-translated.png\n"
        made.append(pixels(tmp_path / "a-translated.png"))
    assert made[0].shape == (21, 30, 1)
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()
    refused = run_cli("translate", "--checkpoint", run, "in/a.png", "--direction", "a_to_a", *plugin, cwd=tmp_path)
    assert refused.returncode == 2
    assert "direction: the model 'plugin_cyclegan' has a_to_b and b_to_a. Received: a_to_a" in refused.stderr
    done = run_cli("train", CYCLEGAN, *changes, *plugin, "--run-name", "second", "--init-from", run, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    taken = json.loads((tmp_path / "outputs" / "second" / "run.json").read_text())["init_from"]
    assert {"generator_a", "generator_b"} <= set(json.dumps(taken).replace('"', " ").split()), taken
    done = run_cli("compare", "outputs/first", "outputs/second", *plugin, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
