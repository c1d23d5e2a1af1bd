"""`ganctl directions`."""

from pathlib import Path

import click

from ganctl.cli._options import (
    PATH,
    ClassList,
    best_option,
    classes_option,
    device_option,
    json_option,
    output_option,
    seed_option,
    strength_option,
)
from ganctl.cli._printing import show, show_json


@click.command()
@click.argument("run", metavar="RUN|CHECKPOINT", type=PATH)
@click.option(
    "--method",
    type=click.Choice(["sefa", "ganspace"]),
    default="sefa",
    show_default=True,
    help="sefa: eigenvectors of the first layer's weights. ganspace: principal components of the first features of "
    "10,000 samples.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="Find at most this many directions; --between adds others.",
)
@click.option(
    "--between",
    type=ClassList(),
    multiple=True,
    metavar="A,B",
    help="Add the direction from class A to class B, by name or number; may be repeated. For generators that take no "
    "classes but were trained on labelled images.",
)
@strength_option
@seed_option
@click.option("--samples", type=click.IntRange(1, 64), default=4, show_default=True, help="Samples on each strip.")
@classes_option(
    "The class of each row of a strip, by name or number, from a class-conditional generator.  [default: all]"
)
@click.option(
    "--classifier/--no-classifier",
    default=True,
    show_default=True,
    help="For a generator without classes: train a classifier on the data set's labels, once, and say what the "
    "directions do to the classes.",
)
@output_option(
    "Folder of directions.npz, of a strip for each direction (direction-N.png) and of directions.png, all of them for "
    "one sample.  [default: the run's folder `directions`]"
)
@best_option
@json_option
@device_option
def command(
    run: Path,
    method: str,
    count: int,
    between: tuple[list[str], ...],
    strength: float | None,
    seed: int,
    samples: int,
    classes: list[str] | None,
    classifier: bool,
    output: Path | None,
    best: bool,
    as_json: bool,
    device: str,
) -> None:
    """Find directions in latent space along which the images change most, without labels, or from class to class.

    For each direction: how much the images change from end to end, also as a fraction of the difference between two
    unrelated samples; how much of that one class explains; and, with the classifier, the class that it leads to.

    \b
    ganctl directions outputs/quickstart
    ganctl directions outputs/quickstart --between sandal,sneaker
    ganctl directions outputs/quickstart --method ganspace --count 20
    ganctl interpolate --checkpoint outputs/quickstart --direction 3
    """
    from ganctl.cli._drawing import open_generator
    from ganctl.errors import UsageError
    from ganctl.generation.found_directions import STRENGTH, check_strips, find_directions, write_strips
    from ganctl.generation.walk_request import default_folder
    from ganctl.host.device import select_device
    from ganctl.host.terminal import Terminal

    pairs = []
    for pair in between:
        if len(pair) != 2:
            raise UsageError(f"--between takes two classes, A,B. Received: {','.join(pair)}")
        pairs.append((pair[0], pair[1]))
    select_device(device)
    terminal = Terminal(quiet=as_json)
    trained = open_generator(run, best=best)
    folder = output or default_folder(run)
    check_strips(trained, folder, classes)
    found = find_directions(
        trained,
        terminal.track,
        method=method,
        count=count,
        between=pairs,
        strength=STRENGTH if strength is None else strength,
        seed=seed,
        classifier=classifier,
    )
    where = write_strips(trained, found, folder, terminal.track, rows=samples, seed=seed, classes=classes)
    for note in found.notes:
        show(note, err=True)
    if as_json:
        show_json({"method": method, "step": found.step, "file": str(where), "directions": found.as_json()})
        return
    show(found)
    show(f"{found.count} of {trained.description}: {where}")
