"""Makes one self-contained HTML file from a template, styles, scripts and data."""

import base64
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FILES = Path(__file__).parent / "page"


def render(template: str, data: dict[str, Any], **facts: Any) -> bytes:
    """Return a page.

    Args:
        template: the name of its template file.
        data: the data that its scripts read.
        facts: the values that the template shows, escaped there.
    """
    scripts = [_file("uPlot.iife.min.js"), _file("page.js")]
    # Only these two scripts run, whatever a run's name or log contains, and nothing is ever fetched.
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    page = _environment().get_template(template)
    text = page.render(
        facts,
        scripts=[Markup(script) for script in scripts],
        styles=Markup(_file("uPlot.min.css") + _file("page.css")),
        policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}",
        data=_embedded(data),
    )
    return text.encode("utf-8", errors="replace")


def _embedded(data: dict[str, Any]) -> Markup:
    """Return JSON that no HTML parser can mistake for markup."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@functools.cache
def _file(name: str) -> str:
    return (_FILES / name).read_text("utf-8").strip()


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment


def number(value: Any) -> str:
    """Return a number as text for people; a dash if there is none."""
    if value is None or value != value:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
