"""Results as tables and as plain data."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.check import Played, compared
from benchmarks.columns import GANCTL, LITERAL
from benchmarks.measurement import Measured, Result


def row(result: Result, measured: Measured) -> dict[str, Any]:
    """Return all that is known of one column."""
    literal, best = result.find(LITERAL), result.best_torch
    speed = measured.speed * result.operations
    # TensorFlow's own product is slower than its convolutions: what anybody reached in this precision is the peak.
    peak = max(each.peak_speed for each in result.measured if each.precision == measured.precision)
    return {
        "column": measured.column,
        "precision": measured.precision,
        "iterations_per_second": measured.speed,
        "images_per_second": measured.speed * result.batch,
        "over_literal": measured.speed / literal.speed if literal else None,
        "over_best_pytorch": measured.speed / best.speed if best else None,
        "tflops": speed / 1e12,
        "peak_tflops": measured.peak_speed / 1e12,
        "share_of_peak": speed / peak,
        "peak_memory_bytes": measured.peak_bytes,
        "start_seconds": measured.start_seconds,
        "rounds_per_repeat": measured.rounds,
        "repeats_iterations_per_second": list(measured.speeds),
    }


def as_data(result: Result) -> dict[str, Any]:
    """Return all that is known of a recipe."""
    best = result.best_torch
    return {
        "recipe": result.recipe.name,
        "config": result.recipe.config,
        "batch": result.batch,
        "operations_per_iteration": result.operations,
        "best_pytorch": best.column if best else None,
        "columns": [row(result, measured) for measured in result.measured],
    }


def speed_table(result: Result) -> Table:
    """Return the table of a recipe."""
    best = result.best_torch
    table = Table(
        "column",
        "precision",
        title=f"{result.recipe.name}, batch {result.batch}: {result.operations / 1e9:,.2f} GFLOP an iteration",
        title_justify="left",
        caption=f"best PyTorch: {best.column}" if best else None,
        caption_justify="left",
    )
    for heading in (
        "iterations/s",
        "spread",
        "images/s",
        "over literal",
        "over best PyTorch",
        "TFLOP/s",
        "of peak",
        "memory MiB",
        "start s",
    ):
        table.add_column(heading, justify="right")
    for measured in result.measured:
        facts = row(result, measured)
        table.add_row(
            measured.column,
            measured.precision,
            f"{facts['iterations_per_second']:,.2f}",
            f"{(max(measured.speeds) - min(measured.speeds)) / measured.speed:.0%}",
            f"{facts['images_per_second']:,.0f}",
            _ratio(facts["over_literal"]),
            _ratio(facts["over_best_pytorch"]),
            f"{facts['tflops']:.3f}",
            f"{facts['share_of_peak']:.0%}",
            f"{facts['peak_memory_bytes'] / 2**20:,.0f}",
            f"{facts['start_seconds']:.1f}",
        )
    return table


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def check_table(recipe: str, plays: Sequence[Played]) -> Table:
    """Return the table of a recipe's check; the literal loop comes first."""
    rounds = len(plays[0].losses)
    title = f"{recipe}: {rounds} rounds on one batch, compared with the literal loop"
    table = Table("column", "precision", title=title, title_justify="left")
    for heading in ("d loss", "g loss", "largest difference", "generator: far, cosine", "discriminator: far, cosine"):
        table.add_column(heading, justify="right")
    literal = plays[0]
    for played in plays:
        difference = abs(played.losses - literal.losses) / (abs(literal.losses) + 0.1)
        ways = [compared(played.ways[role], literal.ways[role]) for role in ("generator", "discriminator")]
        table.add_row(
            played.column,
            played.precision,
            *(f"{first:.4f} to {last:.4f}" for first, last in zip(played.losses[0], played.losses[-1], strict=True)),
            f"{difference.max():.0e}",
            *(f"{distance:.3f}, {cosine:.4f}" for distance, cosine in ways),
        )
    return table


def goals(result: Result, isa: str | None) -> list[dict[str, Any]]:
    """Return what is wanted of ganctl in a recipe, and what came of it, where that was measured.

    Held back to fewer instructions, ganctl is only never to be slower than the literal loop.
    """
    recipe, measured = result.recipe, result.find(GANCTL)
    if measured is None:
        return []
    facts = row(result, measured)
    wanted: list[tuple[str, float | None, float | None]] = [
        ("over literal", 1.0 if isa else recipe.over_literal, facts["over_literal"])
    ]
    if not isa:
        share = facts["share_of_peak"] if measured.precision == "bfloat16" else None
        wanted += [
            ("over best PyTorch", recipe.over_pytorch, facts["over_best_pytorch"]),
            ("share of the bfloat16 peak", recipe.share_of_peak, share),
        ]
    return [
        {"recipe": recipe.name, "goal": goal, "wanted": least, "measured": found, "met": found >= least}
        for goal, least, found in wanted
        if least is not None and found is not None
    ]


def goals_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """Return the table of what is wanted."""
    table = Table("recipe", "goal", title="Targets", title_justify="left")
    for heading in ("wanted", "measured", ""):
        table.add_column(heading, justify="right")
    for goal in found:
        missed = 1.0 - goal["measured"] / goal["wanted"]
        verdict = "met" if goal["met"] else f"missed by {missed:.0%}"
        table.add_row(goal["recipe"], goal["goal"], f"{goal['wanted']:.2f}", f"{goal['measured']:.2f}", verdict)
    return table


def machine() -> dict[str, Any]:
    """Return where this was measured."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("tensorflow", "keras", "torch")},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
