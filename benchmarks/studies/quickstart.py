"""What three settings of the quickstart bring, each taken away alone."""

from collections.abc import Mapping, Sequence

from benchmarks.studies.bench import Bench, Trained
from benchmarks.studies.recipe import REFERENCE, UNSMOOTHED, Recipe
from benchmarks.studies.study import Report, Study, first_samples, scores_table

_UNAVERAGED = Recipe("no average", {"training.ema": 0.0})
_INFERRED = Recipe("fakes inference", {"training.fakes": "inference"})
_CONTROL = "all three (the reference)"
_NAMED = {
    _CONTROL: REFERENCE,
    "without label smoothing": UNSMOOTHED,
    "without the average of weights": _UNAVERAGED,
    "`fakes: inference`": _INFERRED,
}


def _report(bench: Bench, runs: Mapping[str, Sequence[Trained]]) -> Report:
    named = {title: runs[recipe.name] for title, recipe in _NAMED.items() if recipe.name in runs}
    title = "The quickstart's settings, each taken away alone, after equally many iterations."
    return Report([scores_table(title, named, _CONTROL)], first_samples(named))


STUDY = Study("quickstart", "What does each setting of the quickstart bring?", list(_NAMED.values()), _report)
