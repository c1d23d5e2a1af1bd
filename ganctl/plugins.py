"""Plugins: Python files of the user's that register models, losses, penalties, augmentations and data sets.

A plugin is code, and an experiment file may come from anybody. So only files run that the user names (`--plugin FILE`)
or allows (`--allow-plugins`); an experiment that names another is refused.

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
"""With this begin the names of the modules that plugins become."""


@dataclass(frozen=True)
class _Permission:
    """What the user said: the files that were named, and whether those that experiments name may run as well."""

    named: tuple[Path, ...] = ()
    everything: bool = False


@dataclass(frozen=True)
class _Loaded:
    """A plugin that was run, and the hash of what was run."""

    module: ModuleType
    sha256: str


# Of the process, like the registries that plugins write into.
_permission = _Permission()
_loaded: dict[Path, _Loaded] = {}


@contextmanager
def permitted(files: Iterable[str | Path], *, everything: bool = False) -> Iterator[None]:
    """Run these plugins, and permit experiments to name them while the body runs.

    Args:
        files: what the user named.
        everything: permit whatever file an experiment names.

    Raises:
        UsageError: one is no Python file, or fails; the message says in which of its lines.
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
        is not there any more is the named one that is called the same.

    Raises:
        ConfigurationError: one is not permitted, or not there.
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
                f"this experiment comes with a plugin, {path}. It is Python code that could do anything, so it runs "
                f"only if you say so: add --plugin {shlex.quote(name)}, or --allow-plugins for all that are named.",
                key=f"plugins.{index}",
            )
        if not os.path.isfile(path):
            raise ConfigurationError(
                f"there is no file {path}. Where it has moved, say so: --plugin NEW/PLACE/{path.name}",
                key=f"plugins.{index}",
            )
        _load(path)
        found.append(path)
    return [str(path) for path in dict.fromkeys([*found, *_permission.named])]


def described() -> list[dict[str, str]]:
    """Return path and SHA-256 of every plugin that was run, for run.json."""
    return [{"path": str(path), "sha256": loaded.sha256} for path, loaded in _loaded.items()]


def hashes(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the SHA-256 of what was run of a resolved experiment's plugins, by the files' names: folders mean nothing.

    Several files in several folders may have one name.
    """
    found: dict[str, list[str]] = {}
    for path in map(Path, names):
        found[path.name] = sorted([*found.get(path.name, []), _loaded[path].sha256])
    return found


def blame(error: BaseException) -> str | None:
    """Return `file:line: error` where an error came out of a plugin, also out of what TensorFlow made of its code."""
    files = {str(path) for path in _loaded}
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    text = str(error).strip() or type(error).__name__
    # TensorFlow traces another form of the code, and tells of the original in the message.
    frames += [(file, int(line)) for file, line in re.findall(r'File "([^"]+)", line (\d+)', text)]
    places = [f"{file}:{line}" for file, line in frames if file in files]
    if not places:
        return None
    return f"{places[-1]}: {type(error).__name__}: {in_one_line(error)}"


def in_one_line(error: BaseException) -> str:
    """Return what an error says, without its kind; of what TensorFlow traced it tells the whole way, and that last."""
    kind = f"{type(error).__name__}:"
    text = str(error).strip() or type(error).__name__
    lines = [line.strip() for line in text.splitlines()]
    if lines[0].startswith("in user code"):
        # Keras lists below what a layer was called with.
        lines = [line.strip() for line in text.partition("Arguments received by")[0].splitlines() if line.strip()]
        lines = [line for line in lines if line.startswith(kind)][-1:] or lines[-1:]
    return lines[0].removeprefix(kind).strip()


def _absolute(file: str | Path) -> Path:
    """The file without links; raises UsageError for what can be no path, such as one with a zero byte."""
    try:
        return Path(file).expanduser().resolve()
    except (ValueError, RuntimeError, OSError):
        raise UsageError(f"{str(file)!r} is no path of a plugin.") from None


def _load(path: Path) -> None:
    """Run a plugin once; again where the file has changed since, as it does in a notebook."""
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
        # Not through the loader, which may take what an earlier version of the file was compiled to.
        exec(compile(content, str(path), "exec"), module.__dict__)
    except BaseException as error:
        message = _failure(path, error)
        registry.forget(name)
        del _loaded[path], sys.modules[name]
        if isinstance(error, (Exception, SystemExit)):
            raise UsageError(message) from error
        raise  # Ctrl-C: what ran of the plugin is forgotten, and it runs again when it is wanted again


def _failure(path: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}:{error.lineno}: {type(error).__name__}: {error.msg}"
    if isinstance(error, GanctlError):
        return f"{path}: {error}"
    message = blame(error) or f"{path}: {type(error).__name__}: {error}"
    if isinstance(error, ImportError) and str(error.name).partition(".")[0] == "ganctl":
        message += ". The words of models, losses and augmentations are imported from ganctl.game; see docs/plugins.md"
    return message


def _module_name(path: Path) -> str:
    """A name for the plugin's module that no other has."""
    name = PLUGIN_PREFIX + re.sub(r"\W", "_", path.stem)
    return f"{name}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
