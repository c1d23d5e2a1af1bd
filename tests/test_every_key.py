"""Every key of the YAML file: changing it changes something that can be seen. A new key without a case here fails."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import WriteYaml, home_shape, operation_by_operation, play_every_stage, shapes_of, shipped, untracked
from image_files import encoded, red_left_blue_right, with_right_half_transparent, write_images
from PIL import Image
from pydantic import BaseModel

from ganctl import augmentations, datasets, losses, models
from ganctl.build import resolving
from ganctl.build.networks import make_networks
from ganctl.build.optimizers import make_optimizer
from ganctl.cli import commands
from ganctl.diagnosis.findings import Finding, Found, Severity
from ganctl.errors import ConfigurationError, GanctlError, SickRunError
from ganctl.experiment.experiment import Experiment
from ganctl.game import Game, ImageSampler, Key
from ganctl.game.sampler import PAIRED
from ganctl.host.device import Device
from ganctl.keras_internals import layers_of
from ganctl.lazy import keras
from ganctl.registry import Entry, keyword_only
from ganctl.run_folder.metrics_csv import read_metrics
from ganctl.run_folder.paths import RunFolder
from ganctl.training.hooks import collapse_guard
from ganctl.training.prepared import Prepared

Changes = tuple[str, ...]
PAIR = "tiny_test_pair"
TRANSLATOR = "tiny_test_translator"


def keys_of(section: type[BaseModel], path: str = "") -> Iterator[str]:
    """Every key of the experiment's classes, dotted; keys of a list's items stand below the list's name and []."""
    for name, info in section.model_fields.items():
        listed = [get_args(item)[0] if get_origin(item) is Annotated else item for item in get_args(info.annotation)]
        nested = [kind for kind in (info.annotation, *listed) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        is_section = nested[:1] == [info.annotation]
        if nested:
            yield from keys_of(nested[0], f"{path}{name}{'' if is_section else '[]'}.")
        if not is_section:
            yield path + name


def tiny_pair(image_shape: tuple[int, int, int]) -> dict[str, Any]:
    """Tiny networks with everything that a key acts on: BatchNorm in both."""
    layers = keras.layers
    generator = [
        keras.Input([4]),
        layers.Dense(16),
        layers.BatchNormalization(momentum=0.5),
        layers.Dense(int(np.prod(image_shape)), activation="tanh", dtype="float32"),
        layers.Reshape(image_shape, dtype="float32"),
    ]
    discriminator = [
        keras.Input(image_shape),
        layers.Flatten(),
        layers.Dense(8),
        layers.BatchNormalization(momentum=0.5),
        layers.Dense(1, dtype="float32"),
    ]
    return {"generator": keras.Sequential(generator), "discriminator": keras.Sequential(discriminator)}


class Looks:
    """What can be seen of a tiny experiment after some changes.

    Args:
        path: its file.
        folder: for the runs.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder
        self._prepared = lru_cache(maxsize=None)(self._prepare)
        self.rows = lru_cache(maxsize=None)(self._rows)
        self.files = lru_cache(maxsize=None)(self._files)

    def _experiment(self, changes: Changes) -> Experiment:
        return resolving.load_experiment(self._path, [text.replace("FOLDER", str(self._folder)) for text in changes])

    def _prepare(self, changes: Changes) -> Prepared:
        return Prepared.make(resolving.resolve(self._experiment(changes)), Device("CPU", "for the test"), untracked)

    def accepted(self, changes: Changes) -> bool:
        """Whether the file is valid."""
        try:
            self._experiment(changes)
        except ConfigurationError:
            return False
        return True

    def config(self, changes: Changes) -> str:
        """The resolved file."""
        return self._experiment(changes).to_yaml()

    def folder_name(self, changes: Changes) -> str:
        """The run folder's name."""
        return self._experiment(changes).resolved_run_name()

    def refused_outputs(self, changes: Changes) -> str:
        """What `ganctl train` says when its folder of runs cannot be one."""
        arguments = [
            argument for change in changes for argument in ("--set", change.replace("FOLDER", str(self._folder)))
        ]
        (self._folder / "outputs").write_text("a file")
        with contextlib.chdir(self._folder):
            result = CliRunner().invoke(commands, ["train", str(self._path), *arguments])
        return str(result.exception)

    def images(self, changes: Changes) -> Any:
        """The data set."""
        section = self._experiment(changes).dataset
        made = datasets.registry.get(section.name).make(section, untracked)
        by_role = made if isinstance(made, dict) else {"real": made}
        return [(role, images.shape, images.fingerprint()) for role, images in by_role.items()]

    def number_of_images(self, changes: Changes) -> int:
        """How many images there are to learn from."""
        return len(self._prepared(changes).images)

    def order(self, changes: Changes) -> Any:
        """Which images the first rounds see."""
        game = self._prepared(changes).game
        return game.chunk(0, 2)["real"].numpy().tolist()

    def pixels(self, changes: Changes) -> Any:
        """The first images as the networks see them."""
        feed = self._prepared(changes).game.feeds["real"]
        images, labels = feed.look_up(feed.chunk([16], 0, 1)[0])
        return feed.prepare(images, labels, Key(0, 0)).pixels.numpy().tolist()

    def updates(self, changes: Changes) -> Any:
        """How often each player moves in a round."""
        return {player.name: player.updates for player in self._prepared(changes).game.players}

    def playing(self, changes: Changes) -> Any:
        """Who plays in each of the first rounds, and how often."""
        game = self._prepared(changes).game
        return [[(player.name, player.updates) for player in game.stages.at(step).players] for step in range(5)]

    def optimizers(self, changes: Changes) -> Any:
        """The optimizers of generator and discriminator."""
        sections = self._experiment(changes).optimizer
        made = {
            "generator": make_optimizer(sections.generator),
            "discriminator": make_optimizer(sections.discriminator),
        }
        return {
            role: (type(optimizer).__name__, str({**optimizer.get_config(), "name": ""}))
            for role, optimizer in made.items()
        }

    def networks(self, changes: Changes) -> Any:
        """The layers, their shapes and the precision that they compute in."""
        return told_apart(self._prepared(changes).game.networks)

    def _rows(self, changes: Changes) -> Any:
        """The measurements of the first rounds."""
        with operation_by_operation():
            return self.compiled_rows(changes)

    def compiled_rows(self, changes: Changes) -> Any:
        """The same, where it matters that the rounds are compiled."""
        game = self._prepare(changes).game  # a new one: what moved in another look would be a difference, too
        return game.columns, game.play(game.chunk(0, 3)).numpy().tolist()

    def metrics(self, changes: Changes) -> Any:
        """What the rows of metrics.csv say of their protocol."""
        prepared = self._prepared(changes)
        prepared.game.step.assign(0)
        run = RunFolder.create(self._folder, "run", explicit=False)
        prepared.trainer(run, []).train()
        return [(row["iteration"], row["num"], row["features"]) for row in read_metrics(run.metrics)]

    def after_a_collapse(self, changes: Changes) -> int:
        """How far a run goes whose samples are found to have collapsed."""
        prepared = replace(self._prepared(()), parts=resolving.resolve(self._experiment(changes)))
        prepared.game.step.assign(0)
        found = Finding("collapse", "Collapse", Found(Severity.SERIOUS, 2, "All are alike."))
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(SickRunError):
            patch.setattr(collapse_guard, "collapse_of", lambda _: found)
            prepared.trainer(RunFolder.create(self._folder, "run", explicit=False), []).train()
        return int(prepared.game.step.numpy())

    def _files(self, changes: Changes) -> Any:
        """The files of a whole run: the text of losses.csv, the size of the pictures."""
        # These keys belong to the trainer and its hooks, so one compiled game serves all of them.
        prepared = replace(self._prepared(()), parts=resolving.resolve(self._experiment(changes)))
        prepared.game.step.assign(0)
        run = RunFolder.create(self._folder, "run", explicit=False)
        prepared.trainer(run, []).train()
        files = [file.relative_to(run.path).as_posix() for file in run.path.rglob("*") if file.is_file()]
        sizes = [file.read_bytes()[16:24] for file in sorted(run.path.rglob("*.png"))]
        numbering = [line.split(",")[:2] for line in run.losses.read_text().splitlines()]
        events = [file.read_bytes() for file in run.path.rglob("*tfevents*")]
        return (
            sorted(file for file in files if "tfevents" not in file),
            sizes,
            numbering,
            [b"d_loss" in event for event in events],
        )


def told_apart(networks: dict[str, Any]) -> Any:
    """What tells networks apart: inputs, and every layer's kind, arithmetic, shapes and settings."""
    settings = ("rate", "momentum", "kernel_size", "strides", "negative_slope", "cropping", "activation")
    return {
        role: (
            [(tensor.shape, tensor.dtype) for tensor in getattr(network, "inputs", ())],
            [
                (
                    type(layer).__name__,
                    layer.compute_dtype,
                    [tuple(variable.shape) for variable in layer.variables],
                    [str(getattr(layer, name, None)).partition(" at 0x")[0] for name in settings],
                )
                for layer in layers_of(network)
            ],
        )
        for role, network in networks.items()
    }


@pytest.fixture(scope="module")
def looks(tiny_yaml: WriteYaml, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looks]:
    with models.registry.temporarily():
        models.registry.register(PAIR, source="this test")(tiny_pair)
        models.registry.register(
            TRANSLATOR,
            source="this test",
            feeds=PAIRED,
            samplers={"translated": ImageSampler(gives="target", source="source")},
            paired=True,
        )(tiny_pair)
        folder = tmp_path_factory.mktemp("looks")
        path = tiny_yaml({"model": {"name": PAIR}})
        data = dict(np.load(str(resolving.load_experiment(path).dataset.path)))
        np.savez(folder / "wide.npz", images=data["images"][:, :12], labels=data["labels"])
        np.savez(folder / "other.npz", images=255 - data["images"], labels=data["labels"])
        np.savez(folder / "bands.npz", images=np.random.default_rng(0).integers(0, 256, (9, 8, 8, 4), np.uint8))
        write_images(folder / "pictures", 4)
        transparent = encoded(with_right_half_transparent(red_left_blue_right()), "PNG")
        (folder / "pictures" / "transparent.png").write_bytes(transparent)
        pages = [Image.new("L", (8, 8), level) for level in (50, 100)]
        pages[0].save(folder / "pictures" / "pages.tiff", save_all=True, append_images=pages[1:])
        rows = [
            f"{path.name},{place % 2},{place // 2}"
            for place, path in enumerate(sorted((folder / "pictures").iterdir()))
        ]
        (folder / "pictures" / "mine.csv").write_text("\n".join(["file,label,half", *rows]))
        write_images(folder / "faces", 4)
        write_images(folder / "faces_again", 4)
        for number, picture in enumerate(write_images(folder / "others", 5)[1:]):
            picture.rename(picture.with_name(f"{number:03d}.png"))
        for number in range(2):
            write_images(folder / "in_classes" / str(number), 2)
        (folder / "list_attr_celeba.txt").write_text("4\nMale\n000 1\n001 -1\n002 1\n003 -1\n")
        yield Looks(path, folder)


SUMMED = "training.discriminator_batches=summed"
STILL = "optimizer={generator: {learning_rate: 1.0e-12}, discriminator: {learning_rate: 1.0e-12}}"
PENALTY = "loss.penalties=[{name: gradient_penalty}]"
TERM = "loss.generator_terms=[{name: orthogonal}]"
BANDS = "dataset.path=FOLDER/bands.npz"
PICTURES = "dataset={name: image_folder, path: FOLDER/pictures, image_size: 8}"
FACES = "dataset={name: celeba, path: FOLDER/faces, image_size: 8}"
OF_PAIRS = f"model.name={TRANSLATOR}"
IN_PAIRS = "dataset={name: image_pairs, path: FOLDER/faces, path_b: FOLDER/others, image_size: 8}"
DERIVED = "dataset={name: derived, path: FOLDER/in_classes, image_size: 8, transform: downscale}"

# For every key: what to look at, the change, and what else must be given for the key to matter.
CASES: dict[str, tuple[Callable[[Looks], Callable[[Changes], Any]], str, *tuple[str, ...]]] = {
    "name": (lambda looks: looks.folder_name, "name=other"),
    "run_name": (lambda looks: looks.folder_name, "run_name=other"),
    "root_dir": (lambda looks: looks.refused_outputs, "root_dir=FOLDER/other.npz"),
    "seed": (lambda looks: looks.rows, "seed=1"),
    "plugins": (lambda looks: looks.accepted, "plugins=[nonesuch.py]"),
    "dataset.name": (lambda looks: looks.images, "dataset={name: fashion_mnist_mini, image_size: 8, limit: 64}"),
    "dataset.path": (lambda looks: looks.images, "dataset.path=FOLDER/other.npz"),
    "dataset.path_b": (lambda looks: looks.images, "dataset.path_b=FOLDER/faces_again", IN_PAIRS, OF_PAIRS),
    "dataset.source_size": (lambda looks: looks.images, "dataset.source_size=4", IN_PAIRS, OF_PAIRS),
    "dataset.direction": (lambda looks: looks.images, "dataset.direction=b_to_a", IN_PAIRS, OF_PAIRS),
    "dataset.base": (lambda looks: looks.images, "dataset.base=celeba", DERIVED, OF_PAIRS),
    "dataset.transform": (lambda looks: looks.images, "dataset.transform=grey", DERIVED, OF_PAIRS),
    "dataset.amount": (lambda looks: looks.images, "dataset.amount=2", DERIVED, OF_PAIRS),
    "dataset.image_size": (lambda looks: looks.images, "dataset.image_size=9"),
    "dataset.channels": (lambda looks: looks.images, "dataset.channels=3"),
    "dataset.alpha": (lambda looks: looks.images, "dataset.alpha=true", BANDS, "dataset.channels=null"),
    "dataset.resize": (lambda looks: looks.images, "dataset.resize=squash", "dataset.path=FOLDER/wide.npz"),
    "dataset.value_range": (lambda looks: looks.images, "dataset.value_range=[0, 100]"),
    "dataset.background": (lambda looks: looks.images, "dataset.background=black", PICTURES),
    "dataset.pages": (lambda looks: looks.images, "dataset.pages=each", PICTURES),
    "dataset.labels": (lambda looks: looks.images, "dataset.labels=mine.csv", PICTURES),
    "dataset.label_column": (
        lambda looks: looks.images,
        "dataset.label_column=half",
        PICTURES,
        "dataset.labels=mine.csv",
    ),
    "dataset.attributes": (lambda looks: looks.images, "dataset.attributes=[Male]", FACES),
    "dataset.flip": (lambda looks: looks.pixels, "dataset.flip=true"),
    "dataset.shift": (lambda looks: looks.pixels, "dataset.shift=0.25"),
    "dataset.classes": (lambda looks: looks.images, "dataset.classes=[3]"),
    "dataset.limit": (lambda looks: looks.images, "dataset.limit=20"),
    "dataset.holdout": (lambda looks: looks.number_of_images, "dataset.holdout=0.25"),
    "dataset.sampling": (lambda looks: looks.order, "dataset.sampling=window"),
    "model.name": (lambda looks: looks.networks, "model.name=dense_gan"),
    "model.latent_distribution": (lambda looks: looks.rows, "model.latent_distribution=uniform"),
    "loss.name": (lambda looks: looks.accepted, "loss.name=nonesuch"),
    "loss.penalties": (lambda looks: looks.rows, PENALTY, SUMMED),
    "loss.penalties[].name": (lambda looks: looks.accepted, "loss.penalties=[{name: nonesuch}]", SUMMED, PENALTY),
    "loss.penalties[].weight": (
        lambda looks: looks.rows,
        "loss.penalties=[{name: gradient_penalty, weight: 2.0}]",
        SUMMED,
        PENALTY,
    ),
    "loss.generator_terms": (lambda looks: looks.rows, TERM),
    "loss.generator_terms[].name": (lambda looks: looks.accepted, "loss.generator_terms=[{name: nonesuch}]", TERM),
    "loss.generator_terms[].weight": (
        lambda looks: looks.rows,
        "loss.generator_terms=[{name: orthogonal, weight: 2.0}]",
        TERM,
    ),
    "loss.generator_terms[].every": (
        lambda looks: looks.rows,
        "loss.generator_terms=[{name: orthogonal, every: 2}]",
        TERM,
    ),
    **{
        f"optimizer.{player}.{key}": (lambda looks: looks.optimizers, f"optimizer.{player}={{{key}: {value}}}")
        for player in ("generator", "discriminator")
        for key, value in {
            "name": "sgd",
            "learning_rate": 0.1,
            "beta_1": 0.6,
            "beta_2": 0.9,
            "decay": 0.1,
            "schedule": "cosine",
            "warmup": 3,
            "clipvalue": 0.5,
        }.items()
    },
    **{
        f"optimizer.{player}.momentum": (
            lambda looks: looks.optimizers,
            f"optimizer.{player}={{name: sgd, momentum: 0.5}}",
            f"optimizer.{player}={{name: sgd}}",
        )
        for player in ("generator", "discriminator")
    },
    **{
        f"optimizer.{player}.hold": (
            lambda looks: looks.optimizers,
            f"optimizer.{player}={{schedule: linear, hold: 0.5}}",
            f"optimizer.{player}={{schedule: linear}}",
        )
        for player in ("generator", "discriminator")
    },
    "training.iterations": (lambda looks: looks.files, "training.iterations=6"),
    "training.stages": (lambda looks: looks.playing, "training.stages=[{until: 2, players: [generator]}]"),
    "training.stages[].until": (
        lambda looks: looks.playing,
        "training.stages=[{until: 3, players: [generator]}]",
        "training.stages=[{until: 2, players: [generator]}]",
    ),
    "training.stages[].players": (
        lambda looks: looks.playing,
        "training.stages=[{players: [generator]}]",
        "training.stages=[{players: [discriminator]}]",
    ),
    **{
        f"training.stages[].{key}": (
            lambda looks: looks.playing,
            f"training.stages=[{{players: [generator, discriminator], {key}: 2}}]",
            "training.stages=[{players: [generator, discriminator]}]",
        )
        for key in ("disc_updates", "gen_updates")
    },
    "training.iterations_per_epoch": (lambda looks: looks.files, "training.iterations_per_epoch=3"),
    "training.batch_size": (lambda looks: looks.order, "training.batch_size=6"),
    "training.disc_updates": (lambda looks: looks.updates, "training.disc_updates=2"),
    "training.gen_updates": (lambda looks: looks.updates, "training.gen_updates=2"),
    "training.discriminator_batches": (lambda looks: looks.rows, SUMMED),
    "training.fakes": (lambda looks: looks.rows, "training.fakes=training"),
    "training.frozen_batchnorm": (lambda looks: looks.rows, "training.frozen_batchnorm=batch"),
    "training.ema": (lambda looks: looks.networks, "training.ema=0.9"),
    "loss.penalties[].every": (
        lambda looks: looks.rows,
        "loss.penalties=[{name: gradient_penalty, every: 2}]",
        SUMMED,
        PENALTY,
    ),
    "training.augment": (lambda looks: looks.rows, "training.augment=[diffaugment]"),
    "training.augment[].name": (lambda looks: looks.rows, "training.augment=[flip]", "training.augment=[diffaugment]"),
    "training.precision": (lambda looks: looks.networks, "training.precision=bfloat16"),
    "training.xla": (lambda looks: looks.compiled_rows, "training.xla=true"),  # the last digits
    "training.rewrites": (lambda looks: looks.compiled_rows, "training.rewrites=false"),  # the last digits
    "training.on_collapse": (lambda looks: looks.after_a_collapse, "training.on_collapse=stop"),
    "evaluation.every": (lambda looks: looks.metrics, "evaluation.every=4", "evaluation.num=50"),
    "evaluation.num": (lambda looks: looks.metrics, "evaluation.num=51", "evaluation={every: 4, num: 50}"),
    "evaluation.features": (
        lambda looks: looks.metrics,
        "evaluation.features=classifier",
        "evaluation={every: 4, num: 50}",
    ),
    "evaluation.patience": (
        lambda looks: looks.metrics,
        "evaluation.patience=1",
        "evaluation={every: 1, num: 50}",
        STILL,
    ),
    "outputs.sample_every": (lambda looks: looks.files, "outputs.sample_every=3"),
    "outputs.sample_grid": (lambda looks: looks.files, "outputs.sample_grid=2x3"),
    "outputs.checkpoint_every": (lambda looks: looks.files, "outputs.checkpoint_every=3"),
    "outputs.keep": (lambda looks: looks.files, "outputs.keep=1"),
    "outputs.tensorboard": (lambda looks: looks.files, "outputs.tensorboard=true"),
}


# Scores are computed thrice for each, or XLA compiles.
SLOW = (
    "evaluation.every",
    "evaluation.num",
    "evaluation.features",
    "evaluation.patience",
    "training.xla",
    "training.rewrites",
)


@pytest.mark.parametrize(
    "key", [pytest.param(key, marks=[pytest.mark.slow] if key in SLOW else []) for key in keys_of(Experiment)]
)
def test_changing_a_key_changes_something_that_can_be_seen(key: str, looks: Looks) -> None:
    assert key in CASES, f"the key {key} has no case in {Path(__file__).name}"
    look, change, *given = CASES[key]
    before, after = look(looks)((*given,)), look(looks)((*given, change))
    assert before == look(looks)((*given,))
    assert after != before


def test_every_case_is_of_a_key() -> None:
    assert set(CASES) == set(keys_of(Experiment))


# A loss's or penalty's own keys: the changed value, and what else must be given for the key to matter.
OWN_KEYS: dict[str, tuple[str, *tuple[str, ...]]] = {
    "real_label": ("0",),
    "label_smoothing": ("0.2",),
    "label_noise": ("0.3",),
    "margin": ("0.1",),
    "smooth_generator": ("true", "loss.label_smoothing=0.2"),
    "target": ("0.5",),
    "spread": ("0.25",),
    "limit": ("0.001",),
}
# An augmentation's: two values that can be told apart in three rounds.
AUGMENTATION_KEYS: dict[tuple[str, str], tuple[str, str]] = {
    ("diffaugment", "policy"): ("[colour]", "[cutout]"),
    ("ada", "policy"): ("[colour], speed: 20, target: -1.0", "[pixels], speed: 20, target: -1.0"),
    ("ada", "speed"): ("20, target: -1.0", "200, target: -1.0"),
    ("ada", "target"): ("-1.0", "1.0"),
}
LOSS_KEYS = [(entry.name, key) for entry in losses.registry for key in entry.arguments().model_fields]
TERM_KEYS = [(entry.name, key) for entry in losses.generator_terms for key in entry.arguments().model_fields]
PENALTY_KEYS = [(entry.name, key) for entry in losses.penalties for key in entry.arguments().model_fields]
MODEL_KEYS = [
    pytest.param(
        entry.name,
        key,
        marks=[] if entry.name == "dcgan" else [pytest.mark.slow],
    )
    for entry in models.registry
    for key in entry.arguments().model_fields
]


@pytest.mark.parametrize(("loss", "key"), LOSS_KEYS)
def test_changing_a_losss_own_key_changes_the_rows(loss: str, key: str, looks: Looks) -> None:
    value, *given = OWN_KEYS[key]
    before = (f"loss.name={loss}", SUMMED, *given)
    assert looks.rows((*before, f"loss.{key}={value}")) != looks.rows(before)


@pytest.mark.parametrize(("penalty", "key"), PENALTY_KEYS)
def test_changing_a_penaltys_own_key_changes_the_rows(penalty: str, key: str, looks: Looks) -> None:
    changed = f"loss.penalties=[{{name: {penalty}, {key}: {OWN_KEYS[key][0]}}}]"
    assert looks.rows((SUMMED, changed)) != looks.rows((SUMMED, f"loss.penalties=[{{name: {penalty}}}]"))


@pytest.mark.parametrize(("term", "key"), TERM_KEYS)
def test_changing_a_generator_terms_own_key_changes_the_rows(
    term: str, key: str, small_game: Callable[..., Game]
) -> None:
    needs = losses.generator_terms.get(term).make().needs
    model = next(entry.name for entry in shipped(models.registry) if entry.sizes or needs != "sizes")
    terms = ({"name": term}, {"name": term, key: 0.25})
    games = [small_game(model, {"loss": {"generator_terms": [each]}}) for each in terms]
    rows = [game.play(game.chunk(0, 1)).numpy() for game in games]
    assert not np.array_equal(*rows)


@pytest.mark.parametrize(
    ("augmentation", "key"),
    [
        # ADA looks at every fourth update, and its transformations take long to trace.
        pytest.param(entry.name, key, marks=[pytest.mark.slow] if entry.name == "ada" else [])
        for entry in shipped(augmentations.registry)
        for key in entry.arguments().model_fields
    ],
)
def test_changing_an_augmentations_own_key_changes_the_rows(augmentation: str, key: str, looks: Looks) -> None:
    rows = [
        looks.rows((SUMMED, "training.disc_updates=4", f"training.augment=[{{name: {augmentation}, {key}: {value}}}]"))
        for value in AUGMENTATION_KEYS[augmentation, key]
    ]
    assert rows[0] != rows[1]


SIDES = {"patch": 64}
"""Of images that are large enough for a model's key to matter."""


def another(entry: Entry, key: str) -> Any:
    """A value of a builder's own key that is not its default: another choice, the other truth, or a little more."""
    info = entry.arguments().model_fields[key]
    choices = [choice for choice in get_args(info.annotation) if choice != info.default]
    if isinstance(info.default, bool):
        return not info.default
    if info.default is None:
        return 3  # instead of a number that other keys give
    if choices:
        return choices[0]
    return info.default + (2 if isinstance(info.default, int) else 0.125)


@pytest.mark.parametrize(("model", "key"), MODEL_KEYS)
def test_changing_a_models_own_key_changes_its_networks_or_its_game(
    model: str, key: str, small_experiment: Callable[..., Experiment], small_game: Callable[..., Game]
) -> None:
    entry = models.registry.get(model)
    if entry.pretrained and key in [parameter.name for parameter in keyword_only(entry.pretrained)]:
        with pytest.raises(GanctlError, match="nowhere"):
            small_game(model, {f"model.{key}": "nowhere"})
        return
    changed = {f"model.{key}": another(entry, key)}
    side = SIDES.get(key, home_shape(model)[0])
    shapes = shapes_of(entry, (side, side, 1))
    before, after = (
        told_apart(make_networks(resolving.resolve(small_experiment(model, changes)), shapes, 10))
        for changes in ({}, changed)
    )
    if before == after:
        games = small_game(model), small_game(model, changed)
        with operation_by_operation():
            rows = [(game.columns, [each.tolist() for each in play_every_stage(game, 2)]) for game in games]
        assert rows[0] != rows[1]
