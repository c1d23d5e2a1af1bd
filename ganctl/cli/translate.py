"""`ganctl translate`."""

from pathlib import Path

import click

from ganctl.cli._options import (
    best_option,
    checkpoint_option,
    device_option,
    direction_option,
    json_option,
    output_option,
)
from ganctl.cli._printing import show, show_json


@click.command()
@checkpoint_option
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@output_option(
    "A new folder (a PNG for each picture, under the same name), FILE.npz (uint8 `images` [N, H, W, C] of one shape, "
    "and their `names`), or FILE.png for a single picture.  [default: NAME-translated.png for a single picture, "
    "otherwise the folder translated]"
)
@direction_option
@click.option(
    "--tile",
    type=click.IntRange(min=16),
    metavar="PIXELS",
    help="Translate larger pictures in overlapping tiles of this side, to use less memory.  [default: whole pictures, "
    "as far as they fit into 2 GiB]",
)
@best_option
@device_option
@json_option
def command(
    checkpoint: Path,
    inputs: tuple[str, ...],
    output: Path | None,
    direction: str | None,
    tile: int | None,
    best: bool,
    device: str,
    as_json: bool,
) -> None:
    """Put pictures through a model that makes pictures from pictures.

    INPUT is a picture, a folder, a .zip or .tar of pictures, an npz, or a pattern such as 'photos/*.jpg'. Pictures may
    have any size. Transparency is kept.

    Pictures that cannot be read are named and left out, and the exit code is then 3. Of a folder or an archive, files
    that are not pictures are skipped. If two pictures have the same name, the second gets a number: photo-2.png.

    \b
    ganctl translate --checkpoint outputs/pix2pix photo.jpg
    ganctl translate --checkpoint outputs/pix2pix photos/ --output coloured
    ganctl translate --checkpoint outputs/cyclegan 'photos/*.jpg' --direction b_to_a --output out.npz
    """
    from ganctl.cli._drawing import warn_skipped
    from ganctl.generation.given_pictures import find_pictures
    from ganctl.generation.loading import TrainedGenerator
    from ganctl.generation.translating import Destination, translate_pictures
    from ganctl.generation.translator import Translator
    from ganctl.host.device import select_device
    from ganctl.host.terminal import Terminal

    select_device(device)
    trained = TrainedGenerator.load(checkpoint, best=best, direction=direction)
    warn_skipped(trained.problems)
    translator = Translator(trained, tile)
    given = find_pictures(inputs, translator.reading)
    given.check()
    destination = Destination(output, given)
    done = translate_pictures(translator, given, destination, Terminal(quiet=as_json).track)
    if as_json:
        show_json(
            {
                "output": str(done.where),
                "written": {origin: str(path) for origin, path in done.written.items()},
                "failed": done.failed,
                "skipped": done.skipped,
            }
        )
    elif done.written:
        count = len(done.written)
        others = f" ({done.skipped:,} file{'s' * (done.skipped > 1)} without a picture skipped)" if done.skipped else ""
        show(f"{count:,} picture{'s' * (count > 1)} by {trained.description}: {done.where}{others}")
    done.check()
