"""What a command prints: lines and JSON, in any encoding of the terminal."""

import codecs
import json
import sys
from typing import Any

import click


def escape_what_the_terminal_lacks() -> None:
    """Make both output streams escape characters that their encoding lacks, as in `caf\\xe9`, instead of failing.

    An error handler that the user chose with PYTHONIOENCODING, such as `ascii:replace`, stays.
    """
    for stream in (sys.stdout, sys.stderr):
        # A stream is None if the process was started without it.
        if hasattr(stream, "reconfigure") and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def prints_unicode() -> bool:
    """Return whether standard output can encode every character."""
    return sys.stdout is None or codecs.lookup(sys.stdout.encoding or "ascii").name.startswith("utf")


def show(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print a text to standard output or, with `err`, to standard error; `nl` adds a new line."""
    # The stream is given because click would otherwise write UTF-8 to an ASCII terminal.
    click.echo(text, file=sys.stderr if err else sys.stdout, nl=nl)


def show_json(value: Any) -> None:
    """Print a value as JSON in ASCII: escapes for the terminal's encoding would not be JSON."""
    show(json.dumps(value, indent=2))
