"""Experiment -> Trainer. The only place that looks names up."""

import os
import platform
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from ganctl import __version__, checkpoint, datasets, footprint, game_state, losses, models
from ganctl.device import Device
from ganctl.errors import ConfigurationError, DataError, GanctlError, did_you_mean
from ganctl.experiment import Experiment, LossSection, ModelSection, OptimizerSection, PenaltySection
from ganctl.feed import Feed
from ganctl.game import Average, Game
from ganctl.hooks import Hook, Run
from ganctl.hooks.checkpoints import Checkpoints
from ganctl.hooks.loss_csv import LossCsv
from ganctl.hooks.samples import Samples
from ganctl.hooks.tensorboard import TensorBoard
from ganctl.image_order import ImageOrder
from ganctl.image_set import ImageSet, Track
from ganctl.lazy import keras, tf
from ganctl.players import Setup, usual_two
from ganctl.precision import faster_precision
from ganctl.registry import accepted
from ganctl.run_folder import RunFolder
from ganctl.trainer import Trainer

AVERAGED = "generator_ema"
RESIDENT_SHARE = 0.25
Shape = tuple[int, int, int]


def load_experiment(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read, validate and complete an experiment; raises ConfigurationError with file, line and column.

    Nothing here loads TensorFlow.
    """
    return resolve(Experiment.load(path, overrides))


def resolve(experiment: Experiment) -> Experiment:
    """Look every name up and write every builder's defaults out; raises ConfigurationError."""
    with _located(experiment):
        model = models.registry.get(experiment.model.name)
        loss = losses.registry.get(experiment.loss.name)
        dataset = datasets.registry.get(experiment.dataset.name)
        model_arguments = experiment.check_arguments(("model",), model.arguments(), experiment.model.arguments)
        loss_arguments = experiment.check_arguments(("loss",), loss.arguments(), experiment.loss.arguments)
        penalties = []
        for index, penalty in enumerate(experiment.loss.penalties):
            entry = losses.penalties.get(penalty.name, f"loss.penalties.{index}.name")
            arguments = experiment.check_arguments(("loss", "penalties", index), entry.arguments(), penalty.arguments)
            penalties.append(PenaltySection(name=penalty.name, weight=penalty.weight, **arguments))
        for name in model.facts.get("pretrained", ()):
            model_arguments[name] = _absolute(model_arguments[name])
        section = experiment.dataset
        resolved = experiment.replace(
            dataset=section.model_copy(update={"path": _absolute(section.path)}),
            model=ModelSection(
                name=experiment.model.name, latent_distribution=experiment.model.latent_distribution, **model_arguments
            ),
            loss=LossSection(name=experiment.loss.name, penalties=penalties, **loss_arguments),
        )
        _refuse_what_is_missing(resolved)
        shape = _shape_in_advance(resolved, dataset.facts.get("shape"))
        if shape:
            _check_shape(resolved, shape)
        if "players" not in model.facts:
            asked: list[str] = []
            usual_two({}, _setup(resolved, asked.append))
            _check_players(resolved, asked)
        resolved.resolved_run_name()
    return resolved


def _absolute(path: str | None) -> str | None:
    """A path that means the same wherever the resolved experiment is read."""
    return os.path.abspath(os.path.expanduser(path)) if path else None


def _refuse_what_is_missing(experiment: Experiment) -> None:
    if experiment.evaluation.every:
        raise ConfigurationError("this version cannot evaluate during training; set it to 0.", key="evaluation.every")
    if experiment.training.augment:
        raise ConfigurationError("this version ships no augmentations; set it to [].", key="training.augment")


def _shape_in_advance(experiment: Experiment, native: Shape | None) -> Shape | None:
    """The image shape as far as the file and the data set's registration tell it."""
    size, channels = experiment.dataset.image_size, experiment.dataset.channels
    if size:
        return size, size, channels or (native[2] if native else 3)
    return (native[0], native[1], channels or native[2]) if native else None


def _check_shape(experiment: Experiment, shape: Shape) -> None:
    entry = models.registry.get(experiment.model.name)
    needs = entry.facts["unfit"](shape[0], shape[1]) if "unfit" in entry.facts else ""
    if needs:
        raise ConfigurationError(
            f"{entry.name} needs {needs}. Received: {shape[0]}x{shape[1]}", key="dataset.image_size"
        )


def _check_players(experiment: Experiment, players: Collection[str]) -> None:
    """Refuse optimizers of players that are not in the game."""
    for name in experiment.optimizer.model_extra or {}:
        if name not in players:
            known = ", ".join(sorted(players))
            hint = did_you_mean(name, players)
            raise ConfigurationError(
                f"there is no player '{name}'.{hint} This game has {known}.", key=f"optimizer.{name}"
            )


@contextmanager
def _located(experiment: Experiment) -> Iterator[None]:
    """Give configuration errors of the body the file, line and column of their key."""
    try:
        yield
    except ConfigurationError as error:
        raise experiment.located(error) from None


def _setup(experiment: Experiment, optimizer: Any, num_classes: int = 0) -> Setup:
    loss = losses.registry.get(experiment.loss.name).make(**experiment.loss.arguments)
    penalties = [
        (p.name, p.weight, losses.penalties.get(p.name).make(**p.arguments)) for p in experiment.loss.penalties
    ]
    return Setup(loss, penalties, experiment.training, experiment.model.latent_distribution, optimizer, num_classes)


def make_optimizer(section: OptimizerSection) -> Any:
    """Return the Keras optimizer of a section."""
    rate: Any = section.learning_rate
    if section.decay:
        rate = keras.optimizers.schedules.InverseTimeDecay(
            section.learning_rate, decay_steps=1, decay_rate=section.decay
        )
    match section.name:
        case "adam":
            return keras.optimizers.Adam(rate, section.beta_1, section.beta_2, clipvalue=section.clipvalue)
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, clipvalue=section.clipvalue)
        case "sgd":
            return keras.optimizers.SGD(rate, clipvalue=section.clipvalue)


