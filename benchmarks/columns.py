"""The columns of the table: who plays, and in which process."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.speed_recipes import Recipe


class Side(Protocol):
    """Whoever plays a recipe."""

    precision: str

    def play(self, rounds: int) -> np.ndarray:
        """Play; returns the losses [rounds, 2] of discriminator and generator."""

    def weights(self) -> dict[str, list[np.ndarray]]:
        """Return the weights by role, as a blueprint orders them."""

    def multiply(self, size: int) -> float:
        """Return the seconds that the product of two square matrices takes."""


LITERAL = "literal"
GANCTL = "ganctl"
_TORCH: Mapping[str, Mapping[str, Any]] = {
    "torch-float32": {"precision": "float32", "compiled": False},
    "torch-float32-compile": {"precision": "float32", "compiled": True},
    "torch-bfloat16": {"precision": "bfloat16", "compiled": False},
    "torch-bfloat16-compile": {"precision": "bfloat16", "compiled": True},
}
COLUMNS = (LITERAL, GANCTL, "ganctl-float32", *_TORCH)

# What holds each library back to the instructions of another kind of processor.
ISAS: Mapping[str, Mapping[str, str]] = {
    "AVX2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "DNNL_MAX_CPU_ISA": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
    "AVX512": {
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "DNNL_MAX_CPU_ISA": "AVX512_CORE",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX512",
        "ATEN_CPU_CAPABILITY": "avx512",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
    },
}


def is_torch(column: str) -> bool:
    """Whether PyTorch plays the column."""
    return column in _TORCH


def has_torch() -> bool:
    """Whether what PyTorch's columns need is installed."""
    return all(find_spec(name) for name in ("torch", "psutil"))


def make_side(column: str, recipe: Recipe, folder: Path, *, told: bool) -> Side:
    """Make whoever plays a column; only one of TensorFlow and PyTorch is loaded.

    Args:
        column: one of `COLUMNS`.
        recipe: what is played.
        folder: what `benchmarks.preparation` wrote.
        told: play the check's script instead of measuring.
    """
    if is_torch(column):
        from benchmarks.torch_side import TorchLoop

        return TorchLoop(recipe, folder, **_TORCH[column], told=told)
    if column == LITERAL:
        from benchmarks.literal import LiteralLoop

        return LiteralLoop(recipe, folder, told=told)
    from benchmarks.ganctl_side import GanctlGame

    overrides = () if column == GANCTL else ("training.precision=float32",)
    return GanctlGame(recipe, folder, *overrides, told=told)


def environment(column: str, purpose: str, folder: Path, isa: str | None) -> dict[str, str]:
    """Return the environment of a worker.

    What libraries remember of earlier runs is kept from them: it was measured with other instructions, and every run
    is to pay for its own start. What ganctl measures at its start counts as part of every process's memory; what
    PyTorch compiles, which takes minutes, is compiled once a run.
    """
    caches = {
        "GANCTL_CACHE": str(folder / f"{purpose}-{column}-cache"),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / f"{column}-cache"),
    }
    return {**os.environ, **(ISAS[isa] if isa else {}), **caches, "TF_CPP_MIN_LOG_LEVEL": "3"}
