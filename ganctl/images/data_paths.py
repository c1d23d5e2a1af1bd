"""Where data sets are: at the user's `path:`, or where Keras keeps its downloads."""

import itertools
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import reading, shown
from ganctl.images.containers import Folder
from ganctl.images.folder_listing import natural_order, training_files
from ganctl.images.image_set import Track
from ganctl.lazy import keras

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_MOST_FILES = 1_000_000

_SECONDS_WITHOUT_AN_ANSWER = 20.0


def given_path(config: DatasetSection, wanted: str, key: Literal["path", "path_b"] = "path") -> Path:
    """Return `path:` as absolute; raises ConfigurationError if the key is missing, DataError if nothing is there.

    Args:
        config: has the path.
        wanted: what it must name, in words.
        key: the key that has the path.
    """
    given = getattr(config, key)
    if given is None:
        raise ConfigurationError(f"the data set '{config.name}' needs the path of {wanted}.", key=f"dataset.{key}")
    path = Path(os.path.expanduser(given)).absolute()
    with reading(path):
        if not path.exists():
            raise DataError(f"There is nothing at {shown(path)}. Put {wanted} there, or correct `dataset.{key}`.")
        if not path.is_file() and not path.is_dir():
            # A pipe would block for ever, and /dev/zero would fill the memory.
            raise DataError(f"{shown(path)} is neither a file nor a folder. `dataset.{key}` must name {wanted}.")
    return path


def given_files(config: DatasetSection, wanted: str, suffixes: tuple[str, ...]) -> tuple[list[Path], int]:
    """Return the files that `path:` stands for, and how many files of other parts of the data were left out.

    It is one file, a folder of files, or a pattern with braces: `{00..09}` stands for ten numbers, `{a,b}` for two
    words. Files of a folder are in natural order. If their names say that some are for training and others for tests,
    only the former are returned.

    Args:
        config: has the path.
        wanted: what it must name, in words.
        suffixes: the ends of the names of files in a folder, lower case.

    Raises:
        ConfigurationError: the key is missing.
        DataError: nothing is there, or it is unclear which files are for training.
    """
    if config.path is not None and "{" in config.path and not os.path.exists(os.path.expanduser(config.path)):
        each = (config.model_copy(update={"path": name}) for name in _expanded(config.path))
        return [given_path(one, wanted) for one in each], 0
    path = given_path(config, wanted)
    if path.is_file():
        return [path], 0
    names = [file.name for file in Folder(path).files()[0] if file.name.lower().endswith(suffixes)]
    if not names:
        raise DataError(f"{shown(path)} contains no {suffixes[0]} file. `dataset.path` must name {wanted}.")
    training = training_files(names)
    if training is None:
        raise DataError(
            f"{shown(path)} contains files for training, files for tests, and others, such as "
            f"{', '.join(sorted(names, key=natural_order)[:3])}. Put those to learn from into a folder of their own."
        )
    return [path / name for name in sorted(training, key=natural_order)], len(names) - len(training)


def _expanded(pattern: str) -> Iterator[str]:
    """Yield the names that a pattern with braces stands for, as a shell does; raises ConfigurationError."""
    parts = _BRACES.split(pattern)
    choices = [[part] if place % 2 == 0 else _choices(part) for place, part in enumerate(parts)]
    if len(parts) == 1 or not all(choices):
        raise ConfigurationError(
            f"the pattern should have braces such as {{000..009}} or {{a,b}}. Received: {pattern}", key="dataset.path"
        )
    for words in itertools.islice(itertools.product(*choices), _MOST_FILES):
        yield "".join(words)


def _choices(inside: str) -> list[str]:
    """Return what a pair of braces stands for; an empty list if it is not a pattern."""
    limits = _RANGE.fullmatch(inside)
    if limits is None:
        return inside.split(",") if "," in inside else []
    first, last = int(limits[1]), int(limits[2])
    # A shell pads all numbers to the same width if one of them has leading zeros.
    padded = any(limit.startswith("0") and len(limit) > 1 for limit in limits.groups())
    width = max(map(len, limits.groups())) if padded else 0
    return [f"{number:0{width}d}" for number in range(first, min(last, first + _MOST_FILES) + 1)]


def keras_datasets() -> Path:
    """Return the folder into which Keras downloads data sets."""
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    return Path(home).expanduser().absolute() / "datasets"


def downloaded(
    name: str, origin: str, sha256: str | None, track: Track, subfolder: str = "", extract: bool = False
) -> Path:
    """Return a file (or the folder it is extracted to) in Keras' cache; Keras downloads it if it is missing.

    Args:
        name: its name in the cache.
        origin: its URL.
        sha256: the hash that the downloaded file must have; None: not checked.
        track: shows progress.
        subfolder: its folder in the cache.
        extract: whether it is an archive to extract.
    """
    target = keras_datasets() / subfolder / name
    if target.is_file():
        return target
    try:
        for _ in track([target], f"Downloading {name}", total=None):
            with _quiet_network():
                found = keras.utils.get_file(
                    name,
                    origin,
                    file_hash=sha256,
                    extract=extract,
                    cache_subdir=os.path.join("datasets", subfolder),
                    cache_dir=str(keras_datasets().parent),
                )
    except Exception as error:
        raise DataError(
            f"There is nothing at {shown(target)}, and downloading it from {origin} failed: {error}. "
            "Without internet, put the file there or give its path as `dataset.path`."
        ) from error
    return Path(found)


@contextmanager
def _quiet_network() -> Iterator[None]:
    """Set a timeout for servers that do not answer, and keep Keras from printing."""
    timeout, talkative = socket.getdefaulttimeout(), keras.config.is_interactive_logging_enabled()
    socket.setdefaulttimeout(_SECONDS_WITHOUT_AN_ANSWER)
    keras.config.disable_interactive_logging()
    try:
        yield
    finally:
        socket.setdefaulttimeout(timeout)
        if talkative:
            keras.config.enable_interactive_logging()
