"""Which loss is best on the same network in the same time."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies.bench import Bench, Trained
from benchmarks.studies.recipe import UNSMOOTHED, Recipe, timed
from benchmarks.studies.study import Report, Study, Table, first_samples, scores_table


def _recipe(name: str, loss: str, penalties: Sequence[Mapping[str, Any]] = (), **changes: Any) -> Recipe:
    return Recipe(name, {"loss": {"name": loss, "penalties": list(penalties)}, **changes}, equal_time=True)


_PENALTY = {"name": "gradient_penalty", "weight": 10}
_CLIPPING = {"name": "weight_clipping"}
_FIVE = {"training.disc_updates": 5}
RECIPES = [
    UNSMOOTHED,
    _recipe("least squares", "least_squares"),
    _recipe("hinge", "hinge"),
    _recipe("Wasserstein, gradient penalty", "wasserstein", [_PENALTY], **_FIVE),
    _recipe("Wasserstein, gradient penalty, 1 critic update", "wasserstein", [_PENALTY]),
    _recipe("Wasserstein, weight clipping", "wasserstein", [_CLIPPING], **_FIVE),
    _recipe(
        "relativistic, R1 and R2", "relativistic", [{"name": "r1", "weight": 0.05}, {"name": "r2", "weight": 0.05}]
    ),
]


def _report(bench: Bench, runs: Mapping[str, Sequence[Trained]]) -> Report:
    paces = bench.paces(timed(RECIPES))
    pace_rows = [[name, f"{1000 * seconds:.1f}"] for name, seconds in paces.items()]
    return Report(
        [
            scores_table("Each loss in the same processor time.", runs, UNSMOOTHED.name),
            Table("Processor time of an iteration, measured in turns in one process.", ["run", "ms"], pace_rows),
        ],
        first_samples(runs),
    )


STUDY = Study("losses", "Which loss is best on the same network in the same time?", RECIPES, _report)
