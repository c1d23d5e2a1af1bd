"""The search space of a sweep: a range or a choice for each key, as in its file."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganctl.errors import ConfigurationError

KINDS = ("uniform", "log", "int", "choice")
_STEP = "step"
_DIGITS = 4
"""Significant digits of a value: 0.0003817 can be read and typed again."""
_MOST_PROBED = 16


@dataclass(frozen=True)
class Numbers:
    """Numbers between two ends, both included.

    Attributes:
        key: the dotted key of the experiment.
        low, high: the ends.
        log: whether values are drawn uniformly on a logarithmic scale.
        step: the difference between neighbouring integers; None if the values are not integers.
    """

    key: str
    low: float
    high: float
    log: bool = False
    step: int | None = None

    def suggested(self, trial: Any) -> float | int:
        """Return the value of an Optuna trial, which is drawn now unless it has one."""
        if self.step is not None:
            return int(trial.suggest_int(self.key, int(self.low), int(self.high), step=self.step))
        return self.decoded(trial.suggest_float(self.key, self.low, self.high, log=self.log))

    def decoded(self, stored: Any) -> float | int:
        """Return the value of the experiment for what Optuna stores."""
        if self.step is not None:
            return int(stored)
        return min(max(float(f"{stored:.{_DIGITS}g}"), self.low), self.high)

    def encoded(self, value: Any) -> Any:
        """Return what Optuna stores for a value; None if the value is not in the range."""
        if type(value) not in (int, float) or not self.low <= value <= self.high:
            return None
        if self.step is None:
            return float(value)
        return value if type(value) is int and (value - int(self.low)) % self.step == 0 else None

    @property
    def probes(self) -> list[Any]:
        """Values to check before the sweep: both ends, or all integers if they are few."""
        if self.step is None:
            return [self.low, self.high]
        low, high = int(self.low), int(self.high)
        few = [*range(low, high + 1, self.step)]
        return few if len(few) <= _MOST_PROBED else [few[0], few[-1]]

    def __str__(self) -> str:
        if self.step is not None:
            steps = f" in steps of {self.step}" if self.step > 1 else ""
            return f"{int(self.low)} to {int(self.high)}{steps}"
        return f"{self.low:g} to {self.high:g}{', logarithmic' if self.log else ''}"


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Attributes:
        key: the dotted key of the experiment.
        values: plain values of any kind, such as strings or whole sections.
    """

    key: str
    values: tuple[Any, ...]
    log = False

    def suggested(self, trial: Any) -> Any:
        """Return the value of an Optuna trial, which is drawn now unless it has one."""
        # As JSON, because Optuna stores neither lists nor dictionaries, and takes 1 and true for the same.
        return self.decoded(trial.suggest_categorical(self.key, [json.dumps(value) for value in self.values]))

    def decoded(self, stored: Any) -> Any:
        """Return the value of the experiment for what Optuna stores."""
        return json.loads(stored)

    def encoded(self, value: Any) -> Any:
        """Return what Optuna stores for a value; None if the value is not in the range."""
        same = [each for each in self.values if _alike(each, value)]
        return json.dumps(same[0]) if same else None

    @property
    def probes(self) -> list[Any]:
        """Values to check before the sweep: all of them."""
        return list(self.values)

    def __str__(self) -> str:
        return "one of " + ", ".join(json.dumps(value, ensure_ascii=False).strip('"') for value in self.values)


Range = Numbers | Choice


def _alike(one: Any, other: Any) -> bool:
    """Whether two values mean the same in an experiment: 1 and 1.0 do, 1 and true do not."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def read_range(key: str, given: Any) -> Range:
    """Return the range of a key; raises ConfigurationError for anything else.

    Args:
        key: the dotted key of the experiment.
        given: a mapping with a kind and its ends or values, such as `{log: [1e-5, 1e-2]}`.
    """
    kinds = [kind for kind in KINDS if isinstance(given, Mapping) and kind in given]
    if len(kinds) != 1 or set(given) - {kinds[0], *([_STEP] if kinds[0] == "int" else [])}:
        raise ConfigurationError(
            "expected one of uniform: [LOW, HIGH], log: [LOW, HIGH], int: [LOW, HIGH] (also with step: N) and "
            f"choice: [VALUE, ...]. Received: {_shown(given)}"
        )
    kind, values = kinds[0], given[kinds[0]]
    if kind == "choice":
        return _choice(key, values)
    numbers = isinstance(values, list) and len(values) == 2 and all(type(end) in (int, float) for end in values)
    if not numbers or not all(map(math.isfinite, values)) or not values[0] < values[1]:
        raise ConfigurationError(
            f"{kind} takes two numbers, a lower and a higher one: [LOW, HIGH]. Received: {_shown(values)}"
        )
    if kind == "log" and values[0] <= 0:
        raise ConfigurationError(f"the lower end of log must be above 0. Received: {_shown(values)}")
    if kind != "int":
        return Numbers(key, float(values[0]), float(values[1]), log=kind == "log")
    step = given.get(_STEP, 1)
    if not all(type(end) is int for end in (*values, step)) or step < 1:
        raise ConfigurationError(f"int takes whole numbers, and a step of at least 1. Received: {_shown(given)}")
    if (values[1] - values[0]) % step:
        raise ConfigurationError(
            f"{values[1]} cannot be reached from {values[0]} in steps of {step}. Received: {_shown(given)}"
        )
    return Numbers(key, values[0], values[1], step=step)


def _choice(key: str, values: Any) -> Choice:
    different = isinstance(values, list) and len({json.dumps(value, sort_keys=True) for value in values}) == len(values)
    if not different or len(values) < 2:
        raise ConfigurationError(f"choice takes a list of two or more different values. Received: {_shown(values)}")
    return Choice(key, tuple(values))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
