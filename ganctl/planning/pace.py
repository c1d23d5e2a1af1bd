"""The speed of a game, measured on the game itself."""

import itertools
import sys
import time
from dataclasses import dataclass

from ganctl.game.game import Game
from ganctl.game.stages import StageInPlay

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


def shares(game: Game, first: int, last: int) -> list[tuple[StageInPlay, float]]:
    """Return the stages that the iterations from `first` to `last` belong to, each with its share of them.

    If there are no such iterations, as in a finished run, those of the whole run count.
    """
    first = first if first < last else 0
    ends = [(stage, last if stage.until is None else min(stage.until, last)) for stage in game.stages]
    lengths = [(stage, max(0, end - max(stage.start, first))) for stage, end in ends]
    return [(stage, length / max(1, last - first)) for stage, length in lengths if length]


def measure(game: Game, seconds: float, first: int = 0, last: int = sys.maxsize) -> Pace:
    """Play for about `seconds`, in calls like those of training. This advances the game: do not train it afterwards.

    Each stage that the iterations from `first` to `last` belong to is played, and counts by its share of them.
    """
    parts = shares(game, first, last)
    paces = [_pace_of(game, stage, seconds / len(parts)) for stage, _ in parts]

    def overall(rate: str) -> float:
        return 1.0 / sum(share / getattr(pace, rate) for pace, (_, share) in zip(paces, parts, strict=True))

    compile_seconds = sum(pace.compile_seconds for pace in paces)
    rates = [overall(rate) for rate in ("iterations_per_second", "slowest", "fastest")]
    return paces[0] if len(paces) == 1 else Pace(rates[0], rates[1], rates[2], compile_seconds, peak_bytes())


def _pace_of(game: Game, stage: StageInPlay, seconds: float) -> Pace:
    game.step.assign(stage.start)
    compile_seconds = _timed(game, stage, 1)
    most = stage.most_rounds(game.feeds, stage.start)
    rounds = 1
    while (taken := _timed(game, stage, rounds)) < seconds / (2 * CALLS) and 2 * rounds <= most:
        rounds *= 2
    rounds = min(max(1, int(rounds * seconds / CALLS / taken)), most)
    taken_each = [_timed(game, stage, rounds) for _ in range(CALLS)]
    while sum(taken_each) < seconds / 2:  # when images are streamed or a stage is short, a call has few rounds
        taken_each.append(_timed(game, stage, rounds))
    rate = len(taken_each) * rounds / sum(taken_each)
    return Pace(rate, rounds / max(taken_each), rounds / min(taken_each), compile_seconds, peak_bytes())


def _timed(game: Game, stage: StageInPlay, rounds: int) -> float:
    step = int(game.step.numpy())
    if stage.until is not None and step + rounds > stage.until:
        game.step.assign(step := stage.start)  # once more from the start of the stage
    began = time.monotonic()
    game.play(game.chunk(step, rounds)).numpy()
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
