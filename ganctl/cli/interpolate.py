"""`ganctl interpolate`."""

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
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Seed of the latent vectors; the walks go through the images that `ganctl sample` draws of it.",
)
@click.option("--points", type=click.IntRange(2, 500), default=4, show_default=True, help="Images that a walk visits.")
@click.option(
    "--frames", type=click.IntRange(1, 250), default=8, show_default=True, help="Frames from one of them to the next."
)
@click.option(
    "--rows", type=click.IntRange(1, 64), help="How many walks.  [default: 4, or one for each of the classes]"
)
@click.option(
    "--classes",
    type=WholeNumbers(),
    help="The class of each walk, such as 0,1,2, if the generator takes them.  [default: all]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="FILE.png (a row for each walk) or FILE.gif (all walks side by side; it ends where it began).  "
    "[default: both, walk-SEED.png and walk-SEED.gif]",
)
@click.option("--best", is_flag=True, help="Take a run's checkpoint of least KID, not its newest.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|gpu|gpu:N", help="Where to draw.")
def command(
    checkpoint: Path,
    seed: int,
    points: int,
    frames: int,
    rows: int | None,
    classes: list[int] | None,
    output: Path | None,
    best: bool,
    device: str,
) -> None:
    """Walk through a generator's latent space, as a picture and an animation.

    \b
    ganctl interpolate --checkpoint outputs/quickstart
    ganctl interpolate --checkpoint outputs/quickstart --frames 24 --output smooth.gif
    ganctl interpolate --checkpoint outputs/acgan_mnist --classes 0,1,2
    """
    from ganctl.generation.loading import TrainedGenerator
    from ganctl.generation.walks import prepare_files, walk, write_walk
    from ganctl.host.device import select_device

    select_device(device)
    paths = prepare_files(output, seed, points * frames)
    trained = TrainedGenerator.load(checkpoint, best=best)
    for problem in trained.problems:
        click.echo(f"Warning: skipped: {problem}", err=True)
    trained.check_draws_from_noise()
    wanted = trained.classes(classes)
    rows = rows or len(wanted) or 4
    drawn = walk(trained.network, rows, points, frames, seed, trained.distribution, wanted)
    write_walk(paths, drawn, points * frames)
    where = " and ".join(map(str, paths))
    walks = "1 walk" if rows == 1 else f"{rows} walks"
    click.echo(f"{walks} through {points} images of {trained.description}: {where}")
