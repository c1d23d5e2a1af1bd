"""`xla: auto`: whether to compile rounds with XLA, TensorFlow's compiler that fuses operations.

On a CPU it makes convolutions slower, after minutes of compiling, and fully connected games sometimes faster. On a GPU
it may help any game, or not work at all, because it looks for its tools only when it compiles. So the game itself is
timed.
"""

import time
from collections.abc import Callable
from typing import Any

from ganctl.game.game import Game
from ganctl.lazy import tf
from ganctl.planning.probe import CLEARLY_FASTER, recall, remember, seconds_per_round

CONVOLUTIONS = "never for convolutions on a CPU, which it slows down"


def worth_xla(make_game: Callable[[bool], Game], device: str, identity: str) -> tuple[bool, str]:
    """Return whether XLA makes the game clearly faster, and the reason.

    Args:
        make_game: makes the game with or without XLA.
        device: name of the device; `CPU` is the processor.
        identity: distinguishes this game and device from others.
    """
    measured = recall("xla", identity)
    if not isinstance(measured, dict):
        plain = make_game(False)
        if device == "CPU" and any(map(_has_convolutions, plain.networks.values())):
            measured = {"convolutions": True}
        else:
            try:
                measured = _measure(plain, make_game(True))
            except tf.errors.OpError as error:  # not cached: what XLA lacks may be installed later
                return False, f"it fails here: {_first_line(error)}"
        remember("xla", identity, measured)
    if "ratio" not in measured:
        return False, CONVOLUTIONS
    ratio, seconds = float(measured["ratio"]), float(measured["compile_seconds"])
    return ratio > CLEARLY_FASTER, f"measured: {ratio:.2f} times as fast with it, after {seconds:.0f} s of compiling"


def _has_convolutions(network: Any) -> bool:
    """Whether a network has convolution kernels."""
    return any(len(variable.shape) == 4 for variable in network.trainable_variables)


def _measure(plain: Game, compiled: Game) -> dict[str, float]:
    began = time.monotonic()
    first = compiled.stages[-1].start
    compiled.step.assign(first)
    compiled.play(compiled.chunk(first, 1)).numpy()
    seconds = time.monotonic() - began
    return {"ratio": seconds_per_round(plain) / seconds_per_round(compiled), "compile_seconds": seconds}


def _first_line(error: Exception) -> str:
    line = str(error).strip().partition("\n")[0]
    return line if len(line) <= 160 else f"{line[:157]}..."
