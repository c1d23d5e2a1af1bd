"""Writes metrics.csv by hand, as an evaluation would."""

from typing import Any

from ganctl.run_folder.metrics_csv import COLUMNS, line
from ganctl.run_folder.paths import RunFolder

PROTOCOL = {
    "features": "lite0",
    "weights": "0a1b",
    "resize": "area",
    "reference": "train",
    "reference_num": 64,
    "num": 64,
}


def write_metrics(folder: RunFolder, kid: list[tuple[int, float]], *, append: bool = False, **protocol: Any) -> None:
    """Write evaluations given as iteration and KID; the other figures follow from it."""
    lines = [] if append else [line(COLUMNS)]
    for iteration, value in kid:
        row: dict[str, Any] = {**PROTOCOL, **protocol, "iteration": iteration, "kid": value, "kid_floor": 0.01}
        row |= {"kid_std": 0.02, "frechet_distance": 100 * value, "frechet_distance_floor": 3.0}
        lines.append(line([row.get(column) for column in COLUMNS]))
    with folder.metrics.open("a" if append else "w") as file:
        file.writelines(lines)
