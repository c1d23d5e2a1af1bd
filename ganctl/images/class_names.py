"""Classes as users give them: by name, or by number."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ganctl.errors import did_you_mean

_INTEGER = re.compile("-?[0-9]{1,18}")
_NAMES_SHOWN = 20
_NOT_IN_FILE_NAMES = re.compile(r"[^\w.+]+")
_LONGEST_IN_FILE_NAMES = 40


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


def class_name(number: int, names: Sequence[str]) -> str:
    """Return the name of a class, or its number in digits if it has no name."""
    return names[number] if number < len(names) else str(number)


def listed(numbers: Iterable[int], names: Sequence[str]) -> str:
    """Return classes by number and name, `0 cat, 2 dog`, the first of many; one without a name by number alone."""
    shown = list(dict.fromkeys(numbers))
    words = [f"{number} {names[number]}" if number < len(names) else str(number) for number in shown[:_NAMES_SHOWN]]
    first = ", ".join(words)
    return f"{first} and {len(shown) - _NAMES_SHOWN} more" if len(shown) > _NAMES_SHOWN else first


def in_file_names(names: Sequence[str]) -> list[str]:
    """Return the name of each class as part of a file name: letters, digits and a few signs, `T-shirt-top`.

    A class whose name has none of them, or is then called like another one, gets its number.
    """
    parts = [_NOT_IN_FILE_NAMES.sub("-", name)[:_LONGEST_IN_FILE_NAMES].strip("-.") for name in names]
    taken = Counter(part.casefold() for part in parts)
    return [
        part if part and taken[part.casefold()] == 1 else f"{part or 'class'}-{number}"
        for number, part in enumerate(parts)
    ]
