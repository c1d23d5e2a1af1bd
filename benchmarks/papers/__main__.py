"""`python -m benchmarks.papers NAME...`."""

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks import program
from benchmarks.papers import page
from benchmarks.papers.proof import Measured, Proof, averaged, means
from benchmarks.papers.proofs import PROOFS
from benchmarks.recipes import current_commit


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice([proof.name for proof in PROOFS]))
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Number of seeds, from 0.")
@click.option("--write", is_flag=True, help="Write figures and pictures into docs/papers.md.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep runs and images in this folder; finished runs in it are not trained again.",
)
def command(names: tuple[str, ...], seeds: int, write: bool, keep: Path | None) -> None:
    """Train a paper's model and a control that lacks its idea, and print what each figure says of the claim.

    \b
    python -m benchmarks.papers cyclegan
    python -m benchmarks.papers --seeds 3 --write
    """
    output, progress = Console(), Console(stderr=True, highlight=False)
    if not output.is_terminal:
        output.width = 140
    for proof in PROOFS:
        if names and proof.name not in names:
            continue
        found = [_measured(proof, seed, keep, progress) for seed in range(seeds)]
        output.print(f"[bold]{proof.name}[/bold]: {proof.paper}\nClaim: {proof.claim}\nControl: {proof.control}")
        output.print(table(found))
        for line in verdicts(proof, found):
            output.print(line)
        if write:
            page.write(page.Entry.of(proof, found, current_commit()))


def _measured(proof: Proof, seed: int, keep: Path | None, progress: Console) -> Measured:
    progress.print(f"{proof.name}: seed {seed}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ganctl-paper-") as temporary:
        folder = Path(temporary) if keep is None else keep / f"{proof.name}-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        found = proof.measure(seed, folder)
        minutes = (time.monotonic() - began) / 60
        (folder / "figures.json").write_text(json.dumps({"minutes": minutes, "runs": found.runs}, indent=2) + "\n")
    return replace(found, minutes=minutes)


def table(found: Sequence[Measured]) -> Table:
    """Return a table of the figures: a row for each run."""
    averages = averaged(found)
    names = list(dict.fromkeys(name for figures in averages.values() for name in figures))
    shown = Table("run", *names)
    for run, figures in averages.items():
        shown.add_row(run, *(page.number(*figures[name]) if name in figures else "" for name in names))
    return shown


def verdicts(proof: Proof, found: Sequence[Measured]) -> list[str]:
    """Return a line for each expectation: whether the mean over the seeds, and how many seeds, fulfil it."""
    averages: Any = means(found)
    return [
        f"{'holds' if line.holds(averages) else 'FAILS'}  {line}"
        f"  ({averages[line.of][line.figure]:.4g} and {line.bound(averages):.4g}; "
        f"{sum(line.holds(each.runs) for each in found)} of {len(found)} seeds)"
        for line in proof.expected
    ]


if __name__ == "__main__":
    program.run(command)
