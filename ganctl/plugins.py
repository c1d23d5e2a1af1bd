"""Plugins: the user's own Python files that register models, losses, penalties, generator terms, augmentations
and data sets.

A plugin is code, and an experiment file may come from anyone. So a plugin runs only if the user names it
(`--plugin FILE`) or allows all (`--allow-plugins`); an experiment that names any other is refused.

Floor 3. May import: registry.
"""

import hashlib
import importlib.util
import os
import re
import shlex
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ganctl import registry
from ganctl.errors import ConfigurationError, GanctlError, UsageError

PLUGIN_PREFIX = "ganctl_plugin_"
"""The names of modules made from plugins begin with this."""


@dataclass(frozen=True)
class _Permission:
    """What the user permits: the named files, and whether files that experiments name may also run."""

    named: tuple[Path, ...] = ()
    everything: bool = False


@dataclass(frozen=True)
class _Loaded:
    """A plugin that has run, and the hash of the code that ran."""

    module: ModuleType
    sha256: str


# One for the whole process, like the registries that plugins write into.
_permission = _Permission()
_loaded: dict[Path, _Loaded] = {}


@contextmanager
def permitted(files: Iterable[str | Path], *, everything: bool = False) -> Iterator[None]:
    """Run these plugins, and permit experiments to use them while the body runs.

    Args:
        files: the files that the user named.
        everything: permit every file that an experiment names.

    Raises:
        UsageError: one is not a Python file, or fails; the message names the line.
    """
    global _permission
    before, named = _permission, tuple(_absolute(file) for file in files)
    for path in named:
        _load(path)
    _permission = _Permission((*before.named, *named), before.everything or everything)
    try:
        yield
    finally:
        _permission = before


def require(names: Sequence[str]) -> list[str]:
    """Run the plugins that an experiment names, if they are permitted.

    Returns:
        The absolute paths of these and of all that the user named, as the resolved experiment records them. A file that
        no longer exists is replaced by the file of the same name that the user named, if any.

    Raises:
        ConfigurationError: one is not permitted, or does not exist.
        UsageError: one fails.
    """
    found = []
    for index, name in enumerate(names):
        try:
            path = _absolute(name)
        except UsageError as error:
            raise ConfigurationError(str(error), key=f"plugins.{index}") from None
        moved = next((file for file in _permission.named if file.name == path.name), None)
        if path not in _permission.named and not os.path.exists(path) and moved:
            path = moved
        if path not in _permission.named and not _permission.everything:
            raise ConfigurationError(
                f"this experiment comes with a plugin, {path}. A plugin is Python code that can do anything, so it "
                f"runs only if you allow it: add --plugin {shlex.quote(name)}, or --allow-plugins for all that the "
                "experiment names.",
                key=f"plugins.{index}",
            )
        if not os.path.isfile(path):
            raise ConfigurationError(
                f"there is no file {path}. If it has moved, name its new location: --plugin NEW/PLACE/{path.name}",
                key=f"plugins.{index}",
            )
        _load(path)
        found.append(path)
    return [str(path) for path in dict.fromkeys([*found, *_permission.named])]


def as_options() -> list[str]:
    """Return the command-line options that permit the same plugins in another process."""
    named = [word for path in _permission.named for word in ("--plugin", str(path))]
    return [*named, *(["--allow-plugins"] if _permission.everything else [])]


def described() -> list[dict[str, str]]:
    """Return the path and SHA-256 of every plugin that has run, for run.json."""
    return [{"path": str(path), "sha256": loaded.sha256} for path, loaded in _loaded.items()]


def hashes(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the SHA-256 of the code that ran for a resolved experiment's plugins, by file name without the folder.

    Files in different folders may share a name.
    """
    found: dict[str, list[str]] = {}
    for path in map(Path, names):
        found[path.name] = sorted([*found.get(path.name, []), _loaded[path].sha256])
    return found


def blame(error: BaseException) -> str | None:
    """Return `file:line: error` if an error came from a plugin, or from code that TensorFlow traced from it."""
    files = {str(path) for path in _loaded}
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    text = str(error).strip() or type(error).__name__
    # TensorFlow traces a transformed copy of the code, and names the original lines in the message.
    frames += [(file, int(line)) for file, line in re.findall(r'File "([^"]+)", line (\d+)', text)]
    places = [f"{file}:{line}" for file, line in frames if file in files]
    if not places:
        return None
    return f"{places[-1]}: {type(error).__name__}: {in_one_line(error)}"


def in_one_line(error: BaseException) -> str:
    """Return an error's message without its type; TensorFlow's own puts the message last, after the traced calls."""
    kind = f"{type(error).__name__}:"
    text = str(error).strip() or type(error).__name__
    lines = [line.strip() for line in text.splitlines()]
    if lines[0].startswith("in user code"):
        # Keras appends the arguments of the layer's call.
        lines = [line.strip() for line in text.partition("Arguments received by")[0].splitlines() if line.strip()]
        lines = [line for line in lines if line.startswith(kind)][-1:] or lines[-1:]
    return lines[0].removeprefix(kind).strip()


def _absolute(file: str | Path) -> Path:
    """Return the path without links; raises UsageError for an invalid path, such as one with a null byte."""
    try:
        return Path(file).expanduser().resolve()
    except (ValueError, RuntimeError, OSError):
        raise UsageError(f"{str(file)!r} is not a valid path. Give the path of a Python file.") from None


def _load(path: Path) -> None:
    """Run a plugin once, and again if the file has changed since, as happens in a notebook."""
    try:
        if path.suffix != ".py":
            raise UsageError(f"--plugin takes a Python file, FILE.py. Received: {path}")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"The plugin {path} cannot be read: {error.strerror}.") from None
    sha256 = hashlib.sha256(content).hexdigest()
    known = _loaded.get(path)
    if known and known.sha256 == sha256:
        return
    if known:
        registry.forget(known.module.__name__)
    name = known.module.__name__ if known else _module_name(path)
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    _loaded[path] = _Loaded(module, sha256)
    try:
        # Not through the loader, which may use bytecode of an earlier version of the file.
        exec(compile(content, str(path), "exec"), module.__dict__)
    except BaseException as error:
        message = _failure(path, error)
        registry.forget(name)
        del _loaded[path], sys.modules[name]
        if isinstance(error, (Exception, SystemExit)):
            raise UsageError(message) from error
        raise  # Ctrl-C: drop the half-run plugin so that the next use loads it again


def _failure(path: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}:{error.lineno}: {type(error).__name__}: {error.msg}"
    if isinstance(error, GanctlError):
        return f"{path}: {error}"
    message = blame(error) or f"{path}: {type(error).__name__}: {error}"
    if isinstance(error, ImportError) and str(error.name).partition(".")[0] == "ganctl":
        message += ". Import what models, losses and augmentations need from ganctl.game; see docs/plugins.md"
    return message


def _module_name(path: Path) -> str:
    """Return a unique name for the plugin's module."""
    name = PLUGIN_PREFIX + re.sub(r"\W", "_", path.stem)
    return f"{name}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
