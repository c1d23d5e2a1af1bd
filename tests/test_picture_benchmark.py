"""`python -m benchmarks.pictures`: ganctl and PyTorch do the same work, and its table."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.pictures.__main__ import MOST_APART, check, command
from benchmarks.pictures.recipes import called
from benchmarks.pictures.table import Measured, best_torch, speed_table

MEASURED = [
    Measured("ganctl", "bfloat16", [3.0, 2.0, 2.5], 2**20),
    Measured("torch", "float32", [1.0, 1.0, 1.2], 2**21),
    Measured("torch-last", "float32", [2.0, 1.0, 1.1], 2**22),
]


def cells(measured: list[Measured]) -> list[list[str]]:
    table = speed_table("pix2pix", measured)
    return [list(column.cells) for column in table.columns]  # type: ignore[arg-type]


def test_columns_are_compared_with_the_fastest_of_pytorch() -> None:
    best = best_torch(MEASURED)
    assert best is not None
    assert (best.column, best.speed) == ("torch-last", 1.1)
    _, _, speeds, _, over, memory, memory_over = cells(MEASURED)
    assert speeds == ["2.500", "1.000", "1.100"]
    assert over == ["2.27", "0.91", "1.00"]
    assert (memory, memory_over) == (["1", "2", "4"], ["0.25", "0.50", "1.00"])


def test_without_pytorch_there_is_nothing_to_compare_with() -> None:
    assert best_torch(MEASURED[:1]) is None
    assert cells(MEASURED[:1])[4] == [""]


def test_a_column_that_is_not_known_is_refused() -> None:
    said = CliRunner().invoke(command, ["pix2pix", "--columns", "ganctl,torch-lst"])
    assert said.exit_code == 2
    assert "there is no 'torch-lst'. Did you mean 'torch-last'?" in said.output


@pytest.mark.slow
def test_pytorch_does_the_same_work(tmp_path: Path) -> None:
    """Of pix2pix; for CycleGAN this takes two minutes, and every measurement begins with it."""
    pytest.importorskip("torch")
    recipe = called("pix2pix")
    recipe.write_pictures(tmp_path)
    assert check(recipe, tmp_path) < MOST_APART
