"""losses.csv: every column is described once, and one reader copes with whatever state the file is in."""

from pathlib import Path

import numpy as np
import pytest

from ganctl.run_folder.losses_csv import (
    COUNTERS,
    FIXED,
    GRADIENTS,
    PANELS,
    TERMS,
    LossTable,
    column_of,
    last_iteration,
    trim,
)
from ganctl.run_folder.losses_csv import read_losses as read
from ganctl.training.hooks.loss_plot import COLUMNS

PAGE = Path(__file__).parent.parent / "docs" / "report.md"
HEADER = "iteration,epoch,d_loss,g_loss\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "losses.csv"


def test_what_is_written_is_read(path: Path) -> None:
    table = LossTable(["d_loss", "d_accuracy_real", "d_accuracy_fake", "e_grad_norm"], iterations_per_epoch=2)
    rows = np.random.default_rng(0).random([3, 4], np.float32)
    path.write_text(table.header + "".join(table.line(table.values(1 + i, row)) for i, row in enumerate(rows)))
    found = read(path)
    assert (list(found.columns), found.unreadable) == (table.columns, 0)
    assert found.column("d_loss").astype(np.float32).tolist() == rows[:, 0].tolist(), "nine digits tell floats apart"
    assert np.isnan(found.column("g_loss")).all()
    assert np.isnan(found.column("no_such_column")).tolist() == [True] * 3
    measured = found.measured()
    assert list(measured) == [
        *("iteration", "epoch", "d_loss", "d_accuracy_real", "d_accuracy_fake", "d_precision", "e_grad_norm")
    ]
    assert (measured["iteration"].tolist(), measured["epoch"].tolist()) == ([1, 2, 3], [0, 0, 1])
    assert [measured[name].dtype for name in ("epoch", "d_loss")] == [np.int64, np.float64]
    assert last_iteration(path) == 3
    assert table.continues(path)
    assert not LossTable(["d_loss"], 2).continues(path)


@pytest.mark.parametrize(
    ("text", "rows", "unreadable", "last"),
    [
        ("", 0, 0, 0),
        ("iteration,epo", 0, 0, 0),
        (HEADER, 0, 0, 0),
        (HEADER + "1,0,0.5,0.25", 0, 0, 0),
        (HEADER + "1,0,0.5,0.25\n2,0,0.5", 1, 0, 1),
        (HEADER + "1,0,0.5,\n2,0,nan,inf\n", 2, 0, 2),
        (HEADER + "1,0,0.5\n2,0,much,1\n,0,1,1\n\n4,0,1,1\n", 1, 4, 4),
        (HEADER + "1,0,\xff,1\n2,0,1,1\n", 1, 1, 2),
    ],
    ids=["empty", "torn header", "no rows", "torn first row", "torn row", "gaps", "damaged", "not text"],
)
def test_only_whole_rows_are_read(text: str, rows: int, unreadable: int, last: int, path: Path) -> None:
    path.write_text(text, encoding="latin-1")
    found = read(path)
    assert (found.rows.shape, found.unreadable) == ((rows, len(found.columns)), unreadable)
    assert len(found.column("iteration")) == rows
    assert last_iteration(path) == last


@pytest.mark.parametrize("width", [1, 4000, 4096, 9000])
@pytest.mark.parametrize("torn", ["", "9,0,0.", "9" * 5000])
def test_the_last_row_is_found_however_long_rows_are(width: int, torn: str, path: Path) -> None:
    rows = [f"{number},{'0' * width}\n" for number in range(1, 8)]
    path.write_text(HEADER + "".join(rows) + torn)
    assert last_iteration(path) == 7


def test_a_file_is_cut_after_an_iteration(path: Path) -> None:
    rows = [f"{number},0,0.5,0.25\n" for number in range(1, 5)]
    path.write_text(HEADER + "".join(rows) + "5,0,0")
    trim(path, 9)
    assert path.read_text() == HEADER + "".join(rows)
    before = path.stat().st_ino
    trim(path, 4)
    assert path.stat().st_ino == before, "a file that is whole is not written again"
    trim(path, 2)
    assert path.read_text() == HEADER + "".join(rows[:2])


def test_a_file_that_is_not_there(path: Path) -> None:
    trim(path, 3)
    assert (last_iteration(path), path.exists(), LossTable([], 1).continues(path)) == (0, False, True)
    with pytest.raises(FileNotFoundError):
        read(path)


def test_every_column_is_described_once_and_drawn_where_it_belongs() -> None:
    names = [column.name for column in FIXED]
    assert len(set(names)) == len(names)
    assert all(column.meaning and column.panel in PANELS and column_of(column.name) == column for column in FIXED)
    assert column_of("e_grad_norm").panel == GRADIENTS
    assert column_of("d_gradient_penalty").panel == TERMS
    assert COLUMNS == ["d_loss", "g_loss", "d_mae", "g_mae"]
    page = PAGE.read_text("utf-8")
    assert [name for name in [*COUNTERS, *names] if f"`{name}`" not in page] == []
