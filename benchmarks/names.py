"""An option that takes some of a list of names."""

from collections.abc import Sequence
from typing import Any

import click

from ganctl.errors import did_you_mean


class Names(click.ParamType):
    """Some of a list of names, with commas between them; the value is a list of them in the order of that list.

    Args:
        known: all names.
    """

    name = "names"

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Return the names; fails for one that is not known."""
        if isinstance(value, list):
            return value
        asked = [name.strip() for name in value.split(",") if name.strip()]
        for name in asked:
            if name not in self._known:
                hint = did_you_mean(name, self._known)
                self.fail(f"there is no '{name}'.{hint} Known: {', '.join(self._known)}.", param, ctx)
        return [name for name in self._known if name in asked]
