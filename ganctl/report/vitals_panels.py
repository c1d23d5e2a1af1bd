"""The columns of vitals.csv as plots."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganctl.diagnosis.findings import Finding
from ganctl.report.panels import Json, numbers, panel, with_findings
from ganctl.run_folder.vitals_csv import UPDATE, WEIGHT_NORM, Vitals

PANELS: dict[str, tuple[str, ...]] = {
    "Diversity of the samples": ("lite0_diversity", "lite0_diversity_real", "pixel_diversity"),
    "Change between grids": ("lite0_change", "pixel_change"),
    "Effect of an input": ("latent_effect", "class_effect"),
    "Raw scores": ("score_real", "score_held_out", "score_fake"),
    "Saturated pixels": ("saturated", "saturated_real"),
    "Levels": ("low", "high", "low_real", "high_real"),
    "Checkerboard": ("checkerboard", "checkerboard_real"),
    "Training against inference mode": ("training_gap",),
}
NETWORKS = {"Norm of the weights": WEIGHT_NORM, "Change of the weights in an iteration": UPDATE}
LOGARITHMIC = {"Checkerboard", *NETWORKS}


def vitals_panels(vitals: Vitals, findings: Sequence[Finding]) -> list[Json]:
    """Return a plot for each group with a measured column."""
    groups = PANELS | {
        title: tuple(name for name in vitals.columns if name.startswith(start)) for title, start in NETWORKS.items()
    }
    at, found = vitals.column("iteration"), []
    for title, names in groups.items():
        curves = [_curve(name, vitals.column(name), names.index(name)) for name in names]
        curves = [curve for curve in curves if any(value is not None for value in curve["values"])]
        if curves:
            table = {"at": numbers(at), "curves": curves}
            found.append(with_findings(panel(title, [table], logarithmic=title in LOGARITHMIC), findings, names))
    return found


def _curve(name: str, values: np.ndarray, colour: int) -> dict[str, Any]:
    curve = {"label": name, "colour": colour, "values": numbers(values)}
    return {**curve, "dashed": True} if name.endswith("_real") and name != "score_real" else curve
