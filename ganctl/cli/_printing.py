"""What a command prints: lines and JSON, in any encoding of the terminal."""

import codecs
import json
import sys
from typing import Any

import click


def escape_what_the_terminal_lacks() -> None:
    """Make both outputs escape characters that their encoding lacks, as in `caf\\xe9`, where printing would fail.

    Another choice that the user made with PYTHONIOENCODING, such as `ascii:replace`, stays.
    """
    for stream in (sys.stdout, sys.stderr):
        # A stream is None if the process was started without it.
        if hasattr(stream, "reconfigure") and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def is_unicode() -> bool:
    """Return whether standard output takes every character."""
    return sys.stdout is None or codecs.lookup(sys.stdout.encoding or "ascii").name.startswith("utf")


def show(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print a text and, unless told otherwise, a new line, to standard output or (`err`) standard error."""
    # The stream is named because click would otherwise write UTF-8 to a terminal of ASCII.
    click.echo(text, file=sys.stderr if err else sys.stdout, nl=nl)


def show_json(value: Any) -> None:
    """Print a value as JSON, in ASCII: with the terminal's own escapes it would not be JSON."""
    show(json.dumps(value, indent=2))
