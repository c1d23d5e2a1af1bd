"""Edits values in the text of a YAML file, each with a comment that gives its reason; other lines stay as they are."""

import itertools
import textwrap
import unicodedata
from collections.abc import Mapping
from typing import Any

from ganctl.experiment.yaml_source import KeyPath, YamlSource, dump_yaml, parse_yaml

Explained = Mapping[KeyPath, tuple[Any, str]]

_WIDTH = 110


def with_values(text: str, values: Explained) -> str:
    """Return the text with new values, each below a comment that gives its reason.

    Args:
        text: a YAML file in block style.
        values: the new value of each key, and the reason (empty: no comment). A key that the text lacks is added at the
            beginning of its section; a section that the text lacks is added at the end.
    """
    source = parse_yaml(text, "")
    for section in dict.fromkeys(path[0] for path in values if len(path) > 1 and path[:1] not in source.places):
        text += f"{section}:\n"
        source = parse_yaml(text, "")
    lines = text.splitlines()
    # From the bottom up, so that line numbers further up stay valid; of new keys of one section, the last one first.
    ordered = sorted(values.items(), key=lambda item: _line(source, item[0]))
    for path, (value, reason) in reversed(ordered):
        line = _line(source, path)
        indent = "  " * (len(path) - 1)
        written = [*comment(reason, indent), f"{indent}{path[-1]}: {scalar(value)}"]
        end = _end(lines, line) if path in source.places else line + 1
        lines[line if path in source.places else end : end] = written
    return "\n".join(lines) + "\n"


def without_head(text: str) -> str:
    """Return the text without its leading comment."""
    lines = text.splitlines(keepends=True)
    first = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[first:])


def without_keys_of(text: str, section: str) -> str:
    """Return the text with a section, which must exist, that has no keys; its comments go, too."""
    lines = text.splitlines(keepends=True)
    first = _line(parse_yaml(text, ""), (section,)) + 1
    inside = itertools.takewhile(lambda line: line[:1] in (" ", "#", "\n"), lines[first:])
    return "".join([*lines[: first - 1], f"{section}:\n", *lines[first + len(list(inside)) :]])


def comment(text: str, indent: str = "") -> list[str]:
    """Return a text as the lines of a comment; lines that begin with two spaces are not wrapped."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        paragraph = "".join("\N{REPLACEMENT CHARACTER}" if _not_allowed(c) else c for c in paragraph)
        wrapped = [paragraph] if paragraph.startswith("  ") else textwrap.wrap(paragraph, _WIDTH) or [""]
        lines += [f"{indent}# {line}".rstrip() for line in wrapped]
    return lines


def _not_allowed(character: str) -> bool:
    """Whether YAML forbids a character in a comment: control characters and lone surrogates."""
    return unicodedata.category(character) in ("Cc", "Cs")


def scalar(value: Any) -> str:
    """Return a plain value as YAML on one line."""
    return dump_yaml(value, default_flow_style=True, width=10**9).removesuffix("\n").removesuffix("\n...")


def _end(lines: list[str], line: int) -> int:
    """The first line after the value of the key on a line; comments below the value do not belong to it."""
    indent, end = _indent(lines[line]), line + 1
    for number in range(end, len(lines)):
        text = lines[number].strip()
        if text and not text.startswith("#"):
            if _indent(lines[number]) < indent + (not text.startswith("- ")):
                break
            end = number + 1
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _line(source: YamlSource, path: KeyPath) -> int:
    """The line number, from 0, of a key; of its section if the key is missing."""
    return int(source.locate(path).rsplit(":", 2)[1]) - 1
