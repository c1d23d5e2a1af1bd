"""Experiment -> its parts: every name looked up, every builder's defaults filled in."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ganctl import plugins
from ganctl.build import catalog
from ganctl.build.catalog import OWN_KEYS
from ganctl.build.parts import Parts
from ganctl.errors import ConfigurationError, did_you_mean
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import (
    AugmentationSection,
    DatasetSection,
    GeneratorTermSection,
    LossSection,
    ModelSection,
    PenaltySection,
)
from ganctl.experiment.yaml_source import KeyPath
from ganctl.game.augmentation import Augmentation, remembers
from ganctl.game.objectives import AdversarialLoss, Constraint, GeneratorTerm, Penalty
from ganctl.game.players import Setup, generator_and_discriminator
from ganctl.game.sampler import PAIRED, REAL, UNPAIRED
from ganctl.images.image_set import ImageSet, Track
from ganctl.registry import Entry, Registry, accepted, keyword_only, made_by

Shape = tuple[int, int, int]
Item = TypeVar("Item")

# How many other models or data sets an error names.
_NAMED = 6


def load_parts(path: Path, overrides: tuple[str, ...] = ()) -> Parts:
    """Read, validate and complete an experiment; raises ConfigurationError with file, line and column.

    Nothing here loads TensorFlow.
    """
    return resolve(Experiment.load(path, overrides))


def load_experiment(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Return the completed experiment alone, as `load_parts` reads it."""
    return load_parts(path, overrides).experiment


def resolve(experiment: Experiment) -> Parts:
    """Look up every name and fill in every builder's defaults; raises ConfigurationError.

    The plugins that the experiment names are run first, if they are permitted.
    """
    with located(experiment):
        experiment = experiment.replace(plugins=plugins.require(experiment.plugins))
        dataset = catalog.datasets.get(experiment.dataset.name)
        experiment = _without_keys_of_the_files_data_set(experiment, dataset)
        resolved = _with_augmentations(_with_loss(_with_model(experiment)))
        paths = {key: _absolute(getattr(resolved.dataset, key)) for key in ("path", "path_b")}
        resolved = resolved.with_keys("dataset", **paths)
        check_stages(resolved)
        parts = Parts(
            resolved,
            dataset,
            catalog.models.get(resolved.model.name),
            named_loss(resolved.loss.name, **resolved.loss.arguments),
            *_penalties_and_constraints(resolved.loss.penalties),
            _generator_terms(resolved.loss.generator_terms),
            {section.name: _augmentation(section) for section in resolved.training.augment},
        )
        _check_own_keys(parts)
        if dataset.feeds:
            _by_feed(parts, dict.fromkeys(dataset.feeds))
        _check_judged(parts)
        _check_sizes(parts)
        shape = _shape_in_advance(resolved, dataset.shape)
        if shape:
            check_shape(parts, shape)
        if parts.model.players is generator_and_discriminator:  # others need the networks first
            asked: list[str] = []
            generator_and_discriminator({}, make_setup(parts, asked.append))
            check_players(resolved, asked)
            check_stage_players(resolved, asked)
        resolved.resolved_run_name()
    return parts


def with_defaults(experiment: Experiment) -> Experiment:
    """Fill in the defaults of the builders that exist and accept the experiment's keys; leave the others."""
    for written_out in (_with_model, _with_loss, _with_augmentations):
        with suppress(ConfigurationError):
            experiment = written_out(experiment)
    return experiment


