"""`ganctl sample`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganctl.cli._options import (
    ClassList,
    Code,
    best_option,
    checkpoint_option,
    classes_option,
    device_option,
    direction_option,
    latents_option,
    output_option,
    seed_option,
    truncation_option,
)
from ganctl.cli._printing import show

if TYPE_CHECKING:
    import numpy as np

    from ganctl.generation.codes import SetCodes
    from ganctl.generation.loading import TrainedGenerator
    from ganctl.generation.sample_files import Write


@click.command()
@checkpoint_option
@click.option(
    "--num",
    type=click.IntRange(min=1),
    help="Number of images, at most 10,000,000.  [default: 64, or one for each vector of --latents; with a sweep of "
    "--code, 90, or 9 for each vector]",
)
@seed_option
@classes_option(
    "Classes to draw by name or number, such as sneaker,'Ankle boot',3, from a class-conditional generator.  "
    "[default: all]"
)
@click.option(
    "--category",
    type=ClassList(),
    metavar="N",
    help="Categories to draw by number, such as 3 or 0,3, of a model that finds them itself, such as infogan.  "
    "[default: all]",
)
@click.option(
    "--code",
    "codes",
    type=Code(),
    multiple=True,
    metavar="N=VALUE|N=LOW..HIGH",
    help="Set code N of infogan to a value, or sweep it: a row of 9 images from LOW to HIGH with everything else "
    "fixed. May be repeated; a second sweep goes down the columns.",
)
@truncation_option
@latents_option
@click.option(
    "--values",
    is_flag=True,
    help="Write float32 values in the range of the training images instead of uint8, if these were not bytes. Needs "
    "--output FILE.npz.",
)
@output_option(
    "FILE.png (a grid with a column for each class, at most 20 side by side), FILE.npz (uint8 `images` [N, H, W, C], "
    "the classes as `labels` and `class_names`, codes that are set as `codes`) or a new folder (a PNG for each image, "
    "with its class and these codes in its name).  [default: samples-SEED.png, with what --category and --code set]"
)
@direction_option
@best_option
@device_option
def command(
    checkpoint: Path,
    num: int | None,
    seed: int,
    classes: list[str] | None,
    category: list[str] | None,
    codes: tuple[tuple[int, Any], ...],
    truncation: float | None,
    latents: Path | None,
    values: bool,
    output: Path | None,
    direction: str | None,
    best: bool,
    device: str,
) -> None:
    """Draw images from a trained generator.

    A model that makes pictures from pictures gets held-out images of its data set, or training images if none are held
    out. FILE.png then shows rows of inputs, outputs and, where it is known, the truth. For other pictures there is
    `ganctl translate`.

    \b
    ganctl sample --checkpoint outputs/quickstart
    ganctl sample --checkpoint outputs/quickstart --num 10000 --output samples.npz
    ganctl sample --checkpoint outputs/acgan_mnist --classes sneaker,"Ankle boot"
    ganctl sample --checkpoint outputs/quickstart --truncation 0.7
    ganctl sample --checkpoint outputs/quickstart --latents mine.npz
    ganctl sample --checkpoint outputs/infogan --code 0=-2..2 --category 3
    """
    from ganctl.cli._drawing import warn_skipped
    from ganctl.errors import UsageError
    from ganctl.generation.codes import SetCodes
    from ganctl.generation.drawing import check_count
    from ganctl.generation.latents import check_length, for_samples, read_latents
    from ganctl.generation.loading import TrainedGenerator
    from ganctl.generation.sample_files import writer_for
    from ganctl.host.device import select_device
    from ganctl.images.class_names import listed

    settings = SetCodes.of_options(codes)
    given = None
    if latents is not None:
        given = for_samples(read_latents(latents), num, truncation, str(latents), settings.of_each)
    num = num or settings.usual_count(None if given is None else len(given))
    check_count("--num", num)
    if classes is not None and category is not None:
        raise UsageError("--classes and --category exclude each other. Give one of them.")
    if values and (output is None or output.suffix.lower() != ".npz"):
        raise UsageError("--values needs --output FILE.npz.")
    select_device(device)
    of_category = f"-category{'+'.join(category)}" if category else ""
    path = output or Path(f"samples-{seed}{of_category}{settings.in_file_names}.png")
    write = writer_for(path, num)
    trained = TrainedGenerator.load(checkpoint, best=best, direction=direction)
    warn_skipped(trained.problems)
    _check_output(output, trained)
    if trained.sampler.takes:
        _refuse_options_of_noise(
            {
                "--classes": classes,
                "--category": category,
                "--code": codes or None,
                "--truncation": truncation,
                "--latents": latents,
                "--values": values or None,
            }
        )
        show(_from_images(trained, path, num, seed))
        return
    if given is not None:
        check_length(given, trained.network, str(latents))
    if category is not None:
        trained.check_finds_categories()
    drawn = trained.classes(classes if category is None else category)
    where = _from_noise(trained, write, settings, num, drawn, given, seed, truncation, values=values)
    show(f"{num:,} images of {trained.description}: {where}")
    if settings.given:
        show(f"codes: {settings.in_words}")
    rows = -(-num // settings.of_each)
    if drawn:
        more = f" (the first {rows} of {len(drawn)}; a larger --num draws more)" if rows < len(drawn) else ""
        show(f"classes: {listed(drawn[:rows], trained.drawn_names)}{more}")


def _check_output(output: Path | None, trained: "TrainedGenerator") -> None:
    """Raise UsageError if the output would replace the generator's training images."""
    from ganctl.errors import UsageError

    learned_from = trained.parts.experiment.dataset.path
    if output and learned_from and output.exists() and output.samefile(Path(learned_from).expanduser()):
        raise UsageError(f"--output {output} is what this generator learned from. Choose another file.")


