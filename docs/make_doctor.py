"""Writes what the doctor recognises into docs/doctor.md, from the docstrings of its rules; a test keeps it true."""

import inspect
import sys
import textwrap
from pathlib import Path

from ganctl.diagnosis.doctor import all_rules

PAGE = Path(__file__).with_name("doctor.md")
BEGIN, END = "<!-- findings: written by docs/make_doctor.py -->\n", "<!-- end of findings -->\n"


def page() -> str:
    """Return the page with a section for each rule."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    sections = "\n".join(_section(name, inspect.getdoc(rule.module) or "") for name, rule in all_rules().items())
    return before + BEGIN + sections + END + rest.partition(END)[2]


def _section(name: str, text: str) -> str:
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    wrapped = [textwrap.fill(each, 110, break_long_words=False, break_on_hyphens=False) for each in paragraphs]
    return "\n\n".join([f"### {name}", *wrapped]) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text("utf-8") == page() else 1)
    PAGE.write_text(page(), "utf-8")
