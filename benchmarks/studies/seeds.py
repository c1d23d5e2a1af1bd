"""How much the seed alone moves a score."""

from collections.abc import Mapping, Sequence

from benchmarks.studies.bench import Bench, Trained
from benchmarks.studies.recipe import REFERENCE
from benchmarks.studies.study import Report, Study, Table, first_samples, spread_of

_FIGURES = {"kid": ("KID", 3), "frechet_distance": ("FD", 0), "precision": ("precision", 2), "recall": ("recall", 2)}


def _report(bench: Bench, runs: Mapping[str, Sequence[Trained]]) -> Report:
    found = runs[REFERENCE.name]
    rows = [
        [str(seed), *(f"{run.figures[figure]:.{digits}f}" for figure, (_, digits) in _FIGURES.items())]
        for seed, run in enumerate(found)
    ]
    spreads = [spread_of(found, figure) for figure in _FIGURES]
    rows.append(
        ["mean ± deviation", *(s.written(digits) for s, (_, digits) in zip(spreads, _FIGURES.values(), strict=True))]
    )
    rows.append(["deviation / mean", *(f"{s.deviation / s.mean:.0%}" for s in spreads)])
    inner = spread_of(found, "kid_std")
    title = (
        "The reference with each seed. KID's deviation over disjoint subsets of 500 samples of one run is "
        f"{inner.mean:.3f} on average."
    )
    picture = {f"seed {seed}": first_samples({"": [run]})[""] for seed, run in enumerate(found)}
    return Report([Table(title, ["seed", *(name for name, _ in _FIGURES.values())], rows)], picture)


STUDY = Study("seeds", "How much does the seed alone move a score?", [REFERENCE], _report, seeds=5)