def make_networks(
    experiment: Experiment, shape: Shape, num_classes: int = 0, *, pretrained: bool = True
) -> dict[str, Any]:
    """Build the networks for an image shape, with the experiment's seed and precision.

    Args:
        experiment: says which.
        shape: height, width and channels of the images.
        num_classes: how many classes the images have; 0 without labels.
        pretrained: read the pre-trained weights that the experiment names. Whoever puts other weights in their place
            needs not have those files.
    """
    entry = models.registry.get(experiment.model.name)
    arguments = dict(experiment.model.arguments)
    if not pretrained:
        arguments |= dict.fromkeys(entry.facts.get("pretrained", ()))
    arguments = accepted(entry.make, {"image_shape": shape, "num_classes": num_classes, **arguments})
    with _located(experiment):
        _check_shape(experiment, shape)
        if arguments.get("num_classes") == 0:
            raise ConfigurationError(f"{entry.name} learns classes, and these images have no labels.", key="dataset.name")
    policy = keras.config.dtype_policy()
    keras.utils.set_random_seed(experiment.seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if experiment.training.precision == "bfloat16" else "float32")
    try:
        networks = entry.make(**arguments)
        if experiment.training.ema:
            copy = entry.make(**arguments)["generator"]
            copy.set_weights(networks["generator"].get_weights())
            networks[AVERAGED] = copy
    finally:
        keras.config.set_dtype_policy(policy)
    return networks


def make_game(experiment: Experiment, images: ImageSet, *, jit: bool = False) -> Game:
    """Build the whole game; raises ConfigurationError."""
    networks = make_networks(experiment, images.shape, images.num_classes)
    asked: set[str] = set()

    def optimizer(name: str) -> Any:
        asked.add(name)
        extra = experiment.optimizer.model_extra or {}
        return make_optimizer(extra.get(name) or getattr(experiment.optimizer, name, experiment.optimizer.generator))

    with _located(experiment):
        make_players = models.registry.get(experiment.model.name).facts.get("players", usual_two)
        setup = _setup(experiment, optimizer, images.num_classes)
        players = make_players(networks, setup, **accepted(make_players, experiment.model.arguments))
        _check_players(experiment, asked)
    order = ImageOrder(len(images), experiment.dataset.sampling, experiment.seed)
    feed = Feed(
        images.images,
        images.labels,
        order,
        flip=experiment.dataset.flip,
        resident=_fits_on_device(images.images.nbytes),
    )
    averages = [Average("generator", AVERAGED, experiment.training.ema)] if AVERAGED in networks else []
    game = Game(networks, players, {"real": feed}, experiment.seed, averages, jit=jit)
    most = max(game.draws["real"], default=0)
    if most > len(images):
        raise DataError(
            f"{images.source}: {len(images)} images are fewer than one update takes ({most}). "
            f"Add images, or try --set training.batch_size={len(images) // 2 * 2 or 1}."
        )
    return game