def _checked(
    experiment: Experiment, path: KeyPath, registry: Registry[Any], entry: Entry, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a registry's entry with every default written out; `path` is their place in the file."""
    schema, others = entry.arguments(), {}
    whole = f", or replace the section: --set '{path[0]}={{name: {entry.name}}}'" if len(path) == 1 else ""
    for key in given.keys() - schema.model_fields.keys():
        names = registry.having(key)
        if names:
            lacks = f"the {registry.kind} '{entry.name}' has no key '{key}'; {_alternatives(names)} it"
            others[key] = f"{lacks}. Remove the key{whole}."
    return experiment.check_arguments(path, schema, given, others)


def _alternatives(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last} have" if others else f"{last} has"


def _with_model(experiment: Experiment) -> Experiment:
    section, entry = experiment.model, catalog.models.get(experiment.model.name)
    arguments = _checked(experiment, ("model",), catalog.models, entry, section.arguments)
    for key in keyword_only(entry.pretrained) if entry.pretrained else ():
        arguments[key.name] = _absolute(arguments[key.name])
    made = ModelSection(name=section.name, latent_distribution=section.latent_distribution, **arguments)
    return experiment.replace(model=made)


def _with_loss(experiment: Experiment) -> Experiment:
    section, entry = experiment.loss, catalog.losses.get(experiment.loss.name)
    arguments = _checked(experiment, ("loss",), catalog.losses, entry, section.arguments)
    return experiment.replace(
        loss=LossSection(
            name=section.name,
            penalties=_resolved_penalties(experiment),
            generator_terms=_resolved_generator_terms(experiment),
            **arguments,
        )
    )


def _with_augmentations(experiment: Experiment) -> Experiment:
    augment = _resolved_augmentations(experiment)
    return experiment.with_keys("training", augment=augment)


def _absolute(path: str | None) -> str | None:
    """The path as absolute, so that it means the same wherever the resolved experiment is read."""
    return os.path.abspath(os.path.expanduser(path)) if path else None


def _resolved_penalties(experiment: Experiment) -> list[PenaltySection]:
    penalties: list[PenaltySection] = []
    for index, penalty in enumerate(experiment.loss.penalties):
        key = f"loss.penalties.{index}"
        _refuse_repeated(penalty.name, penalties, f"{key}.name")
        entry = catalog.penalties.get(penalty.name, f"{key}.name")
        if entry.constraint:
            for name in ("weight", "every"):
                if getattr(penalty, name) != PenaltySection.model_fields[name].default:
                    raise ConfigurationError(
                        f"does not apply to '{penalty.name}', which is a constraint, not a loss term. Remove it.",
                        key=f"{key}.{name}",
                    )
        arguments = _checked(experiment, ("loss", "penalties", index), catalog.penalties, entry, penalty.arguments)
        penalties.append(PenaltySection(name=penalty.name, weight=penalty.weight, every=penalty.every, **arguments))
    return penalties


def _resolved_generator_terms(experiment: Experiment) -> list[GeneratorTermSection]:
    terms: list[GeneratorTermSection] = []
    for index, term in enumerate(experiment.loss.generator_terms):
        key = f"loss.generator_terms.{index}.name"
        _refuse_repeated(term.name, terms, key)
        entry = catalog.generator_terms.get(term.name, key)
        place = ("loss", "generator_terms", index)
        arguments = _checked(experiment, place, catalog.generator_terms, entry, term.arguments)
        terms.append(GeneratorTermSection(name=term.name, weight=term.weight, every=term.every, **arguments))
    return terms


def _resolved_augmentations(experiment: Experiment) -> list[AugmentationSection]:
    resolved: list[AugmentationSection] = []
    for index, section in enumerate(experiment.training.augment):
        # In the file, a plain name may stand in place of a mapping.
        key = f"training.augment.{index}"
        _refuse_repeated(section.name, resolved, key)
        entry = catalog.augmentations.get(section.name, key)
        place = ("training", "augment", index)
        arguments = _checked(experiment, place, catalog.augmentations, entry, section.arguments)
        resolved.append(AugmentationSection(name=section.name, **arguments))
    return resolved


def _refuse_repeated(
    name: str, earlier: Sequence[PenaltySection | GeneratorTermSection | AugmentationSection], key: str
) -> None:
    if name in [section.name for section in earlier]:
        raise ConfigurationError(f"'{name}' is given twice. Remove one.", key=key)


def _without_keys_of_the_files_data_set(experiment: Experiment, dataset: catalog.DatasetEntry) -> Experiment:
    """Return the experiment without keys that only went with what `--set` replaced in the file's data set.

    These are the keys that another data set lacks, the amount of another transform, and a base that takes no path.
    """
    given = {override.partition("=")[0].strip().lower().removeprefix("dataset.") for override in experiment.overrides}
    left: set[str] = set()
    if "name" in given:
        left = {key for key in OWN_KEYS if key not in dataset.own_keys}
    if "transform" in given:
        left.add("amount")
    embedded = any(entry.embedded for entry in catalog.datasets if entry.name == experiment.dataset.base)
    if embedded and "path" in given and experiment.dataset.path:
        left.add("base")
    defaults = {key: DatasetSection.model_fields[key].default for key in left - given}
    return experiment.with_keys("dataset", **defaults) if defaults else experiment


def _check_own_keys(parts: Parts) -> None:
    """Refuse keys of other data sets than the experiment's."""
    section = parts.experiment.dataset
    for key in OWN_KEYS:
        if getattr(section, key) != DatasetSection.model_fields[key].default and key not in parts.dataset.own_keys:
            users = [entry.name for entry in catalog.datasets if key in entry.own_keys]
            raise ConfigurationError(
                f"the data set '{section.name}' has no key '{key}'; {_alternatives(users)} it. Remove the key.",
                key=f"dataset.{key}",
            )


def _check_judged(parts: Parts) -> None:
    """Refuse augmentations that learn how real images are judged, if the loss gives single scores no meaning."""
    for index, (name, augmentation) in enumerate(parts.augmentations.items()):
        if not parts.loss.zero_divides and remembers(augmentation):
            raise ConfigurationError(
                f"'{name}' follows the signs of real images' scores, but with the loss '{parts.experiment.loss.name}' "
                "only differences of scores have a meaning. Use `diffaugment`, or another loss.",
                key=f"training.augment.{index}",
            )


def _check_sizes(parts: Parts) -> None:
    """Refuse terms that compare a sample's images of several sizes, if the model makes one size."""
    for index, (name, _, term) in enumerate(parts.generator_terms):
        if term.needs == "sizes" and not parts.model.sizes:
            able = [entry.name for entry in catalog.models if entry.sizes]
            has = f"; {_alternatives(able)} several" if able else ""
            raise ConfigurationError(
                f"'{name}' compares images of several sizes, and the model '{parts.model.name}' makes one{has}. "
                "Remove it.",
                key=f"loss.generator_terms.{index}.name",
            )


def _shape_in_advance(experiment: Experiment, native: Shape | None) -> Shape | None:
    """The image shape, if the file and the data set's registration determine it."""
    sides, channels = experiment.dataset.sides, experiment.dataset.channels
    if sides:
        return *sides, channels or (native[2] if native else 3)
    return (native[0], native[1], channels or native[2]) if native else None


def check_shape(parts: Parts, shape: Shape) -> None:
    """Raise ConfigurationError if the model does not make images of this shape."""
    needs = parts.model.why_unfit(shape[0], shape[1])
    if needs:
        raise ConfigurationError(
            f"{parts.model.name} needs {needs}. Received: {shape[0]}x{shape[1]}", key="dataset.image_size"
        )


def check_players(experiment: Experiment, players: Collection[str]) -> None:
    """Refuse optimizers for players that are not in the game."""
    for name in experiment.optimizer.model_extra or {}:
        if name not in players:
            known = ", ".join(sorted(players))
            hint = did_you_mean(name, players)
            raise ConfigurationError(
                f"this game has no player '{name}'.{hint} Its players: {known}.", key=f"optimizer.{name}"
            )


def check_stages(experiment: Experiment) -> None:
    """Refuse stages that do not follow each other, or that name a player twice."""
    before = 0
    for index, stage in enumerate(stages := experiment.training.stages):
        key = f"training.stages.{index}"
        if stage.until is None and index < len(stages) - 1:
            raise ConfigurationError("only the last stage may leave out `until`.", key=key)
        if stage.until is not None and stage.until <= before:
            raise ConfigurationError(
                f"must be above {before}, where the stage before it ends. Received: {stage.until}", key=f"{key}.until"
            )
        if len(set(stage.players)) < len(stage.players):
            raise ConfigurationError(f"names a player twice. Received: {stage.players}", key=f"{key}.players")
        before = stage.until or before


def check_stage_players(experiment: Experiment, players: Collection[str]) -> None:
    """Refuse stages of players that are not in the game."""
    for index, stage in enumerate(experiment.training.stages):
        for place, name in enumerate(stage.players):
            if name not in players:
                known = ", ".join(sorted(players))
                raise ConfigurationError(
                    f"this game has no player '{name}'.{did_you_mean(name, players)} Its players: {known}.",
                    key=f"training.stages.{index}.players.{place}",
                )


@contextmanager
def located(experiment: Experiment) -> Iterator[None]:
    """Add file, line and column of the key to configuration errors raised in the body."""
    try:
        yield
    except ConfigurationError as error:
        raise experiment.located(error) from None


def make_setup(parts: Parts, optimizer: Any, num_classes: int = 0) -> Setup:
    """Return the experiment's settings for the players; arguments as for `Setup`."""
    experiment = parts.experiment
    return Setup(
        parts.loss,
        parts.penalties,
        experiment.training,
        experiment.model.latent_distribution,
        optimizer,
        num_classes,
        parts.augmentations,
        _content_features() if parts.model.content_features else None,
        parts.generator_terms,
    )


def _content_features() -> Any:
    from ganctl.evaluation.features.content import content_features  # only here: most models need no such network

    return content_features


def named_loss(name: str, **arguments: Any) -> AdversarialLoss:
    """Return the adversarial loss of that name, with its arguments."""
    return made_by(catalog.losses.get(name), AdversarialLoss, **arguments)


def _penalties_and_constraints(
    sections: Sequence[PenaltySection],
) -> tuple[tuple[tuple[str, float, Penalty], ...], tuple[Constraint, ...]]:
    penalties, constraints = [], []
    for section in sections:
        entry = catalog.penalties.get(section.name)
        if entry.constraint:
            constraints.append(made_by(entry, Constraint, **section.arguments))
        else:
            penalty = replace(made_by(entry, Penalty, **section.arguments), every=section.every)
            penalties.append((section.name, section.weight, penalty))
    return tuple(penalties), tuple(constraints)


def _generator_terms(sections: Sequence[GeneratorTermSection]) -> tuple[tuple[str, float, GeneratorTerm], ...]:
    made = ((s, made_by(catalog.generator_terms.get(s.name), GeneratorTerm, **s.arguments)) for s in sections)
    return tuple((section.name, section.weight, replace(term, every=section.every)) for section, term in made)


def _augmentation(section: AugmentationSection) -> Augmentation:
    return made_by(catalog.augmentations.get(section.name), Augmentation, **section.arguments)


def read_feeds(parts: Parts, track: Track) -> dict[str, ImageSet]:
    """Read the images of every feed of the model, by role; raises DataError and ConfigurationError."""
    experiment, make = parts.experiment, parts.dataset.make
    with located(experiment):
        made = make(experiment.dataset, track, **accepted(make, {"seed": experiment.seed}))
        by_role = made if isinstance(made, Mapping) else {REAL: made}
        for images in by_role.values():
            if not isinstance(images, ImageSet):
                received = f"{parts.dataset.place}: '{parts.dataset.name}' must return a {ImageSet.__module__}.ImageSet"
                raise ConfigurationError(f"{received}, or a mapping of them. Received: {type(images).__qualname__}")
        return _by_feed(parts, by_role)


def _by_feed(parts: Parts, by_role: Mapping[str, Item]) -> dict[str, Item]:
    """Return what a data set provides by the model's feeds; raises ConfigurationError if it is of other roles."""
    feeds = parts.model.feeds
    served = _served(by_role, feeds)
    if served is None:
        fitting = [entry.name for entry in catalog.models if _served(by_role, entry.feeds) is not None]
        providers = [entry.name for entry in catalog.datasets if _served(dict.fromkeys(entry.feeds), feeds) is not None]
        others = [f"another model ({_some(fitting)})"] if fitting else []
        others.append(f"another data set ({_some(providers)})" if providers else "another data set")
        raise ConfigurationError(
            f"the data set '{parts.dataset.name}' provides images called {_listed(by_role)}; the model "
            f"'{parts.model.name}' learns from {_listed(feeds)}. Choose {' or '.join(others)}.",
            key="dataset.name",
        )
    return served


def _served(by_role: Mapping[str, Item], feeds: Sequence[str]) -> dict[str, Item] | None:
    """Return images by the feeds of a model, or None if they are others than it learns from."""
    if set(by_role) == set(PAIRED) and set(feeds) == set(UNPAIRED):  # the two sides of pairs, not seen together
        return {role: by_role[side] for role, side in zip(UNPAIRED, PAIRED, strict=True)}
    return {role: by_role[role] for role in feeds} if set(by_role) == set(feeds) else None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" ..." if len(names) > _NAMED else "")


