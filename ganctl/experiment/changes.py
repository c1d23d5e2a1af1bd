"""What a resumed run may have otherwise than its checkpoint."""

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

# These change nothing that is learned; moved data is known by its fingerprint.
_BESIDES = r"dataset\.path|evaluation\..*|outputs\..*"
_FREE = re.compile(rf"name|run_name|root_dir|plugins|{_BESIDES}")
_LENGTH = "training.iterations"  # is free, too, but for a learning rate that falls to zero at the end

# With any of these changed, the checkpoint's weights or optimizer slots would mean something else, or fit nowhere.
_REFUSED = re.compile(
    r"(dataset|model|loss)(\..*)?|training\.(ema|discriminator_batches)|optimizer\.\w+\.(name|decay|schedule|warmup)"
)

# A schedule counts the steps of its player, so many of which make a round. Of other players than these two nobody
# knows whose number of updates they follow.
_PACE = {"training.disc_updates": "discriminator", "training.gen_updates": "generator"}


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


def may_be_set(key: str) -> bool:
    """Whether a resumed run takes another value of a key, in dotted form, without more ado.

    A new name is none: the run's folder has its name already. With a learning rate that falls towards the end,
    `changes_between` still has a longer run.
    """
    return key == _LENGTH or re.fullmatch(_BESIDES, key) is not None


def never_may_be_set(key: str) -> bool:
    """Whether it is sure by a key alone, in dotted form, that a resumed run takes no other value of it."""
    return _REFUSED.fullmatch(key) is not None and not may_be_set(key)


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
    falling = any(section.get("schedule", "constant") != "constant" for section in optimizers.values())
    changes = [change for change in differences(then, now) if not _FREE.fullmatch(change.key)]
    return [
        change._replace(refused=_makes_another_run(change, optimizers, remembering))
        for change in changes
        if falling or change.key != _LENGTH
    ]


def _makes_another_run(change: Change, optimizers: Mapping[str, Any], remembering: Collection[str]) -> bool:
    if change.key in _PACE:
        others = set(_PACE.values()) - {_PACE[change.key]}
        return any(_follows_rounds(section) for name, section in optimizers.items() if name not in others)
    if change.key == "training.augment":
        before, after = ({entry["name"] for entry in entries or ()} for entries in (change.then, change.now))
        return bool((before ^ after) & set(remembering))
    return never_may_be_set(change.key)


def _follows_rounds(section: Mapping[str, Any]) -> bool:
    """Whether an optimizer's rate is a function of the round."""
    return section.get("schedule", "constant") != "constant" or bool(section.get("warmup", 0))


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
