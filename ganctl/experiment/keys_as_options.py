"""Messages about keys of the YAML file, for commands that have no file and take options in place of keys."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ganctl.errors import ConfigurationError, DataError, UsageError

_PAIR = re.compile(r"`\[([^`,\]]+), ([^`,\]]+)\]`")


def with_options(message: str, options: Mapping[str, str]) -> str:
    """Return a message with the name of an option wherever it has the name of a key.

    Args:
        message: has keys between backticks: `dataset.key` or `dataset.key: value`; lists of two are `[LOW, HIGH]`.
        options: the option that stands for each key, such as `--value-range` for `dataset.value_range`.
    """
    told = message
    for key, option in options.items():
        told = told.replace(f"`{key}`", f"`{option}`").replace(f"`{key}: ", f"`{option} ")
    return message if told == message else _PAIR.sub(r"`\1,\2`", told)


@contextmanager
def naming_options(options: Mapping[str, str]) -> Iterator[None]:
    """Make errors in the body name options, as `with_options` does; the exit codes stay.

    Raises:
        UsageError: in place of a ConfigurationError about a key that is an option.
    """
    try:
        yield
    except ConfigurationError as error:
        told = with_options(str(error), options)
        if error.key in options:
            raise UsageError(f"{options[error.key]}: {told}") from None
        raise ConfigurationError(told, error.key) from None
    except DataError as error:
        raise DataError(with_options(str(error), options)) from None
