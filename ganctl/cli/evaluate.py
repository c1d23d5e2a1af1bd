"""`ganctl evaluate`."""

import json
from pathlib import Path
from typing import Any

import click

from ganctl.cli._options import PATH, best_option, device_option, json_option, seed_option


@click.command()
@click.argument("what", metavar="RUN|CHECKPOINT|IMAGES", type=PATH)
@click.option(
    "--against",
    metavar="DATASET|RUN|IMAGES",
    help="The real images: a data set's name, a run's training images, an npz or a folder.  [default: the images that "
    "the run was trained on]",
)
@click.option("--num", type=click.IntRange(50, 50_000), default=10_000, show_default=True, help="How many samples.")
@click.option(
    "--features",
    type=click.Choice(["auto", "lite0", "classifier", "inception"]),
    default="auto",
    show_default=True,
    help="The network whose features are compared: lite0 ships with ganctl; classifier is trained on the data set's "
    "labels, once; inception is the graph of FID.",
)
@click.option(
    "--inception-graph",
    type=PATH,
    help="Where classify_image_graph_def.pb is, if not in the cache.",
)
@seed_option
@best_option
@click.option(
    "--pairs",
    type=PATH,
    help="FILE.png for the samples that are nearest to real images.  [default: samples/nearest.png of the run]",
)
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
    as_json: bool,
    device: str,
) -> None:
    """Score generated images: KID, FD, precision, recall and more, each beside its floor, with the protocol.

    A floor is the score of real images against other real images.

    IMAGES is an npz with uint8 `images`, or a folder. Figures compare only where the whole protocol is the same.

    \b
    ganctl evaluate outputs/quickstart
    ganctl evaluate outputs/quickstart --num 2000 --json
    ganctl evaluate samples.npz --against fashion_mnist_mini
    """
    from ganctl.errors import UsageError
    from ganctl.evaluation.features import extractor_for
    from ganctl.evaluation.pairs import nearest_pairs
    from ganctl.evaluation.reference import Reference
    from ganctl.evaluation.scoring import copies, evaluate
    from ganctl.generation.image_sources import read_real_images, read_samples
    from ganctl.host.device import select_device
    from ganctl.host.terminal import Terminal
    from ganctl.images.draw import write_png

    if pairs is not None and (pairs.suffix.lower() != ".png" or not pairs.absolute().parent.is_dir()):
        raise UsageError(f"--pairs takes FILE.png in a folder that exists. Received: {pairs}")
    terminal = Terminal(quiet=as_json)
    select_device(device)
    samples = read_samples(what, num, seed, terminal.track, best=best)
    real = read_real_images(against, samples, terminal.track)
    extractor = extractor_for(features, real.images, inception_graph)
    reference = Reference.of(real.images, extractor, real.kind, real.held_out)
    found = evaluate(samples.images, reference)
    own = samples.run if against is None else None
    where = pairs or (own.nearest_pairs if own else None)
    near = found.neighbours
    if where is not None:
        try:
            write_png(where, nearest_pairs(samples.images, reference.images, near.nearest, near.distances))
        except OSError as error:  # the scores took long and are not lost for a picture
            click.echo(f"Warning: {where} cannot be written: {error.strerror or error}.", err=True)
            where = None
    for note in (*samples.notes, *real.notes):
        click.echo(note, err=True)
    if as_json:
        click.echo(json.dumps({"what": str(what), **found.values, "copies": copies(found.values)}, indent=2))
        return
    terminal.say(f"{samples.description}, against {len(reference):,} {real.description}")
    _show(terminal.say, found.values)
    if where is not None:
        terminal.say(f"nearest pairs   {where}")
    if copies(found.values):
        what_they_are = "training images: this generator copies" if against is None else "images of the reference"
        terminal.say(f"Many samples are nearly {what_they_are}. Look at the nearest pairs.")


def _show(say: Any, values: dict[str, Any]) -> None:
    from ganctl.run_folder.metrics_csv import FLOOR, METRICS, title

    say(f"{'':16}{'samples':>12}{'floor':>12}  better")
    for metric in METRICS:
        if metric.name in values:
            deviation = f"   ± {values['kid_std']:.2g} over subsets" if metric.name == "kid" else ""
            name = title(metric, values["features"])
            say(f"{name:16}{values[metric.name]:12.4g}{values[metric.name + FLOOR]:12.4g}  {metric.better}{deviation}")
    say(f"features        {values['features']}, weights {values['weights']}, {values['resize']}")
    say(
        f"protocol        {values['num']:,} samples against {values['reference_num']:,} {values['reference']}; "
        f"floor: {values['floor_num']:,} of them against the others"
    )
    if values["floor_num"] < values["num"]:
        say(
            "                fewer real images than samples for the floor: FD has a bias by number and does not compare"
        )
