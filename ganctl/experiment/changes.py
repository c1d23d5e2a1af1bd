"""What a resumed run may change: how its experiment may differ from its checkpoint's."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import PACES, OptimizerSection, OptimizersSection, Resume, Section


class Change(NamedTuple):
    """A key of the experiment with another value than before.

    Attributes:
        key: the dotted key.
        then: its value before; None if it had none.
        now: its value now; None if it has none.
        refused: whether no flag allows it, because the checkpoint would not fit; set by `changes_between`.
    """

    key: str
    then: Any
    now: Any
    refused: bool = False

    def described(self, source: object) -> str:
        """Return the change on one line; `source` is where the old value stands."""
        return f"{self.key}: {self.then!r} in {source}, {self.now!r} now"


def resume_of(key: str) -> Resume:
    """Return what a resumed run may do with a dotted key: its mark in `sections`.

    A whole section is at least ASK, because keys that it leaves out return to their defaults. So is an unknown key.
    """
    section: type[Section] = Experiment
    for part in key.split("."):
        inner = _section_in(section, part)
        if inner is None:
            return section.mark_of(part) or Resume.ASK
        section = inner
    return Resume.NO if section.on_resume is Resume.NO else Resume.ASK


def _section_in(section: type[Section], key: str) -> type[Section] | None:
    """The section below a key of a section, or None if the key has a plain value."""
    if key in section.model_fields:
        annotation = section.model_fields[key].annotation
        return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None
    return OptimizerSection if section is OptimizersSection else None  # another player's


def may_be_set(key: str) -> bool:
    """Whether a resumed run may set a dotted key without `--allow-changes`.

    `changes_between` may still ask about training.iterations, if a learning rate has a schedule.
    """
    return resume_of(key) in (Resume.FREE, Resume.LENGTH)


def never_may_be_set(key: str) -> bool:
    """Whether a resumed run must keep the value of a dotted key, whatever the rest of the experiment says."""
    return resume_of(key) is Resume.NO


def changes_between(then: Mapping[str, Any], now: Mapping[str, Any], remembering: Collection[str] = ()) -> list[Change]:
    """Return the differences between two experiments, as dictionaries, that affect what is learned.

    A longer run with a learning-rate schedule would have had other rates from its first iteration on. Resuming keeps
    what was trained, and the rate jumps to where the longer run's would be.

    Args:
        then: the experiment of the checkpoint.
        now: the experiment that resumes from it.
        remembering: names of the augmentations with a memory, which is one of the checkpoint's networks.
    """
    optimizers = {**then.get("optimizer", {}), **now.get("optimizer", {})}
    found = [(change, _answer(change, optimizers, remembering)) for change in differences(then, now)]
    return [change._replace(refused=answer is Resume.NO) for change, answer in found if answer is not Resume.FREE]


def _answer(change: Change, optimizers: Mapping[str, Any], remembering: Collection[str]) -> Resume:
    """What a resumed run may do with a change, given the rest of the experiment: FREE, ASK or NO."""
    match resume_of(change.key):
        case Resume.LABEL:
            return Resume.FREE
        case Resume.LENGTH:
            return Resume.ASK if any(map(_has_schedule, optimizers.values())) else Resume.FREE
        # Any other player may follow the updates of either.
        case Resume.DISCRIMINATOR_PACE:
            bound = any(_follows_rounds(section) for name, section in optimizers.items() if name != "generator")
        case Resume.GENERATOR_PACE:
            bound = any(_follows_rounds(section) for name, section in optimizers.items() if name != "discriminator")
        case Resume.STAGES:
            paced = any(stage.get(key) for stage in (*(change.then or ()), *(change.now or ())) for key in PACES)
            bound = paced and any(map(_follows_rounds, optimizers.values()))
        case Resume.AUGMENTATIONS:
            before, after = ({entry["name"] for entry in entries or ()} for entries in (change.then, change.now))
            bound = bool((before ^ after) & set(remembering))
        case mark:
            return mark
    return Resume.NO if bound else Resume.ASK


def _has_schedule(optimizer: Mapping[str, Any]) -> bool:
    return bool(optimizer.get("schedule", "constant") != "constant")


def _follows_rounds(optimizer: Mapping[str, Any]) -> bool:
    """Whether an optimizer's learning rate is a function of the round."""
    return _has_schedule(optimizer) or bool(optimizer.get("warmup", 0))


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Return every difference between two experiments, as dictionaries."""
    flat_then, flat_now = by_dotted_key(then), by_dotted_key(now)
    return [
        Change(key, flat_then.get(key), flat_now.get(key))
        for key in sorted(flat_then.keys() | flat_now.keys())
        if flat_then.get(key) != flat_now.get(key)
    ]


def by_dotted_key(section: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return the values of an experiment, as a nested dictionary, by dotted key."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= by_dotted_key(value, f"{path}{key}.") if isinstance(value, Mapping) else {path + str(key): value}
    return flat
