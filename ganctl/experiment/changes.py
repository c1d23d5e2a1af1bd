"""What a resumed run may have otherwise than its checkpoint."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ganctl.experiment.experiment import Experiment
from ganctl.experiment.sections import OptimizerSection, OptimizersSection, Resume, Section


class Change(NamedTuple):
    """A key of the experiment that says something else now.

    Attributes:
        key: in dotted form.
        then: its value before.
        now: its value.
        refused: whether it makes another run of it, whatever the user wants; `changes_between` says so.
    """

    key: str
    then: Any
    now: Any
    refused: bool = False

    def described(self, source: object) -> str:
        """Return the difference from `source` on one line."""
        return f"{self.key}: {self.then!r} in {source}, {self.now!r} now"


def resume_of(key: str) -> Resume:
    """Return what a resumed run may do with a key, in dotted form: the mark that `sections` gives it.

    A section given whole is asked for at least, because every key that is left out takes its default again. So is a
    key that nothing is known of.
    """
    section: type[Section] = Experiment
    for part in key.split("."):
        inner = _section_in(section, part)
        if inner is None:
            return section.mark_of(part) or Resume.ASK
        section = inner
    return Resume.NO if section.on_resume is Resume.NO else Resume.ASK


def _section_in(section: type[Section], key: str) -> type[Section] | None:
    """The section that stands below a key of a section; None where the key has a value."""
    if key in section.model_fields:
        annotation = section.model_fields[key].annotation
        return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None
    return OptimizerSection if section is OptimizersSection else None  # of a further player


def may_be_set(key: str) -> bool:
    """Whether a resumed run takes another value of a key, in dotted form, without `--allow-changes`.

    With a learning rate that falls towards the end, `changes_between` still has a longer run.
    """
    return resume_of(key) in (Resume.FREE, Resume.LENGTH)


def never_may_be_set(key: str) -> bool:
    """Whether it is sure by a key alone, in dotted form, that a resumed run takes no other value of it."""
    return resume_of(key) is Resume.NO


def changes_between(then: Mapping[str, Any], now: Mapping[str, Any], remembering: Collection[str] = ()) -> list[Change]:
    """Return what differs between two experiments, as dictionaries, and matters to what is learned.

    A longer run whose learning rate falls towards its end had other rates from its first iteration on: what was played
    is kept, and the rate jumps to where the longer run's would be by then.

    Args:
        then: the experiment of the checkpoint.
        now: the experiment that is to go on from it.
        remembering: names of augmentations that have a memory, one of the checkpoint's networks.
    """
    optimizers = {**then.get("optimizer", {}), **now.get("optimizer", {})}
    found = [(change, _answer(change, optimizers, remembering)) for change in differences(then, now)]
    return [change._replace(refused=answer is Resume.NO) for change, answer in found if answer is not Resume.FREE]


def _answer(change: Change, optimizers: Mapping[str, Any], remembering: Collection[str]) -> Resume:
    """What a resumed run does with a change, given the rest of the file: FREE, ASK or NO."""
    match resume_of(change.key):
        case Resume.LABEL:
            return Resume.FREE
        case Resume.LENGTH:
            return Resume.ASK if any(map(_has_schedule, optimizers.values())) else Resume.FREE
        # Of other players than these two nobody knows whose number of updates they follow.
        case Resume.DISCRIMINATOR_PACE:
            bound = any(_follows_rounds(section) for name, section in optimizers.items() if name != "generator")
        case Resume.GENERATOR_PACE:
            bound = any(_follows_rounds(section) for name, section in optimizers.items() if name != "discriminator")
        case Resume.AUGMENTATIONS:
            before, after = ({entry["name"] for entry in entries or ()} for entries in (change.then, change.now))
            bound = bool((before ^ after) & set(remembering))
        case mark:
            return mark
    return Resume.NO if bound else Resume.ASK


def _has_schedule(optimizer: Mapping[str, Any]) -> bool:
    return bool(optimizer.get("schedule", "constant") != "constant")


def _follows_rounds(optimizer: Mapping[str, Any]) -> bool:
    """Whether an optimizer's rate is a function of the round."""
    return _has_schedule(optimizer) or bool(optimizer.get("warmup", 0))


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Return all that differs between two experiments, as dictionaries."""
    flat_then, flat_now = by_dotted_key(then), by_dotted_key(now)
    return [
        Change(key, flat_then.get(key), flat_now.get(key))
        for key in sorted(flat_then.keys() | flat_now.keys())
        if flat_then.get(key) != flat_now.get(key)
    ]


def by_dotted_key(section: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return the values of an experiment, as a dictionary, by `section.key`."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= by_dotted_key(value, f"{path}{key}.") if isinstance(value, Mapping) else {path + str(key): value}
    return flat
