"""Writes values and their reasons into the text of a YAML file, and leaves every other line as it is."""

import textwrap
import unicodedata
from collections.abc import Mapping
from typing import Any

from ganctl.experiment.yaml_source import KeyPath, YamlSource, dump_yaml, parse_yaml

Explained = Mapping[KeyPath, tuple[Any, str]]

_WIDTH = 110


def with_values(text: str, values: Explained) -> str:
    """Return the text with other values, each below a comment that gives its reason.

    Args:
        text: a YAML file in block style; the value of a replaced key stands on the key's line.
        values: what a key is to be, and why (empty: no comment). A key that the text lacks is added at the beginning of
            its section, which the text has.
    """
    source = parse_yaml(text, "")
    lines = text.splitlines()
    # From the bottom up, so that the places of what is still to be written stay true.
    for path, (value, reason) in sorted(values.items(), key=lambda item: _line(source, item[0]), reverse=True):
        line = _line(source, path)
        indent = "  " * (len(path) - 1)
        written = [*comment(reason, indent), f"{indent}{path[-1]}: {scalar(value)}"]
        replaced = path in source.places
        lines[line if replaced else line + 1 : line + 1] = written
    return "\n".join(lines) + "\n"


def without_head(text: str) -> str:
    """Return the text without the comment that it begins with."""
    lines = text.splitlines(keepends=True)
    first = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[first:])


def comment(text: str, indent: str = "") -> list[str]:
    """Return a text as lines of a comment; what begins with two spaces is not wrapped."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        paragraph = "".join("\N{REPLACEMENT CHARACTER}" if _unbearable(c) else c for c in paragraph)
        wrapped = [paragraph] if paragraph.startswith("  ") else textwrap.wrap(paragraph, _WIDTH) or [""]
        lines += [f"{indent}# {line}".rstrip() for line in wrapped]
    return lines


def _unbearable(character: str) -> bool:
    """Whether YAML forbids a character in a comment: control characters and halves of surrogate pairs."""
    return unicodedata.category(character) in ("Cc", "Cs")


def scalar(value: Any) -> str:
    """Return a plain value as YAML, in one line."""
    return dump_yaml(value, default_flow_style=True, width=10**9).removesuffix("\n").removesuffix("\n...")


def _line(source: YamlSource, path: KeyPath) -> int:
    """The number, from 0, of the line that a key stands on, or else its section."""
    return int(source.locate(path).rsplit(":", 2)[1]) - 1
