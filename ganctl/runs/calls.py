"""What every call from Python needs: paths with ~, permission for plugins, warnings."""

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ganctl.errors import GanctlError
from ganctl.plugins import blame, permitted
from ganctl.runs.arguments import Plugins


def user_path(path: str | os.PathLike[str]) -> Path:
    """Return the path with ~ expanded to the home folder."""
    return Path(os.path.expanduser(path))


def warn_of(notes: Iterable[str]) -> None:
    """Issue warnings at the line that called a `checked` function."""
    for note in notes:
        warnings.warn(note.removeprefix("Warning: "), stacklevel=4)


@contextmanager
def permitted_plugins(plugins: Plugins, allow_plugins: bool) -> Iterator[None]:
    """Permit plugins while the body runs; an error in one of them becomes a GanctlError that names its line."""
    with permitted([os.fspath(plugin) for plugin in plugins], everything=allow_plugins):
        try:
            yield
        except GanctlError:
            raise
        except Exception as error:
            place = blame(error)
            if place is None:
                raise
            raise GanctlError(place) from error
