"""The docs say what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ganctl.experiment.packaged_configs import packaged_configs

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "script",
    ["make_architecture.py", "make_configuration.py", "make_commands.py", "make_doctor.py", "make_gradients.py"],
)
def test_a_page_is_what_the_code_writes(script: str) -> None:
    # In a process of its own, because tests register plugins in this one.
    check = subprocess.run([sys.executable, ROOT / "docs" / script, "--check"])
    assert check.returncode == 0, f"run: python docs/{script}"


def test_every_command_shows_an_example() -> None:
    sections = (ROOT / "docs" / "commands.md").read_text().split("\n## ")[1:]
    for name, text in (section.split("\n", 1) for section in sections):
        assert re.search(rf"^      ganctl {name}\b", text, re.MULTILINE), name


def test_no_key_is_without_a_meaning() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert not re.findall(r"^.*(?:\): *|\| +\|)$", page, re.MULTILINE)


def test_the_readme_has_a_command_to_train_and_one_to_test_and_each_makes_its_own_environment() -> None:
    """In this order; `.ci/run` runs the second one as it stands there."""
    lines = re.findall(r"^    (.+)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    train, test, *_ = [line for line in lines if "python3 -m venv .venv && .venv/bin/pip install" in line]
    assert train.endswith(" && .venv/bin/ganctl train configs/quickstart.yaml")
    assert test.count("pytest") == 1
    assert "pip install -q -e '.[test]' && .venv/bin/python -m pytest " in test
    assert test == next(line for line in lines if "pytest" in line)


# Tables, code and the targets of links may be longer; what the generated pages list comes from docstrings.
PROSE_WIDTH = 110
GENERATED = ("commands.md", "configuration.md", "gallery.md")
WRITTEN = [*ROOT.glob("*.md"), *(page for page in (ROOT / "docs").rglob("*.md") if page.name not in GENERATED)]


def prose_of(page: Path) -> dict[int, str]:
    """The lines of a page that are prose, by number, without the targets of their links."""
    text = re.sub(
        r"^```.*?^```", lambda code: "\n" * code[0].count("\n"), page.read_text(), flags=re.DOTALL | re.MULTILINE
    )
    lines = enumerate((re.sub(r"\]\([^)]*\)", "]", line) for line in text.split("\n")), 1)
    return {number: line for number, line in lines if not line.startswith(("|", "    "))}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_a_line_of_prose_can_be_read_in_a_diff(page: Path) -> None:
    long = {number: line for number, line in prose_of(page).items() if len(line) > PROSE_WIDTH}
    assert not long, f"{page.name}: wrap these lines at {PROSE_WIDTH} characters"


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link).resolve() for link in re.findall(r"\]\(([^)#:]+)\)", index.read_text())}
    pages = {page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if page != index}
    assert not {page.relative_to(ROOT).as_posix() for page in pages - linked}


def test_files_that_the_docs_name_exist() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = page.read_text()
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
        for config in re.findall(r"configs/(\w+)\.yaml", text):
            assert config in packaged_configs(), f"{page.name} names configs/{config}.yaml"
