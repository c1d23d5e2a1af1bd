"""`ganctl pack`."""

import os
from pathlib import Path
from typing import Any

import click

from ganctl.cli._options import PATH, label_column_option, output_option, quiet_option, value_range_option

_OPTIONS = {
    f"dataset.{name}": f"--{name.replace('_', '-')}"
    for name in ("image_size", "channels", "resize", "value_range", "pages", "background", "labels", "label_column")
}


@click.command()
@click.argument("folder", type=PATH)
@output_option("FILE.zip to write; must not exist.  [required]", "-o")
@click.option(
    "--image-size",
    required=True,
    metavar="PIXELS|HEIGHTxWIDTH",
    help="Height and width of the images: one number for squares, or both, such as 64x96.",
)
@click.option(
    "--channels",
    type=click.Choice(["1", "3", "4"]),
    default="3",
    show_default=True,
    help="1: grey. 3: RGB. 4: RGB with transparency.",
)
@click.option(
    "--resize",
    type=click.Choice(["crop", "squash", "pad"]),
    default="crop",
    show_default=True,
    help="How to fit an image to that shape: crop the side that is too long, squash (distort) it, or pad with black.",
)
@value_range_option
@click.option(
    "--pages",
    type=click.Choice(["first", "each"]),
    default="first",
    show_default=True,
    help="Pages of a TIFF: use the first, or each as an image of its own.",
)
@click.option(
    "--background",
    metavar="COLOUR",
    default="white",
    show_default=True,
    help='Colour behind transparent pixels: a name such as black, or "#rrggbb".',
)
@click.option("--labels", help="File of labels, relative to FOLDER.  [default: as for `dataset.labels`]")
@label_column_option
@quiet_option
def command(folder: Path, output: Path | None, quiet: bool, image_size: str, channels: str, **keys: Any) -> None:
    """Write the images in FOLDER, as the networks would see them, to a StyleGAN archive.

    FOLDER may also be a zip archive. The images are read, resized and labelled as for the data set `image_folder`, and
    stored as PNGs with their labels and the names of the classes in `dataset.json`. Both ganctl
    (`dataset.path: FILE.zip`) and the programs of the StyleGAN family read the archive.

    \b
    ganctl pack photos -o photos.zip --image-size 64
    ganctl pack faces -o faces.zip --image-size 128x96 --channels 1 --resize pad
    """
    from ganctl.errors import UsageError
    from ganctl.images import stylegan_archive

    if output is None:
        raise UsageError("--output is missing. Name the archive to write: -o FILE.zip")
    path = Path(os.path.expanduser(output))
    stylegan_archive.check_output(path)

    from pydantic import ValidationError

    from ganctl.build.resolving import read_dataset
    from ganctl.experiment.keys_as_options import naming_options, with_options
    from ganctl.experiment.sections import DatasetSection
    from ganctl.host.terminal import Terminal

    terminal = Terminal(quiet=quiet)
    try:
        size = int(image_size) if image_size.isdecimal() else image_size
        section = DatasetSection(name="image_folder", path=str(folder), image_size=size, channels=int(channels), **keys)
    except ValidationError as error:
        first = error.errors()[0]
        what = first["msg"].removeprefix("Value error, ")
        option = _OPTIONS[f"dataset.{first['loc'][0]}"]
        raise UsageError(f"{option}: {what}. Received: {first['input']}") from None
    with naming_options(_OPTIONS):
        images = read_dataset(section, terminal.track)
    stylegan_archive.write(path, images, terminal.track)
    terminal.say(f"images      {images.describe()}")
    if images.num_classes:
        terminal.say(f"classes     {images.describe_classes()}")
    for note in images.notes:
        # Pages as channels are bands, which an archive of PNGs does not hold.
        told = with_options(note, _OPTIONS).replace("`--pages` to `each` or `channels`", "`--pages` to `each`")
        terminal.say(f"note        {told}")
    terminal.say(f"wrote       {path}")
