"""Mixing tables: each cell is a sample of two samples' noise, with the sources along the edges; who cannot be mixed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunCli, drawn_from_noise, home_shape, operation_by_operation, smallest
from small_runs import train

import ganctl
from ganctl import models
from ganctl.errors import UsageError
from ganctl.generation.latents import latent_shapes
from ganctl.generation.loading import TrainedGenerator
from ganctl.generation.mixing import Mixing
from ganctl.images import draw
from ganctl.images.decode import decode
from ganctl.lazy import keras
from ganctl.registry import accepted
from ganctl.run_folder.paths import RunFolder
from ganctl.runs import Run

MakeRun = Callable[..., Run]
DEEP = "three_depths"


@pytest.fixture(scope="module", autouse=True)
def _three_depths() -> Iterator[None]:
    """A model without classes whose generator takes noise at three depths."""

    def make(image_shape: tuple[int, int, int]) -> dict[str, Any]:
        layers, pixels = keras.layers, int(np.prod(image_shape))
        noise = [keras.Input([3], name=f"latent_{depth}") for depth in (1, 2, 3)]
        drawn = layers.Dense(pixels, activation="tanh", dtype="float32")(layers.Concatenate()(noise))
        image = keras.Input(image_shape)
        return {
            "generator": keras.Model(noise, layers.Reshape(image_shape, dtype="float32")(drawn)),
            "discriminator": keras.Model(image, layers.Dense(1, dtype="float32")(layers.Flatten()(image))),
        }

    with models.registry.temporarily():
        models.registry.register(DEEP, source="this test", noise_at_depths=True)(make)
        yield


@pytest.fixture(scope="module")
def run_of(small_experiment: Any, tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    known: dict[str, Run] = {}

    def make(model: str) -> Run:
        if model not in known:
            folder = RunFolder.create(tmp_path_factory.mktemp(model), "run", explicit=True)
            with operation_by_operation():
                train(small_experiment(model, {"training.iterations": 2, "outputs.sample_every": 2}), folder)
            known[model] = ganctl.load(folder.path)
        return known[model]

    return make


@pytest.mark.parametrize(
    ("model", "at", "classes"),
    [
        (DEEP, 1, 0),
        (DEEP, 2, 0),
        ("infogan", 1, 10),
        ("sgan", 1, 10),
        pytest.param("biggan", 2, 10, marks=pytest.mark.slow),
        pytest.param("lapgan", 1, 10, marks=pytest.mark.slow),
    ],
)
def test_a_cell_is_the_sample_of_two_noises_put_together(model: str, at: int, classes: int, run_of: MakeRun) -> None:
    run = run_of(model)
    table = np.asarray(run.mix(2, 3, at=at, seed=7))
    samples, latents = np.asarray(run.sample(5, seed=7)), run.latents(5, seed=7)
    assert table.shape == (3, 4, *samples.shape[1:])
    assert (table[0, 0] == 255).all()
    np.testing.assert_array_equal(table[1:, 0], samples[:2], "the samples that the rows are made from")
    np.testing.assert_array_equal(table[0, 1:], samples[2:], "those of the columns")
    coarse = sum(int(np.prod(shape)) for shape in latent_shapes(run.generator)[:at])
    for row in range(2):
        for column in range(3):
            noise = np.concatenate([latents[row, :coarse], latents[2 + column, coarse:]])
            (alone,) = np.asarray(run.sample(latents=[noise], classes=[row % classes] if classes else None))
            np.testing.assert_array_equal(table[1 + row, 1 + column], alone)
    assert (table[1:, 1:] != table[1:, :1]).any(), "the fine noise shows"


def test_half_of_the_depths_are_coarse_unless_one_says_otherwise(run_of: MakeRun) -> None:
    np.testing.assert_array_equal(run_of(DEEP).mix(2, 2), run_of(DEEP).mix(2, 2, at=1))
    assert (np.asarray(run_of(DEEP).mix(2, 2)) != np.asarray(run_of(DEEP).mix(2, 2, at=2))).any()


def test_classes_go_with_the_rows(run_of: MakeRun) -> None:
    run = run_of("sgan")
    table, latents = np.asarray(run.mix(2, 1, classes=[4, 8])), run.latents(3)
    coarse = latent_shapes(run.generator)[0][0]
    for row, number in enumerate((4, 8)):
        noise = np.concatenate([latents[row, :coarse], latents[2, coarse:]])
        np.testing.assert_array_equal(table[1 + row, 1], np.asarray(run.sample(latents=[noise], classes=[number]))[0])
    np.testing.assert_array_equal(table[0, 1], np.asarray(run.sample(3, classes=[4, 8]))[2])


def test_the_command_writes_the_table_below_and_beside_names(run_of: MakeRun, run_cli: RunCli, tmp_path: Path) -> None:
    run = run_of("sgan")
    done = run_cli("mix", "--checkpoint", run.path, "--grid", "2x3", "--seed", 7, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2x3 mixtures of tiny after 2 iterations: mix-7.png" in done.stdout
    sheet, table = decode((tmp_path / "mix-7.png").read_bytes()).pixels, np.asarray(run.mix(2, 3, seed=7))
    bare = draw.grid(table.reshape(-1, *table.shape[2:]), 3, 4)
    np.testing.assert_array_equal(sheet[-len(bare) :, -bare.shape[1] :], bare)
    high, wide = np.subtract(sheet.shape[:2], bare.shape[:2])
    factor = draw.enlargement(draw.layout(table.reshape(-1, *table.shape[2:]), 3, 4), table[0, 0])
    step = factor * (table.shape[3] + 2)
    for place in range(4):
        above = sheet[:high, wide + place * step : wide + (place + 1) * step]
        assert bool((above < 128).any()) == (place > 0), "a name above each column but that of the rows' samples"
    for place in range(3):
        beside = sheet[high + place * step : high + (place + 1) * step, :wide]
        assert bool((beside < 128).any()) == (place > 0)


def test_rows_are_named_after_their_samples_and_classes(run_of: MakeRun) -> None:
    def names(model: str, class_names: list[str]) -> list[str]:
        trained = TrainedGenerator.load(run_of(model).path)
        trained.source.facts["class_names"] = class_names
        mixing = Mixing.of(trained, 3, 1, classes=None if model == DEEP else [8, 1])
        return [mixing._row_name(number) for number in range(3)]

    words = list("abcdefghij")
    assert names(DEEP, words) == ["coarse 0", "coarse 1", "coarse 2"]
    assert names("sgan", words) == ["coarse 0, i", "coarse 1, b", "coarse 2, i"]
    assert names("infogan", words) == ["coarse 0, class 8", "coarse 1, class 1", "coarse 2, class 8"], "its own"


@pytest.mark.parametrize("at", [0, 3, 4])
def test_depths_that_are_not_there_are_refused(at: int, run_of: MakeRun) -> None:
    if at:
        with pytest.raises(UsageError, match=f"at: .* 3 depths, so it must be from 1 to 2. Received: {at}"):
            run_of(DEEP).mix(at=at)
    else:
        with pytest.raises(UsageError, match="at must be an integer >= 1"):
            run_of(DEEP).mix(at=at)
    with pytest.raises(UsageError, match="2 depths, so it must be 1"):
        run_of("sgan").mix(at=2)


def test_a_generator_with_one_latent_input_is_refused_with_the_models_that_have_several(
    run_of: MakeRun, run_cli: RunCli, tmp_path: Path
) -> None:
    run = run_of("dense_gan")
    with pytest.raises(UsageError, match=r"'dense_gan' takes noise at one depth only.*: .*infogan,.* sgan") as caught:
        run.mix()
    assert DEEP in str(caught.value)
    done = run_cli("mix", "--checkpoint", run.path, cwd=tmp_path)
    assert done.returncode == 2
    assert "'dense_gan' takes noise at one depth only" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (["--grid", "4"], "'4' is not ROWSxCOLUMNS, such as 4x6"),
        (["--grid", "0x3"], "'0x3' is not ROWSxCOLUMNS"),
        (["--grid", "101x3"], "each from 1 to 100"),
        (["--output", "table.npz"], "--output takes FILE.png. Received: table.npz"),
        (["--at", "0"], "Invalid value for '--at'"),
    ],
)
def test_bad_options_are_refused(options: list[str], answer: str, run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("mix", "--checkpoint", "nowhere", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert answer in done.stderr


@pytest.mark.parametrize("entry", drawn_from_noise(), ids=lambda entry: entry.name)
def test_models_say_whether_they_take_noise_at_several_depths(entry: Any) -> None:
    shape = home_shape(entry.name)
    networks = entry.make(**accepted(entry.make, {**smallest(entry.name), "image_shape": shape, "num_classes": 3}))
    assert entry.noise_at_depths == (len(latent_shapes(networks["generator"])) > 1)


def test_a_table_too_large_for_a_picture_is_refused_before_it_is_drawn(
    run_of: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ganctl.generation.mixing.MAX_GRID_PIXELS", 1000)
    mixing = Mixing.of(TrainedGenerator.load(run_of("sgan").path), 100, 100)
    monkeypatch.setattr(Mixing, "table", lambda self: pytest.fail("drawn"))
    with pytest.raises(UsageError, match="A table of 100x100 is too large"):
        mixing.write(tmp_path / "x.png")
