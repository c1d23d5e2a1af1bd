"""`precision: auto`: float32 or bfloat16, whichever plays this game faster on this machine.

bfloat16 is several times faster if the processor has instructions for it and slower if not, and a fully connected game
gains nothing from it, so the game itself is timed.
"""

import os
from collections.abc import Callable

from ganctl.game.game import Game
from ganctl.planning.probe import CLEARLY_FASTER, recall, remember, seconds_per_round

# Limited to these instructions, oneDNN has no bfloat16, but TensorFlow, which checks the processor, uses it anyway: the
# process then dies at once.
_ISAS_WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI")


def faster_precision(make_game: Callable[[str], Game], identity: str) -> tuple[str, str]:
    """Return `float32` or `bfloat16`, and the reason.

    Args:
        make_game: makes the game in a precision.
        identity: distinguishes this game and device from others.
    """
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        if os.environ.get(name, "").upper() in _ISAS_WITHOUT_BFLOAT16:
            return "float32", f"{name}={os.environ[name]} disables bfloat16"
    ratio = recall("precision", identity)
    if not isinstance(ratio, float):
        ratio = seconds_per_round(make_game("float32")) / seconds_per_round(make_game("bfloat16"))
        remember("precision", identity, ratio)
    return (
        "bfloat16" if ratio > CLEARLY_FASTER else "float32",
        f"measured: bfloat16 is {ratio:.1f} times as fast as float32",
    )
