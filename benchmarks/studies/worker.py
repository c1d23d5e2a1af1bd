"""A process on one core, with one thread, that trains runs and measures processor time, one order after the other.

    python -m benchmarks.studies.worker CORE

Each line of its input is the path of an order, a file FOLDER.json (`Bench`). The answer is written beside it, as
FOLDER.done.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.recipes import CONFIGS
from benchmarks.studies.recipe import CONFIG

KEPT = 1000
"""Samples of a run that are kept, for pictures and for what a study measures of them."""
_NICE = 5
_TURNS, _SECONDS = 5, 1.5


def train(folder: Path, settings: dict[str, Any], seed: int, num: int, against: str) -> dict[str, Any]:
    """Train and score a run.

    Returns:
        the scores of `ganctl evaluate`, and the processor time of the training with its start.
    """
    import ganctl
    from benchmarks.papers.clothes import as_overrides

    before = time.process_time()
    run = ganctl.train(
        CONFIGS.parent / CONFIG,
        list(as_overrides(settings)),
        output_dir=folder.parent,
        run_name=folder.name,
        seed=seed,
        device="cpu",
        quiet=True,
    )
    seconds = time.process_time() - before
    scores = ganctl.evaluate(run.path, against=against, num=num, quiet=True)
    np.save(folder / "kept.npy", np.asarray(run.sample(KEPT)))
    last = {name: float(values[-1]) for name, values in run.losses.items() if name.startswith("augment_")}
    return {"seconds": seconds, **last, **scores.values, "protocol": scores.protocol}


def measure(recipes: Sequence[dict[str, Any]]) -> list[float]:
    """Return the processor seconds of an iteration of each recipe: medians of several turns, in one process.

    Starting, tracing and compiling are left out.
    """
    from benchmarks.papers.clothes import as_overrides
    from ganctl.build.resolving import load_parts
    from ganctl.host.device import select_device
    from ganctl.training.prepared import Prepared

    device = select_device("cpu")
    games = []
    for settings in recipes:
        parts = load_parts(CONFIGS.parent / CONFIG, as_overrides(settings))
        game = Prepared.make(parts, device, lambda sequence, *_, **__: sequence).game
        game.play(game.chunk(0, 1)).numpy()
        games.append((game, _rounds(game)))
    turns = [[_seconds(game, rounds) for game, rounds in games] for _ in range(_TURNS)]
    return [float(each) for each in np.median(turns, axis=0)]


def _rounds(game: Any) -> int:
    """Return how many rounds take about _SECONDS; at least an even number, for lazy penalties."""
    return max(2, int(_SECONDS / min(_seconds(game, 2) for _ in range(3))))


def _seconds(game: Any, rounds: int) -> float:
    before = time.process_time()
    game.play(game.chunk(int(game.step.numpy()), rounds)).numpy()
    return (time.process_time() - before) / rounds


def _answer(order: Path) -> None:
    asked = json.loads(order.read_text("utf-8"))
    if "recipes" in asked:
        answer: Any = measure(asked["recipes"])
    else:
        answer = train(order.with_suffix(""), asked["settings"], asked["seed"], asked["num"], asked["against"])
    partial = order.with_suffix(".partial")
    partial.write_text(json.dumps({"asked": asked, "answer": answer}, indent=2) + "\n", "utf-8")
    partial.replace(order.with_suffix(".done"))
    order.unlink()


def _main(core: int) -> None:
    os.environ.update({"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""})
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    os.nice(max(0, _NICE - os.nice(0)))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else is printed belongs into the log
    for line in sys.stdin:
        _answer(Path(line.rstrip("\n")))
        from ganctl.lazy import keras

        keras.backend.clear_session()
        gc.collect()  # networks and graphs are cycles, which would pile up
        print("done", file=answers)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
