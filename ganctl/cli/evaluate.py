"""`ganctl evaluate`."""

from pathlib import Path
from typing import Any

import click

from ganctl.cli._options import PATH, best_option, device_option, json_option, seed_option, value_range_option
from ganctl.cli._printing import show, show_json


@click.command()
@click.argument("what", metavar="RUN|CHECKPOINT|IMAGES", type=PATH)
@click.option(
    "--against",
    metavar="DATASET|RUN|IMAGES",
    help="The real images: a data set's name, a run's training images, an npz, a folder or an archive.  [default: the "
    "images that the run was trained on]",
)
@click.option("--num", type=click.IntRange(50, 50_000), default=10_000, show_default=True, help="Number of samples.")
@click.option(
    "--features",
    type=click.Choice(["auto", "lite0", "classifier", "inception"]),
    default="auto",
    show_default=True,
    help="Network whose features are compared: lite0 ships with ganctl; classifier is trained once, on the data set's "
    "labels; inception is the original FID network.",
)
@click.option("--inception-graph", type=PATH, help="Path of classify_image_graph_def.pb, if it is not in the cache.")
@seed_option
@best_option
@click.option(
    "--pairs",
    type=PATH,
    help="Write the samples nearest to real images to FILE.png.  [default: samples/nearest.png of the run]",
)
@value_range_option
@json_option
@device_option
def command(
    what: Path,
    against: str | None,
    num: int,
    features: str,
    inception_graph: Path | None,
    seed: int,
    best: bool,
    pairs: Path | None,
    value_range: Any,
    as_json: bool,
    device: str,
) -> None:
    """Score generated images: KID, FD, precision, recall and more, each with its floor, and the protocol.

    A floor is the score of real images against other real images. IMAGES is an npz with `images`, a folder or an
    archive. Scores are comparable only if the whole protocol is the same. --value-range applies to IMAGES on both
    sides; a run that was trained on more than 8 bits has its own range.

    Of a run that draws classes or has an encoder, also how well it knows them: class accuracy, CAS, reconstruction
    error and code accuracy.

    \b
    ganctl evaluate outputs/quickstart
    ganctl evaluate outputs/quickstart --num 2000 --json
    ganctl evaluate samples.npz --against fashion_mnist_mini
    """
    from ganctl.generation.image_scores import score_images
    from ganctl.host.terminal import Terminal

    terminal = Terminal(quiet=as_json)
    scores = score_images(
        what,
        terminal.track,
        against=against,
        num=num,
        features=features,
        inception_graph=inception_graph,
        seed=seed,
        best=best,
        pairs=pairs,
        device=device,
        value_range=value_range,
    )
    for note in scores.notes:
        show(note, err=True)
    if as_json:
        show_json({"what": str(what), **scores.as_json()})
        return
    for line in str(scores).splitlines():
        terminal.say(line)
