"""The measured peak: how fast a large matrix product can be."""

import time
from collections.abc import Callable

_PRODUCTS = 4


def least_seconds(product: Callable[[], object]) -> float:
    """Return the seconds of the fastest of a few products; the first one, which prepares, is not timed."""
    product()
    times = []
    for _ in range(_PRODUCTS):
        began = time.perf_counter()
        product()
        times.append(time.perf_counter() - began)
    return min(times)
