"""What a resumed run may change: every key says it for itself."""

from collections.abc import Iterator
from typing import Annotated, get_args, get_origin

import pytest

from ganctl.experiment.changes import may_be_set, never_may_be_set, resume_of
from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import AugmentationSection, OptimizerSection, OptimizersSection, Resume, Section

PLAYERS = ("generator", "discriminator", "encoder")


def fields_of(section: type[Section], path: str = "") -> Iterator[tuple[str, type[Section], str]]:
    """Every field of the file's classes: its dotted key, the section that has it, and its name there."""
    inner = {name: info.annotation for name, info in section.model_fields.items()}
    if section is OptimizersSection:
        inner |= dict.fromkeys(PLAYERS, OptimizerSection)  # a model may have players of its own
    for name, annotation in inner.items():
        listed = [get_args(item)[0] if get_origin(item) is Annotated else item for item in get_args(annotation)]
        kinds = [kind for kind in (annotation, *listed) if isinstance(kind, type) and issubclass(kind, Section)]
        if kinds[:1] != [annotation]:
            yield path + name, section, name
        if kinds:
            yield from fields_of(kinds[0], f"{path}{name}{'' if kinds[:1] == [annotation] else '.0'}.")


FIELDS = {key: (section, name) for key, section, name in fields_of(Experiment)}

# What 521f522 answered by regular expressions on the key. A new key needs a mark on its field, and a place here.
BEFORE: dict[Resume, str] = {
    Resume.FREE: """
        dataset.path dataset.path_b evaluation.every evaluation.num evaluation.features
        evaluation.patience training.on_collapse
        outputs.sample_every outputs.sample_grid outputs.checkpoint_every outputs.keep outputs.tensorboard
    """,
    Resume.LABEL: "name run_name root_dir plugins",
    Resume.ASK: """
        seed training.iterations_per_epoch training.batch_size training.fakes training.frozen_batchnorm
        training.precision training.xla training.rewrites
        optimizer.PLAYER.learning_rate optimizer.PLAYER.beta_1 optimizer.PLAYER.beta_2 optimizer.PLAYER.clipvalue
    """,
    Resume.NO: """
        dataset.name dataset.image_size dataset.channels dataset.resize dataset.flip dataset.classes dataset.limit
        dataset.holdout dataset.sampling dataset.value_range dataset.alpha dataset.background dataset.labels
        dataset.label_column dataset.attributes dataset.pages dataset.source_size dataset.direction dataset.base
        dataset.transform dataset.amount dataset.shift
        model.name model.latent_distribution
        loss.name loss.penalties loss.penalties.0.name loss.penalties.0.weight loss.penalties.0.every
        loss.generator_terms loss.generator_terms.0.name loss.generator_terms.0.weight loss.generator_terms.0.every
        training.discriminator_batches training.ema
        optimizer.PLAYER.name optimizer.PLAYER.decay optimizer.PLAYER.schedule optimizer.PLAYER.hold
        optimizer.PLAYER.warmup optimizer.PLAYER.momentum
    """,
    Resume.LENGTH: "training.iterations",
    Resume.DISCRIMINATOR_PACE: "training.disc_updates",
    Resume.GENERATOR_PACE: "training.gen_updates",
    Resume.STAGES: """
        training.stages training.stages.0.until training.stages.0.players
        training.stages.0.disc_updates training.stages.0.gen_updates
    """,
    Resume.AUGMENTATIONS: "training.augment training.augment.0.name",
}
EXPECTED = {
    key.replace("PLAYER", player): mark for mark, keys in BEFORE.items() for key in keys.split() for player in PLAYERS
}


@pytest.mark.parametrize("key", FIELDS)
def test_every_field_says_what_a_resumed_run_may_do_with_it(key: str) -> None:
    section, name = FIELDS[key]
    assert section.mark_of(name) is not None, f"give {section.__name__}.{name} a mark of Resume"


def test_every_key_has_the_mark_that_it_had_before_it_stood_on_the_field() -> None:
    assert {key: resume_of(key) for key in FIELDS} == EXPECTED


@pytest.mark.parametrize("key", FIELDS)
def test_a_mark_stands_on_the_field_that_the_dotted_key_means(key: str) -> None:
    """Keys of the items of a list follow the list."""
    section, name = FIELDS[key]
    assert resume_of(key) is section.mark_of(name)


WHOLE_OR_FURTHER = {
    "model.latent_dim": Resume.NO,
    "loss.label_smoothing": Resume.NO,
    "loss.penalties.0.target": Resume.NO,
    "training.augment.0.target": Resume.AUGMENTATIONS,
    "dataset": Resume.NO,
    "model": Resume.NO,
    "loss": Resume.NO,
    "optimizer": Resume.ASK,
    "optimizer.generator": Resume.ASK,
    "training": Resume.ASK,
    "evaluation": Resume.ASK,
    "outputs": Resume.ASK,
    "nonsense": Resume.ASK,
    "training.nonsense": Resume.ASK,
}


@pytest.mark.parametrize("key", WHOLE_OR_FURTHER)
def test_a_builders_key_follows_its_section_and_a_whole_section_is_asked_for(key: str) -> None:
    assert resume_of(key) is WHOLE_OR_FURTHER[key]


@pytest.mark.parametrize("mark", Resume)
def test_set_takes_what_is_free_and_never_what_does_not_fit(mark: Resume) -> None:
    keys = [key for key, expected in EXPECTED.items() if expected is mark]
    assert keys
    assert {may_be_set(key) for key in keys} == {mark in (Resume.FREE, Resume.LENGTH)}
    assert {never_may_be_set(key) for key in keys} == {mark is Resume.NO}


def test_a_field_without_a_mark_is_found() -> None:
    class Unmarked(Section):
        key: int = 0

    assert Unmarked.mark_of("key") is None
    assert AugmentationSection.mark_of("key of a builder") is Resume.AUGMENTATIONS
