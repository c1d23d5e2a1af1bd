"""`precision: auto`: float32 or bfloat16, whichever plays this game faster on this machine.

bfloat16 is several times faster where the processor has instructions for it and slower where it has not, and a fully
connected game gains nothing from it: so the game itself is timed. The answer is remembered, because two runs of one
file must be the same run.
"""

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

from ganctl import __version__
from ganctl.cache_root import cache_root
from ganctl.game import Game
from ganctl.run_folder import write_atomically

CLEARLY_FASTER = 1.2
SECONDS = 1.0
# Held back to these instructions, oneDNN has no bfloat16, and TensorFlow, which asks the processor, calls it all the
# same: the process then ends at once.
_ISAS_WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI")


def faster_precision(make_game: Callable[[str], Game], identity: str) -> tuple[str, str]:
    """Return `float32` or `bfloat16`, and why.

    Args:
        make_game: makes the game in a precision.
        identity: tells this game and device from others.
    """
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        if os.environ.get(name, "").upper() in _ISAS_WITHOUT_BFLOAT16:
            return "float32", f"{name}={os.environ[name]} leaves no bfloat16"
    digest = hashlib.sha256(repr((__version__, platform.node(), _processor(), identity)).encode()).hexdigest()
    remembered = cache_root() / "precision" / f"{digest}.json"
    ratio = _remembered(remembered)
    if ratio is None:
        ratio = _seconds_per_round(make_game("float32")) / _seconds_per_round(make_game("bfloat16"))
        _remember(remembered, ratio)
    return (
        "bfloat16" if ratio > CLEARLY_FASTER else "float32",
        f"measured: bfloat16 is {ratio:.1f} times as fast as float32",
    )


def _seconds_per_round(game: Game) -> float:
    game.play(game.chunk(0, 1)).numpy()
    times: list[float] = []
    while len(times) < 20 and sum(times) < SECONDS:
        began = time.monotonic()
        game.play(game.chunk(1, 1)).numpy()
        times.append(time.monotonic() - began)
    return min(times)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line for line in lines if line.startswith("model name")), platform.processor())
    except OSError:
        return platform.processor()


def _remembered(path: Path) -> float | None:
    try:
        return float(json.loads(path.read_text())["bfloat16_over_float32"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(path: Path, ratio: float) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({"bfloat16_over_float32": ratio}).encode())
    except OSError:
        pass  # a cache that cannot be written costs the next run a moment, not this one its life
