"""What the studies train: the quickstart at half its width, shorter, and one thing changed."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

CONFIG = "configs/quickstart.yaml"
ITERATIONS = 1200
"""Of the reference; a recipe of equal time has as many as fit into the same processor time."""

LONGER = 4
"""How many times as long some recipes are trained to see what time changes."""

_BASE: Mapping[str, object] = {
    "model.capacity": 16,
    "training.precision": "float32",
    "training.xla": False,
    "evaluation.every": 0,
}


@dataclass(frozen=True)
class Recipe:
    """A training run but for its seed.

    Attributes:
        name: what tables call it, and the beginning of its run folders.
        changes: keys that differ from the reference, with their values.
        equal_time: whether it is trained as long as the reference in processor time, and not in iterations.
        longer: factor of that length.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    equal_time: bool = False
    longer: int = 1

    def lengthened(self) -> "Recipe":
        """Return the same, LONGER times as long."""
        return replace(self, name=f"{self.name}, {LONGER} times as long", longer=LONGER)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that differs from the quickstart, except iterations and seed."""
        return {**_BASE, **self.changes}

    def command(self, iterations: int) -> str:
        """Return the command that trains it, without its seed."""
        words = ["ganctl", "train", CONFIG]
        for key, value in {**self.settings, "training.iterations": iterations}.items():
            words += ["--set", shlex.quote(f"{key}={value if isinstance(value, str) else json.dumps(value)}")]
        return " ".join(words)


REFERENCE = Recipe("reference")
UNSMOOTHED = Recipe("minimax", {"loss.label_smoothing": 0.0})
"""The reference but for the label smoothing that the quickstart adds to its loss."""


def timed(recipes: Sequence[Recipe]) -> list[Recipe]:
    """Return those whose time decides how long they are trained, after the reference; empty if there are none.

    Of several that differ only in their length, the first.
    """
    found: list[Recipe] = []
    for recipe in recipes:
        if recipe.equal_time and all(recipe.changes != other.changes for other in found):
            found.append(recipe)
    return [REFERENCE, *found] if found else []
