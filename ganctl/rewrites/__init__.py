"""Rewrites: the same function, computed faster.

A rewrite looks through a finished network for layers that TensorFlow can compute in a better way, and gives them
another `call`. Layers, variables, names and checkpoints stay what they are, and so does what is computed, up to the
rounding of floating-point numbers: `tests/test_rewrites.py` holds every rewrite against float64.

One file each, with a function `rewrite`; nobody edits a list. `training.rewrites: false` leaves them all out.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any


@cache
def rewrites() -> Mapping[str, Callable[[Any], int]]:
    """Return every rewrite by name: it changes a network in place and returns how many places it found."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}").rewrite for name in names}


def rewrite(network: Any) -> None:
    """Apply all rewrites to a network, in place."""
    for apply in rewrites().values():
        apply(network)
