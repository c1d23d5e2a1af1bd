"""A validated YAML file, and the error messages for an invalid one."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from ganctl.errors import ConfigurationError, UsageError, did_you_mean
from ganctl.experiment.sections import (
    DatasetSection,
    EvaluationSection,
    LossSection,
    ModelSection,
    OptimizersSection,
    OutputsSection,
    Resume,
    Section,
    TrainingSection,
)
from ganctl.experiment.typed_words import Typed, read_text, takes_only_text, type_at, with_texts
from ganctl.experiment.yaml_source import KeyPath, Words, YamlSource, dump_yaml, parse_yaml, read_yaml

# The constants of the tutorials, accepted at the top level of the file under the names that the tutorials use.
TUTORIAL_CONSTANTS: Mapping[str, tuple[str, str]] = {
    "spatial_dim": ("dataset", "image_size"),
    "num_load": ("dataset", "limit"),
    "latent_dim": ("model", "latent_dim"),
    "net_capacity": ("model", "capacity"),
    "filter_size": ("model", "filter_size"),
    "batch_size": ("training", "batch_size"),
    "disc_updates": ("training", "disc_updates"),
    "gen_updates": ("training", "gen_updates"),
    "progress_interval": ("outputs", "sample_every"),
}


class Experiment(Section):
    """A validated YAML file."""

    name: Annotated[str, Field(min_length=1), Resume.LABEL] = "experiment"
    """Name of the experiment; by default the file's name without its extension."""
    run_name: Annotated[str, Field(min_length=1), Resume.LABEL] = "{name}"
    """Name of the run folder; `{section.key}` is replaced by the value of that key."""
    root_dir: Annotated[str, Field(min_length=1), Resume.LABEL] = "outputs"
    """Folder that holds all run folders; `--output-dir` overrides it."""
    seed: Annotated[int, Field(ge=0, lt=2**31), Resume.ASK] = 0
    """Seed for all randomness in the run."""
    plugins: Annotated[list[str], Resume.LABEL] = []
    """Python files that define models, losses and so on; they run only with `--plugin FILE` or `--allow-plugins`."""
    dataset: DatasetSection
    model: ModelSection
    loss: LossSection = LossSection()
    optimizer: OptimizersSection = Field(default_factory=lambda: OptimizersSection.model_validate({}))
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    outputs: OutputsSection = OutputsSection()

    _source: YamlSource = PrivateAttr(default_factory=lambda: YamlSource("experiment"))
    _overrides: list[str] = PrivateAttr(default_factory=list)

    @property
    def overrides(self) -> list[str]:
        """The `--set` arguments that changed the file."""
        return self._overrides

    @classmethod
    def load(cls, path: Path, overrides: Iterable[str] = ()) -> Self:
        """Read a file and apply `key=value` overrides; raises ConfigurationError with file, line and column."""
        source = read_yaml(path)
        source.data.setdefault("name", path.stem)
        return cls.from_source(source, overrides)

    @classmethod
    def from_source(cls, source: YamlSource, overrides: Iterable[str] = ()) -> Self:
        """Validate a parsed file; raises a ConfigurationError that names every wrong key."""
        overrides = list(overrides)
        _move_tutorial_constants(source)
        for override in overrides:
            _override(source, override)
        experiment = validated(cls, source.data, source)
        experiment._source, experiment._overrides = source, overrides
        return experiment

    def replace(self, **values: Any) -> Self:
        """Return a copy with other sections or top-level keys, which remembers where each key stands in the file.

        Values are validated like those of the file, except sections given as objects, which were validated when they
        were made. Raises ConfigurationError with file, line and column.
        """
        replaced: Self = validated(type(self), {**dict(self), **values}, self._source)
        replaced._source, replaced._overrides = self._source, self._overrides
        return replaced

    def with_keys(self, section: str, **values: Any) -> Self:
        """Return a copy with other values for keys of one section, as in `with_keys("training", batch_size=4)`.

        The section is validated as a whole, because its keys may depend on each other. Otherwise like `replace`.
        """
        before: Section = getattr(self, section)
        after = validated(type(before), {**dict(before), **values}, self._source, (section,))
        return self.replace(**{section: after})

    def located(self, error: ConfigurationError) -> ConfigurationError:
        """Return the error with the file, line and column of the key that it is about."""
        if not error.key:
            return error
        place = self._source.locate(tuple(int(part) if part.isdigit() else part for part in error.key.split(".")))
        return ConfigurationError(f"{place}: {error.key}: {error}")

    def check_arguments(
        self,
        path: KeyPath,
        arguments: type[BaseModel],
        given: Mapping[str, Any],
        others: Mapping[str, str] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Return a builder's arguments with every default written out.

        Args:
            path: where they stand in the file.
            arguments: their schema.
            given: what the file says.
            others: for keys that the schema lacks but other builders have, the message for each.
        """
        read = with_texts(given, arguments, self._source, path)
        return validated(arguments, read, self._source, path, others).model_dump()

    def to_yaml(self, *, ascii_only: bool = False) -> str:
        """Return the file with every default written out; loading it gives the same experiment.

        Args:
            ascii_only: escape all other characters as in YAML strings.
        """
        return dump_yaml(json.loads(self.model_dump_json()), width=120, allow_unicode=not ascii_only)

    def resolved_run_name(self) -> str:
        """Return the run folder's name; raises ConfigurationError if `run_name` does not give a valid one."""
        values = self.model_dump()

        def value(match: re.Match[str]) -> str:
            found: Any = values
            for key in match.group(1).lower().split("."):
                if not isinstance(found, dict) or key not in found:
                    raise ConfigurationError(f"'{match.group(0)}' is not a key of the experiment.", key="run_name")
                found = found[key]
            return str(found)

        return check_run_name(re.sub(r"\{([^{}]*)\}", value, self.run_name))


def check_run_name(name: str) -> str:
    """Return the name if it is a plain folder name, not a path or a hidden folder; else raise ConfigurationError."""
    if (
        not name
        or len(name.encode(errors="replace")) > 200
        or name[0] in "-. "
        or not all(c.isalnum() or c in "-_.=+, @" for c in name)
    ):
        shown = repr(name if len(name) <= 60 else name[:57] + "...")
        raise ConfigurationError(
            f"{shown} is not a valid name for a run folder: use up to 200 letters, digits, spaces and - _ . = + , @, "
            "starting with a letter or digit.",
            key="run_name",
        )
    return name


def validated(
    schema: type[BaseModel],
    data: dict[str, Any],
    source: YamlSource,
    at: KeyPath = (),
    others: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """Validate `data`, which stands at `at` in the source; raises ConfigurationError with one line per mistake.

    `others` as in `Experiment.check_arguments`.
    """
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        lines = []
        for item in error.errors(include_url=False)[:10]:
            path = (*at, *_place_of(item, source, at))
            foreign = others.get(str(path[-1])) if item["type"] == "extra_forbidden" else None
            lines.append(f"{source.locate(path)}: {foreign or _sentence(schema, item, path, at)}")
        raise ConfigurationError("\n".join(dict.fromkeys(lines))) from None
    except UnicodeEncodeError:  # from JSON; in YAML, it is refused when the file is read
        raise ConfigurationError(
            f"{source.name}: a string contains a lone surrogate, which is not a valid character."
        ) from None


def _place_of(item: Any, source: YamlSource, at: KeyPath) -> KeyPath:
    """The path of keys to a mistake, without the names that pydantic adds for the types it tried."""
    path = tuple(part for part in item["loc"][:-1] if part not in ("nullable", "literal"))
    last = item["loc"][-1:]
    if item["type"] in ("extra_forbidden", "missing"):  # these end with a key, which may look like such a name
        return path + last
    path += tuple(part for part in last if part not in ("nullable", "literal"))
    while path and (*at, *path) not in source.places and isinstance(path[-1], str) and "[" in path[-1]:
        path = path[:-1]
    return path


def _sentence(schema: type[BaseModel], item: Any, path: KeyPath, at: KeyPath) -> str:
    dotted = ".".join(map(str, path)) or "the file"
    section = ".".join(map(str, path[:-1]))
    if item["type"] == "extra_forbidden":
        known = _fields_at(schema, item["loc"][:-1])
        where = f" in {section}" if section else ""
        return f"unknown key '{path[-1]}'{where}.{_home_of(str(path[-1])) or did_you_mean(str(path[-1]), known)}"
    if item["type"] == "missing":
        return f"'{path[-1]}' is missing{f' from {section}' if section else ''}."
    message = item["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if item["type"] in ("model_type", "model_attributes_type", "dict_type"):
        message = "expected `key: value` lines"
    received = repr(item["input"])
    return f"{dotted}: {message}. Received: {received if len(received) <= 80 else received[:77] + '...'}"


def _fields_at(schema: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The known keys of the section at this path."""
    for part in path:
        annotation = schema.model_fields[part].annotation if part in schema.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        schema = annotation
    return [*schema.model_fields, *(TUTORIAL_CONSTANTS if schema is Experiment else ())]


def _home_of(key: str) -> str:
    """A hint for a key in the wrong section."""
    for section, info in Experiment.model_fields.items():
        if (
            isinstance(info.annotation, type)
            and issubclass(info.annotation, BaseModel)
            and key in info.annotation.model_fields
        ):
            return f" It belongs in '{section}'."
    return ""


def _move_tutorial_constants(source: YamlSource) -> None:
    """Move constants from the top level to the keys that they stand for."""
    for constant, path in TUTORIAL_CONSTANTS.items():
        if constant in source.data:
            place = source.places.pop((constant,), source.name)
            if _says(source.data, path):
                other = f"'{'.'.join(path)}' ({source.locate(path)})"
                raise ConfigurationError(f"{place}: '{constant.upper()}' and {other} set the same key; remove one.")
            _put(source, path, source.data.pop(constant), place)


def _says(data: Any, path: Iterable[str]) -> bool:
    """Whether nested dictionaries have a key. (Places cannot tell: data that does not come from a file has none.)"""
    for part in path:
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


def _override(source: YamlSource, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set takes KEY=VALUE, such as training.batch_size=64. Received: {override!r}")
    path = tuple(key.strip().lower().split("."))
    path = TUTORIAL_CONSTANTS.get(path[0], path) if len(path) == 1 else path
    place = f"--set {override}"
    if not isinstance(override, Typed):
        _put(source, path, _as_yaml(text, key), place)
        return
    if key != key.rstrip():  # spaces on both sides of the equals sign
        text = text.lstrip()
    known = type_at(Experiment, path)
    if known is not None:
        _put(source, path, read_text(text, place) if takes_only_text(known) else _as_yaml(text, key), place)
        return
    # An argument of a model, loss and so on: only the signature of its builder tells whether it is text.
    try:
        words = Words(text, _as_yaml(text, key))
    except ConfigurationError:
        words = Words(text, text)
    source.typed[_put(source, path, words.value, place)] = words


def _as_yaml(text: str, key: str) -> Any:
    return parse_yaml(text, f"--set {key}").data if text.strip() else None


def _put(source: YamlSource, path: KeyPath, value: Any, place: str) -> KeyPath:
    """Set a key; returns its path, in which the entries of lists are numbers."""
    section: Any = source.data
    path = _with_numbers(source.data, path, place)
    for depth, part in enumerate(path[:-1]):
        inner = section[int(part)] if isinstance(section, list) else section.get(part)
        if inner is None:
            inner = section[part] = {}
            source.places.setdefault(path[: depth + 1], place)
        if not isinstance(inner, dict | list):
            raise ConfigurationError(f"{place}: '{'.'.join(map(str, path[: depth + 1]))}' is not a section.")
        section = inner
    section[path[-1]] = value
    for replaced in [known for known in source.places if known[: len(path)] == path]:
        del source.places[replaced]
    source.places[path] = place
    return path


def _with_numbers(data: Any, path: KeyPath, place: str) -> KeyPath:
    """Return a path in which the entries of lists are numbers, from 0; raises ConfigurationError if one is missing."""
    found: list[str | int] = []
    for part in map(str, path):
        if isinstance(data, list):
            if not (part.isascii() and part.isdigit() and int(part) < len(data)):
                raise ConfigurationError(
                    f"{place}: '{'.'.join(map(str, found))}' is a list of {len(data)}; its entries are numbered from "
                    f"0, and '{part}' is not one of them."
                )
            found.append(int(part))
            data = data[int(part)]
        else:
            found.append(part)
            data = data.get(part) if isinstance(data, dict) else None
    return tuple(found)
