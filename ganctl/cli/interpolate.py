"""`ganctl interpolate`."""

from pathlib import Path

import click

from ganctl.cli._options import (
    SeedList,
    best_option,
    checkpoint_option,
    classes_option,
    device_option,
    is_typed,
    latents_option,
    output_option,
    seed_option,
    strength_option,
    truncation_option,
)
from ganctl.cli._printing import show


@click.command()
@checkpoint_option
@seed_option
@click.option("--points", type=click.IntRange(2, 500), help="Images on each walk.  [default: 4]")
@click.option(
    "--frames", type=click.IntRange(1, 250), default=8, show_default=True, help="Frames from one image to the next."
)
@click.option(
    "--rows",
    type=click.IntRange(1, 64),
    help="Number of walks.  [default: 4, or one per class, at most 20; 1 with --seeds or --latents]",
)
@classes_option(
    "The class of each walk by name or number, such as sneaker,'Ankle boot',3, from a class-conditional generator.  "
    "[default: all]"
)
@click.option(
    "--seeds", type=SeedList(), help="Walk from the first image of one seed to that of the next, such as 3,17,42."
)
@latents_option
@click.option(
    "--direction",
    metavar="N|NAME",
    help="Walk along a direction that `ganctl directions` found, to both sides of each image and back.",
)
@click.option(
    "--directions",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take --direction from this directions.npz instead of the run's.",
)
@strength_option
@truncation_option
@click.option(
    "--loop/--no-loop",
    default=True,
    show_default=True,
    help="Walk from the last image back to the first, so that an animation repeats without a seam.",
)
@click.option("--fps", type=click.IntRange(1, 60), help="Frames per second of a GIF or an MP4.  [default: 10]")
@output_option(
    "FILE.png (a row for each walk), FILE.gif or FILE.mp4 (all walks side by side).  "
    "[default: walk-SEED.png and walk-SEED.gif]"
)
@best_option
@device_option
def command(
    checkpoint: Path,
    seed: int,
    points: int | None,
    frames: int,
    rows: int | None,
    classes: list[str] | None,
    seeds: list[int] | None,
    latents: Path | None,
    direction: str | None,
    directions: Path | None,
    strength: float | None,
    truncation: float | None,
    loop: bool,
    fps: int | None,
    output: Path | None,
    best: bool,
    device: str,
) -> None:
    """Walk through a generator's latent space, as a picture, an animation or a video.

    The walks pass through the images that `ganctl sample` draws with the same seed, and begin with the first of them.

    \b
    ganctl interpolate --checkpoint outputs/quickstart
    ganctl interpolate --checkpoint outputs/quickstart --frames 24 --fps 24 --output smooth.mp4
    ganctl interpolate --checkpoint outputs/quickstart --seeds 3,17,42 --truncation 0.7
    ganctl interpolate --checkpoint outputs/quickstart --direction 3
    ganctl interpolate --checkpoint outputs/acgan_mnist --classes sneaker,"Ankle boot"
    """
    from dataclasses import replace

    from ganctl.cli._drawing import open_generator
    from ganctl.errors import UsageError
    from ganctl.generation.latents import read_latents
    from ganctl.generation.walk_request import WalkRequest, saved_direction
    from ganctl.generation.walks import FPS, prepare_files, write_walk
    from ganctl.host.device import select_device
    from ganctl.images.class_names import listed

    if seeds is not None and is_typed("seed"):
        raise UsageError("--seed and --seeds exclude each other: each says which images the walks go through.")
    if directions is not None and direction is None:
        raise UsageError("--directions names the file that --direction N comes from. Give --direction as well.")
    request = WalkRequest(
        rows,
        points,
        seed,
        seeds,
        None if latents is None else read_latents(latents),
        str(latents),
        strength=strength,
        classes=classes,
        truncation=truncation,
        loop=loop,
        along=direction is not None,
    )
    select_device(device)
    count = request.frame_count(frames)
    paths = prepare_files(output, seeds[0] if seeds else seed, count, fps)
    trained = open_generator(checkpoint, best=best)
    if direction is not None:
        vector, note = saved_direction(direction, checkpoint, trained, directions)
        if note:
            show(note, err=True)
        request = replace(request, direction=vector)
    walks = request.of(trained)
    codec = write_walk(paths, walks.frames(frames), count, alpha=trained.alpha, names=walks.names, fps=fps or FPS)
    where = " and ".join(map(str, paths)) + (f" ({codec})" if codec else "")
    said = "1 walk" if walks.rows == 1 else f"{walks.rows} walks"
    if classes is None and walks.rows < len(walks.classes):
        said += f" (classes 0 to {walks.rows - 1} of {len(walks.classes)}; --classes chooses others)"
    through = f"along direction {direction}" if direction is not None else f"through {request.visited} images"
    show(f"{said} {through} of {trained.description}: {where}")
    if walks.classes:
        show(f"classes: {listed(walks.drawn_classes, trained.drawn_names)}")
