"""A run, as read from its folder."""

from dataclasses import dataclass
from typing import Self

from ganctl.diagnosis.doctor import Examination, examine_quietly
from ganctl.report.curves import MAX_POINTS, Curves, read_curves
from ganctl.report.facts import Facts, read_facts
from ganctl.report.grids import MAX_BYTES, Grids, read_grids
from ganctl.report.scores import Scores, read_scores
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.vitals_csv import Vitals, read_vitals


@dataclass(frozen=True)
class RunRecord:
    """A run, as read from its folder."""

    folder: RunFolder
    name: str
    facts: Facts
    curves: Curves
    scores: Scores
    grids: Grids
    vitals: Vitals
    health: Examination

    @classmethod
    def read(cls, folder: RunFolder, runs: int = 1) -> Self:
        """Read a run folder, as much of it as fits on a page of `runs` runs."""
        return cls(
            folder,
            folder.path.absolute().name,
            read_facts(folder),
            read_curves(folder.losses, min(MAX_POINTS, 4 * MAX_POINTS // runs)),
            read_scores(folder.metrics),
            read_grids(folder, MAX_BYTES // runs),
            _vitals(folder),
            examine_quietly(folder),
        )

    @property
    def progress(self) -> str:
        """How far the run got."""
        planned = self.facts.value("training", "iterations")
        return f"{self.curves.iterations:,}" + (f" of {planned:,}" if isinstance(planned, int) else "") + " iterations"


def _vitals(folder: RunFolder) -> Vitals:
    try:
        return read_vitals(folder.vitals)
    except OSError:
        return Vitals()
