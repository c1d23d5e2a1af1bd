"""docs/pictures.md: a table of reports, each with a test that exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "pictures.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.split("| input | what ganctl does | test |\n| --- | --- | --- |\n")[1].splitlines()
    if line.startswith("|")
]


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the test functions of a file, which need not be importable here."""
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_there_are_at_least_forty_reports() -> None:
    assert len(ROWS) >= 40
    assert len({row[0] for row in ROWS}) == len(ROWS), "each input once"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[-1].strip("`"))
def test_a_report_names_a_test_that_exists(row: list[str]) -> None:
    report, answer, test = row
    assert report
    assert answer
    named = re.fullmatch(r"`(test_\w+\.py)::(test_\w+)`", test)
    assert named, test
    assert named[2] in names_in(named[1])
