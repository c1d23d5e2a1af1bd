"""The speed of a game, measured on the game itself."""

import itertools
import sys
import time
from dataclasses import dataclass

from ganctl.game.game import Game

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

CALLS = 5


@dataclass(frozen=True)
class Pace:
    """The measured speed and memory of a game.

    Attributes:
        iterations_per_second: over several calls, because not every one contains a lazy penalty.
        slowest, fastest: the extremes of these calls, in iterations per second.
        compile_seconds: duration of the first call, which traces and compiles.
        peak_bytes: peak memory of the process, including TensorFlow; None if the system does not report it.
    """

    iterations_per_second: float
    slowest: float
    fastest: float
    compile_seconds: float
    peak_bytes: int | None


def measure(game: Game, seconds: float) -> Pace:
    """Play for about `seconds`, in calls like those of training. This advances the game: do not train it afterwards."""
    compile_seconds = _timed(game, 1)
    most = min((feed.max_rounds(game.draws[name]) for name, feed in game.feeds.items()), default=sys.maxsize)
    rounds = 1
    while (taken := _timed(game, rounds)) < seconds / (2 * CALLS) and 2 * rounds <= most:
        rounds *= 2
    rounds = min(max(1, int(rounds * seconds / CALLS / taken)), most)
    taken_each = [_timed(game, rounds) for _ in range(CALLS)]
    while sum(taken_each) < seconds / 2:  # when images are streamed, a call has few rounds
        taken_each.append(_timed(game, rounds))
    rate = len(taken_each) * rounds / sum(taken_each)
    return Pace(rate, rounds / max(taken_each), rounds / min(taken_each), compile_seconds, peak_bytes())


def _timed(game: Game, rounds: int) -> float:
    began = time.monotonic()
    game.play(game.chunk(int(game.step.numpy()), rounds)).numpy()
    return max(time.monotonic() - began, 1e-9)


def peak_bytes() -> int | None:
    """Return the peak memory of this process in bytes, or None if the system does not report it."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as `2 h 5 min`."""
    units = [("d", 86400), ("h", 3600), ("min", 60), ("s", 1)]
    for (name, size), (smaller, part) in itertools.pairwise(units):
        if seconds >= size:
            whole, rest = int(seconds // size), int(seconds % size // part)
            return f"{whole} {name} {rest} {smaller}" if rest else f"{whole} {name}"
    return f"{seconds:.0f} s"
