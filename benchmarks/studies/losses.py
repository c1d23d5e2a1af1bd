"""Which loss is best on the same network in the same time."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.studies.bench import Bench, Trained
from benchmarks.studies.recipe import LONGER, UNSMOOTHED, Recipe, timed
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
LONG = [recipe.lengthened() for recipe in RECIPES if "clipping" not in recipe.name and "1 critic" not in recipe.name]


def _report(bench: Bench, runs: Mapping[str, Sequence[Trained]]) -> Report:
    paces = bench.paces(timed(RECIPES))
    pace_rows = [[name, f"{1000 * seconds:.1f}"] for name, seconds in paces.items()]
    short, long = (
        {recipe.name: runs[recipe.name] for recipe in some if recipe.name in runs} for some in (RECIPES, LONG)
    )
    tables = [scores_table("Each loss in the same processor time.", short, UNSMOOTHED.name)]
    if LONG[0].name in long:
        tables.append(scores_table(f"The same, {LONGER} times as long.", long, LONG[0].name))
    tables.append(Table("Processor time of an iteration, measured in turns in one process.", ["run", "ms"], pace_rows))
    return Report(tables, first_samples({**short, **long}))


STUDY = Study("losses", "Which loss is best on the same network in the same time?", [*RECIPES, *LONG], _report)
