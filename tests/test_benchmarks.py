"""The harness in benchmarks/: its counts, its PyTorch networks, its check and its command line."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import slow_but

from benchmarks import __main__ as command_line
from benchmarks import blueprint, check, columns, literal, operations, table
from benchmarks.measurement import Measured, Result
from benchmarks.rules import Draw, Rules
from benchmarks.speed_recipes import RECIPES, Recipe, as_written
from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.errors import GanctlError

SMALL = {
    "dense_gan": ((8, 8, 1), ()),
    "decoupled_gan": ((8, 8, 1), ("model.latent_dim=6",)),
    "celeba_gan": ((32, 32, 3), ("model.capacity=2", "model.latent_dim=6")),
    "dcgan_cifar": ((28, 28, 3), ("model.latent_dim=6",)),
    "dcgan": ((18, 18, 1), ("model.capacity=2", "model.latent_dim=6")),  # 18: with a border that is cropped
}
BATCH = 3


def recipe_called(name: str) -> Recipe:
    return next(recipe for recipe in RECIPES if recipe.name == name)


def small_networks(name: str) -> dict[str, Any]:
    """The networks of a recipe, shrunk, without dropout, and with weights that leave nothing at zero or one."""
    shape, overrides = SMALL[name]
    experiment = recipe_called(name).experiment(Path("nowhere"), *overrides, *as_written())
    networks = make_networks(resolving.resolve(experiment), shape)
    random = np.random.default_rng(0)
    for role in ("generator", "discriminator"):
        for variable in blueprint.variables(networks[role]):
            noise = random.uniform(0.0, 0.3, variable.shape).astype(np.float32)
            variable.assign(variable + noise * (1.0 if len(variable.shape) == 1 else 0.1))
        for layer in networks[role].layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
    return networks


def test_every_recipe_has_a_small_twin() -> None:
    assert set(SMALL) == {recipe.name for recipe in RECIPES}


@pytest.mark.parametrize("name", slow_but(["dense_gan"], SMALL))
def test_the_literal_loop_teaches_both_networks_of_every_recipe(name: str) -> None:
    shape, overrides = SMALL[name]
    experiment = recipe_called(name).experiment(Path("nowhere"), *overrides, *as_written())
    networks, rules = (
        make_networks(resolving.resolve(experiment), shape),
        replace(Rules.of(experiment), batch=4, half=2),
    )
    random = np.random.default_rng(0)
    draw = Draw(
        np.arange(2),
        random.normal(size=(2, rules.latent)),
        random.normal(size=(4, rules.latent)),
        *random.uniform(size=(2, 2, 1)),
    )
    learned = {role: list(networks[role].trainable_variables) for role in ("generator", "discriminator")}
    teacher = literal.trainer(networks, rules)
    for moved in ("discriminator", "generator"):
        before = {role: [v.numpy() for v in variables] for role, variables in learned.items()}
        if moved == "discriminator":
            teacher.teach_discriminator(random.uniform(-1, 1, (2, *shape)).astype(np.float32), draw)
        else:
            teacher.teach_generator(draw)
        for role, variables in learned.items():
            same = [np.array_equal(v.numpy(), old) for v, old in zip(variables, before[role], strict=True)]
            assert all(same) == (role != moved)


def tiny_pair() -> tuple[list[blueprint.Layer], list[blueprint.Layer]]:
    layers = keras.layers
    generator = keras.Sequential(
        [
            keras.Input([3]),
            layers.Dense(8),
            layers.BatchNormalization(),
            layers.Reshape((2, 2, 2)),
            layers.Conv2DTranspose(5, 4, strides=2, padding="same"),
            layers.Conv2D(1, 3, padding="same", activation="tanh"),
        ]
    )
    discriminator = keras.Sequential(
        [keras.Input([4, 4, 1]), layers.Conv2D(6, 3, strides=2, padding="same"), layers.Flatten(), layers.Dense(1)]
    )
    return blueprint.describe(generator), blueprint.describe(discriminator)


def test_operations_of_a_tiny_round_are_those_counted_by_hand() -> None:
    generator, discriminator = tiny_pair()
    dense, transposed, last = 2 * 3 * 8, 2 * (2 * 2) * (4 * 4) * 2 * 5, 2 * (4 * 4) * (3 * 3) * 5 * 1
    first, head = 2 * (2 * 2) * (3 * 3) * 1 * 6, 2 * (2 * 2 * 6) * 1
    assert [operations.forward(layer) for layer in generator] == [dense, 0, 0, transposed, last]
    assert [operations.forward(layer) for layer in discriminator] == [first, 0, head]

    half, batch = 5, 7
    judged = (first + head) + (first + head) + head  # forward, weights, inputs but the image
    faked = dense + transposed + last
    made = 3 * (transposed + last) + 2 * dense  # inputs but the latent vector
    passed_on = 2 * (first + head)  # forward, inputs down to the image
    expected = 2 * half * judged + half * faked + batch * (made + passed_on)
    assert operations.of_round(generator, discriminator, half, batch) == expected


def test_a_blueprint_survives_its_file(tmp_path: Path) -> None:
    generator, discriminator = tiny_pair()
    blueprint.write({"generator": generator, "discriminator": discriminator}, tmp_path / "networks.json")
    found = blueprint.read(tmp_path / "networks.json")
    assert [layer.kind for layer in found["generator"]] == [layer.kind for layer in generator]
    assert operations.of_round(*found.values(), 2, 2) == operations.of_round(generator, discriminator, 2, 2)
    assert blueprint.trained(found["generator"]) == [True, True, True, True, False, False, True, True, True, True]


@pytest.mark.parametrize(
    "layer", [keras.layers.Conv2D(2, 3, dilation_rate=2), keras.layers.GaussianNoise(1.0)], ids=["dilated", "noise"]
)
def test_what_no_other_column_can_play_is_refused(layer: Any) -> None:
    with pytest.raises(ValueError, match="No other column has this layer"):
        blueprint.describe(keras.Sequential([keras.Input([8, 8, 1]), layer]))


def test_a_network_that_is_no_chain_is_refused() -> None:
    image = keras.Input([4])
    both = keras.layers.Dense(2)(image), keras.layers.Dense(2)(image)
    with pytest.raises(ValueError, match="chains"):
        blueprint.describe(keras.Model(image, both))


def test_rounds_that_the_other_columns_do_not_know_are_refused() -> None:
    experiment = recipe_called("dense_gan").experiment(Path("nowhere"), "training.disc_updates=2")
    with pytest.raises(ValueError, match="disc_updates"):
        Rules.of(experiment)


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """PyTorch without Triton, which its optimizers import: it breaks down in a process that has loaded TensorFlow."""
    monkeypatch.setitem(sys.modules, "triton", None)
    return pytest.importorskip("torch")


@pytest.mark.parametrize("role", ["generator", "discriminator"])
@pytest.mark.parametrize("name", SMALL)
def test_pytorch_computes_what_keras_computes(name: str, role: str, torch: Any) -> None:
    from benchmarks.torch_networks import Network

    network = small_networks(name)[role]
    layers = blueprint.without_dropout(blueprint.describe(network))
    twin = Network(layers, [v.numpy() for v in blueprint.variables(network)], BATCH)
    inputs = np.random.default_rng(1).normal(size=(BATCH, *network.input_shape[1:])).astype(np.float32)

    def both(training: bool) -> tuple[np.ndarray, np.ndarray]:
        given = torch.from_numpy(inputs.transpose(0, 3, 1, 2) if inputs.ndim == 4 else inputs)
        with torch.no_grad():
            outputs = twin(given, "train" if training else "moving", training).numpy()
        return network(inputs, training=training).numpy(), (
            outputs.transpose(0, 2, 3, 1) if outputs.ndim == 4 else outputs
        )

    for training in (False, True, False):  # at the end with the moving statistics that training left
        expected, found = both(training)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    for variable, weight in zip(blueprint.variables(network), twin.weights(), strict=True):
        np.testing.assert_allclose(weight, variable.numpy(), rtol=1e-5, atol=1e-6, err_msg=variable.path)


def test_an_opponent_follows_without_learning(torch: Any) -> None:
    from benchmarks.torch_networks import Network

    network = small_networks("celeba_gan")["discriminator"]
    layers = blueprint.describe(network)
    twin = Network(layers, [v.numpy() for v in blueprint.variables(network)], BATCH)
    opponent = twin.opponent(layers, BATCH)
    assert not any(parameter.requires_grad for parameter in opponent.parameters())
    images = torch.ones(BATCH, 3, 32, 32)
    before = opponent(images, "moving", False)
    twin(images, "train", False)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(1.1)
    assert torch.equal(opponent(images, "moving", False), twin(images, "moving", False))
    assert not torch.equal(opponent(images, "moving", False), before)


@pytest.mark.filterwarnings("ignore:CUDA initialization:UserWarning")  # a PyTorch for GPUs where there is none
@pytest.mark.parametrize("name", ["dense_gan", "dcgan_cifar"], ids=["adam", "rmsprop"])
def test_pytorch_moves_weights_as_keras_does(name: str, torch: Any) -> None:
    from benchmarks.torch_optimizers import make_optimizer
    from ganctl.build.optimizers import make_optimizer as make_keras_optimizer

    section = recipe_called(name).experiment(Path("nowhere")).optimizer.discriminator
    section = section.model_copy(update={"decay": 0.1})
    random = np.random.default_rng(0)
    start = random.normal(size=(4, 5)).astype(np.float32)
    variable, parameter = keras.Variable(start), torch.nn.Parameter(torch.tensor(start))
    ours, theirs = make_optimizer(section, [parameter]), make_keras_optimizer(section)
    for scale in (1e-7, 1e-3, 3.0):  # where epsilon counts, and where the clipping does
        gradient = (scale * random.normal(size=start.shape)).astype(np.float32)
        parameter.grad = torch.tensor(gradient)
        ours.step()
        theirs.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        np.testing.assert_allclose(parameter.detach().numpy() - start, variable.numpy() - start, rtol=2e-3, atol=1e-7)


def played(precision: str = "float32") -> check.Played:
    ways = {"generator": np.linspace(-1, 1, 50), "discriminator": np.linspace(-1, 2, 50)}
    return check.Played("column", precision, np.full((6, 2), 0.7), ways, 1.0)


def with_late_loss(play: check.Played, value: float) -> check.Played:
    losses = play.losses.copy()
    losses[-1, 1] = value
    return replace(play, losses=losses)


def test_the_same_play_is_the_same_work() -> None:
    assert check.shortfalls(played(), played()) == []
    assert check.shortfalls(with_late_loss(played("bfloat16"), 0.72), played()) == []


@pytest.mark.parametrize(
    ("play", "complaint"),
    [
        (with_late_loss(played(), 0.72), "losses of all rounds"),
        (with_late_loss(played(), float("nan")), "losses of all rounds"),
        (replace(played(), losses=np.full((6, 2), 0.701)), "losses of first two rounds"),
        (replace(played(), ways=played().ways | {"discriminator": np.zeros(50)}), "discriminator has not moved"),
        (replace(played(), ways=played().ways | {"generator": np.linspace(1, -1, 50)}), "generator went"),
    ],
    ids=["another loss", "no number", "another start", "no update", "another way"],
)
def test_other_work_is_found(play: check.Played, complaint: str) -> None:
    (line,) = check.shortfalls(play, played())
    assert complaint in line


@pytest.fixture
def result() -> Result:
    """The literal loop at 10 iterations a second, ganctl at 50, and PyTorch at 40 and 25."""

    def measured(column: str, speed: float) -> Measured:
        precision = "bfloat16" if column == "ganctl" else "float32"
        return Measured(column, precision, [speed / 2, speed, speed * 2], 8, 3.0, 2**30, 2e12)

    speeds = {"literal": 10.0, "ganctl": 50.0, "torch-float32": 40.0, "torch-bfloat16": 25.0}
    recipe = Recipe("some", "quickstart", over_literal=4, over_pytorch=1.3, share_of_peak=0.4)
    return Result(recipe, 32, 10**10, [measured(*item) for item in speeds.items()])


def test_ratios_are_of_medians(result: Result) -> None:
    data = table.as_data(result)
    ganctl = next(row for row in data["columns"] if row["column"] == "ganctl")
    assert data["best_pytorch"] == "torch-float32"
    assert (ganctl["over_literal"], ganctl["over_best_pytorch"]) == (5.0, 1.25)
    assert (ganctl["images_per_second"], ganctl["tflops"], ganctl["share_of_peak"]) == (1600.0, 0.5, 0.25)


def test_goals_say_what_is_missed(result: Result) -> None:
    assert [(goal["goal"], goal["met"]) for goal in table.goals(result, None)] == [
        ("over literal", True),
        ("over best PyTorch", False),
        ("share of the bfloat16 peak", False),
    ]
    (only,) = table.goals(result, "AVX2")
    assert (only["wanted"], only["met"]) == (1.0, True)


def test_without_pytorch_the_run_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise GanctlError("here the measuring would begin")

    monkeypatch.setattr(columns, "has_torch", lambda: False)
    monkeypatch.setattr(command_line, "prepare", stop)
    done = CliRunner().invoke(command_line.command, [])
    assert isinstance(done.exception, GanctlError)
    assert "pip install -e '.[bench]'" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["--recipes", "dense_gam"], "Did you mean 'dense_gan'?"), (["--check", "--no-check"], "exclude each other")],
    ids=["unknown recipe", "contradiction"],
)
def test_wrong_options_are_explained(arguments: list[str], complaint: str) -> None:
    done = CliRunner().invoke(command_line.command, arguments)
    assert done.exit_code == 2
    assert complaint in done.output


def test_other_work_ends_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plays = {"literal": played(), "ganctl": replace(with_late_loss(played(), 9.0), column="ganctl")}
    monkeypatch.setattr(check, "play", lambda name, *_: plays[name])
    monkeypatch.setattr(command_line, "prepare", lambda *_: None)
    done = CliRunner().invoke(command_line.command, ["--check", "--recipes", "dense_gan", "--columns", "ganctl"])
    assert isinstance(done.exception, GanctlError)
    assert done.exception.exit_code == 1
    assert "ganctl: losses of all rounds differ" in str(done.exception)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dense_gan", "dcgan"])
def test_the_whole_run(name: str, tmp_path: Path) -> None:
    what = ["--recipes", name, "--columns", "literal,ganctl-float32", "--repeats", "1", "--seconds", "0.2"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *what, "--json", tmp_path / "figures.json"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "compared with the literal loop" in done.stdout
    (recipe,) = json.loads((tmp_path / "figures.json").read_text())["recipes"]
    by_hand, ganctl = recipe["columns"]
    assert by_hand["over_literal"] == 1.0
    assert ganctl["over_literal"] > 1.0
    # Not below 1 by all means: other tests may take the processor from the large products.
    speed = recipe["operations_per_iteration"] * ganctl["iterations_per_second"] / 1e12
    assert ganctl["share_of_peak"] == pytest.approx(speed / max(by_hand["peak_tflops"], ganctl["peak_tflops"]))
    assert ganctl["share_of_peak"] > 0.0
    assert ganctl["peak_memory_bytes"] > 2**27