def read_split(parts: Parts, track: Track) -> tuple[dict[str, ImageSet], dict[str, ImageSet]]:
    """Read the images of every feed, by role: those to train on, and the held-out ones, empty if there are none.

    Raises DataError and ConfigurationError. Pairs are held out together.
    """
    split = {role: images.split(parts.experiment.dataset.holdout) for role, images in read_feeds(parts, track).items()}
    held_out = {role: apart for role, (_, apart) in split.items() if apart is not None}
    return {role: kept for role, (kept, _) in split.items()}, held_out


def _listed(roles: Collection[str]) -> str:
    return " and ".join(f"`{role}`" for role in roles)


def read_images(parts: Parts, track: Track) -> ImageSet:
    """Read the images that samples imitate; raises DataError and ConfigurationError."""
    return read_feeds(parts, track)[parts.sampler.gives]


def read_dataset(section: DatasetSection, track: Track) -> ImageSet:
    """Read the data set of a section, which need not come from a file; raises DataError and ConfigurationError."""
    return made_by(catalog.datasets.get(section.name), ImageSet, section, track)


def with_noise_given(parts: Parts) -> Parts:
    """Return the parts with a generator that takes as an input the noise that it would otherwise draw itself."""
    experiment, given = parts.experiment, parts.model.noise_given
    if all(experiment.model.arguments.get(key) == value for key, value in given.items()):
        return parts
    return replace(parts, experiment=experiment.with_keys("model", **given))
