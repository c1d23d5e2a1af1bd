"""Texts that users read avoid the commonest slips of a writer whose first language is not English."""

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ganctl"

SLIPS = {
    r"(?<!\bthere )\b(?:is|are) no (?!longer\b|more\b|such\b)[a-z]+": "'is not a ...', or 'has no ...'",
    r"\bso many\b(?! that\b)": "the number: 'N', 'every N iterations'",
    r"\bhas it otherwise\b": "'differs', or 'otherwise'",
    r"\bwho(?:m|so)?ever\b": "who that is: 'the caller', 'a user who ...'",
    r"\bbesides\b": "'also', 'in addition to', or 'beside'",
    r"\bwho says so\b": "who decides: 'set by ...'",
    r"\b(?:is|are) said\b": "who or what says it: 'the message says ...'",
}

# Users read these docstrings in --help, in the schema, in listings or with Python's help(); others are for developers.
SHOWN_DOCSTRINGS = ("cli", "experiment", "models", "losses", "augmentations", "datasets", "runs", "__init__.py")


class Text(NamedTuple):
    """A text that users read, and where it starts."""

    path: Path
    line: int
    content: str


def slips(text: Text) -> list[str]:
    """The slips in a text, each with its place and a remedy; a line may end within one."""
    words = list(re.finditer(r"\S+", text.content))
    starts, joined = [], ""
    for word in words:
        starts.append(len(joined))
        joined += word[0] + " "
    found = []
    for pattern, remedy in SLIPS.items():
        for match in re.finditer(pattern, joined, re.IGNORECASE):
            word = words[bisect_right(starts, match.start()) - 1]
            line = text.line + text.content.count("\n", 0, word.start())
            found.append(f"{text.path.relative_to(ROOT)}:{line}: '{match[0]}': write {remedy}")
    return found


def texts_of_module(path: Path) -> Iterator[Text]:
    """The strings of a module: all that are not docstrings, and the docstrings that users see."""
    tree = ast.parse(path.read_text("utf-8"))
    shown = path.relative_to(PACKAGE).parts[0] in SHOWN_DOCSTRINGS
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    hidden = parts if shown else parts | docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            # A word stands for what is filled in: "is no {kind}" is a slip as well.
            filled = [str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values]
            yield Text(path, node.lineno, "".join(filled))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in hidden:
            yield Text(path, node.lineno, node.value)


def texts() -> Iterator[Text]:
    """All texts that users read."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from texts_of_module(path)
    page = PACKAGE / "report" / "page"
    pages = [*sorted(page.glob("*.html")), page / "page.js"]
    prose = [path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md") if path.exists()]
    for path in [*pages, *prose, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "configs").rglob("*.yaml"))]:
        yield Text(path, 1, path.read_text("utf-8"))


def test_no_text_has_a_slip() -> None:
    found = [slip for text in texts() for slip in slips(text)]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(
    "content",
    [
        "outputs is no run folder",
        "These are no\n    numbers",
        "every so many iterations",
        "at each so many-th update",
        "the file has it otherwise",
        "Whoever asks",
        "Besides, it is faster",
        "who says so",
        "which is said on the page",
    ],
)
def test_a_slip_is_found_with_its_line(content: str) -> None:
    (slip,) = slips(Text(PACKAGE / "runs" / "run.py", 7, "\n" + content))
    assert slip.startswith("ganctl/runs/run.py:8: ")


@pytest.mark.parametrize(
    "content",
    [
        "There is no checkpoint in x.",
        "it is no longer used",
        "so many that none fits",
        "beside it",
        "the message says so",
    ],
)
def test_plain_english_is_not_a_slip(content: str) -> None:
    assert not slips(Text(PACKAGE / "runs" / "run.py", 1, content))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("ganctl/cli/sample.py", "Number of images, at most 10,000,000."),  # help of an option
        ("ganctl/cli/sample.py", "Draw images from a trained generator."),  # help of a command
        ("ganctl/run_folder/paths.py", "is not a run folder: config.yaml is missing."),  # an error
        ("ganctl/experiment/sections.py", "updates"),  # a docstring under a field
        ("ganctl/report/page/report.html", "The floor is"),
        ("README.md", "ganctl"),
        ("docs/commands.md", "ganctl"),
    ],
)
def test_the_texts_of_every_kind_are_seen(file: str, content: str) -> None:
    assert any(content in text.content for text in texts() if text.path == ROOT / file)
