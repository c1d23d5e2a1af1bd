"""A registry: from names in YAML to what they stand for.

A decorator registers a function under a name. A duplicate name raises; an unknown name raises and suggests the
closest known one. There is no list to edit: `import_siblings` lets a package import its own modules, each of which
registers what it holds.

Floor 2. May import nothing.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model

from ganctl.errors import ConfigurationError, did_you_mean

Made = TypeVar("Made")
E = TypeVar("E", bound="Entry")
"""The class of a registry's entries."""


@dataclass(frozen=True)
class Entry:
    """What is registered under a name. A registry whose entries hold more uses a subclass.

    Attributes:
        name: the name in YAML.
        make: the registered function.
        source: where it comes from: a paper, a tutorial, a licence.
        injected: parameters of `make` that the program supplies; all others are the user's keys.
    """

    name: str
    make: Callable[..., Any]
    source: str
    injected: frozenset[str] = frozenset()

    @property
    def with_keys(self) -> tuple[Callable[..., Any], ...]:
        """Further functions whose keyword-only parameters are the user's keys."""
        return ()

    @property
    def keys(self) -> list[inspect.Parameter]:
        """All parameters that the user's keys are made from, including injected ones."""
        own = [parameter for function in self.with_keys for parameter in keyword_only(function)]
        return [*_parameters(self.make), *own]

    @property
    def documentation(self) -> str:
        """The docstrings of all functions whose parameters are the user's keys."""
        functions = (self.make, *self.with_keys)
        return "\n".join(inspect.getdoc(function) or "" for function in functions)

    @property
    def needs_classes(self) -> bool:
        """Whether the function requires classes: its parameter `num_classes` has no default."""
        parameter = inspect.signature(self.make).parameters.get("num_classes")
        return parameter is not None and parameter.default is parameter.empty

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.make) or "").split("\n", 1)[0]

    def arguments(self) -> type[BaseModel]:
        """Return a strict pydantic class of the user's keys, made from the function's signature."""
        fields: dict[str, Any] = {}
        for parameter in self.keys:
            if parameter.name not in self.injected:
                default = ... if parameter.default is parameter.empty else parameter.default
                fields[parameter.name] = (_without_booleans(parameter.annotation), default)
        config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)
        return create_model(f"{self.name}_arguments", __config__=config, **fields)

    @property
    def place(self) -> str:
        """Where the function or class is defined, `file:line`, for messages to its author."""
        made = inspect.unwrap(self.make)
        if code := getattr(made, "__code__", None):
            return f"{code.co_filename}:{code.co_firstlineno}"
        with suppress(OSError, TypeError, SyntaxError):  # the file may have changed since
            return f"{inspect.getsourcefile(made)}:{inspect.getsourcelines(made)[1]}"
        return self.make.__module__


def _without_booleans(annotation: Any) -> Any:
    """The annotation, if it lists whole numbers such that `true`, which equals 1 in Python, is none of them."""
    if get_origin(annotation) is Literal and all(type(each) is int for each in get_args(annotation)):
        return Annotated[annotation, BeforeValidator(_no_boolean)]
    return annotation


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("input should be a number, not true or false")
    return value


def made_by(entry: Entry, kind: type[Made], /, *arguments: Any, **keys: Any) -> Made:
    """Call the registered function or class, and check that it returns an instance of `kind`.

    Raises:
        ConfigurationError: it returns something else; the message says where it is defined, for the author of a plugin.
    """
    made = entry.make(*arguments, **keys)
    if not isinstance(made, kind):
        must = "be a class derived from" if inspect.isclass(entry.make) else "return a"
        raise ConfigurationError(
            f"{entry.place}: '{entry.name}' must {must} {kind.__module__}.{kind.__qualname__}. "
            f"Received: {type(made).__qualname__}"
        )
    return made


