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


def test_the_readme_opens_with_two_commands_that_make_their_own_environment() -> None:
    readme = (ROOT / "README.md").read_text()
    first, second = re.findall(r"^    (.+)$", readme, re.MULTILINE)[:2]
    assert first.startswith("python3 -m venv ")
    assert first.endswith("ganctl train configs/quickstart.yaml")
    browser, _, rest = second.partition(" && python3 -m venv ")
    assert "command -v chromedriver" in browser
    assert "apt-get install -y chromium chromium-driver" in browser
    assert rest
    assert "pytest" in second


def test_files_that_the_docs_name_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text()
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
        for config in re.findall(r"configs/(\w+)\.yaml", text):
            assert config in packaged_configs(), f"{page.name} names configs/{config}.yaml"
