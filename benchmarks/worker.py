"""One column of one recipe, in a process of its own: started once, then told what to do, a line of JSON at a time.

    python -m benchmarks.worker COLUMN RECIPE FOLDER measure|check

Requests: {"do": "play", "rounds": 20}, {"do": "multiply", "size": 4096}, {"do": "save", "path": "weights.npz"} and
{"do": "report"}. It ends with its standard input.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import blueprint
from benchmarks.columns import Side, make_side
from benchmarks.requests import serve
from benchmarks.speed_recipes import RECIPES
from ganctl.planning.pace import peak_bytes


def answer(side: Side, request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Do what is asked."""
    match request["do"]:
        case "play":
            began = time.perf_counter()
            losses = side.play(request["rounds"])
            return {"seconds": time.perf_counter() - began, "losses": losses.tolist() if request.get("losses") else []}
        case "multiply":
            return {"seconds": side.multiply(request["size"])}
        case "save":
            blueprint.write_weights(side.weights(), Path(request["path"]))
            return {}
        case "report":
            peak = peak_bytes()  # before more memory is taken to answer the rest
            return {"precision": side.precision, "peak_bytes": peak, "still": still(side.weights(), folder)}
    raise ValueError(f"Unknown request. Received: {request}")


def still(weights: Mapping[str, Sequence[np.ndarray]], folder: Path) -> list[str]:
    """Return the roles of the networks that have weights where they were at the start."""
    start, layers = blueprint.read_weights(folder / "weights.npz"), blueprint.read(folder / "networks.json")
    return [
        role
        for role in start
        for before, after, moves in zip(start[role], weights[role], blueprint.trained(layers[role]), strict=True)
        # A bias before BatchNorm has no gradient but what rounding leaves of it.
        if moves and before.ndim > 1 and np.array_equal(before, after)
    ]


def main(column: str, recipe_name: str, folder: str, purpose: str) -> None:
    """Answer requests until standard input ends."""
    recipe = next(recipe for recipe in RECIPES if recipe.name == recipe_name)
    start = Path(folder)
    serve(
        lambda: make_side(column, recipe, start, told=purpose == "check"),
        lambda side, request: answer(side, request, start),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
