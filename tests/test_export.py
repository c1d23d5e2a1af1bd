"""Exported generators: every format draws what the original draws, of every model, also where there is no ganctl."""

import importlib
import inspect
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunCli, WriteYaml, drawn_from_noise, home_shape, shapes_of, shipped, slow_but

import ganctl.layers
from ganctl import models
from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.errors import GanctlError, UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.game import class_count, takes_classes
from ganctl.game import state as game_state
from ganctl.game.inputs import to_pixels
from ganctl.game.sampler import drawing_role
from ganctl.generation.export import (
    COMPARED,
    LIMIT,
    Generator,
    _drawn_inputs,
    _with_named_inputs,
    check_choices,
    check_output,
    export,
)
from ganctl.generation.formats import Format, formats
from ganctl.generation.loading import TrainedGenerator
from ganctl.keras_internals import layers_of
from ganctl.layers.keras_alone import of_keras_alone
from ganctl.layers.times_noise import TimesNoise
from ganctl.lazy import keras, silent_stderr, tf
from ganctl.run_folder import checkpoint
from ganctl.run_folder.paths import RunFolder

FORMATS = list(formats())
INSIDE = {"model.latent_input": "inside"}
GIVEN = {"model.latent_input": "given"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    **{entry.name: (entry.name, {}) for entry in shipped(models.registry)},
    "noise given, uniform": ("acgan_mnist", {**GIVEN, "model.latent_distribution": "uniform"}),
    "one-hot classes": ("acgan_mnist", {**GIVEN, "model.class_input": "one_hot"}),
    "categories, not classes": ("infogan", {"model.categories": 5}),
    "several inputs": ("decoupled_gan", {"model.noise_inputs": 3}),
    "bfloat16 and an average": ("dcgan", {"training.precision": "bfloat16", "training.ema": 0.9}),
}
QUICK = {"dcgan", "one-hot classes"}
FROM_NOISE = {entry.name for entry in drawn_from_noise()}
IN_EVERY_FORMAT = [
    "fastgan",
    "r3gan",
    "sagan",
    "stackgan",
    *(case for case, (model, _) in CASES.items() if case != model or model not in FROM_NOISE),
]
"""What they are made of is all that any generator is made of, and their inputs are of every kind."""
CLASS_NAMES = tuple("abcdefghij")


