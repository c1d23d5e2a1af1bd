"""What a run says about itself: config.yaml, run.json and log.txt."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from ganctl.errors import ConfigurationError
from ganctl.experiment.yaml_source import read_yaml
from ganctl.run_folder.course import EARLY_ENDS, RESTARTS, early_ends_in, restarts_in
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.progress import ENDED

MAX_LOG_LINES = 500


@dataclass(frozen=True)
class Facts:
    """What a run says about itself.

    Attributes:
        config: the resolved experiment.
        config_text: config.yaml as text.
        info: run.json, formatted for people.
        log: the last lines of log.txt.
        warnings: those of its lines that a reader must not miss.
        notes: what could not be read, in words.
        rows: what the rows of the sample grids show, in a sentence; empty if every cell is a sample.
        course: each restart and each early end of the run, in words.
    """

    config: dict[str, Any]
    config_text: str
    info: dict[str, str]
    log: list[str]
    warnings: list[str]
    notes: list[str]
    rows: str = ""
    course: tuple[str, ...] = ()

    def value(self, *keys: str) -> Any:
        """Return the value of a key of the experiment; None if it is missing."""
        value: Any = self.config
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


def read_facts(folder: RunFolder) -> Facts:
    """Read what a run says about itself, with its files in any state."""
    notes: list[str] = []
    config: dict[str, Any] = {}
    info: dict[str, str] = {}
    rows = ""
    course: tuple[str, ...] = ()
    try:
        config = read_yaml(folder.config).data
    except ConfigurationError as error:
        notes.append(str(error))
    try:
        stored = json.loads(folder.info.read_text("utf-8", errors="replace"))
        info = _worded(stored)
        rows = _rows_in_words(stored.get("grids"))
        course = tuple(str(event) for event in (*restarts_in(stored), *early_ends_in(stored)))
    except (OSError, ValueError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a JSON object"
        notes.append(f"Versions, device and data set of the run are unknown: {folder.info.name}: {reason}.")
    log = _text(folder.log).splitlines()[-MAX_LOG_LINES:]
    # How a run ended matters only until it is resumed.
    warnings = [line for line in log if line.startswith("Warning:")] + [
        line for line in log[-1:] if line.startswith(ENDED)
    ]
    return Facts(config, _text(folder.config), info, log, list(dict.fromkeys(warnings)), notes, rows, course)


def _rows_in_words(grids: Any) -> str:
    """Return what run.json says about the rows of the sample grids in a sentence; empty if it says nothing."""
    if not isinstance(grids, dict) or not all(isinstance(grid, dict) for grid in grids.values()):
        return ""
    told = []
    for name, grid in grids.items():
        rows = [str(row) for row in grid.get("rows", ())]
        named = [f"{row} ({grid.get('inputs', 'images')})" if row == "input" else row for row in rows]
        told.append((f"{name}: " if len(grids) > 1 else "") + ", ".join(named))
    return f"Rows, repeating from the top: {'; below, '.join(told)}." if told else ""


def _text(path: Any) -> str:
    try:
        return str(path.read_text("utf-8", errors="replace"))
    except OSError:
        return ""


def _worded(info: dict[str, Any]) -> dict[str, str]:
    """Return run.json as labelled lines; a key from another version is shown as it is."""
    lines: dict[str, str] = {}
    for key, value in info.items():
        if key == "command" and isinstance(value, list):
            lines[key] = shlex.join(map(str, value))
        elif isinstance(value, dict) and value.keys() == {"name", "reason"}:
            lines[key] = f"{value['name']} ({value['reason']})"
        elif key == "dataset" and isinstance(value, dict):
            lines |= {f"dataset {inner}": _short(fact) for inner, fact in value.items() if fact not in ([], None)}
        elif key not in ("grids", EARLY_ENDS, RESTARTS) and value not in ([], {}, None):
            lines[key] = _short(value)
    return lines


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return (" x " if all(isinstance(item, int) for item in value) else ", ").join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
