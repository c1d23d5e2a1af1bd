"""What three settings of the quickstart bring, each taken away alone."""

from collections.abc import Mapping, Sequence

from benchmarks.studies.bench import Bench, Trained
from benchmarks.studies.recipe import LONGER, REFERENCE, UNSMOOTHED, Recipe
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


_RECIPES = [*_NAMED.values(), *(recipe.lengthened() for recipe in _NAMED.values())]


def _report(bench: Bench, runs: Mapping[str, Sequence[Trained]]) -> Report:
    short = {title: runs[recipe.name] for title, recipe in _NAMED.items() if recipe.name in runs}
    longer = {title: recipe.lengthened().name for title, recipe in _NAMED.items()}
    long = {title: runs[name] for title, name in longer.items() if name in runs}
    tables = [scores_table("Each taken away alone, after equally many iterations.", short, _CONTROL)]
    if _CONTROL in long:
        tables.append(scores_table(f"The same, {LONGER} times as long.", long, _CONTROL))
    rows = {**short, **{f"{title}, {LONGER} times as long": found for title, found in long.items()}}
    return Report(tables, first_samples(rows))


STUDY = Study("quickstart", "What does each setting of the quickstart bring?", _RECIPES, _report)