@pytest.fixture(scope="module")
def generator_file(
    small_experiment: Callable[..., Experiment], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Return what writes the generator file of a small experiment, its weights enlarged so that images differ."""

    def write(model: str, changes: dict[str, Any], class_names: tuple[str, ...] = CLASS_NAMES) -> Path:
        # With less capacity, none of the few channels may be alive.
        capacity = {"model.capacity": 8} if "capacity" in models.registry.get(model).arguments().model_fields else {}
        experiment = small_experiment(model, {**capacity, **changes})
        shape, sampler = home_shape(model), models.registry.get(model).sampler
        shapes = shapes_of(models.registry.get(model), shape)
        networks = make_networks(resolving.resolve(experiment), shapes, len(class_names))
        role = drawing_role(sampler, networks)
        variables = game_state.named_variables(networks[role])
        random = np.random.default_rng(0)
        for name, variable in variables.items():
            if len(variable.shape) > 1:
                variable.assign(1.5 * variable)
            elif "seed" not in name and "moving" not in name:
                variable.assign(variable + random.uniform(0.1, 0.5, variable.shape))
        # Moments as training leaves them: with others, tanh is saturated and rounding is magnified.
        for layer in layers_of(networks[role]):
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.0
        if sampler.takes:
            inputs = [random.uniform(-1.0, 1.0, (COMPARED, *shapes[sampler.takes])).astype(np.float32)]
        else:
            classes = class_count(networks[role], len(class_names)) if takes_classes(networks[role]) else 0
            inputs = list(_drawn_inputs(networks[role], experiment.model.latent_distribution, classes).values())
        networks[role](inputs if len(inputs) > 1 else inputs[0], training=True)
        facts = {
            "experiment": experiment.model_dump(mode="json"),
            "image_shape": list(shape),
            "image_shapes": {feed: list(of_feed) for feed, of_feed in shapes.items()},
            "class_names": list(class_names),
            "generator": role,
            "step": 3,
        }
        path = tmp_path_factory.mktemp("generator") / "000000003.safetensors"
        checkpoint.save_generators(path, {role: {n: np.asarray(v) for n, v in variables.items()}}, facts)
        return path

    return write


@pytest.fixture(scope="module")
def loaded(generator_file: Callable[..., Path]) -> Callable[[str], Generator]:
    """Return what loads the generator of a case, once."""
    return cache(lambda case: Generator.load(generator_file(*CASES[case])))


@pytest.mark.parametrize(
    ("case", "name"),
    [
        pytest.param(case, name, marks=[] if case in QUICK else [pytest.mark.slow])
        for case in CASES
        for name in (FORMATS if case in IN_EVERY_FORMAT else ["keras"])
    ],
)
def test_a_format_draws_what_the_model_draws(
    case: str, name: str, loaded: Callable[[str], Generator], tmp_path: Path
) -> None:
    generator = loaded(case)
    drawn = generator.draw(generator.inputs)
    assert len(np.unique(drawn.reshape(COMPARED, -1).round(3), axis=0)) == COMPARED, "images that differ"
    exported = export(generator, name, tmp_path / f"deep/a{formats()[name].suffix}")
    assert exported.difference <= LIMIT
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [exported.path.name]
    if CASES[case][0] in FROM_NOISE:
        assert {"latent"} <= set(exported.inputs) <= {"latent", "latent_2", "latent_3", "code", "classes"}
    else:
        assert set(exported.inputs) == {"image"}
        assert generator.any_size, "every shipped one takes images of other sizes"
        free = [None, None] if formats()[name].any_size else [*home_shape(case)[:2]]
        assert exported.image_shape[:2] == free
    assert ("classes" in exported.inputs) == (generator.num_classes > 0)
    if name != "keras":
        return
    names: dict[str, Any] = {}
    exec("\n".join(exported.usage), names)
    np.testing.assert_array_equal(names["pixels"], to_pixels(names["images"]))
    assert all(type(layer).__module__.startswith("keras.") for layer in layers_of(names["generator"]))
    written_as = generator.any_size if generator.any_size and exported.image_shape[0] is None else generator
    for written, read in zip(of_keras_alone(written_as.plain).variables, names["generator"].variables, strict=True):
        if "seed" not in written.path:  # of Dropout, which is off
            np.testing.assert_array_equal(read.numpy(), written.numpy(), written.path)


@pytest.mark.slow
def test_whatever_a_generator_is_made_of_is_tried_in_every_format(small_experiment: Callable[..., Experiment]) -> None:
    """Keras' file depends on each layer's class and weights, the others only on what layers compute in a graph."""

    def made_of(model: str, changes: dict[str, Any]) -> set[str]:
        given = models.registry.get(model).noise_given
        experiment = small_experiment(model, {**changes, **{f"model.{key}": value for key, value in given.items()}})
        parts = resolving.resolve(experiment)
        shapes = shapes_of(parts.model, home_shape(model))
        network = make_networks(parts, shapes, len(CLASS_NAMES))[parts.sampler.network]
        return {type(part).__name__ for part in (*layers_of(network), *getattr(network, "operations", ()))}

    tried = set().union(*(made_of(*CASES[case]) for case in IN_EVERY_FORMAT))
    for case, (model, changes) in CASES.items():
        assert made_of(model, changes) <= tried, f"{case!r} belongs into IN_EVERY_FORMAT"


@pytest.mark.parametrize("case", ["noise given, uniform", "bfloat16 and an average"])
def test_the_original_is_what_sample_draws(case: str, generator_file: Callable[..., Path]) -> None:
    path = generator_file(*CASES[case])
    generator, network = Generator.load(path), TrainedGenerator.load(path).played
    values = list(generator.inputs.values())
    expected = network(values if len(values) > 1 else values[0], training=False).numpy()
    np.testing.assert_array_equal(generator.draw(generator.inputs), expected)


def test_a_generator_that_finds_categories_itself_needs_no_labels(generator_file: Callable[..., Path]) -> None:
    generator = Generator.load(generator_file("infogan", {"model.categories": 5}, class_names=()))
    assert generator.num_classes == 5
    assert generator.inputs["classes"].shape == (COMPARED, 5)


def test_noise_that_a_generator_draws_itself_becomes_an_input(generator_file: Callable[..., Path]) -> None:
    """The same numbers, whether the layer draws them or they are given."""
    path = generator_file("acgan_mnist", INSIDE)
    exported, trained = Generator.load(path), TrainedGenerator.load(path)
    inside = trained.network
    assert list(exported.inputs) == ["latent", "classes"]
    classes = exported.inputs["classes"]
    seed = keras.random.SeedGenerator(0)
    seed.state.assign(next(v for v in inside.variables if v.name == "seed_generator_state"))
    latent = keras.random.normal([COMPARED, inside.get_layer("embedding").output.shape[-1]], seed=seed).numpy()
    images = exported.draw({"latent": latent, "classes": classes})
    np.testing.assert_allclose(images, trained.played(classes, training=False).numpy(), atol=1e-6)


def test_a_generator_whose_noise_nobody_can_give_is_refused(generator_file: Callable[..., Path]) -> None:
    entry = models.registry.get("acgan_mnist")
    path = generator_file("acgan_mnist", INSIDE)
    without = replace(entry, noise_given={})
    refused = pytest.raises(GanctlError, match="draws its own noise and cannot be exported")
    with models.registry.temporarily(without), refused:
        Generator.load(path)


@pytest.fixture(scope="module")
def run(reported_run: RunFolder) -> Path:
    return reported_run.path


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_the_printed_lines_run_the_file_without_ganctl(
    name: str, generator_file: Callable[..., Path], run_cli: RunCli, tmp_path: Path
) -> None:
    """With only the packages that the lines import."""
    if name == "safetensors-torch":
        pytest.importorskip("torch", reason="the lines build PyTorch's modules")
    path = generator_file("acgan_mnist", {**GIVEN, "model.latent_distribution": "uniform"})
    done = run_cli("export", path, "--format", name, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    facts = json.loads(done.stdout)
    assert (tmp_path / facts["path"]).exists()
    assert 0 <= facts["largest_difference"] <= LIMIT
    assert facts["inputs"] == {
        "latent": {"shape": [None, 100], "dtype": "float32"},
        "classes": {"shape": [None, 1], "dtype": "int32"},
    }
    lines = ["import sys", "sys.modules['ganctl'] = None", *facts["usage"]]
    if name == "onnx":
        lines.insert(2, "sys.modules['tensorflow'] = None")
    lines.append("print(pixels.shape, pixels.dtype, pixels.std() > 1)")
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONWARNINGS")}
    used = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert used.returncode == 0, used.stderr
    assert used.stdout.split("\n")[-2] == "(16, 28, 28, 1) uint8 True"


@pytest.mark.slow
def test_the_command_says_where_the_file_is_and_how_far_off(run: Path, run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("export", run, "--format", "litert", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second, *lines = done.stdout.splitlines()
    assert first == "tiny after 8 iterations: generator.tflite"
    assert second.startswith("largest difference from the original: ")
    assert lines[-1].strip().startswith("pixels = ")
    assert (tmp_path / "generator.tflite").stat().st_size > 100_000


def in_litert(path: Path, inputs: dict[str, np.ndarray], *, resized: bool) -> np.ndarray:
    """What a LiteRT file draws, by its signature or, as in other languages, after each input was resized."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(str(path))
    if not resized:
        return interpreter.get_signature_runner()(**inputs)["images"].copy()
    places = {name: interpreter.get_signature_runner().get_input_details()[name]["index"] for name in inputs}
    for name, array in inputs.items():
        interpreter.resize_tensor_input(places[name], array.shape, strict=True)
    interpreter.allocate_tensors()
    for name, array in inputs.items():
        interpreter.set_tensor(places[name], array)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).copy()


