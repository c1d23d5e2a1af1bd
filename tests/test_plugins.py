"""Three games that are nothing like each other are written against the heart as plugins, without a change to it; and
files that a user names, which alone may run."""

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import small_runs
from conftest import RunCli, WriteYaml, slow_but, untracked
from plugins import bigan, cyclegan, wgan_gp  # noqa: F401 (importing registers them)

import ganctl
from ganctl import losses, registry
from ganctl import plugins as user_plugins
from ganctl.build import games, resolving
from ganctl.build.networks import make_networks
from ganctl.errors import ConfigurationError, UsageError
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.yaml_source import YamlSource, parse_yaml
from ganctl.game import Game
from ganctl.generation.drawing import translate
from ganctl.generation.export import Generator, export
from ganctl.generation.formats import formats
from ganctl.generation.image_sources import read_real_images, read_samples
from ganctl.generation.loading import TrainedGenerator
from ganctl.images.decode import decode
from ganctl.images.image_set import ImageSet
from ganctl.layers import TimesNoise
from ganctl.report.run_report import write_report
from ganctl.run_folder import checkpoint
from ganctl.run_folder.metrics_csv import read_metrics
from ganctl.run_folder.paths import RunFolder
from ganctl.runs import Run

DOCS = Path(__file__).parent.parent / "docs"
CYCLEGAN = Path(__file__).parent / "plugins" / "cyclegan.yaml"
LOSS = """
from ganctl.losses import registry
from ganctl.losses.minimax import Minimax

@registry.register("user_loss", source="a test")
class UserLoss(Minimax):
    {body}
"""
SHAPE = (8, 8, 1)
ROUNDS = 4


def pictures(seed: int, count: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), np.uint8)


def weights_of(game: Game) -> dict[str, list[np.ndarray]]:
    """The kernels: a bias before a norm, or a critic's last one, rightly has no gradient."""
    return {
        name: [v.numpy() for v in network.trainable_variables if v.name == "kernel"]
        for name, network in game.networks.items()
    }


def play(game: Game) -> dict[str, np.ndarray]:
    """Play some rounds and check that all measurements are finite and all kernels have moved."""
    before = weights_of(game)
    rows = game.play(game.chunk(0, ROUNDS)).numpy()
    assert np.isfinite(rows).all()
    for name, weights in weights_of(game).items():
        for old, new in zip(before[name], weights, strict=True):
            assert (old != new).any(), f"a variable of {name} did not move"
    assert game.play.experimental_get_tracing_count() == 1
    return dict(zip(game.columns, rows.T, strict=True))


def game_of(model: str, loss: dict, training: dict, images: Any = None) -> Game:
    data = {
        "name": "plugin",
        "dataset": {"name": "npz", "path": "unused", "image_size": 8, "channels": 1},
        "model": {"name": model},
        "loss": loss,
        "training": {"batch_size": 4, "precision": "float32", **training},
    }
    parts = resolving.resolve(Experiment.from_source(YamlSource("test", data)))
    return games.make_game(parts, images or ImageSet(pictures(0), None, (), "test", ()))


@pytest.mark.parametrize("batches", slow_but(["summed"], ["summed", "mixed", "concatenated"]))
def test_wgan_gp_plays(batches: str) -> None:
    loss = {"name": "plugin_wasserstein", "penalties": [{"name": "gradient_penalty", "weight": 10.0}]}
    game = game_of("plugin_wgan_gp", loss, {"disc_updates": 3, "discriminator_batches": batches})
    measured = play(game)
    assert "gradient_penalty" in measured
    assert "d_mae" not in measured, "a critic has no probabilities to err by"


def test_bigan_plays() -> None:
    measured = play(game_of("plugin_bigan", {"name": "minimax"}, {}))
    assert {"d_loss", "g_loss", "e_adversarial"} <= measured.keys()


def two_domains() -> dict[str, ImageSet]:
    return {role: ImageSet(pictures(i, 10 + 7 * i), None, (), "test", ()) for i, role in enumerate("ab")}


def test_cyclegan_plays_with_two_unpaired_feeds_and_its_pools_fill() -> None:
    game = game_of("plugin_cyclegan", {"name": "minimax"}, {"batch_size": 2}, two_domains())
    measured = play(game)
    assert {"cycle_a", "identity_b", "d_a_loss", "d_b_loss", "g_loss"} <= measured.keys()
    assert int(game.networks["pool_a"].filled.numpy()) == 6
    assert np.abs(game.networks["pool_a"].images.numpy()).min(axis=(1, 2, 3)).max() > 0, "every slot holds an image"


