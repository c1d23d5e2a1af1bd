"""Reads YAML 1.2, remembers where every key stands, and writes YAML that reads back as the same values.

PyYAML's own loader reads `2e-4` as a string and `on` as True, and drops duplicate keys. Here scalars follow the
YAML 1.2 core schema and a duplicate key is an error. Tags, alias bombs and endless nesting are refused before they
cost time or memory.
"""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ganctl.errors import ConfigurationError

MAX_BYTES = 200_000
MAX_DEPTH = 20
MAX_VALUES = 5_000

TOO_MUCH = "too many or too deeply nested values for an experiment file"

KeyPath = tuple[str | int, ...]


_TEXT = "tag:yaml.org,2002:str"


class _CoreSchemaLoader(yaml.SafeLoader):
    """PyYAML's loader with the scalars of the YAML 1.2 core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose one node; refuses too many or too deeply nested nodes before they exhaust time or stack."""
        self._depth += 1
        self._nodes += 1
        try:
            # Keys are nodes as well: twice as many nodes as values.
            if self._depth > MAX_DEPTH + 1 or self._nodes > 2 * MAX_VALUES:
                raise yaml.MarkedYAMLError(problem=TOO_MUCH, problem_mark=self.peek_event().start_mark)
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


class _QuickLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same scalars from libyaml: twenty times as fast, but without limits, and with other words in its errors."""

    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    for _loader in (_CoreSchemaLoader, _QuickLoader):
        _loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


class _CoreSchemaDumper(yaml.SafeDumper):
    """PyYAML's dumper, which quotes strings that YAML 1.1 would read as another type; here also those of 1.2 (2e-4)."""

    def represent_string(self, text: str) -> yaml.ScalarNode:
        """Return a string's node, unquoted only if it reads back as a string."""
        # PyYAML writes a next-line character unescaped, and reads it back as a space.
        plain = "\x85" not in text and _CoreSchemaLoader("").resolve(yaml.ScalarNode, text, (True, False)) == _TEXT
        node: yaml.ScalarNode = self.represent_scalar(_TEXT, text, style=None if plain else '"')
        return node


_CoreSchemaDumper.add_representer(str, _CoreSchemaDumper.represent_string)

_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "null", "bool", "int", "float"))


@dataclass(frozen=True)
class Words:
    """What was typed for an argument of a builder, whose signature tells later whether it is text or YAML.

    Attributes:
        text: the words as they were typed.
        value: what they are as YAML, or the text itself if they are not valid YAML.
    """

    text: str
    value: Any


@dataclass
class YamlSource:
    """The values of a YAML file, and where each key stands.

    Attributes:
        name: the file, as error messages name it.
        data: nested dictionaries and lists; None for an empty file.
        places: `file:line:column` of every key, counted from 1; for an override, its `--set` argument.
        typed: what was typed in `--set` for arguments of builders.
    """

    name: str
    data: Any = field(default_factory=dict)
    places: dict[KeyPath, str] = field(default_factory=dict)
    typed: dict[KeyPath, Words] = field(default_factory=dict)

    def locate(self, path: KeyPath) -> str:
        """Return `file:line:column` of a key, or of the nearest parent that stands in the file."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, self.name)


def read_yaml(path: Path) -> YamlSource:
    """Read a YAML file; raises ConfigurationError if it is not a mapping of plain values."""
    source = parse_yaml(_text_of(path), str(path))
    if not isinstance(source.data, dict):
        raise ConfigurationError(f"{path}: expected `key: value` lines at the top level, found {_kind(source.data)}.")
    return source


def skim_yaml(path: Path) -> dict[str, Any]:
    """Return the values of a YAML file as `read_yaml` does, in a tenth of the time: for hundreds of files at once.

    What libyaml does not read is left to `read_yaml`, which reads it or says what is wrong.
    """
    try:
        node = yaml.compose(_text_of(path), Loader=_QuickLoader)
    except yaml.YAMLError:
        return dict(read_yaml(path).data)
    found = None if node is None else _Reader(YamlSource(str(path))).value(node, ())
    return found if isinstance(found, dict) else dict(read_yaml(path).data)


def _text_of(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ConfigurationError(
                f"{path}: {size:,} bytes are too many for an experiment file (at most {MAX_BYTES:,})."
            )
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 (byte {error.start}). Save the file as UTF-8.") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}.") from None


def parse_yaml(text: str, name: str) -> YamlSource:
    """Parse YAML text; raises ConfigurationError with line and column."""
    source = YamlSource(name)
    try:
        node = yaml.compose(text, Loader=_CoreSchemaLoader)
        source.data = None if node is None else _Reader(source).value(node, ())
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_explain(error, name, text)) from None
    except yaml.YAMLError as error:  # characters that YAML does not allow
        raise ConfigurationError(f"{name}: {' '.join(str(error).split())}.") from None
    return source


def quoted_string(text: str, name: str) -> str | None:
    """Return what a quoted YAML string holds, as `parse_yaml` reads it; None if the text is anything else."""
    try:
        node = yaml.compose(text, Loader=_CoreSchemaLoader)
    except yaml.YAMLError:
        return None
    quoted = isinstance(node, yaml.ScalarNode) and node.style in ("'", '"') and node.tag == _TEXT
    return str(parse_yaml(text, name).data) if quoted else None


def dump_yaml(value: Any, **style: Any) -> str:
    """Return plain values as YAML that `parse_yaml` reads back as the same; `style` as in PyYAML's `dump`."""
    style = {"sort_keys": False, "allow_unicode": True, **style}
    dumped: str = yaml.dump(value, Dumper=_CoreSchemaDumper, **style)
    return dumped


