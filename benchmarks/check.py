"""Shows that all columns do the same work.

Every column starts from the same weights and plays on one batch of real images with the same latent vectors and the
same label noise, without dropout: what ganctl draws by itself, the others are told. Compared with the literal loop are
the losses of every round and the way that every network has gone. Rounding errors grow from round to round, and
bfloat16 rounds coarsely: hence two sets of tolerances. A forgotten update, a BatchNorm in the wrong mode or labels
swapped miss either by far.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import blueprint
from benchmarks.process import Worker
from benchmarks.speed_recipes import Recipe


@dataclass(frozen=True)
class Tolerance:
    """How far a column may be from the literal loop.

    Attributes:
        early: difference of the losses of the first two rounds, relative to the loss plus 0.1.
        late: the same of all rounds.
        distance: relative difference of how far a network's weights have gone.
        direction: least cosine between the two ways that they have gone.
    """

    early: float
    late: float
    distance: float
    direction: float


TOLERANCES: Mapping[str, Tolerance] = {
    "float32": Tolerance(early=5e-4, late=1e-2, distance=0.01, direction=0.97),
    "bfloat16": Tolerance(early=1e-2, late=5e-2, distance=0.05, direction=0.9),
}


@dataclass(frozen=True)
class Played:
    """What a column's check leaves.

    Attributes:
        column: who played.
        precision: in which.
        losses: of discriminator and generator, [rounds, 2].
        ways: how far every weight that is trained has gone, one vector a network.
        seconds: from starting the process to the end of its first round.
    """

    column: str
    precision: str
    losses: np.ndarray
    ways: Mapping[str, np.ndarray]
    seconds: float


def play(column: str, recipe: Recipe, folder: Path, isa: str | None) -> Played:
    """Have a column play its check; raises GanctlError if its process ends over it."""
    with Worker(column, recipe, folder, "check", isa) as worker:
        losses = worker.ask("play", rounds=1, losses=True)["losses"]
        seconds = worker.age
        losses += worker.ask("play", rounds=recipe.check_rounds - 1, losses=True)["losses"]
        path = folder / f"check-{column}.npz"
        worker.ask("save", path=str(path))
        precision = worker.ask("report")["precision"]
    return Played(column, precision, np.asarray(losses), _ways(path, folder), seconds)


def _ways(path: Path, folder: Path) -> dict[str, np.ndarray]:
    start, end = blueprint.read_weights(folder / "weights.npz"), blueprint.read_weights(path)
    ways = {}
    for role, layers in blueprint.read(folder / "networks.json").items():
        pairs = zip(start[role], end[role], blueprint.trained(layers), strict=True)
        ways[role] = np.concatenate([(after - before).ravel() for before, after, moves in pairs if moves])
    return ways


def shortfalls(played: Played, literal: Played) -> list[str]:
    """Return in what a column is not what the literal loop is, a line each."""
    allowed, found = TOLERANCES[played.precision], []
    with np.errstate(invalid="ignore"):
        differences = np.abs(played.losses - literal.losses) / (np.abs(literal.losses) + 0.1)
    for which, rows, most in (("first two", differences[:2], allowed.early), ("all", differences, allowed.late)):
        if not rows.max() <= most:  # also where it is not a number
            found.append(f"{played.column}: losses of {which} rounds differ by {rows.max():.1e}, more than {most:.0e}")
    for role, way in played.ways.items():
        distance, direction = compared(way, literal.ways[role])
        if not way.any():
            found.append(f"{played.column}: the {role} has not moved")
        elif not abs(distance - 1.0) <= allowed.distance or not direction >= allowed.direction:
            found.append(
                f"{played.column}: the {role} went {distance:.3f} times as far with a cosine of {direction:.3f}; "
                f"allowed are 1 +- {allowed.distance} and {allowed.direction}"
            )
    return found


def compared(way: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return the ratio of the lengths of two ways and the cosine between them."""
    lengths = [float(np.linalg.norm(each.astype(np.float64))) for each in (way, other)]
    if not all(lengths):
        return (float("inf") if lengths[0] else 0.0), 0.0
    return lengths[0] / lengths[1], float(way.astype(np.float64) @ other) / (lengths[0] * lengths[1])