def test_a_model_and_a_data_set_agree_on_the_feeds(tiny_yaml: WriteYaml) -> None:
    parts = resolving.load_parts(tiny_yaml({"model": {"name": "plugin_cyclegan"}}))
    with pytest.raises(
        ConfigurationError, match=r"dataset.name: the data set 'npz' provides .* `real`; .* from `a` and `b`"
    ):
        resolving.read_feeds(parts, untracked)


@pytest.fixture(scope="module")
def translating(tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, RunFolder]:
    """A small run of the CycleGAN plugin's own file, with running averages and evaluations."""
    source = parse_yaml(CYCLEGAN.read_text(), str(CYCLEGAN))
    settings = ["dataset.limit=60", "dataset.image_size=16", "training.iterations=4", "training.batch_size=2",
                "training.precision=float32", "training.ema=0.9", "outputs.sample_every=2", "outputs.sample_grid=4x3",
                "outputs.checkpoint_every=2", "evaluation.every=4", "evaluation.num=50"]  # fmt: skip
    experiment = resolving.resolve(Experiment.from_source(source, settings)).experiment
    folder = RunFolder.create(tmp_path_factory.mktemp("translating"), "run", explicit=True)
    folder.write_config(experiment.to_yaml())
    small_runs.train(experiment, folder)
    return experiment, folder


def test_cyclegan_is_a_run_like_any_other(translating: tuple[Experiment, RunFolder]) -> None:
    _, folder = translating
    assert [path.name for path in checkpoint.newest_first(folder.checkpoints)] == ["000000004", "000000002"]
    grid, real = (decode(path.read_bytes()).pixels for path in (folder.sample_grid(4), folder.real_samples))
    height, width = 4 * (16 + 2) + 2, 3 * (16 + 2) + 2
    assert grid.shape[0] % (2 * height) == 0, "a grid for each direction, one below the other"
    assert grid.shape[1] % width == 0
    factor = grid.shape[1] // width
    first, below = (
        grid[factor * (2 + 18 * row) : factor * (18 + 18 * row), factor * 2 : factor * 18] for row in (0, 1)
    )
    np.testing.assert_array_equal(first, real[factor * 2 : factor * 18, factor * 2 : factor * 18])
    assert (first != below).any(), "below an image stands what was made of it"
    assert len(read_metrics(folder.metrics)) == 1
    assert "cycle_a" in write_report(folder).read_text()


@pytest.mark.slow
def test_cyclegan_resumes_to_the_last_bit(translating: tuple[Experiment, RunFolder], tmp_path: Path) -> None:
    experiment, folder = translating
    half = RunFolder(tmp_path / "run")
    shutil.copytree(folder.path, half.path)
    shutil.rmtree(half.checkpoints / "000000004")
    small_runs.resume(experiment, half)
    assert small_runs.files_of(half) == small_runs.files_of(folder)


@pytest.mark.parametrize("file", ["", "checkpoints/000000002", "generators/000000004.safetensors"])
def test_what_cyclegan_left_translates_and_cannot_be_sampled(
    translating: tuple[Experiment, RunFolder], file: str
) -> None:
    trained = TrainedGenerator.load(translating[1].path / file)
    given = np.full((2, 16, 16, 1), 200, np.uint8)
    (made,) = translate(trained.network, given, 2, seed=0)
    assert made.shape == given.shape
    assert trained.sampler.takes == "a"
    with pytest.raises(UsageError, match="makes images from the images called `a`, not from noise"):
        trained.draw(4)