def _explain(error: yaml.MarkedYAMLError, name: str, text: str) -> str:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return f"{name}: {error.problem}."
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    problem = (
        "YAML cannot be indented with tabs; use spaces"
        if line[: mark.column + 1].find("\t") >= 0
        else str(error.problem)
    )
    return f"{name}:{mark.line + 1}:{mark.column + 1}: {problem}."


def _kind(value: object) -> str:
    return {list: "a list", str: "a string", type(None): "nothing"}.get(type(value), f"the value {value!r}")


class _Reader:
    """Turns composed nodes into plain values and counts them; an alias counts as all that it expands to."""

    def __init__(self, source: YamlSource) -> None:
        self._source = source
        self._values = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._values += 1
        if self._values > MAX_VALUES or len(path) > MAX_DEPTH:
            raise ConfigurationError(f"{self._place(node)}: {TOO_MUCH}.")
        if isinstance(node, yaml.MappingNode):
            self._refuse_tag(node, "map")
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            self._refuse_tag(node, "seq")
            return [self._item(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._scalar(node)

    def _item(self, node: yaml.Node, path: KeyPath) -> Any:
        self._source.places[path] = self._place(node)
        return self.value(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigurationError(f"{self._place(key_node)}: a key must be a plain word.")
            if key_node.tag not in _PLAIN_TAGS:
                raise self._refused(key_node)
            self._refuse_lone_surrogates(key_node)
            key = key_node.value.lower()
            if key in result:
                first = self._source.places[(*path, key)]
                raise ConfigurationError(
                    f"{self._place(key_node)}: '{key_node.value}' is given twice (first at {first})."
                )
            self._source.places[(*path, key)] = self._place(key_node)
            result[key] = self.value(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        self._refuse_lone_surrogates(node)
        tag, text = node.tag.removeprefix("tag:yaml.org,2002:"), node.value
        match tag:
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if len(text) > 300:
                raise ConfigurationError(f"{self._place(node)}: a number of {len(text):,} digits is too long.")
            case "int":
                return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
            case "float":
                word = text.lower().lstrip("+-")
                return (
                    float(text)
                    if word not in (".inf", ".nan")
                    else math.copysign(float(word[1:]), -1 if text[0] == "-" else 1)
                )
        raise self._refused(node)

    def _refuse_lone_surrogates(self, node: yaml.Node) -> None:
        """Refuse half of a surrogate pair, which YAML can escape but nothing can write or print."""
        if any("\ud800" <= character <= "\udfff" for character in node.value):
            raise ConfigurationError(f"{self._place(node)}: contains a lone surrogate, which is not a valid character.")

    def _refuse_tag(self, node: yaml.Node, plain: str) -> None:
        if node.tag != f"tag:yaml.org,2002:{plain}":
            raise self._refused(node)

    def _refused(self, node: yaml.Node) -> ConfigurationError:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        return ConfigurationError(
            f"{self._place(node)}: '{tag}' is not allowed; only plain strings, numbers, true, false and null are."
        )

    def _place(self, node: yaml.Node) -> str:
        mark = node.start_mark
        return f"{self._source.name}:{mark.line + 1}:{mark.column + 1}"