@pytest.mark.parametrize("case", slow_but(["dcgan"], ["dcgan", "one-hot classes", "several inputs", "r3gan", "sagan"]))
def test_a_litert_file_draws_batches_of_any_size_as_sample_does(
    case: str, generator_file: Callable[..., Path], tmp_path: Path
) -> None:
    path = generator_file(*CASES[case])
    inputs = Generator.load(path, batch=64).inputs
    generator = Generator.load(path)
    exported = export(generator, "litert", tmp_path / "a.tflite")
    trained = TrainedGenerator.load(path)
    values = sum(variable.shape.num_elements() for variable in trained.network.trainable_variables)
    assert exported.size == exported.path.stat().st_size > 4 * values, "it holds the weights"
    for count in (1, 7, 64):
        given = {name: array[:count] for name, array in inputs.items()}
        expected = np.concatenate(list(trained.draw(count))).astype(int)
        drawn = [in_litert(exported.path, given, resized=resized) for resized in (False, True)]
        np.testing.assert_array_equal(*drawn)
        assert drawn[0].shape == (count, *trained.image_shape)
        assert np.abs(drawn[0] - generator.draw(given)).max() <= LIMIT
        apart = np.abs(to_pixels(drawn[0]).numpy().astype(int) - expected)
        assert apart.max() <= 1, "a level that is rounded the other way"
        assert (apart > 0).mean() < 0.01


BATCH = 5


