"""Overrides and configurations given as dictionaries, as the text of a YAML file."""

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ganctl.errors import UsageError
from ganctl.runs.arguments import Overrides


def as_settings(overrides: Overrides) -> list[str]:
    """Return overrides as `--set` takes them; JSON is valid YAML."""
    if isinstance(overrides, Mapping):
        return [f"{key}={as_json(value)}" for key, value in overrides.items()]
    return list(overrides)


def as_json(value: Any) -> str:
    """Return a value as JSON; raises UsageError for anything that YAML cannot express."""
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"A configuration can only hold strings, numbers, lists and dictionaries: {error}") from None


def _plain(value: object) -> Any:
    """Return a path as a string, NumPy numbers and arrays as Python's own."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"{value!r} is of type {type(value).__name__}.")