def _refuse_options_of_noise(given: Mapping[str, Any]) -> None:
    """Raise UsageError if an option was given, by name, that a model which takes images has no use for."""
    from ganctl.errors import UsageError

    for option, value in given.items():
        if value is not None:
            raise UsageError(f"{option} is for models that draw from noise; this one takes images. Leave it out.")


def _from_noise(
    trained: "TrainedGenerator",
    write: "Write",
    settings: "SetCodes",
    num: int,
    classes: Sequence[int],
    given: "np.ndarray | None",
    seed: int,
    truncation: float | None,
    *,
    values: bool,
) -> Path:
    """Write what a model draws from noise; returns the path.

    Args:
        trained: the generator.
        write: writes the images.
        settings: the codes that are set.
        num: number of images.
        classes: the classes to draw in rotation; empty if the generator takes none.
        given: latent vectors [N, latent_size] to draw from instead of those of the seed.
        seed: of the latent vectors.
        truncation: as in `Key.latent`.
        values: write values in the range of the training images.
    """
    table, in_turn = None, classes
    if settings.given:
        samples = settings.samples(trained, num, classes, seed=seed, truncation=truncation, given=given)
        given, in_turn, table = samples.vectors, samples.classes, samples.table(trained.drawn_names)
    return write(
        trained.draw(num, seed, in_turn or None, truncation, values=values, latents=given),
        in_turn if settings.swept else classes,
        names=trained.drawn_names,
        alpha=trained.alpha and not values,
        codes=table,
    )


def _from_images(trained: "TrainedGenerator", path: Path, num: int, seed: int) -> str:
    """Write what a model makes of images of its data set; returns a line about it."""
    from ganctl.generation.sample_files import prepare_folder, writer_for
    from ganctl.generation.sample_inputs import SamplesOfInputs
    from ganctl.host.files import is_folder, writing
    from ganctl.host.terminal import Terminal

    samples = SamplesOfInputs.draw(trained, num, seed, Terminal(quiet=False).track)
    made = f"What {trained.description} makes of {samples.description}: {path}"
    if path.suffix.lower() == ".png" and not is_folder(path):
        prepare_folder(path.parent, new="")
        with writing(path):
            samples.write_grid(path)
        return f"{made}, rows of {', '.join(trained.sampler.rows)}"
    writer_for(path, len(samples.made))(iter([samples.made]), alpha=trained.alpha)
    return made
