"""Where data sets are: at the user's `path:`, or where Keras keeps its downloads."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganctl.errors import ConfigurationError, DataError
from ganctl.experiment.sections import DatasetSection
from ganctl.host.files import reading, shown
from ganctl.images.image_set import Track
from ganctl.lazy import keras

_SECONDS_WITHOUT_AN_ANSWER = 20.0


def given_path(config: DatasetSection, wanted: str) -> Path:
    """Return `path:` as absolute; raises ConfigurationError if the key is missing, DataError if nothing is there."""
    if config.path is None:
        raise ConfigurationError(f"the data set '{config.name}' needs the path of {wanted}.", key="dataset.path")
    path = Path(os.path.expanduser(config.path)).absolute()
    with reading(path):
        if not path.exists():
            raise DataError(f"There is nothing at {shown(path)}. Put {wanted} there, or correct `dataset.path`.")
        if not path.is_file() and not path.is_dir():
            # A pipe would block for ever, and /dev/zero would fill the memory.
            raise DataError(f"{shown(path)} is neither a file nor a folder. `dataset.path` must name {wanted}.")
    return path


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
