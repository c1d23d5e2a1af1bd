"""Measures the columns of a recipe side by side: they take turns, and only one computes at a time."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import blueprint, columns, operations
from benchmarks.process import Worker
from benchmarks.rules import Rules
from benchmarks.speed_recipes import Recipe, as_written
from ganctl.errors import GanctlError

MATRIX = 4096
_TURNS_AT_PRODUCTS = 2
Say = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """What is known of one column.

    Attributes:
        column: who played.
        precision: in which.
        speeds: iterations a second, one for each repeat.
        rounds: iterations in each repeat.
        start_seconds: from starting its first process of this run to the end of its first round.
        peak_bytes: the most memory that was resident.
        peak_speed: operations a second of the fastest large matrix product in the same process and precision: a peak
            is a bound, and what another process took from it would flatter the share.
    """

    column: str
    precision: str
    speeds: Sequence[float]
    rounds: int
    start_seconds: float
    peak_bytes: int
    peak_speed: float

    @property
    def speed(self) -> float:
        """Iterations a second: the median."""
        return statistics.median(self.speeds)


@dataclass(frozen=True)
class Result:
    """A recipe's columns.

    Attributes:
        recipe: what was played.
        batch: images from which the generator learns in one iteration.
        operations: of one iteration.
        measured: the columns in their order.
    """

    recipe: Recipe
    batch: int
    operations: int
    measured: Sequence[Measured]

    def find(self, column: str) -> Measured | None:
        """Return a column, or None where it was left out."""
        return next((each for each in self.measured if each.column == column), None)

    @property
    def best_torch(self) -> Measured | None:
        """The fastest of PyTorch's settings."""
        settings = [each for each in self.measured if columns.is_torch(each.column)]
        return max(settings, key=lambda each: each.speed, default=None)


def measure(
    recipe: Recipe,
    names: Sequence[str],
    folder: Path,
    *,
    repeats: int,
    seconds: float,
    isa: str | None,
    first_starts: Mapping[str, float],
    say: Say,
) -> Result:
    """Measure columns; raises GanctlError where one fails or has networks that do not learn.

    Args:
        recipe: what is played.
        names: of the columns.
        folder: what `benchmarks.preparation` wrote.
        repeats: how often each column has its turn.
        seconds: how long a turn should be.
        isa: the instructions to be content with.
        first_starts: how long columns took that were already started in this run.
        say: is told how it goes.
    """
    rules = Rules.of(recipe.experiment(folder, *as_written()))
    layers = blueprint.read(folder / "networks.json")
    count = operations.of_round(layers["generator"], layers["discriminator"], rules.half, rules.batch)
    workers: list[Worker] = []
    starts, rounds = dict(first_starts), {}
    with ExitStack() as stack:
        for name in names:
            say(f"{recipe.name}: starting {name}")
            worker = stack.enter_context(Worker(name, recipe, folder, "measure", isa))
            workers.append(worker)
            worker.ask("play", rounds=1)
            starts.setdefault(name, worker.age)
            rounds[name] = _rounds_in(worker, seconds)
        speeds: dict[str, list[float]] = {name: [] for name in names}
        for repeat in range(repeats):
            say(f"{recipe.name}: repeat {repeat + 1} of {repeats}")
            for worker in workers if repeat % 2 == 0 else reversed(workers):
                number = rounds[worker.column]
                speeds[worker.column].append(number / worker.ask("play", rounds=number)["seconds"])
        # Only now: the matrices would count as memory.
        reports = {worker.column: worker.ask("report") for worker in workers}
        products: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(_TURNS_AT_PRODUCTS):
            for worker in workers:
                products[worker.column].append(2 * MATRIX**3 / worker.ask("multiply", size=MATRIX)["seconds"])
    for name, report in reports.items():
        if report["still"]:
            raise GanctlError(f"{name} has not moved all weights of: {', '.join(dict.fromkeys(report['still']))}")
    measured = [
        Measured(
            name,
            reports[name]["precision"],
            speeds[name],
            rounds[name],
            starts[name],
            reports[name]["peak_bytes"],
            max(products[name]),
        )
        for name in names
    ]
    return Result(recipe, rules.batch, count, measured)


def _rounds_in(worker: Worker, seconds: float) -> int:
    """Return how many rounds a worker plays in a time, from playing more and more of them."""
    rounds = 1
    while True:
        taken = worker.ask("play", rounds=rounds)["seconds"]
        wanted = max(1, math.ceil(rounds * seconds / taken))
        if taken > seconds / 3:
            return wanted
        rounds = min(wanted, 8 * rounds)
