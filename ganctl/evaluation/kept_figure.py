"""Figures of real images that are computed once, and kept beside the features of the reference."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress

from ganctl.host.cache_root import cache_root
from ganctl.host.files import write_atomically


def kept_figure(known: tuple[object, ...], compute: Callable[[], float]) -> float:
    """Return a figure from the cache, or compute and keep it.

    Args:
        known: everything that it depends on, such as fingerprints; each with a repr that identifies it.
        compute: called if the cache lacks it, or holds something else.
    """
    path = cache_root() / "features" / f"{hashlib.sha256(repr(known).encode()).hexdigest()}-figure.json"
    try:
        found = json.loads(path.read_text("ascii"))
    except (OSError, ValueError):
        found = None
    if isinstance(found, float):
        return found
    figure = float(compute())
    with suppress(OSError):  # losing it costs only time
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(figure).encode("ascii"))
    return figure
