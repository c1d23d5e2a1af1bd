"""The rooms of ganctl as their door plates describe them, and what their files really import.

A door plate is the docstring of a room's `__init__.py`, or of a module that is a room by itself. Its last paragraph
says `Floor N. May import: room, room.` or `Floor N. May import nothing.`; `a shelf` marks a room whose files a YAML
file names. Floor 1 may be imported from everywhere.
"""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "ganctl"
_PLATE = re.compile(r"Floor (\d)(, a shelf)?\. May import(?:: ([a-z_,\s]+)| nothing)\.")


@dataclass(frozen=True)
class Room:
    """A package or module right below ganctl.

    Attributes:
        name: as it is imported.
        floor: 1 is the lowest.
        shelf: whether it holds only what a YAML file can name.
        may_import: rooms, besides those of floor 1.
        holds: the first sentence of its door plate.
    """

    name: str
    floor: int
    shelf: bool
    may_import: frozenset[str]
    holds: str


def modules() -> list[Path]:
    """Return every file of the package; the configurations that a wheel carries are none."""
    return sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "configs")


def dotted(path: Path) -> str:
    """Return a module's name below ganctl; a package's own file has the package's name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "__init__"


def room_of(module: str) -> str:
    """Return the room of a module, given by its name below ganctl."""
    return module.split(".")[0]


@cache
def rooms() -> dict[str, Room]:
    """Return every room by name; raises ValueError where one has no door plate."""
    found = {}
    for path in modules():
        relative = path.relative_to(PACKAGE)
        if len(relative.parts) == 1 or (len(relative.parts) == 2 and path.name == "__init__.py"):
            name = room_of(dotted(path))
            text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            plate = _PLATE.search(text)
            if plate is None:
                raise ValueError(f"ganctl/{relative} has no door plate: 'Floor N. May import: ...' ends its docstring.")
            allowed = frozenset(re.findall(r"\w+", plate[3] or ""))
            holds = re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0]
            found[name] = Room(name, int(plate[1]), bool(plate[2]), allowed, holds)
    return found


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Return the modules of ganctl that a file imports anywhere, also within functions."""
    known = {dotted(module) for module in modules()}
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "ganctl"}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}: write imports out in full, not relative.")
            if (node.module or "").split(".")[0] == "ganctl":
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found.add(whole if whole.removeprefix("ganctl.") in known else str(node.module))
    return frozenset(name.removeprefix("ganctl").removeprefix(".") or "__init__" for name in found)


def between_rooms() -> dict[str, set[str]]:
    """Return the rooms that each room imports, apart from itself."""
    found: dict[str, set[str]] = {name: set() for name in rooms()}
    for path in modules():
        own = room_of(dotted(path))
        found[own] |= {room_of(module) for module in imports_of(path)} - {own}
    return found
