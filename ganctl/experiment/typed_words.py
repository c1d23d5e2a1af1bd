"""Overrides from a command line: for a key that takes only text, what was typed is that text and not YAML.

`--set dataset.path='pics #1'` means the folder `pics #1`. As YAML, it would be `pics` and a comment.
"""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from ganctl.errors import ConfigurationError
from ganctl.experiment.yaml_source import KeyPath, YamlSource, quoted_string


class Typed(str):
    """An override `key=value` as a user typed it. A plain string, as from Python, holds YAML for every key."""

    __slots__ = ()


def takes_only_text(annotation: Any) -> bool:
    """Return whether a type is `str` or `str | None`, annotated or not."""
    if get_origin(annotation) is Annotated:
        return takes_only_text(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return all(takes_only_text(kind) for kind in get_args(annotation) if kind is not NoneType)
    return annotation is str


def type_at(schema: type[BaseModel], path: KeyPath) -> Any:
    """Return the type of the key at a path below a schema; None if the schema does not name it."""
    for part in path[:-1]:
        inner = schema.model_fields[part].annotation if part in schema.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        schema = inner
    return schema.model_fields[path[-1]].annotation if path[-1] in schema.model_fields else None


def read_text(words: str, name: str) -> str | None:
    """Return the text that typed words mean: the words, what a quoted YAML string holds, or None for `null` or nothing.

    Args:
        words: what was typed after `=`.
        name: what error messages call it.

    Raises:
        ConfigurationError: the words are not valid Unicode, such as a file's name in another encoding.
    """
    if words.strip() in ("", "null"):
        return None
    if any("\ud800" <= character <= "\udfff" for character in words):
        raise ConfigurationError(f"{name}: contains a lone surrogate, which is not a valid character.")
    quoted = quoted_string(words, name)
    return words if quoted is None else quoted


def with_texts(given: Mapping[str, Any], schema: type[BaseModel], source: YamlSource, at: KeyPath) -> dict[str, Any]:
    """Return a builder's arguments; those that were typed and take only text are read as text.

    Args:
        given: the arguments; one that has changed since it was typed stays as it is.
        schema: their types.
        source: remembers what was typed.
        at: where the arguments stand in the file.
    """
    read = dict(given)
    for key, value in given.items():
        words = source.typed.get((*at, key))
        if words and words.value == value and takes_only_text(type_at(schema, (key,))):
            read[key] = read_text(words.text, source.locate((*at, key)))
    return read
