"""What a resumed run may have otherwise than its checkpoint."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

# These change nothing that is learned; moved data is known by its fingerprint.
_FREE = re.compile(r"name|run_name|root_dir|dataset\.path|evaluation\..*|outputs\..*")
_LENGTH = "training.iterations"  # is free, too, but for a learning rate that falls to zero at the end

# With any of these changed, the checkpoint's weights or optimizer slots would mean something else, or fit nowhere.
_REFUSED = re.compile(
    r"(dataset|model|loss)\..*|training\.(ema|discriminator_batches)|optimizer\.\w+\.(name|decay|schedule|warmup)"
)


class Change(NamedTuple):
    """A key of the experiment that says something else now."""

    key: str
    then: Any
    now: Any

    def described(self, source: object) -> str:
        """Return the difference from `source` on one line."""
        return f"{self.key}: {self.then!r} in {source}, {self.now!r} now"

    @property
    def refused(self) -> bool:
        """Whether it makes another run of it, whatever the user wants."""
        return _REFUSED.fullmatch(self.key) is not None


def changes_between(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Return what differs between two experiments, as dictionaries, and matters to what is learned.

    A longer run whose learning rate falls towards its end had other rates from its first iteration on: what was played
    is kept, and the rate jumps to where the longer run's would be by then.
    """
    optimizers = {**then.get("optimizer", {}), **now.get("optimizer", {})}.values()
    falling = any(section.get("schedule", "constant") != "constant" for section in optimizers)
    changes = [change for change in differences(then, now) if not _FREE.fullmatch(change.key)]
    return [change for change in changes if falling or change.key != _LENGTH]


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
