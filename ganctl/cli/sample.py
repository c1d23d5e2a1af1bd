"""`ganctl sample`."""

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
@click.option(
    "--num", type=click.IntRange(min=1), default=64, show_default=True, help="Number of images, at most 10,000,000."
)
@seed_option
@classes_option(
    "Classes to draw by name or number, such as 0,1,shirt, from a class-conditional generator.  [default: all]"
)
@click.option(
    "--truncation",
    type=float,
    metavar="PSI",
    help="Truncation trick: resample latent entries outside ±PSI. Smaller is more typical, but less varied.  "
    "[default: none]",
)
@click.option(
    "--values",
    is_flag=True,
    help="Write float32 values in the range of the training images instead of uint8, if these were not bytes. Needs "
    "--output FILE.npz.",
)
@output_option(
    "FILE.png (a grid with a column for each class, at most 20 side by side), FILE.npz (uint8 `images` [N, H, W, C] "
    "and the classes as `labels`) or a new folder (a PNG for each image).  [default: samples-SEED.png]"
)
@best_option
@device_option
def command(
    checkpoint: Path,
    num: int,
    seed: int,
    classes: list[str] | None,
    truncation: float | None,
    values: bool,
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
    from ganctl.cli._drawing import open_generator
    from ganctl.errors import UsageError
    from ganctl.generation.drawing import check_count
    from ganctl.generation.sample_files import writer_for
    from ganctl.host.device import select_device

    check_count("--num", num)
    if values and (output is None or output.suffix.lower() != ".npz"):
        raise UsageError("--values needs --output FILE.npz.")
    select_device(device)
    write = writer_for(output or Path(f"samples-{seed}.png"), num)
    trained = open_generator(checkpoint, best=best)
    learned_from = trained.parts.experiment.dataset.path
    if output and learned_from and output.exists() and output.samefile(Path(learned_from).expanduser()):
        raise UsageError(f"--output {output} is what this generator learned from. Choose another file.")
    where = write(
        trained.draw(num, seed, classes, truncation, values=values),
        trained.classes(classes),
        alpha=trained.alpha and not values,
    )
    show(f"{num:,} images of {trained.description}: {where}")
