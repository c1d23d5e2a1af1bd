"""How fast a game is played, measured on the game itself."""

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
    """What was measured.

    Attributes:
        iterations_per_second: of several calls together, because a lazy penalty is not in every one.
        slowest, fastest: of the same calls.
        compile_seconds: how long the first call took, which traces and compiles.
        peak_bytes: the most memory that the process has had, with TensorFlow; None where the system does not say.
    """

    iterations_per_second: float
    slowest: float
    fastest: float
    compile_seconds: float
    peak_bytes: int | None


def measure(game: Game, seconds: float) -> Pace:
    """Play for about so many seconds, in calls as a training makes them; the game is not where it was afterwards."""
    compile_seconds = _timed(game, 1)
    most = min((feed.max_rounds(game.draws[name]) for name, feed in game.feeds.items()), default=sys.maxsize)
    rounds = 1
    while (taken := _timed(game, rounds)) < seconds / (2 * CALLS) and 2 * rounds <= most:
        rounds *= 2
    rounds = min(max(1, int(rounds * seconds / CALLS / taken)), most)
    taken_each = [_timed(game, rounds) for _ in range(CALLS)]
    while sum(taken_each) < seconds / 2:  # where images stream, a call holds few
        taken_each.append(_timed(game, rounds))
    rate = len(taken_each) * rounds / sum(taken_each)
    return Pace(rate, rounds / max(taken_each), rounds / min(taken_each), compile_seconds, peak_bytes())


def _timed(game: Game, rounds: int) -> float:
    began = time.monotonic()
    game.play(game.chunk(int(game.step.numpy()), rounds)).numpy()
    return max(time.monotonic() - began, 1e-9)


def peak_bytes() -> int | None:
    """Return the most memory that this process has had, or None where the system does not say."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def format_duration(seconds: float) -> str:
    """Return a duration in the two units that matter."""
    units = [("d", 86400), ("h", 3600), ("min", 60), ("s", 1)]
    for (name, size), (smaller, part) in itertools.pairwise(units):
        if seconds >= size:
            whole, rest = int(seconds // size), int(seconds % size // part)
            return f"{whole} {name} {rest} {smaller}" if rest else f"{whole} {name}"
    return f"{seconds:.0f} s"
