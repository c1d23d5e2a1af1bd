"""The docs say what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ganctl.experiment.packaged_configs import packaged_configs

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("script", ["make_architecture.py", "make_configuration.py", "make_commands.py"])
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


def test_files_that_the_docs_name_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text()
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
        for config in re.findall(r"configs/(\w+)\.yaml", text):
            assert config in packaged_configs(), f"{page.name} names configs/{config}.yaml"
