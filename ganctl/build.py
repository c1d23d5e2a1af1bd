"""Experiment -> networks and game. The only place that looks names up."""

import os
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ganctl import augmentations, datasets, losses, models, plugins
from ganctl.augmentation import Augmentation, memory_of, remembers
from ganctl.errors import ConfigurationError, DataError, did_you_mean
from ganctl.experiment import AugmentationSection, Experiment, LossSection, ModelSection, PenaltySection
from ganctl.feed import Feed
from ganctl.game import Average, Game, Player
from ganctl.image_order import ImageOrder
from ganctl.image_set import ImageSet, Track
from ganctl.inputs import judges_images_alone
from ganctl.layers.minibatch_standard_deviation import varies_with_batch
from ganctl.lazy import keras, tf
from ganctl.objectives import AdversarialLoss, Constraint, Penalty
from ganctl.optimizers import keep_pace, make_optimizer
from ganctl.players import AVERAGED, Setup, advancing, usual_two
from ganctl.registry import Entry, accepted, made_by
from ganctl.rewrites import rewrite

# The rest is for weights and activations. TensorFlow does not say how much memory a GPU has, nor Python on Windows.
RESIDENT_SHARE = 0.25
RESIDENT_BYTES_UNTOLD = 2**31
Shape = tuple[int, int, int]


