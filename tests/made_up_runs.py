"""Run folders as a training would leave them, made up: healthy, but for the columns that a test gives."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganctl.build import resolving
from ganctl.experiment.packaged_configs import packaged_configs
from ganctl.run_folder.losses_csv import LossTable
from ganctl.run_folder.metrics_csv import COLUMNS, line
from ganctl.run_folder.paths import RunFolder
from ganctl.run_folder.vitals_csv import columns_of, row_line

ITERATIONS, SAMPLE_EVERY, EVALUATED_EVERY = 5000, 250, 500
Column = float | Callable[[np.ndarray], Any]
"""A value, or the values at iterations."""

LOSSES: Mapping[str, Column] = {
    "d_loss": 1.2,
    "g_loss": 1.0,
    "d_real": 0.55,
    "d_fake": 0.42,
    "d_accuracy_real": 0.7,
    "d_accuracy_fake": 0.75,
    "d_grad_norm": 2.5,
    "g_grad_norm": 1.5,
}
VITALS: Mapping[str, Column] = {
    "lite0_diversity": lambda at: 0.65 - 0.5 * np.exp(-at / 300),
    "lite0_diversity_real": 0.78,
    "lite0_change": lambda at: 0.3 + np.exp(-at / 500),
    "pixel_diversity": lambda at: 0.9 - 0.8 * np.exp(-at / 300),
    "pixel_nearest": lambda at: 0.85 - 0.8 * np.exp(-at / 300),
    "pixel_change": lambda at: 0.25 + np.exp(-at / 500),
    "saturated": 0.5,
    "saturated_real": 0.53,
    "checkerboard": lambda at: 1.8 + 20 * np.exp(-at / 300),
    "checkerboard_real": 1.6,
    "low": 0.0,
    "high": 248.0,
    "low_real": 0.0,
    "high_real": 250.0,
    "training_gap": lambda at: 0.1 + np.exp(-at / 500),
    "score_real": 0.8,
    "score_held_out": 0.75,
    "score_fake": -0.6,
    "score_deviation": 0.9,
    "weight_norm_generator": lambda at: 20 + at / 2000,
    "weight_norm_discriminator": lambda at: 8 + at / 2000,
    "update_generator": 4e-3,
    "update_discriminator": 6e-3,
}
METRICS: Mapping[str, Column] = {
    "kid": lambda at: 0.05 + 0.2 * np.exp(-at / 400),
    "kid_floor": 0.0005,
    "kid_std": 0.004,
    "memorization": 0.05,
    "memorization_floor": 0.05,
    "diversity": 0.8,
    "diversity_floor": 1.0,
}
SURVEY: Mapping[str, Any] = {
    "images": 1000, "copies": 0.0, "level": 73.0, "low": 0.0, "high": 250.0, "spread": 110.0,
    "class_counts": {"shirt": 600, "boot": 600, "bag": 590},
}  # fmt: skip
PROTOCOL = {"features": "lite0", "weights": "0a1b", "resize": "area", "reference": "train", "num": 2000}


def make_up(
    path: Path,
    recipe: str = "quickstart",
    overrides: tuple[str, ...] = (),
    *,
    losses: Mapping[str, Column | None] | None = None,
    vitals: Mapping[str, Column | None] | None = None,
    metrics: Mapping[str, Column | None] | None = None,
    survey: Mapping[str, Any] | None = None,
    info: Mapping[str, Any] | None = None,
    log: str = "finished 5000 iterations",
    iterations: int = ITERATIONS,
    noise: float = 1.0,
) -> RunFolder:
    """Write a run folder; what is given replaces healthy columns, and None leaves one out.

    All columns are noisy; `noise` scales that.
    """
    path.mkdir(parents=True)
    folder, random = RunFolder(path), np.random.default_rng(0)
    planned = (f"training.iterations={iterations}", *overrides)
    folder.write_config(resolving.load_experiment(packaged_configs()[recipe], planned).to_yaml())
    dataset = {"images": 1790, "survey": {**SURVEY, **(survey or {})}}
    folder.write_info({"dataset": dataset, "precision": {"name": "float32", "reason": "the test"}, **(info or {})})
    folder.append_log(log)
    every = np.arange(1, iterations + 1)
    table = _columns(every, {**LOSSES, **(losses or {})}, random, 0.1 * noise)
    writer = LossTable(list(table), 200)
    rows = np.stack(list(table.values()), axis=1)
    lines = [writer.line({"iteration": i + 1, **dict(zip(table, row, strict=True))}) for i, row in enumerate(rows)]
    folder.losses.write_text(writer.header + "".join(lines))
    at = np.arange(0, iterations + 1, SAMPLE_EVERY)
    signs = _columns(at, {**VITALS, **(vitals or {})}, random, 0.02 * noise)
    header = columns_of(["generator", "discriminator"])
    with folder.vitals.open("wb") as file:
        file.write((",".join(header) + "\n").encode())
        for i, step in enumerate(at):
            file.write(row_line(header, {"iteration": int(step), **{name: v[i] for name, v in signs.items()}}))
    at = np.arange(EVALUATED_EVERY, iterations + 1, EVALUATED_EVERY)
    scores = _columns(at, {**METRICS, **(metrics or {})}, random, 0.01 * noise)
    rows = [{**PROTOCOL, "iteration": int(s), **{n: float(v[i]) for n, v in scores.items()}} for i, s in enumerate(at)]
    folder.metrics.write_text(line(COLUMNS) + "".join(line([row.get(name) for name in COLUMNS]) for row in rows))
    return folder


def _columns(
    at: np.ndarray, columns: Mapping[str, Column | None], random: np.random.Generator, noise: float
) -> dict[str, np.ndarray]:
    """The columns at iterations, with some relative noise; shares stay shares."""
    found = {}
    for name, column in columns.items():
        if column is not None:
            values = np.broadcast_to(np.asarray(column(at) if callable(column) else column, float), at.shape)
            share = name.startswith("d_accuracy") or name in ("d_real", "d_fake")
            scale = values * (1 - np.minimum(values, 1)) if share else values
            with np.errstate(invalid="ignore"):
                found[name] = values + noise * scale * random.normal(size=at.shape)
    return found