def test_a_translation_repeats_the_noise_of_its_seed() -> None:
    given = np.full((3, 8, 8, 1), 200, np.uint8)
    network = keras.Sequential([keras.Input((8, 8, 1)), TimesNoise()])
    first, again, other = (np.concatenate(list(translate(network, given, 3, seed))) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_cyclegan_is_evaluated_against_what_it_imitates(translating: tuple[Experiment, RunFolder]) -> None:
    samples = read_samples(translating[1].path, 20, 0, untracked)
    assert samples.images.shape == (20, 16, 16, 1)
    real = read_real_images(None, samples, untracked)
    assert [name.lower() for name in real.images.class_names] == ["ankle boot"]
    assert not real.notes, "the training images are those of feed b, whose fingerprint the run knows"


def test_cyclegan_is_exported(translating: tuple[Experiment, RunFolder], tmp_path: Path) -> None:
    exported = export(Generator.load(translating[1].path), "keras", tmp_path / "boots.keras")
    assert list(exported.inputs) == ["image"]


def test_the_heart_knows_none_of_them() -> None:
    heart = Path(ganctl.__file__).with_name("game").joinpath("game.py").read_text().lower()
    assert not [word for word in ("wasserstein", "encoder", "cycle", "critic") if word in heart]


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    """A file of the user's with a loss, forgotten afterwards."""
    path = tmp_path / "own loss.py"
    path.write_text(LOSS.format(body="pass"))
    yield path
    for loaded in list(user_plugins._loaded.values()):
        registry.forget(loaded.module.__name__)
        del sys.modules[loaded.module.__name__]
    user_plugins._loaded.clear()


def test_an_experiments_plugin_runs_only_if_it_is_named_or_allowed(plugin: Path, tiny_yaml: WriteYaml) -> None:
    path = tiny_yaml({"plugins": [str(plugin)], "loss": {"name": "user_loss"}})
    with pytest.raises(ConfigurationError, match=r"tiny.yaml:\d+:\d+: plugins.0: .* add --plugin '.*own loss.py', or"):
        resolving.load_experiment(path)
    assert "user_loss" not in [entry.name for entry in losses.registry]
    with user_plugins.permitted([], everything=True):
        assert resolving.load_experiment(path).plugins == [str(plugin)]
    with pytest.raises(ConfigurationError, match="add --plugin"):
        resolving.load_experiment(path)
    with user_plugins.permitted([plugin]):
        assert resolving.load_experiment(path).loss.name == "user_loss"


def test_what_is_named_is_recorded_and_found_where_it_has_moved(plugin: Path, tiny_yaml: WriteYaml) -> None:
    with user_plugins.permitted([plugin]):
        experiment = resolving.load_experiment(tiny_yaml({"loss": {"name": "user_loss"}}))
    assert experiment.plugins == [str(plugin)]
    registry.forget(user_plugins._loaded.pop(plugin).module.__name__)
    (plugin.parent / "elsewhere").mkdir()
    moved = plugin.rename(plugin.parent / "elsewhere" / plugin.name)
    with user_plugins.permitted([moved]):
        assert resolving.resolve(experiment).experiment.plugins == [str(moved)]
    with (
        user_plugins.permitted([], everything=True),
        pytest.raises(
            ConfigurationError, match=r"If it has moved, name its new location: --plugin NEW/PLACE/own loss.py"
        ),
    ):
        resolving.resolve(experiment)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ny = (", r":2: SyntaxError: '\(' was never closed"),
        ("import nonesuch", r":\d+: ModuleNotFoundError: No module named 'nonesuch'"),
        ("def f():\n    return 1 / 0\nf()", ":2: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", ":1: SystemExit: 3"),
        (
            LOSS.format(body="pass").replace("user_loss", "minimax"),
            r":\d+: ValueError: loss 'minimax' is registered twice",
        ),
        (
            LOSS.format(body="def __init__(self, width): pass"),
            r":\d+: ValueError: loss 'user_loss': the key 'width' needs",
        ),
        (
            LOSS.format(body="def __init__(self, nD: int = 3): pass"),
            r":\d+: ValueError: loss 'user_loss': keys are not case-sensitive, .* in lower case. Received: nD",
        ),
        (
            LOSS.format(body="def __init__(self, **settings): pass"),
            r":\d+: ValueError: loss 'user_loss': 'settings' would accept any key",
        ),
        (
            LOSS.format(body="pass").replace('"user_loss"', "5"),
            r":\d+: ValueError: The name of a loss must be a string. Received: 5",
        ),
        ("\0", r"ValueError|SyntaxError"),
    ],
)
def test_a_plugin_that_fails_names_its_line_and_leaves_nothing(text: str, said: str, plugin: Path) -> None:
    plugin.write_text(LOSS.format(body="pass") + text if "import" in text else text)
    with pytest.raises(UsageError, match=f"own loss.py{said}") as caught, user_plugins.permitted([plugin]):
        pass
    assert "\n" not in str(caught.value)
    assert "user_loss" not in [entry.name for entry in losses.registry]
    plugin.write_text(LOSS.format(body="pass"))
    with user_plugins.permitted([plugin]):  # mended, as in a notebook
        assert losses.registry.get("user_loss").make.__module__.startswith("ganctl_plugin_own_loss")


