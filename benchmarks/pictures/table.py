"""The columns, what was measured of each, and the table of it."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

GANCTL = ("ganctl", "ganctl-float32")
TORCH: Mapping[str, Mapping[str, Any]] = {
    "torch": {"precision": "float32", "layout": "contiguous", "compiled": False},
    "torch-last": {"precision": "float32", "layout": "channels_last", "compiled": False},
    "torch-bfloat16": {"precision": "bfloat16", "layout": "channels_last", "compiled": False},
    "torch-compile": {"precision": "float32", "layout": "channels_last", "compiled": True},
    "torch-bfloat16-compile": {"precision": "bfloat16", "layout": "channels_last", "compiled": True},
}
COLUMNS = (*GANCTL, *TORCH)


@dataclass(frozen=True)
class Measured:
    """What is known of a column.

    Attributes:
        column: its name.
        precision: in which it played.
        speeds: iterations per second, one for each repeat.
        peak_bytes: the most memory that was resident.
    """

    column: str
    precision: str
    speeds: Sequence[float]
    peak_bytes: int

    @property
    def speed(self) -> float:
        """Iterations per second: the median."""
        return statistics.median(self.speeds)


def best_torch(measured: Sequence[Measured]) -> Measured | None:
    """Return the fastest of PyTorch's settings, if any was measured."""
    return max((each for each in measured if each.column in TORCH), key=lambda each: each.speed, default=None)


def speed_table(name: str, measured: Sequence[Measured]) -> Table:
    """Return the table of a recipe."""
    best = best_torch(measured)
    table = Table("column", "precision", title=f"{name}, 64x64, batch 4")
    table.caption = f"best PyTorch: {best.column}" if best else None
    for heading in ("iterations/s", "spread", "over best PyTorch", "memory MiB", "memory over best PyTorch's"):
        table.add_column(heading, justify="right")
    for each in measured:
        table.add_row(
            each.column,
            each.precision,
            f"{each.speed:.3f}",
            f"{(max(each.speeds) - min(each.speeds)) / each.speed:.1%}",
            f"{each.speed / best.speed:.2f}" if best else "",
            f"{each.peak_bytes / 2**20:,.0f}",
            f"{each.peak_bytes / best.peak_bytes:.2f}" if best else "",
        )
    return table
