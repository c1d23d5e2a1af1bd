"""Experiment -> resolved experiment: every name looked up, every default of every builder written out."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganctl import plugins
from ganctl.build import catalog
from ganctl.errors import ConfigurationError, did_you_mean
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import AugmentationSection, DatasetSection, LossSection, ModelSection, PenaltySection
from ganctl.game.augmentation import Augmentation, remembers
from ganctl.game.objectives import AdversarialLoss, Penalty
from ganctl.game.players import Setup, usual_two
from ganctl.images.image_set import ImageSet, Track
from ganctl.registry import keyword_only, made_by

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
    with located(experiment):
        experiment = experiment.replace(plugins=plugins.require(experiment.plugins))
        dataset = catalog.datasets.get(experiment.dataset.name)
        resolved = _with_augmentations(_with_loss(_with_model(experiment)))
        _check_judged(resolved, make_loss(resolved), resolved.training.augment)
        section = resolved.dataset
        resolved = resolved.replace(dataset=section.model_copy(update={"path": _absolute(section.path)}))
        shape = _shape_in_advance(resolved, dataset.facts.get("shape"))
        if shape:
            check_shape(resolved, shape)
        if "players" not in catalog.models.get(resolved.model.name).facts:
            asked: list[str] = []
            usual_two({}, make_setup(resolved, asked.append))
            check_players(resolved, asked)
        resolved.resolved_run_name()
    return resolved


def with_defaults(experiment: Experiment) -> Experiment:
    """Write the defaults of those builders out that are there and take the experiment's keys; leave the others."""
    for written_out in (_with_model, _with_loss, _with_augmentations):
        with suppress(ConfigurationError):
            experiment = written_out(experiment)
    return experiment


def _with_model(experiment: Experiment) -> Experiment:
    section, entry = experiment.model, catalog.models.get(experiment.model.name)
    arguments = experiment.check_arguments(("model",), entry.arguments(), section.arguments)
    if "pretrained" in entry.facts:
        for key in keyword_only(entry.facts["pretrained"]):
            arguments[key.name] = _absolute(arguments[key.name])
    made = ModelSection(name=section.name, latent_distribution=section.latent_distribution, **arguments)
    return experiment.replace(model=made)


def _with_loss(experiment: Experiment) -> Experiment:
    section, entry = experiment.loss, catalog.losses.get(experiment.loss.name)
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
        entry = catalog.penalties.get(penalty.name, f"{key}.name")
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
        entry = catalog.augmentations.get(section.name, key)
        arguments = experiment.check_arguments(("training", "augment", index), entry.arguments(), section.arguments)
        resolved.append(AugmentationSection(name=section.name, **arguments))
    return resolved


def _check_judged(experiment: Experiment, loss: AdversarialLoss, augment: Sequence[AugmentationSection]) -> None:
    """Refuse augmentations that learn how real images are judged, where the loss lets nobody say that."""
    for index, section in enumerate(augment):
        if not loss.zero_divides and remembers(make_augmentation(section)):
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


def why_unfit(model: str, height: int, width: int) -> str:
    """Return what a model needs instead of images of this height and width in pixels; empty where they fit."""
    unfit = catalog.models.get(model).facts.get("unfit")
    return unfit(height, width) if unfit else ""


def check_shape(experiment: Experiment, shape: Shape) -> None:
    """Raise ConfigurationError where the model does not make images of this shape."""
    name = experiment.model.name
    needs = why_unfit(name, shape[0], shape[1])
    if needs:
        raise ConfigurationError(f"{name} needs {needs}. Received: {shape[0]}x{shape[1]}", key="dataset.image_size")


def check_players(experiment: Experiment, players: Collection[str]) -> None:
    """Refuse optimizers of players that are not in the game."""
    for name in experiment.optimizer.model_extra or {}:
        if name not in players:
            known = ", ".join(sorted(players))
            hint = did_you_mean(name, players)
            raise ConfigurationError(
                f"there is no player '{name}'.{hint} This game has {known}.", key=f"optimizer.{name}"
            )


@contextmanager
def located(experiment: Experiment) -> Iterator[None]:
    """Give configuration errors of the body the file, line and column of their key."""
    try:
        yield
    except ConfigurationError as error:
        raise experiment.located(error) from None


def make_setup(experiment: Experiment, optimizer: Any, num_classes: int = 0) -> Setup:
    """Return what the experiment says about the players; arguments as of `Setup`."""
    penalties = [
        (p.name, p.weight, replace(made_by(catalog.penalties.get(p.name), Penalty, **p.arguments), every=p.every))
        for p in experiment.loss.penalties
        if not catalog.penalties.get(p.name).facts.get("constraint")
    ]
    augment = {section.name: make_augmentation(section) for section in experiment.training.augment}
    loss, distribution = make_loss(experiment), experiment.model.latent_distribution
    return Setup(loss, penalties, experiment.training, distribution, optimizer, num_classes, augment)


def make_loss(experiment: Experiment) -> AdversarialLoss:
    """Return the adversarial loss."""
    return named_loss(experiment.loss.name, **experiment.loss.arguments)


def named_loss(name: str, **arguments: Any) -> AdversarialLoss:
    """Return the adversarial loss of that name, with arguments of its own."""
    return made_by(catalog.losses.get(name), AdversarialLoss, **arguments)


def make_augmentation(section: AugmentationSection) -> Augmentation:
    """Return the augmentation of a section."""
    return made_by(catalog.augmentations.get(section.name), Augmentation, **section.arguments)


def read_images(experiment: Experiment, track: Track) -> ImageSet:
    """Read the data set; raises DataError and ConfigurationError."""
    with located(experiment):
        return read_dataset(experiment.dataset, track)


def read_dataset(section: DatasetSection, track: Track) -> ImageSet:
    """Read the data set of a section that no file need have; raises DataError and ConfigurationError."""
    return made_by(catalog.datasets.get(section.name), ImageSet, section, track)


def with_noise_given(experiment: Experiment) -> Experiment:
    """Return the experiment whose generator takes as an input the noise that it would otherwise draw itself."""
    arguments = experiment.model.arguments
    given = catalog.models.get(experiment.model.name).facts.get("noise_given", {})
    if all(arguments.get(key) == value for key, value in given.items()):
        return experiment
    return experiment.replace(model=ModelSection.model_validate({**experiment.model.model_dump(), **given}))


def with_training(experiment: Experiment, **changes: Any) -> Experiment:
    """Return the experiment with other values of keys of its `training` section."""
    return experiment.replace(training=experiment.training.model_copy(update=changes))
