"""The page of faults names every fault, and only tests that exist."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text()
FAULTS = 31


def test_every_fault_has_a_row_with_a_test() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| `test_\w+\.py::test_\w+`.* \|$", PAGE, re.MULTILINE)
    assert rows == [str(number) for number in range(1, FAULTS + 1)]


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)
    for file in {file for file, _ in named}:
        tree = ast.parse((TESTS / file).read_text())
        there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert not {name for other, name in named if other == file} - there, file
