"""The arguments of ganctl's Python functions, checked by pydantic: types that state in words what they accept.

A mistake is a UsageError of one line that names the argument, what it must be, and what was given. Integers and floats
of NumPy are accepted as Python's own. A bool is not accepted as a number, and neither is a string.
"""

import inspect
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce, wraps
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError, validate_call

from ganctl.errors import UsageError, did_you_mean

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_LONGEST_SHOWN = 120


@dataclass(frozen=True)
class Must:
    """What an argument must be, in words: the end of "num must be ..."."""

    be: str


def _as_python(value: Any) -> Any:
    """Return a NumPy scalar as the Python number, string or bool that it holds, anything else unchanged."""
    return value.item() if isinstance(value, np.generic) else value


def _as_list(value: Any) -> Any:
    """Return a sequence or a vector as a list of Python numbers, anything else unchanged."""
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_as_python(number) for number in value]
    return value


def _path(value: Any) -> Any:
    if isinstance(value, str | os.PathLike) and isinstance(os.fspath(value), str) and os.fspath(value):
        return value
    path = getattr(value, "path", None)  # a Run has one, and is easily passed in its place
    raise ValueError(f"; pass its path, {str(path)!r}" if isinstance(path, os.PathLike) else "")


def _optional_path(value: Any) -> Any:
    return None if value is None else _path(value)


def _config(value: Any) -> Any:
    return value if isinstance(value, Mapping) else _path(value)


def _overrides(value: Any) -> Any:
    texts = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if isinstance(value, Mapping) or (texts and all(isinstance(text, str) for text in value)):
        return value
    raise ValueError("")


def _plugins(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_path(plugin) for plugin in value]
    raise ValueError("")


def _latents(value: Any) -> Any:
    if value is None or isinstance(value, str | os.PathLike):
        return _optional_path(value)
    return _array(value)


def _direction(value: Any) -> Any:
    found = _as_python(value)
    if found is None or type(found) is int or (isinstance(found, str) and found):
        return found
    return _array(value)


def _codes(value: Any) -> Any:
    if value is None:
        return None
    found: dict[int, float | tuple[float, float]] = {}
    for number, given in value.items() if isinstance(value, Mapping) else [("", "")]:
        ends = _as_list(given)
        both = isinstance(ends, list) and len(ends) == 2
        numbers = ends if both else [_as_python(ends)]
        if type(_as_python(number)) is not int or not all(
            type(end) in (int, float) and abs(end) < math.inf for end in numbers
        ):
            raise ValueError("")
        try:
            found[_as_python(number)] = (float(numbers[0]), float(numbers[1])) if both else float(numbers[0])
        except OverflowError:  # of a whole number without an end
            raise ValueError("") from None
    return found


def _category(value: Any) -> Any:
    numbers = _as_list([value] if type(_as_python(value)) is int else value)
    if value is not None and not (isinstance(numbers, list) and numbers and all(type(each) is int for each in numbers)):
        raise ValueError("")
    return numbers


def _array(value: Any) -> Any:
    if isinstance(value, Mapping | bytes | str) or not (hasattr(value, "__array__") or isinstance(value, Sequence)):
        raise ValueError("")
    return value


def _pairs(value: Any) -> Any:
    pairs = [_as_list(pair) for pair in _as_list(value)] if isinstance(value, Sequence) else None
    if pairs is None or isinstance(value, str):
        raise ValueError("")
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not all(type(each) in (int, str) for each in pair):
            raise ValueError("")
    return [tuple(pair) for pair in pairs]


def _value_range(value: Any) -> Any:
    ends = _as_list(value)
    if isinstance(ends, str) and ends in ("auto", "percentiles"):
        return ends
    numbers = isinstance(ends, list) and len(ends) == 2 and all(type(end) in (int, float) for end in ends)
    if not numbers or not all(map(math.isfinite, ends)) or not ends[0] < ends[1]:
        raise ValueError("")
    return [float(end) for end in ends]


def _pictures(value: Any) -> Any:
    if isinstance(value, str | os.PathLike):
        return _path(value)
    if isinstance(value, Mapping | bytes) or not (hasattr(value, "__array__") or isinstance(value, Sequence)):
        raise ValueError("")
    return value


_number = BeforeValidator(_as_python)
_A_PATH = Must("a path, as a string or a Path")