def test_a_plugin_that_is_interrupted_is_forgotten_and_runs_again(plugin: Path) -> None:
    plugin.write_text(LOSS.format(body="pass") + "raise KeyboardInterrupt")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), user_plugins.permitted([plugin]):
            pass
        assert "user_loss" not in [entry.name for entry in losses.registry]


MODEL = """
from ganctl.lazy import keras
from ganctl.models import registry

@registry.register("user_model", source="a test")
def user_model(image_shape):
    "A model."
    latent, image = keras.Input([4]), keras.Input(image_shape)
    generator = keras.Model(latent, keras.layers.Dense(7)(latent))
    return {made}
"""


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("None", "must return its networks by role, 'generator' and 'discriminator'. Received: None"),
        ("{}", "'generator' and 'discriminator'. Received: the roles none"),
        ("{'generator': generator, 'discriminator': None}", "Keras models. Received for 'discriminator': None"),
        (
            "{'generator': generator, 'discriminator': generator}",
            "'discriminator'. Received: the same network for several roles",
        ),
        (
            "{'generator': generator, 'discriminator': keras.Model(latent, latent)}",
            r"draws images of shape \(7,\), but these have \(8, 8, 1",
        ),
        (
            "{'generator': generator, 'discriminator': keras.Sequential([keras.layers.Dense(1)])}",
            "discriminator of 'user_model' has no inputs yet. Start it with keras.Input",
        ),
        (
            "{'generator': generator, 'discriminator': keras.Model(latent, latent), 'a/b': generator}",
            "roles name files in a checkpoint and must be identifiers such as 'q_head'. Received: 'a/b'",
        ),
    ],
)
def test_a_model_that_returns_no_networks_is_told_so_with_its_line(
    made: str, said: str, plugin: Path, tiny_yaml: WriteYaml
) -> None:
    plugin.write_text(MODEL.format(made=made))
    path = tiny_yaml({"model": {"name": "user_model"}})
    with user_plugins.permitted([plugin]):
        experiment = resolving.load_experiment(path)
        with pytest.raises(ConfigurationError, match=f"own loss.py:5: .*{said}"):
            make_networks(resolving.resolve(experiment), SHAPE)


DUCK = """
from ganctl.{package} import {registry}

@{registry}.register("own", source="a test"{facts})
{definition}
"""


@pytest.mark.parametrize(
    ("package", "registry", "definition", "named", "said"),
    [
        (
            "losses",
            "registry",
            "class Own:\n    pass",
            {"loss": {"name": "own"}},
            "be a class derived from ganctl.game.objectives.AdversarialLoss",
        ),
        (
            "losses",
            "penalties",
            "def own():\n    return 1.0",
            {"loss": {"penalties": [{"name": "own"}]}},
            "return a ganctl.game.objectives.Penalty. Received: float",
        ),
        (
            "losses",
            "penalties",
            "def own():\n    return 1.0",
            {"loss": {"penalties": [{"name": "own"}]}},
            "return a ganctl.game.objectives.Constraint. Received: float",
        ),
        (
            "augmentations",
            "registry",
            "def own():\n    return 1.0",
            {"training.augment": ["own"]},
            "return a ganctl.game.augmentation.Augmentation. Received: float",
        ),
        (
            "datasets",
            "registry",
            "def own(config, track):\n    return []",
            {"dataset.name": "own"},
            "return a ganctl.images.image_set.ImageSet, or a mapping of them. Received: list",
        ),
    ],
)
def test_what_makes_something_else_is_told_what_to_make_and_where(
    package: str, registry: str, definition: str, named: dict, said: str, plugin: Path, tiny_yaml: WriteYaml
) -> None:
    facts = ", constraint=True" if "Constraint" in said else ""
    plugin.write_text(DUCK.format(package=package, registry=registry, definition=definition, facts=facts))
    path = tiny_yaml(named)

    def built() -> Game:
        parts = resolving.load_parts(path)
        return games.make_game(parts, resolving.read_images(parts, untracked))

    with (
        user_plugins.permitted([plugin]),
        pytest.raises(ConfigurationError, match=f"own loss.py:4: 'own' must {said}"),
    ):
        built()


