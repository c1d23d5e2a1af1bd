"""What the doctor says of many runs: each is examined once, and again only when its files have changed."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from ganctl.errors import UsageError
from ganctl.host.cache_root import cache_root
from ganctl.host.files import write_atomically
from ganctl.run_folder.paths import RunFolder
from ganctl.version import __version__

Found = list[dict[str, str]]
"""Name and severity of each finding, the worst first."""


class KnownFindings:
    """The findings of runs, kept in the user's cache between two listings. A cache that cannot be used is left out."""

    def __init__(self) -> None:
        self._path = cache_root() / "findings.json"
        self._known: dict[str, Any] = {}
        self._changed = False
        with suppress(OSError, ValueError, RecursionError):
            known = json.loads(self._path.read_text("utf-8"))
            self._known = known if isinstance(known, dict) else {}

    def of(self, folder: RunFolder) -> Found | None:
        """Return the findings of a run; None if it has nothing to examine yet."""
        path, files = os.path.abspath(folder.path), _state_of(folder)
        known = self._known.get(path)
        if not isinstance(known, dict) or known.get("files") != files:
            known = self._known[path] = {"files": files, "findings": _examined(folder.path)}
            self._changed = True
        found: Found | None = known.get("findings")
        return found

    def save(self) -> None:
        """Keep what is known of the runs that still exist."""
        if not self._changed:
            return
        kept = {path: known for path, known in self._known.items() if os.path.isdir(path)}
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(kept).encode(), durable=False)


def _examined(path: Path) -> Found | None:
    # Only here, because most listings find everything known.
    from ganctl.diagnosis.doctor import examine

    try:
        return [{"name": each.name, "severity": str(each.severity)} for each in examine(path).findings]
    except (UsageError, OSError):
        return None


def _state_of(folder: RunFolder) -> list[Any]:
    """Return what changes with every file that the doctor reads, and with every version of it."""
    files: list[Any] = [__version__]
    for path in (folder.losses, folder.metrics, folder.vitals, folder.config, folder.info, folder.log):
        try:
            state = path.stat()
            files.append([state.st_size, state.st_mtime_ns])
        except OSError:
            files.append(None)
    return files