Text = Annotated[str, Must("a string")]
OptionalText = Annotated[str | None, Must("a string")]
Flag = Annotated[bool, _number, Must("True or False")]
Count = Annotated[int, _number, Field(ge=1), Must("an integer >= 1")]
# The limit belongs to the number: pydantic would apply one beside None to None.
OptionalCount = Annotated[Annotated[int, Field(ge=1)] | None, _number, Must("an integer >= 1")]
OptionalPoints = Annotated[Annotated[int, Field(ge=2)] | None, _number, Must("an integer >= 2")]
Samples = Annotated[int, _number, Field(ge=50, le=50_000), Must("an integer from 50 to 50,000")]
Seed = Annotated[int, _number, Field(ge=0), Must("an integer >= 0")]
OptionalSeed = Annotated[Annotated[int, Field(ge=0)] | None, _number, Must("an integer >= 0")]
Truncation = Annotated[
    Annotated[float, Field(gt=0, allow_inf_nan=False)] | None, _number, Must("a number > 0, such as 0.7")
]
# A boolean mask would be read as the classes 0 and 1, so it is refused, as is a vector of floats.
Classes = Annotated[
    Sequence[int | str] | None,
    BeforeValidator(_as_list),
    Must("a list of class numbers or names, such as [0, 1, 2]"),
]
Seeds = Annotated[
    Sequence[Annotated[int, Field(ge=0)]] | None, BeforeValidator(_as_list), Must("a list of integers >= 0")
]
Latents = Annotated[
    Any, PlainValidator(_latents), Must("latent vectors [N, size] or [rows, N, size], or the path of an npz or npy")
]
Codes = Annotated[
    Any,
    PlainValidator(_codes),
    Must(
        "a dictionary of codes by number, each with its value or the two ends of a sweep, such as {0: (-2, 2), 1: 0.5}"
    ),
]
Category = Annotated[Any, PlainValidator(_category), Must("a number, or a list of numbers")]
Direction = Annotated[
    Any, PlainValidator(_direction), Must("the number or name of a direction that `directions` wrote, or a vector")
]
Strength = Annotated[float, _number, Field(gt=0, allow_inf_nan=False), Must("a number > 0, such as 3")]
OptionalStrength = Annotated[
    Annotated[float, Field(gt=0, allow_inf_nan=False)] | None, _number, Must("a number > 0, such as 3")
]
Pairs = Annotated[
    Sequence[tuple[int | str, int | str]],
    PlainValidator(_pairs),
    Must("a list of pairs of classes, such as [('sandal', 'sneaker')]"),
]
AnyPath = Annotated[str | os.PathLike[str], PlainValidator(_path), _A_PATH]
OptionalPath = Annotated[str | os.PathLike[str] | None, PlainValidator(_optional_path), _A_PATH]
Against = Annotated[
    str | os.PathLike[str] | None, PlainValidator(_optional_path), Must("the name of a data set, or a path")
]
Config = Annotated[
    str | os.PathLike[str] | Mapping[str, Any],
    PlainValidator(_config),
    Must("a YAML file, the name of a packaged one, or a dictionary"),
]
Overrides = Annotated[
    Mapping[str, Any] | Sequence[str],
    PlainValidator(_overrides),
    Must("a dictionary, or a list such as ['training.iterations=500']"),
]
Pictures = Annotated[
    Any,
    PlainValidator(_pictures),
    Must("uint8 images [N, H, W, C] or [H, W, C], a path, or a list of either"),
]
Plugins = Annotated[
    Sequence[str | os.PathLike[str]], PlainValidator(_plugins), Must("a list of files, such as ['my_gan.py']")
]
Features = Annotated[
    Literal["auto", "lite0", "classifier", "inception"], Must("'auto', 'lite0', 'classifier' or 'inception'")
]
ValueRange = Annotated[
    Literal["auto", "percentiles"] | Sequence[float],
    PlainValidator(_value_range),
    Must("'auto', 'percentiles', or [LOW, HIGH]: the value of black and a larger value of white"),
]


def checked(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Check the arguments of a function or method by their annotations before it runs.

    Every annotation is one of the types of this module. What Python shows of the function (`help`, a notebook's
    tooltip) is still its own docstring, and its signature without the conditions.

    Raises:
        UsageError: at the call, if an argument is missing, unknown, or invalid.
    """
    signature = inspect.signature(function)

    @cache  # built at the first call, because annotations may name what is defined later
    def validator() -> Callable[..., dict[str, Any]]:
        given: Any = wraps(function)(lambda **arguments: arguments)
        return validate_call(config=ConfigDict(strict=True, arbitrary_types_allowed=True))(given)

    @wraps(function)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            unknown = next((name for name in kwargs if name not in signature.parameters), "")
            hint = did_you_mean(unknown, signature.parameters) if unknown else ""
            raise UsageError(f"{function.__name__}: {error}.{hint}") from None
        try:
            arguments = validator()(**given)
        except ValidationError as error:
            raise UsageError(_message(error, signature, given)) from None
        return function(**arguments)  # type: ignore[call-arg]

    call.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[
            parameter.replace(annotation=_plain(parameter.annotation)) for parameter in signature.parameters.values()
        ]
    )
    return call


def _plain(annotation: Any) -> Any:
    """The type that an annotation says, without conditions at any depth."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return reduce(or_, map(_plain, get_args(annotation)))
    if get_origin(annotation) is Sequence:
        return Sequence[tuple(map(_plain, get_args(annotation)))]  # type: ignore[misc]
    return annotation


def _message(error: ValidationError, signature: inspect.Signature, given: Mapping[str, Any]) -> str:
    """Describe the first mistake in one line."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    annotation = signature.parameters[name].annotation
    must = next(part for part in get_args(annotation) if isinstance(part, Must))
    hint = str(first.get("ctx", {}).get("error", ""))
    received = " ".join(repr(given[name]).split())
    if len(received) > _LONGEST_SHOWN:
        received = received[:_LONGEST_SHOWN] + " ..."
    return f"{name} must be {must.be}{hint}. Received: {received}"
