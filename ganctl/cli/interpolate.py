"""`ganctl interpolate`."""

from pathlib import Path

import click

from ganctl.cli._options import (
    best_option,
    checkpoint_option,
    classes_option,
    device_option,
    output_option,
    seed_option,
)
from ganctl.cli._printing import show


@click.command()
@checkpoint_option
@seed_option
@click.option("--points", type=click.IntRange(2, 500), default=4, show_default=True, help="Images on each walk.")
@click.option(
    "--frames", type=click.IntRange(1, 250), default=8, show_default=True, help="Frames from one image to the next."
)
@click.option("--rows", type=click.IntRange(1, 64), help="Number of walks.  [default: 4, or one per class, at most 20]")
@classes_option(
    "The class of each walk by name or number, such as 0,1,shirt, from a class-conditional generator.  [default: all]"
)
@output_option(
    "FILE.png (a row for each walk) or FILE.gif (all walks side by side, in a loop).  "
    "[default: both, walk-SEED.png and walk-SEED.gif]"
)
@best_option
@device_option
def command(
    checkpoint: Path,
    seed: int,
    points: int,
    frames: int,
    rows: int | None,
    classes: list[str] | None,
    output: Path | None,
    best: bool,
    device: str,
) -> None:
    """Walk through a generator's latent space, as a picture and an animation.

    The walks pass through the images that `ganctl sample` draws with the same seed.

    \b
    ganctl interpolate --checkpoint outputs/quickstart
    ganctl interpolate --checkpoint outputs/quickstart --frames 24 --output smooth.gif
    ganctl interpolate --checkpoint outputs/acgan_mnist --classes 0,1,2
    """
    from ganctl.cli._drawing import open_generator
    from ganctl.generation.walks import number_of_walks, prepare_files, walk, write_walk
    from ganctl.host.device import select_device

    select_device(device)
    paths = prepare_files(output, seed, points * frames)
    trained = open_generator(checkpoint, best=best)
    wanted = trained.classes(classes)
    rows = rows or number_of_walks(wanted, requested=classes is not None)
    drawn = walk(trained.played, rows, points, frames, seed, trained.distribution, wanted)
    write_walk(paths, drawn, points * frames, alpha=trained.alpha)
    where = " and ".join(map(str, paths))
    walks = "1 walk" if rows == 1 else f"{rows} walks"
    if classes is None and rows < len(wanted):
        walks += f" (classes 0 to {rows - 1} of {len(wanted)}; --classes chooses others)"
    show(f"{walks} through {points} images of {trained.description}: {where}")
