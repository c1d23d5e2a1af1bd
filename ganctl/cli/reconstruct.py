"""`ganctl reconstruct`."""

from pathlib import Path

import click

from ganctl.cli._options import (
    best_option,
    checkpoint_option,
    classes_option,
    device_option,
    json_option,
    output_option,
    seed_option,
)
from ganctl.cli._printing import show, show_json


@click.command()
@checkpoint_option
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "--steps",
    type=click.IntRange(1, 100_000),
    help="Steps of gradient descent towards the picture.  [default: 200; none if the model has an encoder]",
)
@output_option(
    "A new folder for pairs.png (each picture above its reconstruction, the first 64) and latents.npz, which "
    "--latents of `sample` and `interpolate` takes.  [default: reconstructed]"
)
@classes_option(
    "Classes to try by name or number, for a class-conditional generator; the nearest is kept.  [default: all]"
)
@seed_option
@best_option
@device_option
@json_option
def command(
    checkpoint: Path,
    inputs: tuple[str, ...],
    steps: int | None,
    output: Path | None,
    classes: list[str] | None,
    seed: int,
    best: bool,
    device: str,
    as_json: bool,
) -> None:
    """Find the latent vectors of pictures, and draw the pictures again from them.

    The model's encoder gives the vectors, if it has one (bigan, vaegan). Otherwise they are found by gradient descent
    from the nearest samples, for the smallest distance in pixels and features. With an encoder and --steps, the descent
    begins at the encoder's vectors.

    INPUT is a picture, a folder, a .zip or .tar of pictures, an npz, or a pattern such as 'photos/*.jpg'. Pictures are
    resized as the training images were.

    The error has two baselines: the same pictures against the reconstructions of others, and the mean picture.

    Pictures that cannot be read are named and left out, and the exit code is then 3.

    \b
    ganctl reconstruct --checkpoint outputs/bigan mine/
    ganctl reconstruct --checkpoint outputs/quickstart one.png two.png --steps 500
    ganctl interpolate --checkpoint outputs/quickstart --latents reconstructed/latents.npz
    """
    from ganctl.cli._drawing import warn_skipped
    from ganctl.generation.given_pictures import check_read, find_pictures
    from ganctl.generation.loading import TrainedGenerator
    from ganctl.generation.reconstructing import FILE, FOLDER, MOST_SHOWN, NEW, PAIRS, Reconstructor, folder_for
    from ganctl.generation.sample_files import check_folder
    from ganctl.host.device import select_device
    from ganctl.host.files import shown
    from ganctl.host.terminal import Terminal
    from ganctl.images.class_names import listed

    select_device(device)
    trained = TrainedGenerator.load(checkpoint, best=best)
    warn_skipped(trained.problems)
    reconstructor = Reconstructor(trained, steps, classes, seed)
    given = find_pictures(inputs, reconstructor.reading)
    given.check()
    check_folder(output or FOLDER, new=NEW)
    track = Terminal(quiet=as_json).track
    prepared = reconstructor.prepare(given, track)
    if not prepared.images:
        check_read(prepared.failed, 0, "None was reconstructed")
    done = reconstructor.of(prepared.pictures, prepared.images, track)
    folder = folder_for(output)
    done.write(folder)
    if as_json:
        show_json(
            {
                "output": str(folder),
                **done.as_json(),
                "failed": prepared.failed,
                "skipped": prepared.skipped,
            }
        )
    else:
        show(done)
        if done.classes:
            show(f"classes: {listed(done.classes, trained.drawn_names)}")
        first = f" (the first {MOST_SHOWN})" if len(done.names) > MOST_SHOWN else ""
        show(f"{folder / PAIRS}{first}, and {folder / FILE} for --latents of sample and interpolate")
        if prepared.skipped:
            show(f"{prepared.skipped:,} file{'s' * (prepared.skipped > 1)} without a picture skipped")
    check_read(prepared.failed, len(prepared.images), f"The others are in {shown(folder)}")
