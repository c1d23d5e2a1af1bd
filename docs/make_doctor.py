"""Writes what the doctor recognises into docs/doctor.md, from the docstrings of its rules; a test keeps it true.

The pictures, and what they show, come from `python -m benchmarks.doctor --write`.
"""

import inspect
import json
import sys
import textwrap
from pathlib import Path

from ganctl.diagnosis.doctor import all_rules

PAGE = Path(__file__).with_name("doctor.md")
PICTURES = PAGE.with_name("images") / "doctor"
BEGIN, END = "<!-- findings: written by docs/make_doctor.py -->\n", "<!-- end of findings -->\n"


def page() -> str:
    """Return the page with a section for each rule."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    sections = "\n".join(_section(name, inspect.getdoc(rule.module) or "") for name, rule in all_rules().items())
    return before + BEGIN + sections + END + rest.partition(END)[2]


def _section(name: str, text: str) -> str:
    title, *others = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    paragraphs = [f"**{title}**", *others]
    wrapped = [textwrap.fill(each, 110, break_long_words=False, break_on_hyphens=False) for each in paragraphs]
    title, *rest = wrapped
    return "\n\n".join([f"### {name}", title, *_picture(name), *rest]) + "\n"


def _picture(name: str) -> list[str]:
    """Return the picture of a finding and what it shows; nothing without one."""
    shown = json.loads((PICTURES / "shown.json").read_text("utf-8")) if (PICTURES / "shown.json").exists() else {}
    if name not in shown:
        return []
    found = shown[name]
    told = f"The run `{found['case']}` of the laboratory, beside a healthy one. The doctor: {found['says']}"
    wrapped = textwrap.fill(told, 110, break_long_words=False, break_on_hyphens=False)
    return [f"![{name} in samples and curve](images/{PICTURES.name}/{name}.png)", wrapped]


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text("utf-8") == page() else 1)
    PAGE.write_text(page(), "utf-8")
