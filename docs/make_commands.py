"""Writes docs/commands.md from what `ganctl COMMAND --help` says; a test keeps the page true."""

import sys
from pathlib import Path

import click
from click.testing import CliRunner

from ganctl.cli import commands

PAGE = Path(__file__).with_name("commands.md")

HEAD = """# The commands

Written by `docs/make_commands.py` from `ganctl COMMAND --help`. More about `init` is in
[your-own-pictures.md](your-own-pictures.md), about scores in [evaluation.md](evaluation.md), about pages in
[report.md](report.md), about walks in [interpolation.md](interpolation.md), about `directions` in
[directions.md](directions.md), about `doctor` in [doctor.md](doctor.md), about `--init-from`, `--truncation` and
`--classes` in [going_on.md](going_on.md), about `mix` in [going_on.md](going_on.md#mixing-samples), about
`export` in [export.md](export.md), about `translate` in [picture-to-picture.md](picture-to-picture.md), about
`reconstruct` in [reconstruction.md](reconstruction.md), about `sweep` in [sweeps.md](sweeps.md), about
`list-runs` in [report.md](report.md#many-runs), about `--resume-if-there` in
[going_on.md](going_on.md#in-a-job-script), about `pack` in
[your-own-pictures.md](your-own-pictures.md#what-is-read), about `--plugin` in [plugins.md](plugins.md), about
losses and augmentations in [losses.md](losses.md), about speed in [performance.md](performance.md), about what
a run survives in [reliability.md](reliability.md).
"""


def page() -> str:
    """Return the page."""
    context = click.Context(commands)
    return "\n".join([HEAD, *(f"## {name}\n\n{_help(name)}" for name in commands.list_commands(context))])


def _help(name: str) -> str:
    # As wide as most terminals; `ganctl` and not the name of whatever runs this.
    shown = CliRunner().invoke(commands, [name, "--help"], prog_name="ganctl", terminal_width=100).output
    return "".join(f"    {line}\n" if line else "\n" for line in shown.splitlines())


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text("utf-8") == page() else 1)
    PAGE.write_text(page(), "utf-8")
