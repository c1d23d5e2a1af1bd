"""Every fault on the page of faults is shown by a test, and the tests that it names exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "notes" / "reliability.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d+) \|([^|]+)\|.*\|([^|]*)\|$", PAGE, re.MULTILINE)


@cache
def names_in(file: str) -> set[str]:
    path = TESTS / file
    nodes = ast.walk(ast.parse(path.read_text("utf-8"))) if path.is_file() else []
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_faults_are_numbered_through() -> None:
    assert [int(number) for number, _, _ in ROWS] == list(range(1, len(ROWS) + 1))
    tables = [line for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(tables) == len(ROWS), "rows that cannot be read"


@pytest.mark.parametrize(("fault", "shown_by"), [pytest.param(*row[1:], id=row[1].strip()) for row in ROWS])
def test_every_fault_has_a_test_that_exists(fault: str, shown_by: str) -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", shown_by)
    assert named, f"nothing shows what is said of{fault}"
    missing = [f"{file}::{name}" for file, name in named if name not in names_in(file)]
    assert not missing


def test_every_test_that_the_page_names_exists() -> None:
    """Also outside its tables."""
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)
    assert named
    assert not [f"{file}::{name}" for file, name in named if name not in names_in(file)]
