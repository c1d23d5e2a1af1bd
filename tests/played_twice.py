"""A program that plays experiments twice from the same beginning, and says what differs.

    python played_twice.py ROUNDS FILE.yaml...

For each file, a line of JSON: its name, how many arrays were compared, and the names of those that differ in a bit.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from conftest import untracked

from ganctl.build import games, resolving
from ganctl.game import Game
from ganctl.game import state as game_state
from ganctl.host.device import select_device
from ganctl.training.prepared import prepare_process


def play(game: Game, beginning: dict[str, game_state.Tensors], rounds: int) -> dict[str, np.ndarray]:
    """Every weight, statistic and slot after some rounds of each stage, and every measurement."""
    found = {}
    for number, stage in enumerate(game.stages):
        game_state.restore(game, beginning, stage.start, "the beginning")
        most = rounds if stage.until is None else stage.until - stage.start
        found[f"stage {number}: measurements"] = game.play(game.chunk(stage.start, most)).numpy()
        groups = game_state.collect(game)
        found |= {f"stage {number}: {group} {name}": a for group, named in groups.items() for name, a in named.items()}
    return found


def differences(path: Path, rounds: int) -> dict[str, Any]:
    """What differs between two plays of an experiment."""
    parts = resolving.resolve(resolving.load_experiment(path))
    game = games.make_game(parts, resolving.read_feeds(parts, untracked))
    beginning = game_state.collect(game)
    first, second = (play(game, beginning, rounds) for _ in range(2))
    assert first.keys() == second.keys()
    differ = [name for name, array in first.items() if array.tobytes() != second[name].tobytes()]
    return {"name": path.stem, "compared": len(first), "differ": differ}


if __name__ == "__main__":
    prepare_process(select_device("cpu"))
    for argument in sys.argv[2:]:
        print(json.dumps(differences(Path(argument), int(sys.argv[1]))), flush=True)