def load_experiment(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read, validate and complete an experiment; raises ConfigurationError with file, line and column.

    Nothing here loads TensorFlow.
    """
    return resolve(Experiment.load(path, overrides))


def resolve(experiment: Experiment) -> Experiment:
    """Look every name up and write every builder's defaults out; raises ConfigurationError.

    The plugins that the experiment names are run first, if they are permitted.
    """
    with _located(experiment):
        experiment = experiment.replace(plugins=plugins.require(experiment.plugins))
        dataset = datasets.registry.get(experiment.dataset.name)
        resolved = _with_augmentations(_with_loss(_with_model(experiment)))
        _check_judged(resolved, make_loss(resolved), resolved.training.augment)
        section = resolved.dataset
        resolved = resolved.replace(dataset=section.model_copy(update={"path": _absolute(section.path)}))
        shape = _shape_in_advance(resolved, dataset.facts.get("shape"))
        if shape:
            _check_shape(resolved, shape)
        if "players" not in models.registry.get(resolved.model.name).facts:
            asked: list[str] = []
            usual_two({}, _setup(resolved, asked.append))
            _check_players(resolved, asked)
        resolved.resolved_run_name()
    return resolved


def with_defaults(experiment: Experiment) -> Experiment:
    """Write the defaults of those builders out that are there and take the experiment's keys; leave the others."""
    for written_out in (_with_model, _with_loss, _with_augmentations):
        with suppress(ConfigurationError):
            experiment = written_out(experiment)
    return experiment


def _with_model(experiment: Experiment) -> Experiment:
    section, entry = experiment.model, models.registry.get(experiment.model.name)
    arguments = experiment.check_arguments(("model",), entry.arguments(), section.arguments)
    for name in entry.facts.get("pretrained", ()):
        arguments[name] = _absolute(arguments[name])
    made = ModelSection(name=section.name, latent_distribution=section.latent_distribution, **arguments)
    return experiment.replace(model=made)


def _with_loss(experiment: Experiment) -> Experiment:
    section, entry = experiment.loss, losses.registry.get(experiment.loss.name)
    arguments = experiment.check_arguments(("loss",), entry.arguments(), section.arguments)
    return experiment.replace(
        loss=LossSection(name=section.name, penalties=_resolved_penalties(experiment), **arguments)
    )


def _with_augmentations(experiment: Experiment) -> Experiment:
    augment = _resolved_augmentations(experiment)
    return experiment.replace(training=experiment.training.model_copy(update={"augment": augment}))


def _absolute(path: str | None) -> str | None:
    """A path that means the same wherever the resolved experiment is read."""
    return os.path.abspath(os.path.expanduser(path)) if path else None


def _resolved_penalties(experiment: Experiment) -> list[PenaltySection]:
    penalties: list[PenaltySection] = []
    for index, penalty in enumerate(experiment.loss.penalties):
        key = f"loss.penalties.{index}"
        if penalty.name in [other.name for other in penalties]:
            raise ConfigurationError(f"'{penalty.name}' is given twice.", key=f"{key}.name")
        entry = losses.penalties.get(penalty.name, f"{key}.name")
        if entry.facts.get("constraint"):
            for name in ("weight", "every"):
                if getattr(penalty, name) != PenaltySection.model_fields[name].default:
                    raise ConfigurationError(
                        f"means nothing for '{penalty.name}', which is no term of the loss; remove it.",
                        key=f"{key}.{name}",
                    )
        arguments = experiment.check_arguments(("loss", "penalties", index), entry.arguments(), penalty.arguments)
        penalties.append(PenaltySection(name=penalty.name, weight=penalty.weight, every=penalty.every, **arguments))
    return penalties


def _resolved_augmentations(experiment: Experiment) -> list[AugmentationSection]:
    resolved: list[AugmentationSection] = []
    for index, section in enumerate(experiment.training.augment):
        # A name alone stands in the file where a mapping's would be.
        key = f"training.augment.{index}"
        if section.name in [other.name for other in resolved]:
            raise ConfigurationError(f"'{section.name}' is given twice.", key=key)
        entry = augmentations.registry.get(section.name, key)
        arguments = experiment.check_arguments(("training", "augment", index), entry.arguments(), section.arguments)
        resolved.append(AugmentationSection(name=section.name, **arguments))
    return resolved


def _check_judged(experiment: Experiment, loss: AdversarialLoss, augment: Sequence[AugmentationSection]) -> None:
    """Refuse augmentations that learn how real images are judged, where the loss lets nobody say that."""
    for index, section in enumerate(augment):
        if not loss.zero_divides and remembers(_augmentation(section)):
            raise ConfigurationError(
                f"'{section.name}' follows the signs of real images' scores, and of '{experiment.loss.name}' only "
                "differences of scores mean anything; take `diffaugment`, or another loss.",
                key=f"training.augment.{index}",
            )


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
    penalties = [
        (p.name, p.weight, replace(made_by(losses.penalties.get(p.name), Penalty, **p.arguments), every=p.every))
        for p in experiment.loss.penalties
        if not losses.penalties.get(p.name).facts.get("constraint")
    ]
    augment = {section.name: _augmentation(section) for section in experiment.training.augment}
    loss, distribution = make_loss(experiment), experiment.model.latent_distribution
    return Setup(loss, penalties, experiment.training, distribution, optimizer, num_classes, augment)


def _memories(experiment: Experiment) -> dict[str, Any]:
    """What augmentations remember, by role: layers of the game, so that it is in every checkpoint."""
    sections = experiment.training.augment
    memories = {memory_of(section.name): _augmentation(section).memory() for section in sections}
    return {role: memory for role, memory in memories.items() if memory is not None}


def _constrain(experiment: Experiment, discriminator: Any) -> None:
    """Let the discriminator's variables meet the constraints of the experiment after each update, as Keras does it."""
    for penalty in experiment.loss.penalties:
        entry = losses.penalties.get(penalty.name)
        if entry.facts.get("constraint"):
            constraint = made_by(entry, Constraint, **penalty.arguments)
            for variable in discriminator.trainable_variables:
                variable.constraint = constraint.function


def _check_augmented(experiment: Experiment, players: Sequence[Player]) -> None:
    """Refuse augmentations that a model's own players know nothing of."""
    forms = [getattr(turn.forward, "keywords", {}) for player in players for turn in player.turns]
    if experiment.training.augment and not all("augmentations" in form for form in forms):
        raise ConfigurationError(
            f"the players of '{experiment.model.name}' augment nothing; set it to [].", key="training.augment"
        )


def _check_deviation(experiment: Experiment, discriminator: Any) -> None:
    """Refuse a discriminator that looks at how a batch varies where each of its batches has images of both kinds."""
    form = experiment.training.discriminator_batches
    if form in ("mixed", "concatenated") and varies_with_batch(discriminator):
        raise ConfigurationError(
            f"'{form}' shows the discriminator real and generated images at once, and its minibatch deviation is then "
            "the same for both; use `separate` or `summed`.",
            key="training.discriminator_batches",
        )


def make_loss(experiment: Experiment) -> AdversarialLoss:
    """Return the adversarial loss."""
    return made_by(losses.registry.get(experiment.loss.name), AdversarialLoss, **experiment.loss.arguments)


def _augmentation(section: AugmentationSection) -> Augmentation:
    return made_by(augmentations.registry.get(section.name), Augmentation, **section.arguments)


def read_images(experiment: Experiment, track: Track) -> ImageSet:
    """Read the data set; raises DataError and ConfigurationError."""
    with _located(experiment):
        entry = datasets.registry.get(experiment.dataset.name)
        return made_by(entry, ImageSet, experiment.dataset, track)


def make_networks(
    experiment: Experiment, shape: Shape, num_classes: int = 0, *, pretrained: bool = True
) -> dict[str, Any]:
    """Build the networks for an image shape, with the experiment's seed and precision.

    Args:
        experiment: says which.
        shape: height, width and channels of the images.
        num_classes: how many classes the images have; 0 without labels.
        pretrained: read the pre-trained weights that the experiment names. Whoever puts other weights in their place
            need not have those files.
    """
    entry = models.registry.get(experiment.model.name)
    arguments = dict(experiment.model.arguments)
    if not pretrained:
        arguments |= dict.fromkeys(entry.facts.get("pretrained", ()))
    arguments = accepted(entry.make, {"image_shape": shape, "num_classes": num_classes, **arguments})
    with _located(experiment):
        _check_shape(experiment, shape)
        if arguments.get("num_classes") == 0 and entry.needs_classes:
            raise ConfigurationError(
                f"{entry.name} learns classes, and these images have no labels.", key="dataset.name"
            )
    in_bfloat16 = experiment.training.precision == "bfloat16"
    with _settings_of_keras(experiment.seed, "mixed_bfloat16" if in_bfloat16 else "float32"):
        with _located(experiment):
            networks = _checked(entry, entry.make(**arguments), shape)
            if in_bfloat16:
                _check_exact(entry, networks)
        if experiment.training.ema:
            copy = entry.make(**arguments)["generator"]
            copy.set_weights(networks["generator"].get_weights())
            networks[AVERAGED] = copy
    if experiment.training.rewrites:
        for network in networks.values():
            rewrite(network)
    return networks


@contextmanager
def _settings_of_keras(seed: int, policy: str) -> Iterator[None]:
    """Seed and dtype policy for whatever layers are made in the body.

    A notebook gets its own policy back, and Python's and NumPy's random numbers; TensorFlow's seed cannot be asked for.
    """
    own_policy, of_python, of_numpy = keras.config.dtype_policy(), random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(own_policy)
        random.setstate(of_python)
        np.random.set_state(of_numpy)


def _checked(entry: Entry, made: Any, shape: Shape) -> dict[str, Any]:
    """Return what a builder returned, once it is networks by role, and a generator of images of this shape."""
    must = f"{entry.place}: the model '{entry.name}' must return its networks by role, 'generator' and 'discriminator'"
    if not isinstance(made, Mapping) or not {"generator", "discriminator"} <= set(made):
        received = f"the roles {', '.join(map(repr, made)) or 'none'}" if isinstance(made, Mapping) else repr(made)
        raise ConfigurationError(f"{must}. Received: {received}", key="model.name")
    for role, network in made.items():
        if not isinstance(network, keras.Model):
            raise ConfigurationError(f"{must}, Keras models. Received as '{role}': {network!r}", key="model.name")
        if not isinstance(role, str) or not role.isidentifier():
            raise ConfigurationError(
                f"{entry.place}: roles name files in a checkpoint, and are words such as 'q_head'. Received: {role!r}",
                key="model.name",
            )
        if isinstance(network, keras.Sequential) and not network.built:
            raise ConfigurationError(
                f"{entry.place}: the {role} of '{entry.name}' has no inputs yet; begin it with keras.Input.",
                key="model.name",
            )
    if made["generator"] is made["discriminator"]:
        raise ConfigurationError(f"{must}. Received: one network as both", key="model.name")
    outputs = getattr(made["generator"], "outputs", None) or ()
    drawn = tuple(outputs[0].shape[1:]) if outputs else shape
    if len(drawn) != len(shape) or any(side not in (None, wanted) for side, wanted in zip(drawn, shape, strict=True)):
        raise ConfigurationError(
            f"{entry.place}: the generator of '{entry.name}' draws images of shape {drawn}, and these have {shape}.",
            key="model.name",
        )
    return dict(made)


def _check_exact(entry: Entry, networks: Mapping[str, Any]) -> None:
    """Refuse images and scores in bfloat16: losses and samples need more digits than its eight bits have."""
    for role in ("generator", "discriminator"):
        for output in (getattr(networks[role], "outputs", None) or ())[:1]:
            if output.dtype != "float32":
                raise ConfigurationError(
                    f"{entry.place}: the {role} of '{entry.name}' ends in {output.dtype}. Give its last layer "
                    'dtype="float32", or set training.precision: float32.',
                    key="model.name",
                )


def make_game(experiment: Experiment, images: ImageSet, *, pretrained: bool = True) -> Game:
    """Build the whole game; raises ConfigurationError and DataError. `pretrained` as in `make_networks`."""
    networks = make_networks(experiment, images.shape, images.num_classes, pretrained=pretrained)
    asked: set[str] = set()
    networks |= _memories(experiment)

    def optimizer(name: str) -> Any:
        asked.add(name)
        # A player that the file does not mention is moved as the generator is.
        section = getattr(experiment.optimizer, name, experiment.optimizer.generator)
        return make_optimizer(section, fused=experiment.training.rewrites, rounds=experiment.training.iterations)

    with _located(experiment):
        make_players = models.registry.get(experiment.model.name).facts.get("players", usual_two)
        setup = _setup(experiment, optimizer, images.num_classes)
        players = make_players(networks, setup, **accepted(make_players, experiment.model.arguments))
        _check_augmented(experiment, players)
        for player in players:
            keep_pace(player.optimizer, player.updates * len(player.turns))
        players = advancing(players, networks)
        _constrain(experiment, networks["discriminator"])
        _check_deviation(experiment, networks["discriminator"])
        _check_players(experiment, asked)
    order = ImageOrder(len(images), experiment.dataset.sampling, experiment.seed)
    feed = Feed(
        images.images,
        images.labels,
        order,
        flip=experiment.dataset.flip,
        resident=_fits_on_device(images.images.nbytes),
    )
    if experiment.outputs.sample_grid == "scored" and not judges_images_alone(networks["discriminator"]):
        raise experiment.located(
            ConfigurationError(
                "`scored` needs a discriminator that judges images alone, and this one sees more beside each; "
                "give rows x columns, such as 8x8.",
                key="outputs.sample_grid",
            )
        )
    averages = [Average("generator", AVERAGED, experiment.training.ema)] if AVERAGED in networks else []
    game = Game(networks, players, {"real": feed}, experiment.seed, averages, jit=experiment.training.xla is True)
    most = max(game.draws["real"], default=0)
    if most > len(images):
        raise DataError(
            f"{images.source}: {len(images)} images are fewer than one update takes ({most}). "
            f"Add images, or try --set training.batch_size={len(images) // 2 * 2 or 1}."
        )
    return game


def _fits_on_device(size: int) -> bool:
    """Whether so many bytes of images may lie where the networks need memory, too."""
    limit = os.environ.get("GANCTL_RESIDENT_BYTES", "")
    if limit.isdigit():
        return size <= int(limit)
    if tf.config.list_logical_devices("GPU") or not hasattr(os, "sysconf"):
        return size <= RESIDENT_BYTES_UNTOLD
    return size <= RESIDENT_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def with_training(experiment: Experiment, **changes: Any) -> Experiment:
    """Return the experiment with other values of keys of its `training` section."""
    return experiment.replace(training=experiment.training.model_copy(update=changes))
