"""The docs say what the code says."""

import importlib.util
import re
from pathlib import Path

from ganctl.packaged_configs import packaged_configs

ROOT = Path(__file__).parent.parent


def test_the_page_of_all_keys_is_what_the_code_writes() -> None:
    spec = importlib.util.spec_from_file_location("make_configuration", ROOT / "docs" / "make_configuration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text() == module.page(), "run: python docs/make_configuration.py"


def test_the_readme_opens_with_two_commands_that_make_their_own_environment() -> None:
    readme = (ROOT / "README.md").read_text()
    first, second = re.findall(r"^    (.+)$", readme, re.MULTILINE)[:2]
    assert first.startswith("python3 -m venv ")
    assert first.endswith("ganctl train configs/quickstart.yaml")
    assert second.startswith("python3 -m venv ")
    assert "pytest" in second


def test_files_that_the_docs_name_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text()
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
        for config in re.findall(r"configs/(\w+)\.yaml", text):
            assert config in packaged_configs(), f"{page.name} names configs/{config}.yaml"
