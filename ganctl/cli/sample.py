"""`ganctl sample`."""

from pathlib import Path

import click

from ganctl.cli import WholeNumbers


@click.command()
@click.option(
    "--checkpoint",
    required=True,
    type=click.Path(path_type=Path),
    help="A run folder, one checkpoint, or a generator file.",
)
@click.option("--num", type=click.IntRange(min=1), default=64, show_default=True, help="How many, 10,000,000 at most.")
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Seed of the latent vectors."
)
@click.option(
    "--classes",
    type=WholeNumbers(),
    help="Which classes to draw, such as 0,1,2, if the generator takes them.  [default: all]",
)
@click.option(
    "--truncation",
    type=float,
    metavar="PSI",
    help="Draw every number of a latent vector again that is beyond plus or minus PSI: smaller is more typical and "
    "less varied.  [default: none]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="FILE.png (a grid, a column for each class), FILE.npz (uint8 `images` [N, H, W, C], grey or RGB, and "
    "the classes as `labels`) or a new folder (a PNG each).  "
    "[default: samples-SEED.png]",
)
@click.option("--best", is_flag=True, help="Take a run's checkpoint of least KID, not its newest.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|gpu|gpu:N", help="Where to draw.")
def command(
    checkpoint: Path,
    num: int,
    seed: int,
    classes: list[int] | None,
    truncation: float | None,
    output: Path | None,
    best: bool,
    device: str,
) -> None:
    """Draw images from a trained generator.

    \b
    ganctl sample --checkpoint outputs/quickstart
    ganctl sample --checkpoint outputs/quickstart --num 10000 --output samples.npz
    ganctl sample --checkpoint outputs/acgan_mnist --classes 0,1,2
    ganctl sample --checkpoint outputs/quickstart --truncation 0.7
    """
    from ganctl.generation.drawing import check_count
    from ganctl.generation.loading import TrainedGenerator
    from ganctl.generation.sample_files import writer_for
    from ganctl.host.device import select_device

    check_count("--num", num)
    select_device(device)
    write = writer_for(output or Path(f"samples-{seed}.png"), num)
    trained = TrainedGenerator.load(checkpoint, best=best)
    for problem in trained.problems:
        click.echo(f"Warning: skipped: {problem}", err=True)
    where = write(trained.draw(num, seed, classes, truncation), trained.classes(classes))
    click.echo(f"{num:,} images of {trained.description}: {where}")
