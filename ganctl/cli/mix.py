"""`ganctl mix`."""

import re
from pathlib import Path
from typing import Any

import click

from ganctl.cli._options import (
    best_option,
    checkpoint_option,
    classes_option,
    device_option,
    output_option,
    seed_option,
    truncation_option,
)
from ganctl.cli._printing import show

MOST = 100
"""The most rows or columns of a table."""


class Table(click.ParamType):
    """ROWSxCOLUMNS, such as `4x6`."""

    name = "table"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return rows and columns; fails if it is something else."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"([0-9]{1,3})x([0-9]{1,3})", value)
        rows, columns = map(int, found.groups()) if found else (0, 0)
        if not (1 <= rows <= MOST and 1 <= columns <= MOST):
            self.fail(f"{value!r} is not ROWSxCOLUMNS, such as 4x6, each from 1 to {MOST}.", param, ctx)
        return rows, columns


@click.command()
@checkpoint_option
@click.option(
    "--grid",
    type=Table(),
    default="4x6",
    show_default=True,
    metavar="ROWSxCOLUMNS",
    help="Number of samples that give the coarse noise, and of those that give the fine noise.",
)
@click.option(
    "--at",
    type=click.IntRange(min=1),
    metavar="DEPTH",
    help="How many latent inputs, from the first, are the coarse noise.  [default: half of them]",
)
@seed_option
@classes_option(
    "Classes of the samples by number or name, in rotation, from a class-conditional generator.  [default: all]"
)
@truncation_option
@output_option("FILE.png.  [default: mix-SEED.png]")
@best_option
@device_option
def command(
    checkpoint: Path,
    grid: tuple[int, int],
    at: int | None,
    seed: int,
    classes: list[str] | None,
    truncation: float | None,
    output: Path | None,
    best: bool,
    device: str,
) -> None:
    """Mix samples: the coarse noise of one with the fine noise of another, as a table of every pair.

    For generators that take noise at several depths, such as those of biggan, lapgan, sgan and infogan. The samples are
    those that `ganctl sample` draws with the same seed: along the left edge those that give a row its coarse noise and
    its class, along the top those that give a column its fine noise.

    \b
    ganctl mix --checkpoint outputs/sgan
    ganctl mix --checkpoint outputs/sgan --grid 8x8 --seed 3 --output table.png
    ganctl mix --checkpoint outputs/infogan --classes 0,1,2,3
    """
    from ganctl.cli._drawing import open_generator
    from ganctl.errors import UsageError
    from ganctl.generation.mixing import Mixing
    from ganctl.generation.sample_files import check_folder, prepare_folder
    from ganctl.host.device import select_device
    from ganctl.host.files import is_folder, writing

    path = output or Path(f"mix-{seed}.png")
    if is_folder(path) or path.suffix.lower() != ".png":
        raise UsageError(f"--output takes FILE.png. Received: {path}")
    check_folder(path.parent, new="")
    select_device(device)
    trained = open_generator(checkpoint, best=best)
    rows, columns = grid
    mixing = Mixing.of(trained, rows, columns, at=at, seed=seed, classes=classes, truncation=truncation)
    prepare_folder(path.parent, new="")
    with writing(path):
        mixing.write(path)
    show(f"{rows}x{columns} mixtures of {trained.description}: {path}")
