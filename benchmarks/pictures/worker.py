"""One column of one recipe, in a process of its own: started once, then told what to do, a line of JSON at a time.

    python -m benchmarks.pictures.worker COLUMN RECIPE FOLDER measure|check

Requests: {"do": "play", "rounds": 20}, {"do": "save", "path": "weights.npz"} and {"do": "report"}. It ends with its
standard input.
"""

import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.pictures.recipes import called
from benchmarks.pictures.table import TORCH
from benchmarks.requests import serve
from ganctl.planning.pace import peak_bytes


def side_of(column: str, recipe_name: str, folder: Path, *, told: bool) -> Any:
    """Make whoever plays a column; only one of TensorFlow and PyTorch is loaded."""
    recipe = called(recipe_name)
    if column in TORCH:
        from benchmarks.pictures.torch_side import TorchPictures

        return TorchPictures(recipe, folder, **TORCH[column], told=told)
    from benchmarks.pictures.ganctl_side import GanctlGame

    return GanctlGame(recipe, folder, *(["training.precision=float32"] if "float32" in column else []), told=told)


def answer(side: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked."""
    match request["do"]:
        case "play":
            began = time.perf_counter()
            losses = side.play(request["rounds"])
            return {"seconds": time.perf_counter() - began, "losses": losses.tolist()}
        case "save":
            side.save(Path(request["path"]))
            return {}
        case "report":
            return {"precision": side.precision, "peak_bytes": peak_bytes()}
    raise ValueError(f"Unknown request. Received: {request}")


def main(column: str, recipe: str, folder: str, purpose: str) -> None:
    """Answer requests until standard input ends."""
    serve(lambda: side_of(column, recipe, Path(folder), told=purpose == "check"), answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