def _fits_on_device(size: int) -> bool:
    limit = os.environ.get("GANCTL_RESIDENT_BYTES")
    if limit:
        return size <= int(limit)
    return size <= RESIDENT_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Prepared:
    """A game that is ready to be played, and what it was made from."""

    experiment: Experiment
    device: Device
    images: ImageSet
    held_out: ImageSet | None
    game: Game
    precision_reason: str

    @classmethod
    def make(cls, experiment: Experiment, device: Device, track: Track) -> Self:
        """Read the images and build the game; raises DataError and ConfigurationError."""
        with _located(experiment):
            images = datasets.registry.get(experiment.dataset.name).make(experiment.dataset, track)
        images, held_out = images.split(experiment.dataset.holdout)
        experiment, reason = choose_precision(experiment, images, device)
        if device.name == "CPU":
            tf.config.experimental.enable_op_determinism()
        return cls(experiment, device, images, held_out, make_game(experiment, images), reason)

    @property
    def generator_role(self) -> str:
        """The network that samples are drawn from."""
        return AVERAGED if AVERAGED in self.game.networks else "generator"

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the training images and labels."""
        return self.images.fingerprint()

    @property
    def memory_bytes(self) -> int:
        """An estimate of the peak of training memory."""
        resident = self.images.images.nbytes if self.game.feeds["real"].resident else 0
        return footprint.estimate_bytes(self.game.networks.values(), self.experiment.training.batch_size, resident)

    @property
    def checkpoint_facts(self) -> dict[str, Any]:
        """What every checkpoint says of itself, so that it can be sampled wherever it lies."""
        return {
            "ganctl": __version__,
            "experiment": self.experiment.model_dump(mode="json"),
            "image_shape": list(self.images.shape),
            "class_names": list(self.images.class_names),
            "generator": self.generator_role,
            "dataset_fingerprint": self.fingerprint,
        }

    def describe(self, command: list[str]) -> dict[str, Any]:
        """Return what run.json says."""
        return {
            "ganctl": __version__,
            "command": command,
            "overrides": self.experiment.overrides,
            "versions": {
                "python": platform.python_version(),
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "numpy": np.__version__,
            },
            "platform": platform.platform(),
            "device": {"name": self.device.name, "reason": self.device.reason},
            "precision": {"name": self.experiment.training.precision, "reason": self.precision_reason},
            "parameters": {role: footprint.parameter_count(network) for role, network in self.game.networks.items()},
            "dataset": {
                "source": self.images.source,
                "images": len(self.images),
                "held_out": len(self.held_out) if self.held_out else 0,
                "shape": list(self.images.shape),
                "classes": list(self.images.class_names),
                "notes": list(self.images.notes),
                "fingerprint": self.fingerprint,
            },
        }

    def trainer(self, folder: RunFolder, more_hooks: list[Hook]) -> Trainer:
        """Return the trainer that writes into this run folder."""
        experiment, outputs = self.experiment, self.experiment.outputs
        run = Run(
            self.game,
            folder,
            experiment.training.iterations,
            experiment.training.iterations_per_epoch,
            self.checkpoint_facts,
        )
        samples = Samples(
            outputs.sample_every,
            outputs.sample_grid,
            self.generator_role,
            experiment.model.latent_distribution,
            self.images,
            experiment.seed,
        )
        hooks: list[Hook] = [LossCsv(), samples, Checkpoints(outputs.checkpoint_every, outputs.keep), *more_hooks]
        if outputs.tensorboard:
            hooks.append(TensorBoard())
        return Trainer(run, hooks)


def choose_precision(experiment: Experiment, images: ImageSet, device: Device) -> tuple[Experiment, str]:
    """Replace precision `auto` by the faster of float32 and bfloat16 on the game itself; also says why."""
    if experiment.training.precision != "auto":
        return experiment, "as the experiment says"
    few = images.first(max(1024, experiment.training.batch_size))
    what = [experiment.model.model_dump(), experiment.loss.model_dump(), experiment.training.model_dump(), images.shape]
    precision, reason = faster_precision(
        lambda name: make_game(_with_precision(experiment, name), few), identity=repr((device.name, what))
    )
    return _with_precision(experiment, precision), reason


def _with_precision(experiment: Experiment, precision: str) -> Experiment:
    return experiment.replace(training=experiment.training.model_copy(update={"precision": precision}))


def restore_newest(prepared: Prepared, folder: RunFolder) -> list[str]:
    """Put the newest whole checkpoint of a run back; returns what was wrong with newer ones.

    Raises:
        GanctlError: there is no whole checkpoint, or it was trained on other images.
    """
    found, problems = checkpoint.load_newest(folder.checkpoints)
    if found.facts.get("dataset_fingerprint") != prepared.fingerprint:
        raise GanctlError(
            f"{folder.path} was trained on other images: {prepared.images.source} has changed since. "
            "Put the old ones back, or start a new run."
        )
    game_state.restore(prepared.game, found.groups, found.step, str(found.path))
    return problems


def load_generator(path: Path) -> tuple[Any, Experiment, checkpoint.Checkpoint, list[str]]:
    """Build the generator that a run folder, checkpoint or generator file holds.

    Also returns its experiment, what was read, and what was wrong with newer checkpoints.
    """
    found, problems = checkpoint.find(path)
    experiment = resolve(Experiment.model_validate(found.facts["experiment"]))
    shape = tuple(int(n) for n in found.facts["image_shape"])
    num_classes = len(found.facts.get("class_names", ()))
    experiment = _with_precision(experiment, "float32")
    networks = make_networks(experiment, shape, num_classes, pretrained=False)  # type: ignore[arg-type]
    role = str(found.facts.get("generator", "generator"))
    group = found.groups.get(role, found.groups.get("generator"))
    if group is None or role not in networks:
        raise GanctlError(f"{found.path} holds no generator.")
    game_state.restore_network(networks[role], group, str(found.path))
    return networks[role], experiment, found, problems


def command_line() -> list[str]:
    """Return the command as it was typed."""
    return ["ganctl", *sys.argv[1:]]
