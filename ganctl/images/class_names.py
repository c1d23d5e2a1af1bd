"""Classes as users give them: by name, or by number."""

import re
from collections.abc import Sequence

from ganctl.errors import did_you_mean

_INTEGER = re.compile("-?[0-9]{1,18}")
_NAMES_SHOWN = 20


def class_number(given: int | str, names: Sequence[str]) -> int:
    """Return the number of a class.

    Args:
        given: a number, which is returned unchanged; or a name, in any case of its letters if no other class has
            exactly this name; or digits that are not a name.
        names: the name of each class.

    Raises:
        LookupError: no class, or several classes, have this name.
    """
    if not isinstance(given, str):
        return given
    found = [number for number, name in enumerate(names) if name == given] or [
        number for number, name in enumerate(names) if name.lower() == given.lower()
    ]
    if len(found) > 1:
        numbers = ", ".join(map(str, found))
        raise LookupError(f"several classes are called {given!r}. Give the number of one of them: {numbers}.")
    if found:
        return found[0]
    if _INTEGER.fullmatch(given):
        return int(given)
    known = ", ".join(names[:_NAMES_SHOWN]) or "none"
    raise LookupError(f"no class is called {given!r}.{did_you_mean(given, names)} The names: {known}")