@pytest.mark.parametrize(("first", "role"), [("", "generator"), (', dtype="float32"', "discriminator")])
def test_in_bfloat16_images_and_scores_have_to_be_float32(
    first: str, role: str, plugin: Path, tiny_yaml: WriteYaml
) -> None:
    """With `precision: auto` most machines try bfloat16, so most find it."""
    pixels = f"keras.layers.Reshape(image_shape{first})(keras.layers.Dense(192)(latent))"
    score = "keras.layers.Dense(1)(keras.layers.Flatten()(image))"
    networks = f"{{'generator': keras.Model(latent, {pixels}), 'discriminator': keras.Model(image, {score})}}"
    plugin.write_text(MODEL.format(made=networks))
    path = tiny_yaml({"model": {"name": "user_model"}, "training.precision": "bfloat16"})
    with user_plugins.permitted([plugin]):
        experiment = resolving.load_experiment(path)
        said = f"own loss.py:5: the {role} of 'user_model' outputs bfloat16. Give its last layer dtype"
        with pytest.raises(ConfigurationError, match=said):
            make_networks(resolving.resolve(experiment), (8, 8, 3))
        make_networks(resolving.resolve(experiment).with_training(precision="float32"), (8, 8, 3))


def test_of_a_traced_error_the_error_is_told() -> None:
    way = 'in user code:\n\n    File "a.py", line 3, in f\n        return layer(x)\n'
    for text, said in (
        ("one\ntwo", "one"),
        ("", "ValueError"),
        (f"{way}\n    ValueError: no such shape: (3,)\n", "no such shape: (3,)"),
        (
            f"{way}    ValueError: too narrow.\n    \n    Arguments received by L.call():\n      • training=True",
            "too narrow.",
        ),
    ):
        assert user_plugins.in_one_line(ValueError(text)) == said


def test_what_is_no_plugin_is_refused(tmp_path: Path) -> None:
    for name, said in (("a.yaml", "FILE.py"), ("missing.py", "cannot be read: No such file")):
        with pytest.raises(UsageError, match=said), user_plugins.permitted([tmp_path / name]):
            pass


