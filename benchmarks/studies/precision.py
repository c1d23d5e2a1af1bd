"""What bfloat16 and XLA do to speed and scores on this processor."""

from collections.abc import Mapping, Sequence

from benchmarks.studies.bench import Bench, Trained
from benchmarks.studies.recipe import REFERENCE, Recipe
from benchmarks.studies.study import Report, Study, Table, first_samples, scores_table

RECIPES = [
    REFERENCE,
    Recipe("bfloat16", {"training.precision": "bfloat16"}),
    Recipe("XLA", {"training.xla": True}),
]


def _report(bench: Bench, runs: Mapping[str, Sequence[Trained]]) -> Report:
    paces = bench.paces(RECIPES)
    control = paces[REFERENCE.name]
    speeds = [[name, f"{1000 * seconds:.1f}", f"{control / seconds:.2f}"] for name, seconds in paces.items()]
    return Report(
        [
            Table(
                "Processor time of an iteration, measured in turns in one process with one thread, without compiling.",
                ["run", "ms", "times as fast as float32"],
                speeds,
            ),
            scores_table("Scores after equally many iterations; the reference is float32 without XLA.", runs),
        ],
        first_samples(runs),
    )


STUDY = Study("precision", "float32, bfloat16 or XLA on a processor?", RECIPES, _report)
