"""Warnings of other libraries about damage that ganctl reports itself, or that does not matter, kept from users."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# `without_warnings` changes a setting of the whole process; two threads at once would restore each other's state.
_WARNINGS = threading.Lock()


@contextmanager
def without_warnings() -> Iterator[None]:
    """Suppress warnings.

    Keep the body short, because all threads wait for each other here.
    """
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