@pytest.mark.parametrize("name", ["a\0b.py", "~nobody_of_that_name/a.py", "a" * 5000 + ".py", "", "/", "loop.py"])
def test_a_plugin_that_can_be_no_file_is_a_configuration_error(
    name: str, tiny_yaml: WriteYaml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.py").symlink_to("loop.py")
    for everything in (False, True):
        with (
            user_plugins.permitted([], everything=everything),
            pytest.raises(ConfigurationError, match=r"tiny.yaml:\d+:\d+: plugins.0: "),
        ):
            resolving.load_experiment(tiny_yaml({"plugins": [name]}))


def test_a_changed_plugin_is_run_again(plugin: Path) -> None:
    with user_plugins.permitted([plugin]):
        first = losses.registry.get("user_loss").make
    plugin.write_text(LOSS.format(body='"""Another."""'))
    with user_plugins.permitted([plugin]):
        assert losses.registry.get("user_loss").make is not first
        assert losses.registry.get("user_loss").summary == "Another."


@pytest.mark.slow
def test_a_run_goes_on_with_a_changed_plugin_only_if_that_is_meant(
    plugin: Path, tiny_yaml: WriteYaml, tmp_path: Path
) -> None:
    def longer(iterations: int, **settings: Any) -> Run:
        run = Run(tmp_path / "runs" / "tiny", plugins=[plugin])
        return run.resume({"training.iterations": iterations}, quiet=True, **settings)

    config = tiny_yaml({"loss": {"name": "user_loss"}, "training.iterations": 2})
    ganctl.train(config, output_dir=tmp_path / "runs", plugins=[plugin], quiet=True)
    assert longer(4).step == 4
    plugin.write_text(plugin.read_text() + "\n# something else\n")
    with pytest.raises(ConfigurationError, match=r"--allow-changes:\nthe code of the plugin own loss.py has changed"):
        longer(6)
    assert longer(6, allow_changes=True).step == 6
    assert longer(8).step == 8, "the newest checkpoint knows the plugin as it is now"


@pytest.mark.slow
def test_the_documented_wgan_gp_trains_resumes_and_is_sampled(run_cli: RunCli, tmp_path: Path) -> None:
    page = (DOCS / "plugins.md").read_text()
    (tmp_path / "my.yaml").write_text(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1])  # type: ignore[index]
    shutil.copy(DOCS / "wgan_gp_plugin.py", tmp_path)
    small = [
        argument
        for change in (
            "training.iterations=3",
            "training.batch_size=4",
            "training.precision=float32",
            "model.capacity=4",
        )
        for argument in ("--set", change)
    ]
    named = ["--plugin", "wgan_gp_plugin.py"]
    refused = run_cli("train", "my.yaml", *small, cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: my.yaml:1:11: plugins.0: this experiment comes with a plugin, ")
    assert refused.stderr.count("\n") == 1
    done = run_cli("train", "my.yaml", *small, *named, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "outputs" / "my"
    facts = json.loads((run / "run.json").read_text())
    assert facts["plugins"][0]["path"] == str(tmp_path / "wgan_gp_plugin.py")
    assert "gradient_penalty" in (run / "losses.csv").read_text().splitlines()[0]
    refused = run_cli("sample", "--checkpoint", run, cwd=tmp_path)
    assert refused.returncode == 2
    assert f"add --plugin {tmp_path / 'wgan_gp_plugin.py'}" in refused.stderr
    assert run_cli("sample", "--checkpoint", run, *named, cwd=tmp_path).returncode == 0
    resumed = run_cli("resume", run, "--set", "training.iterations=4", "--allow-plugins", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr


@pytest.mark.slow
def test_an_error_of_a_plugin_during_training_names_its_line(
    plugin: Path, tiny_yaml: WriteYaml, run_cli: RunCli
) -> None:
    plugin.write_text(LOSS.format(body="def fake(self, batch):\n        return batch.fake_score + [None]"))
    done = run_cli("train", tiny_yaml({"loss": {"name": "user_loss"}}), "--plugin", plugin, cwd=plugin.parent)
    assert done.returncode == 1
    assert re.match(r"Error: .*own loss.py:8: \w*Error: ", done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_the_documented_wgan_gp_has_thirty_lines_of_code() -> None:
    tree = ast.parse((DOCS / "wgan_gp_plugin.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            node.body = node.body[ast.get_docstring(node) is not None :]
    imports = sum(isinstance(node, ast.ImportFrom) for node in tree.body)
    assert len(ast.unparse(tree).split("\n")) - imports - ast.unparse(tree).count("\n\n") <= 30


def test_every_kind_that_a_plugin_can_register_is_named_wherever_plugins_are_explained() -> None:
    """Walks the registries; and a reader who installed ganctl has no tests to look at."""
    page = (DOCS / "plugins.md").read_text()
    places = [" ".join(page.split("## ")[0].split()), user_plugins.__doc__, (DOCS / "commands.md").read_text()]
    places = [text.split("register", 1)[1] for text in places if text]
    kinds = [known.kind for known in registry._registries if list(known)]
    assert len(kinds) >= 5
    for kind in kinds:
        several = f"{kind[:-1]}ies" if kind.endswith("y") else kind + ("es" if kind.endswith("s") else "s")
        assert f"**{kind}**" in page
        for text in places:
            assert re.search(rf"\b{several}\b", re.sub(r"\s+", " ", text[:150])), f"{several} in: {text[:150]}"
    assert "tests/" not in page


@pytest.mark.slow
def test_a_keras_file_with_a_plugins_layer_says_how_to_load_it(plugin: Path, tmp_path: Path) -> None:
    plugin.write_text(
        "import keras\n\nclass Doubled(keras.layers.Layer):\n    def call(self, inputs):\n        return 2 * inputs\n"
    )
    with user_plugins.permitted([plugin]):
        layer = user_plugins._loaded[plugin].module.Doubled()
    latent = keras.Input([4], name="latent")
    network = keras.Model(latent, layer(latent))
    kind = formats()["keras"]
    kind.write(network, tmp_path / "a.keras")
    reading, drawing = kind.usage(network, tmp_path / "a.keras")
    lines = ["import numpy as np", "latent = np.ones([2, 4])", *reading, *drawing, "print(np.asarray(images).tolist())"]
    assert f"with permitted(['{plugin}']):" in reading
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.stdout == f"{[[2.0] * 4] * 2}\n", done.stderr


def test_a_plugin_written_for_the_old_layout_is_told_where_its_words_are(tmp_path: Path) -> None:
    path = tmp_path / "old.py"
    path.write_text("from ganctl.passes import GanPass\n")
    told = pytest.raises(UsageError, match=r"old\.py:1: ModuleNotFoundError: .* Import what .* from ganctl\.game")
    with told, user_plugins.permitted([path]):
        pass