def accepted(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the function has parameters for."""
    return {parameter.name: values[parameter.name] for parameter in _parameters(function) if parameter.name in values}


@cache
def _parameters(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(function, eval_str=True).parameters.values())


def keyword_only(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the keyword-only parameters of a function."""
    return [p for p in _parameters(function) if p.kind is p.KEYWORD_ONLY]


_registries: list["Registry[Any]"] = []


def forget(module: str) -> None:
    """Remove from every registry what a module registered, because it is about to run again or has failed."""
    for registry in _registries:
        for entry in list(registry):
            if entry.make.__module__ == module:
                del registry._entries[entry.name]


class Registry(Generic[E]):
    """Names of one kind, such as models or losses.

    Args:
        kind: what the names stand for, in the singular, for error messages.
        key: the YAML key that takes the name.
        entry: the class of its entries; the fields that it adds can be given to `register`.
        injected: names of parameters that the program supplies to every registered function.
    """

    def __init__(self, kind: str, key: str, entry: type[E], injected: tuple[str, ...] = ()) -> None:
        self.kind = kind
        self.key = key
        self._entry = entry
        self._injected = frozenset(injected)
        self._facts = [field.name for field in fields(entry) if field.name not in Entry.__dataclass_fields__]
        self._entries: dict[str, E] = {}
        _registries.append(self)

    def register(self, name: str, *, source: str, **facts: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the decorated function under `name`.

        Args:
            name: the name in YAML.
            source: where it comes from.
            **facts: fields of the registry's class of entries.

        Raises:
            ValueError: the name is taken or is not a string, a fact is unknown, or one of the user's keys has no name,
                no type or capital letters.
        """
        if not isinstance(name, str):
            raise ValueError(f"The name of a {self.kind} must be a string. Received: {name!r}")
        for fact in facts.keys() - set(self._facts):
            known = ", ".join(("source", *self._facts))
            raise ValueError(
                f"{self.kind} '{name}': unknown argument '{fact}='.{did_you_mean(fact, self._facts)} Known: {known}."
            )

        def decorate(make: Callable[..., Any]) -> Callable[..., Any]:
            entry = self._entry(name, make, source, self._injected, **facts)
            self._check(entry)
            self._entries[name] = entry
            return make

        return decorate

    def _check(self, entry: E) -> None:
        """Raise ValueError for what cannot be registered."""
        what, keys = f"{self.kind} '{entry.name}'", entry.keys
        several = [p.name for p in keys if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if several:
            raise ValueError(f"{what}: '{several[0]}' would accept any key; name each key in the signature")
        capital = [p.name for p in keys if p.name != p.name.lower() and p.name not in self._injected]
        if capital:
            raise ValueError(
                f"{what}: keys are not case-sensitive, so write them in lower case. Received: {capital[0]}"
            )
        untyped = [p.name for p in keys if p.annotation is p.empty and p.name not in self._injected]
        if untyped:
            raise ValueError(f"{what}: the key '{untyped[0]}' needs a type annotation, such as {untyped[0]}: int = 8")
        taken = self._entries.get(entry.name)
        if taken is not None:
            raise ValueError(f"{what} is registered twice: {taken.make.__module__} and {entry.make.__module__}")

    @contextmanager
    def temporarily(self, *entries: E) -> Iterator[None]:
        """Undo in the end whatever the body registers, replaces or removes.

        Args:
            entries: registered under their names meanwhile, replacing others; for tests and trials.
        """
        before = dict(self._entries)
        try:
            self._entries.update({entry.name: entry for entry in entries})
            yield
        finally:
            self._entries = before

    def get(self, name: str, key: str = "") -> E:
        """Return the entry of that name; raises ConfigurationError about `key` with the closest known name."""
        if name not in self._entries:
            known = ", ".join(sorted(self._entries)) or f"none, this version ships no {self.kind}"
            hint = did_you_mean(name, self._entries)
            raise ConfigurationError(f"There is no {self.kind} '{name}'.{hint} Known: {known}.", key=key or self.key)
        return self._entries[name]

    def having(self, key: str) -> list[str]:
        """Return the names of the entries that have this key."""
        return [entry.name for entry in self if any(p.name == key and key not in entry.injected for p in entry.keys)]

    def __iter__(self) -> Iterator[E]:
        return iter(sorted(self._entries.values(), key=lambda entry: entry.name))


def import_siblings(package: str, path: list[str]) -> None:
    """Import every module of a package, so that each registers what it holds."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")
