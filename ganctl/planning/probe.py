"""Which option is faster here: measured briefly on the game itself, and cached.

The answer is cached because two runs of one file must be the same run.
"""

import hashlib
import json
import platform
import time
from pathlib import Path
from typing import Any

from ganctl.game.game import Game
from ganctl.host.cache_root import cache_root
from ganctl.host.files import write_atomically
from ganctl.version import __version__

CLEARLY_FASTER = 1.2
SECONDS = 1.0


def seconds_per_round(game: Game) -> float:
    """Play briefly; returns the duration of the shortest round.

    Of a game in stages, the last one is played: it has no end, while the others prepare it.
    """
    first = game.stages[-1].start
    game.step.assign(first)
    game.play(game.chunk(first, 1)).numpy()
    times: list[float] = []
    while len(times) < 20 and sum(times) < SECONDS:
        began = time.monotonic()
        game.play(game.chunk(first + 1, 1)).numpy()
        times.append(time.monotonic() - began)
    return min(times)


def recall(question: str, identity: str) -> Any:
    """Return the cached answer to a question about a game on this machine, or None."""
    try:
        return json.loads(_path(question, identity).read_text())
    except (OSError, ValueError):
        return None


def remember(question: str, identity: str, answer: Any) -> None:
    """Cache an answer for the next run."""
    path = _path(question, identity)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(answer).encode())
    except OSError:
        pass  # a cache that cannot be written costs the next run a moment, and must not end this one


def _path(question: str, identity: str) -> Path:
    known = repr((__version__, platform.node(), _processor(), identity))
    return cache_root() / question / f"{hashlib.sha256(known.encode()).hexdigest()}.json"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line for line in lines if line.startswith("model name")), platform.processor())
    except OSError:
        return platform.processor()