def batch_in(name: str, path: Path) -> list[list[int | None]]:
    """The shapes of a file's latent vectors and images, as its own runtime reads them."""
    if name == "onnx":
        session = importlib.import_module("onnxruntime").InferenceSession(str(path))
        return [{each.name: each for each in session.get_inputs()}["latent"].shape, session.get_outputs()[0].shape]
    if name == "savedmodel":
        signature = tf.saved_model.load(str(path)).signatures["serving_default"]
        inputs, output = signature.structured_input_signature[1], signature.structured_outputs["images"]
        return [list(inputs["latent"].shape), list(output.shape)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner = tf.lite.Interpreter(str(path)).get_signature_runner()
    found = [runner.get_input_details()["latent"], runner.get_output_details()["images"]]
    return [each["shape_signature"].tolist() for each in found]


@pytest.mark.parametrize("name", [name for name, kind in formats().items() if not kind.any_batch])
@pytest.mark.parametrize("model", slow_but(["dcgan"], ["dcgan", "r3gan"]))
def test_a_fixed_batch_is_in_the_file(
    model: str, name: str, generator_file: Callable[..., Path], tmp_path: Path
) -> None:
    generator = Generator.load(generator_file(*CASES[model]), batch=BATCH)
    exported = export(generator, name, tmp_path / f"a{formats()[name].suffix}")
    assert 0 <= exported.difference <= LIMIT
    width, image = generator.inputs["latent"].shape[1], list(generator.draw(generator.inputs).shape[1:])
    assert batch_in(name, exported.path) == [[BATCH, width], [BATCH, *image]]
    facts = exported.facts()
    assert facts["inputs"]["latent"]["shape"] == [BATCH, width]
    assert facts["output"]["shape"] == [BATCH, *image]
    assert f"latent = random.standard_normal([{BATCH}, {width}], dtype=np.float32)" in exported.usage
    names: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec("\n".join(exported.usage), names)
    assert names["pixels"].shape == (BATCH, *image)
    # A SavedModel does not say so of itself: TensorFlow goes on until a layer's shape does not fit.
    other = {key: array[:3] for key, array in generator.inputs.items()}
    draw = partial(in_litert, resized=True) if name == "litert" else partial(run_once, formats()[name])
    refused = {"litert": "ResizeInputTensorStrict only allows", "onnx": "Expected: 5", "savedmodel": "reshape|shape"}
    with pytest.raises(Exception, match=refused[name]):
        draw(exported.path, other)


def run_once(kind: Format, path: Path, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """What a file of a format draws."""
    (images,) = kind.run(None, path, [inputs])
    return images


def test_files_that_say_nothing_of_a_batch_and_numbers_that_are_none() -> None:
    for name in ("keras", "safetensors-torch"):
        with pytest.raises(UsageError, match=f"^batch: a file of the format {name} takes any number of inputs.*onnx"):
            check_choices(name, 4, None)
    for batch in (0, -1, 5000):
        with pytest.raises(UsageError, match=r"batch must be a number from 1 to 4,096\. Received: "):
            check_choices("onnx", batch, None)
    with pytest.raises(UsageError, match=r"quantization: the format onnx has no float16\. Leave it out, or choose li"):
        check_choices("onnx", None, "float16")
    with pytest.raises(UsageError, match=r"'float16'\. Received: 'float15'\. Did you mean 'float16'"):
        check_choices("litert", None, "float15")
    check_choices("litert", 1, "float16")
    check_choices("keras", None, None)


@pytest.mark.parametrize(("quantization", "share"), [("float16", 0.6), ("dynamic-range", 0.4)])
def test_a_quantized_file_says_what_it_costs(
    quantization: str, share: float, loaded: Callable[[str], Generator], tmp_path: Path
) -> None:
    generator = loaded("dcgan")
    whole = export(generator, "litert", tmp_path / "whole.tflite")
    exported = export(generator, "litert", tmp_path / "a.tflite", quantization)
    assert exported.size == exported.path.stat().st_size < share * whole.size
    assert whole.quantized is None
    drawn = in_litert(exported.path, generator.inputs, resized=False).clip(-1, 1).astype(np.float64)
    apart = 127.5 * np.abs(drawn - generator.draw(generator.inputs).clip(-1, 1))
    found = exported.quantized
    assert found is not None
    assert found.mean == pytest.approx(apart.mean(), rel=1e-6)
    assert found.largest >= apart.max() * (1 - 1e-6)  # batches of other sizes count, too
    assert 0 < found.mean < found.largest
    limits = formats()["litert"].quantizations[quantization]
    assert exported.facts()["quantization"] == {
        "name": quantization,
        "largest_levels": found.largest,
        "mean_levels": found.mean,
        "limits": {"largest_levels": limits.largest, "mean_levels": limits.mean},
    }
    first, second, third, *_ = str(exported).splitlines()
    assert first.endswith("a.tflite")
    assert second == (
        f"{quantization}: differs from float32 by {found.mean:.2g} grey levels of 256 on average "
        f"(at most {limits.mean:g}), by {found.largest:.2g} in one pixel (at most {limits.largest:g})"
    )
    assert third == f"size: {exported.size:,} bytes"


def test_a_quantized_file_that_draws_other_images_is_not_kept(tmp_path: Path) -> None:
    """A weight beyond the largest number of float16, 65,504: the converter cuts it off without a word."""
    latent = keras.Input([4], name="latent")
    large, small = keras.layers.Dense(4, use_bias=False), keras.layers.Dense(4, use_bias=False, activation="tanh")
    network = keras.Model(latent, keras.layers.Reshape([2, 2, 1])(small(large(latent))))
    large.set_weights([1e6 * np.eye(4)])
    small.set_weights([1e-6 * np.eye(4)])
    generator, path = as_generator(network), tmp_path / "a.tflite"
    path.write_text("an older file")
    refused = r"^float16: differs from float32 by .* grey levels.*The file was removed. Export .* in float32\.$"
    with pytest.raises(GanctlError, match=refused):
        export(generator, "litert", path, "float16")
    assert path.read_text() == "an older file"
    assert export(generator, "litert", path).difference <= LIMIT
    assert export(generator, "litert", path, "dynamic-range").quantized is not None


@pytest.mark.slow
def test_choices_on_the_command_line(run: Path, run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli(
        "export", run, "--format", "litert", "--quantization", "float16", "--batch", "2", "--json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["quantization"]["name"] == "float16"
    assert 0 < facts["quantization"]["mean_levels"] <= facts["quantization"]["largest_levels"] < 1
    assert facts["bytes"] == (tmp_path / "generator.tflite").stat().st_size
    assert facts["inputs"]["latent"]["shape"] == [2, 100]
    for option in (["--batch", "2"], ["--quantization", "float16"]):
        refused = run_cli("export", run, "--format", "keras", *option, cwd=tmp_path)
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"Error: {option[0][2:]}: ")
        assert len(refused.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["generator.tflite"]


@pytest.mark.slow
def test_a_resumed_run_is_exported_by_a_process_that_calls_nothing_before(
    tiny_yaml: WriteYaml, run_cli: RunCli, tmp_path: Path
) -> None:
    trained, folder = run_cli("train", tiny_yaml(), "--output-dir", tmp_path, "--run-name", "run"), tmp_path / "run"
    assert trained.returncode == 0, trained.stderr
    resumed = run_cli("resume", folder, "--set", "training.iterations=12")
    assert resumed.returncode == 0, resumed.stderr
    done = run_cli("export", folder, "--format", "litert", cwd=tmp_path)
    assert done.stdout.startswith("tiny after 12 iterations: generator.tflite\n"), done.stderr
    trained_generator = TrainedGenerator.load(folder)
    (latent,) = Generator.load(folder, batch=7).inputs.values()
    drawn = to_pixels(in_litert(tmp_path / "generator.tflite", {"latent": latent}, resized=False)).numpy()
    expected = np.concatenate(list(trained_generator.draw(7)))
    assert expected.std() > 1
    np.testing.assert_allclose(drawn.astype(int), expected.astype(int), atol=1)


def only_built() -> Any:
    """A network whose variables `build` made; nothing has called it."""
    layers = keras.layers
    network = keras.Sequential(
        [layers.Dense(6), layers.BatchNormalization(), layers.Dense(4), layers.Reshape([2, 2, 1])]
    )
    network.build((None, 4))
    random = np.random.default_rng(0)
    network.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in network.get_weights()])
    return network


@pytest.mark.parametrize("name", FORMATS)
def test_a_network_that_was_never_called_is_written_with_its_weights(name: str, tmp_path: Path) -> None:
    network, kind = only_built(), formats()[name]
    latent = np.random.default_rng(1).standard_normal([3, 4], dtype=np.float32)
    plain = _with_named_inputs(network, {"latent": latent}, None)
    path = tmp_path / f"a{kind.suffix}"
    with silent_stderr():
        kind.write(plain, path)
        (drawn,) = kind.run(plain, path, [{"latent": latent}])
    kernel, bias, gamma, beta, mean, variance, last, last_bias = network.get_weights()
    hidden = (latent @ kernel + bias - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(drawn, (hidden @ last + last_bias).reshape(3, 2, 2, 1), rtol=1e-5)


class Inverting(keras.Model):  # type: ignore[misc]
    """A generator of a user's own class: it lists neither inputs nor outputs, and nothing has called it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.last = keras.layers.Conv2D(1, 1, name="last")

    def build(self, shape: Any) -> None:
        self.last.build(shape)

    def call(self, images: Any, training: bool | None = None) -> Any:
        return -self.last(images)


@pytest.mark.parametrize("name", FORMATS)
def test_a_generator_of_a_users_own_class_is_exported(
    name: str, generator_file: Callable[..., Path], tmp_path: Path
) -> None:
    entry = models.registry.get("pix2pix")

    def made(image_shape: Any, image_shapes: Any, **settings: Any) -> dict[str, Any]:
        network = Inverting(name="generator")
        network.build((None, *image_shapes["source"]))
        return {**entry.make(image_shape, image_shapes, **settings), "generator": network}

    made.__signature__ = inspect.signature(entry.make)  # type: ignore[attr-defined]
    with models.registry.temporarily(replace(entry, make=made)):
        generator = Generator.load(generator_file("pix2pix", {}))
        exported = export(generator, name, tmp_path / f"a{formats()[name].suffix}")
    assert exported.difference <= LIMIT
    assert exported.image_shape == [*home_shape("pix2pix")]
    assert (exported.beyond != []) == (name == "keras")
    if name == "keras":
        assert exported.beyond == [
            "needs more than Keras, because these layers have no as_keras(): Inverting (generator)"
        ]
        assert exported.facts()["beyond"] == exported.beyond
        assert str(exported).splitlines()[3] == exported.beyond[0]


def crooked() -> Any:
    """A generator with a layer whose file forgets by what it multiplies."""

    class Forgetful(keras.layers.Layer):
        def __init__(self, factor: float = 1.0, **settings: Any) -> None:
            super().__init__(**settings)
            self.factor = factor

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor

        def get_config(self) -> dict[str, Any]:
            return super().get_config()

    latent = keras.Input([4], name="latent")
    return keras.Model(latent, keras.layers.Reshape([2, 2, 1])(Forgetful(0.5)(latent)))


def test_the_lines_for_a_file_with_layers_of_ganctls_own_import_them(tmp_path: Path) -> None:
    latent = keras.Input([4], name="latent")
    network = keras.Model(latent, keras.layers.Reshape([2, 2, 1])(TimesNoise()(latent)))
    kind, path = formats()["keras"], tmp_path / "a.keras"
    kind.write(network, path)
    times_noise = network.layers[1].name
    assert kind.beyond(network) == [
        f"needs more than Keras, because these layers have no as_keras(): TimesNoise ({times_noise})"
    ]
    reading, drawing = kind.usage(network, path)
    assert reading == ["import keras", "import ganctl.layers", f"generator = keras.saving.load_model({str(path)!r})"]
    names: dict[str, Any] = {"latent": np.ones([3, 4], np.float32)}
    exec("\n".join([*reading, *drawing]), names)
    assert names["images"].shape == (3, 2, 2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["keras", "ganctl.layers"])
def test_a_file_with_layers_of_ganctls_own_loads_wherever_they_were_imported(
    first: str, loaded: Callable[[str], Generator], tmp_path: Path
) -> None:
    """In a process of its own, whatever was imported first; the names of the layers' modules are not asked for."""
    generator, path = loaded("sagan"), tmp_path / "a.keras"
    generator.plain.save(path)  # as a user saves `run.generator`
    np.savez(tmp_path / "a.npz", **generator.inputs)
    second = {"keras": "ganctl.layers", "ganctl.layers": "keras"}[first]
    lines = [
        f"import {first}, {second}, sys, numpy as np",
        f"given = dict(np.load({str(tmp_path / 'a.npz')!r}))",
        f"np.save({str(tmp_path / 'drawn')!r}, keras.saving.load_model({str(path)!r})(given))",
        "ours = {name.split('.')[1] for name in sys.modules if name.startswith('ganctl.')}",
        "print(*sorted(ours - {'layers'}))",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert np.abs(np.load(tmp_path / "drawn.npy") - generator.draw(generator.inputs)).max() <= LIMIT
    assert set(done.stdout.split()) <= {"errors", "keras_internals", "lazy", "version"}


WITH_LAYERS_OF_GANCTLS_OWN = ["sngan", "sagan", "r3gan", "fastgan"]
ALONE = """
import sys
sys.modules["ganctl"] = None  # cannot be imported
from pathlib import Path
import keras, numpy as np
folder = Path(sys.argv[1])
for path in folder.glob("*.keras"):
    given = dict(np.load(path.with_suffix(".npz")))
    generator = keras.saving.load_model(path)
    np.save(path.with_suffix(".npy"), generator(given if len(given) > 1 else given["latent"]))
print(keras.config.image_data_format())
"""


@pytest.mark.slow
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_keras_file_draws_the_same_where_there_is_keras_alone(
    data_format: str, loaded: Callable[[str], Generator], tmp_path: Path
) -> None:
    """Whatever data format the user's keras.json names."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "keras.json").write_text(json.dumps({"backend": "tensorflow", "image_data_format": data_format}))
    for model in WITH_LAYERS_OF_GANCTLS_OWN:
        assert any(type(layer).__module__.startswith("ganctl.") for layer in layers_of(loaded(model).plain)), model
        assert export(loaded(model), "keras", tmp_path / f"{model}.keras").beyond == []
        np.savez(tmp_path / f"{model}.npz", **loaded(model).inputs)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"KERAS_HOME": str(home)}
    command = [sys.executable, "-c", ALONE, str(tmp_path)]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == data_format
    for model in WITH_LAYERS_OF_GANCTLS_OWN:
        drawn = np.load(tmp_path / f"{model}.npy")
        assert np.abs(drawn - loaded(model).draw(loaded(model).inputs)).max() <= LIMIT


OTHER_SIZES = [(19, 26), (33, 17), (24, 40)]
ALONE_AT_OTHER_SIZES = """
import sys
sys.modules["ganctl"] = None  # cannot be imported
import keras, numpy as np
generator = keras.saving.load_model(sys.argv[1])
assert generator.input_shape == (None, None, None, 1), generator.input_shape
images = np.load(sys.argv[2])
np.savez(sys.argv[3], **{name: generator(images[name]) for name in images.files})
"""


@pytest.mark.slow
@pytest.mark.parametrize("model", ["pix2pix", "cyclegan"])
def test_a_keras_file_takes_images_of_other_sizes_where_there_is_keras_alone(
    model: str, loaded: Callable[[str], Generator], tmp_path: Path
) -> None:
    """Also of sides that are odd when they are halved."""
    generator = loaded(model)
    assert generator.any_size
    assert generator.any_size.multiple_of == (1, 1)
    exported = export(generator, "keras", tmp_path / "a.keras")
    assert exported.image_shape == [None, None, 1]
    random = np.random.default_rng(0)
    images = {f"{h}x{w}": random.uniform(-1, 1, (2, h, w, 1)).astype(np.float32) for h, w in OTHER_SIZES}
    np.savez(tmp_path / "given.npz", **images)
    paths = [str(tmp_path / name) for name in ("a.keras", "given.npz", "drawn.npz")]
    alone(ALONE_AT_OTHER_SIZES, *paths)
    drawn = np.load(tmp_path / "drawn.npz")
    for size, image in images.items():
        expected = generator.any_size.draw({"image": image})
        assert drawn[size].shape == image.shape
        assert drawn[size].std() > 0.05
        np.testing.assert_allclose(drawn[size], expected, atol=LIMIT, rtol=0)


def alone(code: str, *arguments: str) -> str:
    """What a Python program prints that has the packages of this one, but neither its paths nor its folder."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONWARNINGS")}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_maps_of_unknown_sizes_are_cut_by_keras_alone(tmp_path: Path) -> None:
    maps, like = keras.Input((None, None, 3)), keras.Input((None, None, 2))
    network = keras.Model([maps, like], ganctl.layers.CropLike()(maps, like))
    replaced = of_keras_alone(network)
    assert all(type(part).__module__.startswith("keras.") for part in layers_of(replaced))
    replaced.save(tmp_path / "a.keras")
    read = keras.saving.load_model(tmp_path / "a.keras")
    random = np.random.default_rng(0)
    for height, width in ((4, 6), (3, 6), (4, 5), (3, 5), (1, 1)):
        given = random.normal(size=(2, 4, 6, 3)).astype(np.float32)
        for cropping in (replaced, read):
            cut = cropping([given, np.zeros((2, height, width, 2), np.float32)]).numpy()
            np.testing.assert_array_equal(cut, given[:, :height, :width])
    none = np.zeros((0, 4, 6, 3), np.float32)
    assert read([none, none[:, :3, :5, :2]]).shape == (0, 3, 5, 3)


def replaced_layers() -> dict[str, tuple[Callable[[], Any], list[tuple[int, ...]]]]:
    """Layers of ganctl's own that Keras' can replace, and the shapes of their inputs; odd and narrow maps as well."""
    own = ganctl.layers
    return {
        "SpectralConv2D": (lambda: own.SpectralConv2D(6, 3, strides=2, padding="same", activation="relu"), [(9, 7, 4)]),
        "SpectralConv2D without bias": (lambda: own.SpectralConv2D(6, 3, use_bias=False), [(9, 7, 4)]),
        "SpectralDense": (lambda: own.SpectralDense(3), [(5,)]),
        "SpectralEmbedding": (lambda: own.SpectralEmbedding(3, 4), [(1,)]),
        "GroupedConvolution": (lambda: own.GroupedConvolution(8, 3, 2), [(5, 6, 4)]),
        "SelfAttention": (own.SelfAttention, [(7, 5, 16)]),
        "SelfAttention of a row": (own.SelfAttention, [(1, 6, 16)]),
        "SelfAttention, spectral": (lambda: own.SelfAttention(own.SpectralConv2D), [(8, 6, 16)]),
        "SkipLayerExcitation": (own.SkipLayerExcitation, [(16, 16, 6), (5, 5, 3)]),
        "ConditionalBatchNormalization": (lambda: own.ConditionalBatchNormalization(3), [(4, 6, 5), (1,)]),
        "InstanceNormalization": (own.InstanceNormalization, [(5, 6, 4)]),
        "InstanceNormalization without gamma": (lambda: own.InstanceNormalization(affine=False), [(5, 6, 4)]),
        "ReflectionPadding2D": (lambda: own.ReflectionPadding2D(3), [(4, 6, 5)]),
        "PixelShuffle": (lambda: own.PixelShuffle(3), [(4, 6, 18)]),
    }


@pytest.mark.parametrize("name", replaced_layers())
def test_keras_layers_compute_what_ganctls_own_do(name: str, tmp_path: Path) -> None:
    make, shapes = replaced_layers()[name]
    layer, random = make(), np.random.default_rng(0)
    inputs = [keras.Input(shape, dtype="int32" if shape == (1,) else "float32") for shape in shapes]
    network = keras.Model(inputs, layer(*inputs))
    for variable in network.variables:
        positive = "variance" in variable.path
        variable.assign(random.uniform(0.5, 1.5, variable.shape) if positive else random.normal(size=variable.shape))
    given = [
        random.integers(0, 3, (4, *shape)).astype("int32") if shape == (1,) else random.normal(size=(4, *shape))
        for shape in shapes
    ]
    alone = of_keras_alone(network)
    assert all(type(part).__module__.startswith("keras.") for part in layers_of(alone))
    alone.save(tmp_path / "a.keras")
    expected = network(given, training=False).numpy()
    for other in (alone, keras.saving.load_model(tmp_path / "a.keras")):
        np.testing.assert_allclose(other(given, training=False).numpy(), expected, rtol=1e-4, atol=1e-4)
    assert any(part is layer for part in network.layers), "the original did not change"


def test_every_layer_of_ganctls_own_in_a_generator_can_be_replaced() -> None:
    """But the noise that a layer draws itself: a generator with it takes the noise as an input when it is exported."""
    modules = [importlib.import_module(f"ganctl.layers.{name}") for name in sorted(ganctl.layers._MODULES)]
    own = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    saved = {kind for kind in own if keras.saving.get_registered_name(kind).startswith("ganctl>")}
    without = {kind.__name__ for kind in saved if not hasattr(kind, "as_keras")}
    elsewhere = {"MinibatchStandardDeviation", "AdaMemory", "ImagePool"}
    assert without == {"TimesNoise", *elsewhere}, f"{elsewhere} are not in generators"


def test_a_layer_that_does_not_say_how_it_was_made_is_named(tmp_path: Path) -> None:
    class Secretive(keras.layers.Layer):
        def __init__(self, factor: float, **settings: Any) -> None:
            super().__init__(**settings)
            self.factor = factor

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor

    latent = keras.Input([4], name="latent")
    network = keras.Model(latent, keras.layers.Reshape([2, 2, 1])(Secretive(np.array(0.5, "f"), name="half")(latent)))
    expected = r"cannot be exported as keras: the layer half \(Secretive\) does not say how it was made. Give it get_co"
    with pytest.raises(GanctlError, match=expected):
        export(as_generator(network), "keras", tmp_path / "a.keras")
    assert export(as_generator(network), "litert", tmp_path / "a.tflite").difference <= LIMIT


def uneven() -> Any:
    """A generator with a layer that nothing but TensorFlow can run."""

    class Asking(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return tf.ensure_shape(tf.py_function(lambda x: x, [inputs], tf.float32), inputs.shape)

    latent = keras.Input([4], name="latent")
    return keras.Model(latent, keras.layers.Reshape([2, 2, 1])(Asking()(latent)))


def as_generator(network: Any) -> Generator:
    inputs = {"latent": np.random.default_rng(0).standard_normal([COMPARED, 4], dtype=np.float32)}
    return Generator(network, network, inputs, "normal", 0, "a test", [])


def test_a_file_that_draws_other_images_is_not_kept(tmp_path: Path) -> None:
    generator, good = as_generator(crooked()), tmp_path / "good.onnx"
    assert export(generator, "onnx", good).difference <= LIMIT
    kept = tmp_path / "a.keras"
    kept.write_text("an older file")
    with pytest.raises(
        GanctlError, match=r"draws different images from the generator: .* more than 0.0001. The file was removed"
    ):
        export(generator, "keras", kept)
    assert kept.read_text() == "an older file"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.keras", "good.onnx"]


@pytest.mark.parametrize("name", ["onnx", "litert"])
def test_what_a_format_cannot_hold_is_said_on_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(GanctlError, match=f"^This generator cannot be exported as {name}: .+$") as caught:
        export(as_generator(uneven()), name, tmp_path / f"a{formats()[name].suffix}")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_where_a_file_cannot_go(tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "photos").mkdir()
    with pytest.raises(UsageError, match=r"--format onnx writes FILE.onnx. Received: a.keras"):
        check_output("onnx", Path("a.keras"))
    with pytest.raises(UsageError, match="is a folder"):
        check_output("onnx", tmp_path / "folder.onnx")
    with pytest.raises(UsageError, match="photos already exists and is not a savedmodel"):
        check_output("savedmodel", tmp_path / "photos")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="is a link"):
        check_output("savedmodel", tmp_path / "link")
    with pytest.raises(UsageError, match="is not valid UTF-8, which some formats"):
        check_output("keras", Path("\udcff.keras"))
    for name, suffix in (("keras", ".keras"), ("savedmodel", "")):
        with pytest.raises(UsageError, match="cannot be written: File name too long"):
            check_output(name, Path("x" * 300 + suffix))
    assert check_output("savedmodel") == Path("generator_savedmodel")


def test_a_folder_that_holds_more_than_a_savedmodel_is_not_overwritten(tmp_path: Path) -> None:
    generator, path = as_generator(crooked()), tmp_path / "served"
    export(generator, "savedmodel", path)
    export(generator, "savedmodel", path)
    (path / "photos").mkdir()
    with pytest.raises(
        UsageError, match=r"served contains photos, which does not belong to a savedmodel. Choose another"
    ):
        export(generator, "savedmodel", path)
    assert (path / "photos").is_dir()


@pytest.mark.parametrize("name", ["onnx", "html"])
def test_onnx_without_its_packages_names_the_extra(name: str, tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['tf2onnx'] = None; from ganctl.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", blocked, "export", "nowhere", "--format", name],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"Error: --format {name} needs tf2onnx. Install it: pip install 'ganctl[onnx]'\n"
